//! What happens with a row on which an expression fails.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::types::limits::BAD_RECORDS_LOGGED_PER_STEP_MAX;

/// What happens with a row on which an expression fails (`SET 'row.error.policy' = ...`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RowErrorPolicy {
    /// The expression is NULL for that row; counted and logged (ksqlDB's behaviour).
    #[default]
    Null,
    /// The row is left out; counted and logged.
    Skip,
    /// The query stops with the error.
    Fail,
}

/// The row errors of one query. Shared by its shards.
#[derive(Debug, Default)]
pub struct RowErrors {
    /// What to do.
    pub policy: RowErrorPolicy,
    /// The query's name in log lines.
    pub query: String,
    count: AtomicU64,
}

impl RowErrors {
    /// Counts nothing yet.
    #[must_use]
    pub fn new(query: String, policy: RowErrorPolicy) -> Self {
        Self {
            policy,
            query,
            count: AtomicU64::new(0),
        }
    }

    /// Rows on which an expression failed so far.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Counts what functions noted about one batch and logs the first notes.
    pub(crate) fn note(&self, notes: &crate::function::RowErrors) {
        if notes.count == 0 {
            return;
        }
        self.count.fetch_add(notes.count as u64, Ordering::Relaxed);
        for note in notes.first.iter().take(BAD_RECORDS_LOGGED_PER_STEP_MAX) {
            tracing::warn!(query = %self.query, "row error: {note}");
        }
    }

    /// Counts failed rows of one batch and logs the first few of them.
    pub(crate) fn report(&self, errors: &[super::Error]) {
        self.count.fetch_add(errors.len() as u64, Ordering::Relaxed);
        for error in errors.iter().take(BAD_RECORDS_LOGGED_PER_STEP_MAX) {
            tracing::warn!(query = %self.query, "row error: {error}");
        }
        if let Some(more) = errors
            .len()
            .checked_sub(BAD_RECORDS_LOGGED_PER_STEP_MAX)
            .filter(|n| *n > 0)
        {
            tracing::warn!(query = %self.query, "row error: and {more} more rows in the same batch");
        }
    }
}
