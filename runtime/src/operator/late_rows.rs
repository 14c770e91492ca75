//! Rows that came too late for a window or a join: counted, logged, and kept for a dead-letter topic where one is set.
//!
//! Not here: when a row is late, which the operator decides, and the writing of dead letters, which exec does.

use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::arrow::array::UInt32Array;
use parking_lot::Mutex;

use super::Error;
use crate::types::ChangeBatch;
use crate::types::limits::LATE_ROWS_KEPT_MAX;

/// What becomes of a late row, beside being counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LateRowPolicy {
    /// Nothing more.
    #[default]
    Count,
    /// It is kept until [`LateRows::drain`] takes it, for a dead-letter topic.
    Keep,
}

/// The late rows of one query. Shared by its shards.
#[derive(Debug, Default)]
pub struct LateRows {
    policy: LateRowPolicy,
    /// The query's name in log lines.
    query: String,
    count: AtomicU64,
    not_kept: AtomicU64,
    kept: Mutex<Vec<ChangeBatch>>,
}

impl LateRows {
    /// Counts nothing yet.
    #[must_use]
    pub fn new(query: String, policy: LateRowPolicy) -> Self {
        Self {
            policy,
            query,
            ..Self::default()
        }
    }

    /// Rows that were too late for at least one of their windows, or for their join, so far.
    pub fn count_so_far(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Counts late rows.
    pub(crate) fn count(&self, rows: u64) {
        if rows > 0 {
            self.count.fetch_add(rows, Ordering::Relaxed);
        }
    }

    /// Late rows that were to be kept and were not, because [`LATE_ROWS_KEPT_MAX`] were waiting already.
    pub fn not_kept(&self) -> u64 {
        self.not_kept.load(Ordering::Relaxed)
    }

    /// Counts the rows at `rows` of `changes` as late, logs that, and keeps them where the policy says so.
    ///
    /// # Errors
    /// When a row is out of range.
    pub fn report(&self, changes: &ChangeBatch, rows: &[u32]) -> Result<(), Error> {
        let Some(first) = rows.first() else { return Ok(()) };
        self.count(rows.len() as u64);
        tracing::warn!(
            query = %self.query,
            "{} late rows left out, the first one of event time {}",
            rows.len(),
            changes.event_times.value(*first as usize),
        );
        if self.policy == LateRowPolicy::Keep {
            let mut kept = self.kept.lock();
            let waiting: usize = kept.iter().map(ChangeBatch::num_rows).sum();
            let room = LATE_ROWS_KEPT_MAX.saturating_sub(waiting).min(rows.len());
            self.not_kept.fetch_add((rows.len() - room) as u64, Ordering::Relaxed);
            if room > 0 {
                kept.push(changes.take(&UInt32Array::from(rows[..room].to_vec()))?);
            }
        }
        Ok(())
    }

    /// Takes the rows that were kept since the last call, in the order in which they were reported.
    #[must_use]
    pub fn drain(&self) -> Vec<ChangeBatch> {
        std::mem::take(&mut *self.kept.lock())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{Int64Array, RecordBatch};
    use datafusion::arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    fn batch(values: Vec<i64>) -> ChangeBatch {
        let schema = Arc::new(Schema::new(vec![Field::new("V", DataType::Int64, true)]));
        let times = Int64Array::from(values.clone());
        let records = RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from(values))]).unwrap();
        ChangeBatch::inserted(records, times)
    }

    #[test]
    fn counts_and_keeps_nothing_by_default() {
        let late = LateRows::new("Q".into(), LateRowPolicy::Count);
        late.report(&batch(vec![1, 2, 3]), &[0, 2]).unwrap();
        late.report(&batch(vec![4]), &[]).unwrap();
        assert_eq!(late.count_so_far(), 2);
        assert!(late.drain().is_empty());
    }

    #[test]
    fn keeps_rows_until_they_are_drained() {
        let late = LateRows::new("Q".into(), LateRowPolicy::Keep);
        late.report(&batch(vec![1, 2, 3]), &[0, 2]).unwrap();
        let kept = late.drain();
        assert_eq!(kept.len(), 1);
        assert_eq!(kept[0].event_times.values(), &[1, 3]);
        assert!(late.drain().is_empty());
        assert_eq!(late.count_so_far(), 2);
    }

    #[test]
    fn keeps_no_more_than_the_limit() {
        let late = LateRows::new("Q".into(), LateRowPolicy::Keep);
        let rows = i64::try_from(LATE_ROWS_KEPT_MAX).unwrap();
        late.report(
            &batch((0..rows).collect()),
            &(1..u32::try_from(rows).unwrap()).collect::<Vec<_>>(),
        )
        .unwrap();
        late.report(&batch(vec![7, 8]), &[0, 1]).unwrap();
        assert_eq!((late.count_so_far(), late.not_kept()), (rows as u64 + 1, 1));
        assert_eq!(
            late.drain().iter().map(ChangeBatch::num_rows).sum::<usize>(),
            LATE_ROWS_KEPT_MAX
        );
    }
}
