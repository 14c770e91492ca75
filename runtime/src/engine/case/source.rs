//! `ASSERT STREAM` and `ASSERT TABLE`: whether a stream or table is what a declaration says.

use crate::catalog::Definition;
use crate::engine::{Engine, Error};
use crate::sql::ast::{Name, Statement};

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

fn columns(source: &Definition) -> String {
    let columns = source.columns.iter();
    let columns = columns.map(|column| format!("{} {} {:?}", column.name, column.sql_type, column.role));
    columns.collect::<Vec<_>>().join(", ")
}
