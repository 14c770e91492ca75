//! A case of statements and records: all statements are planned, then the records go to their topics, then each query runs to its
//! end, one after the other in the order of their statements.

use std::collections::{BTreeMap, BTreeSet};

use super::compare::{Matching, Numbers, Rules, Seen, difference};
use super::encode::Side;
use super::model::WindowKind;
use super::run::{Failure, QUERY_TIMEOUT};
use super::{ExpectedSource, Record, TopicWish, Window};
use crate::connector::NewTopic;
use crate::engine::{Engine, Outcome};
use crate::exec::State;
use crate::sql;
use crate::types::storage::KeyWindow;

/// Statements, then records in, then records out.
#[derive(Debug, Clone, Copy)]
pub(super) struct RecordsCase<'a> {
    pub(super) statements: &'a str,
    pub(super) topics: &'a [TopicWish],
    pub(super) inputs: &'a [Record],
    pub(super) outputs: &'a [Record],
    pub(super) sources: &'a [ExpectedSource],
    pub(super) loose_numbers: bool,
}

/// How the records of a topic are stored.
#[derive(Debug)]
struct TopicForm {
    key: Side,
    value: Side,
    window: Option<KeyWindow>,
}

impl TopicForm {
    /// The bytes of a key, with its window behind them.
    fn key(&self, record: &Record) -> Result<Option<Vec<u8>>, String> {
        let key = self.key.encode(&record.key)?;
        match (record.window, self.window) {
            (None, None) => Ok(key),
            (Some(window), Some(kind)) if window.kind == WindowKind::of(kind) => {
                let mut bytes = key.unwrap_or_default();
                kind.write(window.start, window.end, &mut bytes);
                Ok(Some(bytes))
            }
            (Some(_), _) => Err("its window is not of the kind that the stream or table has".into()),
            (None, Some(_)) => Err("its key has no window, but those of the stream or table have".into()),
        }
    }

    /// The bytes of a key without its window, and the window.
    fn split<'a>(&self, key: Option<&'a [u8]>) -> Result<(Option<&'a [u8]>, Option<Window>), String> {
        let (Some(key), Some(kind)) = (key, self.window) else {
            return Ok((key, None));
        };
        let bounds = key.len().checked_sub(kind.suffix_len()).and_then(|at| {
            let (start, end) = kind.read(&key[at..])?;
            Some((at, start, end))
        });
        let Some((at, start, end)) = bounds else {
            return Err(format!("{} bytes have no window behind them", key.len()));
        };
        let window = Window {
            start,
            end,
            kind: WindowKind::of(kind),
        };
        Ok((Some(&key[..at]), Some(window)))
    }
}

impl RecordsCase<'_> {
    /// Runs the case in a fresh engine that holds its queries back.
    pub(super) fn run(&self, engine: &Engine, matching: Matching) -> Result<(), Failure> {
        for topic in self.topics {
            let new = NewTopic {
                name: topic.name.clone(),
                partitions: topic.partitions,
                replicas: None,
                config: BTreeMap::new(),
            };
            engine.topics().log().create(&new).map_err(Failure::case)?;
        }
        self.plan(engine)?;
        for (number, record) in self.inputs.iter().enumerate() {
            self.append(engine, record)
                .map_err(|reason| Failure::Case(format!("input record {}: {reason}", number + 1)))?;
        }
        let given: BTreeSet<String> = self.inputs.iter().map(|record| record.topic.clone()).collect();
        engine.fix_inputs(&given).map_err(Failure::case)?;
        let queries = engine.held_queries();
        if queries.is_empty() {
            return Err(Failure::Case("the statements give no query".into()));
        }
        for id in queries {
            match engine.run_held(&id, QUERY_TIMEOUT).map_err(Failure::case)? {
                State::Finished => {}
                State::Failed(reason) => return Err(Failure::Query(reason)),
                other => {
                    return Err(Failure::Case(format!(
                        "query {id} is {other:?} after {QUERY_TIMEOUT:?}"
                    )));
                }
            }
        }
        self.compare(engine, matching)?;
        for expected in self.sources {
            let difference = super::source::expected_difference(engine, expected).map_err(Failure::case)?;
            if let Some(difference) = difference {
                return Err(Failure::Difference(difference));
            }
        }
        Ok(())
    }

    fn plan(&self, engine: &Engine) -> Result<(), Failure> {
        let mut statements = sql::statements(self.statements, &engine.variables());
        while let Some(parsed) = statements.next() {
            let source = statements.source().clone();
            let done = match parsed {
                Ok(parsed) => engine.execute(&parsed, &source),
                Err(error) => Err(error.into()),
            };
            match done {
                Ok(Outcome::Query(query)) => {
                    query.pipeline.stop();
                    return Err(Failure::Case(
                        "a SELECT by itself writes to no topic; use CREATE STREAM ... AS SELECT".into(),
                    ));
                }
                Ok(_) => {}
                Err(error) => {
                    return Err(Failure::Statement {
                        message: error.to_string(),
                        is_last: statements.next().is_none(),
                    });
                }
            }
        }
        Ok(())
    }

    fn append(&self, engine: &Engine, record: &Record) -> Result<(), String> {
        let form = form(engine, &record.topic)?;
        let key = form.key(record)?;
        let value = form.value.encode(&record.value)?;
        let Some(log) = engine.topics().embedded() else {
            return Err("cases run on embedded topics only".into());
        };
        log.append(
            &record.topic,
            Some(0),
            key.as_deref(),
            value.as_deref(),
            record.timestamp.unwrap_or(0),
            &record.headers,
        )
        .map(|_| ())
        .map_err(|error| error.to_string())
    }

    fn compare(&self, engine: &Engine, matching: Matching) -> Result<(), Failure> {
        let mut topics: Vec<&str> = Vec::new();
        for record in self.outputs {
            if !topics.contains(&record.topic.as_str()) {
                topics.push(&record.topic);
            }
        }
        for topic in topics {
            let mut expected: Vec<&Record> = self.outputs.iter().filter(|record| record.topic == topic).collect();
            let cleared: Vec<Record>;
            if self.inputs.is_empty() {
                // Rows of INSERT VALUES carry the time of their insertion where none is given (ksqlDB's runner: 0 is any).
                cleared = expected.iter().map(|record| without_zero_time(record)).collect();
                expected = cleared.iter().collect();
            }
            let in_topic = |reason: String| format!("topic {topic}: {reason}");
            let form = form(engine, topic).map_err(Failure::Difference)?;
            let seen = read(engine, topic, &form).map_err(|reason| Failure::Difference(in_topic(reason)))?;
            let rules = Rules {
                keys: self.numbers(&form.key),
                values: self.numbers(&form.value),
            };
            if let Some(found) = difference(&seen, &expected, rules, matching) {
                return Err(Failure::Difference(in_topic(found)));
            }
        }
        Ok(())
    }

    fn numbers(&self, side: &Side) -> Numbers {
        match side.numbers() {
            Numbers::Exact if self.loose_numbers => Numbers::Near,
            numbers => numbers,
        }
    }
}

fn without_zero_time(record: &Record) -> Record {
    let mut record = record.clone();
    record.timestamp = record.timestamp.filter(|time| *time != 0);
    record
}

/// How the first stream or table over a topic says that its records are stored.
fn form(engine: &Engine, topic: &str) -> Result<TopicForm, String> {
    let session = engine.session.lock();
    let over_topic = |name: &&std::sync::Arc<crate::catalog::Definition>| {
        name.storage.topic == topic && name.storage.connector.is_none()
    };
    let Some(definition) = session.catalog.sources().find(over_topic) else {
        return Err(format!("topic {topic}: no stream or table is stored there"));
    };
    let columns = |positions: Vec<usize>| positions.into_iter().map(|at| definition.columns[at].clone()).collect();
    Ok(TopicForm {
        key: Side {
            format: definition.storage.key_format.clone(),
            columns: columns(definition.key_columns().collect()),
        },
        value: Side {
            format: definition.storage.value_format.clone(),
            columns: columns(definition.value_columns().collect()),
        },
        window: definition.storage.key_window,
    })
}

/// All records of a topic.
fn read(engine: &Engine, topic: &str, form: &TopicForm) -> Result<Vec<Seen>, String> {
    let Some(log) = engine.topics().embedded() else {
        return Err("cases run on embedded topics only".into());
    };
    let records = log.read_all(topic).map_err(|error| error.to_string())?;
    let decoded = records.iter().enumerate().map(|(number, record)| {
        let in_record = |what: &str, reason: String| format!("{what} of record {}: {reason}", number + 1);
        let (key, window) = form
            .split(record.key.as_deref())
            .map_err(|reason| in_record("key", reason))?;
        Ok(Seen {
            key: form.key.decode(key).map_err(|reason| in_record("key", reason))?,
            value: form
                .value
                .decode(record.value.as_deref())
                .map_err(|reason| in_record("value", reason))?,
            timestamp: record.timestamp,
            window,
            headers: record.headers.clone(),
        })
    });
    decoded.collect()
}
