//! The bytes of values back to columns.

use std::sync::Arc;

use datafusion::arrow::array::builder::{BinaryViewBuilder, BooleanBuilder, NullBufferBuilder, StringViewBuilder};
use datafusion::arrow::array::{Array, ArrayData, ArrayRef, ListArray, MapArray, NullArray, StructArray, make_array};
use datafusion::arrow::buffer::{Buffer, MutableBuffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use datafusion::arrow::datatypes::{DataType, FieldRef, Fields};
use datafusion::error::{DataFusionError, Result};

use super::super::state_reader::{StateReader, damaged};
use super::{NULL, VALUE, unsupported};

/// Builds a column of values that [`super::Encoder`] wrote.
#[derive(Debug)]
pub(in super::super) struct Decoder {
    nulls: NullBufferBuilder,
    values: Values,
}

#[derive(Debug)]
enum Values {
    Null,
    Boolean(BooleanBuilder),
    Fixed {
        data_type: DataType,
        width: usize,
        bytes: MutableBuffer,
    },
    Bytes {
        data_type: DataType,
        ends: Vec<i32>,
        bytes: Vec<u8>,
    },
    LargeBytes {
        data_type: DataType,
        ends: Vec<i64>,
        bytes: Vec<u8>,
    },
    TextView(StringViewBuilder),
    BinaryView(BinaryViewBuilder),
    List {
        field: FieldRef,
        ends: Vec<i32>,
        elements: Box<Decoder>,
        count: usize,
    },
    Struct {
        fields: Fields,
        columns: Vec<Decoder>,
    },
    Map {
        field: FieldRef,
        ends: Vec<i32>,
        entry: [Box<Decoder>; 2],
        count: usize,
    },
}

impl Decoder {
    /// # Errors
    /// When values of this type cannot be kept.
    pub(in super::super) fn new(data_type: &DataType) -> Result<Self> {
        let values = match data_type {
            DataType::Null => Values::Null,
            DataType::Boolean => Values::Boolean(BooleanBuilder::new()),
            DataType::Utf8 | DataType::Binary => Values::Bytes {
                data_type: data_type.clone(),
                ends: vec![0],
                bytes: Vec::new(),
            },
            DataType::LargeUtf8 | DataType::LargeBinary => Values::LargeBytes {
                data_type: data_type.clone(),
                ends: vec![0],
                bytes: Vec::new(),
            },
            DataType::Utf8View => Values::TextView(StringViewBuilder::new()),
            DataType::BinaryView => Values::BinaryView(BinaryViewBuilder::new()),
            DataType::List(field) => Values::List {
                field: Arc::clone(field),
                ends: vec![0],
                elements: Box::new(Self::new(field.data_type())?),
                count: 0,
            },
            DataType::Struct(fields) => Values::Struct {
                fields: fields.clone(),
                columns: fields
                    .iter()
                    .map(|field| Self::new(field.data_type()))
                    .collect::<Result<_>>()?,
            },
            DataType::Map(field, _) => {
                let DataType::Struct(entry) = field.data_type() else {
                    return Err(unsupported(data_type));
                };
                let [key, value] = &entry[..] else {
                    return Err(unsupported(data_type));
                };
                Values::Map {
                    field: Arc::clone(field),
                    ends: vec![0],
                    entry: [
                        Box::new(Self::new(key.data_type())?),
                        Box::new(Self::new(value.data_type())?),
                    ],
                    count: 0,
                }
            }
            other => Values::Fixed {
                data_type: other.clone(),
                width: other.primitive_width().ok_or_else(|| unsupported(other))?,
                bytes: MutableBuffer::new(0),
            },
        };
        Ok(Self {
            nulls: NullBufferBuilder::new(0),
            values,
        })
    }

    /// Appends the value that starts where `reader` is.
    pub(in super::super) fn append(&mut self, reader: &mut StateReader<'_>) -> Result<()> {
        match reader.byte()? {
            NULL => self.append_null(),
            VALUE => {
                self.nulls.append_non_null();
                self.append_value(reader)
            }
            _ => Err(damaged()),
        }
    }

    fn append_value(&mut self, reader: &mut StateReader<'_>) -> Result<()> {
        match &mut self.values {
            Values::Null => return Err(damaged()),
            Values::Boolean(values) => values.append_value(reader.bool()?),
            Values::Fixed { width, bytes, .. } => bytes.extend_from_slice(reader.take(*width)?),
            Values::Bytes { ends, bytes, .. } => {
                bytes.extend_from_slice(reader.bytes()?);
                ends.push(offset(bytes.len())?);
            }
            Values::LargeBytes { ends, bytes, .. } => {
                bytes.extend_from_slice(reader.bytes()?);
                ends.push(bytes.len() as i64);
            }
            Values::TextView(texts) => {
                texts.append_value(std::str::from_utf8(reader.bytes()?).map_err(|_| damaged())?);
            }
            Values::BinaryView(values) => values.append_value(reader.bytes()?),
            Values::List {
                ends, elements, count, ..
            } => {
                let length = reader.length()?;
                for _ in 0..length {
                    elements.append(reader)?;
                }
                *count += length;
                ends.push(offset(*count)?);
            }
            Values::Struct { columns, .. } => {
                for column in columns {
                    column.append(reader)?;
                }
            }
            Values::Map {
                ends,
                entry: [keys, values],
                count,
                ..
            } => {
                let length = reader.length()?;
                for _ in 0..length {
                    keys.append(reader)?;
                    values.append(reader)?;
                }
                *count += length;
                ends.push(offset(*count)?);
            }
        }
        Ok(())
    }

    pub(in super::super) fn append_null(&mut self) -> Result<()> {
        self.nulls.append_null();
        match &mut self.values {
            Values::Null => {}
            Values::Boolean(values) => values.append_value(false),
            Values::Fixed { width, bytes, .. } => bytes.extend_zeros(*width),
            Values::Bytes { ends, bytes, .. } => ends.push(offset(bytes.len())?),
            Values::LargeBytes { ends, bytes, .. } => ends.push(bytes.len() as i64),
            Values::TextView(texts) => texts.append_null(),
            Values::BinaryView(values) => values.append_null(),
            Values::List { ends, count, .. } | Values::Map { ends, count, .. } => ends.push(offset(*count)?),
            Values::Struct { columns, .. } => {
                for column in columns {
                    column.append_null()?;
                }
            }
        }
        Ok(())
    }

    /// The column.
    pub(in super::super) fn finish(mut self) -> Result<ArrayRef> {
        let length = self.nulls.len();
        let nulls = self.nulls.finish();
        Ok(match self.values {
            Values::Null => Arc::new(NullArray::new(length)),
            Values::Boolean(mut values) => {
                let (values, _) = values.finish().into_parts();
                Arc::new(datafusion::arrow::array::BooleanArray::new(values, nulls))
            }
            Values::Fixed { data_type, bytes, .. } => flat(data_type, length, nulls, vec![bytes.into()])?,
            Values::Bytes { data_type, ends, bytes } => flat(
                data_type,
                length,
                nulls,
                vec![Buffer::from_vec(ends), Buffer::from_vec(bytes)],
            )?,
            Values::LargeBytes { data_type, ends, bytes } => flat(
                data_type,
                length,
                nulls,
                vec![Buffer::from_vec(ends), Buffer::from_vec(bytes)],
            )?,
            Values::TextView(mut texts) => Arc::new(texts.finish()),
            Values::BinaryView(mut values) => Arc::new(values.finish()),
            Values::List {
                field, ends, elements, ..
            } => Arc::new(ListArray::try_new(field, offsets(ends), elements.finish()?, nulls)?),
            Values::Struct { fields, columns } => {
                let columns = columns.into_iter().map(Self::finish).collect::<Result<Vec<_>>>()?;
                Arc::new(StructArray::try_new_with_length(fields, columns, nulls, length)?)
            }
            Values::Map { field, ends, entry, .. } => {
                let DataType::Struct(fields) = field.data_type() else {
                    return Err(unsupported(field.data_type()));
                };
                let [keys, values] = entry;
                let entries = StructArray::try_new(fields.clone(), vec![keys.finish()?, values.finish()?], None)?;
                Arc::new(MapArray::try_new(field, offsets(ends), entries, nulls, false)?)
            }
        })
    }
}

/// An array of plain buffers; texts are checked to be texts.
fn flat(data_type: DataType, length: usize, nulls: Option<NullBuffer>, buffers: Vec<Buffer>) -> Result<ArrayRef> {
    let data = ArrayData::builder(data_type).len(length).nulls(nulls).buffers(buffers);
    Ok(make_array(data.build()?))
}

fn offsets(ends: Vec<i32>) -> OffsetBuffer<i32> {
    OffsetBuffer::new(ScalarBuffer::from(ends))
}

fn offset(end: usize) -> Result<i32> {
    i32::try_from(end).map_err(|_| {
        DataFusionError::Execution(
            "the results of an aggregate do not fit one column: they are larger than 2 GiB".into(),
        )
    })
}

/// `ARRAY`s of the type `data_type`, of `lengths` elements each, one after the other in `elements`.
pub(in super::super) fn list_array(
    data_type: &DataType,
    lengths: impl Iterator<Item = usize>,
    elements: ArrayRef,
) -> Result<ArrayRef> {
    let DataType::List(field) = data_type else {
        return Err(unsupported(data_type));
    };
    offset(elements.len())?;
    let offsets = OffsetBuffer::<i32>::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(
        Arc::clone(field),
        offsets,
        elements,
        None,
    )?))
}
