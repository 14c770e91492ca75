//! What an `OVER` computes: functions, frames, and which of the rows before and after they look at.

use std::fmt;

use datafusion::arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;

use super::aggregate::FrameAggregate;
use crate::operator::{Expression, PluginState};

/// One call with `OVER` as it was planned.
#[derive(Debug, Clone)]
pub struct OverCall {
    /// Its name for people, as `sum(x)`.
    pub label: String,
    /// The function.
    pub function: OverFunction,
    /// Its arguments.
    pub args: Vec<Expression>,
    /// FILTER (WHERE ...), for aggregates.
    pub filter: Option<Expression>,
    /// The rows that it sees; ranks look at no frame.
    pub frame: Frame,
    /// Type of the result.
    pub returns: DataType,
}

/// A function with `OVER`.
#[derive(Debug, Clone)]
pub enum OverFunction {
    /// 1, 2, 3 ... in the order of arrival.
    RowNumber,
    /// The number of the first row of the same time.
    Rank,
    /// The number of distinct times so far.
    DenseRank,
    /// A value of one row of the frame.
    Value {
        /// Which row.
        pick: Pick,
        /// Whether rows with a NULL argument are passed over.
        ignore_nulls: bool,
        /// The value where the frame has no such row, of type [`OverCall::returns`].
        otherwise: ScalarValue,
    },
    /// An aggregate over the frame.
    Aggregate(FrameAggregate),
}

/// A row of a frame, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// From its first row on.
    FromStart(usize),
    /// From its last row back.
    FromEnd(usize),
}

/// The rows around the current one that a call sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// By number in the order of arrival, relative to the current row, both ends included.
    Rows {
        /// The first; `None`: from the key's first row on.
        start: Option<i64>,
        /// The last; above zero the current row waits for as many rows of its key.
        end: i64,
    },
    /// By event time: from so many milliseconds before the current row up to its time.
    Range {
        /// Milliseconds, not negative.
        back_ms: i64,
    },
}

impl Frame {
    /// How many rows of the key must come after a row before its value is known.
    #[must_use]
    pub fn waits(self) -> i64 {
        match self {
            Self::Rows { end, .. } => end.max(0),
            Self::Range { .. } => 0,
        }
    }
}

impl OverCall {
    /// How many rows before the one that is computed next must still be there.
    pub(super) fn reach_back(&self) -> i64 {
        let Frame::Rows { start, end } = self.frame else {
            return 0;
        };
        let back = match (&self.function, start) {
            (OverFunction::RowNumber | OverFunction::Rank | OverFunction::DenseRank, _) => 0,
            // A sliding aggregate takes out the row just before its frame.
            (OverFunction::Aggregate(_), Some(start)) => 1 - start,
            (OverFunction::Value { .. }, Some(start)) => -start,
            (
                OverFunction::Value {
                    pick: Pick::FromEnd(nth),
                    ignore_nulls: false,
                    ..
                },
                None,
            ) => i64::try_from(*nth)
                .unwrap_or(i64::MAX)
                .saturating_sub(1)
                .saturating_sub(end),
            // Unbounded frames keep what they have seen in a state of their own and look at the row that comes in.
            (OverFunction::Aggregate(_) | OverFunction::Value { .. }, None) => -end,
        };
        back.max(0)
    }

    /// Which formats of state its function writes and reads, where a plugin gives it.
    pub(super) fn plugin_state(&self) -> Option<PluginState> {
        match &self.function {
            OverFunction::Aggregate(aggregate) => aggregate.plugin_state(),
            _ => None,
        }
    }

    /// Whether it keeps picked rows of its own, because its frame reaches back to the key's first row.
    pub(super) fn keeps_picks(&self) -> bool {
        matches!(
            (&self.function, self.frame),
            (
                OverFunction::Value {
                    pick: Pick::FromStart(_),
                    ..
                } | OverFunction::Value { ignore_nulls: true, .. },
                Frame::Rows { start: None, .. }
            )
        )
    }
}

impl fmt::Display for OverCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)?;
        match (&self.function, self.frame) {
            (OverFunction::RowNumber | OverFunction::Rank | OverFunction::DenseRank, _)
            | (_, Frame::Rows { start: None, end: 0 }) => Ok(()),
            (_, Frame::Rows { start: None, end }) => write!(f, " over rows up to {}", Signed(end)),
            (
                _,
                Frame::Rows {
                    start: Some(start),
                    end,
                },
            ) if start == end => write!(f, " of row {}", Signed(end)),
            (
                _,
                Frame::Rows {
                    start: Some(start),
                    end,
                },
            ) => {
                write!(f, " over rows {} to {}", Signed(start), Signed(end))
            }
            (_, Frame::Range { back_ms }) => write!(f, " over the last {back_ms} ms"),
        }
    }
}

/// A row relative to the current one: `-1`, `0`, `+1`.
struct Signed(i64);

impl fmt::Display for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            f.write_str("0")
        } else {
            write!(f, "{:+}", self.0)
        }
    }
}
