//! Number tokens of JSON as Java's `BigDecimal` sees them: digits and scale, so that 1.10 is not 1.1.

/// A number token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    negative: bool,
    /// Decimal digits without zeros in front; empty for zero.
    digits: String,
    /// Digits behind the point; below zero where an exponent adds zeros.
    scale: i64,
    /// Written without point and exponent.
    pub(super) is_integer: bool,
}

impl Token {
    /// Reads a token of JSON's grammar; `None` where the exponent is beyond reason.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        let digits = digits.trim_start_matches('0');
        Some(Self {
            negative: negative && !digits.is_empty(),
            digits: digits.to_owned(),
            scale: i64::try_from(fraction.len()).ok()? - i64::from(exponent),
            is_integer: !unsigned.contains(['.', 'e', 'E']),
        })
    }

    /// Whether its scale is above zero.
    pub(super) fn has_fraction_digits(&self) -> bool {
        self.scale > 0
    }

    /// Whether both are the same number, whatever their scale.
    pub(super) fn same_value(&self, other: &Self) -> bool {
        self.plain() == other.plain()
    }

    /// Whether both are the same number with the same scale.
    pub(super) fn same_scale(&self, other: &Self) -> bool {
        (self.negative, &self.digits, self.scale) == (other.negative, &other.digits, other.scale)
    }

    /// Sign, digits without zeros behind, and the scale of these.
    fn plain(&self) -> (bool, &str, i64) {
        let digits = self.digits.trim_end_matches('0');
        let dropped = i64::try_from(self.digits.len() - digits.len()).unwrap_or(i64::MAX);
        let scale = if digits.is_empty() {
            0
        } else {
            self.scale.saturating_sub(dropped)
        };
        (self.negative, digits, scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str) -> Token {
        Token::parse(text).expect("a number")
    }

    #[test]
    fn value_and_scale() {
        assert!(token("1.10").same_value(&token("1.1")));
        assert!(!token("1.10").same_scale(&token("1.1")));
        assert!(token("1E+2").same_value(&token("100.0")));
        assert!(token("-0").same_value(&token("0.00")));
        assert!(!token("-1").same_value(&token("1")));
        assert!(token("1.5e3").same_scale(&token("15E2")));
        assert!(token("12").is_integer && !token("12e0").is_integer);
        assert!(Token::parse("1e99999999999").is_none());
    }
}
