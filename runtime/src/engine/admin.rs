//! Statements about what is there: PAUSE, RESUME, ALTER, ASSERT TOPIC.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::create::{TopicWish, check_formats, kind_word, resolve_type};
use super::storage::Options;
use super::{Engine, Error, Outcome, QueryKind, Session};
use crate::catalog::{Definition, nearest};
use crate::sql::ast::{Assert, ColumnDef, Length, Name, SourceKind, WithOptions};
use crate::types::schema::{Column, ColumnRole, ROWOFFSET, ROWPARTITION, ROWTIME, WINDOWEND, WINDOWSTART};

/// How long ASSERT waits where TIMEOUT is not said (ksqlDB: `ksql.assert.topic.default.timeout.ms`).
const ASSERT_TIMEOUT_MS: i64 = 1_000;
/// How often ASSERT looks.
const ASSERT_PAUSE: Duration = Duration::from_millis(20);

/// Whether queries are to stand still or go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Motion {
    Pause,
    Resume,
}

impl Engine {
    /// PAUSE and RESUME: of one persistent query, or of all.
    pub(crate) fn set_motion(
        &self,
        session: &mut Session,
        id: Option<&Name>,
        motion: Motion,
    ) -> Result<Outcome, Error> {
        let mut moved = self.resume_waiting(session, id, motion)?;
        if !moved.is_empty() && id.is_some() {
            return Ok(moved_message(motion, &moved));
        }
        let persistent = || {
            let queries = session.queries.iter();
            queries.filter(|(_, running)| running.info.kind == QueryKind::Persistent)
        };
        let ids: Vec<&String> = match id {
            None => persistent().map(|(id, _)| id).collect(),
            Some(name) => match persistent().find(|(id, _)| **id == name.value) {
                Some((id, _)) => vec![id],
                None => {
                    let message = format!("there is no persistent query `{}`", name.value);
                    let error = Error::user("unknown-query", message).at(name.span);
                    return Err(match nearest(&name.value, persistent().map(|(id, _)| id.as_str())) {
                        Some(near) => error.help(format!("did you mean `{near}`?")),
                        None => error.help("SHOW QUERIES lists them"),
                    });
                }
            },
        };
        for id in ids {
            let pipeline = &session.queries[id].pipeline;
            let has_moved = match motion {
                Motion::Pause => pipeline.pause(),
                Motion::Resume => pipeline.resume(),
            };
            if has_moved {
                moved.push(id.clone());
            }
        }
        Ok(moved_message(motion, &moved))
    }

    /// RESUME of queries that wait for a plugin: the one that is named must be able to run then. PAUSE of one is refused, as it does not run.
    fn resume_waiting(&self, session: &mut Session, id: Option<&Name>, motion: Motion) -> Result<Vec<String>, Error> {
        let ids: Vec<String> = match id {
            None if motion == Motion::Pause => vec![],
            None => session.waiting.keys().cloned().collect(),
            Some(name) if session.waiting.contains_key(&name.value) => vec![name.value.clone()],
            Some(_) => vec![],
        };
        if !ids.is_empty() && motion == Motion::Resume {
            // The file may be back, and nobody watches.
            self.plugins.rescan()?;
            self.follow_plugins(session)?;
        }
        let mut started = Vec::new();
        for waiting in ids {
            let begun = match (motion, session.waiting.get(&waiting)) {
                (Motion::Pause, Some(waiting)) => Err(waiting.info.reason.clone()),
                _ => self.start_waiting(session, &waiting),
            };
            match (begun, id) {
                (Ok(()), _) => started.push(waiting),
                (Err(reason), Some(name)) => {
                    let message = format!("query {waiting} does not run: {reason}");
                    return Err(Error::user("query-waits", message).at(name.span));
                }
                (Err(_), None) => {}
            }
        }
        Ok(started)
    }

    /// ALTER STREAM|TABLE ... ADD COLUMN: new columns of the value, at the end. Queries that run keep what they were planned with.
    pub(crate) fn alter_source(
        session: &mut Session,
        kind: SourceKind,
        name: &Name,
        add: &[ColumnDef],
        text: &str,
    ) -> Result<Outcome, Error> {
        let old = Arc::clone(super::insert::known(session, name)?);
        if old.kind != kind {
            let message = format!(
                "`{}` is a {}, not a {}",
                name.value,
                kind_word(old.kind),
                kind_word(kind)
            );
            return Err(Error::user("wrong-kind", message).at(name.span));
        }
        if old.read_only {
            let message = format!("`{}` was declared with SOURCE, so it cannot be altered", name.value);
            return Err(Error::user("read-only", message).at(name.span));
        }
        let maker = session
            .queries
            .values()
            .find(|query| query.info.creates_sink && query.info.sink.as_ref() == Some(&old.name))
            .map(|query| &query.info.id);
        let mut waiting = session.waiting.values();
        let mut waits = || waiting.find(|waiting| waiting.creates_sink && waiting.sink == old.name);
        if let Some(id) = maker.or_else(|| waits().map(|waiting| &waiting.info.id)) {
            let message = format!("the columns of `{}` are those of the query {id}", name.value);
            return Err(Error::user("alter-query", message)
                .at(name.span)
                .help("CREATE OR REPLACE it with another query"));
        }
        let mut new = Definition::clone(&old);
        let mut names: BTreeSet<String> = new.columns.iter().map(|column| column.name.clone()).collect();
        for column in add {
            let (name, span) = (&column.name.value, column.name.span);
            if [ROWTIME, ROWPARTITION, ROWOFFSET, WINDOWSTART, WINDOWEND].contains(&name.as_str()) {
                let message = format!("`{name}` is a pseudo-column that every row has");
                return Err(Error::user("reserved-column", message)
                    .at(span)
                    .help("use another name"));
            }
            if !names.insert(name.clone()) {
                let message = format!("`{}` has a column `{name}` already", old.name);
                return Err(Error::user("duplicate-column", message).at(span));
            }
            new.columns.push(Column {
                name: name.clone(),
                sql_type: resolve_type(session, &column.type_expr)?,
                role: ColumnRole::Value,
            });
        }
        if new.storage.connector.is_none() {
            check_formats(&new)?;
        }
        new.statement = format!("{}; {text}", old.statement);
        session.catalog.put_source(new);
        Ok(Outcome::Message(format!("{} {} altered", kind_word(kind), name.value)))
    }

    /// ASSERT [NOT EXISTS] TOPIC, and a clear word about the other kinds, which only cases have.
    pub(crate) fn assert(&self, assert: &Assert) -> Result<Outcome, Error> {
        match assert {
            Assert::Topic {
                name,
                not_exists,
                with,
                timeout,
            } => self.assert_topic(name, *not_exists, with, *timeout),
            Assert::Schema { .. } => Err(Error::user(
                "no-schema-registry",
                "there is no schema registry to look into",
            )),
            Assert::Values { .. } | Assert::Source { .. } => Err(Error::user(
                "assert-in-cases-only",
                "ASSERT VALUES, NULL VALUES, STREAM and TABLE are for cases",
            )
            .help("run the file with `waterwheel test`")),
        }
    }

    fn assert_topic(
        &self,
        name: &Name,
        not_exists: bool,
        with: &WithOptions,
        timeout: Option<Length>,
    ) -> Result<Outcome, Error> {
        let mut options = Options::new(with);
        let wish = TopicWish::take(&mut options)?;
        options.rest(None)?;
        let ms = timeout.map_or(ASSERT_TIMEOUT_MS, |timeout| timeout.ms);
        let until = Instant::now() + Duration::from_millis(ms.try_into().unwrap_or(0));
        loop {
            let Err(difference) = self.topic_difference(name, not_exists, wish)? else {
                let is = if not_exists { "does not exist" } else { "exists" };
                return Ok(Outcome::Message(format!("topic {} {is}", name.value)));
            };
            if Instant::now() >= until {
                return Err(Error::user("assert-failed", difference).at(name.span));
            }
            std::thread::sleep(ASSERT_PAUSE);
        }
    }

    /// What is not as it was asserted.
    fn topic_difference(&self, name: &Name, not_exists: bool, wish: TopicWish) -> Result<Result<(), String>, Error> {
        let name = &name.value;
        let found = self.topics.log().describe(name)?;
        Ok(match (found, not_exists) {
            (None, true) => Ok(()),
            (None, false) => Err(format!("topic `{name}` does not exist")),
            (Some(_), true) => Err(format!("topic `{name}` exists")),
            (Some(info), false) => match (wish.partitions, wish.replicas) {
                (Some(wanted), _) if wanted != info.partitions => Err(format!(
                    "topic `{name}` has {} partitions, not {wanted}",
                    info.partitions
                )),
                (_, Some(wanted)) if wanted != info.replicas => {
                    Err(format!("topic `{name}` has {} replicas, not {wanted}", info.replicas))
                }
                _ => Ok(()),
            },
        })
    }
}

fn moved_message(motion: Motion, moved: &[String]) -> Outcome {
    let word = match motion {
        Motion::Pause => "paused",
        Motion::Resume => "resumed",
    };
    let list = if moved.is_empty() {
        "no query".into()
    } else {
        moved.join(", ")
    };
    Outcome::Message(format!("{word}: {list}"))
}
