//! Queries that wait for a plugin: at a start a function that they call is not there, and an earlier process has left word of them
//! ([`Remembered`]). The stream or table that such a query makes stays in the catalog, its state and its offsets stay where they are, and it is planned
//! again whenever the plugins have changed, and by RESUME.
//!
//! A query of which no word was left is not told from a slip of the pen: its statement fails.

use super::create::kind_word;
use super::durable_name::{durable_of_maker, named_id, next_id, next_insert, peek_insert};
use super::plugins::is_called;
use super::remembered::{Remembered, RememberedFunction};
use super::{Engine, Error, Outcome, Properties, Session};
use crate::sql::ast::{IfExists, Name, SourceKind, Statement};
use crate::state::Location;
use crate::udf::FunctionSource as _;

/// What is known of a query that waits for a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingInfo {
    /// Its name.
    pub id: String,
    /// Its text.
    pub statement: String,
    /// Why it does not run, and what to do.
    pub reason: String,
}

/// A query that waits for a plugin.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) info: WaitingInfo,
    pub(crate) durable: String,
    /// Its number in the order of creation.
    number: u64,
    statement: Statement,
    /// The stream or table that it writes to.
    pub(crate) sink: String,
    /// It made its sink.
    pub(crate) creates_sink: bool,
    /// What it reads, one for each scan.
    pub(crate) sources: Vec<String>,
    /// Where its state is.
    pub(crate) location: Location,
    /// Functions that it called when it ran.
    functions: Vec<RememberedFunction>,
    /// The properties that it was started with.
    properties: Properties,
}

/// The query that waits and has made the stream or table of this name, where a statement is to replace it.
pub(crate) fn waiting_maker(session: &Session, kind: SourceKind, name: &Name, if_exists: IfExists) -> Option<String> {
    if if_exists != IfExists::Replace || session.catalog.source(&name.value)?.kind != kind {
        return None;
    }
    let mut waiting = session.waiting.values();
    let maker = waiting.find(|waiting| waiting.creates_sink && waiting.sink == name.value)?;
    Some(maker.info.id.clone())
}

impl Engine {
    /// Queries that wait for a plugin.
    #[must_use]
    pub fn waiting(&self) -> Vec<WaitingInfo> {
        let session = self.session.lock();
        session.waiting.values().map(|waiting| waiting.info.clone()).collect()
    }

    /// Whether a plugin that is put into its directory is seen without being asked for.
    #[must_use]
    pub fn watches_plugins(&self) -> bool {
        self.watch.is_some()
    }

    /// After a statement that could not be planned: if an earlier process has run this query and functions that it called are not there, it waits
    /// for them; else the error stands.
    pub(crate) fn wait_for_plugin(
        &self,
        session: &mut Session,
        statement: &Statement,
        text: &str,
        error: Error,
    ) -> Result<Outcome, Error> {
        if !matches!(error, Error::Plan(_)) {
            return Err(error);
        }
        let Some(found) = self.left_behind(session, statement, text)? else {
            return Err(error);
        };
        let LeftBehind {
            named,
            durable,
            sink,
            location,
            known,
        } = found;
        let id = match (named, &known.made) {
            (Some(id), _) => id,
            (None, Some(_)) => next_id(session, &durable),
            (None, None) => {
                next_insert(session, &sink);
                next_id(session, "INSERTQUERY")
            }
        };
        let mut waiting = Waiting {
            info: WaitingInfo {
                id: id.clone(),
                statement: text.to_owned(),
                reason: String::new(),
            },
            durable,
            number: session.next_query,
            statement: statement.clone(),
            sink,
            creates_sink: known.made.is_some(),
            sources: known.sources,
            location,
            functions: known.functions,
            properties: session.properties.clone(),
        };
        let reason = self.why_not(session, &waiting, &error);
        tracing::warn!(query = %id, "the query does not run: {reason}");
        let message = match &known.made {
            Some(made) => format!(
                "{} {} is there, but query {id} that writes to it does not run: {reason}",
                kind_word(made.kind),
                made.name
            ),
            None => format!(
                "query {id}, by which rows go to {}, does not run: {reason}",
                waiting.sink
            ),
        };
        waiting.info.reason = reason;
        if let Some(made) = known.made {
            session.catalog.put_source(made);
        }
        session.waiting.insert(id, waiting);
        Ok(Outcome::Message(message))
    }

    /// The query of this statement, if an earlier process has run it, it is not there yet, and a function that it called is missing.
    fn left_behind(&self, session: &Session, statement: &Statement, text: &str) -> Result<Option<LeftBehind>, Error> {
        // Where topics end with the process there is no earlier one.
        let Some(state) = self.config.state_location(false) else {
            return Ok(None);
        };
        let (named, durable, sink) = match statement {
            Statement::CreateAs { kind, name, .. } if session.catalog.source(&name.value).is_none() => {
                (None, durable_of_maker(*kind, &name.value), name.value.clone())
            }
            Statement::InsertSelect { target, with, .. } => {
                let named = named_id(session, with)?;
                let durable = named.clone().unwrap_or_else(|| peek_insert(session, &target.value));
                (named, durable, target.value.clone())
            }
            _ => return Ok(None),
        };
        let location = state.join(&self.config.application_id).join(&durable);
        let is_missing = |function: &RememberedFunction| !self.plugins.has_function(&function.signature);
        let makes = matches!(statement, Statement::CreateAs { .. });
        let known = Remembered::read(&location).filter(|known| {
            let is_same_kind = known.made.as_ref().is_some_and(|made| made.name == sink) == makes;
            is_same_kind && known.is_of(text) && known.functions.iter().any(is_missing)
        });
        Ok(known.map(|known| LeftBehind {
            named,
            durable,
            sink,
            location,
            known,
        }))
    }

    /// Why a query that waits does not run, and what to do.
    fn why_not(&self, session: &Session, waiting: &Waiting, error: &Error) -> String {
        let plugins = session.registry.plugins();
        let missing = waiting.functions.iter();
        let missing = missing.filter(|function| !self.plugins.has_function(&function.signature));
        let missing: Vec<String> = missing
            .map(|function| {
                let file = plugins.iter().find(|plugin| is_called(plugin, &function.plugin));
                let now = match file {
                    None => "which is not there".to_owned(),
                    Some(plugin) => match &plugin.broken {
                        Some(reason) => format!("which is broken: {reason}"),
                        None => format!("whose file {} is another one now", plugin.file()),
                    },
                };
                format!("it calls {} of plugin {}, {now}", function.shown, function.version)
            })
            .collect();
        if missing.is_empty() {
            return error.to_string();
        }
        let what_to_do = match self.plugins.directory() {
            None => "start with --plugins DIR".to_owned(),
            Some(directory) if self.watch.is_some() => format!(
                "put the file back into {}, and the query goes on where it was",
                directory.display()
            ),
            Some(directory) => format!(
                "put the file back into {}; after RELOAD PLUGIN or RESUME {} the query goes on where it was",
                directory.display(),
                waiting.info.id
            ),
        };
        format!("{}; {what_to_do}", missing.join("; "))
    }

    /// Tries to start the queries that wait, in the order of their statements; what has changed is kept as news.
    pub(crate) fn wake_waiting(&self, session: &mut Session) {
        let waiting = session.waiting.values();
        let mut waiting: Vec<(u64, String)> = waiting.map(|one| (one.number, one.info.id.clone())).collect();
        waiting.sort_unstable();
        for (_, id) in waiting {
            let before = session.waiting.get(&id).map(|waiting| waiting.info.reason.clone());
            match self.start_waiting(session, &id) {
                Ok(()) => {
                    tracing::info!(query = %id, "the query goes on: the functions that it calls are there again");
                    let news = format!("query {id} goes on: the functions that it calls are there again");
                    session.waiting_news.push(news);
                }
                Err(reason) if before.as_ref() != Some(&reason) => {
                    tracing::warn!(query = %id, "the query does not run: {reason}");
                    session.waiting_news.push(format!("query {id} does not run: {reason}"));
                }
                Err(_) => {}
            }
        }
    }

    /// Starts a query that waits, as its statement would with the properties of its time; the error is the reason why it goes on waiting.
    pub(crate) fn start_waiting(&self, session: &mut Session, id: &str) -> Result<(), String> {
        let Some(waiting) = session.waiting.get(id) else {
            return Ok(());
        };
        let (mut statement, text) = (waiting.statement.clone(), waiting.info.statement.clone());
        let names = (waiting.info.id.clone(), waiting.durable.clone());
        let own = waiting.properties.clone();
        let properties = std::mem::replace(&mut session.properties, own);
        let started = self.make_functions(session).and_then(|()| {
            if let Statement::CreateAs { if_exists, .. } = &mut statement {
                *if_exists = IfExists::Replace;
                return self.create_as(session, &statement, &text);
            }
            self.insert_select(session, &statement, &text, Some(names))
        });
        session.properties = properties;
        let started = self.make_functions(session).and(started);
        let Err(error) = started else {
            return Ok(());
        };
        let Some(waiting) = session.waiting.get(id) else {
            return Ok(());
        };
        let reason = self.why_not(session, waiting, &error);
        if let Some(waiting) = session.waiting.get_mut(id) {
            waiting.info.reason.clone_from(&reason);
        }
        Err(reason)
    }
}

/// A query of an earlier process.
struct LeftBehind {
    /// The name that its statement gives it.
    named: Option<String>,
    durable: String,
    sink: String,
    location: Location,
    known: Remembered,
}
