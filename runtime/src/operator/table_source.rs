//! Records of a table's topic as changes of the table: each new row of a key takes the place of its old one.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, Int8Array, Int64Array, RecordBatch};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::row::{RowConverter, SortField};

use super::group_by::{GroupIndex, keyed_rows};
use super::row_store::RowStore;
use super::{Error, Operator};
use crate::state::{Changes, Entry, RowCodec};
use crate::types::ChangeBatch;

/// Turns upserts (weight 1) and deletions (weight 0) by primary key into changes: the old row with weight -1, then the new one.
///
/// A deletion of a key that has no row passes as a row of weight 0, so that a sink still writes the tombstone (ksqlDB forwards
/// it). Records without a key are left out (ksqlDB: a table has no such rows).
#[derive(Debug)]
pub struct TableSource {
    keys: Vec<usize>,
    old_rows: bool,
    index: GroupIndex,
    rows: RowStore,
    schema: SchemaRef,
    /// Rows left out because a part of their key is null.
    without_key: u64,
    /// What changed since the state was saved, where it is saved at all.
    changed: Option<Changed>,
}

/// Keys that changed.
#[derive(Debug)]
struct Changed {
    keys: RowConverter,
    rows: RowCodec,
    /// All rows count as changed.
    all: bool,
    /// The slot of each key that has a row.
    slots: BTreeMap<Box<[u8]>, Option<u32>>,
}

impl TableSource {
    /// `keys` are the positions of the primary key in `schema`. Without `old_rows` nothing is kept and only new rows are given.
    ///
    /// # Errors
    /// When a key has a type that cannot be a key.
    pub fn new(keys: Vec<usize>, old_rows: bool, schema: SchemaRef) -> Result<Self, Error> {
        let types: Vec<DataType> = keys.iter().map(|key| schema.field(*key).data_type().clone()).collect();
        Ok(Self {
            index: GroupIndex::new(&types)?,
            rows: RowStore::new(Arc::clone(&schema)),
            keys,
            old_rows,
            schema,
            without_key: 0,
            changed: None,
        })
    }

    fn key_columns(&self, records: &RecordBatch) -> Vec<ArrayRef> {
        self.keys.iter().map(|key| Arc::clone(records.column(*key))).collect()
    }
}

/// Leaves out records of a table that have no key; gives how many these were.
pub(crate) fn with_keys(changes: ChangeBatch, keys: &[ArrayRef]) -> Result<(ChangeBatch, u64), Error> {
    Ok(match keyed_rows(keys) {
        None => (changes, 0),
        Some(mask) => {
            let before = changes.num_rows();
            let kept = changes.filter(&BooleanArray::from(mask))?;
            let left_out = before - kept.num_rows();
            tracing::warn!("{left_out} records of a table have no key and are left out");
            (kept, left_out as u64)
        }
    })
}

impl Operator for TableSource {
    fn push(&mut self, _port: usize, changes: ChangeBatch, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        let keys = self.key_columns(&changes.records);
        let (changes, left_out) = with_keys(changes, &keys)?;
        self.without_key += left_out;
        if changes.is_empty() {
            return Ok(());
        }
        if !self.old_rows {
            out.push(changes);
            return Ok(());
        }
        let keys = self.key_columns(&changes.records);
        let mut slots = Vec::new();
        self.index.intern(&keys, changes.num_rows(), &mut slots)?;
        if let Some(changed) = &mut self.changed {
            let rows = changed.keys.convert_columns(&keys)?;
            for (row, (key, slot)) in rows.iter().zip(&slots).enumerate() {
                let is_deletion = changes.weight(row) == 0;
                changed
                    .slots
                    .insert(key.as_ref().into(), (!is_deletion).then_some(*slot));
            }
        }
        let own = self.rows.add(changes.records.clone());
        // Places of the rows to give: of the old row where there is one, then of the new one.
        let (mut places, mut weights, mut origins) = (Vec::new(), Vec::new(), Vec::new());
        for (row, slot) in (0u32..).zip(&slots) {
            let old = self.rows.place(*slot);
            let is_deletion = changes.weight(row as usize) == 0;
            if let Some(place) = old {
                places.push(place);
                weights.push(-1);
                origins.push(row);
            }
            if !is_deletion || old.is_none() {
                places.push((own, row));
                weights.push(i8::from(!is_deletion));
                origins.push(row);
            }
            if is_deletion {
                self.rows.remove(*slot);
            } else {
                self.rows.put(*slot, own, row);
            }
        }
        let records = self.rows.rows(&places)?;
        let times =
            |times: &Int64Array| -> Int64Array { origins.iter().map(|row| times.value(*row as usize)).collect() };
        out.push(ChangeBatch {
            records: records.with_schema(Arc::clone(&self.schema))?,
            event_times: times(&changes.event_times),
            stream_times: changes.stream_times.as_ref().map(times),
            weights: Some(Int8Array::from(weights)),
        });
        slots.retain(|slot| self.rows.place(*slot).is_none());
        slots.sort_unstable();
        slots.dedup();
        for slot in slots {
            self.index.remove(slot);
        }
        Ok(self.rows.tidy()?)
    }

    fn state_bytes(&self) -> usize {
        self.index.state_bytes() + self.rows.state_bytes()
    }

    fn state_form(&self) -> Option<String> {
        if !self.old_rows {
            return None;
        }
        let fields = self.schema.fields().iter();
        let row: Vec<_> = fields
            .map(|field| format!("{} {}", field.name(), field.data_type()))
            .collect();
        let keys: Vec<_> = self
            .keys
            .iter()
            .map(|key| self.schema.field(*key).name().as_str())
            .collect();
        Some(format!("table 1 by ({}): {}", keys.join(", "), row.join(", ")))
    }

    fn track_changes(&mut self) {
        // Both converters were made for these types before, so they can be made again.
        let fields = self
            .keys
            .iter()
            .map(|key| SortField::new(self.schema.field(*key).data_type().clone()));
        let converters =
            RowConverter::new(fields.collect()).and_then(|keys| Ok((keys, RowCodec::new(Arc::clone(&self.schema))?)));
        self.changed = converters.ok().map(|(keys, rows)| Changed {
            keys,
            rows,
            all: true,
            slots: BTreeMap::new(),
        });
    }

    /// Key: the bytes of the key. Value: the row.
    fn save(&mut self, changes: &mut Changes) -> Result<(), Error> {
        let Some(changed) = &mut self.changed else {
            return Ok(());
        };
        let mut slots = std::mem::take(&mut changed.slots);
        if std::mem::take(&mut changed.all) {
            let there = (0..).take(self.index.end());
            let there: Vec<u32> = there.filter(|slot| self.rows.place(*slot).is_some()).collect();
            let places: Vec<_> = there.iter().filter_map(|slot| self.rows.place(*slot)).collect();
            let rows = self.rows.rows(&places)?;
            let keys: Vec<ArrayRef> = self.keys.iter().map(|key| Arc::clone(rows.column(*key))).collect();
            let keys = changed.keys.convert_columns(&keys)?;
            for (key, slot) in keys.iter().zip(there) {
                slots.insert(key.as_ref().into(), Some(slot));
            }
        }
        let places: Vec<_> = slots
            .values()
            .flatten()
            .filter_map(|slot| self.rows.place(*slot))
            .collect();
        let rows = self.rows.rows(&places)?;
        let encoded = changed.rows.encode(rows.columns())?;
        let mut rows = encoded.iter().flatten();
        for (key, slot) in &slots {
            match slot.and_then(|_| rows.next()) {
                Some(row) => changes.put(key, row.as_ref()),
                None => changes.delete(key),
            }
        }
        Ok(())
    }

    fn load(&mut self, entries: &[Entry]) -> Result<(), Error> {
        if let Some(changed) = &mut self.changed {
            changed.all = false;
        }
        let codec = RowCodec::new(Arc::clone(&self.schema))?;
        let rows: Vec<&[u8]> = entries.iter().map(|(_, row)| &**row).collect();
        let records = codec.decode(&rows)?;
        let keys = self.key_columns(&records);
        let mut slots = Vec::new();
        self.index.intern(&keys, records.num_rows(), &mut slots)?;
        let batch = self.rows.add(records);
        for (row, slot) in (0..).zip(slots) {
            self.rows.put(slot, batch, row);
        }
        Ok(())
    }
}
