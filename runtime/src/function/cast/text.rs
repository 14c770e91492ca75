//! Values as text, as Java's `toString` writes them: `[1, 3]`, `{this=1}`, `Struct{F0=1,f1=3}`.

use std::fmt::Write;
use std::sync::Arc;

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, ArrayRef, StringBuilder};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, Time32MillisecondType,
    TimestampMillisecondType,
};

use super::{Casted, iso_time};
use crate::function::java_hash::java_map_order;
use crate::function::java_number::{write_big_decimal, write_decimal, write_double};

/// Whether a value stands alone or inside of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Alone,
    Inside,
}

/// Casts arrays, maps and structs to text.
pub(super) fn to_text(array: &ArrayRef) -> Casted {
    let mut builder = StringBuilder::new();
    let mut buffer = String::new();
    for at in 0..array.len() {
        if array.is_null(at) {
            builder.append_null();
            continue;
        }
        buffer.clear();
        write(array, at, Place::Alone, &mut buffer);
        builder.append_value(&buffer);
    }
    Casted::clean(Arc::new(builder.finish()))
}

/// Appends the value at `at` as a cast to STRING writes it; NULL is `null`.
pub(crate) fn write_value(array: &dyn Array, at: usize, out: &mut String) {
    write(array, at, Place::Alone, out);
}

/// Appends the value at `at` as it stands inside of an array, map or struct.
pub(crate) fn write_inside(array: &dyn Array, at: usize, out: &mut String) {
    write(array, at, Place::Inside, out);
}

#[expect(clippy::too_many_lines, reason = "a case for each type")]
fn write(array: &dyn Array, at: usize, place: Place, out: &mut String) {
    if array.is_null(at) {
        out.push_str("null");
        return;
    }
    match array.data_type() {
        DataType::Boolean => out.push_str(if array.as_boolean().value(at) { "true" } else { "false" }),
        DataType::Int32 => display(out, array.as_primitive::<Int32Type>().value(at)),
        DataType::Int64 => display(out, array.as_primitive::<Int64Type>().value(at)),
        DataType::Float64 => write_double(array.as_primitive::<Float64Type>().value(at), out),
        DataType::Decimal128(_, scale) => {
            let unscaled = array.as_primitive::<Decimal128Type>().value(at);
            match place {
                Place::Alone => write_decimal(unscaled, *scale, out),
                Place::Inside => write_big_decimal(unscaled, *scale, out),
            }
        }
        DataType::Utf8 => out.push_str(array.as_string::<i32>().value(at)),
        DataType::Binary => {
            for byte in array.as_binary::<i32>().value(at) {
                write!(out, "{byte:02X}").expect("writing to a string does not fail");
            }
        }
        DataType::Date32 => iso_time::write_date(array.as_primitive::<Date32Type>().value(at), out),
        DataType::Time32(_) => iso_time::write_time(array.as_primitive::<Time32MillisecondType>().value(at), out),
        DataType::Timestamp(..) => {
            iso_time::write_timestamp(array.as_primitive::<TimestampMillisecondType>().value(at), out);
        }
        DataType::List(_) => {
            let values = array.as_list::<i32>().value(at);
            out.push('[');
            for index in 0..values.len() {
                if index > 0 {
                    out.push_str(", ");
                }
                write(&values, index, Place::Inside, out);
            }
            out.push(']');
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(at);
            let (keys, values) = (entries.column(0), entries.column(1));
            out.push('{');
            for (position, index) in java_map_order(keys).into_iter().enumerate() {
                if position > 0 {
                    out.push_str(", ");
                }
                write(keys, index, Place::Inside, out);
                out.push('=');
                write(values, index, Place::Inside, out);
            }
            out.push('}');
        }
        DataType::Struct(fields) => {
            let columns = array.as_struct();
            out.push_str("Struct{");
            let mut first = true;
            for (field, column) in fields.iter().zip(columns.columns()) {
                if column.is_null(at) {
                    continue;
                }
                if !first {
                    out.push(',');
                }
                first = false;
                out.push_str(field.name());
                out.push('=');
                write(column, at, Place::Inside, out);
            }
            out.push('}');
        }
        other => display(out, other),
    }
}

fn display(out: &mut String, value: impl std::fmt::Display) {
    write!(out, "{value}").expect("writing to a string does not fail");
}
