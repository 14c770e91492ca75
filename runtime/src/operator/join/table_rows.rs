//! The rows of a table by slot of its key, as a join keeps them, and how a changelog is read.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;

use super::durable::Saved;
use super::kept_rows::{KeptRows, RowRef};
use super::key_slots::KeySlots;
use crate::operator::Error;
use crate::state::Entry;
use crate::state::{Reader, RowCodec, Writer};
use crate::types::ChangeBatch;

/// What a changelog says about one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyChange {
    /// The row of the batch that has the key, the time and, where there is one, the new row.
    pub(crate) row: usize,
    /// Whether the key has a row now: `row`.
    pub(crate) is_upsert: bool,
}

/// Reads a batch of a table's changelog: an old row directly followed by the new one of the same key and time is one change; a lone
/// old row and a row of weight 0 are deletions. `has_same_key` compares the keys of two rows.
///
/// A key that is deleted and then has a row again within one millisecond is read as one change; its table is the same then.
pub(crate) fn key_changes(changes: &ChangeBatch, has_same_key: impl Fn(usize, usize) -> bool) -> Vec<KeyChange> {
    let rows = changes.num_rows();
    let mut read = Vec::with_capacity(rows);
    let mut row = 0;
    while row < rows {
        let is_update = changes.weight(row) < 0
            && row + 1 < rows
            && changes.weight(row + 1) > 0
            && has_same_key(row, row + 1)
            && changes.event_times.value(row) == changes.event_times.value(row + 1);
        row += usize::from(is_update);
        read.push(KeyChange {
            row,
            is_upsert: changes.weight(row) > 0,
        });
        row += 1;
    }
    read
}

/// The rows of a table. What the operator knows of a key counts, not what the old rows of the changelog say.
#[derive(Debug)]
pub(crate) struct TableRows {
    pub(crate) store: KeptRows,
    codec: RowCodec,
    /// By slot of the key.
    current: Vec<RowRef>,
    live: usize,
    journal: Option<Journal>,
    /// What keys of saved rows begin with.
    prefix: u8,
}

/// What changed since the rows were last saved.
#[derive(Debug, Default)]
struct Journal {
    touched: Vec<u32>,
    gone: Vec<Vec<u8>>,
}

impl TableRows {
    /// Memory held, in bytes, roughly.
    pub(crate) fn state_bytes(&self) -> usize {
        self.store.state_bytes() + self.current.capacity() * size_of::<RowRef>()
    }

    /// No rows. `prefix` tells the tables of one operator apart where they are saved.
    ///
    /// # Errors
    /// When Arrow's row format does not know a type.
    pub(crate) fn new(schema: SchemaRef, prefix: u8) -> Result<Self, ArrowError> {
        Ok(Self {
            codec: RowCodec::new(Arc::clone(&schema))?,
            store: KeptRows::new(schema),
            current: Vec::new(),
            live: 0,
            journal: None,
            prefix,
        })
    }

    /// Rows of the table.
    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// The row of a key; [`RowRef::NONE`] where it has none.
    pub(crate) fn current(&self, slot: u32) -> RowRef {
        self.current.get(slot as usize).copied().unwrap_or(RowRef::NONE)
    }

    /// Puts `row` in place of the key's row, which is given back. [`RowRef::NONE`] deletes.
    pub(crate) fn replace(&mut self, slots: &KeySlots, slot: u32, row: RowRef) -> RowRef {
        let at = slot as usize;
        if self.current.len() <= at {
            self.current.resize(slots.slots().max(at + 1), RowRef::NONE);
        }
        let old = std::mem::replace(&mut self.current[at], row);
        self.live += usize::from(!row.is_none());
        self.live -= usize::from(!old.is_none());
        if let Some(journal) = &mut self.journal {
            if row.is_none() {
                let mut key = vec![self.prefix];
                key.extend_from_slice(slots.key(slot));
                journal.gone.push(key);
            } else {
                journal.touched.push(slot);
            }
        }
        old
    }

    /// Gives memory of rows back that are in the table no more. Not while such a row is still referred to.
    ///
    /// # Errors
    /// When Arrow cannot put rows together.
    pub(crate) fn compact(&mut self) -> Result<(), ArrowError> {
        self.store.compact(self.current.iter_mut(), self.live)
    }

    /// Nothing counts as saved.
    pub(crate) fn forget_saved(&mut self) {
        self.journal = None;
    }

    /// What changed since the last call; the first call gives everything and begins the notes about changes.
    ///
    /// # Errors
    /// When the rows cannot be encoded.
    pub(crate) fn save(&mut self, slots: &KeySlots) -> Result<Saved, ArrowError> {
        let journal = match &mut self.journal {
            Some(journal) => std::mem::take(journal),
            None => {
                self.journal = Some(Journal::default());
                let all = (0_u32..).zip(&self.current).filter(|(_, row)| !row.is_none());
                Journal {
                    touched: all.map(|(slot, _)| slot).collect(),
                    gone: Vec::new(),
                }
            }
        };
        let mut touched = journal.touched;
        touched.sort_unstable();
        touched.dedup();
        touched.retain(|slot| !self.current(*slot).is_none());
        let rows: Vec<RowRef> = touched.iter().map(|slot| self.current(*slot)).collect();
        let columns = self.store.gather(&rows, None)?;
        let encoded = self.codec.encode(&columns)?;
        let mut saved: Saved = journal.gone.into_iter().map(|key| (key, None)).collect();
        for (at, slot) in touched.into_iter().enumerate() {
            let mut key = vec![self.prefix];
            key.extend_from_slice(slots.key(slot));
            let mut value = Writer::new();
            value.number(self.store.event_time(rows[at]));
            value.number(self.store.stream_time(rows[at]));
            value.bytes(encoded.as_ref().map_or(&[], |encoded| encoded.row(at).data()));
            saved.push((key, Some(value.finish())));
        }
        Ok(saved)
    }

    /// Takes back those of the saved rows that are this table's, and gives their slots with them.
    ///
    /// # Errors
    /// When one is damaged.
    pub(crate) fn load(&mut self, slots: &mut KeySlots, saved: &[Entry]) -> Result<(Vec<u32>, RecordBatch), Error> {
        let (mut rows, mut times, mut stream_times, mut loaded) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (key, value) in saved {
            let Some((prefix, key)) = key.split_first() else {
                continue;
            };
            if *prefix == self.prefix {
                let mut reader = Reader::new(value)?;
                times.push(reader.number()?);
                stream_times.push(reader.number()?);
                rows.push(reader.bytes()?);
                loaded.push(slots.find_or_insert(key));
            }
        }
        let changes = ChangeBatch {
            records: self.codec.decode(&rows)?,
            event_times: times.into(),
            weights: None,
            stream_times: Some(stream_times.into()),
        };
        let mut start = 0;
        for part in super::parts(&changes) {
            let first = self.store.push(&part, Vec::new())?;
            for row in 0..part.num_rows() {
                self.replace(slots, loaded[start + row], first.plus(row));
            }
            start += part.num_rows();
        }
        self.journal = Some(Journal::default());
        Ok((loaded, changes.records))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{Int8Array, Int64Array};
    use datafusion::arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    #[test]
    fn an_old_row_and_the_new_one_of_its_key_are_one_change() {
        let keys = [1, 1, 2, 3, 3, 4, 4, 5, 5];
        let schema = Arc::new(Schema::new(vec![Field::new("K", DataType::Int64, true)]));
        let records = RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from(keys.to_vec()))]).unwrap();
        let mut changes = ChangeBatch::inserted(records, Int64Array::from(vec![0, 0, 0, 0, 0, 0, 0, 1, 2]));
        changes.weights = Some(Int8Array::from(vec![-1, 1, -1, 1, 0, 1, -1, -1, 1]));
        let read: Vec<_> = key_changes(&changes, |a, b| keys[a] == keys[b])
            .into_iter()
            .map(|change| (change.row, change.is_upsert))
            .collect();
        assert_eq!(
            read,
            [
                (1, true),
                (2, false),
                (3, true),
                (4, false),
                (5, true),
                (6, false),
                // Deleted, and there again later.
                (7, false),
                (8, true)
            ]
        );
    }
}
