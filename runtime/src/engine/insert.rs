//! INSERT INTO ... VALUES: rows from the statement itself, written at once.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, new_null_array};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::Expr;

use super::{Engine, Error, Outcome, Session};
use crate::catalog::{Definition, nearest};
use crate::connector::registry::ShardOf;
use crate::sql::ast::{Name, SourceKind};
use crate::types::ChangeBatch;
use crate::types::schema::{Column, ColumnRole, ROWTIME, arrow_schema};

impl Engine {
    pub(crate) fn insert_values(
        &self,
        session: &mut Session,
        target: &Name,
        names: &[Name],
        rows: &[Vec<Expr>],
    ) -> Result<Outcome, Error> {
        let definition = Arc::clone(writable(session, target)?);
        if definition.storage.connector.is_some() {
            return Err(Error::user(
                "insert-into-connector",
                format!("`{}` is not stored in a topic", target.value),
            )
            .at(target.span)
            .help("use INSERT INTO ... SELECT"));
        }
        let batch = self.value_rows(session, &definition, target, names, rows)?;
        let mut sink = self.shard_sink(&definition, ShardOf { index: 0, count: 1 })?;
        sink.write(&batch)?;
        sink.flush()?;
        sink.close()?;
        let many = if rows.len() == 1 { "row" } else { "rows" };
        Ok(Outcome::Message(format!(
            "{} {many} inserted into {}",
            rows.len(),
            target.value
        )))
    }

    /// Rows of constants as changes of a stream or table: its writable columns, with the event times that ROWTIME gives, or now.
    pub(crate) fn value_rows(
        &self,
        session: &Session,
        definition: &Definition,
        target: &Name,
        names: &[Name],
        rows: &[Vec<Expr>],
    ) -> Result<ChangeBatch, Error> {
        let columns: Vec<Column> = definition.writable_columns().cloned().collect();
        let places = places(&columns, names)?;
        let mut cells: Vec<Vec<ScalarValue>> = columns.iter().map(|_| Vec::with_capacity(rows.len())).collect();
        let mut event_times = Vec::with_capacity(rows.len());
        for row in rows {
            if row.len() != places.len() {
                return Err(Error::user(
                    "column-count",
                    format!("{} values are given for {} columns", row.len(), places.len()),
                )
                .at(target.span));
            }
            let mut time = None;
            for cell in &mut cells {
                cell.push(ScalarValue::Null);
            }
            for (place, value) in places.iter().zip(row) {
                let value = self.planner(session).constant(value)?;
                match place {
                    Some(position) => {
                        if let Some(cell) = cells[*position].last_mut() {
                            *cell = value;
                        }
                    }
                    None => time = event_time(&value)?,
                }
            }
            event_times.push(time.unwrap_or_else(|| self.clock.now_ms()));
        }
        let arrays = columns
            .iter()
            .zip(cells)
            .map(|(column, cells)| column_array(column, cells))
            .collect::<Result<Vec<_>, Error>>()?;
        require_keys(definition, &columns, &arrays, target)?;
        let records =
            RecordBatch::try_new(arrow_schema(&columns), arrays).map_err(|error| Error::System(error.to_string()))?;
        Ok(ChangeBatch::inserted(records, Int64Array::from(event_times)))
    }
}

/// A stream or table that exists.
pub(crate) fn known<'a>(session: &'a Session, target: &Name) -> Result<&'a Arc<Definition>, Error> {
    session.catalog.source(&target.value).ok_or_else(|| {
        let error = Error::user(
            "unknown-source",
            format!("stream or table `{}` does not exist", target.value),
        )
        .at(target.span);
        match session.catalog.nearest_source(&target.value) {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None => error.help("SHOW STREAMS lists the streams"),
        }
    })
}

/// A stream or table that may be written to.
pub(crate) fn writable<'a>(session: &'a Session, target: &Name) -> Result<&'a Arc<Definition>, Error> {
    let definition = known(session, target)?;
    if definition.read_only {
        return Err(Error::user(
            "read-only",
            format!(
                "`{}` was declared with SOURCE, so nothing can be inserted",
                target.value
            ),
        )
        .at(target.span));
    }
    let has_headers = definition
        .columns
        .iter()
        .any(|column| !matches!(column.role, ColumnRole::Key | ColumnRole::Value));
    if has_headers {
        return Err(Error::user(
            "insert-headers",
            format!("`{}` has columns of headers, which cannot be written", target.value),
        )
        .at(target.span)
        .help("declare a second stream over the topic without the HEADERS columns"));
    }
    Ok(definition)
}

/// For each value of a row its column; `None` stands for ROWTIME.
fn places(columns: &[Column], names: &[Name]) -> Result<Vec<Option<usize>>, Error> {
    if names.is_empty() {
        return Ok((0..columns.len()).map(Some).collect());
    }
    let mut places = Vec::with_capacity(names.len());
    for name in names {
        let place = columns.iter().position(|column| column.name == name.value);
        if place.is_none() && name.value != ROWTIME {
            let error = Error::user("unknown-column", format!("column `{}` does not exist", name.value)).at(name.span);
            return Err(
                match nearest(&name.value, columns.iter().map(|column| column.name.as_str())) {
                    Some(near) => error.help(format!("did you mean `{near}`?")),
                    None => error,
                },
            );
        }
        if places.contains(&place) {
            return Err(
                Error::user("duplicate-column", format!("column `{}` is named twice", name.value)).at(name.span),
            );
        }
        places.push(place);
    }
    Ok(places)
}

fn event_time(value: &ScalarValue) -> Result<Option<i64>, Error> {
    match value.cast_to(&datafusion::arrow::datatypes::DataType::Int64) {
        Ok(ScalarValue::Int64(time)) => Ok(time),
        _ => Err(Error::user(
            "wrong-value",
            format!("ROWTIME is a BIGINT, milliseconds since the epoch, not {value}"),
        )),
    }
}

fn column_array(column: &Column, cells: Vec<ScalarValue>) -> Result<ArrayRef, Error> {
    let data_type = column.sql_type.to_arrow();
    let wrong = |value: &ScalarValue| {
        Error::user(
            "wrong-value",
            format!(
                "{value} cannot be stored in column `{}`, which is {}",
                column.name, column.sql_type
            ),
        )
    };
    let mut arrays = Vec::with_capacity(cells.len());
    for cell in &cells {
        let array = match cell {
            ScalarValue::Null => new_null_array(&data_type, 1),
            value => {
                // Arrow's cast gives NULL for what does not fit; a constant that becomes NULL is a mistake.
                let array = value
                    .cast_to(&data_type)
                    .and_then(|cast| cast.to_array())
                    .map_err(|_| wrong(value))?;
                if array.is_null(0) && !value.is_null() {
                    return Err(wrong(value));
                }
                array
            }
        };
        arrays.push(array);
    }
    let arrays: Vec<_> = arrays.iter().map(AsRef::as_ref).collect();
    datafusion::arrow::compute::concat(&arrays).map_err(|error| Error::System(error.to_string()))
}

/// A table's row needs its primary key (ksqlDB: null keys are refused for tables).
fn require_keys(definition: &Definition, columns: &[Column], arrays: &[ArrayRef], target: &Name) -> Result<(), Error> {
    if definition.kind == SourceKind::Stream {
        return Ok(());
    }
    for (column, array) in columns.iter().zip(arrays) {
        if column.role == ColumnRole::Key && array.null_count() > 0 {
            return Err(
                Error::user("null-key", format!("the primary key `{}` has no value", column.name)).at(target.span),
            );
        }
    }
    Ok(())
}
