//! Columns of columns: ARRAY, MAP and STRUCT, each made of what its parts make.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, ListArray, MapArray, StructArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{FieldRef, Fields};

use super::super::draws::{Draws, below};
use super::generate::Generate;

/// Arrays and maps have 0 to this many entries.
const ENTRIES_MAX: u64 = 3;

/// The row numbers of the entries of `rows`, distinct for all rows, and where each row's entries start.
fn entries(draws: Draws, rows: &[i64], entries_max: u64) -> (Vec<i64>, OffsetBuffer<i32>) {
    let mut numbers = Vec::with_capacity(rows.len() * 2);
    let lengths: Vec<i64> = rows
        .iter()
        .map(|row| {
            let length = below(draws.at(*row), entries_max + 1).cast_signed();
            let first = row.wrapping_mul(entries_max.cast_signed());
            numbers.extend((0..length).map(|entry| first.wrapping_add(entry)));
            length
        })
        .collect();
    let lengths = lengths.into_iter().map(|length| usize::try_from(length).unwrap_or(0));
    (numbers, OffsetBuffer::from_lengths(lengths))
}

/// `ARRAY<element>` of 0 to 3 elements.
#[derive(Debug)]
pub(super) struct ArrayOf {
    pub(super) draws: Draws,
    pub(super) item: FieldRef,
    pub(super) element: Box<dyn Generate>,
}

impl Generate for ArrayOf {
    fn generate(&self, rows: &[i64]) -> ArrayRef {
        let (numbers, offsets) = entries(self.draws, rows, ENTRIES_MAX);
        Arc::new(ListArray::new(
            Arc::clone(&self.item),
            offsets,
            self.element.generate(&numbers),
            None,
        ))
    }

    fn bytes_per_row(&self) -> usize {
        4 + 2 * self.element.bytes_per_row()
    }
}

/// `MAP<key, value>` of 0 to 3 entries with distinct keys.
#[derive(Debug)]
pub(super) struct MapOf {
    pub(super) draws: Draws,
    pub(super) entries: FieldRef,
    pub(super) fields: Fields,
    /// Gives a distinct value for each of the numbers 0, 1 and 2.
    pub(super) key: Box<dyn Generate>,
    pub(super) value: Box<dyn Generate>,
}

impl Generate for MapOf {
    fn generate(&self, rows: &[i64]) -> ArrayRef {
        let (numbers, offsets) = entries(self.draws, rows, ENTRIES_MAX);
        let places: Vec<i64> = offsets.lengths().flat_map(|length| 0..length as i64).collect();
        let columns = vec![self.key.generate(&places), self.value.generate(&numbers)];
        let entries = StructArray::new(self.fields.clone(), columns, None);
        Arc::new(MapArray::new(Arc::clone(&self.entries), offsets, entries, None, false))
    }

    fn bytes_per_row(&self) -> usize {
        4 + 2 * (self.key.bytes_per_row() + self.value.bytes_per_row())
    }
}

/// `STRUCT<...>`.
#[derive(Debug)]
pub(super) struct StructOf {
    pub(super) fields: Fields,
    pub(super) columns: Vec<Box<dyn Generate>>,
}

impl Generate for StructOf {
    fn generate(&self, rows: &[i64]) -> ArrayRef {
        let columns = self.columns.iter().map(|column| column.generate(rows)).collect();
        let array = StructArray::try_new_with_length(self.fields.clone(), columns, None, rows.len());
        Arc::new(array.expect("every field was made for its type and these rows"))
    }

    fn bytes_per_row(&self) -> usize {
        self.columns.iter().map(|column| column.bytes_per_row()).sum()
    }
}
