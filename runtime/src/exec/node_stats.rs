//! What each node of a pipeline did, for EXPLAIN ANALYZE.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counters of one node, over all shards. Written once a step.
#[derive(Debug, Default)]
pub(crate) struct NodeCounters {
    rows_in: AtomicU64,
    rows_out: AtomicU64,
    busy_ns: AtomicU64,
}

/// What one node did so far.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct NodeStats {
    /// Rows taken.
    pub rows_in: u64,
    /// Rows given.
    pub rows_out: u64,
    /// Time spent in it, over all workers.
    pub busy: Duration,
    /// State held.
    pub state: StateSize,
}

/// How much state an operator holds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct StateSize {
    /// Keys, where it is kept by key.
    pub keys: Option<usize>,
    /// Bytes, roughly.
    pub bytes: usize,
}

impl StateSize {
    /// That of several shards.
    pub(crate) fn sum(shards: impl Iterator<Item = Self>) -> Self {
        shards.fold(Self::default(), |sum, shard| Self {
            keys: match (sum.keys, shard.keys) {
                (Some(keys), Some(more)) => Some(keys + more),
                (keys, more) => keys.or(more),
            },
            bytes: sum.bytes + shard.bytes,
        })
    }
}

impl NodeCounters {
    pub(crate) fn add(&self, rows_in: usize, rows_out: usize, busy: Duration) {
        self.rows_in.fetch_add(rows_in as u64, Ordering::Relaxed);
        self.rows_out.fetch_add(rows_out as u64, Ordering::Relaxed);
        self.busy_ns
            .fetch_add(u64::try_from(busy.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn stats(&self, state: StateSize) -> NodeStats {
        NodeStats {
            rows_in: self.rows_in.load(Ordering::Relaxed),
            rows_out: self.rows_out.load(Ordering::Relaxed),
            busy: Duration::from_nanos(self.busy_ns.load(Ordering::Relaxed)),
            state,
        }
    }
}
