//! A decimal number as its digits, and what SQL values it stands for.
//!
//! Decoders never take a number through `f64` unless the column is a `DOUBLE`: a `DECIMAL` keeps every digit, a `BIGINT`
//! beyond 2^53 stays exact.

/// A number taken apart: `whole.fraction` times ten to the `exponent`. The digits are ASCII and may be empty.
#[derive(Debug, Clone, Copy)]
pub(in crate::format) struct Number<'a> {
    /// The whole text, sign and exponent included.
    pub(in crate::format) text: &'a str,
    /// True with a leading minus.
    pub(in crate::format) negative: bool,
    /// Digits before the point.
    pub(in crate::format) whole: &'a [u8],
    /// Digits behind the point.
    pub(in crate::format) fraction: &'a [u8],
    /// Power of ten, bounded to plus or minus [`EXPONENT_MAX`].
    pub(in crate::format) exponent: i64,
    /// True when there is neither a point nor an exponent.
    pub(in crate::format) integral: bool,
}

/// Larger exponents are cut to this one: no type can hold such a number, and sums with it cannot overflow.
const EXPONENT_MAX: i64 = 1 << 40;

impl<'a> Number<'a> {
    /// Digits from the most significant one that is not zero on, up to and including the last one.
    fn digits(&self) -> impl DoubleEndedIterator<Item = u8> + Clone + 'a {
        self.whole.iter().chain(self.fraction).map(|digit| digit - b'0')
    }

    /// The number cut to an integer, towards zero (as Java's `BigDecimal.longValue`); `None` outside of 64 bits.
    pub(in crate::format) fn to_i64(self) -> Option<i64> {
        if self.integral && self.whole.len() <= 18 {
            let value = self.digits().fold(0, |value, digit| value * 10 + i64::from(digit));
            return Some(if self.negative { -value } else { value });
        }
        let mut places = self.whole.len() as i64 + self.exponent;
        let mut value = 0_i128;
        for digit in self.digits() {
            if places <= 0 {
                break;
            }
            value = value * 10 + i128::from(digit);
            if value > i128::from(u64::MAX) {
                return None;
            }
            places -= 1;
        }
        // What the exponent adds behind the last digit.
        while places > 0 && value != 0 {
            value *= 10;
            if value > i128::from(u64::MAX) {
                return None;
            }
            places -= 1;
        }
        i64::try_from(if self.negative { -value } else { value }).ok()
    }

    /// The nearest `DOUBLE`; `None` when it is out of range. A negative zero becomes zero, as Java's numbers do on the
    /// way from JSON.
    pub(in crate::format) fn to_f64(self) -> Option<f64> {
        let value: f64 = self.text.parse().ok()?;
        value.is_finite().then_some(value + 0.0)
    }

    /// The unscaled value of the number as `DECIMAL(precision, scale)`; `None` when it has more digits on either side.
    pub(in crate::format) fn to_decimal(self, precision: u8, scale: i8) -> Option<i128> {
        let trailing = self.digits().rev().take_while(|digit| *digit == 0).count();
        let count = self.whole.len() + self.fraction.len() - trailing;
        let mut significant = self.digits().take(count).skip_while(|digit| *digit == 0);
        let mut value = 0_i128;
        let mut digits = 0_i64;
        for digit in significant.by_ref() {
            digits += 1;
            if digits > 38 {
                return None;
            }
            value = value * 10 + i128::from(digit);
        }
        if value == 0 {
            return Some(0);
        }
        let shift = self.exponent - self.fraction.len() as i64 + trailing as i64 + i64::from(scale);
        if shift < 0 || digits + shift > i64::from(precision) {
            return None;
        }
        let value = value * 10_i128.pow(u32::try_from(shift).ok()?);
        Some(if self.negative { -value } else { value })
    }

    /// Appends the number as text: an integer as it is, any other as Java's `BigDecimal.toString` does. False, and
    /// nothing appended, when the exponent is beyond what a `BigDecimal` holds.
    pub(in crate::format) fn write_text(self, out: &mut Vec<u8>) -> bool {
        let mut digits: Vec<u8> = Vec::with_capacity(self.whole.len() + self.fraction.len());
        digits.extend(self.digits().skip_while(|digit| *digit == 0).map(|digit| digit + b'0'));
        let zero = digits.is_empty();
        if zero {
            digits.push(b'0');
        }
        let Ok(scale) = i32::try_from(self.fraction.len() as i64 - self.exponent) else {
            return false;
        };
        if self.negative && !zero {
            out.push(b'-');
        }
        if self.integral || scale == 0 {
            out.extend_from_slice(&digits);
            return true;
        }
        let exponent = digits.len() as i64 - 1 - i64::from(scale);
        if scale > 0 && exponent >= -6 {
            write_plain(&digits, scale as usize, out);
        } else {
            out.push(digits[0]);
            if digits.len() > 1 {
                out.push(b'.');
                out.extend_from_slice(&digits[1..]);
            }
            out.extend_from_slice(if exponent < 0 { b"E" } else { b"E+" });
            out.extend_from_slice(itoa::Buffer::new().format(exponent).as_bytes());
        }
        true
    }
}

/// Appends `digits` with `scale` of them behind the point.
fn write_plain(digits: &[u8], scale: usize, out: &mut Vec<u8>) {
    let whole = digits.len().saturating_sub(scale);
    if whole == 0 {
        out.push(b'0');
    } else {
        out.extend_from_slice(&digits[..whole]);
    }
    if scale > 0 {
        out.push(b'.');
        out.resize(out.len() + scale.saturating_sub(digits.len()), b'0');
        out.extend_from_slice(&digits[whole..]);
    }
}

/// Appends a `DECIMAL` at its declared scale, without an exponent.
pub(in crate::format) fn write_decimal(unscaled: i128, scale: i8, out: &mut Vec<u8>) {
    if unscaled < 0 {
        out.push(b'-');
    }
    let mut buffer = itoa::Buffer::new();
    write_plain(
        buffer.format(unscaled.unsigned_abs()).as_bytes(),
        scale.max(0) as usize,
        out,
    );
}

/// Takes `text` apart by the grammar of Java's `BigDecimal`: a sign, digits with at most one point, an exponent.
pub(in crate::format) fn parse(text: &str) -> Option<Number<'_>> {
    let bytes = text.as_bytes();
    let (negative, mut rest) = split_sign(bytes);
    let whole = take_digits(&mut rest);
    let mut fraction: &[u8] = &[];
    let mut integral = true;
    if let [b'.', behind @ ..] = rest {
        integral = false;
        rest = behind;
        fraction = take_digits(&mut rest);
    }
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut exponent = 0;
    if let [b'e' | b'E', behind @ ..] = rest {
        integral = false;
        rest = &[];
        exponent = parse_exponent(behind)?;
    }
    rest.is_empty().then_some(Number {
        text,
        negative,
        whole,
        fraction,
        exponent,
        integral,
    })
}

/// True for a leading minus, and what follows the sign.
fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [sign @ (b'-' | b'+'), rest @ ..] => (*sign == b'-', rest),
        rest => (false, rest),
    }
}

fn take_digits<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, behind) = rest.split_at(count);
    *rest = behind;
    digits
}

/// The exponent behind its `e`: an optional sign and at least one digit.
pub(in crate::format) fn parse_exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = split_sign(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0_i64, |value, digit| {
        (value * 10 + i64::from(digit - b'0')).min(EXPONENT_MAX)
    });
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number<'_> {
        parse(text).unwrap_or_else(|| panic!("{text} is a number"))
    }

    fn text(number_text: &str) -> String {
        let mut out = Vec::new();
        assert!(number(number_text).write_text(&mut out));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn integers_are_cut_towards_zero() {
        for (text, expected) in [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("1.9", Some(1)),
            ("-1.9", Some(-1)),
            ("1e3", Some(1_000)),
            ("12345e-2", Some(123)),
            ("0.00000000000000000000000000000000001e35", Some(1)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("-9223372036854775809", None),
            ("9223372036854775807.9", Some(i64::MAX)),
            ("1e19", None),
            ("1e999999999999999", None),
            ("0e999999999999999", Some(0)),
            ("1e-999999999999999", Some(0)),
            ("99999999999999999999999999999999999999999999", None),
        ] {
            assert_eq!(number(text).to_i64(), expected, "{text}");
        }
    }

    #[test]
    fn decimals_keep_every_digit_or_do_not_fit() {
        for (text, precision, scale, expected) in [
            ("10.123451234512345", 21, 19, Some(101_234_512_345_123_450_000)),
            ("10", 6, 4, Some(100_000)),
            ("100", 6, 4, None),
            ("99.9999", 6, 4, Some(999_999)),
            ("99.99990", 6, 4, Some(999_999)),
            ("99.99991", 6, 4, None),
            ("-.12", 33, 16, Some(-1_200_000_000_000_000)),
            ("5.", 2, 1, Some(50)),
            ("1e2", 3, 0, Some(100)),
            ("1e3", 3, 0, None),
            ("120e-1", 3, 0, Some(12)),
            ("125e-1", 3, 0, None),
            ("0e999999999999", 1, 0, Some(0)),
            ("-0.000", 1, 0, Some(0)),
            ("1e999999999999", 38, 0, None),
            ("1e-999999999999", 38, 38, None),
            (
                "99999999999999999999999999999999999999",
                38,
                0,
                Some(99_999_999_999_999_999_999_999_999_999_999_999_999),
            ),
            ("100000000000000000000000000000000000000", 38, 0, None),
            ("0000000000000000000000000000000000000000000001", 38, 0, Some(1)),
        ] {
            assert_eq!(number(text).to_decimal(precision, scale), expected, "{text}");
        }
    }

    #[test]
    fn text_is_that_of_a_java_big_decimal() {
        for (given, expected) in [
            ("1", "1"),
            ("-0", "0"),
            ("1.10", "1.10"),
            ("-0.50", "-0.50"),
            ("0.00", "0.00"),
            ("-0.0", "0.0"),
            ("1e3", "1E+3"),
            ("1.0e5", "1.0E+5"),
            ("12.3e1", "123"),
            ("0.000001", "0.000001"),
            ("0.0000001", "1E-7"),
            ("0.00000012", "1.2E-7"),
            ("0e5", "0E+5"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
        ] {
            assert_eq!(text(given), expected, "{given}");
        }
        assert!(!number("1e99999999999").write_text(&mut Vec::new()));
    }

    #[test]
    fn doubles_are_the_nearest_and_finite() {
        assert_eq!(number("0.1").to_f64(), Some(0.1));
        assert_eq!(number("1e400").to_f64(), None);
        assert_eq!(number("1e-400").to_f64(), Some(0.0));
        assert!(number("-0.0").to_f64().unwrap().is_sign_positive());
    }

    #[test]
    fn decimals_are_written_plain() {
        for (unscaled, scale, expected) in [
            (0, 0, "0"),
            (0, 16, "0.0000000000000000"),
            (5, 2, "0.05"),
            (-5, 1, "-0.5"),
            (123_450, 4, "12.3450"),
            (1, 38, "0.00000000000000000000000000000000000001"),
        ] {
            let mut out = Vec::new();
            write_decimal(unscaled, scale, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "", "-", ".", "1.2.3", "e5", "1e", "1e+", " 1", "1 ", "0x10", "--1", "1e5.0", "NaN",
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
