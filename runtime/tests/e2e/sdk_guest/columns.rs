//! Columns of any type, made up from a seed: nulls on every level, empty and long values, extremes.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, ListArray,
    MapArray, StringArray, StructArray, Time32MillisecondArray, TimestampMillisecondArray,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::DataType;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// Whether some values are null.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Nulls {
    Some,
    None,
}

/// A column of `rows` values.
pub(super) fn column(data_type: &DataType, rows: usize, nulls: Nulls, seed: u64) -> ArrayRef {
    Maker {
        random: SmallRng::seed_from_u64(seed),
        nulls,
    }
    .column(data_type, rows, nulls)
}

struct Maker {
    random: SmallRng,
    /// Inside of values.
    nulls: Nulls,
}

impl Maker {
    fn values<T>(&mut self, rows: usize, nulls: Nulls, mut value: impl FnMut(&mut SmallRng) -> T) -> Vec<Option<T>> {
        let mut make = |_| {
            let value = value(&mut self.random);
            (nulls == Nulls::None || self.random.random_range(0..5) != 0).then_some(value)
        };
        (0..rows).map(&mut make).collect()
    }

    fn validity(&mut self, rows: usize, nulls: Nulls) -> Option<NullBuffer> {
        (nulls == Nulls::Some).then(|| (0..rows).map(|_| self.random.random_range(0..4) != 0).collect())
    }

    fn offsets(&mut self, rows: usize) -> OffsetBuffer<i32> {
        OffsetBuffer::from_lengths((0..rows).map(|_| self.random.random_range(0..5)))
    }

    fn column(&mut self, data_type: &DataType, rows: usize, nulls: Nulls) -> ArrayRef {
        match data_type {
            DataType::Boolean => Arc::new(BooleanArray::from(self.values(
                rows,
                nulls,
                rand::RngExt::random::<bool>,
            ))),
            DataType::Int32 => Arc::new(Int32Array::from(self.values(rows, nulls, rand::RngExt::random::<i32>))),
            DataType::Int64 => Arc::new(Int64Array::from(self.values(rows, nulls, rand::RngExt::random::<i64>))),
            DataType::Float64 => Arc::new(Float64Array::from(self.values(rows, nulls, float))),
            DataType::Date32 => Arc::new(Date32Array::from(self.values(rows, nulls, rand::RngExt::random::<i32>))),
            DataType::Time32(_) => Arc::new(Time32MillisecondArray::from(
                self.values(rows, nulls, |r| r.random_range(0..86_400_000)),
            )),
            DataType::Timestamp(_, _) => Arc::new(TimestampMillisecondArray::from(self.values(
                rows,
                nulls,
                rand::RngExt::random::<i64>,
            ))),
            DataType::Decimal128(precision, scale) => {
                let limit = 10_i128.pow(u32::from(*precision));
                let values = self.values(rows, nulls, |r| r.random::<i128>() % limit);
                let decimals = Decimal128Array::from(values).with_precision_and_scale(*precision, *scale);
                Arc::new(decimals.expect("values are below the limit"))
            }
            DataType::Utf8 => Arc::new(StringArray::from(self.values(rows, nulls, text))),
            DataType::Binary => Arc::new(BinaryArray::from_iter(self.values(rows, nulls, bytes))),
            nested => self.nested(nested, rows, nulls),
        }
    }

    fn nested(&mut self, data_type: &DataType, rows: usize, nulls: Nulls) -> ArrayRef {
        let (offsets, validity, inner) = (self.offsets(rows), self.validity(rows, nulls), self.nulls);
        let children = offsets
            .last()
            .map_or(0, |last| usize::try_from(*last).expect("not negative"));
        match data_type {
            DataType::List(field) => {
                let elements = self.column(field.data_type(), children, inner);
                Arc::new(ListArray::new(Arc::clone(field), offsets, elements, validity))
            }
            DataType::Map(entries, sorted) => {
                let DataType::Struct(fields) = entries.data_type() else {
                    panic!("entries of a map are structs")
                };
                let keys = self.column(fields[0].data_type(), children, Nulls::None);
                let values = self.column(fields[1].data_type(), children, inner);
                let both = StructArray::new(fields.clone(), vec![keys, values], None);
                Arc::new(MapArray::new(Arc::clone(entries), offsets, both, validity, *sorted))
            }
            DataType::Struct(fields) => {
                let columns = fields
                    .iter()
                    .map(|field| self.column(field.data_type(), rows, inner))
                    .collect();
                Arc::new(StructArray::new(fields.clone(), columns, validity))
            }
            other => panic!("no SQL type is {other}"),
        }
    }
}

fn float(random: &mut SmallRng) -> f64 {
    match random.random_range(0..10) {
        0 => f64::INFINITY,
        1 => -0.0,
        _ => random.random_range(-1e6..1e6),
    }
}

fn text(random: &mut SmallRng) -> String {
    let length = random.random_range(0..12);
    (0..length)
        .map(|_| ['a', 'Z', ' ', 'é', '水', '\u{1F30A}'][random.random_range(0..6)])
        .collect()
}

fn bytes(random: &mut SmallRng) -> Vec<u8> {
    (0..random.random_range(0..12)).map(|_| random.random()).collect()
}
