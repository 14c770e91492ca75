//! Numbers as Java writes and reads them: `Double.toString`, `Double.parseDouble`, `new BigDecimal(text)`.

use std::fmt::Write;

/// Appends a double as `Double.toString` writes it: at least one digit after the point, an exponent below 0.001 and
/// from ten million on, `NaN` and `Infinity` by name.
pub(crate) fn write_double(value: f64, out: &mut String) {
    if value.is_nan() {
        out.push_str("NaN");
        return;
    }
    if value.is_sign_negative() {
        out.push('-');
    }
    let value = value.abs();
    if value.is_infinite() {
        out.push_str("Infinity");
        return;
    }
    if value == 0.0 {
        out.push_str("0.0");
        return;
    }
    // The shortest digits that read back as the same double, as d.ddde±x; of one digit and two the nearer.
    let mut scientific = String::with_capacity(24);
    write!(scientific, "{value:e}").expect("writing to a string does not fail");
    if !scientific.contains('.') {
        let two = format!("{value:.1e}");
        if two.parse() == Ok(value) {
            scientific = two;
        }
    }
    let (mantissa, exponent) = scientific.split_once('e').expect("the form has an exponent");
    let exponent: i32 = exponent.parse().expect("the exponent is a number");
    let (first, rest) = mantissa.split_at(1);
    let rest = rest.strip_prefix('.').unwrap_or("");
    let rest = if rest == "0" { "" } else { rest };
    if (-3..7).contains(&exponent) {
        let digits = [first, rest].concat();
        match usize::try_from(exponent) {
            Ok(whole) => {
                let point = whole + 1;
                if digits.len() <= point {
                    out.push_str(&digits);
                    out.extend(std::iter::repeat_n('0', point - digits.len()));
                    out.push_str(".0");
                } else {
                    out.push_str(&digits[..point]);
                    out.push('.');
                    out.push_str(&digits[point..]);
                }
            }
            Err(_) => {
                out.push_str("0.");
                out.extend(std::iter::repeat_n('0', exponent.unsigned_abs() as usize - 1));
                out.push_str(&digits);
            }
        }
        return;
    }
    out.push_str(first);
    out.push('.');
    out.push_str(if rest.is_empty() { "0" } else { rest });
    write!(out, "E{exponent}").expect("writing to a string does not fail");
}

/// Reads a double as `Double.parseDouble` does, without its hexadecimal form and without overflow to infinity, which
/// ksqlDB refuses unless the text names infinity.
pub(crate) fn parse_double(text: &str) -> Option<f64> {
    let text = text.trim();
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    match unsigned {
        "NaN" => return Some(f64::NAN),
        "Infinity" => {
            return Some(if text.starts_with('-') {
                f64::NEG_INFINITY
            } else {
                f64::INFINITY
            });
        }
        _ => {}
    }
    // Rust takes other spellings of infinity; Java takes a type suffix.
    let digits = text.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(text);
    if !digits
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'))
    {
        return None;
    }
    let value: f64 = digits.parse().ok()?;
    value.is_finite().then_some(value)
}

/// Appends the digits of a decimal with `scale` places, never with an exponent (`BigDecimal.toPlainString`).
pub(crate) fn write_decimal(unscaled: i128, scale: i8, out: &mut String) {
    if unscaled < 0 {
        out.push('-');
    }
    let digits = unscaled.unsigned_abs().to_string();
    let Ok(places) = usize::try_from(scale) else {
        out.push_str(&digits);
        if unscaled != 0 {
            out.extend(std::iter::repeat_n('0', usize::from(scale.unsigned_abs())));
        }
        return;
    };
    if places == 0 {
        out.push_str(&digits);
        return;
    }
    if digits.len() > places {
        out.push_str(&digits[..digits.len() - places]);
    } else {
        out.push('0');
    }
    out.push('.');
    out.extend(std::iter::repeat_n('0', places.saturating_sub(digits.len())));
    out.push_str(&digits[digits.len().saturating_sub(places)..]);
}

/// Appends a decimal as `BigDecimal.toString` does: with an exponent where it is smaller than a millionth.
pub(crate) fn write_big_decimal(unscaled: i128, scale: i8, out: &mut String) {
    let digits = unscaled.unsigned_abs().to_string();
    let adjusted = digits.len() as i64 - 1 - i64::from(scale);
    if scale >= 0 && adjusted >= -6 {
        write_decimal(unscaled, scale, out);
        return;
    }
    if unscaled < 0 {
        out.push('-');
    }
    out.push_str(&digits[..1]);
    if digits.len() > 1 {
        out.push('.');
        out.push_str(&digits[1..]);
    }
    if adjusted != 0 {
        write!(out, "E{adjusted:+}").expect("writing to a string does not fail");
    }
}

/// A number in digits: its sign, its significant digits and the power of ten of the last of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Digits {
    pub(crate) negative: bool,
    /// Without leading zeros; empty is zero.
    pub(crate) significant: Vec<u8>,
    pub(crate) exponent: i64,
}

impl Digits {
    /// Reads `-12.50E3` as `new BigDecimal(text)` does.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, exponent) = match rest.find(['e', 'E']) {
            Some(at) => {
                let digits = &rest[at + 1..];
                let digits = digits
                    .strip_prefix('+')
                    .filter(|d| !d.starts_with('-'))
                    .unwrap_or(digits);
                (&rest[..at], digits.parse::<i32>().ok()?)
            }
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let all = || whole.bytes().chain(fraction.bytes());
        if !all().all(|b| b.is_ascii_digit()) {
            return None;
        }
        Some(Self {
            negative,
            significant: all().skip_while(|b| *b == b'0').collect(),
            exponent: i64::from(exponent) - fraction.len() as i64,
        })
    }

    /// The shortest digits of a double, as `BigDecimal.valueOf` takes them. `None` for what is not finite.
    pub(crate) fn of_double(value: f64) -> Option<Self> {
        if !value.is_finite() {
            return None;
        }
        Self::parse(&format!("{value:e}"))
    }

    /// Digits after the point, at least none.
    pub(crate) fn scale(&self) -> i64 {
        -self.exponent
    }

    /// The number times ten to the `scale`, rounded; `None` where it has more than 38 digits.
    pub(crate) fn unscaled(&self, scale: i8, rounding: Rounding) -> Option<i128> {
        let shift = self.exponent + i64::from(scale);
        let count = self.significant.len() as i64;
        let kept = usize::try_from((count + shift.min(0)).max(0)).ok()?;
        let mut value: i128 = 0;
        for digit in &self.significant[..kept.min(self.significant.len())] {
            value = value.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
        }
        if shift > 0 && value != 0 {
            value = value.checked_mul(10_i128.checked_pow(u32::try_from(shift).ok()?)?)?;
        }
        if shift < 0 && !self.significant.is_empty() {
            let lead = usize::try_from(-(count + shift)).ok();
            // The first dropped digit is zero where the number is smaller than a tenth of the last place.
            let (first, more) = match lead {
                Some(gap) if gap > 0 => (b'0', true),
                _ => (
                    self.significant.get(kept).copied().unwrap_or(b'0'),
                    self.significant
                        .get(kept + 1..)
                        .is_some_and(|d| d.iter().any(|b| *b != b'0')),
                ),
            };
            let up = match rounding {
                Rounding::Down => false,
                Rounding::HalfUp => first >= b'5',
                Rounding::HalfDown => first > b'5' || (first == b'5' && more),
            };
            if up {
                value = value.checked_add(1)?;
            }
        }
        (value < 10_i128.pow(38)).then_some(if self.negative { -value } else { value })
    }
}

/// What happens to digits that are dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rounding {
    /// Towards zero.
    Down,
    /// To the nearest, a half away from zero.
    HalfUp,
    /// To the nearest, a half towards zero.
    HalfDown,
}

/// `unscaled` of scale `from` as scale `to`; `None` where it has more than 38 digits.
pub(crate) fn rescale(unscaled: i128, from: i8, to: i8, rounding: Rounding) -> Option<i128> {
    let shift = i32::from(to) - i32::from(from);
    if shift >= 0 {
        if unscaled == 0 {
            return Some(0);
        }
        let factor = 10_i128.checked_pow(shift.unsigned_abs())?;
        return unscaled
            .checked_mul(factor)
            .filter(|v| v.unsigned_abs() < 10_u128.pow(38));
    }
    let Some(factor) = 10_i128.checked_pow(shift.unsigned_abs()) else {
        return Some(0);
    };
    let (quotient, rest) = (unscaled / factor, (unscaled % factor).unsigned_abs());
    let half = factor.unsigned_abs() / 2;
    let up = match rounding {
        Rounding::Down => false,
        Rounding::HalfUp => rest >= half,
        Rounding::HalfDown => rest > half,
    };
    Some(if up { quotient + unscaled.signum() } else { quotient })
}

/// The double nearest to a decimal.
pub(crate) fn decimal_to_double(unscaled: i128, scale: i8) -> f64 {
    // Both are exact here, and so the division rounds once.
    if unscaled.unsigned_abs() < 1 << 53 && (0..=22).contains(&scale) {
        return unscaled as f64 / 10_f64.powi(i32::from(scale));
    }
    format!("{unscaled}e{}", -i32::from(scale))
        .parse()
        .expect("an integer and an exponent are a number")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_written_as_java_writes_them() {
        for (value, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-1.5, "-1.5"),
            (0.001, "0.001"),
            (0.000_99, "9.9E-4"),
            (9_999_999.0, "9999999.0"),
            (10_000_000.0, "1.0E7"),
            (1_946_195_068_359_375.0, "1.946195068359375E15"),
            (123.456, "123.456"),
            (5e-324, "4.9E-324"),
            (f64::MAX, "1.7976931348623157E308"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            let mut out = String::new();
            write_double(value, &mut out);
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn doubles_are_read_as_java_reads_them() {
        for (text, expected) in [
            (" 1.5 ", Some(1.5)),
            ("1e3", Some(1_000.0)),
            (".5", Some(0.5)),
            ("5.", Some(5.0)),
            ("1d", Some(1.0)),
            ("-Infinity", Some(f64::NEG_INFINITY)),
            ("inf", None),
            ("1e400", None),
            ("", None),
            ("0x1p3", None),
            ("1 2", None),
        ] {
            assert_eq!(parse_double(text), expected, "{text}");
        }
    }

    #[test]
    fn decimals_are_written_plainly() {
        for (unscaled, scale, expected) in [
            (12_345, 2, "123.45"),
            (-5, 3, "-0.005"),
            (0, 2, "0.00"),
            (7, 0, "7"),
            (7, -2, "700"),
            (100, 2, "1.00"),
        ] {
            let mut out = String::new();
            write_decimal(unscaled, scale, &mut out);
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn digits_round_as_big_decimals_do() {
        for (text, scale, rounding, expected) in [
            ("1.005", 2, Rounding::HalfUp, Some(101)),
            ("1.005", 2, Rounding::HalfDown, Some(100)),
            ("1.0051", 2, Rounding::HalfDown, Some(101)),
            ("-1.005", 2, Rounding::HalfUp, Some(-101)),
            ("12.5E2", 0, Rounding::HalfUp, Some(1_250)),
            ("0.004", 2, Rounding::HalfUp, Some(0)),
            ("0.005", 2, Rounding::HalfUp, Some(1)),
            ("0.0005", 2, Rounding::HalfUp, Some(0)),
            ("149", -2, Rounding::HalfUp, Some(1)),
            ("150", -2, Rounding::HalfUp, Some(2)),
            ("50", -2, Rounding::HalfUp, Some(1)),
            ("1.9", 0, Rounding::Down, Some(1)),
            ("0", 5, Rounding::HalfUp, Some(0)),
            ("1e38", 0, Rounding::HalfUp, None),
        ] {
            let digits = Digits::parse(text).unwrap();
            assert_eq!(digits.unscaled(scale, rounding), expected, "{text}");
        }
        for bad in ["", ".", "1e", "abc", "1.2.3", "--1", "1e+-2", "½"] {
            assert_eq!(Digits::parse(bad), None, "{bad}");
        }
        assert_eq!(rescale(150, 0, -2, Rounding::HalfUp), Some(2));
        assert_eq!(rescale(-150, 2, 0, Rounding::HalfUp), Some(-2));
        assert_eq!(rescale(-150, 2, 0, Rounding::HalfDown), Some(-1));
        assert_eq!(rescale(i128::MAX / 10, 0, 3, Rounding::Down), None);
    }

    #[test]
    fn decimals_become_the_nearest_double() {
        assert_eq!(decimal_to_double(12_345, 2), 123.45);
        assert_eq!(
            decimal_to_double(99_999_999_999_999_999_999_999, 5),
            999_999_999_999_999_999.999_99
        );
    }
}
