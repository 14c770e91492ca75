//! `ASSERT STREAM` and `ASSERT TABLE`: whether a stream or table is what a declaration says.

use super::ExpectedSource;
use crate::catalog::Definition;
use crate::engine::create::resolve_type;
use crate::engine::{Engine, Error};
use crate::sql;
use crate::sql::ast::{ColumnDef, Name, Statement};

/// How the stream or table `name` differs from the one that `declared`, a CREATE STREAM or TABLE, would make; `None` where it
/// does not. Compared is what ksqlDB's runner compares: kind, columns, topic, formats and event time.
///
/// # Errors
/// When the declaration is wrong, or there is no such stream or table.
pub(super) fn difference(engine: &Engine, declared: &Statement, name: &Name) -> Result<Option<String>, Error> {
    let session = engine.session.lock();
    let (wanted, _) = engine.declaration(&session, declared, "")?;
    let found = crate::engine::insert::known(&session, name)?;
    let properties: [(&str, fn(&Definition) -> String); 6] = [
        ("kind", |source| format!("{:?}", source.kind).to_lowercase()),
        ("columns", columns),
        ("topic", |source| source.storage.topic.clone()),
        ("key format", |source| format!("{:?}", source.storage.key_format)),
        ("value format", |source| format!("{:?}", source.storage.value_format)),
        ("event time", |source| match &source.event_time {
            None => "the record's".into(),
            Some(time) => format!("{} {}", time.column, time.pattern.as_deref().unwrap_or_default()),
        }),
    ];
    Ok(properties.into_iter().find_map(|(what, property)| {
        let (wanted, found) = (property(&wanted), property(found));
        (wanted != found).then(|| {
            format!(
                "{}: another {what}\n  expected {wanted}\n  found    {found}",
                name.value
            )
        })
    }))
}

/// How the stream or table that a case expects differs from what there is.
///
/// # Errors
/// When the schema of the case cannot be read.
pub(super) fn expected_difference(engine: &Engine, expected: &ExpectedSource) -> Result<Option<String>, Error> {
    let name = &expected.name;
    let session = engine.session.lock();
    // Names stand as they are, but ksqlDB's cases write some in lower case.
    let found = session
        .catalog
        .source(name)
        .or_else(|| session.catalog.source(&name.to_uppercase()));
    let Some(found) = found else {
        return Ok(Some(format!("there is no stream or table {name}")));
    };
    if found.kind != expected.kind {
        let word = |kind| format!("{kind:?}").to_lowercase();
        return Ok(Some(format!(
            "{name} is a {}, not a {}",
            word(found.kind),
            word(expected.kind)
        )));
    }
    let Some(schema) = &expected.schema else {
        return Ok(None);
    };
    // Keys of tables are mostly written KEY there, as those of streams.
    let word = if schema.to_uppercase().contains("PRIMARY KEY") {
        "TABLE"
    } else {
        "STREAM"
    };
    let text = format!("CREATE {word} EXPECTED ({schema}) WITH (KAFKA_TOPIC='expected');");
    let mut statements = sql::parse(&text, &sql::Variables::new())?;
    let Some(Statement::CreateSource { columns: declared, .. }) = statements.pop().map(|parsed| parsed.statement)
    else {
        return Err(Error::System(format!("the schema of {name} cannot be read: {schema}")));
    };
    let column = |column: &ColumnDef| -> Result<String, Error> {
        let sql_type = resolve_type(&session, &column.type_expr)?;
        Ok(format!("{} {sql_type} {:?}", column.name.value, column.role))
    };
    let wanted = declared
        .iter()
        .map(column)
        .collect::<Result<Vec<_>, Error>>()?
        .join(", ");
    let found = columns(found);
    Ok((wanted != found).then(|| format!("{name}: other columns\n  expected {wanted}\n  found    {found}")))
}

fn columns(source: &Definition) -> String {
    let columns = source.columns.iter();
    let columns = columns.map(|column| format!("{} {} {:?}", column.name, column.sql_type, column.role));
    columns.collect::<Vec<_>>().join(", ")
}
