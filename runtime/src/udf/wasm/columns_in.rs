//! Arrow arrays into guest memory: the buffers are copied as they are, offsets made to begin at zero.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use datafusion::arrow::buffer::{BooleanBuffer, NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, Time32MillisecondType,
    TimeUnit, TimestampMillisecondType, ToByteSlice,
};

use super::arena::Writer;
use super::descriptor::{ABSENT, CONSTANT, DESCRIPTOR_BYTES, Descriptor};

/// One argument as a call hands it over.
#[derive(Clone, Copy)]
pub(super) enum Input<'a> {
    /// A value per row.
    Column(&'a ArrayRef),
    /// One value for all rows, passed as such.
    Constant(&'a ArrayRef),
    /// One value that is written once per row, for guests that know no constants.
    Expanded(&'a ArrayRef),
    /// In `new` only: an argument of which the query gives no constant.
    Absent,
}

/// Writes the descriptors of all arguments and what they point at; returns the address of the first.
pub(super) fn write_arguments<'a>(
    writer: &mut Writer<'_>,
    count: usize,
    rows: usize,
    input: impl Fn(usize) -> Input<'a>,
) -> u32 {
    let (first, _) = writer.take(count * DESCRIPTOR_BYTES);
    for i in 0..count {
        let descriptor = match input(i) {
            Input::Column(array) => write_column(writer, array.as_ref()),
            Input::Constant(array) => Descriptor {
                flags: CONSTANT,
                ..write_column(writer, array.as_ref())
            },
            Input::Expanded(array) => write_expanded(writer, array, rows),
            Input::Absent => Descriptor {
                flags: ABSENT,
                ..Descriptor::default()
            },
        };
        write_descriptor(writer, first, i, descriptor);
    }
    first
}

fn write_descriptor(writer: &mut Writer<'_>, first: u32, index: usize, descriptor: Descriptor) {
    let at = first.saturating_add(u32::try_from(index * DESCRIPTOR_BYTES).unwrap_or(u32::MAX));
    writer.write_at(at, &descriptor.to_bytes());
}

/// Writes the buffers of `array`, whose type is one of `SqlType::to_arrow`.
fn write_column(writer: &mut Writer<'_>, array: &dyn Array) -> Descriptor {
    let mut descriptor = Descriptor {
        rows: count(array.len()),
        ..Descriptor::default()
    };
    if let Some(nulls) = array.nulls().filter(|nulls| nulls.null_count() > 0) {
        descriptor.null_count = count(nulls.null_count());
        descriptor.validity = write_validity(writer, nulls);
    }
    let data_type = array.data_type();
    match data_type {
        DataType::Boolean => {
            descriptor.values_bytes = count(array.len().div_ceil(8));
            descriptor.values = write_bits(writer, array.as_boolean().values());
        }
        DataType::Utf8 => {
            let strings = array.as_string::<i32>();
            write_bytes(writer, &mut descriptor, strings.offsets(), strings.value_data());
        }
        DataType::Binary => {
            let bytes = array.as_binary::<i32>();
            write_bytes(writer, &mut descriptor, bytes.offsets(), bytes.value_data());
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            let (first, length) = write_offsets(writer, &mut descriptor, list.offsets());
            write_children(writer, &mut descriptor, &[list.values().slice(first, length)]);
        }
        DataType::Map(_, _) => {
            let map = array.as_map();
            let (first, length) = write_offsets(writer, &mut descriptor, map.offsets());
            let children = [map.keys().slice(first, length), map.values().slice(first, length)];
            write_children(writer, &mut descriptor, &children);
        }
        DataType::Struct(_) => write_children(writer, &mut descriptor, array.as_struct().columns()),
        _ => {
            let bytes = fixed_bytes(array, data_type);
            descriptor.values_bytes = count(bytes.len());
            descriptor.values = writer.put(bytes);
        }
    }
    descriptor
}

/// The values of a fixed-width array as bytes. Panics on a type that no `SqlType` has.
#[inline]
fn fixed_bytes<'a>(array: &'a dyn Array, data_type: &DataType) -> &'a [u8] {
    fn of<T: ArrowPrimitiveType>(array: &dyn Array) -> &[u8] {
        let values: &[T::Native] = array.as_primitive::<T>().values();
        values.to_byte_slice()
    }
    match data_type {
        DataType::Int32 => of::<Int32Type>(array),
        DataType::Int64 => of::<Int64Type>(array),
        DataType::Float64 => of::<Float64Type>(array),
        DataType::Decimal128(_, _) => of::<Decimal128Type>(array),
        DataType::Date32 => of::<Date32Type>(array),
        DataType::Time32(TimeUnit::Millisecond) => of::<Time32MillisecondType>(array),
        DataType::Timestamp(TimeUnit::Millisecond, _) => of::<TimestampMillisecondType>(array),
        other => unreachable!("arguments have the declared types, and no SQL type is {other}"),
    }
}

/// Writes the one value of `array` once per row.
fn write_expanded(writer: &mut Writer<'_>, array: &ArrayRef, rows: usize) -> Descriptor {
    let fixed = array.data_type().primitive_width().is_some() && array.null_count() == 0;
    if !fixed {
        // Measured before it is made: a long text times many rows is more than a column can hold.
        let mut measure = Writer::new(&mut [], 0..0);
        write_column(&mut measure, array.as_ref());
        let bytes = measure.short_of().unwrap_or(0).saturating_mul(rows);
        if bytes > writer.room() {
            writer.take(bytes);
            return Descriptor::default();
        }
        let indices = UInt32Array::from_value(0, rows);
        let column = take(array, &indices, None).expect("row 0 is there, and all rows fit in the arena");
        return write_column(writer, &column);
    }
    let value = fixed_bytes(array.as_ref(), array.data_type());
    let bytes = value.len() * rows;
    let (values, place) = writer.take(bytes);
    if let Some(place) = place {
        for to in place.chunks_exact_mut(value.len()) {
            to.copy_from_slice(value);
        }
    }
    Descriptor {
        rows: count(rows),
        values,
        values_bytes: count(bytes),
        ..Descriptor::default()
    }
}

fn write_bytes(writer: &mut Writer<'_>, descriptor: &mut Descriptor, offsets: &OffsetBuffer<i32>, data: &[u8]) {
    let (first, length) = write_offsets(writer, descriptor, offsets);
    descriptor.values_bytes = count(length);
    descriptor.values = writer.put(&data[first..first + length]);
}

/// Writes offsets that begin at zero; returns the range of the child that the rows use.
fn write_offsets(writer: &mut Writer<'_>, descriptor: &mut Descriptor, offsets: &OffsetBuffer<i32>) -> (usize, usize) {
    let (first, last) = (offsets[0], offsets[offsets.len() - 1]);
    if first == 0 {
        descriptor.offsets = writer.put(offsets.to_byte_slice());
    } else {
        let (address, place) = writer.take(offsets.len() * 4);
        if let Some(place) = place {
            for (to, offset) in place.chunks_exact_mut(4).zip(offsets.iter()) {
                to.copy_from_slice(&(offset - first).to_le_bytes());
            }
        }
        descriptor.offsets = address;
    }
    (to_usize(first), to_usize(last - first))
}

fn write_children(writer: &mut Writer<'_>, descriptor: &mut Descriptor, children: &[ArrayRef]) {
    let (first, _) = writer.take(children.len() * DESCRIPTOR_BYTES);
    descriptor.children = first;
    for (i, child) in children.iter().enumerate() {
        let child = write_column(writer, child.as_ref());
        write_descriptor(writer, first, i, child);
    }
}

fn write_validity(writer: &mut Writer<'_>, nulls: &NullBuffer) -> u32 {
    write_bits(writer, nulls.inner())
}

/// Writes a bitmap that begins at bit 0, wherever in a byte it began before.
fn write_bits(writer: &mut Writer<'_>, bits: &BooleanBuffer) -> u32 {
    let bytes = bits.len().div_ceil(8);
    if bits.offset().is_multiple_of(8) {
        let first = bits.offset() / 8;
        return writer.put(&bits.values()[first..first + bytes]);
    }
    let (address, place) = writer.take(bytes);
    if let Some(place) = place {
        for (to, word) in place.chunks_mut(8).zip(bits.bit_chunks().iter_padded()) {
            to.copy_from_slice(&word.to_le_bytes()[..to.len()]);
        }
    }
    address
}

fn count(n: usize) -> u32 {
    // More than 4 Gi of anything is beyond the arena, so this number is never read.
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn to_usize(offset: i32) -> usize {
    usize::try_from(offset).expect("Arrow offsets are not negative")
}
