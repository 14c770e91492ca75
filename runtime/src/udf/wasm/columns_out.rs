//! Columns out of guest memory: every address, length, offset and text is checked, then each buffer is copied once.
//!
//! Nothing here trusts the guest, and nothing uses Arrow's unchecked constructors.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Decimal128Array, ListArray, MapArray, PrimitiveArray, StringArray,
    StructArray, new_empty_array,
};
use datafusion::arrow::buffer::{BooleanBuffer, Buffer, MutableBuffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Field, Float64Type, Int32Type, Int64Type,
    Time32MillisecondType, TimeUnit, TimestampMillisecondType,
};

use super::descriptor::{DESCRIPTOR_BYTES, Descriptor};
use crate::udf::limits::bytes_text;

/// Milliseconds of a day.
const DAY_MS: i32 = 86_400_000;
/// Numbers of so many bytes together are copied to memory that is aligned as they are: the alignment that Arrow takes for large buffers
/// costs more than such a copy.
const SMALL_BYTES: usize = 1 << 10;

/// Why a column cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Bad {
    /// The guest broke a rule.
    Lie(String),
    /// The column is larger than a result may be.
    TooLarge,
}

impl From<String> for Bad {
    fn from(reason: String) -> Self {
        Self::Lie(reason)
    }
}

/// Reads columns from the memory of a guest.
pub(super) struct Reader<'m> {
    memory: &'m [u8],
    bytes_left: usize,
}

impl<'m> Reader<'m> {
    /// A reader that gives at most `bytes_max` bytes of columns.
    pub(super) fn new(memory: &'m [u8], bytes_max: usize) -> Self {
        Self {
            memory,
            bytes_left: bytes_max,
        }
    }

    /// The descriptor at `address`.
    #[inline]
    pub(super) fn descriptor(&self, address: u32) -> Result<Descriptor, Bad> {
        let bytes = self.range(address, DESCRIPTOR_BYTES, 4, "descriptor")?;
        let bytes = bytes.try_into().expect("the range has the length asked for");
        Ok(Descriptor::from_bytes(bytes))
    }

    /// The column that the descriptor at `address` describes; it must have `rows` rows.
    pub(super) fn column(&mut self, address: u32, data_type: &DataType, rows: usize) -> Result<ArrayRef, Bad> {
        let d = self.descriptor(address)?;
        if d.flags != 0 {
            return Err(format!("a result column has flags {:#x}", d.flags).into());
        }
        if d.rows as usize != rows {
            return Err(format!("a column of {rows} rows was due, one of {} came", d.rows).into());
        }
        if rows == 0 {
            // An empty child: nothing is read, so its addresses may be anything.
            return Ok(new_empty_array(data_type));
        }
        let nulls = self.validity(&d, rows)?;
        Ok(match data_type {
            DataType::Boolean => Arc::new(BooleanArray::new(
                BooleanBuffer::new(self.copy(d.values, rows.div_ceil(8), d.values_bytes, 1)?, 0, rows),
                nulls,
            )),
            DataType::Int32 => Arc::new(self.fixed::<Int32Type>(&d, rows, nulls)?),
            DataType::Int64 => Arc::new(self.fixed::<Int64Type>(&d, rows, nulls)?),
            DataType::Float64 => Arc::new(self.fixed::<Float64Type>(&d, rows, nulls)?),
            DataType::Date32 => Arc::new(self.fixed::<Date32Type>(&d, rows, nulls)?),
            DataType::Timestamp(TimeUnit::Millisecond, None) => {
                Arc::new(self.fixed::<TimestampMillisecondType>(&d, rows, nulls)?)
            }
            DataType::Time32(TimeUnit::Millisecond) => {
                let times = self.fixed::<Time32MillisecondType>(&d, rows, nulls)?;
                if let Some(time) = times.iter().flatten().find(|time| !(0..DAY_MS).contains(time)) {
                    return Err(format!("{time} is not a TIME: milliseconds of the day are 0 to 86399999").into());
                }
                Arc::new(times)
            }
            DataType::Decimal128(precision, scale) => Arc::new(self.decimals(&d, rows, nulls, *precision, *scale)?),
            DataType::Utf8 => {
                let (offsets, values) = self.bytes(&d, rows)?;
                Arc::new(
                    StringArray::try_new(offsets, values, nulls).map_err(|e| format!("a STRING is not UTF-8: {e}"))?,
                )
            }
            DataType::Binary => {
                let (offsets, values) = self.bytes(&d, rows)?;
                Arc::new(BinaryArray::try_new(offsets, values, nulls).map_err(arrow)?)
            }
            DataType::List(field) => {
                let (offsets, length) = self.child_offsets(&d, rows, 0)?;
                let values = self.child(&d, 0, field, length)?;
                Arc::new(ListArray::try_new(Arc::clone(field), offsets, values, nulls).map_err(arrow)?)
            }
            DataType::Map(entries, _) => self.map(&d, rows, entries, nulls)?,
            DataType::Struct(fields) => {
                let columns = fields
                    .iter()
                    .enumerate()
                    .map(|(i, field)| self.child(&d, i, field, rows))
                    .collect::<Result<Vec<_>, _>>()?;
                Arc::new(StructArray::try_new(fields.clone(), columns, nulls).map_err(arrow)?)
            }
            other => unreachable!("results have declared types, and no SQL type is {other}"),
        })
    }

    fn map(
        &mut self,
        d: &Descriptor,
        rows: usize,
        entries: &Arc<Field>,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef, Bad> {
        let DataType::Struct(fields) = entries.data_type() else {
            unreachable!("SqlType::to_arrow makes the entries of a map a struct");
        };
        let (offsets, length) = self.child_offsets(d, rows, 0)?;
        let columns = vec![
            self.child(d, 0, &fields[0], length)?,
            self.child(d, 1, &fields[1], length)?,
        ];
        let both = StructArray::try_new(fields.clone(), columns, None).map_err(arrow)?;
        let map = MapArray::try_new(Arc::clone(entries), offsets, both, nulls, false).map_err(arrow)?;
        Ok(Arc::new(map))
    }

    /// Child `index` of `d`.
    fn child(&mut self, d: &Descriptor, index: usize, field: &Field, rows: usize) -> Result<ArrayRef, Bad> {
        let column = self.column(child_address(d, index)?, field.data_type(), rows)?;
        if !field.is_nullable() && column.null_count() > 0 {
            return Err(format!("{} keys of a MAP are null", column.null_count()).into());
        }
        Ok(column)
    }

    /// The null buffer of `d`: none where all rows are valid.
    #[inline]
    fn validity(&mut self, d: &Descriptor, rows: usize) -> Result<Option<NullBuffer>, Bad> {
        if d.validity == 0 {
            return Ok(None);
        }
        let bytes = self.range(d.validity, rows.div_ceil(8), 1, "validity bitmap")?;
        if all_set(bytes, rows) {
            return Ok(None);
        }
        self.spend(bytes.len())?;
        Ok(Some(NullBuffer::new(BooleanBuffer::new(Buffer::from(bytes), 0, rows))))
    }

    #[inline]
    fn fixed<T: ArrowPrimitiveType>(
        &mut self,
        d: &Descriptor,
        rows: usize,
        nulls: Option<NullBuffer>,
    ) -> Result<PrimitiveArray<T>, Bad> {
        let width = size_of::<T::Native>();
        let values = self.values(d.values, rows.saturating_mul(width), d.values_bytes, width.min(8))?;
        let buffer = if values.len() <= SMALL_BYTES {
            let mut buffer = MutableBuffer::from(vec![T::Native::default(); rows]);
            buffer.as_slice_mut().copy_from_slice(values);
            buffer.into()
        } else {
            Buffer::from(values)
        };
        PrimitiveArray::try_new(ScalarBuffer::new(buffer, 0, rows), nulls).map_err(arrow)
    }

    fn decimals(
        &mut self,
        d: &Descriptor,
        rows: usize,
        nulls: Option<NullBuffer>,
        precision: u8,
        scale: i8,
    ) -> Result<Decimal128Array, Bad> {
        let decimals = self
            .fixed::<Decimal128Type>(d, rows, nulls)?
            .with_precision_and_scale(precision, scale)
            .map_err(arrow)?;
        // Without a branch for each: only where one is outside does it matter whether that is a null, and what it is.
        let most = 10_i128.pow(u32::from(precision)) - 1;
        let outside = |outside: bool, value: &i128| outside | !(-most..=most).contains(value);
        if decimals.values().iter().fold(false, outside) {
            decimals.validate_decimal_precision(precision).map_err(arrow)?;
        }
        Ok(decimals)
    }

    /// Offsets and bytes of a STRING or BYTES column.
    fn bytes(&mut self, d: &Descriptor, rows: usize) -> Result<(OffsetBuffer<i32>, Buffer), Bad> {
        let offsets = self.offsets(d, rows)?;
        let (first, last) = (offsets[0], offsets[rows]);
        if last.cast_unsigned() > d.values_bytes {
            return Err(format!("offsets reach to byte {last} of {} bytes of values", d.values_bytes).into());
        }
        let start = d.values.saturating_add(first.cast_unsigned());
        let length = (last - first).cast_unsigned();
        let values = self.copy(start, length as usize, length, 1)?;
        let offsets = if first == 0 {
            offsets
        } else {
            offsets.iter().map(|offset| offset - first).collect()
        };
        Ok((OffsetBuffer::new(offsets), values))
    }

    /// Offsets of an ARRAY or MAP column, and the rows of its child `index`, which they must not leave.
    fn child_offsets(&mut self, d: &Descriptor, rows: usize, index: usize) -> Result<(OffsetBuffer<i32>, usize), Bad> {
        let offsets = self.offsets(d, rows)?;
        let length = self.descriptor(child_address(d, index)?)?.rows;
        let last = offsets[rows];
        if last.cast_unsigned() > length {
            return Err(format!("offsets reach to row {last} of a child of {length} rows").into());
        }
        Ok((OffsetBuffer::new(offsets), length as usize))
    }

    /// The offsets of `d`: not negative, never falling.
    fn offsets(&mut self, d: &Descriptor, rows: usize) -> Result<ScalarBuffer<i32>, Bad> {
        let bytes = (rows + 1).saturating_mul(4);
        let given = self.range(d.offsets, bytes, 4, "offsets")?;
        self.spend(bytes)?;
        let offsets = ScalarBuffer::<i32>::new(Buffer::from(given), 0, rows + 1);
        // Counted without a branch per row, so that it runs at the speed of memory.
        let falls: usize = offsets.windows(2).map(|pair| usize::from(pair[0] > pair[1])).sum();
        if falls > 0 {
            let row = offsets
                .windows(2)
                .position(|pair| pair[0] > pair[1])
                .unwrap_or_default();
            return Err(format!("offsets fall at row {row}: {} then {}", offsets[row], offsets[row + 1]).into());
        }
        if offsets[0] < 0 {
            return Err(format!("the first offset is {}", offsets[0]).into());
        }
        Ok(offsets)
    }

    /// Copies `bytes` bytes of a values buffer that is said to have `given` bytes.
    fn copy(&mut self, address: u32, bytes: usize, given: u32, align: usize) -> Result<Buffer, Bad> {
        self.values(address, bytes, given, align).map(Buffer::from)
    }

    /// `bytes` bytes of a values buffer that is said to have `given` bytes, counted against the limit of a result.
    #[inline]
    fn values(&mut self, address: u32, bytes: usize, given: u32, align: usize) -> Result<&'m [u8], Bad> {
        if (given as usize) < bytes {
            return Err(format!("{bytes} bytes of values were due, {given} came").into());
        }
        let values = self.range(address, bytes, align, "values")?;
        self.spend(bytes)?;
        Ok(values)
    }

    /// `bytes` bytes at `address`, when they are in memory and aligned.
    #[inline]
    pub(super) fn range(&self, address: u32, bytes: usize, align: usize, what: &str) -> Result<&'m [u8], Bad> {
        if bytes == 0 {
            return Ok(&[]);
        }
        let start = address as usize;
        if start == 0 {
            return Err(format!("the address of its {what} is 0").into());
        }
        if !start.is_multiple_of(align) {
            return Err(format!("the address {start:#x} of its {what} is not a multiple of {align}").into());
        }
        start
            .checked_add(bytes)
            .and_then(|end| self.memory.get(start..end))
            .ok_or_else(|| {
                let size = bytes_text(self.memory.len());
                format!("its {what}, {bytes} bytes at {start:#x}, is outside of its memory of {size}").into()
            })
    }

    /// Counts `bytes` against the limit of a result.
    #[inline]
    fn spend(&mut self, bytes: usize) -> Result<(), Bad> {
        self.bytes_left = self.bytes_left.checked_sub(bytes).ok_or(Bad::TooLarge)?;
        Ok(())
    }
}

fn child_address(d: &Descriptor, index: usize) -> Result<u32, Bad> {
    if d.children == 0 {
        return Err("the address of its children is 0".to_owned().into());
    }
    u32::try_from(index * DESCRIPTOR_BYTES)
        .ok()
        .and_then(|offset| d.children.checked_add(offset))
        .ok_or_else(|| "its children are outside of its memory".to_owned().into())
}

/// Whether the first `rows` bits are all set.
fn all_set(bytes: &[u8], rows: usize) -> bool {
    let (whole, rest) = bytes.split_at(rows / 8);
    let tail = u8::try_from((1_u16 << (rows % 8)) - 1).unwrap_or(u8::MAX);
    whole.iter().fold(0xff, |all, byte| all & byte) == 0xff && rest.first().is_none_or(|byte| byte & tail == tail)
}

fn arrow(error: datafusion::arrow::error::ArrowError) -> Bad {
    Bad::Lie(error.to_string())
}
