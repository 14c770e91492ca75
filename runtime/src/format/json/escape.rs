//! JSON string escapes, both ways: what a `\uXXXX` stands for, and which characters are written as one (as Jackson does).

use super::scan::{string_stop, string_stop_before};
use crate::format::append::append;

/// Appends the text of a string whose inside is `raw`, escapes resolved. `raw` has been checked: its escapes are whole.
/// Half of a surrogate pair stands for no character and becomes U+FFFD.
pub(super) fn unescape(raw: &[u8], out: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let escape = &rest[at + 1..];
        let mut length = 1;
        match escape[0] {
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => {
                let (character, used) = unescape_unicode(escape);
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                length = used;
            }
            itself => out.push(itself),
        }
        rest = &escape[length..];
    }
    out.extend_from_slice(rest);
}

/// The character of `uXXXX`, or of `uXXXX\uXXXX` for a pair, and how many bytes it took.
fn unescape_unicode(escape: &[u8]) -> (char, usize) {
    let first = code_unit(escape).unwrap_or(0xFFFD);
    if (0xD800..0xDC00).contains(&first)
        && escape.get(5) == Some(&b'\\')
        && let Some(second @ 0xDC00..0xE000) = code_unit(&escape[6..])
    {
        let point = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
        return (char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER), 11);
    }
    (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), 5)
}

/// The number behind a `u`.
fn code_unit(escape: &[u8]) -> Option<u32> {
    let digits = escape.strip_prefix(b"u")?.get(..4)?;
    digits
        .iter()
        .try_fold(0, |unit, digit| Some(unit << 4 | (*digit as char).to_digit(16)?))
}

/// Appends `text` as a JSON string, quotes included. Only quotes, backslashes and control characters are escaped.
pub(super) fn write_string(text: &[u8], out: &mut Vec<u8>) {
    write_string_range(text, 0, text.len(), out);
}

/// Appends `source[start..end]` as a JSON string. Where `source` goes on behind it, the scan needs no exact end.
#[inline]
pub(super) fn write_string_range(source: &[u8], start: usize, end: usize, out: &mut Vec<u8>) {
    out.push(b'"');
    if string_stop_before(source, start, end) >= end {
        append(out, source, start, end);
    } else {
        write_escaped(&source[start..end], out);
    }
    out.push(b'"');
}

fn write_escaped(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    loop {
        let stop = string_stop(rest, 0).min(rest.len());
        out.extend_from_slice(&rest[..stop]);
        let Some(byte) = rest.get(stop) else { return };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            8 => out.extend_from_slice(b"\\b"),
            12 => out.extend_from_slice(b"\\f"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            control => {
                let hex = b"0123456789ABCDEF";
                out.extend_from_slice(b"\\u00");
                out.push(hex[usize::from(control >> 4)]);
                out.push(hex[usize::from(control & 15)]);
            }
        }
        rest = &rest[stop + 1..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unescaped(raw: &str) -> String {
        let mut out = Vec::new();
        unescape(raw.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        write_string(text.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn escapes_stand_for_characters() {
        assert_eq!(unescaped(r#"a\"\\\/\b\f\n\r\tz"#), "a\"\\/\u{8}\u{c}\n\r\tz");
        assert_eq!(unescaped("\\u00e9\\u20AC\\u0000"), "é€\0");
        assert_eq!(unescaped("\\ud83d\\ude00!"), "😀!");
        assert_eq!(unescaped("no escape é"), "no escape é");
    }

    #[test]
    fn half_a_pair_is_no_character() {
        assert_eq!(unescaped("\\ud83d"), "\u{FFFD}");
        assert_eq!(unescaped("\\ude00x"), "\u{FFFD}x");
        assert_eq!(unescaped("\\ud83d\\n"), "\u{FFFD}\n");
        assert_eq!(unescaped("\\ud83d\\u0041"), "\u{FFFD}A");
        assert_eq!(unescaped("\\ud83d\\ud83d\\ude00"), "\u{FFFD}😀");
    }

    #[test]
    fn only_what_must_be_is_escaped() {
        assert_eq!(written("a/é€😀\u{7f}"), "\"a/é€😀\u{7f}\"");
        assert_eq!(
            written("\"\\\u{8}\u{c}\n\r\t\u{1}\u{1f}"),
            r#""\"\\\b\f\n\r\t\u0001\u001F""#
        );
        assert_eq!(written(""), "\"\"");
        assert_eq!(written("twelve chars\"and more"), "\"twelve chars\\\"and more\"");
    }

    #[test]
    fn what_is_written_reads_back() {
        let text: String = (0..0x300).filter_map(char::from_u32).collect();
        let quoted = written(&text);
        assert_eq!(unescaped(&quoted[1..quoted.len() - 1]), text);
    }

    #[test]
    fn a_range_ends_where_it_ends() {
        let mut out = Vec::new();
        write_string_range(b"abcd\"ef", 1, 3, &mut out);
        assert_eq!(out, b"\"bc\"");
    }
}
