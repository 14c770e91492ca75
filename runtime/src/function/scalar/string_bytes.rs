//! Texts and bytes into each other (`hex`, `utf8`, `ascii`, `base64`), and padding.

use std::fmt::Write;

use super::utf16;
use crate::function::column::{rows2, rows3, text2, text3};
use crate::function::definition::{Definition, define};
use crate::function::row_error::Fault;

pub(super) fn functions() -> Vec<Definition> {
    vec![
        define(
            "to_bytes",
            "the bytes that a text stands for: TO_BYTES(text, 'hex' | 'utf8' | 'ascii' | 'base64')",
        )
        .on("(STRING, STRING) -> BYTES", |c| {
            rows2(c, |s: &str, encoding: &str| {
                Encoding::parse(encoding)?.decode(s).map(Some)
            })
        }),
        define(
            "from_bytes",
            "bytes as text: FROM_BYTES(bytes, 'hex' | 'utf8' | 'ascii' | 'base64')",
        )
        .on("(BYTES, STRING) -> STRING", |c| {
            text2(c, |b: &[u8], encoding: &str, out| {
                Encoding::parse(encoding)?.push(b, Case::Upper, out);
                Ok(Some(()))
            })
        }),
        define(
            "encode",
            "a text in another encoding: ENCODE(text, from, to), of 'hex', 'utf8', 'ascii' and 'base64'",
        )
        .on("(STRING, STRING, STRING) -> STRING", |c| {
            text3(c, |s: &str, from: &str, to: &str, out| {
                let (from, to) = (Encoding::parse(from)?, Encoding::parse(to)?);
                if from == to {
                    return Err(Fault::from("the encodings must differ"));
                }
                let bytes = match from {
                    Encoding::Hex => decode_hex(&strip_hex(s))?,
                    other => other.decode(s)?,
                };
                to.push(&bytes, Case::Lower, out);
                Ok(Some(()))
            })
        }),
        define(
            "lpad",
            "a text, or bytes, filled up from the left or cut: LPAD(text, length, padding)",
        )
        .on("(STRING, INT, STRING) -> STRING", |c| {
            text3(c, |s, n, p, out| pad(s, n, p, Side::Left, out))
        })
        .on("(BYTES, INT, BYTES) -> BYTES", |c| {
            rows3(c, |b, n, p| pad_bytes(b, n, p, Side::Left))
        }),
        define(
            "rpad",
            "a text, or bytes, filled up from the right or cut: RPAD(text, length, padding)",
        )
        .on("(STRING, INT, STRING) -> STRING", |c| {
            text3(c, |s, n, p, out| pad(s, n, p, Side::Right, out))
        })
        .on("(BYTES, INT, BYTES) -> BYTES", |c| {
            rows3(c, |b, n, p| pad_bytes(b, n, p, Side::Right))
        }),
    ]
}

/// How bytes are written as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Hex,
    Utf8,
    Ascii,
    Base64,
}

/// Of hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Upper,
    Lower,
}

impl Encoding {
    fn parse(name: &str) -> Result<Self, Fault> {
        match name.to_ascii_lowercase().as_str() {
            "hex" => Ok(Self::Hex),
            "utf8" => Ok(Self::Utf8),
            "ascii" => Ok(Self::Ascii),
            "base64" => Ok(Self::Base64),
            _ => Err(format!("encoding '{name}' is unknown: use 'hex', 'utf8', 'ascii' or 'base64'").into()),
        }
    }

    fn decode(self, text: &str) -> Result<Vec<u8>, Fault> {
        Ok(match self {
            Self::Hex => decode_hex(text)?,
            Self::Utf8 => text.as_bytes().to_vec(),
            // What ASCII lacks is a question mark, one for each UTF-16 unit pair or single, as in Java.
            Self::Ascii => text
                .chars()
                .map(|c| u8::try_from(c).ok().filter(u8::is_ascii).unwrap_or(b'?'))
                .collect(),
            Self::Base64 => decode_base64(text)?,
        })
    }

    fn push(self, bytes: &[u8], case: Case, out: &mut String) {
        match self {
            Self::Hex => push_hex(bytes, case == Case::Upper, out),
            Self::Utf8 => out.push_str(&String::from_utf8_lossy(bytes)),
            Self::Ascii => out.extend(
                bytes
                    .iter()
                    .map(|b| if b.is_ascii() { char::from(*b) } else { '\u{fffd}' }),
            ),
            Self::Base64 => push_base64(bytes, out),
        }
    }
}

/// Appends two digits a byte.
pub(super) fn push_hex(bytes: &[u8], upper: bool, out: &mut String) {
    for byte in bytes {
        let written = if upper {
            write!(out, "{byte:02X}")
        } else {
            write!(out, "{byte:02x}")
        };
        written.expect("writing to a string does not fail");
    }
}

/// `0xAB`, `X'AB'` and `x'AB'` as `AB`; an odd number of digits after `0x` starts with a zero.
fn strip_hex(text: &str) -> std::borrow::Cow<'_, str> {
    if let Some(digits) = text.strip_prefix("0x") {
        return if digits.len() % 2 == 0 {
            digits.into()
        } else {
            format!("0{digits}").into()
        };
    }
    let quoted = text.strip_prefix(['x', 'X']).and_then(|rest| rest.strip_prefix('\''));
    quoted.and_then(|rest| rest.strip_suffix('\'')).unwrap_or(text).into()
}

fn decode_hex(text: &str) -> Result<Vec<u8>, Fault> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
        .collect();
    let digits = digits
        .filter(|d| d.len() % 2 == 0)
        .ok_or_else(|| Fault::from(format!("'{text}' is not an even number of hexadecimal digits")))?;
    Ok(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends base 64 with padding, in one line.
pub(super) fn push_base64(bytes: &[u8], out: &mut String) {
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0_u32, |group, b| group << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for index in 0..4 {
            if index <= chunk.len() {
                let digit = group >> (18 - 6 * index) & 0x3f;
                out.push(char::from(BASE64[digit as usize]));
            } else {
                out.push('=');
            }
        }
    }
}

/// Reads base 64, with or without padding; characters outside of its alphabet, line ends say, are skipped.
fn decode_base64(text: &str) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut group, mut count) = (0_u32, 0);
    for c in text.bytes().take_while(|c| *c != b'=') {
        let digit = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => continue,
        };
        group = group << 6 | u32::from(digit);
        count += 1;
        if count == 4 {
            bytes.extend(&group.to_be_bytes()[1..]);
            (group, count) = (0, 0);
        }
    }
    match count {
        0 => {}
        1 => return Err(format!("'{text}' is not base 64: it ends in half a byte").into()),
        _ => bytes.extend(&(group << (6 * (4 - count))).to_be_bytes()[1..count]),
    }
    Ok(bytes)
}

/// Where padding goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

fn pad(text: &str, length: i32, padding: &str, side: Side, out: &mut String) -> Option<()> {
    let length = usize::try_from(length).ok()?;
    let unit = utf16::length(padding);
    if unit == 0 {
        return None;
    }
    let own = utf16::length(text);
    let missing = length.saturating_sub(own);
    if side == Side::Right {
        utf16::push_range(text, 0, length.min(own), out);
    }
    for _ in 0..missing / unit {
        out.push_str(padding);
    }
    utf16::push_range(padding, 0, missing % unit, out);
    if side == Side::Left {
        utf16::push_range(text, 0, length.min(own), out);
    }
    Some(())
}

fn pad_bytes(bytes: &[u8], length: i32, padding: &[u8], side: Side) -> Option<Vec<u8>> {
    let length = usize::try_from(length).ok()?;
    if padding.is_empty() {
        return None;
    }
    let kept = &bytes[..length.min(bytes.len())];
    let filler = padding.iter().copied().cycle().take(length - kept.len());
    Some(match side {
        Side::Left => filler.chain(kept.iter().copied()).collect(),
        Side::Right => kept.iter().copied().chain(filler).collect(),
    })
}
