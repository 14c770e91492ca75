//! Columns of strings and byte strings: one data buffer and the end of each value in it.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BinaryArray, StringArray};
use datafusion::arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};

use super::validity::Validity;
use crate::format::append::append;

/// A `STRING` or `BYTES` column under construction. Whoever fills a `STRING` column pushes only UTF-8.
#[derive(Debug)]
pub(in crate::format) struct VariableBuilder {
    data: Vec<u8>,
    /// Where each value ends, after a leading zero: always one entry more than there are values.
    offsets: Vec<i32>,
    validity: Validity,
    /// Length of the data buffer when the column before was finished.
    expected_bytes: usize,
}

impl Default for VariableBuilder {
    fn default() -> Self {
        Self {
            data: Vec::new(),
            offsets: vec![0],
            validity: Validity::default(),
            expected_bytes: 0,
        }
    }
}

impl VariableBuilder {
    /// Appends a value.
    #[inline]
    pub(in crate::format) fn push(&mut self, value: &[u8]) {
        self.data.extend_from_slice(value);
        self.end_value();
    }

    /// Appends `source[start..end]`. Where `source` goes on behind the value, a short value costs two moves.
    #[inline]
    pub(in crate::format) fn push_range(&mut self, source: &[u8], start: usize, end: usize) {
        append(&mut self.data, source, start, end);
        self.end_value();
    }

    /// The data buffer, to append the next value to; close it with [`VariableBuilder::end_value`].
    pub(in crate::format) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.data
    }

    /// Ends the value whose bytes were appended last.
    #[inline]
    pub(in crate::format) fn end_value(&mut self) {
        self.validity.push_valid(self.len());
        self.push_offset();
    }

    pub(in crate::format) fn push_null(&mut self) {
        self.validity.push_null(self.len());
        self.push_offset();
    }

    #[inline]
    fn push_offset(&mut self) {
        let end = i32::try_from(self.data.len()).expect("a decoder takes at most BATCH_DECODED_BYTES_MAX in one batch");
        self.offsets.push(end);
    }

    #[inline]
    pub(in crate::format) fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The bytes of value `index`.
    pub(super) fn value(&self, index: usize) -> &[u8] {
        &self.data[self.offsets[index] as usize..self.offsets[index + 1] as usize]
    }

    pub(super) fn truncate(&mut self, length: usize) {
        self.offsets.truncate(length + 1);
        self.data.truncate(self.offsets[length] as usize);
    }

    /// Makes room for `rows` values that are together about as long as those of the column before.
    pub(super) fn reserve(&mut self, rows: usize) {
        self.offsets.reserve(rows);
        self.data.reserve(self.expected_bytes);
    }

    fn take_parts(&mut self) -> (OffsetBuffer<i32>, Buffer, Option<NullBuffer>) {
        let length = self.len();
        let nulls = self.validity.finish(length);
        let data = std::mem::take(&mut self.data);
        self.expected_bytes = data.len();
        let offsets = std::mem::replace(&mut self.offsets, vec![0]);
        (
            OffsetBuffer::new(ScalarBuffer::from(offsets)),
            Buffer::from_vec(data),
            nulls,
        )
    }

    pub(super) fn finish_strings(&mut self) -> ArrayRef {
        let (offsets, data, nulls) = self.take_parts();
        Arc::new(StringArray::try_new(offsets, data, nulls).expect("only UTF-8 is pushed to a STRING column"))
    }

    pub(super) fn finish_binaries(&mut self) -> ArrayRef {
        let (offsets, data, nulls) = self.take_parts();
        Arc::new(BinaryArray::new(offsets, data, nulls))
    }
}
