//! Values in their plainest form, read straight into a column: the inner loop of the speculative way.
//!
//! Only forms that are both common and cheap to recognise; for all others there is no answer (`None`, and nothing was
//! pushed), and the general way reads the value. What is read here is what it would read.

use super::scan::{POWERS_OF_TEN, digits, string_stop};
use crate::format::builder::ColumnBuilder;

/// Integers up to here are exact in an `f64`.
const EXACT_IN_F64: u64 = 1 << 53;
/// Powers of ten up to here are exact in an `f64`.
const EXACT_POWER_MAX: usize = 22;

/// Reads the value at `pos` into `column`; gives where it ends. The buffer may go on behind the record.
#[inline]
pub(super) fn fill_plain(buffer: &[u8], pos: usize, column: &mut ColumnBuilder) -> Option<usize> {
    match column {
        ColumnBuilder::Bigint(builder) | ColumnBuilder::Timestamp(builder) => {
            let (value, end) = integer(buffer, pos)?;
            builder.push(value);
            Some(end)
        }
        ColumnBuilder::String(builder) => {
            if buffer.get(pos) != Some(&b'"') {
                return None;
            }
            let stop = string_stop(buffer, pos + 1);
            if buffer.get(stop) != Some(&b'"') {
                return None;
            }
            builder.push_range(buffer, pos + 1, stop);
            Some(stop + 1)
        }
        ColumnBuilder::Integer(builder) => {
            let (value, end) = integer(buffer, pos)?;
            builder.push(i32::try_from(value).ok()?);
            Some(end)
        }
        ColumnBuilder::Double(builder) => {
            let decimal = decimal(buffer, pos)?;
            builder.push(decimal.to_f64()?);
            Some(decimal.end)
        }
        ColumnBuilder::Decimal(builder, precision, scale) => {
            let decimal = decimal(buffer, pos)?;
            builder.push(decimal.to_scale(*precision, *scale)?);
            Some(decimal.end)
        }
        ColumnBuilder::Boolean(builder) => {
            let rest = buffer.get(pos..)?;
            let (value, end) = if rest.starts_with(b"true") {
                (true, pos + 4)
            } else if rest.starts_with(b"false") {
                (false, pos + 5)
            } else {
                return None;
            };
            builder.push(value);
            Some(end)
        }
        _ => None,
    }
}

/// An integer of up to 18 digits, without a point or an exponent.
#[inline]
fn integer(buffer: &[u8], pos: usize) -> Option<(i64, usize)> {
    let negative = buffer.get(pos) == Some(&b'-');
    let start = pos + usize::from(negative);
    let (value, count) = whole_digits(buffer, start)?;
    let end = start + count;
    if let Some(b'.' | b'e' | b'E') = buffer.get(end) {
        return None;
    }
    let value = value as i64;
    Some((if negative { -value } else { value }, end))
}

/// Digits as they may stand before a point: no leading zero but a lone one.
#[inline]
fn whole_digits(buffer: &[u8], pos: usize) -> Option<(u64, usize)> {
    let (value, count) = digits(buffer, pos)?;
    (count == 1 || buffer.get(pos) != Some(&b'0')).then_some((value, count))
}

/// A number without an exponent whose digits, the point left out, fit in 64 bits.
struct Decimal {
    negative: bool,
    digits: u64,
    /// How many of the digits are behind the point.
    scale: usize,
    end: usize,
}

#[inline]
fn decimal(buffer: &[u8], pos: usize) -> Option<Decimal> {
    let negative = buffer.get(pos) == Some(&b'-');
    let start = pos + usize::from(negative);
    let (whole, count) = whole_digits(buffer, start)?;
    let mut number = Decimal {
        negative,
        digits: whole,
        scale: 0,
        end: start + count,
    };
    if buffer.get(number.end) == Some(&b'.') {
        let (fraction, scale) = digits(buffer, number.end + 1)?;
        if count + scale > 18 {
            return None;
        }
        number.digits = whole * POWERS_OF_TEN[scale] + fraction;
        number.scale = scale;
        number.end += 1 + scale;
    }
    match buffer.get(number.end) {
        Some(b'e' | b'E') => None,
        _ => Some(number),
    }
}

impl Decimal {
    /// The nearest double. Both operands of the division are exact and it rounds once, so the result is the correctly
    /// rounded one (Clinger's fast path); where they are not exact there is no answer.
    #[inline]
    fn to_f64(&self) -> Option<f64> {
        if self.digits > EXACT_IN_F64 || self.scale > EXACT_POWER_MAX {
            return None;
        }
        let magnitude = self.digits as f64 / POWERS_OF_TEN[self.scale] as f64;
        // There is no negative zero in a number of a record, see `Number::to_f64`.
        Some(if self.negative { -magnitude + 0.0 } else { magnitude })
    }

    /// The unscaled value at `scale`.
    #[inline]
    fn to_scale(&self, precision: u8, scale: i8) -> Option<i128> {
        let shift = (scale as usize).checked_sub(self.scale)?;
        let magnitude = u128::from(self.digits).checked_mul(u128::from(*POWERS_OF_TEN.get(shift)?))?;
        let value = i128::try_from(magnitude).ok()?;
        (value < 10_i128.pow(u32::from(precision))).then_some(if self.negative { -value } else { value })
    }
}
