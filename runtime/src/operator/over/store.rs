//! Rows that an `OVER` still needs, as the columns in which they came.
//!
//! A batch is kept as it is, as a segment, and rows are named by segment and position, so keeping a row costs 8 bytes beside its
//! columns and giving many rows is one gather. Rows that nobody needs any more are left in their segment until they outweigh the
//! needed ones; then all needed rows are copied together. Who needs which row is known to the owner alone.

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::compute::interleave;
use hashbrown::HashMap;

use crate::operator::Error;
use crate::types::limits::BATCH_ROWS_MAX;

/// A row in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowRef {
    segment: u32,
    row: u32,
}

/// The segments.
#[derive(Debug, Default)]
pub(super) struct RowStore {
    segments: Vec<Vec<ArrayRef>>,
    rows: usize,
}

impl RowStore {
    /// Rows in all segments, needed or not.
    #[cfg(test)]
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Keeps `columns`, each of `num_rows` rows, and gives the first row; the others follow by [`RowRef::plus`].
    pub(super) fn append(&mut self, columns: Vec<ArrayRef>, num_rows: usize) -> RowRef {
        let segment = u32::try_from(self.segments.len()).expect("compaction comes long before 4 billion segments");
        self.segments.push(columns);
        self.rows += num_rows;
        RowRef { segment, row: 0 }
    }

    /// One value of a column as an array of one row.
    pub(super) fn value(&self, row: RowRef, column: usize) -> ArrayRef {
        self.segments[row.segment as usize][column].slice(row.row as usize, 1)
    }

    /// The array that holds a row's value of a column, and the position there.
    pub(super) fn place(&self, row: RowRef, column: usize) -> (&ArrayRef, usize) {
        (&self.segments[row.segment as usize][column], row.row as usize)
    }

    /// The values of a column at `rows`.
    pub(super) fn gather(&self, rows: &[RowRef], column: usize) -> Result<ArrayRef, Error> {
        self.gather_or(rows.iter().map(|row| Some(*row)), column, None)
    }

    /// As [`RowStore::gather`], with the value of `otherwise`, an array of one row, where there is no row.
    pub(super) fn gather_or(
        &self,
        rows: impl Iterator<Item = Option<RowRef>>,
        column: usize,
        otherwise: Option<&ArrayRef>,
    ) -> Result<ArrayRef, Error> {
        let mut arrays: Vec<&dyn Array> = otherwise.map(AsRef::as_ref).into_iter().collect();
        let mut numbers: HashMap<u32, usize> = HashMap::new();
        let mut places = Vec::with_capacity(rows.size_hint().0);
        for row in rows {
            let Some(row) = row else {
                places.push((0, 0));
                continue;
            };
            let number = *numbers.entry(row.segment).or_insert_with(|| {
                arrays.push(self.segments[row.segment as usize][column].as_ref());
                arrays.len() - 1
            });
            places.push((number, row.row as usize));
        }
        Ok(interleave(&arrays, &places)?)
    }

    /// True when so many rows are not needed any more that copying the `needed` ones pays.
    pub(super) fn is_worth_compacting(&self, needed: usize) -> bool {
        self.rows > 2 * needed + BATCH_ROWS_MAX
    }

    /// Memory of all segments, in bytes, roughly.
    pub(super) fn state_bytes(&self) -> usize {
        let columns = self.segments.iter().flatten();
        columns.map(Array::get_array_memory_size).sum()
    }

    /// Copies the needed rows into one segment and lets go of all others. `needed` must be all that is held outside; each is
    /// made to name its row's new place.
    pub(super) fn compact<'a>(&mut self, needed: impl Iterator<Item = &'a mut RowRef>) -> Result<(), Error> {
        let mut held: Vec<&mut RowRef> = needed.collect();
        let old: Vec<RowRef> = held.iter().map(|row| **row).collect();
        let columns = match (self.segments.first(), old.is_empty()) {
            (Some(first), false) => (0..first.len())
                .map(|column| self.gather(&old, column))
                .collect::<Result<Vec<_>, Error>>()?,
            _ => {
                self.segments.clear();
                self.rows = 0;
                return Ok(());
            }
        };
        for (place, row) in held.iter_mut().enumerate() {
            **row = RowRef {
                segment: 0,
                row: u32::try_from(place).expect("rows beyond 4 billion do not fit in memory"),
            };
        }
        self.segments = vec![columns];
        self.rows = old.len();
        Ok(())
    }
}

impl RowRef {
    /// The row `rows` further on in the same segment.
    pub(super) fn plus(self, rows: usize) -> Self {
        Self {
            segment: self.segment,
            row: self.row + u32::try_from(rows).expect("a batch has fewer than 2^32 rows"),
        }
    }
}
