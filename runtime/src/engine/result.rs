//! What a query gives, as the stream or table that it becomes: its kind, columns, key and formats.

use super::Error;
use super::create::kind_word;
use super::storage::Formats;
use crate::plan::{self, Dataflow, PlannedQuery};
use crate::sql::ast::{Emit, Name, Query, SourceKind};
use crate::types::schema::{Column, ColumnRole, SqlType};
use crate::types::storage::Format;

pub(crate) fn check_emit(query: &Query) -> Result<(), Error> {
    let is_windowed = query.clauses.values().any(|clauses| clauses.window.is_some());
    if query.emit == Emit::Final && !is_windowed {
        return Err(Error::user(
            "emit-final",
            "EMIT FINAL needs a WINDOW, whose end makes a result final",
        )
        .help("write EMIT CHANGES"));
    }
    Ok(())
}

/// A query over a stream gives a stream or, grouped, a table; the statement must say which.
pub(crate) fn check_kind(wanted: SourceKind, given: SourceKind, name: &Name) -> Result<(), Error> {
    if wanted == given {
        return Ok(());
    }
    let word = |kind| kind_word(kind).to_uppercase();
    Err(Error::user(
        "wrong-result-kind",
        format!("the query gives a {}, not a {}", kind_word(given), kind_word(wanted)),
    )
    .at(name.span)
    .help(format!("write CREATE {} {} AS SELECT ...", word(given), name.value)))
}

/// Columns of a result that are no columns of the stream or table that it makes.
pub(crate) fn hidden_columns(planned: &PlannedQuery) -> usize {
    if planned.window.is_some() { 2 } else { 0 }
}

/// The columns of the stream or table that a query makes, each with its position in the query's result: the key first, in the order of
/// GROUP BY, PARTITION BY or the source, then the others as they are selected.
pub(crate) fn result_columns(planned: &PlannedQuery, name: &Name) -> Result<Vec<(usize, Column)>, Error> {
    let keys = planned.key.as_ref().map_err(|missing| {
        Error::user(
            "key-not-selected",
            format!(
                "the key of the source, {}, is not selected, so `{}` would lose it",
                missing.join(", "),
                name.value
            ),
        )
        .help(format!(
            "add {} to the SELECT list, or choose a key by PARTITION BY",
            missing.join(", ")
        ))
    })?;
    let schema = plan::event_time_only_types(&planned.dataflow.root().schema)?;
    let own = schema.fields().len() - hidden_columns(planned);
    let column = |position: usize, role: ColumnRole| {
        let field = schema.field(position);
        let column = Column {
            name: field.name().clone(),
            sql_type: SqlType::from_arrow(field.data_type()).unwrap_or(SqlType::String),
            role,
        };
        (position, column)
    };
    let key_columns = keys.iter().map(|position| column(*position, ColumnRole::Key));
    let others = (0..own).filter(|position| !keys.contains(position));
    Ok(key_columns
        .chain(others.map(|position| column(position, ColumnRole::Value)))
        .collect())
}

/// The formats of the first topic that a query reads (ksqlDB: a query's result has the formats of its source). Where its records
/// have no key, the key has the format of the first source whose records have one.
pub(crate) fn inherited_formats(dataflow: &Dataflow) -> Option<Formats> {
    let mut storages = dataflow.scans().map(|(_, scan)| &scan.definition.storage);
    let first = storages.next().filter(|storage| storage.connector.is_none())?;
    let with_key = std::iter::once(first)
        .chain(storages.filter(|storage| storage.connector.is_none()))
        .find(|storage| storage.key_format.format != Format::None);
    Some(Formats {
        key: with_key.unwrap_or(first).key_format.clone(),
        value: first.value_format.clone(),
    })
}
