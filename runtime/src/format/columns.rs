//! Arrow arrays as the SQL types that they carry, for encoders.
//!
//! An encoder is made for declared columns; what it is handed must be their Arrow forms. This is the one place where that
//! is looked at, and where the arrays are taken apart, so that the encoders only meet typed values.

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, ArrayRef, BinaryArray, BooleanArray, ListArray, MapArray, StringArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{
    Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, Time32MillisecondType, TimestampMillisecondType,
};

use super::EncodeError;
use crate::types::schema::{Column, SqlType};

/// A column to be written.
#[derive(Debug)]
pub(super) struct Values<'a> {
    nulls: Option<&'a NullBuffer>,
    pub(super) kind: Kind<'a>,
}

/// The values of a column, one variant a SQL type.
#[derive(Debug)]
pub(super) enum Kind<'a> {
    Boolean(&'a BooleanArray),
    Integer(&'a [i32]),
    Bigint(&'a [i64]),
    Double(&'a [f64]),
    Decimal(&'a [i128], i8),
    String(&'a StringArray),
    Bytes(&'a BinaryArray),
    Array(&'a ListArray, Box<Values<'a>>),
    Map(&'a MapArray, &'a StringArray, Box<Values<'a>>),
    Struct(Vec<Values<'a>>),
}

impl<'a> Values<'a> {
    /// `array` as `sql_type`; `None` when it does not carry that type.
    fn new(array: &'a dyn Array, sql_type: &SqlType) -> Option<Self> {
        let kind = match sql_type {
            SqlType::Boolean => Kind::Boolean(array.as_boolean_opt()?),
            SqlType::Integer => Kind::Integer(array.as_primitive_opt::<Int32Type>()?.values()),
            SqlType::Bigint => Kind::Bigint(array.as_primitive_opt::<Int64Type>()?.values()),
            SqlType::Double => Kind::Double(array.as_primitive_opt::<Float64Type>()?.values()),
            SqlType::Decimal(_, scale) => {
                let array = array.as_primitive_opt::<Decimal128Type>()?;
                (array.scale() == *scale).then_some(Kind::Decimal(array.values(), *scale))?
            }
            SqlType::String => Kind::String(array.as_string_opt::<i32>()?),
            SqlType::Bytes => Kind::Bytes(array.as_binary_opt::<i32>()?),
            SqlType::Time => Kind::Integer(array.as_primitive_opt::<Time32MillisecondType>()?.values()),
            SqlType::Date => Kind::Integer(array.as_primitive_opt::<Date32Type>()?.values()),
            SqlType::Timestamp => Kind::Bigint(array.as_primitive_opt::<TimestampMillisecondType>()?.values()),
            SqlType::Array(element) => {
                let array = array.as_list_opt::<i32>()?;
                Kind::Array(array, Box::new(Self::new(array.values(), element)?))
            }
            SqlType::Map(_, value) => {
                let array = array.as_map_opt()?;
                let keys = array.keys().as_string_opt::<i32>()?;
                Kind::Map(array, keys, Box::new(Self::new(array.values(), value)?))
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
                Kind::Struct(fields)
            }
        };
        Some(Self {
            nulls: array.nulls().filter(|nulls| nulls.null_count() > 0),
            kind,
        })
    }

    /// True where row `row` is null.
    #[inline]
    pub(super) fn is_null(&self, row: usize) -> bool {
        self.nulls.is_some_and(|nulls| nulls.is_null(row))
    }
}

/// True where row `row` is marked in `null_rows`.
pub(super) fn is_marked(null_rows: Option<&BooleanArray>, row: usize) -> bool {
    null_rows.is_some_and(|marks| marks.is_valid(row) && marks.value(row))
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
