//! DECIMAL(p, s): exact numbers with a fixed number of digits.

use alloc::string::String;
use core::fmt::{self, Write};

use crate::argument::Fixed;

/// A number of at most `P` digits, `S` of them behind the point. `Decimal<10, 2>` is `DECIMAL(10, 2)`.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Decimal<const P: u8, const S: u8>(i128);

impl<const P: u8, const S: u8> Decimal<P, S> {
    const LIMIT: i128 = {
        assert!(
            P >= 1 && P <= 38 && S <= P,
            "DECIMAL(p, s) needs 1 <= p <= 38 and s <= p"
        );
        10_i128.pow(P as u32)
    };
    const SCALE: i128 = 10_i128.pow(S as u32);

    /// The number `unscaled / 10^S`: 150 with `S` = 2 is 1.50. `None` when it has more than `P` digits.
    pub fn from_unscaled(unscaled: i128) -> Option<Self> {
        (unscaled.unsigned_abs() < Self::LIMIT.unsigned_abs()).then_some(Decimal(unscaled))
    }

    /// The number times `10^S`.
    pub fn unscaled(self) -> i128 {
        self.0
    }

    /// The nearest f64.
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / Self::SCALE as f64
    }

    /// The nearest number, halves away from zero; `None` when it has more than `P` digits or is not finite.
    pub fn from_f64(number: f64) -> Option<Self> {
        let scaled = (number * Self::SCALE as f64).round();
        // Beyond, the conversion would saturate; 10^38 is inside.
        if scaled.is_finite() && scaled.abs() < 1.5e38 {
            Self::from_unscaled(scaled as i128)
        } else {
            None
        }
    }

    /// The same number with other digits, rounded half away from zero; `None` when it does not fit.
    pub fn rescale<const P2: u8, const S2: u8>(self) -> Option<Decimal<P2, S2>> {
        let unscaled = if S2 >= S {
            self.0.checked_mul(10_i128.pow(u32::from(S2 - S)))?
        } else {
            let divisor = 10_i128.pow(u32::from(S - S2));
            let (quotient, rest) = (self.0 / divisor, self.0 % divisor);
            if rest.unsigned_abs() * 2 >= divisor.unsigned_abs() {
                quotient + rest.signum()
            } else {
                quotient
            }
        };
        Decimal::from_unscaled(unscaled)
    }

    /// The sum; `None` when it has more than `P` digits.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Self::from_unscaled(self.0.checked_add(other.0)?)
    }

    /// The difference; `None` when it has more than `P` digits.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        Self::from_unscaled(self.0.checked_sub(other.0)?)
    }
}

impl<const P: u8, const S: u8> fmt::Display for Decimal<P, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (
            self.0.unsigned_abs() / Self::SCALE as u128,
            self.0.unsigned_abs() % Self::SCALE as u128,
        );
        let sign = if self.0 < 0 { "-" } else { "" };
        if S == 0 {
            write!(f, "{sign}{whole}")
        } else {
            write!(f, "{sign}{whole}.{part:0width$}", width = S as usize)
        }
    }
}

impl<const P: u8, const S: u8> fmt::Debug for Decimal<P, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

// SAFETY: transparent over i128; inside of its precision by construction.
unsafe impl<const P: u8, const S: u8> Fixed for Decimal<P, S> {
    fn sql_type(out: &mut String) {
        // A String takes all that is written to it.
        let _ = write!(out, "DECIMAL({P}, {S})");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(unscaled: i128) -> Decimal<10, 2> {
        Decimal::from_unscaled(unscaled).expect("fits")
    }

    #[test]
    fn digits_are_counted() {
        assert!(Decimal::<3, 1>::from_unscaled(999).is_some());
        assert!(Decimal::<3, 1>::from_unscaled(1_000).is_none());
        assert!(Decimal::<3, 1>::from_unscaled(-1_000).is_none());
        assert!(Decimal::<38, 0>::from_unscaled(i128::MAX).is_none());
        assert!(Decimal::<38, 0>::from_unscaled(i128::MIN).is_none());
        assert!(price(9_999_999_999).checked_add(price(1)).is_none());
        assert_eq!(price(150).checked_sub(price(151)), Some(price(-1)));
    }

    #[test]
    fn shown_with_all_digits_behind_the_point() {
        for (unscaled, text) in [(150, "1.50"), (-5, "-0.05"), (0, "0.00"), (-123_456, "-1234.56")] {
            assert_eq!(std::format!("{}", price(unscaled)), text);
        }
        assert_eq!(
            std::format!("{}", Decimal::<5, 0>::from_unscaled(-7).expect("fits")),
            "-7"
        );
    }

    #[test]
    fn f64_both_ways() {
        assert_eq!(Decimal::<10, 2>::from_f64(1.5), Some(price(150)));
        assert_eq!(Decimal::<10, 2>::from_f64(-0.125), Some(price(-13)));
        assert_eq!(Decimal::<10, 2>::from_f64(f64::NAN), None);
        assert_eq!(Decimal::<10, 2>::from_f64(1e300), None);
        assert_eq!(Decimal::<3, 2>::from_f64(10.0), None);
        assert!((price(-12_345).to_f64() + 123.45).abs() < 1e-12);
    }

    #[test]
    fn rescale_rounds_half_away_from_zero() {
        let rescaled = |unscaled: i128| price(unscaled).rescale::<5, 1>().map(Decimal::unscaled);
        assert_eq!(rescaled(125), Some(13));
        assert_eq!(rescaled(-125), Some(-13));
        assert_eq!(rescaled(124), Some(12));
        assert_eq!(price(125).rescale::<10, 4>().map(Decimal::unscaled), Some(12_500));
        assert_eq!(rescaled(99_999_999), None);
    }
}
