//! Rows of one schema kept for later, addressed by numbers; what a table remembers of each key.
//!
//! Rows stay in the batches that they came in, so that keeping one copies nothing. Batches of which little is left are copied
//! together now and then.

use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, UInt32Array};
use datafusion::arrow::compute::{concat_batches, interleave_record_batch, take_record_batch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;

/// From how many batches on it is looked whether they should be copied together.
const BATCHES_MIN: usize = 64;

/// Rows by slot number.
#[derive(Debug)]
pub(crate) struct RowStore {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    /// Batch and row of each slot; `None` where the slot holds no row.
    places: Vec<Option<(u32, u32)>>,
    /// Rows in slots.
    live: usize,
    /// Rows in batches.
    held: usize,
}

impl RowStore {
    /// An empty store.
    pub(crate) fn new(schema: SchemaRef) -> Self {
        Self {
            schema,
            batches: Vec::new(),
            places: Vec::new(),
            live: 0,
            held: 0,
        }
    }

    /// Takes a batch whose rows are then put into slots; gives its number for [`RowStore::put`].
    pub(crate) fn add(&mut self, batch: RecordBatch) -> u32 {
        self.held += batch.num_rows();
        self.batches.push(batch);
        u32::try_from(self.batches.len() - 1).expect("batches are copied together long before there are 4 billion")
    }

    /// Puts a row of an added batch into a slot, in place of what was there.
    pub(crate) fn put(&mut self, slot: u32, batch: u32, row: u32) {
        let slot = slot as usize;
        if self.places.len() <= slot {
            self.places.resize(slot + 1, None);
        }
        if self.places[slot].replace((batch, row)).is_none() {
            self.live += 1;
        }
    }

    /// Empties a slot.
    pub(crate) fn remove(&mut self, slot: u32) {
        if let Some(place) = self.places.get_mut(slot as usize)
            && place.take().is_some()
        {
            self.live -= 1;
        }
    }

    /// Where the row of a slot is; stays true until [`RowStore::tidy`].
    pub(crate) fn place(&self, slot: u32) -> Option<(u32, u32)> {
        self.places.get(slot as usize).copied().flatten()
    }

    /// The rows at these places, in that order.
    ///
    /// # Errors
    /// Never in practice: all batches have one schema.
    pub(crate) fn rows(&self, places: &[(u32, u32)]) -> Result<RecordBatch, ArrowError> {
        let Some((first, _)) = places.first() else {
            return Ok(RecordBatch::new_empty(Arc::clone(&self.schema)));
        };
        if places.iter().all(|(batch, _)| batch == first) {
            let rows: UInt32Array = places.iter().map(|(_, row)| *row).collect::<Vec<_>>().into();
            return take_record_batch(&self.batches[*first as usize], &rows);
        }
        let mut used: Vec<u32> = places.iter().map(|(batch, _)| *batch).collect();
        used.sort_unstable();
        used.dedup();
        let batches: Vec<&RecordBatch> = used.iter().map(|batch| &self.batches[*batch as usize]).collect();
        let places: Vec<(usize, usize)> = places
            .iter()
            .map(|(batch, row)| {
                (
                    used.binary_search(batch).expect("it was listed just now"),
                    *row as usize,
                )
            })
            .collect();
        interleave_record_batch(&batches, &places)
    }

    /// Copies rows together where the batches hold much that is in no slot any more. Call it when no place is remembered.
    ///
    /// # Errors
    /// When a column would grow beyond what Arrow's offsets can address.
    pub(crate) fn tidy(&mut self) -> Result<(), ArrowError> {
        let is_sparse = self.held > 2 * self.live + 1_024;
        let is_cut_up = self.batches.len() >= BATCHES_MIN && self.held < self.batches.len() * 64;
        if self.batches.len() < 2 || !(is_sparse || is_cut_up) {
            return Ok(());
        }
        let slots: Vec<usize> = (0..self.places.len())
            .filter(|slot| self.places[*slot].is_some())
            .collect();
        let places: Vec<(u32, u32)> = slots.iter().filter_map(|slot| self.places[*slot]).collect();
        let kept = self.rows(&places)?;
        for (row, slot) in (0u32..).zip(slots) {
            self.places[slot] = Some((0, row));
        }
        self.held = kept.num_rows();
        self.batches = vec![concat_batches(&self.schema, [&kept])?];
        Ok(())
    }

    /// Memory held, in bytes, roughly.
    pub(crate) fn state_bytes(&self) -> usize {
        let batches: usize = self.batches.iter().map(RecordBatch::get_array_memory_size).sum();
        batches + self.places.capacity() * 12
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int64Array};
    use datafusion::arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    #[test]
    fn rows_are_found_again_after_they_were_copied_together() {
        let schema = Arc::new(Schema::new(vec![Field::new("A", DataType::Int64, true)]));
        let mut store = RowStore::new(Arc::clone(&schema));
        let numbers = |from: i64, to: i64| -> ArrayRef { Arc::new(Int64Array::from_iter_values(from..to)) };
        for start in 0..100 {
            let batch = RecordBatch::try_new(Arc::clone(&schema), vec![numbers(start, start + 1)]).unwrap();
            let number = store.add(batch);
            store.put(u32::try_from(start % 10).unwrap(), number, 0);
            store.tidy().unwrap();
        }
        assert!(store.batches.len() < 65);
        store.remove(3);
        let places: Vec<_> = (0..10).filter_map(|slot| store.place(slot)).collect();
        let rows = store.rows(&places).unwrap();
        assert_eq!(
            rows.column(0).as_ref(),
            &Int64Array::from(vec![90, 91, 92, 94, 95, 96, 97, 98, 99])
        );
    }
}
