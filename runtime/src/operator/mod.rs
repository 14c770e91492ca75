//! Floor 2: operators, the nodes of a dataflow.
//!
//! An operator is synchronous and single-threaded. It knows neither Kafka nor tokio nor the wall clock: it takes change
//! batches and gives change batches. Each shard has operators of its own.

pub mod aggregate;
mod distinct;
mod error;
mod event_time;
pub mod expiry;
mod expression;
mod filter;
mod gather;
pub mod group_by;
pub mod join;
mod keys;
mod late_rows;
mod limit;
pub mod over;
mod project;
mod row_errors;
mod row_store;
mod settle;
mod state_form;
mod stream_function;
pub mod table_function;
mod table_source;
pub mod top_n;

use std::fmt::Debug;

pub use distinct::Distinct;
pub use error::Error;
pub(crate) use error::plain_reason;
pub(crate) use event_time::EventTime;
pub use event_time::SetEventTime;
pub use expression::Expression;
pub use filter::Filter;
pub use gather::{Gather, Gathered, Gathering};
pub use keys::KeyIndex;
pub use late_rows::{LateRowPolicy, LateRows};
pub use limit::{Limit, LimitCount};
pub use project::Project;
pub use row_errors::{RowErrorPolicy, RowErrors};
pub use settle::Settle;
pub use state_form::{PluginState, StateForm};
pub use stream_function::{StreamCall, StreamFunctionOperator};
pub use table_source::TableSource;

use crate::state::{Changes, Entry};
use crate::types::ChangeBatch;

/// How far event time has come at an operator when a step ends, the same in every shard. Milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The smallest stream time over all partitions that feed the operator, idle ones left out: no earlier row is expected.
    /// `i64::MIN` while nothing is known, `i64::MAX` when all inputs have ended for good.
    pub watermark: i64,
    /// The largest over the operator's sources of each source's own watermark: the one stream time that both sides of a stream
    /// join share (Kafka Streams: `TimeTracker`).
    pub shared_time: i64,
    /// Up to where the rows of the first input have come: none of an earlier stream time can follow. The smallest stream time over
    /// its partitions that may have more to give at once; `i64::MAX` where none has. Unlike the watermark it does not wait for
    /// partitions that are silent.
    pub left: i64,
    /// The same of the second input.
    pub right: i64,
}

impl Progress {
    /// Nothing is known yet.
    pub const UNKNOWN: Self = Self {
        watermark: i64::MIN,
        shared_time: i64::MIN,
        left: i64::MIN,
        right: i64::MIN,
    };
    /// All inputs have ended for good.
    pub const ENDED: Self = Self {
        watermark: i64::MAX,
        shared_time: i64::MAX,
        left: i64::MAX,
        right: i64::MAX,
    };
}

/// One node of a dataflow in one shard.
pub trait Operator: Send + Debug {
    /// Takes one batch that came in at input number `port` and appends what it makes of it to `out`. Within a step the batches
    /// of higher ports come first, so that a stream meets a table's changes of its own step.
    ///
    /// # Errors
    /// When the batch cannot be worked on and the policy is not to leave rows out; the pipeline then stops.
    fn push(&mut self, port: usize, changes: ChangeBatch, out: &mut Vec<ChangeBatch>) -> Result<(), Error>;

    /// Called once in each step, after all of its batches were pushed: time to give what waited for the end of the step or
    /// for time to pass, and to forget what is too old.
    ///
    /// # Errors
    /// As [`Operator::push`].
    fn advance(&mut self, progress: Progress, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        let _ = (progress, out);
        Ok(())
    }

    /// Says that the state of a key goes when no row has touched it for `ttl_ms` milliseconds of event time: the first call, if it comes at all.
    /// Operators whose state is bounded by windows, or holds the rows of a table, do not take it up.
    fn expire_after(&mut self, ttl_ms: i64) {
        let _ = ttl_ms;
    }

    /// Keys with state, where the operator keeps state by key.
    fn state_keys(&self) -> Option<usize> {
        None
    }

    /// Memory held for later rows, in bytes, roughly.
    fn state_bytes(&self) -> usize {
        0
    }

    /// What its saved state looks like, in words that people can read and that name everything on which the form of the entries depends: kind
    /// and version of the operator, types of keys and rows, windows, aggregates with their argument types, formats of the states of plugins' functions. `None`: nothing
    /// outlives a step.
    fn state_form(&self) -> Option<String> {
        None
    }

    /// Why state that was saved as `saved` cannot be read; `None` where it can: where its form is what it was, but for older formats that functions
    /// of plugins read.
    fn state_difference(&self, saved: &str) -> Option<String> {
        let now = self.state_form().unwrap_or_default();
        (now != saved).then(|| state_form::differs(saved, &now))
    }

    /// Says that its state will be saved: from now on it remembers what changes, and all that is there already counts as changed. Without
    /// this call it must not remember, for nobody would ever empty that memory.
    fn track_changes(&mut self) {}

    /// Gives what changed since the last call (everything, directly after [`Operator::track_changes`]), between two steps: every entry that has another value than
    /// then, and a deletion for every entry that is no more (a window that is over, a key whose time to live is up). The same state always has
    /// the same entries, whatever the order in which it came about.
    ///
    /// # Errors
    /// When a value cannot be written.
    fn save(&mut self, changes: &mut Changes) -> Result<(), Error> {
        let _ = changes;
        Ok(())
    }

    /// Takes saved entries back, before the first step: called again and again, with all entries in the order of their keys. What was taken back
    /// does not count as changed.
    ///
    /// # Errors
    /// When an entry is not what [`Operator::save`] wrote.
    fn load(&mut self, entries: &[Entry]) -> Result<(), Error> {
        let _ = entries;
        Ok(())
    }
}
