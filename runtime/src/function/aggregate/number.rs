//! Numbers that can be summed up: what SUM, AVG, SUM_LIST and the STDDEVs have in common.
//!
//! Sums of integers wrap around, as Java's do; that is what makes undoing exact.

use std::fmt;

use datafusion::arrow::array::ArrowPrimitiveType;
use datafusion::arrow::datatypes::{Decimal128Type, Float64Type, Int32Type, Int64Type};
use datafusion::error::Result;

use super::state_reader::StateReader;

/// A number as a state keeps it.
pub(super) trait Total: Copy + Default + Send + fmt::Debug + 'static {
    fn plus(self, other: Self) -> Self;
    fn times(self, weight: i8) -> Self;
    fn save(self, out: &mut Vec<u8>);
    fn load(reader: &mut StateReader<'_>) -> Result<Self>;
    fn to_f64(self) -> f64;
    /// `value * count - total`, computed as exactly as the type allows.
    fn spread(value: Self, count: i64, total: Self) -> f64;
}

macro_rules! integer_total {
    ($type:ty) => {
        impl Total for $type {
            #[inline]
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            #[inline]
            fn times(self, weight: i8) -> Self {
                self.wrapping_mul(Self::from(weight))
            }
            fn save(self, out: &mut Vec<u8>) {
                out.extend(self.to_le_bytes());
            }
            fn load(reader: &mut StateReader<'_>) -> Result<Self> {
                Ok(Self::from_le_bytes(reader.array()?))
            }
            #[inline]
            fn to_f64(self) -> f64 {
                self as f64
            }
            fn spread(value: Self, count: i64, total: Self) -> f64 {
                i128::from(value)
                    .wrapping_mul(i128::from(count))
                    .wrapping_sub(i128::from(total)) as f64
            }
        }
    };
}

#[allow(
    clippy::cast_lossless,
    clippy::useless_conversion,
    reason = "one macro serves integers of every width"
)]
mod integers {
    use super::{Result, StateReader, Total};
    integer_total!(i32);
    integer_total!(i64);
    integer_total!(i128);
}

impl Total for f64 {
    #[inline]
    fn plus(self, other: Self) -> Self {
        self + other
    }
    #[inline]
    fn times(self, weight: i8) -> Self {
        self * Self::from(weight)
    }
    fn save(self, out: &mut Vec<u8>) {
        out.extend(self.to_le_bytes());
    }
    fn load(reader: &mut StateReader<'_>) -> Result<Self> {
        reader.f64()
    }
    #[inline]
    fn to_f64(self) -> f64 {
        self
    }
    fn spread(value: Self, count: i64, total: Self) -> f64 {
        value * count as f64 - total
    }
}

/// A column of numbers.
pub(super) trait Number: ArrowPrimitiveType<Native: Total> + fmt::Debug {
    /// A type in which sums of such numbers do not overflow in practice.
    type Wide: Total;
    fn widen(value: Self::Native) -> Self::Wide;
}

impl Number for Int32Type {
    type Wide = i64;
    #[inline]
    fn widen(value: i32) -> i64 {
        i64::from(value)
    }
}

impl Number for Int64Type {
    type Wide = i128;
    #[inline]
    fn widen(value: i64) -> i128 {
        i128::from(value)
    }
}

impl Number for Float64Type {
    type Wide = f64;
    #[inline]
    fn widen(value: f64) -> f64 {
        value
    }
}

impl Number for Decimal128Type {
    type Wide = i128;
    #[inline]
    fn widen(value: i128) -> i128 {
        value
    }
}
