//! Joins of streams and tables.
//!
//! | operator | sides | a row comes out when |
//! |---|---|---|
//! | [`StreamStreamJoin`] | two streams, within a time window | a row of either side finds rows of the other |
//! | [`StreamTableJoin`] | a stream and a table | a row of the stream comes in; with [`InTime`], when the table has come to its time |
//! | [`TableTableJoin`] | two tables, by their primary keys | either side changes |
//! | [`ForeignKeyJoin`] | two tables, n to 1, by a value of the left one | either side changes |
//! | [`AsofJoin`] | two streams | time has passed a row of the left one |
//!
//! Port 0 is the left side, port 1 the right side. All rows of one key come to one shard. A join of more than two inputs is a chain
//! of these. The rules are those of ksqlDB, that is of Kafka Streams; each file says the ones that it follows.
//!
//! State is kept in memory; [`Durable`] saves what changed and takes it back.

mod asof;
mod bucket;
mod durable;
mod foreign_key;
mod in_time;
mod kept_rows;
mod key_slots;
mod keys;
mod output;
mod stream_journal;
mod stream_side;
mod stream_stream;
mod stream_table;
mod table_rows;
mod table_table;
#[cfg(test)]
mod tests;

pub use asof::{AsofJoin, AsofJoinPlan};
pub use durable::{Durable, Saved, SavedJoin};
pub use foreign_key::{ForeignKeyJoin, ForeignKeyJoinPlan};
pub use in_time::InTime;
pub use stream_stream::{JOIN_GRACE_MS_DEFAULT, StreamStreamJoin, StreamStreamJoinPlan};
pub use stream_table::{StreamTableJoin, StreamTableJoinPlan, Unmatched};
pub use table_table::{TableTableJoin, TableTableJoinPlan};

use crate::types::ChangeBatch;

/// Rows of one batch that a join works on at a time; larger batches are cut.
const BATCH_ROWS_JOINED_MAX: usize = 1 << 20;
/// Joined rows after which a batch is given on.
const JOINED_ROWS_PER_BATCH: usize = 65_536;

/// Which rows without a partner come out, with nulls for the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinKind {
    /// None.
    Inner,
    /// Those of the left side.
    Left,
    /// Those of the right side.
    Right,
    /// Those of both sides.
    Full,
}

impl JoinKind {
    /// Whether rows of the left side come out without a partner.
    #[must_use]
    pub fn preserves_left(self) -> bool {
        matches!(self, Self::Left | Self::Full)
    }

    /// Whether rows of the right side come out without a partner.
    #[must_use]
    pub fn preserves_right(self) -> bool {
        matches!(self, Self::Right | Self::Full)
    }
}

/// A side of a join, by its port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Left,
    Right,
}

impl Side {
    fn of_port(port: usize) -> Self {
        if port == 0 { Self::Left } else { Self::Right }
    }

    fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }

    /// A row of this side and one of the other as (left, right).
    fn pair<T>(self, own: T, other: T) -> (T, T) {
        match self {
            Self::Left => (own, other),
            Self::Right => (other, own),
        }
    }
}

/// The batch in parts of at most [`BATCH_ROWS_JOINED_MAX`] rows.
fn parts(changes: &ChangeBatch) -> impl Iterator<Item = ChangeBatch> + '_ {
    let rows = changes.num_rows();
    (0..rows)
        .step_by(BATCH_ROWS_JOINED_MAX)
        .map(move |start| changes.slice(start, BATCH_ROWS_JOINED_MAX.min(rows - start)))
}
