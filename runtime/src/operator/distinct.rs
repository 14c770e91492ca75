//! SELECT DISTINCT: each row once.

use std::collections::BTreeSet;

use datafusion::arrow::array::BooleanArray;
use datafusion::arrow::datatypes::{DataType, SchemaRef};

use super::{Error, KeyIndex, Operator};
use crate::state::{Changes, Entry, Reader, Writer};
use crate::types::ChangeBatch;

/// Lets a row through when it is there for the first time, and its retraction when it is there no more.
///
/// A stream's rows are never retracted, so there the first occurrence passes and the result is append-only. NULL equals NULL (SQL
/// standard). Every distinct row is kept for as long as the query runs.
#[derive(Debug)]
pub struct Distinct {
    index: KeyIndex,
    /// How often each row is there, by slot.
    counts: Vec<i64>,
    slots: Vec<u32>,
    types: Vec<DataType>,
    /// Slots whose counts changed since they were saved, where they are saved at all.
    changed: Option<BTreeSet<u32>>,
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
        })
    }
}

impl Operator for Distinct {
    fn push(&mut self, _port: usize, changes: ChangeBatch, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        let rows = changes.num_rows();
        self.index.slots(changes.records.columns(), rows, &mut self.slots)?;
        self.counts.resize(self.index.len(), 0);
        let mut passes = Vec::with_capacity(rows);
        let mut retracts = false;
        for (row, slot) in self.slots.iter().enumerate() {
            let count = &mut self.counts[*slot as usize];
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

    fn state_form(&self) -> Option<String> {
        let types: Vec<_> = self.types.iter().map(ToString::to_string).collect();
        Some(format!("distinct rows 1 of ({})", types.join(", ")))
    }

    fn track_changes(&mut self) {
        self.changed = Some(self.index.all().collect());
    }

    /// Key: the row. Value: how often it is there.
    fn save(&mut self, changes: &mut Changes) -> Result<(), Error> {
        let mut value = Writer::new();
        for slot in self.changed.as_mut().map(std::mem::take).unwrap_or_default() {
            match self.counts[slot as usize] {
                0 => changes.delete(self.index.key(slot)),
                count => {
                    value.restart();
                    value.number(count);
                    changes.put(self.index.key(slot), value.written());
                }
            }
        }
        Ok(())
    }

    fn load(&mut self, entries: &[Entry]) -> Result<(), Error> {
        for (key, value) in entries {
            let slot = self.index.restore(key) as usize;
            self.counts.resize(self.index.len(), 0);
            self.counts[slot] = Reader::new(value)?.number()?;
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        self.index.state_bytes() + self.counts.capacity() * size_of::<i64>()
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
