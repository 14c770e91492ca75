//! What a pipeline counts. Written by its shards, read by whoever shows progress.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::commit_times::CommitTimes;
use crate::operator::{LateRows, RowErrors};

/// Counters of one pipeline.
#[derive(Debug, Default)]
pub struct Metrics {
    pub(crate) rows_in: AtomicU64,
    pub(crate) rows_out: AtomicU64,
    pub(crate) bad_records: AtomicU64,
    pub(crate) dead_letters: AtomicU64,
    pub(crate) steps: AtomicU64,
    pub(crate) commits: AtomicU64,
    pub(crate) lag: AtomicU64,
    pub(crate) epoch: AtomicU64,
    /// How long commits took.
    pub commit_times: CommitTimes,
    /// Rows on which an expression failed.
    pub row_errors: Arc<RowErrors>,
    /// Rows that came too late.
    pub late_rows: Arc<LateRows>,
}

/// The counters at one moment.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Rows read and decoded.
    pub rows_in: u64,
    /// Rows handed to the sink.
    pub rows_out: u64,
    /// Records that could not be decoded.
    pub bad_records: u64,
    /// Of these, those written to the dead-letter topic.
    pub dead_letters: u64,
    /// Rows on which an expression failed.
    pub row_errors: u64,
    /// Rows that came after their window had closed.
    pub late_rows: u64,
    /// Steps that moved at least one row.
    pub steps: u64,
    /// Commits.
    pub commits: u64,
    /// Records known to wait at the sources.
    pub lag: u64,
    /// The last epoch that counts.
    pub epoch: u64,
}

impl Metrics {
    /// Counters at zero.
    #[must_use]
    pub fn new(row_errors: Arc<RowErrors>, late_rows: Arc<LateRows>) -> Self {
        Self {
            row_errors,
            late_rows,
            ..Self::default()
        }
    }

    /// Counts rows that went to whom a query is for.
    pub fn add_rows_out(&self, rows: usize) {
        add(&self.rows_out, rows);
    }

    /// The counters now.
    pub fn totals(&self) -> Totals {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Totals {
            rows_in: get(&self.rows_in),
            rows_out: get(&self.rows_out),
            bad_records: get(&self.bad_records),
            dead_letters: get(&self.dead_letters),
            row_errors: self.row_errors.count(),
            late_rows: self.late_rows.count_so_far(),
            steps: get(&self.steps),
            commits: get(&self.commits),
            lag: get(&self.lag),
            epoch: get(&self.epoch),
        }
    }
}

pub(crate) fn add(counter: &AtomicU64, amount: usize) {
    counter.fetch_add(amount as u64, Ordering::Relaxed);
}
