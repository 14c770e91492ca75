//! LIMIT: lets the first n rows through. The new row of an update counts, its old one does not (ksqlDB: rows that are shown).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Error, Operator};
use crate::state::{Changes, Entry, Reader, Writer};
use crate::types::ChangeBatch;

/// How many rows may still pass; the pipeline ends when none may. Shared with the data plane.
#[derive(Debug)]
pub struct LimitCount {
    left: AtomicU64,
}

impl LimitCount {
    /// `limit` rows may pass.
    #[must_use]
    pub fn new(limit: u64) -> Self {
        Self {
            left: AtomicU64::new(limit),
        }
    }

    /// True when no more row may pass.
    pub fn is_reached(&self) -> bool {
        self.left.load(Ordering::Acquire) == 0
    }

    fn left(&self) -> u64 {
        self.left.load(Ordering::Acquire)
    }

    /// Takes up to `rows`, gives how many may pass.
    fn take(&self, rows: u64) -> u64 {
        let before = self
            .left
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| Some(left - left.min(rows)))
            .unwrap_or_else(|left| left);
        before.min(rows)
    }
}

/// Lets the first rows through, over all shards together.
#[derive(Debug)]
pub struct Limit {
    count: Arc<LimitCount>,
    /// What was saved last, where it is saved at all.
    saved: Option<u64>,
}

impl Limit {
    /// A limit on a count that the shards share.
    #[must_use]
    pub fn new(count: Arc<LimitCount>) -> Self {
        Self { count, saved: None }
    }
}

impl Operator for Limit {
    fn push(&mut self, _port: usize, changes: ChangeBatch, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        let counted = |row: usize| !(changes.weight(row) < 0 && is_inserted(&changes, row + 1));
        let rows = changes.num_rows();
        let wanted = match changes.weights {
            None => rows,
            Some(_) => (0..rows).filter(|row| counted(*row)).count(),
        };
        let passing = usize::try_from(self.count.take(wanted as u64)).unwrap_or(usize::MAX);
        if passing >= wanted {
            out.push(changes);
        } else if passing > 0 {
            let last = (0..rows).filter(|row| counted(*row)).nth(passing - 1);
            out.push(changes.slice(0, last.map_or(0, |last| last + 1)));
        }
        Ok(())
    }

    fn state_form(&self) -> Option<String> {
        Some("limit 1".to_owned())
    }

    fn track_changes(&mut self) {
        self.saved = Some(u64::MAX);
    }

    fn save(&mut self, changes: &mut Changes) -> Result<(), Error> {
        let left = self.count.left();
        if self.saved.is_some_and(|saved| saved != left) {
            let mut value = Writer::new();
            value.number(i64::try_from(left).unwrap_or(i64::MAX));
            changes.put(LEFT, value.written());
            self.saved = Some(left);
        }
        Ok(())
    }

    fn load(&mut self, entries: &[Entry]) -> Result<(), Error> {
        for (_, value) in entries {
            let left = Reader::new(value)?.number()?.unsigned_abs();
            self.count.left.store(left, Ordering::Release);
            self.saved = Some(left);
        }
        Ok(())
    }
}

/// The entry of how many rows may still pass. All shards save the same, for they share the count.
const LEFT: &[u8] = b"left";

fn is_inserted(changes: &ChangeBatch, row: usize) -> bool {
    row < changes.num_rows() && changes.weight(row) > 0
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{Int8Array, Int64Array, RecordBatch};
    use datafusion::arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    #[test]
    fn an_update_counts_once_and_stays_whole() {
        let schema = Arc::new(Schema::new(vec![Field::new("A", DataType::Int64, true)]));
        let weights = [1, -1, 1, -1, 1, -1];
        let numbers = Int64Array::from_iter_values(0..6);
        let changes = ChangeBatch {
            weights: Some(Int8Array::from_iter_values(weights)),
            ..ChangeBatch::inserted(
                RecordBatch::try_new(schema, vec![Arc::new(numbers)]).unwrap(),
                vec![0; 6].into(),
            )
        };
        let passed = |limit: u64| {
            let mut out = Vec::new();
            let mut operator = Limit::new(Arc::new(LimitCount::new(limit)));
            operator.push(0, changes.clone(), &mut out).unwrap();
            out.iter().map(ChangeBatch::num_rows).sum::<usize>()
        };
        assert_eq!([0, 1, 2, 3, 4, 5].map(passed), [0, 1, 3, 5, 6, 6]);
    }
}
