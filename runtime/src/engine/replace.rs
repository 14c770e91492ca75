//! CREATE OR REPLACE ... AS SELECT of a query that runs: the new query goes on where the old one is, with its state.
//!
//! That is possible where the new query reads the same, writes the same, and its operators read the state of the old ones: filters may change, and columns
//! that are made behind the state. Anything else is refused, as in ksqlDB, before the old query is touched.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::create::kind_word;
use super::query::Running;
use super::running::STOP_TIMEOUT;
use super::{Engine, Error, QueryKind, Session};
use crate::catalog::Definition;
use crate::exec::{self, Pipeline, State};
use crate::format::Format;
use crate::plan::Dataflow;
use crate::sql::ast::{IfExists, Name, SourceKind};
use crate::types::schema::{Column, ColumnRole};

/// The query whose place a statement takes: the one that made the stream or table of this name.
pub(crate) fn replaced(session: &Session, kind: SourceKind, name: &Name, if_exists: IfExists) -> Option<String> {
    if if_exists != IfExists::Replace || session.catalog.source(&name.value)?.kind != kind {
        return None;
    }
    let mut queries = session.queries.values();
    let maker = queries.find(|query| {
        let is_maker = query.info.creates_sink && query.info.sink.as_ref() == Some(&name.value);
        is_maker && query.opened.is_some()
    })?;
    Some(maker.info.id.clone())
}

/// Refuses a result that the topic of the old one cannot hold.
pub(crate) fn check_result(session: &Session, id: &str, new: &Definition, name: &Name) -> Result<(), Error> {
    let Some(old) = session.catalog.source(&name.value) else {
        return Ok(());
    };
    let keys = |definition: &Definition| -> Vec<Column> { columns_of(definition, ColumnRole::Key) };
    let shown = |columns: &[Column]| -> String {
        let shown: Vec<_> = columns.iter().map(|c| format!("{} {}", c.name, c.sql_type)).collect();
        if shown.is_empty() {
            "none".into()
        } else {
            shown.join(", ")
        }
    };
    let (was, is) = (keys(old), keys(new));
    if was != is {
        let reason = format!("its key was {}, it would be {}", shown(&was), shown(&is));
        return Err(refused(name, new.kind, &reason));
    }
    if old.storage.key_window != new.storage.key_window {
        return Err(refused(name, new.kind, "its window would be another"));
    }
    if old.storage != new.storage {
        return Err(refused(
            name,
            new.kind,
            "its topic, format or connector would be another",
        ));
    }
    let (values, new_values) = (columns_of(old, ColumnRole::Value), columns_of(new, ColumnRole::Value));
    let is_by_name = matches!(new.storage.value_format.format, Format::Json);
    if !is_by_name && !new_values.starts_with(&values) {
        let reason = format!(
            "its value was {}, and columns can only be added behind these",
            shown(&values)
        );
        return Err(refused(name, new.kind, &reason));
    }
    for was in &values {
        match new.columns.iter().find(|column| column.name == was.name) {
            Some(is) if is.sql_type != was.sql_type => {
                let reason = format!(
                    "column `{}` was {}, it would be {}",
                    was.name, was.sql_type, is.sql_type
                );
                return Err(refused(name, new.kind, &reason));
            }
            Some(_) => {}
            None => {
                let mut queries = session.queries.values();
                let reader = queries.find(|query| {
                    query.info.id != id && query.info.sources.contains(&old.name) && !query.pipeline.state().is_over()
                });
                if let Some(reader) = reader {
                    let reason = format!(
                        "column `{}` would be gone, and query {} reads it",
                        was.name, reader.info.id
                    );
                    return Err(refused(name, new.kind, &reason));
                }
            }
        }
    }
    Ok(())
}

fn columns_of(definition: &Definition, role: ColumnRole) -> Vec<Column> {
    let columns = definition.columns.iter().filter(|column| column.role == role);
    columns.cloned().collect()
}

/// Refuses a query that cannot go on where the old one is.
pub(crate) fn check_dataflow(session: &Session, id: &str, new: &Dataflow, name: &Name) -> Result<(), Error> {
    let Some(old) = session.queries.get(id) else {
        return Ok(());
    };
    let kind = session
        .catalog
        .source(&name.value)
        .map_or(SourceKind::Stream, |old| old.kind);
    if let Some(opened) = &old.opened {
        if opened.state.is_none() && opened.has_epochs() {
            let reason = "without --state its file begins anew with each query, and what is in it would be lost";
            return Err(refused(name, kind, reason));
        }
        if matches!(old.pipeline.state(), State::Failed(_)) && opened.is_kept_by_run()? {
            return Err(refused(
                name,
                kind,
                &format!("its state has ended with query {id}, which has failed"),
            ));
        }
    }
    let reads = |dataflow: &Dataflow| -> Vec<(String, String)> {
        let scans = dataflow.scans();
        scans
            .map(|(_, scan)| (scan.definition.name.clone(), scan.definition.storage.topic.clone()))
            .collect()
    };
    let (was, is) = (reads(&old.info.dataflow), reads(new));
    if was != is {
        let names = |reads: &[(String, String)]| reads.iter().map(|read| read.0.clone()).collect::<Vec<_>>().join(", ");
        let reason = format!("it reads {}, it would read {}", names(&was), names(&is));
        return Err(refused(name, kind, &reason));
    }
    match exec::state_difference(&old.info.dataflow, new)? {
        None => Ok(()),
        Some(difference) => Err(refused(
            name,
            kind,
            &format!("its state could not be read: {difference}"),
        )),
    }
}

fn refused(name: &Name, kind: SourceKind, reason: &str) -> Error {
    let word = kind_word(kind);
    Error::user(
        "cannot-replace",
        format!(
            "{word} `{}` cannot be replaced while keeping its position and state: {reason}",
            name.value
        ),
    )
    .at(name.span)
    .help(format!(
        "DROP {} {} and create it anew, which reads its sources from their beginning; or give the new one another name",
        word.to_uppercase(),
        name.value
    ))
}

impl Engine {
    /// Stops a query with a last commit and takes it out of the session, all that it keeps staying.
    pub(crate) fn hand_over(session: &mut Session, id: &str) -> Result<Option<(Running, State)>, Error> {
        let Some(running) = session.queries.get(id) else {
            return Ok(None);
        };
        debug_assert_eq!(running.info.kind, QueryKind::Persistent);
        let before = running.pipeline.state();
        running.pipeline.stop();
        if !running.pipeline.wait(STOP_TIMEOUT).is_over() {
            let seconds = STOP_TIMEOUT.as_secs();
            return Err(Error::System(format!("query {id} did not stop within {seconds} s")));
        }
        if let Some(opened) = &running.opened {
            opened.hand_over(&running.pipeline)?;
        }
        Ok(session.queries.remove(id).map(|running| (running, before)))
    }

    /// The new query could not be started: the old one goes on as it was `before`. One that had come to its end stays there.
    pub(crate) fn take_back(&self, session: &mut Session, old: Running, before: &State) {
        let begun = match &old.opened {
            Some(opened) if !before.is_over() => opened.parts().and_then(Pipeline::hold),
            _ => Ok(Arc::clone(&old.pipeline)),
        };
        let pipeline = begun.unwrap_or_else(|error| {
            tracing::error!(query = %old.info.id, %error, "the query that should have been replaced cannot go on");
            old.pipeline.cannot_go_on(&error);
            Arc::clone(&old.pipeline)
        });
        pipeline.begin(BTreeMap::new(), &self.pool);
        if *before == State::Paused {
            pipeline.pause();
        }
        session.queries.insert(old.info.id.clone(), Running { pipeline, ..old });
    }
}
