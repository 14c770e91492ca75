//! Text that stands where a number or a time is expected: Java's rules, which ksqlDB applies to JSON strings and to
//! `DELIMITED` columns alike. Each function answers `None` for text that does not stand for a value of the type.

use super::number;

/// Milliseconds of a day; a `TIME` is below.
const DAY_MS: i32 = 86_400_000;

/// `BIGINT`: an optional sign and digits, no white space (`Long.parseLong`).
pub(in crate::format) fn bigint(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// `INTEGER`: as [`bigint`], in 32 bits (`Integer.parseInt`).
pub(in crate::format) fn integer(text: &str) -> Option<i32> {
    text.parse().ok()
}

/// `DOUBLE`: white space around it, `NaN`, `Infinity` and a trailing `d` or `f` are let through
/// (`Double.parseDouble`, but for its hexadecimal form); beyond the range there is no value rather than an infinite one.
pub(in crate::format) fn double(text: &str) -> Option<f64> {
    let text = text.trim_matches(|c| c <= ' ');
    let (negative, unsigned) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let magnitude = match unsigned {
        "NaN" => f64::NAN,
        "Infinity" => f64::INFINITY,
        _ => {
            let digits = unsigned.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(unsigned);
            if digits.starts_with(['+', '-']) {
                return None;
            }
            number::parse(digits)?.to_f64()?
        }
    };
    Some(if negative { -magnitude } else { magnitude })
}

/// `BOOLEAN` of a `DELIMITED` column: `true` in any case is true, all other text false (`Boolean.parseBoolean`).
pub(in crate::format) fn boolean(text: &str) -> bool {
    text.eq_ignore_ascii_case("true")
}

/// `TIME` from milliseconds of the day. Midnight at the end of the day is no time of a day.
pub(in crate::format) fn time_of_day(ms: i64) -> Option<i32> {
    i32::try_from(ms).ok().filter(|ms| (0..DAY_MS).contains(ms))
}

/// `DATE` from days since the epoch.
pub(in crate::format) fn date(days: i64) -> Option<i32> {
    i32::try_from(days).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_have_no_white_space() {
        assert_eq!(bigint("+12"), Some(12));
        assert_eq!(bigint("-9223372036854775808"), Some(i64::MIN));
        assert_eq!(integer("2147483648"), None);
        for text in ["", " 1", "1 ", "1.0", "1e3", "+", "0x1", "--1"] {
            assert_eq!(bigint(text), None, "{text}");
        }
    }

    #[test]
    fn doubles_as_java_reads_them() {
        assert_eq!(double(" 1.5\t"), Some(1.5));
        assert_eq!(double("1."), Some(1.0));
        assert_eq!(double("-.5e1"), Some(-5.0));
        assert_eq!(double("2f"), Some(2.0));
        assert_eq!(double("-Infinity"), Some(f64::NEG_INFINITY));
        assert!(double("NaN").unwrap().is_nan());
        for text in ["", "nan", "inf", "infinity", "1,5", "1e400", "+-1", "d", "1 2"] {
            assert_eq!(double(text), None, "{text}");
        }
    }

    #[test]
    fn times_and_dates_have_their_range() {
        assert_eq!(time_of_day(0), Some(0));
        assert_eq!(time_of_day(86_399_999), Some(86_399_999));
        assert_eq!(time_of_day(86_400_000), None);
        assert_eq!(time_of_day(-1), None);
        assert_eq!(date(-10), Some(-10));
        assert_eq!(date(1 << 31), None);
    }

    #[test]
    fn only_true_is_true() {
        assert!(boolean("TRUE") && boolean("true"));
        assert!(!boolean("yes") && !boolean("1") && !boolean(" true"));
    }
}
