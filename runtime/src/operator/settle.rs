//! Puts the changes of each key in order after they came from several shards: what is taken back first, then what is new.
//!
//! When the partner of a row moves to another shard (the foreign key of a join changed), its old result is taken back by one shard and
//! its new one given by another. A sink that keeps the last row of each key must see the new one last.

use std::collections::HashMap;

use datafusion::arrow::array::{ArrayRef, UInt32Array};
use datafusion::arrow::datatypes::{DataType, SchemaRef};

use super::group_by::GroupIndex;
use super::{Error, Operator, Progress};
use crate::types::ChangeBatch;

/// Gives the changes of a step key by key, retractions first.
#[derive(Debug)]
pub struct Settle {
    keys: Vec<usize>,
    schema: SchemaRef,
    waiting: Vec<ChangeBatch>,
}

impl Settle {
    /// `keys` are the positions of the key in `schema`.
    #[must_use]
    pub fn new(keys: Vec<usize>, schema: SchemaRef) -> Self {
        Self {
            keys,
            schema,
            waiting: Vec::new(),
        }
    }
}

impl Operator for Settle {
    fn push(&mut self, _port: usize, changes: ChangeBatch, _out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        self.waiting.push(changes);
        Ok(())
    }

    fn advance(&mut self, _progress: Progress, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        let waiting = std::mem::take(&mut self.waiting);
        if waiting.len() < 2 {
            out.extend(waiting);
            return Ok(());
        }
        let all = ChangeBatch::concat(&self.schema, &waiting)?;
        let columns: Vec<ArrayRef> = self.keys.iter().map(|key| all.records.column(*key).clone()).collect();
        let types: Vec<DataType> = columns.iter().map(|column| column.data_type().clone()).collect();
        let mut index = GroupIndex::new(&types)?;
        let mut groups = Vec::new();
        index.intern(&columns, all.num_rows(), &mut groups)?;
        let mut places: HashMap<u32, usize> = HashMap::new();
        let mut order: Vec<(usize, i8, u32)> = Vec::with_capacity(groups.len());
        for (row, group) in (0u32..).zip(groups) {
            let next = places.len();
            let place = *places.entry(group).or_insert(next);
            order.push((place, all.weight(row as usize), row));
        }
        order.sort_unstable();
        let rows: UInt32Array = order.into_iter().map(|(_, _, row)| row).collect::<Vec<_>>().into();
        out.push(all.take(&rows)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{AsArray, Int8Array, Int64Array, RecordBatch};
    use datafusion::arrow::datatypes::{Field, Int64Type, Schema};

    use super::*;

    #[test]
    fn what_is_new_comes_after_what_is_taken_back() {
        let schema = Arc::new(Schema::new(vec![
            Field::new("K", DataType::Int64, true),
            Field::new("V", DataType::Int64, true),
        ]));
        let batch = |keys: Vec<i64>, values: Vec<i64>, weights: Vec<i8>| {
            let times = Int64Array::from(vec![0; keys.len()]);
            let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(keys)), Arc::new(Int64Array::from(values))];
            let records = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
            let mut changes = ChangeBatch::inserted(records, times);
            changes.weights = Some(Int8Array::from(weights));
            changes
        };
        let mut settle = Settle::new(vec![0], Arc::clone(&schema));
        let mut out = Vec::new();
        settle
            .push(0, batch(vec![1, 2], vec![11, 20], vec![1, 1]), &mut out)
            .unwrap();
        settle.push(0, batch(vec![1], vec![10], vec![-1]), &mut out).unwrap();
        settle.advance(Progress::UNKNOWN, &mut out).unwrap();
        let values = out[0].records.column(1).as_primitive::<Int64Type>();
        assert_eq!(values.values(), &[10, 11, 20]);
        assert_eq!(out[0].weights.as_ref().unwrap().values(), &[-1, 1, 1]);
    }
}
