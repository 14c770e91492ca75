//! Between the texts of options, whole numbers, and Arrow arrays of a SQL type.
//!
//! Many SQL types are whole numbers of something: DECIMAL of its last digit, DATE of days, TIME and TIMESTAMP of
//! milliseconds. These numbers are called ticks here.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, AsArray, Date32Array, Decimal128Array, Int32Array, Int64Array, StringArray, Time32MillisecondArray,
    TimestampMillisecondArray,
};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Int64Type};

use crate::types::schema::SqlType;

const MS_PER_DAY: i64 = 86_400_000;

/// Texts as values of `sql_type`.
pub(super) fn parse(sql_type: &SqlType, texts: &[&str]) -> Result<ArrayRef, String> {
    if matches!(sql_type, SqlType::Array(_) | SqlType::Map(_, _) | SqlType::Struct(_)) {
        return Err(format!("values of type {sql_type} cannot be given as text"));
    }
    let strings: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
    let strict = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    cast_with_options(&strings, &sql_type.to_arrow(), &strict).map_err(|_| {
        // The cast names no text; find the first that is wrong.
        let is_wrong = |text: &&&str| {
            let one: ArrayRef = Arc::new(StringArray::from(vec![**text]));
            cast_with_options(&one, &sql_type.to_arrow(), &strict).is_err()
        };
        let text = texts.iter().find(is_wrong).copied().unwrap_or_default();
        format!("`{text}` is no {sql_type}")
    })
}

/// True for types whose values are ticks.
pub(super) fn has_ticks(sql_type: &SqlType) -> bool {
    matches!(
        sql_type,
        SqlType::Integer
            | SqlType::Bigint
            | SqlType::Decimal(_, _)
            | SqlType::Date
            | SqlType::Time
            | SqlType::Timestamp
    )
}

/// A text as ticks of `sql_type`.
pub(super) fn parse_ticks(sql_type: &SqlType, text: &str) -> Result<i64, String> {
    let text = text.trim();
    let value = parse(sql_type, &[text])?;
    let ticks = match value.data_type() {
        DataType::Decimal128(_, _) => i64::try_from(value.as_primitive::<Decimal128Type>().value(0)).ok(),
        DataType::Date32 | DataType::Time32(_) => cast_with_options(&value, &DataType::Int32, &CastOptions::default())
            .and_then(|days| cast_with_options(&days, &DataType::Int64, &CastOptions::default()))
            .ok()
            .map(|ticks| ticks.as_primitive::<Int64Type>().value(0)),
        _ => cast_with_options(&value, &DataType::Int64, &CastOptions::default())
            .ok()
            .map(|ticks| ticks.as_primitive::<Int64Type>().value(0)),
    };
    ticks.ok_or_else(|| format!("`{text}` has more than 18 digits, which cannot be generated"))
}

/// The smallest and the largest tick that `sql_type` holds and that can be generated.
pub(super) fn tick_range(sql_type: &SqlType) -> (i64, i64) {
    match sql_type {
        SqlType::Integer | SqlType::Date => (i64::from(i32::MIN), i64::from(i32::MAX)),
        SqlType::Time => (0, MS_PER_DAY - 1),
        SqlType::Decimal(precision, _) => {
            let bound = 10_i64.pow(u32::from(*precision).min(18)) - 1;
            (-bound, bound)
        }
        _ => (i64::MIN, i64::MAX),
    }
}

/// The bounds of random values where none are given: few enough digits to read, whole 2026 for dates.
pub(super) fn default_tick_range(sql_type: &SqlType) -> (i64, i64) {
    match sql_type {
        SqlType::Integer => (0, 999),
        SqlType::Bigint => (0, 999_999),
        SqlType::Date => (20_454, 20_454 + 364),
        SqlType::Timestamp => (20_454 * MS_PER_DAY, (20_454 + 365) * MS_PER_DAY - 1),
        SqlType::Decimal(_, scale) => {
            let thousand = 10_i64
                .checked_pow(3 + u32::from(scale.unsigned_abs()))
                .unwrap_or(i64::MAX);
            (0, tick_range(sql_type).1.min(thousand - 1))
        }
        _ => tick_range(sql_type),
    }
}

/// `tick` brought into the range of `sql_type` by starting over at the other end.
pub(super) fn wrap_tick(sql_type: &SqlType, tick: i128) -> i64 {
    let (min, max) = tick_range(sql_type);
    let span = i128::from(max) - i128::from(min) + 1;
    let wrapped = (tick - i128::from(min)).rem_euclid(span) + i128::from(min);
    i64::try_from(wrapped).expect("between two numbers of 64 bits")
}

/// Ticks as an array of `sql_type`, which must have ticks; each must be in its range.
#[expect(clippy::cast_possible_truncation, reason = "the ticks are in the range of the type")]
pub(super) fn ticks_array(sql_type: &SqlType, ticks: Vec<i64>) -> ArrayRef {
    match sql_type {
        SqlType::Integer => Arc::new(Int32Array::from_iter_values(ticks.into_iter().map(|tick| tick as i32))),
        SqlType::Date => Arc::new(Date32Array::from_iter_values(ticks.into_iter().map(|tick| tick as i32))),
        SqlType::Time => Arc::new(Time32MillisecondArray::from_iter_values(
            ticks.into_iter().map(|tick| tick as i32),
        )),
        SqlType::Timestamp => Arc::new(TimestampMillisecondArray::from(ticks)),
        SqlType::Decimal(_, _) => Arc::new(
            Decimal128Array::from_iter_values(ticks.into_iter().map(i128::from)).with_data_type(sql_type.to_arrow()),
        ),
        _ => Arc::new(Int64Array::from(ticks)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_ticks() {
        for (sql_type, text, ticks) in [
            (SqlType::Integer, "-5", -5),
            (SqlType::Bigint, " 9223372036854775807 ", i64::MAX),
            (SqlType::Decimal(6, 2), "12.34", 1_234),
            (SqlType::Date, "1970-01-02", 1),
            (SqlType::Time, "00:00:01.5", 1_500),
            (SqlType::Timestamp, "2026-01-01T00:00:00Z", 1_767_225_600_000),
            (SqlType::Timestamp, "1970-01-01 00:00:00.001", 1),
        ] {
            assert_eq!(parse_ticks(&sql_type, text).unwrap(), ticks, "{text}");
        }
        assert_eq!(
            parse_ticks(&SqlType::Integer, "3000000000").unwrap_err(),
            "`3000000000` is no INTEGER"
        );
        assert_eq!(
            parse(&SqlType::Date, &["2026-01-01", "soon"]).unwrap_err(),
            "`soon` is no DATE"
        );
        assert!(parse(&SqlType::Array(Box::new(SqlType::Integer)), &["1"]).is_err());
    }

    #[test]
    fn ticks_start_over_at_the_other_end() {
        assert_eq!(
            wrap_tick(&SqlType::Integer, i128::from(i32::MAX) + 1),
            i64::from(i32::MIN)
        );
        assert_eq!(wrap_tick(&SqlType::Time, i128::from(MS_PER_DAY) + 3), 3);
        assert_eq!(wrap_tick(&SqlType::Decimal(2, 1), 100), -99);
        assert_eq!(wrap_tick(&SqlType::Bigint, i128::from(i64::MIN) - 1), i64::MAX);
        assert_eq!(wrap_tick(&SqlType::Bigint, 7), 7);
    }

    #[test]
    fn default_dates_are_the_year_2026() {
        assert_eq!(parse_ticks(&SqlType::Date, "2026-01-01").unwrap(), 20_454);
        assert_eq!(parse_ticks(&SqlType::Date, "2026-12-31").unwrap(), 20_454 + 364);
    }
}
