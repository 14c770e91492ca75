//! MASK and its variants: letters, digits and all else replaced, each kind by a character of its own.

use std::sync::LazyLock;

use datafusion::arrow::array::ArrayRef;
use datafusion::error::Result;
use regex::Regex;

use super::utf16;
use crate::function::column::Call;
use crate::function::definition::{Definition, define};
use crate::function::row_error::Fault;

pub(super) fn functions() -> Vec<Definition> {
    const PLAIN: &str = "(STRING, INT) -> STRING";
    const FULL: &str = "(STRING, INT, STRING, STRING, STRING, STRING) -> STRING";
    vec![
        define(
            "mask",
            "letters as X and x, digits as n, all else as -; or as the characters given, where NULL keeps",
        )
        .on("(STRING) -> STRING", |c| masked(c, Shape::All, None))
        .on("(STRING, STRING, STRING, STRING, STRING) -> STRING", |c| {
            masked(c, Shape::All, Some(1))
        }),
        define(
            "mask_left",
            "as MASK, only the first characters: MASK_LEFT(text, count)",
        )
        .on(PLAIN, |c| masked(c, Shape::Left, None))
        .on(FULL, |c| masked(c, Shape::Left, Some(2))),
        define(
            "mask_right",
            "as MASK, only the last characters: MASK_RIGHT(text, count)",
        )
        .on(PLAIN, |c| masked(c, Shape::Right, None))
        .on(FULL, |c| masked(c, Shape::Right, Some(2))),
        define(
            "mask_keep_left",
            "as MASK, all but the first characters: MASK_KEEP_LEFT(text, count)",
        )
        .on(PLAIN, |c| masked(c, Shape::KeepLeft, None))
        .on(FULL, |c| masked(c, Shape::KeepLeft, Some(2))),
        define(
            "mask_keep_right",
            "as MASK, all but the last characters: MASK_KEEP_RIGHT(text, count)",
        )
        .on(PLAIN, |c| masked(c, Shape::KeepRight, None))
        .on(FULL, |c| masked(c, Shape::KeepRight, Some(2))),
    ]
}

/// Which part is masked; the second argument counts its characters, or those that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    All,
    Left,
    Right,
    KeepLeft,
    KeepRight,
}

impl Shape {
    /// The masked part of a text of `length` UTF-16 units.
    fn range(self, count: usize, length: usize) -> (usize, usize) {
        let from_right = length.saturating_sub(count);
        match self {
            Self::All => (0, length),
            Self::Left => (0, count.min(length)),
            Self::Right => (from_right, length),
            Self::KeepLeft => (count.min(length), length),
            Self::KeepRight => (0, from_right),
        }
    }
}

/// The character for each kind; `None` keeps what stands there.
#[derive(Debug, Clone, Copy)]
struct Masks {
    upper: Option<char>,
    lower: Option<char>,
    digit: Option<char>,
    other: Option<char>,
}

/// `masks_at` is where the four mask arguments start, if they are given.
fn masked(call: &Call<'_>, shape: Shape, masks_at: Option<usize>) -> Result<ArrayRef> {
    let text = call.reader::<&str>(0);
    let count = (shape != Shape::All).then(|| call.reader::<i32>(1));
    let given = masks_at.map(|at| [0, 1, 2, 3].map(|offset| call.reader::<&str>(at + offset)));
    call.collect_text(|row, out| {
        let Some(text) = text.get(row) else {
            return Ok(None);
        };
        let count = match &count {
            None => 0,
            Some(reader) => match reader.get(row) {
                None => return Ok(None),
                Some(count) => {
                    usize::try_from(count).map_err(|_| Fault::from("the number of characters must not be negative"))?
                }
            },
        };
        let masks = match &given {
            None => Masks {
                upper: Some('X'),
                lower: Some('x'),
                digit: Some('n'),
                other: Some('-'),
            },
            Some([upper, lower, digit, other]) => Masks {
                upper: mask_character(upper.get(row))?,
                lower: mask_character(lower.get(row))?,
                digit: mask_character(digit.get(row))?,
                other: mask_character(other.get(row))?,
            },
        };
        let length = utf16::length(text);
        let (start, end) = shape.range(count, length);
        utf16::push_range(text, 0, start, out);
        let mut part = String::new();
        utf16::push_range(text, start, end, &mut part);
        part.chars().for_each(|c| masks.push(c, out));
        utf16::push_range(text, end, length, out);
        Ok(Some(()))
    })
}

fn mask_character(mask: Option<&str>) -> Result<Option<char>, Fault> {
    let Some(mask) = mask else {
        return Ok(None);
    };
    let mut chars = mask.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) => Ok(Some(c)),
        _ => Err(format!("a mask is one character, not '{mask}'").into()),
    }
}

impl Masks {
    fn push(self, c: char, out: &mut String) {
        let mask = if c.is_uppercase() {
            self.upper
        } else if c.is_lowercase() {
            self.lower
        } else if is_decimal_digit(c) {
            self.digit
        } else {
            self.other
        };
        out.push(mask.unwrap_or(c));
        // Java masks by UTF-16 units and meets the second half of such a character once more.
        if c.len_utf16() == 2 {
            out.push(self.other.unwrap_or('?'));
        }
    }
}

fn is_decimal_digit(c: char) -> bool {
    static DIGIT: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^\p{Nd}").expect("the pattern is part of the program"));
    c.is_ascii_digit() || (c.is_numeric() && DIGIT.is_match(c.encode_utf8(&mut [0; 4])))
}
