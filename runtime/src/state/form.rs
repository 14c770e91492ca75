//! What a store says of itself: for which query it was made, and what the state of each operator looks like.

use serde::{Deserialize, Serialize};

/// Version of the form of the store, see `FORMAT.md`.
pub const FORMAT_VERSION: u32 = 1;

/// What a store says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// Version of the form of the store.
    pub format_version: u32,
    /// Version of the program that made it.
    pub program_version: String,
    /// Name of the application.
    pub application: String,
    /// Name of the query.
    pub query: String,
    /// Text of the query's statement.
    pub statement: String,
    /// Shards among which keys are dealt out. Fixed when the state is made: the hash of a key says which one it belongs to.
    pub shards: usize,
    /// Operators with state, by number.
    pub operators: Vec<OperatorForm>,
}

/// The state of one operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorForm {
    /// Its number in the store, which it keeps however the plan around it changes.
    pub number: u16,
    /// What its entries look like, in words.
    pub form: String,
}

/// How far a query has come on one partition of one source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// Number of the source among the query's sources.
    pub source: usize,
    /// Topic, or what the connector reads.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// The next offset to read.
    pub next_offset: i64,
}

/// An epoch: all that happened between two commits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epoch {
    /// Its number; the first commit ends epoch 1.
    pub number: u64,
    /// How far the sources were read when it ended.
    pub positions: Vec<Position>,
}
