//! Values that can be ordered, as states keep them: for MIN, MAX, TOPK and TOPKDISTINCT.
//!
//! Numbers and times by value, NaN above all other doubles and -0.0 below 0.0; texts and bytes byte by byte.

use std::cmp::Ordering;
use std::sync::Arc;

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, ArrayRef, BinaryArray, BooleanArray, PrimitiveArray, StringArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, Time32MillisecondType, TimeUnit,
    TimestampMillisecondType,
};
use datafusion::error::{DataFusionError, Result};

use super::state_reader::{StateReader, damaged, write_bytes};

/// A value that is not NULL. Keys of one column compare as the values do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SortKey {
    Number(i128),
    Bytes(Box<[u8]>),
}

impl SortKey {
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Self::Number(_) => 0,
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    pub(super) fn save(&self, out: &mut Vec<u8>) {
        match self {
            Self::Number(number) => {
                out.push(0);
                out.extend(number.to_le_bytes());
            }
            Self::Bytes(bytes) => {
                out.push(1);
                write_bytes(bytes, out);
            }
        }
    }

    pub(super) fn load(reader: &mut StateReader<'_>) -> Result<Self> {
        Ok(match reader.byte()? {
            0 => Self::Number(reader.i128()?),
            1 => Self::Bytes(reader.bytes()?.into()),
            _ => return Err(damaged()),
        })
    }
}

/// The values of a column, in the order of [`SortKey`].
#[derive(Debug)]
pub(super) struct SortColumn<'a> {
    nulls: Option<&'a NullBuffer>,
    values: Values<'a>,
}

#[derive(Debug)]
enum Values<'a> {
    Boolean(&'a BooleanArray),
    I32(&'a [i32]),
    I64(&'a [i64]),
    F64(&'a [f64]),
    I128(&'a [i128]),
    Text(&'a StringArray),
    Bytes(&'a BinaryArray),
}

impl<'a> SortColumn<'a> {
    /// # Errors
    /// When values of this type have no order.
    pub(super) fn new(array: &'a dyn Array) -> Result<Self> {
        let values = match array.data_type() {
            DataType::Boolean => Values::Boolean(array.as_boolean()),
            DataType::Int32 => Values::I32(array.as_primitive::<Int32Type>().values()),
            DataType::Date32 => Values::I32(array.as_primitive::<Date32Type>().values()),
            DataType::Time32(TimeUnit::Millisecond) => {
                Values::I32(array.as_primitive::<Time32MillisecondType>().values())
            }
            DataType::Int64 => Values::I64(array.as_primitive::<Int64Type>().values()),
            DataType::Timestamp(TimeUnit::Millisecond, _) => {
                Values::I64(array.as_primitive::<TimestampMillisecondType>().values())
            }
            DataType::Float64 => Values::F64(array.as_primitive::<Float64Type>().values()),
            DataType::Decimal128(..) => Values::I128(array.as_primitive::<Decimal128Type>().values()),
            DataType::Utf8 => Values::Text(array.as_string()),
            DataType::Binary => Values::Bytes(array.as_binary()),
            other => return Err(no_order(other)),
        };
        Ok(Self {
            nulls: array.nulls(),
            values,
        })
    }

    pub(super) fn nulls(&self) -> Option<&'a NullBuffer> {
        self.nulls
    }

    /// The key of a value that is not NULL.
    pub(super) fn key(&self, row: usize) -> SortKey {
        match self.bytes(row) {
            Some(bytes) => SortKey::Bytes(bytes.into()),
            None => SortKey::Number(self.number(row)),
        }
    }

    /// How the value compares with `key`, without making a key of it.
    pub(super) fn compare(&self, row: usize, key: &SortKey) -> Ordering {
        match (self.bytes(row), key) {
            (Some(bytes), SortKey::Bytes(key)) => bytes.cmp(key),
            (Some(_), SortKey::Number(_)) => Ordering::Greater,
            (None, SortKey::Number(key)) => self.number(row).cmp(key),
            (None, SortKey::Bytes(_)) => Ordering::Less,
        }
    }

    fn bytes(&self, row: usize) -> Option<&'a [u8]> {
        match self.values {
            Values::Text(texts) => Some(texts.value(row).as_bytes()),
            Values::Bytes(bytes) => Some(bytes.value(row)),
            _ => None,
        }
    }

    fn number(&self, row: usize) -> i128 {
        match self.values {
            Values::Boolean(values) => i128::from(values.value(row)),
            Values::I32(values) => i128::from(values[row]),
            Values::I64(values) => i128::from(values[row]),
            Values::F64(values) => i128::from(ordered_bits(values[row])),
            Values::I128(values) => values[row],
            Values::Text(_) | Values::Bytes(_) => unreachable!("texts have bytes"),
        }
    }
}

/// A column of `data_type` from keys that came from such a column.
pub(super) fn sort_key_array<'k>(
    data_type: &DataType,
    keys: impl Iterator<Item = Option<&'k SortKey>>,
) -> Result<ArrayRef> {
    let mut numbers = Vec::new();
    let mut texts = Vec::new();
    let is_bytes = matches!(data_type, DataType::Utf8 | DataType::Binary);
    for key in keys {
        match (key, is_bytes) {
            (None, false) => numbers.push(None),
            (Some(SortKey::Number(number)), false) => numbers.push(Some(*number)),
            (None, true) => texts.push(None),
            (Some(SortKey::Bytes(bytes)), true) => texts.push(Some(&**bytes)),
            _ => return Err(damaged()),
        }
    }
    // The numbers came from columns of this type, so they fit it.
    let narrow32 = |number: &Option<i128>| number.map(|number| number as i32);
    let narrow64 = |number: &Option<i128>| number.map(|number| number as i64);
    Ok(match data_type {
        DataType::Boolean => Arc::new(
            numbers
                .iter()
                .map(|number| number.map(|number| number != 0))
                .collect::<BooleanArray>(),
        ),
        DataType::Int32 => Arc::new(numbers.iter().map(narrow32).collect::<PrimitiveArray<Int32Type>>()),
        DataType::Date32 => Arc::new(numbers.iter().map(narrow32).collect::<PrimitiveArray<Date32Type>>()),
        DataType::Time32(TimeUnit::Millisecond) => Arc::new(
            numbers
                .iter()
                .map(narrow32)
                .collect::<PrimitiveArray<Time32MillisecondType>>(),
        ),
        DataType::Int64 => Arc::new(numbers.iter().map(narrow64).collect::<PrimitiveArray<Int64Type>>()),
        DataType::Timestamp(TimeUnit::Millisecond, zone) => Arc::new(
            numbers
                .iter()
                .map(narrow64)
                .collect::<PrimitiveArray<TimestampMillisecondType>>()
                .with_timezone_opt(zone.clone()),
        ),
        DataType::Float64 => Arc::new(
            numbers
                .iter()
                .map(|number| number.map(|number| from_ordered_bits(number as i64)))
                .collect::<PrimitiveArray<Float64Type>>(),
        ),
        DataType::Decimal128(..) => Arc::new(
            numbers
                .iter()
                .copied()
                .collect::<PrimitiveArray<Decimal128Type>>()
                .with_data_type(data_type.clone()),
        ),
        DataType::Utf8 => {
            let texts = texts
                .into_iter()
                .map(|text| text.map(std::str::from_utf8).transpose().map_err(|_| damaged()))
                .collect::<Result<Vec<_>>>()?;
            Arc::new(StringArray::from(texts))
        }
        DataType::Binary => Arc::new(BinaryArray::from(texts)),
        other => return Err(no_order(other)),
    })
}

fn no_order(data_type: &DataType) -> DataFusionError {
    DataFusionError::NotImplemented(format!("an aggregate cannot order values of type {data_type}"))
}

/// The bits of a double as an integer that compares as Java's `Double.compareTo` does.
fn ordered_bits(value: f64) -> i64 {
    let value = if value.is_nan() { f64::NAN } else { value };
    flip(value.to_bits() as i64)
}

fn from_ordered_bits(bits: i64) -> f64 {
    f64::from_bits(flip(bits) as u64)
}

/// Turns the magnitude of negative numbers around; its own inverse.
fn flip(bits: i64) -> i64 {
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}
