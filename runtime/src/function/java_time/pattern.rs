//! Pattern letters to a list of items, as `java.time.format.DateTimeFormatterBuilder.appendPattern` reads them.
//!
//! Also here: how a variable-width number leaves room for the fixed-width numbers that follow it without a separator
//! (`yyyyMMdd`).

use super::field::Field;
use super::text::TextStyle;

/// Where a pattern is wrong and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid date/time pattern '{pattern}': {reason}")]
pub struct PatternError {
    /// The whole pattern.
    pub pattern: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Which signs a number may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// A minus where it is negative; a plus is not read.
    Normal,
    /// As `Normal`, with a plus where the number is wider than its smallest width.
    ExceedsPad,
    /// None at all.
    Never,
}

/// What follows a number without a separator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// The number takes as many digits as it can.
    Free,
    /// It has exactly its width, because a neighbour depends on it.
    Fixed,
    /// It leaves this many digits to the fixed-width numbers after it.
    Leaves(usize),
}

/// A number in digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Number {
    pub(super) field: Field,
    pub(super) min_width: usize,
    pub(super) max_width: usize,
    pub(super) sign: Sign,
    pub(super) room: Room,
    /// Two digits that mean a year from 2000 to 2099.
    pub(super) reduced: bool,
    /// Digits after a decimal point: tenths, hundredths, ...
    pub(super) fraction: bool,
}

impl Number {
    fn has_one_width(&self) -> bool {
        self.min_width == self.max_width && self.sign == Sign::Never
    }
}

/// How an offset is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OffsetForm {
    pub(super) colon: bool,
    pub(super) minutes: Presence,
    pub(super) seconds: Presence,
    /// What stands for no offset at all.
    pub(super) zero: &'static str,
}

/// Whether a part of an offset is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Always,
    NonZero,
    Never,
}

/// One piece of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    Literal(String),
    Number(Number),
    Text { field: Field, style: TextStyle },
    Offset(OffsetForm),
    LocalizedOffset { full: bool },
    ZoneId,
    ZoneName { full: bool, generic: bool },
    Padded { item: Box<Item>, width: usize },
    Optional(Vec<Item>),
}

/// Reads a pattern.
pub(super) fn parse(pattern: &str) -> Result<Vec<Item>, PatternError> {
    let fail = |reason: String| PatternError {
        pattern: pattern.to_owned(),
        reason,
    };
    let chars: Vec<char> = pattern.chars().collect();
    let mut stack: Vec<Section> = vec![Section::default()];
    let mut pos = 0;
    while pos < chars.len() {
        let current = chars[pos];
        let section = stack.last_mut().expect("the outermost section is never popped");
        match current {
            'A'..='Z' | 'a'..='z' => {
                let (mut letter, mut count) = run(&chars, pos);
                pos += count;
                let mut pad = None;
                if letter == 'p' {
                    match chars.get(pos) {
                        Some(next) if next.is_ascii_alphabetic() => {
                            pad = Some(count);
                            (letter, count) = run(&chars, pos);
                            pos += count;
                        }
                        _ => {
                            return Err(fail(
                                "pad letter 'p' must be followed by the letters that it pads".into(),
                            ));
                        }
                    }
                }
                let item = letters(letter, count).map_err(fail)?;
                match pad {
                    Some(width) => section.push(Item::Padded {
                        item: Box::new(item),
                        width,
                    }),
                    None => section.push(item),
                }
                continue;
            }
            '\'' => {
                let (text, next) = quoted(&chars, pos).ok_or_else(|| fail("a quote is not closed".into()))?;
                section.push(Item::Literal(text));
                pos = next;
                continue;
            }
            '[' => stack.push(Section::default()),
            ']' => {
                if stack.len() == 1 {
                    return Err(fail("']' without '['".into()));
                }
                let inner = stack.pop().expect("checked above");
                let outer = stack.last_mut().expect("the outermost section is never popped");
                outer.push(Item::Optional(inner.items));
            }
            '{' | '}' | '#' => return Err(fail(format!("'{current}' is reserved: put it in single quotes"))),
            other => section.push(Item::Literal(other.to_string())),
        }
        pos += 1;
    }
    // Java closes sections that are still open.
    while stack.len() > 1 {
        let inner = stack.pop().expect("checked above");
        let outer = stack.last_mut().expect("the outermost section is never popped");
        outer.push(Item::Optional(inner.items));
    }
    Ok(stack.pop().expect("the outermost section is never popped").items)
}

/// The items of one optional section, and the number that later fixed-width numbers adjust.
#[derive(Debug, Default)]
struct Section {
    items: Vec<Item>,
    open_number: Option<usize>,
}

impl Section {
    fn push(&mut self, item: Item) {
        let Item::Number(mut number) = item else {
            self.items.push(item);
            self.open_number = None;
            return;
        };
        if let Some(index) = self.open_number {
            let Item::Number(base) = &mut self.items[index] else {
                unreachable!("open_number points at a number");
            };
            if number.has_one_width() {
                base.room = match base.room {
                    Room::Leaves(width) => Room::Leaves(width + number.max_width),
                    Room::Free | Room::Fixed => Room::Leaves(number.max_width),
                };
                number.room = Room::Fixed;
                self.items.push(Item::Number(number));
                return;
            }
            base.room = Room::Fixed;
        }
        self.open_number = Some(self.items.len());
        self.items.push(Item::Number(number));
    }
}

fn run(chars: &[char], start: usize) -> (char, usize) {
    let letter = chars[start];
    let count = chars[start..].iter().take_while(|c| **c == letter).count();
    (letter, count)
}

/// The text of a quoted literal that starts at `start`, and where it ends. Two quotes stand for one.
fn quoted(chars: &[char], start: usize) -> Option<(String, usize)> {
    let mut text = String::new();
    let mut pos = start + 1;
    loop {
        match chars.get(pos)? {
            '\'' if chars.get(pos + 1) == Some(&'\'') => {
                text.push('\'');
                pos += 2;
            }
            '\'' => break,
            other => {
                text.push(*other);
                pos += 1;
            }
        }
    }
    // A pair of quotes outside of a literal is a quote.
    if text.is_empty() {
        text.push('\'');
    }
    Some((text, pos + 1))
}

fn number(field: Field, min_width: usize, max_width: usize, sign: Sign) -> Item {
    Item::Number(Number {
        field,
        min_width,
        max_width,
        sign,
        room: Room::Free,
        reduced: false,
        fraction: false,
    })
}

fn year(field: Field, count: usize) -> Item {
    match count {
        2 => Item::Number(Number {
            field,
            min_width: 2,
            max_width: 2,
            sign: Sign::Never,
            room: Room::Free,
            reduced: true,
            fraction: false,
        }),
        1..4 => number(field, count, 19, Sign::Normal),
        _ => number(field, count, 19, Sign::ExceedsPad),
    }
}

/// `1`: as many digits as needed; `2`: exactly two; more is an error.
fn one_or_two(letter: char, field: Field, count: usize) -> Result<Item, String> {
    match count {
        1 => Ok(number(field, 1, 19, Sign::Normal)),
        2 => Ok(number(field, 2, 2, Sign::Never)),
        _ => Err(format!("too many letters '{letter}'")),
    }
}

/// Digits up to two letters, a name from three on.
fn digits_or_text(letter: char, field: Field, count: usize) -> Result<Item, String> {
    match count {
        1 | 2 => one_or_two(letter, field, count),
        _ => text(letter, field, count - 2),
    }
}

/// 1: short, 2: full, 3: narrow.
fn text(letter: char, field: Field, size: usize) -> Result<Item, String> {
    let style = match size {
        1 => TextStyle::Short,
        2 => TextStyle::Full,
        3 => TextStyle::Narrow,
        _ => return Err(format!("too many letters '{letter}'")),
    };
    Ok(Item::Text { field, style })
}

fn letters(letter: char, count: usize) -> Result<Item, String> {
    let too_many = || Err(format!("too many letters '{letter}'"));
    match letter {
        'u' => Ok(year(Field::Year, count)),
        'y' => Ok(year(Field::YearOfEra, count)),
        'Y' => Ok(year(Field::WeekYear, count)),
        'M' | 'L' => digits_or_text(letter, Field::MonthOfYear, count),
        'Q' | 'q' => digits_or_text(letter, Field::QuarterOfYear, count),
        'E' => text(letter, Field::DayOfWeek, count.max(3) - 2),
        'e' => digits_or_text(letter, Field::LocalDayOfWeek, count),
        'c' => match count {
            1 => Ok(number(Field::LocalDayOfWeek, 1, 19, Sign::Normal)),
            2 => Err("'cc' is not allowed".into()),
            _ => text(letter, Field::LocalDayOfWeek, count - 2),
        },
        'G' => text(letter, Field::Era, count.max(3) - 2),
        'a' if count == 1 => text(letter, Field::AmPmOfDay, 1),
        'd' => one_or_two(letter, Field::DayOfMonth, count),
        'h' => one_or_two(letter, Field::ClockHourOfAmPm, count),
        'H' => one_or_two(letter, Field::HourOfDay, count),
        'k' => one_or_two(letter, Field::ClockHourOfDay, count),
        'K' => one_or_two(letter, Field::HourOfAmPm, count),
        'm' => one_or_two(letter, Field::MinuteOfHour, count),
        's' => one_or_two(letter, Field::SecondOfMinute, count),
        'w' => one_or_two(letter, Field::WeekOfWeekYear, count),
        'W' if count == 1 => Ok(number(Field::WeekOfMonth, 1, 19, Sign::Normal)),
        'F' if count == 1 => Ok(number(Field::AlignedDayOfWeekInMonth, 1, 19, Sign::Normal)),
        'D' => match count {
            1 => Ok(number(Field::DayOfYear, 1, 19, Sign::Normal)),
            2 | 3 => Ok(number(Field::DayOfYear, count, 3, Sign::Never)),
            _ => too_many(),
        },
        'g' => Ok(number(Field::ModifiedJulianDay, count, 19, Sign::Normal)),
        'A' => Ok(number(Field::MilliOfDay, count, 19, Sign::Never)),
        'n' => Ok(number(Field::NanoOfSecond, count, 19, Sign::Never)),
        'N' => Ok(number(Field::NanoOfDay, count, 19, Sign::Never)),
        'S' if count <= 9 => Ok(Item::Number(Number {
            field: Field::NanoOfSecond,
            min_width: count,
            max_width: count,
            sign: Sign::Never,
            room: Room::Free,
            reduced: false,
            fraction: true,
        })),
        'V' if count == 2 => Ok(Item::ZoneId),
        'V' => Err("'V' must be written twice".into()),
        'v' | 'z' if count == 4 || (count <= 3 && letter == 'z') || count == 1 => Ok(Item::ZoneName {
            full: count == 4,
            generic: letter == 'v',
        }),
        'v' => Err("'v' must be written once or four times".into()),
        'O' if count == 1 || count == 4 => Ok(Item::LocalizedOffset { full: count == 4 }),
        'O' => Err("'O' must be written once or four times".into()),
        'Z' | 'X' | 'x' => offset(letter, count),
        'W' | 'F' | 'S' | 'a' | 'z' => too_many(),
        _ => Err(format!("unknown letter '{letter}': put text in single quotes")),
    }
}

fn offset(letter: char, count: usize) -> Result<Item, String> {
    use Presence::{Always, Never, NonZero};
    let zero = match (letter, count) {
        ('X', _) | ('Z', 5) => "Z",
        ('x', 1) => "+00",
        ('x', 3 | 5) => "+00:00",
        _ => "+0000",
    };
    let (colon, minutes, seconds) = match (letter, count) {
        ('Z', 1..=3) | ('X' | 'x', 2) => (false, Always, Never),
        ('Z', 4) => return Ok(Item::LocalizedOffset { full: true }),
        ('Z' | 'X' | 'x', 5) => (true, Always, NonZero),
        ('X' | 'x', 1) => (false, NonZero, Never),
        ('X' | 'x', 3) => (true, Always, Never),
        ('X' | 'x', 4) => (false, Always, NonZero),
        _ => return Err(format!("too many letters '{letter}'")),
    };
    Ok(Item::Offset(OffsetForm {
        colon,
        minutes,
        seconds,
        zero,
    }))
}
