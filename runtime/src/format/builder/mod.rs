//! Typed columns under construction, shared by all decoders.
//!
//! Own builders over plain vectors rather than Arrow's: a decoder must be able to take back the values of a row that
//! turns out to be bad ([`ColumnBuilder::truncate`]), and the common case (no null) must cost a push and a branch. They
//! know SQL types, not formats; what text becomes which value is in `format::coerce` and `format::json`.

mod names;
mod nested;
mod scalar;
#[cfg(test)]
mod tests;
mod validity;
mod variable;

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, Time32MillisecondType,
    TimestampMillisecondType,
};

pub(in crate::format) use names::{FieldNames, Fit};
pub(in crate::format) use nested::{ArrayBuilder, MapBuilder, StructBuilder};
pub(in crate::format) use scalar::ScalarBuilder;
pub(in crate::format) use variable::VariableBuilder;

use super::UnsupportedSchema;
use crate::types::limits::NESTING_DEPTH_MAX;
use crate::types::schema::SqlType;

/// Encoded bytes that a decoder takes in one batch; the rows behind them are bad rows. Arrow's 32-bit offsets into a
/// string column must hold the decoded text, which can be up to twice as long as the encoded one.
pub(in crate::format) const BATCH_DECODED_BYTES_MAX: usize = 1 << 30;

/// A column under construction, one variant a SQL type.
#[derive(Debug)]
pub(in crate::format) enum ColumnBuilder {
    Boolean(ScalarBuilder<bool>),
    Integer(ScalarBuilder<i32>),
    Bigint(ScalarBuilder<i64>),
    Double(ScalarBuilder<f64>),
    Decimal(ScalarBuilder<i128>, u8, i8),
    String(VariableBuilder),
    Bytes(VariableBuilder),
    Time(ScalarBuilder<i32>),
    Date(ScalarBuilder<i32>),
    Timestamp(ScalarBuilder<i64>),
    Array(Box<ArrayBuilder>),
    Map(Box<MapBuilder>),
    Struct(Box<StructBuilder>),
}

impl ColumnBuilder {
    /// An empty column.
    ///
    /// # Errors
    /// When `sql_type` nests too deep, has a `MAP` whose key is no `STRING`, or a `DECIMAL` out of range.
    pub(in crate::format) fn new(sql_type: &SqlType) -> Result<Self, UnsupportedSchema> {
        Self::at_depth(sql_type, 0)
    }

    fn at_depth(sql_type: &SqlType, depth: usize) -> Result<Self, UnsupportedSchema> {
        if depth >= NESTING_DEPTH_MAX {
            return Err(UnsupportedSchema(format!(
                "types may nest {NESTING_DEPTH_MAX} levels deep, this one goes further"
            )));
        }
        Ok(match sql_type {
            SqlType::Boolean => Self::Boolean(ScalarBuilder::default()),
            SqlType::Integer => Self::Integer(ScalarBuilder::default()),
            SqlType::Bigint => Self::Bigint(ScalarBuilder::default()),
            SqlType::Double => Self::Double(ScalarBuilder::default()),
            SqlType::Decimal(precision, scale) => {
                check_decimal(*precision, *scale)?;
                Self::Decimal(ScalarBuilder::default(), *precision, *scale)
            }
            SqlType::String => Self::String(VariableBuilder::default()),
            SqlType::Bytes => Self::Bytes(VariableBuilder::default()),
            SqlType::Time => Self::Time(ScalarBuilder::default()),
            SqlType::Date => Self::Date(ScalarBuilder::default()),
            SqlType::Timestamp => Self::Timestamp(ScalarBuilder::default()),
            SqlType::Array(element) => {
                let builder = Self::at_depth(element, depth + 1)?;
                let DataType::List(field) = sql_type.to_arrow() else {
                    unreachable!("an ARRAY is carried as a list")
                };
                Self::Array(Box::new(ArrayBuilder::new(field, builder)))
            }
            SqlType::Map(key, value) => {
                if **key != SqlType::String {
                    return Err(UnsupportedSchema(format!(
                        "the keys of a JSON object are strings, so only MAP<STRING, ...> can be stored in it, not {sql_type}"
                    )));
                }
                let builder = Self::at_depth(value, depth + 1)?;
                let DataType::Map(entries, _) = sql_type.to_arrow() else {
                    unreachable!("a MAP is carried as a map")
                };
                Self::Map(Box::new(MapBuilder::new(entries, builder)))
            }
            SqlType::Struct(fields) => {
                let builders = fields
                    .iter()
                    .map(|(_, field)| Self::at_depth(field, depth + 1))
                    .collect::<Result<_, _>>()?;
                let DataType::Struct(fields) = sql_type.to_arrow() else {
                    unreachable!("a STRUCT is carried as a struct")
                };
                Self::Struct(Box::new(StructBuilder::new(fields, builders)))
            }
        })
    }

    /// Number of values so far.
    pub(in crate::format) fn len(&self) -> usize {
        match self {
            Self::Boolean(b) => b.len(),
            Self::Integer(b) | Self::Time(b) | Self::Date(b) => b.len(),
            Self::Bigint(b) | Self::Timestamp(b) => b.len(),
            Self::Double(b) => b.len(),
            Self::Decimal(b, _, _) => b.len(),
            Self::String(b) | Self::Bytes(b) => b.len(),
            Self::Array(b) => b.len(),
            Self::Map(b) => b.len(),
            Self::Struct(b) => b.len(),
        }
    }

    /// Appends a null.
    pub(in crate::format) fn push_null(&mut self) {
        match self {
            Self::Boolean(b) => b.push_null(),
            Self::Integer(b) | Self::Time(b) | Self::Date(b) => b.push_null(),
            Self::Bigint(b) | Self::Timestamp(b) => b.push_null(),
            Self::Double(b) => b.push_null(),
            Self::Decimal(b, _, _) => b.push_null(),
            Self::String(b) | Self::Bytes(b) => b.push_null(),
            Self::Array(b) => b.push_null(),
            Self::Map(b) => b.push_null(),
            Self::Struct(b) => b.push_null(),
        }
    }

    /// Takes back all values from `length` on, including the parts of one that was not finished.
    pub(in crate::format) fn truncate(&mut self, length: usize) {
        match self {
            Self::Boolean(b) => b.truncate(length),
            Self::Integer(b) | Self::Time(b) | Self::Date(b) => b.truncate(length),
            Self::Bigint(b) | Self::Timestamp(b) => b.truncate(length),
            Self::Double(b) => b.truncate(length),
            Self::Decimal(b, _, _) => b.truncate(length),
            Self::String(b) | Self::Bytes(b) => b.truncate(length),
            Self::Array(b) => b.truncate(length),
            Self::Map(b) => b.truncate(length),
            Self::Struct(b) => b.truncate(length),
        }
    }

    /// Makes room for `rows` values.
    pub(in crate::format) fn reserve(&mut self, rows: usize) {
        match self {
            Self::Boolean(b) => b.reserve(rows),
            Self::Integer(b) | Self::Time(b) | Self::Date(b) => b.reserve(rows),
            Self::Bigint(b) | Self::Timestamp(b) => b.reserve(rows),
            Self::Double(b) => b.reserve(rows),
            Self::Decimal(b, _, _) => b.reserve(rows),
            Self::String(b) | Self::Bytes(b) => b.reserve(rows),
            Self::Array(_) | Self::Map(_) | Self::Struct(_) => {}
        }
    }

    /// The column as an Arrow array of the type that `SqlType::to_arrow` names; the builder starts the next one.
    pub(in crate::format) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Boolean(b) => b.finish_booleans(),
            Self::Integer(b) => Arc::new(b.finish::<Int32Type>()),
            Self::Bigint(b) => Arc::new(b.finish::<Int64Type>()),
            Self::Double(b) => Arc::new(b.finish::<Float64Type>()),
            Self::Decimal(b, precision, scale) => Arc::new(
                b.finish::<Decimal128Type>()
                    .with_precision_and_scale(*precision, *scale)
                    .expect("precision and scale were checked when the builder was made"),
            ),
            Self::String(b) => b.finish_strings(),
            Self::Bytes(b) => b.finish_binaries(),
            Self::Time(b) => Arc::new(b.finish::<Time32MillisecondType>()),
            Self::Date(b) => Arc::new(b.finish::<Date32Type>()),
            Self::Timestamp(b) => Arc::new(b.finish::<TimestampMillisecondType>()),
            Self::Array(b) => b.finish(),
            Self::Map(b) => b.finish(),
            Self::Struct(b) => b.finish(),
        }
    }

    /// The SQL name of the type, as errors show it.
    pub(in crate::format) fn type_name(&self) -> String {
        match self {
            Self::Boolean(_) => "BOOLEAN".into(),
            Self::Integer(_) => "INTEGER".into(),
            Self::Bigint(_) => "BIGINT".into(),
            Self::Double(_) => "DOUBLE".into(),
            Self::Decimal(_, precision, scale) => format!("DECIMAL({precision}, {scale})"),
            Self::String(_) => "STRING".into(),
            Self::Bytes(_) => "BYTES".into(),
            Self::Time(_) => "TIME".into(),
            Self::Date(_) => "DATE".into(),
            Self::Timestamp(_) => "TIMESTAMP".into(),
            Self::Array(_) => "ARRAY".into(),
            Self::Map(_) => "MAP".into(),
            Self::Struct(_) => "STRUCT".into(),
        }
    }
}

/// ksqlDB's bounds: precision 1 to 38, scale 0 to precision.
fn check_decimal(precision: u8, scale: i8) -> Result<(), UnsupportedSchema> {
    if (1..=38).contains(&precision) && (0..=38).contains(&scale) && scale as u8 <= precision {
        return Ok(());
    }
    Err(UnsupportedSchema(format!(
        "DECIMAL({precision}, {scale}) is out of range: precision is 1 to 38, scale 0 to the precision"
    )))
}
