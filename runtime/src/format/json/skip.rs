//! Reads over values that no column wants, and still finds everything that is wrong with them.
//!
//! Both ways of reading a record use these, so a record is bad or good by the same rules whatever is projected.

use super::fault::{Fault, Outcome};
use super::scan::{skip_digits, skip_space, string_stop};
use crate::types::limits::NESTING_DEPTH_MAX;

/// Where the value at `pos` ends. `depth` is the number of arrays and objects around it.
#[inline]
pub(super) fn skip_value(buffer: &[u8], pos: usize, depth: usize) -> Outcome<usize> {
    match buffer.get(pos) {
        Some(b'"') => skip_string(buffer, pos + 1),
        Some(b'-' | b'0'..=b'9') => skip_number(buffer, pos),
        _ => skip_other(buffer, pos, depth),
    }
}

/// Where the string ends whose opening quote is before `pos`: behind its closing quote.
#[inline]
pub(super) fn skip_string(buffer: &[u8], pos: usize) -> Outcome<usize> {
    let stop = string_stop(buffer, pos);
    if buffer.get(stop) == Some(&b'"') {
        return Ok(stop + 1);
    }
    skip_string_rest(buffer, stop)
}

fn skip_string_rest(buffer: &[u8], mut pos: usize) -> Outcome<usize> {
    loop {
        match buffer.get(pos) {
            Some(b'"') => return Ok(pos + 1),
            Some(b'\\') => pos = string_stop(buffer, skip_escape(buffer, pos)?),
            _ => return Err(Fault::syntax(buffer, pos, "the rest of a string")),
        }
    }
}

/// Where the escape sequence at `pos` ends.
pub(super) fn skip_escape(buffer: &[u8], pos: usize) -> Outcome<usize> {
    match buffer.get(pos + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(pos + 2),
        Some(b'u') => {
            for at in pos + 2..pos + 6 {
                if !buffer.get(at).is_some_and(u8::is_ascii_hexdigit) {
                    return Err(Fault::syntax(buffer, at, "four hexadecimal digits"));
                }
            }
            Ok(pos + 6)
        }
        _ => Err(Fault::syntax(buffer, pos + 1, "one of \"\\/bfnrtu behind a backslash")),
    }
}

/// Where the number at `pos` ends.
#[inline]
pub(super) fn skip_number(buffer: &[u8], pos: usize) -> Outcome<usize> {
    let start = pos + usize::from(buffer.get(pos) == Some(&b'-'));
    let mut end = skip_digits(buffer, start);
    if end == start {
        return Err(Fault::syntax(buffer, start, "a digit"));
    }
    if end > start + 1 && buffer[start] == b'0' {
        return Err(Fault::syntax(buffer, start + 1, "no digit behind a leading zero"));
    }
    if buffer.get(end) == Some(&b'.') {
        let fraction = end + 1;
        end = skip_digits(buffer, fraction);
        if end == fraction {
            return Err(Fault::syntax(buffer, fraction, "a digit"));
        }
    }
    if let Some(b'e' | b'E') = buffer.get(end) {
        let sign = usize::from(matches!(buffer.get(end + 1), Some(b'+' | b'-')));
        let exponent = end + 1 + sign;
        end = skip_digits(buffer, exponent);
        if end == exponent {
            return Err(Fault::syntax(buffer, exponent, "a digit"));
        }
    }
    Ok(end)
}

/// Where the literal `word` ends that must stand at `pos`.
pub(super) fn skip_literal(buffer: &[u8], pos: usize, word: &'static str) -> Outcome<usize> {
    for (at, byte) in (pos..).zip(word.bytes()) {
        if buffer.get(at) != Some(&byte) {
            return Err(Fault::syntax(buffer, at, literal_rest(word)));
        }
    }
    Ok(pos + word.len())
}

fn literal_rest(word: &'static str) -> &'static str {
    match word {
        "true" => "`true`",
        "false" => "`false`",
        _ => "`null`",
    }
}

/// Literals, and arrays and objects without recursion: one bit for each open one says which it is.
fn skip_other(buffer: &[u8], mut pos: usize, depth: usize) -> Outcome<usize> {
    let mut objects = 0_u64;
    let mut open = 0;
    loop {
        match buffer.get(pos) {
            Some(b'"') => pos = skip_string(buffer, pos + 1)?,
            Some(b'-' | b'0'..=b'9') => pos = skip_number(buffer, pos)?,
            Some(b't') => pos = skip_literal(buffer, pos, "true")?,
            Some(b'f') => pos = skip_literal(buffer, pos, "false")?,
            Some(b'n') => pos = skip_literal(buffer, pos, "null")?,
            Some(bracket @ (b'{' | b'[')) => {
                if depth + open >= NESTING_DEPTH_MAX {
                    return Err(Fault::depth(pos));
                }
                let object = *bracket == b'{';
                pos = skip_space(buffer, pos + 1);
                if buffer.get(pos) == Some(&(bracket + 2)) {
                    pos += 1;
                } else {
                    objects = objects << 1 | u64::from(object);
                    open += 1;
                    if object {
                        pos = skip_key(buffer, pos)?;
                    }
                    continue;
                }
            }
            _ => return Err(Fault::syntax(buffer, pos, "a value")),
        }
        // A value has ended: go on to the next one, or out of what ends here.
        loop {
            if open == 0 {
                return Ok(pos);
            }
            let object = objects & 1 == 1;
            pos = skip_space(buffer, pos);
            match (buffer.get(pos), object) {
                (Some(b','), _) => {
                    pos = skip_space(buffer, pos + 1);
                    if object {
                        pos = skip_key(buffer, pos)?;
                    }
                    break;
                }
                (Some(b'}'), true) | (Some(b']'), false) => {
                    pos += 1;
                    objects >>= 1;
                    open -= 1;
                }
                (_, true) => return Err(Fault::syntax(buffer, pos, "`,` or `}`")),
                (_, false) => return Err(Fault::syntax(buffer, pos, "`,` or `]`")),
            }
        }
    }
}

/// Where the value starts whose name stands at `pos`.
fn skip_key(buffer: &[u8], pos: usize) -> Outcome<usize> {
    if buffer.get(pos) != Some(&b'"') {
        return Err(Fault::syntax(buffer, pos, "`\"` of a field name"));
    }
    let end = skip_space(buffer, skip_string(buffer, pos + 1)?);
    if buffer.get(end) != Some(&b':') {
        return Err(Fault::syntax(buffer, end, "`:`"));
    }
    Ok(skip_space(buffer, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(text: &str) -> Result<usize, String> {
        skip_value(text.as_bytes(), 0, 0).map_err(|fault| fault.reason())
    }

    #[test]
    fn values_end_where_they_end() {
        for value in [
            "0",
            "-0",
            "12.5e-3",
            "123456789012345678901234567890",
            "\"\"",
            "\"a\\u00e9\\\"\\\\ b\"",
            "true",
            "false",
            "null",
            "[]",
            "{}",
            "[1, [2,[]], {\"a\" : {}} ]",
            "{\"a\":1,\n\"b\":[true,false,null], \"\":\"\"}",
        ] {
            assert_eq!(end(value), Ok(value.len()), "{value}");
            assert_eq!(end(&format!("{value},")), Ok(value.len()), "{value}");
        }
    }

    #[test]
    fn broken_values_are_found() {
        for value in [
            "",
            "+1",
            "01",
            "-",
            "-a",
            "1.",
            "1.e5",
            "1e",
            "1e+",
            ".5",
            "tru",
            "nul1",
            "NaN",
            "\"",
            "\"a",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"\\",
            "\"\t\"",
            "[",
            "[1",
            "[1,",
            "[1,]",
            "[,1]",
            "[1 2]",
            "{",
            "{a:1}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{\"a\":1 \"b\":2}",
            "{\"a\":1]",
            "[1}",
            "{1:2}",
            "'a'",
            "]",
            "}",
            ":",
        ] {
            assert!(end(value).is_err(), "{value}");
        }
    }

    #[test]
    fn nesting_has_a_limit_and_no_recursion() {
        let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert!(end(&deep(NESTING_DEPTH_MAX)).is_ok());
        assert!(end(&deep(NESTING_DEPTH_MAX + 1)).unwrap_err().contains("nest deeper"));
        assert!(end(&"[".repeat(1_000_000)).is_err());
        assert!(end(&"{\"a\":".repeat(1_000_000)).is_err());
        assert!(skip_value(deep(10).as_bytes(), 0, NESTING_DEPTH_MAX - 9).is_err());
    }
}
