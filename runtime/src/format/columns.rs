//! Arrow arrays as the SQL types that they carry, for encoders.
//!
//! An encoder is made for declared columns; what it is handed must be their Arrow forms. This is the one place where that
//! is looked at, and where the arrays are taken apart, so that the encoders only meet typed values.

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Decimal128Array, Float64Array, Int32Array, Int64Array, ListArray,
    MapArray, StringArray, StructArray,
};
use datafusion::arrow::array::{Date32Array, Time32MillisecondArray, TimestampMillisecondArray};

use super::EncodeError;
use crate::types::schema::{Column, SqlType};

/// A column to be written.
#[derive(Debug)]
pub(super) enum Values<'a> {
    Boolean(&'a BooleanArray),
    Integer(&'a Int32Array),
    Bigint(&'a Int64Array),
    Double(&'a Float64Array),
    Decimal(&'a Decimal128Array, i8),
    String(&'a StringArray),
    Bytes(&'a BinaryArray),
    Time(&'a Time32MillisecondArray),
    Date(&'a Date32Array),
    Timestamp(&'a TimestampMillisecondArray),
    Array(&'a ListArray, Box<Values<'a>>),
    Map(&'a MapArray, &'a StringArray, Box<Values<'a>>),
    Struct(&'a StructArray, Vec<Values<'a>>),
}

impl<'a> Values<'a> {
    /// `array` as `sql_type`; `None` when it does not carry that type.
    fn new(array: &'a dyn Array, sql_type: &SqlType) -> Option<Self> {
        Some(match sql_type {
            SqlType::Boolean => Self::Boolean(array.as_boolean_opt()?),
            SqlType::Integer => Self::Integer(array.as_primitive_opt()?),
            SqlType::Bigint => Self::Bigint(array.as_primitive_opt()?),
            SqlType::Double => Self::Double(array.as_primitive_opt()?),
            SqlType::Decimal(_, scale) => {
                let array: &Decimal128Array = array.as_primitive_opt()?;
                (array.scale() == *scale).then_some(Self::Decimal(array, *scale))?
            }
            SqlType::String => Self::String(array.as_string_opt::<i32>()?),
            SqlType::Bytes => Self::Bytes(array.as_binary_opt::<i32>()?),
            SqlType::Time => Self::Time(array.as_primitive_opt()?),
            SqlType::Date => Self::Date(array.as_primitive_opt()?),
            SqlType::Timestamp => Self::Timestamp(array.as_primitive_opt()?),
            SqlType::Array(element) => {
                let array = array.as_list_opt::<i32>()?;
                Self::Array(array, Box::new(Self::new(array.values(), element)?))
            }
            SqlType::Map(_, value) => {
                let array = array.as_map_opt()?;
                let keys = array.keys().as_string_opt::<i32>()?;
                Self::Map(array, keys, Box::new(Self::new(array.values(), value)?))
            }
            SqlType::Struct(fields) => {
                let array = array.as_struct_opt()?;
                if array.num_columns() != fields.len() {
                    return None;
                }
                let fields = array
                    .columns()
                    .iter()
                    .zip(fields)
                    .map(|(column, (_, sql_type))| Self::new(column, sql_type))
                    .collect::<Option<_>>()?;
                Self::Struct(array, fields)
            }
        })
    }

    /// True where row `row` is null.
    #[inline]
    pub(super) fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Boolean(array) => array.is_null(row),
            Self::Integer(array) => array.is_null(row),
            Self::Bigint(array) => array.is_null(row),
            Self::Double(array) => array.is_null(row),
            Self::Decimal(array, _) => array.is_null(row),
            Self::String(array) => array.is_null(row),
            Self::Bytes(array) => array.is_null(row),
            Self::Time(array) => array.is_null(row),
            Self::Date(array) => array.is_null(row),
            Self::Timestamp(array) => array.is_null(row),
            Self::Array(array, _) => array.is_null(row),
            Self::Map(array, _, _) => array.is_null(row),
            Self::Struct(array, _) => array.is_null(row),
        }
    }
}

/// `arrays` as the declared `columns`, each with `num_rows` rows.
///
/// # Errors
/// When there are more or fewer, when one has another type or another length: a fault of the caller.
pub(super) fn typed<'a>(
    columns: &[Column],
    arrays: &'a [ArrayRef],
    num_rows: usize,
) -> Result<Vec<Values<'a>>, EncodeError> {
    if arrays.len() != columns.len() {
        return Err(EncodeError::Columns {
            given: arrays.len(),
            declared: columns.len(),
        });
    }
    columns
        .iter()
        .zip(arrays)
        .map(|(column, array)| {
            Values::new(array, &column.sql_type)
                .filter(|_| array.len() == num_rows)
                .ok_or_else(|| EncodeError::Type {
                    column: column.name.clone(),
                    declared: column.sql_type.to_string(),
                    given: format!("{} rows of {}", array.len(), array.data_type()),
                    num_rows,
                })
        })
        .collect()
}
