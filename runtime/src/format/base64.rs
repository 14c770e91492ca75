//! Base64 of `BYTES` values: RFC 4648's standard alphabet, written with padding.
//!
//! Reading follows Jackson (JSON: white space between groups of four is skipped, padding is needed) or Java's basic
//! decoder (DELIMITED: no white space, padding may be left out); neither looks at unused low bits.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What a reader lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::format) enum Dialect {
    /// White space between groups, padding needed, padded groups may follow each other.
    Json,
    /// No white space, padding optional, nothing behind it.
    Delimited,
}

/// Appends `bytes` as Base64.
pub(in crate::format) fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    for group in bytes.chunks(3) {
        let word = group.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            out.push(if place <= group.len() {
                ALPHABET[(word >> (18 - 6 * place)) as usize & 63]
            } else {
                b'='
            });
        }
    }
}

/// Appends what `text` stands for. `None` when it is no Base64; then `out` holds a part of it.
pub(in crate::format) fn decode(text: &[u8], dialect: Dialect, out: &mut Vec<u8>) -> Option<()> {
    let mut rest = text;
    loop {
        if dialect == Dialect::Json {
            rest = rest.trim_ascii_start();
        }
        let (group, behind) = rest.split_at(rest.len().min(4));
        rest = behind;
        let padded = match group {
            [] => return Some(()),
            [a, b, b'=', b'='] => Some([*a, *b, b'A', b'A']).map(|quad| (quad, 1)),
            [a, b, c, b'='] => Some(([*a, *b, *c, b'A'], 2)),
            [a, b, c, d] => {
                out.extend_from_slice(&triple([*a, *b, *c, *d])?);
                continue;
            }
            [a, b] if dialect == Dialect::Delimited => Some(([*a, *b, b'A', b'A'], 1)),
            [a, b, c] if dialect == Dialect::Delimited => Some(([*a, *b, *c, b'A'], 2)),
            _ => None,
        };
        let (quad, length) = padded?;
        out.extend_from_slice(&triple(quad)?[..length]);
        if dialect == Dialect::Delimited && !rest.is_empty() {
            return None;
        }
    }
}

fn triple(quad: [u8; 4]) -> Option<[u8; 3]> {
    let mut word = 0_u32;
    for letter in quad {
        word = word << 6 | u32::from(six_bits(letter)?);
    }
    let [_, a, b, c] = word.to_be_bytes();
    Some([a, b, c])
}

fn six_bits(letter: u8) -> Option<u8> {
    Some(match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str, dialect: Dialect) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        decode(text.as_bytes(), dialect, &mut out).map(|()| out)
    }

    #[test]
    fn the_vectors_of_rfc_4648() {
        for (plain, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            let mut out = Vec::new();
            encode(plain.as_bytes(), &mut out);
            assert_eq!(out, text.as_bytes());
            for dialect in [Dialect::Json, Dialect::Delimited] {
                assert_eq!(decoded(text, dialect).as_deref(), Some(plain.as_bytes()));
            }
        }
    }

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        let mut text = Vec::new();
        encode(&all, &mut text);
        assert_eq!(decoded(std::str::from_utf8(&text).unwrap(), Dialect::Json), Some(all));
    }

    #[test]
    fn padding_and_white_space_by_dialect() {
        assert_eq!(decoded("Zg", Dialect::Json), None);
        assert_eq!(decoded("Zg", Dialect::Delimited).as_deref(), Some(&b"f"[..]));
        assert_eq!(decoded(" Zm9v\nZg== ", Dialect::Json).as_deref(), Some(&b"foof"[..]));
        assert_eq!(decoded("Zm9v Zg==", Dialect::Delimited), None);
        assert_eq!(decoded("Zg==Zg==", Dialect::Json).as_deref(), Some(&b"ff"[..]));
        assert_eq!(decoded("Zg==Zg==", Dialect::Delimited), None);
    }

    #[test]
    fn what_is_no_base64_is_refused() {
        for text in ["Z", "Z===", "====", "Zm9=v", "Zm9-", "Zm9\u{e9}", "Z m9v"] {
            assert_eq!(decoded(text, Dialect::Json), None, "{text}");
            assert_eq!(decoded(text, Dialect::Delimited), None, "{text}");
        }
    }
}
