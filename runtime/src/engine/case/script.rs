//! A SQL-only case: INSERT INTO ... VALUES goes through all queries at once, ASSERT looks at the next record of a topic.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::sql::sqlparser::ast::Expr;
use parking_lot::Mutex;

use super::run::{Failure, QUERY_TIMEOUT};
use crate::connector::{self, RecordSink, Sink};
use crate::engine::{Engine, Error, Outcome};
use crate::exec::{ShardSink, State};
use crate::sql;
use crate::sql::ast::{Assert, IfExists, Name, Parsed, Statement};
use crate::types::schema::ROWTIME;
use crate::types::{ChangeBatch, RawRecords};

/// Runs the statements; the first that fails is the outcome.
pub(super) fn run(engine: &Engine, text: &str) -> Result<(), Failure> {
    let mut positions = BTreeMap::new();
    let mut statements = sql::statements(text, &engine.variables());
    while let Some(parsed) = statements.next() {
        let source = statements.source().clone();
        let done = parsed
            .map_err(Error::from)
            .and_then(|parsed| statement(engine, &parsed, &source, &mut positions));
        match done {
            Ok(Some(difference)) => return Err(Failure::Difference(difference)),
            Ok(None) => {}
            // Every error of such a case ends it, so the one that comes is the last statement that runs.
            Err(error) => {
                return Err(Failure::Statement {
                    message: error.to_string(),
                    is_last: true,
                });
            }
        }
        if !engine.quiesce(QUERY_TIMEOUT) {
            return Err(Failure::Case(format!("queries were not idle after {QUERY_TIMEOUT:?}")));
        }
        for (info, pipeline) in engine.queries() {
            if let State::Failed(reason) = pipeline.state() {
                return Err(Failure::Query(format!("{}: {reason}", info.id)));
            }
        }
    }
    Ok(())
}

/// Runs one statement; gives what an ASSERT found wrong.
fn statement(
    engine: &Engine,
    parsed: &Parsed,
    source: &sql::Source,
    positions: &mut BTreeMap<String, usize>,
) -> Result<Option<String>, Error> {
    match &parsed.statement {
        Statement::Assert(Assert::Values {
            target,
            columns,
            values,
            null,
        }) => values_difference(engine, (target, columns, values, *null), positions),
        Statement::Assert(Assert::Source {
            kind,
            name,
            columns,
            with,
        }) => {
            let declared = Statement::CreateSource {
                kind: *kind,
                name: name.clone(),
                if_exists: IfExists::Replace,
                read_only: false,
                columns: columns.clone(),
                with: with.clone(),
            };
            super::source::difference(engine, &declared, name)
        }
        _ => {
            if let Outcome::Query(query) = engine.execute(parsed, source)? {
                query.pipeline.stop();
            }
            Ok(None)
        }
    }
    .map(|difference| {
        let text = parsed.text.trim().lines().next().unwrap_or_default();
        difference.map(|difference| format!("{difference}\n  at {text}"))
    })
}

/// Compares the next record of the target's topic with a row, as bytes that the target's formats make of it.
fn values_difference(
    engine: &Engine,
    (target, names, values, null): (&Name, &[Name], &[Expr], bool),
    positions: &mut BTreeMap<String, usize>,
) -> Result<Option<String>, Error> {
    let session = engine.session.lock();
    let definition = Arc::clone(crate::engine::insert::known(&session, target)?);
    let mut row = engine.value_rows(&session, &definition, target, names, &[values.to_vec()])?;
    drop(session);
    if null {
        row.weights = Some(vec![0_i8].into());
    }
    let expected = encoded(&definition, &row)?;
    let topic = &definition.storage.topic;
    let Some(log) = engine.topics().embedded() else {
        return Err(Error::System("cases run on embedded topics only".into()));
    };
    let position = positions.entry(topic.clone()).or_default();
    let records = log.read_all(topic)?;
    let Some(found) = records.get(*position) else {
        return Ok(Some(format!("topic {topic}: there are only {} records", records.len())));
    };
    *position += 1;
    let place = format!("topic {topic}, record {}", *position);
    let text = |bytes: Option<&[u8]>| {
        bytes.map_or_else(
            || "null".to_owned(),
            |bytes| String::from_utf8_lossy(bytes).into_owned(),
        )
    };
    for (what, expected, found) in [
        ("key", expected.keys.get(0), found.key.as_deref()),
        ("value", expected.values.get(0), found.value.as_deref()),
    ] {
        if expected != found {
            return Ok(Some(format!(
                "{place}: another {what}\n  expected {}\n  found    {}",
                text(expected),
                text(found)
            )));
        }
    }
    let names_time = names.iter().any(|name| name.value == ROWTIME);
    let time = names_time.then(|| row.event_times.value(0));
    Ok(time
        .filter(|time| *time != found.timestamp)
        .map(|time| format!("{place}: {ROWTIME}: expected {time}, found {}", found.timestamp)))
}

/// Keeps what is written to it.
#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<RawRecords>>);

impl RecordSink for Kept {
    fn write(&mut self, records: &RawRecords) -> Result<(), connector::Error> {
        *self.0.lock() = records.clone();
        Ok(())
    }

    fn flush(&mut self) -> Result<(), connector::Error> {
        Ok(())
    }

    fn close(&mut self) -> Result<(), connector::Error> {
        Ok(())
    }
}

fn encoded(definition: &crate::catalog::Definition, row: &ChangeBatch) -> Result<RawRecords, Error> {
    let kept = Kept::default();
    let mut sink = ShardSink::new(definition, Sink::Records(Box::new(kept.clone())))?;
    sink.write(row)?;
    let records = kept.0.lock().clone();
    Ok(records)
}
