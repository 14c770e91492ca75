//! Values of any type as bytes that are equal when the values are: what Java's `equals` says of them.
//!
//! NULL equals NULL, maps are equal whatever the order of their entries, `NaN` equals `NaN` and 0.0 differs from -0.0.
//! Not here: an order. The bytes of different types do not compare.

use datafusion::arrow::array::Array;
use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, Time32MillisecondType,
    TimestampMillisecondType,
};

/// Appends the key of the value at `at`.
pub(crate) fn write_key(array: &dyn Array, at: usize, out: &mut Vec<u8>) {
    if array.data_type() == &DataType::Null || array.is_null(at) {
        out.push(0);
        return;
    }
    out.push(1);
    match array.data_type() {
        DataType::Boolean => out.push(u8::from(array.as_boolean().value(at))),
        DataType::Int32 => out.extend(array.as_primitive::<Int32Type>().value(at).to_be_bytes()),
        DataType::Int64 => out.extend(array.as_primitive::<Int64Type>().value(at).to_be_bytes()),
        DataType::Float64 => {
            let value = array.as_primitive::<Float64Type>().value(at);
            let value = if value.is_nan() { f64::NAN } else { value };
            out.extend(value.to_bits().to_be_bytes());
        }
        DataType::Decimal128(..) => out.extend(array.as_primitive::<Decimal128Type>().value(at).to_be_bytes()),
        DataType::Date32 => out.extend(array.as_primitive::<Date32Type>().value(at).to_be_bytes()),
        DataType::Time32(_) => out.extend(array.as_primitive::<Time32MillisecondType>().value(at).to_be_bytes()),
        DataType::Timestamp(..) => {
            out.extend(array.as_primitive::<TimestampMillisecondType>().value(at).to_be_bytes());
        }
        DataType::Utf8 => write_bytes(array.as_string::<i32>().value(at).as_bytes(), out),
        DataType::Binary => write_bytes(array.as_binary::<i32>().value(at), out),
        DataType::List(_) => {
            let values = array.as_list::<i32>().value(at);
            write_length(values.len(), out);
            for index in 0..values.len() {
                write_key(&values, index, out);
            }
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(at);
            let mut keys: Vec<Vec<u8>> = (0..entries.len())
                .map(|index| {
                    let mut key = Vec::new();
                    write_key(entries.column(0), index, &mut key);
                    write_key(entries.column(1), index, &mut key);
                    key
                })
                .collect();
            keys.sort();
            write_length(keys.len(), out);
            out.extend(keys.into_iter().flatten());
        }
        DataType::Struct(_) => {
            for column in array.as_struct().columns() {
                write_key(column, at, out);
            }
        }
        // Functions and operators see only the Arrow forms of SQL types.
        other => unreachable!("{other} is not the Arrow form of a SQL type"),
    }
}

fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    write_length(bytes.len(), out);
    out.extend(bytes);
}

fn write_length(length: usize, out: &mut Vec<u8>) {
    out.extend((length as u64).to_be_bytes());
}
