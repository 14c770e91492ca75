//! What is done with running queries: TERMINATE, waiting for them, stopping them all.

use std::sync::Arc;
use std::time::Duration;

use super::query::QueryInfo;
use super::{Engine, Error, Outcome, Session};
use crate::exec::{Pipeline, State};
use crate::sql::ast::Name;

/// How long TERMINATE waits for the last step and commit of a query.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

impl Engine {
    pub(crate) fn terminate(&self, session: &mut Session, id: Option<&Name>) -> Result<Outcome, Error> {
        let ids: Vec<String> = match id {
            Some(name) if session.queries.contains_key(&name.value) => vec![name.value.clone()],
            Some(name) => {
                let error = Error::user("unknown-query", format!("there is no query `{}`", name.value)).at(name.span);
                let near = crate::catalog::nearest(&name.value, session.queries.keys().map(String::as_str));
                return Err(error.help(near.map_or("SHOW QUERIES lists them".into(), |near| {
                    format!("did you mean `{near}`?")
                })));
            }
            None => session.queries.keys().cloned().collect(),
        };
        for id in &ids {
            Self::stop_query(session, id)?;
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
        let until = std::time::Instant::now() + timeout;
        loop {
            let appended = log.appended();
            let running: Vec<_> = self
                .queries()
                .into_iter()
                .map(|(_, pipeline)| (pipeline.empty_steps(), pipeline))
                .collect();
            let all_idle = || {
                running.iter().all(|(before, pipeline)| {
                    pipeline.state() != State::Running || pipeline.empty_steps() >= before + 2
                })
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

    /// Says that no more statements come: embedded topics end when their writers have ended, and so do their readers.
    pub fn seal(&self) {
        if let Some(log) = self.topics.embedded() {
            log.seal();
        }
    }
}
