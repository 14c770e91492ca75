//! GROUP BY: keyed state of aggregates, with and without windows.
//!
//! [`Panes`] serves queries without a window and those with tumbling and hopping ones: a pane holds the groups of one window,
//! so that a window is forgotten in one go. [`Sessions`] serves session windows, whose bounds move.

mod group_index;
mod input;
mod panes;
mod saved;
mod sessions;
mod window;

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::SchemaRef;

pub use window::{Window, WindowShape};

pub(crate) use group_index::{GroupIndex, keyed_rows};
pub(crate) use saved::{from_ordered, ordered};

use super::aggregate::AggregateCall;
use super::{Error, Expression, LateRows, Operator, RowErrors};
use panes::Panes;
use sessions::Sessions;

/// When the groups of a window are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowEmit {
    /// At the end of each step in which they changed.
    Changes,
    /// Once, when the window has closed.
    Final,
}

/// What a column of the result holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupColumn {
    /// Number of a key.
    Key(usize),
    /// Start of the window, BIGINT.
    WindowStart,
    /// End of the window, BIGINT.
    WindowEnd,
    /// Number of an aggregate call.
    Call(usize),
}

/// A GROUP BY as it was planned.
#[derive(Debug, Clone)]
pub struct GroupBy {
    /// What rows are grouped by.
    pub keys: Vec<Expression>,
    /// The window, where there is one.
    pub window: Option<Window>,
    /// The aggregates.
    pub calls: Vec<AggregateCall>,
    /// What each column of the result holds.
    pub columns: Vec<GroupColumn>,
    /// When results are given.
    pub emit: WindowEmit,
    /// Whether a change of a group brings its old row too, weight -1. Without it a new row stands for itself, which is enough
    /// for a sink that keeps the last row of each key.
    pub old_rows: bool,
}

impl GroupBy {
    /// The operator of one shard.
    ///
    /// # Errors
    /// When an aggregate cannot be run, or a key has a type that cannot be a key.
    pub fn operator(
        &self,
        schema: SchemaRef,
        errors: Arc<RowErrors>,
        late: Arc<LateRows>,
    ) -> Result<Box<dyn Operator>, Error> {
        let plan = Self {
            calls: self.calls.iter().map(AggregateCall::for_shard).collect(),
            ..self.clone()
        };
        Ok(match plan.window {
            Some(
                window @ Window {
                    shape: WindowShape::Session { gap_ms },
                    ..
                },
            ) => Box::new(Sessions::new(plan, window, gap_ms, schema, errors, late)?),
            _ => Box::new(Panes::new(plan, schema, errors, late)),
        })
    }

    /// The columns of the result from those of keys and aggregates and the bounds of the windows.
    fn arrange(&self, keys: &[ArrayRef], starts: &ArrayRef, ends: &ArrayRef, values: &[ArrayRef]) -> Vec<ArrayRef> {
        let column = |column: &GroupColumn| match column {
            GroupColumn::Key(number) => Arc::clone(&keys[*number]),
            GroupColumn::WindowStart => Arc::clone(starts),
            GroupColumn::WindowEnd => Arc::clone(ends),
            GroupColumn::Call(number) => Arc::clone(&values[*number]),
        };
        self.columns.iter().map(column).collect()
    }
}
