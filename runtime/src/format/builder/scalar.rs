//! Columns whose values all have one size: numbers, times, booleans.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, ArrowPrimitiveType, BooleanArray, PrimitiveArray};
use datafusion::arrow::buffer::{BooleanBuffer, ScalarBuffer};
use datafusion::arrow::datatypes::ArrowNativeType;

use super::validity::Validity;

/// A column of plain values under construction; `bool` columns are packed at the end.
#[derive(Debug, Default)]
pub(in crate::format) struct ScalarBuilder<T> {
    values: Vec<T>,
    validity: Validity,
}

impl<T: Copy + Default> ScalarBuilder<T> {
    #[inline]
    pub(in crate::format) fn push(&mut self, value: T) {
        self.validity.push_valid(self.values.len());
        self.values.push(value);
    }

    pub(in crate::format) fn push_null(&mut self) {
        self.validity.push_null(self.values.len());
        self.values.push(T::default());
    }

    #[inline]
    pub(in crate::format) fn len(&self) -> usize {
        self.values.len()
    }

    pub(super) fn truncate(&mut self, length: usize) {
        self.values.truncate(length);
    }

    pub(super) fn reserve(&mut self, rows: usize) {
        self.values.reserve(rows);
    }
}

impl<T: ArrowNativeType> ScalarBuilder<T> {
    /// The column so far as an Arrow array; the builder starts the next one.
    pub(super) fn finish<P: ArrowPrimitiveType<Native = T>>(&mut self) -> PrimitiveArray<P> {
        let values = std::mem::take(&mut self.values);
        let nulls = self.validity.finish(values.len());
        PrimitiveArray::new(ScalarBuffer::from(values), nulls)
    }
}

impl ScalarBuilder<bool> {
    pub(super) fn finish_booleans(&mut self) -> ArrayRef {
        let nulls = self.validity.finish(self.values.len());
        let values = BooleanBuffer::from(self.values.as_slice());
        self.values.clear();
        Arc::new(BooleanArray::new(values, nulls))
    }
}
