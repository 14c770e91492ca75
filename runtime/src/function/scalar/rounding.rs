//! ROUND, TRUNC, CEIL and FLOOR.
//!
//! ROUND takes a half up, towards positive infinity, as `Math.round` does: -1.5 becomes -1. With a number of places a
//! decimal keeps its type, without one it loses its fraction.

use std::cmp::Ordering;

use datafusion::arrow::array::ArrayRef;
use datafusion::error::Result;

use super::math::same_type;
use crate::function::column::{Call, Unscaled, rows1, rows2};
use crate::function::definition::{Definition, define};
use crate::function::java_number::{Digits, Rounding, rescale};
use crate::function::row_error::Fault;
use crate::types::schema::SqlType;

pub(super) fn functions() -> Vec<Definition> {
    vec![
        define(
            "round",
            "the nearest whole number, a half up, or the nearest with a number of places",
        )
        .on("(INT) -> BIGINT", |c| rows1(c, |v: i32| Some(i64::from(v))))
        .on("(BIGINT) -> BIGINT", |c| rows1(c, |v: i64| Some(v)))
        .on("(DOUBLE) -> BIGINT", |c| rows1(c, |v| Some(round_double(v))))
        .on("(DOUBLE, INT) -> DOUBLE", |c| {
            rows2(c, |v, places| double_places(v, places, half_up))
        })
        .on_with("(DECIMAL) -> DECIMAL", without_fraction, |c| to_whole(c, half_up))
        .on_with("(DECIMAL, INT) -> DECIMAL", same_type, |c| decimal_places(c, half_up)),
        define(
            "trunc",
            "the number without its fraction, or without all but a number of places of it",
        )
        .on("(INT) -> BIGINT", |c| rows1(c, |v: i32| Some(i64::from(v))))
        .on("(BIGINT) -> BIGINT", |c| rows1(c, |v: i64| Some(v)))
        .on("(DOUBLE) -> BIGINT", |c| rows1(c, |v| Some(cut_double(v))))
        .on("(DOUBLE, INT) -> DOUBLE", |c| {
            rows2(c, |v, places| double_places(v, places, down))
        })
        .on_with("(DECIMAL) -> DECIMAL", without_fraction, |c| to_whole(c, down))
        .on_with("(DECIMAL, INT) -> DECIMAL", same_type, |c| decimal_places(c, down)),
        define("ceil", "the smallest whole number that is not smaller")
            .on("(INT) -> INT", |c| rows1(c, |v: i32| Some(v)))
            .on("(BIGINT) -> BIGINT", |c| rows1(c, |v: i64| Some(v)))
            .on("(DOUBLE) -> DOUBLE", |c| rows1(c, |v: f64| Some(v.ceil())))
            .on_with("(DECIMAL) -> DECIMAL", same_type, |c| bound(c, Ordering::Greater)),
        define("floor", "the largest whole number that is not larger")
            .on("(INT) -> INT", |c| rows1(c, |v: i32| Some(v)))
            .on("(BIGINT) -> BIGINT", |c| rows1(c, |v: i64| Some(v)))
            .on("(DOUBLE) -> DOUBLE", |c| rows1(c, |v: f64| Some(v.floor())))
            .on_with("(DECIMAL) -> DECIMAL", same_type, |c| bound(c, Ordering::Less)),
    ]
}

/// `DECIMAL(p, s)` to `DECIMAL(p - s, 0)`.
fn without_fraction(arguments: &[SqlType]) -> Option<SqlType> {
    match arguments {
        [SqlType::Decimal(p, s)] => {
            let whole = i16::from(*p) - i16::from(*s);
            Some(SqlType::Decimal(u8::try_from(whole.clamp(1, 38)).ok()?, 0))
        }
        _ => None,
    }
}

/// A half goes up: away from zero above it, towards zero below.
fn half_up(negative: bool) -> Rounding {
    if negative { Rounding::HalfDown } else { Rounding::HalfUp }
}

fn down(_: bool) -> Rounding {
    Rounding::Down
}

/// `Math.round`: no number is zero, what is too large is the largest BIGINT.
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates, as Java's does")]
fn round_double(value: f64) -> i64 {
    let floor = value.floor();
    (if value - floor >= 0.5 { floor + 1.0 } else { floor }) as i64
}

#[expect(clippy::cast_possible_truncation, reason = "the cast saturates, as Java's does")]
fn cut_double(value: f64) -> i64 {
    value as i64
}

/// Rounds the shortest digits of a double, not its exact value: 1.005 is a half of a hundredth.
fn double_places(value: f64, places: i32, rounding: fn(bool) -> Rounding) -> Result<Option<f64>, Fault> {
    let digits = Digits::of_double(value).ok_or_else(|| Fault::from(format!("{value} cannot be rounded")))?;
    if i64::from(places) >= digits.scale() {
        return Ok(Some(value));
    }
    let scale = i8::try_from(places.max(-127)).map_err(|_| Fault::from("too many places"))?;
    let unscaled = digits.unscaled(scale, rounding(digits.negative));
    let unscaled = unscaled.ok_or_else(|| Fault::from(format!("{value} has too many digits to round")))?;
    let rounded: f64 = format!("{unscaled}e{}", -i32::from(scale))
        .parse()
        .map_err(|_| Fault::from("the rounded number is too large"))?;
    Ok(Some(rounded))
}

fn scale_of(array: &ArrayRef) -> i8 {
    match array.data_type() {
        datafusion::arrow::datatypes::DataType::Decimal128(_, scale) => *scale,
        other => unreachable!("the overload takes decimals, not {other}"),
    }
}

fn to_whole(call: &Call<'_>, rounding: fn(bool) -> Rounding) -> Result<ArrayRef> {
    let scale = scale_of(&call.args[0].array);
    rows1(call, |v: Unscaled| {
        rescale(v.0, scale, 0, rounding(v.0 < 0)).map(Unscaled)
    })
}

fn decimal_places(call: &Call<'_>, rounding: fn(bool) -> Rounding) -> Result<ArrayRef> {
    let scale = scale_of(&call.args[0].array);
    rows2(call, |v: Unscaled, places: i32| {
        if places >= i32::from(scale) {
            return Some(v);
        }
        let places = i8::try_from(places.max(-127)).unwrap_or(scale);
        let rounded = rescale(v.0, scale, places, rounding(v.0 < 0))?;
        rescale(rounded, places, scale, Rounding::Down).map(Unscaled)
    })
}

/// The whole number at or beyond the value in a direction.
fn bound(call: &Call<'_>, direction: Ordering) -> Result<ArrayRef> {
    let scale = scale_of(&call.args[0].array);
    let unit = 10_i128.pow(scale.max(0).unsigned_abs().into());
    rows1(call, |v: Unscaled| {
        let below = v.0.div_euclid(unit) * unit;
        Some(Unscaled(if direction == Ordering::Greater && below != v.0 {
            below + unit
        } else {
            below
        }))
    })
}
