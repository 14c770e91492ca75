//! Columns to the bytes of their values.

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, BinaryViewArray, BooleanArray, Float64Array, GenericByteArray, StringViewArray};
use datafusion::arrow::buffer::{Buffer, NullBuffer};
use datafusion::arrow::datatypes::{
    BinaryType, ByteArrayType, DataType, Float64Type, LargeBinaryType, LargeUtf8Type, Utf8Type,
};
use datafusion::error::Result;

use super::super::state_reader::{write_bytes, write_length};
use super::{NULL, VALUE, unsupported};

/// Writes the values of one column. Made once for a batch, so that types are looked at once and not for each value.
#[derive(Debug)]
pub(in super::super) struct Encoder<'a> {
    nulls: Option<&'a NullBuffer>,
    values: Values<'a>,
}

#[derive(Debug)]
enum Values<'a> {
    Null,
    Boolean(&'a BooleanArray),
    Double(&'a Float64Array),
    Fixed {
        bytes: Buffer,
        width: usize,
    },
    Utf8(&'a GenericByteArray<Utf8Type>),
    LargeUtf8(&'a GenericByteArray<LargeUtf8Type>),
    Binary(&'a GenericByteArray<BinaryType>),
    LargeBinary(&'a GenericByteArray<LargeBinaryType>),
    TextView(&'a StringViewArray),
    BinaryView(&'a BinaryViewArray),
    List {
        offsets: &'a [i32],
        elements: Box<Encoder<'a>>,
    },
    Struct(Vec<Encoder<'a>>),
    Map {
        offsets: &'a [i32],
        keys: Box<Encoder<'a>>,
        values: Box<Encoder<'a>>,
    },
}

impl<'a> Encoder<'a> {
    /// # Errors
    /// When values of this type cannot be kept.
    pub(in super::super) fn new(array: &'a dyn Array) -> Result<Self> {
        let values = match array.data_type() {
            DataType::Null => Values::Null,
            DataType::Boolean => Values::Boolean(array.as_boolean()),
            DataType::Float64 => Values::Double(array.as_primitive::<Float64Type>()),
            DataType::Utf8 => Values::Utf8(array.as_bytes()),
            DataType::LargeUtf8 => Values::LargeUtf8(array.as_bytes()),
            DataType::Binary => Values::Binary(array.as_bytes()),
            DataType::LargeBinary => Values::LargeBinary(array.as_bytes()),
            DataType::Utf8View => Values::TextView(array.as_string_view()),
            DataType::BinaryView => Values::BinaryView(array.as_binary_view()),
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                Values::List {
                    offsets: list.value_offsets(),
                    elements: Box::new(Self::new(list.values())?),
                }
            }
            DataType::Struct(_) => {
                let columns = array.as_struct().columns();
                Values::Struct(columns.iter().map(|column| Self::new(column)).collect::<Result<_>>()?)
            }
            DataType::Map(..) => {
                let map = array.as_map();
                Values::Map {
                    offsets: map.value_offsets(),
                    keys: Box::new(Self::new(map.keys())?),
                    values: Box::new(Self::new(map.values())?),
                }
            }
            other => {
                let width = other.primitive_width().ok_or_else(|| unsupported(other))?;
                let data = array.to_data();
                let start = data.offset() * width;
                Values::Fixed {
                    bytes: data.buffers()[0].slice_with_length(start, data.len() * width),
                    width,
                }
            }
        };
        Ok(Self {
            nulls: array.nulls(),
            values,
        })
    }

    #[inline]
    pub(in super::super) fn is_null(&self, row: usize) -> bool {
        matches!(self.values, Values::Null) || self.nulls.is_some_and(|nulls| nulls.is_null(row))
    }

    /// Appends the value of `row`.
    pub(in super::super) fn write(&self, row: usize, out: &mut Vec<u8>) {
        if self.is_null(row) {
            out.push(NULL);
            return;
        }
        out.push(VALUE);
        match &self.values {
            Values::Null => {}
            Values::Boolean(array) => out.push(u8::from(array.value(row))),
            Values::Double(array) => {
                let value = array.value(row);
                let value = if value.is_nan() { f64::NAN } else { value };
                out.extend_from_slice(&value.to_le_bytes());
            }
            Values::Fixed { bytes, width } => out.extend_from_slice(&bytes[row * width..(row + 1) * width]),
            Values::Utf8(array) => write_bytes(bytes_of(array, row), out),
            Values::LargeUtf8(array) => write_bytes(bytes_of(array, row), out),
            Values::Binary(array) => write_bytes(bytes_of(array, row), out),
            Values::LargeBinary(array) => write_bytes(bytes_of(array, row), out),
            Values::TextView(array) => write_bytes(array.value(row).as_bytes(), out),
            Values::BinaryView(array) => write_bytes(array.value(row), out),
            Values::List { offsets, elements } => {
                let range = offsets[row] as usize..offsets[row + 1] as usize;
                write_length(range.len(), out);
                for at in range {
                    elements.write(at, out);
                }
            }
            Values::Struct(columns) => {
                for column in columns {
                    column.write(row, out);
                }
            }
            Values::Map { offsets, keys, values } => {
                let range = offsets[row] as usize..offsets[row + 1] as usize;
                write_length(range.len(), out);
                let mut entries: Vec<Vec<u8>> = range
                    .map(|at| {
                        let mut entry = Vec::new();
                        keys.write(at, &mut entry);
                        values.write(at, &mut entry);
                        entry
                    })
                    .collect();
                entries.sort_unstable();
                out.extend(entries.iter().flatten());
            }
        }
    }
}

fn bytes_of<T: ByteArrayType>(array: &GenericByteArray<T>, row: usize) -> &[u8] {
    let value: &T::Native = array.value(row);
    value.as_ref()
}
