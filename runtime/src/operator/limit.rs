//! LIMIT: lets the first n rows through.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Error, Operator};
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
}

impl Limit {
    /// A limit on a count that the shards share.
    #[must_use]
    pub fn new(count: Arc<LimitCount>) -> Self {
        Self { count }
    }
}

impl Operator for Limit {
    fn push(&mut self, _port: usize, changes: ChangeBatch, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        let passing = usize::try_from(self.count.take(changes.num_rows() as u64)).unwrap_or(usize::MAX);
        if passing > 0 {
            out.push(changes.slice(0, passing));
        }
        Ok(())
    }
}
