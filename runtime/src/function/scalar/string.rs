//! Functions of text.

use datafusion::arrow::array::ArrayRef;
use datafusion::error::Result;

use super::utf16;
use crate::function::column::{Call, ListOf, TextMap, rows1, rows2, rows3, text1, text2, text3};
use crate::function::definition::{Definition, define};

pub(super) fn functions() -> Vec<Definition> {
    let mut all = of_one_text();
    all.extend(of_parts());
    all.extend(of_codes());
    all
}

/// Functions of one text as a whole.
fn of_one_text() -> Vec<Definition> {
    vec![
        define("len", "the length of a text in UTF-16 units, or of bytes")
            .on("(STRING) -> INT", |c| rows1(c, |s: &str| Some(int(utf16::length(s)))))
            .on("(BYTES) -> INT", |c| rows1(c, |b: &[u8]| Some(int(b.len())))),
        define("ucase", "the text in upper case").on("(STRING) -> STRING", |c| {
            text1(c, |s: &str, out| {
                out.extend(s.chars().flat_map(char::to_uppercase));
                Some(())
            })
        }),
        define("lcase", "the text in lower case").on("(STRING) -> STRING", |c| {
            text1(c, |s: &str, out| {
                out.push_str(&s.to_lowercase());
                Some(())
            })
        }),
        define("trim", "the text without spaces and control characters at its ends").on("(STRING) -> STRING", |c| {
            text1(c, |s: &str, out| {
                out.push_str(s.trim_matches(|c: char| c <= ' '));
                Some(())
            })
        }),
        define(
            "initcap",
            "the first letter of each word in upper case, all others in lower case",
        )
        .on("(STRING) -> STRING", |c| text1(c, initcap)),
        define(
            "replace",
            "the text with every occurrence of a text replaced: REPLACE(text, old, new)",
        )
        .on("(STRING, STRING, STRING) -> STRING", |c| {
            text3(c, |s: &str, old: &str, new: &str, out| {
                out.push_str(&s.replace(old, new));
                Some(())
            })
        }),
        define(
            "instr",
            "where a text first stands in another, from 1, or 0: INSTR(text, part, position, occurrence)",
        )
        .on("(STRING, STRING) -> INT", |c| instr(c, |_| Some((1, 1))))
        .on("(STRING, STRING, INT) -> INT", |c| {
            let position = c.reader::<i32>(2);
            instr(c, move |row| Some((position.get(row)?, 1)))
        })
        .on("(STRING, STRING, INT, INT) -> INT", |c| {
            let (position, occurrence) = (c.reader::<i32>(2), c.reader::<i32>(3));
            instr(c, move |row| Some((position.get(row)?, occurrence.get(row)?)))
        }),
    ]
}

/// Functions that put texts together, split them or choose among them.
#[expect(clippy::too_many_lines, reason = "a table")]
fn of_parts() -> Vec<Definition> {
    vec![
        define("concat", "the texts, or bytes, one after the other; NULL is left out")
            .on("(STRING...) -> STRING", |c| {
                let parts: Vec<_> = (0..c.args.len()).map(|i| c.reader::<&str>(i)).collect();
                c.collect_text(|row, out| {
                    out.extend(parts.iter().filter_map(|part| part.get(row)));
                    Some(())
                })
            })
            .on("(BYTES...) -> BYTES", |c| {
                let parts: Vec<_> = (0..c.args.len()).map(|i| c.reader::<&[u8]>(i)).collect();
                c.collect(|row| {
                    let found = parts.iter().filter_map(|part| part.get(row));
                    Some(found.collect::<Vec<_>>().concat())
                })
            }),
        define(
            "concat_ws",
            "the texts, or bytes, with a separator between them: CONCAT_WS(separator, text, ...)",
        )
        .on("(STRING, STRING, STRING...) -> STRING", |c| {
            let separator = c.reader::<&str>(0);
            let parts: Vec<_> = (1..c.args.len()).map(|i| c.reader::<&str>(i)).collect();
            c.collect_text(|row, out| {
                let separator = separator.get(row)?;
                for (index, part) in parts.iter().filter_map(|part| part.get(row)).enumerate() {
                    out.push_str(if index > 0 { separator } else { "" });
                    out.push_str(part);
                }
                Some(())
            })
        })
        .on("(BYTES, BYTES, BYTES...) -> BYTES", |c| {
            let separator = c.reader::<&[u8]>(0);
            let parts: Vec<_> = (1..c.args.len()).map(|i| c.reader::<&[u8]>(i)).collect();
            c.collect(|row| {
                let found: Vec<&[u8]> = parts.iter().filter_map(|part| part.get(row)).collect();
                Some(found.join(separator.get(row)?))
            })
        }),
        define(
            "split",
            "the parts of a text, or bytes, between delimiters; an empty delimiter splits everywhere",
        )
        .on("(STRING, STRING) -> ARRAY<STRING>", |c| {
            rows2(c, |s: &str, delimiter: &str| Some(split(s, delimiter)))
        })
        .on("(BYTES, BYTES) -> ARRAY<BYTES>", |c| {
            rows2(c, |b: &[u8], delimiter: &[u8]| Some(split_bytes(b, delimiter)))
        }),
        define(
            "split_to_map",
            "the entries of a text: SPLIT_TO_MAP('a:1/b:2', '/', ':')",
        )
        .on("(STRING, STRING, STRING) -> MAP<STRING, STRING>", |c| {
            rows3(c, |s: &str, entry: &str, value: &str| split_to_map(s, entry, value))
        }),
        define("elt", "the text of a number, from 1: ELT(2, 'a', 'b') is 'b'").on("(INT, STRING...) -> STRING", |c| {
            let number = c.reader::<i32>(0);
            let texts: Vec<_> = (1..c.args.len()).map(|i| c.reader::<&str>(i)).collect();
            c.collect_text(|row, out| {
                let index = usize::try_from(number.get(row)?.checked_sub(1)?).ok()?;
                out.push_str(texts.get(index)?.get(row)?);
                Some(())
            })
        }),
        define(
            "field",
            "the number, from 1, of the first text that is equal to the first argument, or 0",
        )
        .on("(STRING, STRING...) -> INT", |c| {
            let wanted = c.reader::<&str>(0);
            let texts: Vec<_> = (1..c.args.len()).map(|i| c.reader::<&str>(i)).collect();
            c.collect(|row| {
                let found = wanted
                    .get(row)
                    .and_then(|wanted| texts.iter().position(|text| text.get(row) == Some(wanted)));
                Some(found.map_or(0, |index| int(index + 1)))
            })
        }),
    ]
}

/// Functions of characters, hashes and identifiers.
fn of_codes() -> Vec<Definition> {
    vec![
        define("chr", "the character of a code point, or of an escape like '\\u004b'")
            .on("(INT) -> STRING", |c| {
                text1(c, |code: i32, out| {
                    let code = u32::try_from(code).ok().filter(|code| *code <= 0x10_ffff)?;
                    // Half a character beyond the basic plane is none.
                    out.push(char::from_u32(code).unwrap_or('?'));
                    Some(())
                })
            })
            .on("(STRING) -> STRING", |c| text1(c, unescape)),
        define("md5", "the MD5 hash in hexadecimal digits").on("(STRING) -> STRING", |c| {
            text1(c, |s: &str, out| {
                use md5::Digest;
                super::string_bytes::push_hex(&md5::Md5::digest(s), false, out);
                Some(())
            })
        }),
        define("uuid", "a random UUID, or the UUID of 16 bytes")
            .on("() -> STRING", |c| {
                c.collect_text(|_, out| {
                    let mut bytes: [u8; 16] = rand::random();
                    // Version 4, variant 1.
                    bytes[6] = bytes[6] & 0x0f | 0x40;
                    bytes[8] = bytes[8] & 0x3f | 0x80;
                    push_uuid(&bytes, out);
                    Some(())
                })
            })
            .on("(BYTES) -> STRING", |c| {
                text1(c, |bytes: &[u8], out| {
                    push_uuid(<&[u8; 16]>::try_from(bytes).ok()?, out);
                    Some(())
                })
            })
            .volatile(),
        define("as_value", "the value itself; keeps a copy of a key column in the value")
            .on("(T) -> T", as_value),
        define("substring", "a part of a text, or bytes: SUBSTRING(text, position, length); positions count from 1, from the end where negative")
            .on("(STRING, INT) -> STRING", |c| {
                text2(c, |s: &str, position: i32, out| {
                    let start = start_of(utf16::length(s), position);
                    utf16::push_range(s, start, usize::MAX, out);
                    Some(())
                })
            })
            .on("(STRING, INT, INT) -> STRING", |c| {
                text3(c, |s: &str, position: i32, length: i32, out| {
                    let start = start_of(utf16::length(s), position);
                    utf16::push_range(s, start, end_of(start, length), out);
                    Some(())
                })
            })
            .on("(BYTES, INT) -> BYTES", |c| {
                rows2(c, |b: &[u8], position: i32| Some(b[start_of(b.len(), position)..].to_vec()))
            })
            .on("(BYTES, INT, INT) -> BYTES", |c| {
                rows3(c, |b: &[u8], position: i32, length: i32| {
                    let start = start_of(b.len(), position);
                    Some(b[start..end_of(start, length).min(b.len())].to_vec())
                })
            }),
    ]
}

fn as_value(call: &Call<'_>) -> Result<ArrayRef> {
    let argument = &call.args[0];
    if argument.constant && call.rows != 1 {
        let indices = datafusion::arrow::array::UInt32Array::from(vec![0; call.rows]);
        return Ok(datafusion::arrow::compute::take(&argument.array, &indices, None)?);
    }
    Ok(std::sync::Arc::clone(&argument.array))
}

/// A length or position as an INTEGER; texts are far shorter than its largest.
pub(super) fn int(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

fn start_of(length: usize, position: i32) -> usize {
    let distance = position.unsigned_abs() as usize;
    if position < 0 {
        length.saturating_sub(distance)
    } else {
        distance.saturating_sub(1).min(length)
    }
}

fn end_of(start: usize, length: i32) -> usize {
    start + usize::try_from(length).unwrap_or(0)
}

/// Words are runs of characters that are no space; spaces before the first word are dropped.
fn initcap(text: &str, out: &mut String) {
    let is_space = |c: char| matches!(c, ' ' | '\t' | '\n' | '\x0b' | '\x0c' | '\r');
    let lower = text.to_lowercase();
    let mut at_start = true;
    for c in lower.trim_start_matches(is_space).chars() {
        if at_start && !is_space(c) {
            out.extend(c.to_uppercase());
        } else {
            out.push(c);
        }
        at_start = is_space(c);
    }
}

/// `place` gives position and occurrence of a row. A NULL text is found nowhere.
fn instr(call: &Call<'_>, place: impl Fn(usize) -> Option<(i32, i32)>) -> Result<ArrayRef> {
    let (text, part) = (call.reader::<&str>(0), call.reader::<&str>(1));
    call.collect(|row| {
        let (position, occurrence) = place(row)?;
        Some(match (text.get(row), part.get(row)) {
            (Some(text), Some(part)) => find(text, part, position, occurrence),
            _ => 0,
        })
    })
}

fn find(text: &str, part: &str, position: i32, occurrence: i32) -> i32 {
    let length = utf16::length(text);
    let distance = position.unsigned_abs() as usize;
    let Some(nth) = usize::try_from(occurrence).ok().and_then(|n| n.checked_sub(1)) else {
        return 0;
    };
    if distance > length || distance == 0 {
        return 0;
    }
    let byte = if position > 0 {
        let start = utf16::byte_of(text, distance - 1);
        overlapping(&text[start..], part).nth(nth).map(|at| start + at)
    } else {
        // From the end: what is found must end at or before the position.
        let end = utf16::byte_of(text, length - distance + 1);
        let found: Vec<usize> = overlapping(&text[..end], part).collect();
        found.into_iter().rev().nth(nth)
    };
    byte.map_or(0, |byte| int(utf16::length(&text[..byte]) + 1))
}

/// Where `part` stands in `text`, overlaps too, in bytes.
fn overlapping<'a>(text: &'a str, part: &'a str) -> impl Iterator<Item = usize> + 'a {
    let mut from = 0;
    std::iter::from_fn(move || {
        let at = from + text.get(from..)?.find(part)?;
        from = at + text[at..].chars().next().map_or(1, char::len_utf8);
        Some(at)
    })
}

fn split(text: &str, delimiter: &str) -> ListOf<Option<String>> {
    let parts: Vec<Option<String>> = if !delimiter.is_empty() {
        text.split(delimiter).map(|part| Some(part.to_owned())).collect()
    } else if text.is_empty() {
        vec![Some(String::new())]
    } else {
        text.chars().map(|c| Some(c.to_string())).collect()
    };
    ListOf(parts)
}

fn split_bytes(bytes: &[u8], delimiter: &[u8]) -> ListOf<Vec<u8>> {
    if bytes.is_empty() {
        return ListOf(vec![Vec::new()]);
    }
    if delimiter.is_empty() {
        return ListOf(bytes.iter().map(|b| vec![*b]).collect());
    }
    let mut parts = Vec::new();
    let mut start = 0;
    for at in memchr::memmem::find_iter(bytes, delimiter) {
        parts.push(bytes[start..at].to_vec());
        start = at + delimiter.len();
    }
    parts.push(bytes[start..].to_vec());
    ListOf(parts)
}

/// Of entries with one key the last stays; what has no key-value delimiter is left out.
fn split_to_map(text: &str, entry_delimiter: &str, value_delimiter: &str) -> Option<TextMap> {
    if entry_delimiter.is_empty() || value_delimiter.is_empty() || entry_delimiter == value_delimiter {
        return None;
    }
    let mut entries: Vec<(String, String)> = Vec::new();
    for entry in text.split(entry_delimiter) {
        let mut parts = entry.split(value_delimiter);
        let (Some(key), Some(value)) = (parts.next(), parts.next()) else {
            continue;
        };
        match entries.iter_mut().find(|(other, _)| other == key) {
            Some((_, old)) => value.clone_into(old),
            None => entries.push((key.to_owned(), value.to_owned())),
        }
    }
    Some(TextMap(entries))
}

/// Java's escapes in a text that starts with one of a code unit.
fn unescape(text: &str, out: &mut String) -> Option<()> {
    if !text.starts_with("\\u") || text.len() < 6 {
        return None;
    }
    let mut units: Vec<u16> = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        if c != '\\' {
            units.extend(c.encode_utf16(&mut [0; 2]).iter());
            rest = after;
            continue;
        }
        let kind = after.chars().next()?;
        rest = &after[kind.len_utf8()..];
        match kind {
            'u' => {
                let digits = rest.trim_start_matches('u');
                let digits = digits.strip_prefix('+').unwrap_or(digits);
                units.push(u16::from_str_radix(digits.get(..4)?, 16).ok()?);
                rest = &digits[4..];
            }
            'b' => units.push(8),
            't' => units.push(9),
            'n' => units.push(10),
            'f' => units.push(12),
            'r' => units.push(13),
            other => units.extend(other.encode_utf16(&mut [0; 2]).iter()),
        }
    }
    out.extend(char::decode_utf16(units).map(|c| c.unwrap_or('?')));
    Some(())
}

fn push_uuid(bytes: &[u8; 16], out: &mut String) {
    for (index, part) in [&bytes[..4], &bytes[4..6], &bytes[6..8], &bytes[8..10], &bytes[10..]]
        .into_iter()
        .enumerate()
    {
        out.push_str(if index > 0 { "-" } else { "" });
        super::string_bytes::push_hex(part, false, out);
    }
}
