//! What a case holds.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::types::Headers;
use crate::types::storage::{KeyWindow, SourceKind};

/// One case.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Its name, unique within its files.
    pub id: String,
    /// Why it cannot be run here, where that is so.
    pub skip: Option<String>,
    /// The error that its last statement must give, or its queries while they run.
    pub expected_error: Option<ExpectedError>,
    /// What to run and what to see.
    pub body: Body,
}

/// What to run and what to see.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// Statements, then records in, then records out.
    Records {
        /// The statements, one text.
        statements: String,
        /// Properties, as by SET, before the first statement.
        properties: BTreeMap<String, String>,
        /// Topics that are there before the first statement.
        topics: Vec<TopicWish>,
        /// Records for the topics, in order.
        inputs: Vec<Record>,
        /// The records that each topic named in them must hold then, in order.
        outputs: Vec<Record>,
        /// Streams and tables that there must be then.
        sources: Vec<ExpectedSource>,
        /// `use.exact.numeric.comparison = false`: numbers are equal by value, nearly, whatever their scale.
        loose_numbers: bool,
    },
    /// SQL that inserts and asserts.
    Script {
        /// The statements, one text.
        statements: String,
    },
}

/// A stream or table that there must be when a case has run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedSource {
    /// Its name.
    pub name: String,
    /// Stream or table.
    pub kind: SourceKind,
    /// Its columns as in CREATE STREAM, where they are given: `ID BIGINT KEY, V INT`.
    pub schema: Option<String>,
}

/// A topic that is there before the first statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicWish {
    /// Its name.
    pub name: String,
    /// Number of partitions.
    pub partitions: i32,
}

/// A record that goes in or must come out.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its topic.
    pub topic: String,
    /// Its key as JSON; null is no key.
    pub key: Value,
    /// Its value as JSON; null is a tombstone.
    pub value: Value,
    /// Milliseconds since the epoch. Absent: 0 for one that goes in, any for one that comes out.
    pub timestamp: Option<i64>,
    /// The window of its key.
    pub window: Option<Window>,
    /// Its headers.
    pub headers: Headers,
}

/// The window of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    /// Start, milliseconds since the epoch, inclusive.
    pub start: i64,
    /// End, milliseconds since the epoch: exclusive for time windows, the last row's time for session windows.
    pub end: i64,
    /// Which kind.
    pub kind: WindowKind,
}

/// The kinds of windows by how their keys are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WindowKind {
    /// Tumbling and hopping.
    Time,
    /// Session.
    Session,
}

impl WindowKind {
    pub(super) fn of(window: KeyWindow) -> Self {
        match window {
            KeyWindow::Time { .. } => Self::Time,
            KeyWindow::Session => Self::Session,
        }
    }
}

/// The error that a case must give.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExpectedError {
    /// The class of the error in ksqlDB, of which only the last word counts for people.
    pub class: Option<String>,
    /// Text that its message must hold.
    pub message: Option<String>,
}
