//! SELECT DISTINCT: each row once.

use std::collections::BTreeSet;

use datafusion::arrow::array::BooleanArray;
use datafusion::arrow::datatypes::{DataType, SchemaRef};

use super::expiry::Expiry;
use super::{Error, KeyIndex, Operator, Progress};
use crate::state::{Changes, Entry, Reader, Writer};
use crate::types::ChangeBatch;

/// Lets a row through when it is there for the first time, and its retraction when it is there no more.
///
/// A stream's rows are never retracted, so there the first occurrence passes and the result is append-only. NULL equals NULL (SQL
/// standard). Every distinct row is kept for as long as the query runs, or as its time to live says: a row that was away for longer counts as new.
#[derive(Debug)]
pub struct Distinct {
    index: KeyIndex,
    /// How often each row is there, by slot.
    counts: Vec<i64>,
    slots: Vec<u32>,
    types: Vec<DataType>,
    /// Slots whose counts changed since they were saved, where they are saved at all.
    changed: Option<BTreeSet<u32>>,
    /// Rows whose time was up since they were saved.
    gone: Vec<Vec<u8>>,
    expiry: Option<Expiry>,
}

impl Distinct {
    /// Over rows of `schema`.
    ///
    /// # Errors
    /// When a column has a type that cannot be compared.
    pub fn new(schema: &SchemaRef) -> Result<Self, Error> {
        let types: Vec<_> = schema.fields().iter().map(|field| field.data_type().clone()).collect();
        Ok(Self {
            index: KeyIndex::new(&types)?,
            counts: Vec::new(),
            slots: Vec::new(),
            types,
            changed: None,
            gone: Vec::new(),
            expiry: None,
        })
    }
}

impl Operator for Distinct {
    fn push(&mut self, _port: usize, changes: ChangeBatch, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        let rows = changes.num_rows();
        self.index.slots(changes.records.columns(), rows, &mut self.slots)?;
        self.counts.resize(self.index.end(), 0);
        let mut passes = Vec::with_capacity(rows);
        let mut retracts = false;
        for (row, slot) in self.slots.iter().enumerate() {
            let count = &mut self.counts[*slot as usize];
            if let Some(expiry) = &mut self.expiry
                && expiry.touch(*slot, changes.event_times.value(row))
            {
                *count = 0;
            }
            let before = *count;
            let weight = changes.weight(row);
            *count += i64::from(weight);
            retracts |= weight < 0;
            passes.push(weight != 0 && (before > 0) != (*count > 0));
        }
        if let Some(changed) = &mut self.changed {
            changed.extend(&self.slots);
        }
        let mut kept = changes.filter(&BooleanArray::from(passes))?;
        if !retracts {
            kept.weights = None;
        }
        if !kept.is_empty() {
            out.push(kept);
        }
        Ok(())
    }

    fn advance(&mut self, progress: Progress, _out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        let Some(expiry) = &mut self.expiry else { return Ok(()) };
        for slot in expiry.sweep(progress.watermark) {
            if let Some(changed) = &mut self.changed {
                changed.remove(&slot);
                self.gone.push(self.index.key(slot).to_vec());
            }
            self.counts[slot as usize] = 0;
            self.index.remove(slot);
        }
        Ok(())
    }

    fn expire_after(&mut self, ttl_ms: i64) {
        self.expiry = Some(Expiry::new(ttl_ms));
    }

    fn state_keys(&self) -> Option<usize> {
        Some(self.index.len())
    }

    fn state_form(&self) -> Option<String> {
        let types: Vec<_> = self.types.iter().map(ToString::to_string).collect();
        Some(format!("distinct rows 1 of ({})", types.join(", ")))
    }

    fn track_changes(&mut self) {
        self.changed = Some(self.index.all().collect());
    }

    /// Key: the row. Value: how often it is there, then when it came last, where it has a time to live.
    fn save(&mut self, changes: &mut Changes) -> Result<(), Error> {
        for key in self.gone.drain(..) {
            changes.delete(&key);
        }
        let mut value = Writer::new();
        for slot in self.changed.as_mut().map(std::mem::take).unwrap_or_default() {
            match self.counts[slot as usize] {
                0 => changes.delete(self.index.key(slot)),
                count => {
                    value.restart();
                    value.number(count);
                    if let Some(expiry) = &self.expiry {
                        value.number(expiry.touched(slot));
                    }
                    changes.put(self.index.key(slot), value.written());
                }
            }
        }
        Ok(())
    }

    fn load(&mut self, entries: &[Entry]) -> Result<(), Error> {
        for (key, value) in entries {
            let slot = self.index.restore(key);
            self.counts.resize(self.index.end(), 0);
            let mut value = Reader::new(value)?;
            self.counts[slot as usize] = value.number()?;
            Expiry::load_rest(self.expiry.as_mut(), slot, &mut value)?;
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        let expiry = self.expiry.as_ref().map_or(0, Expiry::state_bytes);
        self.index.state_bytes() + self.counts.capacity() * size_of::<i64>() + expiry
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::cast::AsArray;
    use datafusion::arrow::array::{Int8Array, Int64Array, RecordBatch};
    use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema};

    use super::*;

    fn schema() -> SchemaRef {
        Arc::new(Schema::new(vec![Field::new("X", DataType::Int64, true)]))
    }

    fn batch(values: &[(Option<i64>, i8)]) -> ChangeBatch {
        let column: Int64Array = values.iter().map(|(value, _)| *value).collect();
        ChangeBatch {
            records: RecordBatch::try_new(schema(), vec![Arc::new(column)]).unwrap(),
            event_times: vec![7; values.len()].into(),
            weights: Some(values.iter().map(|(_, weight)| *weight).collect::<Int8Array>()),
            stream_times: None,
        }
    }

    fn passed(distinct: &mut Distinct, values: &[(Option<i64>, i8)]) -> Vec<(Option<i64>, i8)> {
        let mut out = Vec::new();
        distinct.push(0, batch(values), &mut out).unwrap();
        let mut rows = Vec::new();
        for batch in &out {
            let column = batch.records.column(0).as_primitive::<Int64Type>();
            rows.extend(column.iter().enumerate().map(|(row, value)| (value, batch.weight(row))));
        }
        rows
    }

    #[test]
    fn the_first_occurrence_passes_and_null_is_a_value() {
        let mut distinct = Distinct::new(&schema()).unwrap();
        let first = passed(
            &mut distinct,
            &[(Some(1), 1), (None, 1), (Some(1), 1), (None, 0), (Some(2), 1)],
        );
        assert_eq!(first, [(Some(1), 1), (None, 1), (Some(2), 1)]);
        assert_eq!(passed(&mut distinct, &[(None, 1), (Some(2), 1)]), []);
    }

    #[test]
    fn a_row_that_was_away_for_longer_than_its_time_to_live_is_new_and_its_entry_goes() {
        let at = |time: i64, values: &[(Option<i64>, i8)]| ChangeBatch {
            event_times: vec![time; values.len()].into(),
            ..batch(values)
        };
        let mut distinct = Distinct::new(&schema()).unwrap();
        distinct.expire_after(100);
        distinct.track_changes();
        let mut out = Vec::new();
        for (time, values) in [(0, [(Some(1), 1), (Some(2), 1)]), (90, [(Some(1), 1), (Some(1), 1)])] {
            distinct.push(0, at(time, &values), &mut out).unwrap();
        }
        assert_eq!(out.iter().map(ChangeBatch::num_rows).sum::<usize>(), 2);
        distinct.save(&mut Changes::new()).unwrap();
        distinct.push(0, at(191, &[(Some(1), 1)]), &mut out).unwrap();
        assert_eq!(out.iter().map(ChangeBatch::num_rows).sum::<usize>(), 3);
        let progress = Progress {
            watermark: 191,
            ..Progress::UNKNOWN
        };
        distinct.advance(progress, &mut out).unwrap();
        let mut changes = Changes::new();
        distinct.save(&mut changes).unwrap();
        let gone = changes.iter().filter(|(_, value)| value.is_none()).count();
        assert_eq!((changes.len(), gone, distinct.state_keys()), (2, 1, Some(1)));
    }

    #[test]
    fn a_row_goes_with_its_last_occurrence() {
        let mut distinct = Distinct::new(&schema()).unwrap();
        assert_eq!(
            passed(&mut distinct, &[(Some(1), 1), (Some(1), 1), (Some(1), -1)]),
            [(Some(1), 1)]
        );
        assert_eq!(
            passed(&mut distinct, &[(Some(1), -1), (Some(2), 1)]),
            [(Some(1), -1), (Some(2), 1)]
        );
        assert_eq!(passed(&mut distinct, &[(Some(1), 1)]), [(Some(1), 1)]);
    }
}
