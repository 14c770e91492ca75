//! The definition of one stream or table: its columns, and how its records are stored.

use std::collections::BTreeMap;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use serde::{Deserialize, Serialize};

use crate::types::schema::{Column, ColumnRole, ROWOFFSET, ROWPARTITION, ROWTIME, WINDOWEND, WINDOWSTART};
use crate::types::storage::{FormatSpec, KeyWindow, SourceKind};

/// A defined stream or table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// Its exact name.
    pub name: String,
    /// Stream or table.
    pub kind: SourceKind,
    /// Columns in declared order; key columns may stand anywhere.
    pub columns: Vec<Column>,
    /// Where and how its records are stored.
    pub storage: Storage,
    /// The column that gives the event time; without it the record's timestamp does.
    pub event_time: Option<EventTimeColumn>,
    /// What happens with records that cannot be decoded.
    pub bad_records: BadRecordPolicy,
    /// Declared with `SOURCE`: nothing may be inserted.
    pub read_only: bool,
    /// The statement that made it.
    pub statement: String,
}

/// Where and how records are stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Storage {
    /// Topic name (also set for other connectors, as a name in messages and for SHOW).
    pub topic: String,
    /// `None`: a topic of the topic log; otherwise the connector's name, lower case.
    pub connector: Option<String>,
    /// The connector's options by upper-case name.
    pub options: BTreeMap<String, String>,
    /// Records have no keys of their own: key columns stand in the value like all others (files, generated rows).
    pub keys_in_value: bool,
    /// The window that is a part of each key.
    pub key_window: Option<KeyWindow>,
    /// How keys are encoded.
    pub key_format: FormatSpec,
    /// How values are encoded.
    pub value_format: FormatSpec,
}

/// `WITH (TIMESTAMP = 'column', TIMESTAMP_FORMAT = 'pattern')`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventTimeColumn {
    /// The column: BIGINT (milliseconds since the epoch), TIMESTAMP, or STRING with a pattern.
    pub column: String,
    /// The pattern, as Java's `DateTimeFormatter` reads it.
    pub pattern: Option<String>,
    /// A row without an event time ends the query, instead of being left out (`ksql.timestamp.throw.on.invalid`).
    pub fails: bool,
}

/// What happens with records that cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum BadRecordPolicy {
    /// The query stops with the record's place and the reason.
    Fail,
    /// Counted, logged, left out.
    Skip,
    /// Counted, logged, and written with the reason in headers to this topic.
    DeadLetter(String),
}

impl Definition {
    /// Positions of the key columns, in order.
    pub fn key_columns(&self) -> impl Iterator<Item = usize> {
        self.positions(|role| *role == ColumnRole::Key)
    }

    /// Positions of the columns in the value, in order.
    pub fn value_columns(&self) -> impl Iterator<Item = usize> {
        self.positions(|role| *role == ColumnRole::Value)
    }

    fn positions(&self, matches: impl Fn(&ColumnRole) -> bool) -> impl Iterator<Item = usize> {
        self.columns
            .iter()
            .enumerate()
            .filter(move |(_, column)| matches(&column.role))
            .map(|(position, _)| position)
    }

    /// Positions in [`Definition::query_schema`] of what tells rows apart: the key columns, and the window where it is a part of
    /// the key.
    #[must_use]
    pub fn row_key(&self) -> Vec<usize> {
        let first_bound = self.columns.len() + 3;
        let bounds = self.storage.key_window.map(|_| [first_bound, first_bound + 1]);
        self.key_columns().chain(bounds.into_iter().flatten()).collect()
    }

    /// The schema a query sees: the declared columns, then the pseudo-columns (ksqlDB: `SystemColumns`), which `*`
    /// leaves out.
    #[must_use]
    pub fn query_schema(&self) -> SchemaRef {
        let declared = self.columns.iter().map(|column| column.to_field().as_ref().clone());
        let bounds = [(WINDOWSTART, DataType::Int64), (WINDOWEND, DataType::Int64)];
        let bounds = bounds.into_iter().filter(|_| self.storage.key_window.is_some());
        let pseudo = [
            (ROWTIME, DataType::Int64),
            (ROWPARTITION, DataType::Int32),
            (ROWOFFSET, DataType::Int64),
        ]
        .into_iter()
        .chain(bounds)
        .map(|(name, data_type)| Field::new(name, data_type, true));
        std::sync::Arc::new(Schema::new(declared.chain(pseudo).collect::<Vec<_>>()))
    }

    /// Where each declared column is stored: as its role says, but in the value where records have no keys.
    #[must_use]
    pub fn stored_role(&self, column: &Column) -> ColumnRole {
        match &column.role {
            ColumnRole::Key if self.storage.keys_in_value => ColumnRole::Value,
            role => role.clone(),
        }
    }

    /// The declared columns that hold keys or values, which is what a query may write.
    pub fn writable_columns(&self) -> impl Iterator<Item = &Column> {
        self.columns
            .iter()
            .filter(|column| matches!(column.role, ColumnRole::Key | ColumnRole::Value))
    }
}
