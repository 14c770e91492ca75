//! What one call hands to the guest, and its layout in the arena: the result's descriptor with the buffers lent for it,
//! slots, arguments.

use datafusion::arrow::datatypes::DataType;

use super::arena::Writer;
use super::columns_in::{Input, write_arguments};
use super::descriptor::{DESCRIPTOR_BYTES, Descriptor};

/// Where the parts of a call stand in guest memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) slots: u32,
    pub(super) args: u32,
    pub(super) out: u32,
}

/// What a call hands over.
pub(super) struct Request<'a, I> {
    /// Slot numbers, of a stream function.
    pub(super) slots: &'a [u32],
    /// Number of arguments.
    pub(super) count: usize,
    /// The argument of that number.
    pub(super) input: I,
    /// Rows of the call.
    pub(super) rows: usize,
    /// The type of the result, if there is one.
    pub(super) returns: Option<&'a DataType>,
}

/// Writes everything that a call needs, in one pass.
pub(super) fn write_frame<'a, I>(writer: &mut Writer<'_>, request: &Request<'a, I>) -> Frame
where
    I: Fn(usize) -> Input<'a>,
{
    let out = request
        .returns
        .map_or(0, |data_type| write_out(writer, data_type, request.rows));
    let (slots, place) = writer.take(request.slots.len() * 4);
    if let Some(place) = place {
        for (to, slot) in place.chunks_exact_mut(4).zip(request.slots) {
            to.copy_from_slice(&slot.to_le_bytes());
        }
    }
    let args = write_arguments(writer, request.count, request.rows, &request.input);
    Frame { slots, args, out }
}

/// Lends the buffers of a result: validity with all bits set, and values where their size is known.
fn write_out(writer: &mut Writer<'_>, data_type: &DataType, rows: usize) -> u32 {
    let (out, _) = writer.take(DESCRIPTOR_BYTES);
    let (validity, place) = writer.take(rows.div_ceil(8));
    if let Some(place) = place {
        place.fill(0xff);
    }
    let values_bytes = match data_type {
        DataType::Boolean => rows.div_ceil(8),
        other => other.primitive_width().map_or(0, |width| width * rows),
    };
    let (values, place) = writer.take(values_bytes);
    if let (DataType::Boolean, Some(place)) = (data_type, place) {
        place.fill(0);
    }
    let descriptor = Descriptor {
        rows: u32::try_from(rows).unwrap_or(u32::MAX),
        validity,
        values: if values_bytes == 0 { 0 } else { values },
        values_bytes: u32::try_from(values_bytes).unwrap_or(u32::MAX),
        ..Descriptor::default()
    };
    writer.write_at(out, &descriptor.to_bytes());
    out
}
