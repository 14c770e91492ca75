//! Brings the changes of each key of a step together after they came from several shards: what is taken back of the row before the
//! step, then what is given after it.
//!
//! When the partner of a row moves to another shard (the foreign key of a join changed), its old result is taken back by one shard and
//! its new one given by another. What a step both gives and takes back cancels out: nothing tells which of several rows came
//! last, but only the one that is not taken back again can be it.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, UInt32Array};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::error::ArrowError;

use super::group_by::GroupIndex;
use super::{Error, Operator, Progress};
use crate::types::ChangeBatch;

/// Gives what a step changes of each key, the retraction first.
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
        let keys = self
            .keys
            .iter()
            .map(|key| Arc::clone(all.records.column(*key)))
            .collect();
        let keys = numbers(keys, all.num_rows())?;
        // Rows of a type that cannot be compared only cancel themselves, that is not at all.
        let same = numbers(all.records.columns().to_vec(), all.num_rows())
            .unwrap_or_else(|_| (0u32..).take(all.num_rows()).collect());
        let mut places: HashMap<u32, usize> = HashMap::new();
        let mut net: Vec<Net> = Vec::new();
        for (row, (key, same)) in (0u32..).zip(keys.into_iter().zip(same)) {
            let place = *places.entry(key).or_insert(net.len());
            if place == net.len() {
                net.push(Net::default());
            }
            net[place].add(row, same, all.weight(row as usize));
        }
        let rows: UInt32Array = net.into_iter().flat_map(Net::rows).collect::<Vec<_>>().into();
        out.push(all.take(&rows)?);
        Ok(())
    }
}

/// A number for each row, the same for equal rows.
fn numbers(columns: Vec<ArrayRef>, rows: usize) -> Result<Vec<u32>, ArrowError> {
    let types: Vec<DataType> = columns.iter().map(|column| column.data_type().clone()).collect();
    let mut numbers = Vec::with_capacity(rows);
    GroupIndex::new(&types)?.intern(&columns, rows, &mut numbers)?;
    Ok(numbers)
}

/// What is left of the changes of one key.
#[derive(Debug, Default)]
struct Net {
    /// Rows given and rows taken back: number of the change, number of the row's content.
    given: Vec<(u32, u32)>,
    taken: Vec<(u32, u32)>,
    /// A change of weight 0: there was no row and there is none.
    absent: Option<u32>,
    has_rows: bool,
}

impl Net {
    fn add(&mut self, change: u32, content: u32, weight: i8) {
        if weight == 0 {
            self.absent = Some(change);
            return;
        }
        self.has_rows = true;
        let (own, other) = match weight {
            1.. => (&mut self.given, &mut self.taken),
            _ => (&mut self.taken, &mut self.given),
        };
        match other.iter().position(|(_, present)| *present == content) {
            Some(at) => drop(other.remove(at)),
            None => own.push((change, content)),
        }
    }

    fn rows(self) -> impl Iterator<Item = u32> {
        let absent = self.absent.filter(|_| !self.has_rows);
        let changes = self.taken.into_iter().chain(self.given).map(|(change, _)| change);
        changes.chain(absent)
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{AsArray, Int8Array, Int64Array, RecordBatch};
    use datafusion::arrow::datatypes::{Field, Int64Type, Schema};

    use super::*;

    #[test]
    fn one_row_is_taken_back_and_one_given_whatever_came_between() {
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
        let settled = |batches: Vec<ChangeBatch>| {
            let mut settle = Settle::new(vec![0], Arc::clone(&schema));
            let mut out = Vec::new();
            for changes in batches {
                settle.push(0, changes, &mut out).unwrap();
            }
            settle.advance(Progress::UNKNOWN, &mut out).unwrap();
            let values = out[0].records.column(1).as_primitive::<Int64Type>().values().to_vec();
            (values, out[0].weights.as_ref().unwrap().values().to_vec())
        };
        let given = settled(vec![
            batch(vec![1, 2], vec![11, 20], vec![1, 1]),
            batch(vec![1], vec![10], vec![-1]),
        ]);
        assert_eq!(given, (vec![10, 11, 20], vec![-1, 1, 1]));
        // 10, 11, 12, 13 in turn; the shard of 11 and 13 comes first, and that of 10 and 12 knows only of those.
        let given = settled(vec![
            batch(vec![1, 1, 1], vec![11, 11, 13], vec![1, -1, 1]),
            batch(vec![1, 1, 1], vec![10, 12, 12], vec![-1, 1, -1]),
        ]);
        assert_eq!(given, (vec![10, 13], vec![-1, 1]));
        // A row that came and went, and a key that had no row and has none.
        let given = settled(vec![
            batch(vec![1, 2], vec![11, 0], vec![1, 0]),
            batch(vec![1, 2], vec![11, 0], vec![-1, 0]),
        ]);
        assert_eq!(given, (vec![0], vec![0]));
    }
}
