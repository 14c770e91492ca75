//! What a statement gives back.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;

use super::QueryKind;
use super::ShownAs;
use crate::exec::{ChangeReceiver, Pipeline};

/// What a statement gives back.
#[derive(Debug)]
pub enum Outcome {
    /// It is done; one line about it.
    Message(String),
    /// Rows of text.
    Table(Table),
    /// Text of several lines.
    Text(String),
    /// A query whose results come from now on.
    Query(PushQuery),
}

/// Rows of text under column names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// Column names.
    pub columns: Vec<String>,
    /// Rows, each with a cell for each column.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub(crate) fn new(columns: &[&str]) -> Self {
        Self {
            columns: columns.iter().map(|name| (*name).to_owned()).collect(),
            rows: Vec::new(),
        }
    }
}

/// A running SELECT.
#[derive(Debug)]
pub struct PushQuery {
    /// Its name.
    pub id: String,
    /// Push or pull.
    pub kind: QueryKind,
    /// Its columns.
    pub schema: SchemaRef,
    /// How its changes are shown.
    pub shown: ShownAs,
    /// Its results.
    pub changes: ChangeReceiver,
    /// The running query; stop it when nobody reads any more.
    pub pipeline: Arc<Pipeline>,
}
