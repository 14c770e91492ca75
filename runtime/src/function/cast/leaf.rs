//! Casts between types without parts.

use std::sync::Arc;

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, ArrayRef, StringBuilder};
use datafusion::arrow::datatypes::{
    Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, TimestampMillisecondType,
};
use datafusion::common::plan_err;
use datafusion::error::Result;

use super::text::write_value;
use super::{Casted, iso_time};
use crate::function::column::{Date, Time, Timestamp, Unscaled, Write};
use crate::function::java_number::{Digits, Rounding, decimal_to_double, parse_double, rescale};
use crate::function::java_time::DAY_MS;
use crate::function::row_error::Fault;
use crate::types::schema::SqlType;

/// Casts a column whose types [`super::is_supported`] found right.
pub(super) fn cast_leaf(array: &ArrayRef, from: &SqlType, to: &SqlType) -> Result<Casted> {
    if *to == SqlType::String {
        return Ok(to_text(array));
    }
    Ok(match from {
        SqlType::Integer => {
            let column = array.as_primitive::<Int32Type>();
            from_integer(array, to, |at| i64::from(column.value(at)))
        }
        SqlType::Bigint => {
            let column = array.as_primitive::<Int64Type>();
            from_integer(array, to, |at| column.value(at))
        }
        SqlType::Double => {
            let column = array.as_primitive::<Float64Type>();
            from_double(array, to, |at| column.value(at))
        }
        SqlType::Decimal(_, scale) => {
            let column = array.as_primitive::<Decimal128Type>();
            from_decimal(array, *scale, to, |at| column.value(at))
        }
        SqlType::String => {
            let column = array.as_string::<i32>();
            from_text(array, to, |at| column.value(at))
        }
        SqlType::Date => {
            let column = array.as_primitive::<Date32Type>();
            each(array, to, |at| Ok(Timestamp(i64::from(column.value(at)) * DAY_MS)))
        }
        SqlType::Timestamp => {
            let column = array.as_primitive::<TimestampMillisecondType>();
            match to {
                SqlType::Date => each(array, to, |at| date_of(column.value(at))),
                _ => each(array, to, |at| Ok(time_of(column.value(at)))),
            }
        }
        other => return plan_err!("cast of {other} to {to} is not supported"),
    })
}

/// Days of a timestamp.
fn date_of(epoch_ms: i64) -> Result<Date, Fault> {
    i32::try_from(epoch_ms.div_euclid(DAY_MS))
        .map(Date)
        .map_err(|_| format!("timestamp {epoch_ms} is too far away for a date").into())
}

/// Time of day of a timestamp.
fn time_of(epoch_ms: i64) -> Time {
    Time(i32::try_from(epoch_ms.rem_euclid(DAY_MS)).expect("a day has fewer milliseconds than an i32"))
}

/// Applies `value` to each row that is not NULL.
fn each<T: Write>(array: &ArrayRef, to: &SqlType, value: impl Fn(usize) -> Result<T, Fault>) -> Casted {
    let mut builder = T::builder(array.len(), &to.to_arrow());
    let mut faults = Vec::new();
    for at in 0..array.len() {
        let value = if array.is_null(at) {
            None
        } else {
            value(at).map_err(|fault| faults.push((at, fault))).ok()
        };
        T::append(&mut builder, value);
    }
    Casted {
        array: T::finish(builder),
        faults,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "casts of integers keep the low bits, as in Java"
)]
fn from_integer(array: &ArrayRef, to: &SqlType, value: impl Fn(usize) -> i64) -> Casted {
    match to {
        SqlType::Integer => each(array, to, |at| Ok(value(at) as i32)),
        SqlType::Double => each(array, to, |at| Ok(value(at) as f64)),
        SqlType::Decimal(precision, scale) => {
            each(array, to, |at| rescale_to(i128::from(value(at)), 0, *precision, *scale))
        }
        _ => each(array, to, |at| Ok(value(at))),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "casts of doubles drop the fraction, as in Java"
)]
fn from_double(array: &ArrayRef, to: &SqlType, value: impl Fn(usize) -> f64) -> Casted {
    match to {
        SqlType::Integer => each(array, to, |at| Ok(value(at) as i32)),
        SqlType::Bigint => each(array, to, |at| Ok(value(at) as i64)),
        _ => {
            let (precision, scale) = decimal_parts(to);
            each(array, to, |at| {
                let value = value(at);
                // First the exact value of the double cut to the precision, then that to the scale.
                let digits = Digits::parse(&format!("{value:.*e}", usize::from(precision) - 1));
                let digits = digits.ok_or_else(|| Fault::from(format!("{value} is no decimal")))?;
                digits_to(&digits, precision, scale)
            })
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "casts of decimals keep the low bits, as in Java"
)]
fn from_decimal(array: &ArrayRef, from_scale: i8, to: &SqlType, value: impl Fn(usize) -> i128) -> Casted {
    let whole = |at: usize| rescale(value(at), from_scale, 0, Rounding::Down).unwrap_or(0);
    match to {
        SqlType::Integer => each(array, to, |at| Ok(whole(at) as i32)),
        SqlType::Bigint => each(array, to, |at| Ok(whole(at) as i64)),
        SqlType::Double => each(array, to, |at| Ok(decimal_to_double(value(at), from_scale))),
        _ => {
            let (precision, scale) = decimal_parts(to);
            each(array, to, |at| rescale_to(value(at), from_scale, precision, scale))
        }
    }
}

fn from_text<'a>(array: &ArrayRef, to: &SqlType, value: impl Fn(usize) -> &'a str) -> Casted {
    match to {
        SqlType::Boolean => each(array, to, |at| Ok(parse_boolean(value(at)))),
        SqlType::Integer => each(array, to, |at| parse_integer::<i32>(value(at), "an INTEGER")),
        SqlType::Bigint => each(array, to, |at| parse_integer::<i64>(value(at), "a BIGINT")),
        SqlType::Double => each(array, to, |at| {
            parse_double(value(at)).ok_or_else(|| format!("'{}' is not a DOUBLE", value(at)).into())
        }),
        SqlType::Time => each(array, to, |at| iso_time::parse_time(value(at)).map(Time)),
        SqlType::Date => each(array, to, |at| iso_time::parse_date(value(at)).map(Date)),
        SqlType::Timestamp => each(array, to, |at| iso_time::parse_timestamp(value(at)).map(Timestamp)),
        _ => {
            let (precision, scale) = decimal_parts(to);
            each(array, to, |at| {
                let text = value(at);
                let digits = Digits::parse(text.trim());
                let digits = digits.ok_or_else(|| Fault::from(format!("'{text}' is not a DECIMAL")))?;
                digits_to(&digits, precision, scale)
            })
        }
    }
}

fn to_text(array: &ArrayRef) -> Casted {
    let mut builder = StringBuilder::with_capacity(array.len(), array.len() * 12);
    let mut buffer = String::new();
    for at in 0..array.len() {
        if array.is_null(at) {
            builder.append_null();
        } else {
            buffer.clear();
            write_value(array, at, &mut buffer);
            builder.append_value(&buffer);
        }
    }
    Casted::clean(Arc::new(builder.finish()))
}

fn decimal_parts(to: &SqlType) -> (u8, i8) {
    match to {
        SqlType::Decimal(precision, scale) => (*precision, *scale),
        other => unreachable!("{other} is not a target of this cast"),
    }
}

fn parse_integer<T: std::str::FromStr>(text: &str, wanted: &str) -> Result<T, Fault> {
    text.trim()
        .parse()
        .map_err(|_| format!("'{text}' is not {wanted}").into())
}

/// Any start of `true` or `yes` is true, anything else false.
fn parse_boolean(text: &str) -> bool {
    parse_boolean_exact(text) == Some(true)
}

/// Any start of `true` or `yes` is true, of `false` or `no` false, of both kinds nothing.
pub(crate) fn parse_boolean_exact(text: &str) -> Option<bool> {
    let text = text.trim().to_ascii_lowercase();
    let starts = |words: [&str; 2]| !text.is_empty() && words.iter().any(|word| word.starts_with(&text));
    match (starts(["true", "yes"]), starts(["false", "no"])) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}

fn rescale_to(unscaled: i128, from_scale: i8, precision: u8, scale: i8) -> Result<Unscaled, Fault> {
    if !decimal_fits(unscaled, from_scale, precision, scale) {
        let mut text = String::new();
        crate::function::java_number::write_decimal(unscaled, from_scale, &mut text);
        return Err(overflow(&text, precision, scale));
    }
    rescale(unscaled, from_scale, scale, Rounding::HalfUp)
        .map(Unscaled)
        .ok_or_else(|| overflow("a number", precision, scale))
}

/// Whether the digits before the point fit a decimal; digits behind it are rounded.
fn decimal_fits(unscaled: i128, from_scale: i8, precision: u8, scale: i8) -> bool {
    let whole_digits = i32::from(precision) - i32::from(scale);
    match u32::try_from(whole_digits + i32::from(from_scale)) {
        Ok(digits) => 10_u128
            .checked_pow(digits)
            .is_none_or(|limit| unscaled.unsigned_abs() < limit),
        Err(_) => unscaled == 0,
    }
}

fn digits_to(digits: &Digits, precision: u8, scale: i8) -> Result<Unscaled, Fault> {
    let whole_digits = digits.significant.len() as i64 + digits.exponent;
    let fits = digits.significant.is_empty() || whole_digits <= i64::from(precision) - i64::from(scale);
    digits
        .unscaled(scale, Rounding::HalfUp)
        .filter(|_| fits)
        .map(Unscaled)
        .ok_or_else(|| overflow("a number", precision, scale))
}

fn overflow(text: &str, precision: u8, scale: i8) -> Fault {
    format!("{text} does not fit DECIMAL({precision}, {scale})").into()
}
