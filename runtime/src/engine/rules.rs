//! Rules of ksqlDB about what a stream or table may be, told when it is made: its key, its values, how they are wrapped.

use super::storage::Options;
use super::{Error, Session};
use crate::catalog::Definition;
use crate::plan::{NodeKind, PlannedQuery};
use crate::sql::ast::{IfExists, Name, SourceKind};
use crate::types::schema::{Column, ColumnRole, SqlType};
use crate::types::storage::Format;

/// Whether a query's result may be a stream or table: its key stands in it once, and there is more than the key.
pub(crate) fn check_result(planned: &PlannedQuery, columns: &[Column], name: &Name) -> Result<(), Error> {
    check_key_types(columns, name)?;
    if columns.iter().all(|column| column.role == ColumnRole::Key) {
        return Err(Error::user(
            "no-value-columns",
            format!("`{}` would have a key and no other column", name.value),
        )
        .at(name.span)
        .help("select a column more; AS_VALUE(column) copies a key column into the value"));
    }
    let (Ok(keys), NodeKind::Project(expressions)) = (&planned.key, &planned.dataflow.root().kind) else {
        return Ok(());
    };
    for key in keys {
        let Some(source) = expressions
            .get(*key)
            .and_then(crate::operator::Expression::column_index)
        else {
            continue;
        };
        let copy = (0..expressions.len())
            .find(|position| !keys.contains(position) && expressions[*position].column_index() == Some(source));
        if let Some(copy) = copy {
            let schema = &planned.dataflow.root().schema;
            return Err(Error::user(
                "key-twice",
                format!(
                    "the key column is selected more than once, as `{}` and `{}`",
                    schema.field(*key).name(),
                    schema.field(copy).name()
                ),
            )
            .at(name.span)
            .help(format!("write AS_VALUE(column) AS {}", schema.field(copy).name())));
        }
    }
    Ok(())
}

/// A key that holds a map would have no one form: its entries have no order (ksqlDB refuses such keys).
pub(crate) fn check_key_types(columns: &[Column], name: &Name) -> Result<(), Error> {
    let keys = columns.iter().filter(|column| column.role == ColumnRole::Key);
    match keys.into_iter().find(|column| holds_map(&column.sql_type)) {
        None => Ok(()),
        Some(column) => Err(Error::user(
            "map-key",
            format!(
                "the key column `{}` is {}; a key holds no MAP",
                column.name, column.sql_type
            ),
        )
        .at(name.span)
        .help("choose another key, or turn the map into text or an array")),
    }
}

fn holds_map(sql_type: &SqlType) -> bool {
    match sql_type {
        SqlType::Map(..) => true,
        SqlType::Array(element) => holds_map(element),
        SqlType::Struct(fields) => fields.iter().any(|(_, field)| holds_map(field)),
        _ => false,
    }
}

/// WRAP_SINGLE_VALUE is about a single value column, in a format that can wrap it.
pub(crate) fn check_wrapping(is_set: Option<&str>, definition: &Definition) -> Result<(), Error> {
    let Some(value) = is_set else { return Ok(()) };
    let count = definition.value_columns().count();
    if count != 1 {
        return Err(Error::user(
            "wrap-single-value",
            format!("WRAP_SINGLE_VALUE is for a single value column, but there are {count}"),
        )
        .help("leave WRAP_SINGLE_VALUE out"));
    }
    let format = definition.storage.value_format.format;
    if value.eq_ignore_ascii_case("true") && matches!(format, Format::Delimited | Format::Kafka) {
        return Err(Error::user(
            "wrap-single-value",
            format!("the {} format cannot wrap a single value", format.name()),
        )
        .help("leave WRAP_SINGLE_VALUE out"));
    }
    Ok(())
}

/// What WITH says of wrapping.
pub(crate) fn wrapping(options: &Options<'_>) -> Option<String> {
    options.peek("WRAP_SINGLE_VALUE")
}

/// A stream or table that was declared with SOURCE is somebody else's: it is not replaced, nor is its topic deleted.
pub(crate) fn check_replaced(
    session: &Session,
    kind: SourceKind,
    name: &Name,
    if_exists: IfExists,
    read_only: bool,
) -> Result<(), Error> {
    let old_is_source = session.catalog.source(&name.value).is_some_and(|old| old.read_only);
    if if_exists == IfExists::Replace && (read_only || old_is_source) {
        let word = super::create::kind_word(kind);
        return Err(Error::user(
            "read-only",
            format!(
                "CREATE OR REPLACE is not possible for the SOURCE {word} `{}`",
                name.value
            ),
        )
        .at(name.span)
        .help(format!("DROP {} {} first", word.to_uppercase(), name.value)));
    }
    Ok(())
}

/// The topic of a SOURCE stays.
pub(crate) fn check_dropped(definition: &Definition, name: &Name, delete_topic: bool) -> Result<(), Error> {
    if delete_topic && definition.read_only {
        return Err(Error::user(
            "read-only",
            format!(
                "`{}` was declared with SOURCE, so its topic cannot be deleted",
                name.value
            ),
        )
        .at(name.span)
        .help("leave DELETE TOPIC out"));
    }
    Ok(())
}

/// A windowed source needs a key, for the window is a part of it.
pub(crate) fn check_window(definition: &Definition, name: &Name) -> Result<(), Error> {
    if definition.storage.key_window.is_some() && definition.key_columns().next().is_none() {
        return Err(Error::user(
            "window-without-key",
            format!(
                "`{}` is windowed but has no key column, of which the window is a part",
                name.value
            ),
        )
        .at(name.span)
        .help("mark a column with KEY, or leave WINDOW_TYPE out"));
    }
    Ok(())
}

/// Columns of headers have one type.
pub(crate) fn check_header_types(columns: &[Column], name: &Name) -> Result<(), Error> {
    for column in columns {
        let wanted = match column.role {
            ColumnRole::Headers => SqlType::Array(Box::new(SqlType::Struct(vec![
                ("KEY".into(), SqlType::String),
                ("VALUE".into(), SqlType::Bytes),
            ]))),
            ColumnRole::Header(_) => SqlType::Bytes,
            ColumnRole::Key | ColumnRole::Value => continue,
        };
        if column.sql_type != wanted {
            return Err(Error::user(
                "header-type",
                format!(
                    "the HEADERS column `{}` is {wanted}, not {}",
                    column.name, column.sql_type
                ),
            )
            .at(name.span));
        }
    }
    Ok(())
}
