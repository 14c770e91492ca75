//! Which partition a row of a connector without a partitioner of its own belongs to: by its key, or in turn.
//!
//! Keys of the types that Kafka's own serializers know go where a topic would put them.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type};
use datafusion::arrow::row::{RowConverter, SortField};

use super::Error;
use super::options::wrong;
use super::partitioner::partition_of_key;
use crate::types::schema::{Column, ColumnRole};

/// The partition, of `count`, of each of `rows`, whose keys are `keys`. Rows without a key are dealt out in turn, by
/// their number.
pub(super) fn partitions_of(count: i32, keys: &[ArrayRef], rows: &[i64]) -> Vec<i32> {
    let in_turn =
        |row: i64| i32::try_from(row.rem_euclid(i64::from(count))).expect("less than the number of partitions, an i32");
    if let [key] = keys
        && let Some(mut bytes) = kafka_bytes(key)
    {
        return rows
            .iter()
            .enumerate()
            .map(|(at, row)| {
                if key.is_null(at) {
                    in_turn(*row)
                } else {
                    bytes(at, &mut |bytes| partition_of_key(bytes, count))
                }
            })
            .collect();
    }
    let fields = keys.iter().map(|key| SortField::new(key.data_type().clone())).collect();
    match RowConverter::new(fields).and_then(|converter| converter.convert_columns(keys)) {
        Ok(encoded) if !keys.is_empty() => encoded.iter().map(|key| partition_of_key(key.data(), count)).collect(),
        _ => rows.iter().map(|row| in_turn(*row)).collect(),
    }
}

/// What hands the bytes of the key of a row to a hash.
type KeyBytes<'a> = Box<dyn FnMut(usize, &mut dyn FnMut(&[u8]) -> i32) -> i32 + 'a>;

/// The bytes that Kafka's own serializers give for a key (`KEY_FORMAT = 'KAFKA'`), where there is one for its type: so
/// a generated stream and a topic put the same key into the same partition.
fn kafka_bytes(key: &ArrayRef) -> Option<KeyBytes<'_>> {
    Some(match key.data_type() {
        DataType::Utf8 => {
            let key = key.as_string::<i32>();
            Box::new(move |row, hash| hash(key.value(row).as_bytes()))
        }
        DataType::Binary => {
            let key = key.as_binary::<i32>();
            Box::new(move |row, hash| hash(key.value(row)))
        }
        DataType::Int32 => {
            let key = key.as_primitive::<Int32Type>();
            Box::new(move |row, hash| hash(&key.value(row).to_be_bytes()))
        }
        DataType::Int64 => {
            let key = key.as_primitive::<Int64Type>();
            Box::new(move |row, hash| hash(&key.value(row).to_be_bytes()))
        }
        DataType::Float64 => {
            let key = key.as_primitive::<Float64Type>();
            Box::new(move |row, hash| hash(&key.value(row).to_be_bytes()))
        }
        _ => return None,
    })
}

/// Refuses columns of a generator that has no record headers, and a stream without columns.
///
/// # Errors
/// When there is no column, or one that reads headers.
pub(super) fn check_no_headers(connector: &str, columns: &[Column]) -> Result<(), Error> {
    if columns.is_empty() {
        return Err(wrong("CONNECTOR", format!("{connector} needs declared columns")));
    }
    match columns
        .iter()
        .find(|column| matches!(column.role, ColumnRole::Headers | ColumnRole::Header(_)))
    {
        Some(column) => Err(wrong(
            "CONNECTOR",
            format!(
                "column `{}` reads record headers, and generated rows have none",
                column.name
            ),
        )),
        None => Ok(()),
    }
}
