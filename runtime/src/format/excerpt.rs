//! The part of a value that an error shows.

use std::fmt::Write as _;

/// Characters of a value that an error shows.
const EXCERPT_CHARS_MAX: usize = 40;

/// The start of `text`, for people: printable, and cut where it is long.
#[cold]
pub(super) fn excerpt(text: &[u8]) -> String {
    // Enough bytes for the characters that are shown; a character that is cut here is not among them.
    let text = String::from_utf8_lossy(&text[..text.len().min(4 * EXCERPT_CHARS_MAX + 4)]);
    let mut chars = text.chars();
    let mut out = String::new();
    for c in chars.by_ref().take(EXCERPT_CHARS_MAX) {
        if c.is_control() {
            write!(out, "{}", c.escape_default()).expect("a String takes all text");
        } else {
            out.push(c);
        }
    }
    if chars.next().is_some() {
        out.push_str("...");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excerpts_are_short_and_printable() {
        let long = "ä".repeat(100);
        assert_eq!(excerpt(long.as_bytes()), "ä".repeat(EXCERPT_CHARS_MAX) + "...");
        assert_eq!(excerpt(b"a\nb\x1b"), "a\\nb\\u{1b}");
        assert_eq!(excerpt(b"\xFF"), "\u{FFFD}");
    }
}
