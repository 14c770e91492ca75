//! Texts of all lengths, of all bytes, and rows without one.

use core::fmt::Write as _;
use std::format;
use std::string::String;
use std::vec::Vec;

use super::*;

/// So many bytes of text, of one to four bytes a character.
fn text(bytes: usize) -> String {
    let mut text: String = "aZ9é{`@[zA€ß~𝄞".chars().cycle().take(bytes).collect();
    while text.len() > bytes {
        text.pop();
    }
    while text.len() < bytes {
        text.push('q');
    }
    text
}

#[test]
fn texts_of_every_length_are_copied() {
    let mut out = Text::default();
    let mut expected = String::new();
    for bytes in (0..100).chain([1_000, 5_000, 70_000]) {
        let text = text(bytes);
        assert_eq!(out.push_str(&text), text.as_str());
        expected += &text;
        assert_eq!(out.as_str(), expected);
    }
}

#[test]
fn only_letters_of_ascii_change_their_case() {
    let all: String = (0..=0x17f).filter_map(char::from_u32).collect();
    for bytes in 0..100 {
        let (mut upper, mut lower) = (Text::default(), Text::default());
        for text in [text(bytes).as_str(), &all] {
            upper.push_ascii_uppercase(text);
            lower.push_ascii_lowercase(text);
        }
        let both = text(bytes) + &all;
        assert_eq!(upper.as_str(), both.to_ascii_uppercase());
        assert_eq!(lower.as_str(), both.to_ascii_lowercase());
    }
}

#[test]
fn it_is_written_to_as_a_string_is() {
    let mut out = Text::default();
    write!(out, "{:>4}|{:?}", 7, "é").expect("there is room");
    out.push('𝄞');
    out.extend(['a', 'ß']);
    out.extend(["", "bc"]);
    out.push_str("wörd").make_ascii_uppercase();
    assert_eq!(out.as_str(), "   7|\"é\"𝄞aßbcWöRD");
    assert_eq!(format!("{out:?}"), format!("{:?}", out.as_str()));
    out.clear();
    assert_eq!(out.as_str(), "");
}

#[test]
fn a_row_that_is_null_or_fails_leaves_nothing() {
    let mut out = Text::default();
    let mut ends = Vec::new();
    for row in 0..6 {
        let written = write_row(&mut out, |out| {
            write!(out, "row {row}").map_err(|_| "no room")?;
            assert_eq!(out.as_str(), format!("row {row}"));
            match row {
                1 => Ok(None),
                2 => Err("two"),
                _ => Ok(Some(())),
            }
        });
        ends.push(written.map(|written| written.map(|written| written.0)));
    }
    let failed = Err(String::from("two"));
    assert_eq!(
        ends,
        [Ok(Some(5)), Ok(None), failed, Ok(Some(10)), Ok(Some(15)), Ok(Some(20))]
    );
    assert_eq!(
        write_row(&mut out, |_| ()).map(|written| written.map(|written| written.0)),
        Ok(Some(20))
    );
    assert_eq!(write_row(&mut out, |_| None).map(|written| written.is_none()), Ok(true));
    assert_eq!(out.place().1, 20);
}
