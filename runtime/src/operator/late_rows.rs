//! Rows that came after their window had closed: counted, never dropped without a trace.

use std::sync::atomic::{AtomicU64, Ordering};

/// The late rows of one query. Shared by its shards.
#[derive(Debug, Default)]
pub struct LateRows {
    count: AtomicU64,
}

impl LateRows {
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
}
