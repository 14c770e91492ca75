//! `DOUBLE` values as text, written as Java's `Double.toString` writes them.
//!
//! ksqlDB's records hold that form (`1.0`, `1.0E10`, `1.234E-5`), and its consumers compare on it.

/// Appends `value` as Java writes it; `NaN`, `Infinity` and `-Infinity` included.
pub(in crate::format) fn write_double(value: f64, out: &mut Vec<u8>) {
    if !value.is_finite() {
        out.extend_from_slice(non_finite(value).as_bytes());
        return;
    }
    let magnitude = value.abs();
    let mut buffer = ryu::Buffer::new();
    let shortest = buffer.format_finite(value);
    if magnitude == 0.0 || (1e-3..1e7).contains(&magnitude) {
        // Here both write the shortest digits, with a point and at least one digit behind it.
        out.extend_from_slice(shortest.as_bytes());
    } else if magnitude < f64::MIN_POSITIVE {
        write_subnormal(value, shortest, out);
    } else {
        write_scientific(shortest, out);
    }
}

/// Java's name of a value that is no number.
pub(in crate::format) fn non_finite(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}

/// Rewrites a shortest form (`1e10`, `12345678.9`, `0.000123`) as `d.dddE±n`.
fn write_scientific(shortest: &str, out: &mut Vec<u8>) {
    let (sign, unsigned) = match shortest.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", shortest),
    };
    let (mantissa, exponent) = unsigned.split_once('e').unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = || whole.bytes().chain(fraction.bytes());
    let leading_zeros = digits().take_while(|digit| *digit == b'0').count();
    let trailing_zeros = digits().rev().take_while(|digit| *digit == b'0').count();
    let count = whole.len() + fraction.len() - trailing_zeros;
    let exponent: i64 = exponent.parse().expect("ryu writes a decimal exponent");
    let power = exponent + whole.len() as i64 - 1 - leading_zeros as i64;

    out.extend_from_slice(sign.as_bytes());
    let mut significant = digits().take(count).skip(leading_zeros);
    out.extend(significant.next());
    out.push(b'.');
    let behind = out.len();
    out.extend(significant);
    if out.len() == behind {
        out.push(b'0');
    }
    out.push(b'E');
    out.extend_from_slice(itoa::Buffer::new().format(power).as_bytes());
}

/// Java writes at least two digits and, of those that read back as the same value, the nearest: `4.9E-324` where one
/// digit would do (`5e-324`). Only subnormal values have so few digits that it shows.
fn write_subnormal(value: f64, shortest: &str, out: &mut Vec<u8>) {
    let two_digits = format!("{value:.1e}");
    if shortest.bytes().filter(u8::is_ascii_digit).count() <= 4 && two_digits.parse() == Ok(value) {
        write_scientific(&two_digits, out);
    } else {
        write_scientific(shortest, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: f64) -> String {
        let mut out = Vec::new();
        write_double(value, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn plain_between_a_thousandth_and_ten_million() {
        for (value, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-1.5, "-1.5"),
            (0.001, "0.001"),
            (9_999_999.0, "9999999.0"),
            (9_999_999.999_999_998, "9999999.999999998"),
            (22_026.465_794_806_718, "22026.465794806718"),
            (0.1 + 0.2, "0.30000000000000004"),
        ] {
            assert_eq!(text(value), expected);
        }
    }

    #[test]
    fn scientific_outside() {
        for (value, expected) in [
            (1e7, "1.0E7"),
            (12_345_678.9, "1.23456789E7"),
            (1e10, "1.0E10"),
            (-1.234e-5, "-1.234E-5"),
            (9.99e-4, "9.99E-4"),
            (1e16, "1.0E16"),
            (123_456_789_012_345_680.0, "1.2345678901234568E17"),
            (1e23, "1.0E23"),
            (f64::MAX, "1.7976931348623157E308"),
            (f64::MIN_POSITIVE, "2.2250738585072014E-308"),
        ] {
            assert_eq!(text(value), expected);
        }
    }

    #[test]
    fn the_smallest_values_have_two_digits() {
        assert_eq!(text(f64::from_bits(1)), "4.9E-324");
        assert_eq!(text(-f64::from_bits(2)), "-9.9E-324");
        assert_eq!(text(f64::from_bits(3)), "1.5E-323");
        assert_eq!(text(2.225_073_858_507_201e-308), "2.225073858507201E-308");
    }

    #[test]
    fn no_numbers_have_javas_names() {
        assert_eq!(text(f64::NAN), "NaN");
        assert_eq!(text(f64::INFINITY), "Infinity");
        assert_eq!(text(f64::NEG_INFINITY), "-Infinity");
    }

    #[test]
    fn every_written_value_reads_back() {
        let mut state = 7_u64;
        for _ in 0..20_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let value = f64::from_bits(state);
            if value.is_finite() {
                assert_eq!(text(value).parse::<f64>().unwrap().to_bits(), value.to_bits());
            }
        }
    }
}
