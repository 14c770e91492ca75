//! What is done with running queries: TERMINATE, waiting for them, stopping them all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::opening::group_of;
use super::query::Running;
use super::{Engine, Error, Outcome, QueryInfo, QueryKind, Session};
use crate::connector::embedded::EmbeddedLog;
use crate::exec::{Pipeline, State};
use crate::plan::Dataflow;
use crate::sql::ast::Name;
use crate::state::{Location, Store};

/// How long TERMINATE waits for the last step and commit of a query.
pub(crate) const STOP_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a pull query waits for what the statements before it began.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(10);
/// The same where that may go on for ever.
const SETTLE_ENDLESS: Duration = Duration::from_millis(500);

impl Engine {
    pub(crate) fn terminate(&self, session: &mut Session, id: Option<&Name>) -> Result<Outcome, Error> {
        let ids: Vec<String> = match id {
            Some(name) if session.queries.contains_key(&name.value) || session.waiting.contains_key(&name.value) => {
                vec![name.value.clone()]
            }
            Some(name) => {
                let error = Error::user("unknown-query", format!("there is no query `{}`", name.value)).at(name.span);
                let known = session.queries.keys().chain(session.waiting.keys());
                let near = crate::catalog::nearest(&name.value, known.map(String::as_str));
                return Err(error.help(near.map_or("SHOW QUERIES lists them".into(), |near| {
                    format!("did you mean `{near}`?")
                })));
            }
            None => session.queries.keys().chain(session.waiting.keys()).cloned().collect(),
        };
        for id in &ids {
            self.end_query(session, id)?;
        }
        Ok(Outcome::Message(format!(
            "terminated: {}",
            if ids.is_empty() {
                "no query".into()
            } else {
                ids.join(", ")
            }
        )))
    }

    /// Stops a query for good: its state and its consumer groups are removed.
    pub(crate) fn end_query(&self, session: &mut Session, id: &str) -> Result<(), Error> {
        if let Some(waiting) = session.waiting.remove(id) {
            let scans = waiting.sources.len();
            return self.forget_query((id, &waiting.durable), scans, Some(waiting.location));
        }
        let ended = session.queries.get(id).map(|running| {
            let state = running.opened.as_ref().and_then(|opened| opened.state.clone());
            (running.info.clone(), state)
        });
        Self::stop_query(session, id)?;
        match ended {
            Some((info, state)) if info.kind == QueryKind::Persistent => {
                let own = state.map(|state| state.join(&self.config.application_id).join(&info.durable));
                self.forget_query((id, &info.durable), info.dataflow.scans().count(), own)
            }
            _ => Ok(()),
        }
    }

    /// Removes what a query keeps beyond its run. First the offsets: state without them is refused at the next start, offsets without state
    /// would be taken for a loss.
    fn forget_query(&self, (id, durable): (&str, &str), scans: usize, state: Option<Location>) -> Result<(), Error> {
        let left = |what: &str, error: &dyn std::fmt::Display| {
            Error::System(format!(
                "query {id} has ended, but its {what} cannot be removed: {error}"
            ))
        };
        for number in 0..scans.max(1) {
            let group = group_of(&self.config.application_id, durable, number);
            let removed = self.topics.log().forget_group(&group);
            removed.map_err(|error| left(&format!("consumer group {group}"), &error))?;
        }
        if let Some(own) = state {
            Store::remove(&own).map_err(|error| left("state", &error))?;
        }
        Ok(())
    }

    pub(crate) fn stop_query(session: &mut Session, id: &str) -> Result<(), Error> {
        if let Some(running) = session.queries.get(id) {
            running.pipeline.stop();
            if !running.pipeline.wait(STOP_TIMEOUT).is_over() {
                return Err(Error::System(format!(
                    "query {id} did not stop within {} s",
                    STOP_TIMEOUT.as_secs()
                )));
            }
            session.queries.remove(id);
        }
        Ok(())
    }

    /// All queries that were started and not terminated, ended ones included.
    pub fn queries(&self) -> Vec<(QueryInfo, Arc<Pipeline>)> {
        let session = self.session.lock();
        let queries = session.queries.values();
        queries
            .map(|running| (running.info.clone(), Arc::clone(&running.pipeline)))
            .collect()
    }

    /// Asks every query to stop, waits for them, and gives the names of those that did not stop in time.
    pub fn stop_all(&self, timeout: Duration) -> Vec<String> {
        let queries = self.queries();
        for (_, pipeline) in &queries {
            pipeline.stop();
        }
        let left = queries
            .into_iter()
            .filter(|(_, pipeline)| !pipeline.wait(timeout).is_over());
        left.map(|(info, _)| info.id).collect()
    }

    /// Waits until every running query has worked off all that embedded topics hold; false when `timeout` came first.
    ///
    /// Only for embedded topics, where nobody else writes: a query is done when a whole step of it found nothing after
    /// the last record was appended anywhere.
    pub fn quiesce(&self, timeout: Duration) -> bool {
        let Some(log) = self.topics.embedded() else {
            return false;
        };
        let pipelines = || self.queries().into_iter().map(|(_, pipeline)| pipeline).collect();
        wait_idle(log, &pipelines, timeout)
    }

    /// Before a pull query: waits for the queries of this process that write, one after the other, what it reads, so that statements
    /// of a script see what those before them did. Only for embedded topics; never long where rows may come without an end.
    pub(crate) fn settle_writers(&self, session: &Session, dataflow: &Dataflow) {
        let Some(log) = self.topics.embedded() else { return };
        let topic_of = |name: &String| {
            let storage = &session.catalog.source(name)?.storage;
            storage.connector.is_none().then(|| storage.topic.clone())
        };
        let mut wanted: Vec<String> = dataflow
            .scans()
            .map(|(_, scan)| scan.definition.storage.topic.clone())
            .collect();
        let mut writers: BTreeMap<&String, &Running> = BTreeMap::new();
        let mut may_go_on = false;
        while let Some(topic) = wanted.pop() {
            for (id, running) in &session.queries {
                let writes = running.info.kind == QueryKind::Persistent
                    && running.info.sink.as_ref().and_then(topic_of).as_ref() == Some(&topic);
                if writes && writers.insert(id, running).is_none() {
                    wanted.extend(running.info.sources.iter().filter_map(topic_of));
                    may_go_on |= running.info.sources.iter().any(|name| topic_of(name).is_none());
                }
            }
        }
        let pipelines: Vec<_> = writers.values().map(|running| Arc::clone(&running.pipeline)).collect();
        let timeout = if may_go_on { SETTLE_ENDLESS } else { SETTLE_TIMEOUT };
        if !pipelines.is_empty() && !wait_idle(log, &|| pipelines.clone(), timeout) {
            tracing::debug!("a pull query starts while queries that it reads from still work");
        }
    }

    /// Says that no more statements come: embedded topics end when their writers have ended, and so do their readers.
    pub fn seal(&self) {
        if let Some(log) = self.topics.embedded() {
            log.seal();
        }
    }
}

/// Waits until a whole step of each pipeline found nothing after the last record was appended anywhere; false when `timeout` came first.
fn wait_idle(log: &EmbeddedLog, pipelines: &dyn Fn() -> Vec<Arc<Pipeline>>, timeout: Duration) -> bool {
    let until = std::time::Instant::now() + timeout;
    loop {
        let appended = log.appended();
        let running: Vec<_> = pipelines()
            .into_iter()
            .map(|pipeline| (pipeline.empty_steps(), pipeline))
            .collect();
        let all_idle = || {
            running
                .iter()
                .all(|(before, pipeline)| pipeline.state() != State::Running || pipeline.empty_steps() >= before + 2)
        };
        while !all_idle() {
            if std::time::Instant::now() >= until {
                return false;
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        if log.appended() == appended {
            return true;
        }
    }
}
