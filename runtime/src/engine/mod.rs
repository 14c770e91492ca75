//! Floor 5: statements to outcomes, the control plane.
//!
//! The engine owns the catalog, the topic log, the functions, the worker pool and the running queries. It plans and
//! starts queries; it never touches a row. One statement runs at a time; queries run on by themselves.

mod admin;
pub mod case;
mod config;
mod create;
mod describe;
mod durable;
mod durable_name;
mod error;
mod explain;
mod held;
mod insert;
mod opening;
mod outcome;
mod plugins;
mod print;
mod properties;
mod pull;
mod query;
mod query_info;
#[cfg(test)]
mod reloading;
mod remembered;
mod replace;
mod result;
mod rules;
mod running;
mod script;
mod shard_sinks;
mod show;
mod shown;
mod storage;
mod topics;
pub mod vectors;
mod waiting;

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

pub use config::{Config, QueryStart};
pub use error::Error;
pub use outcome::{Outcome, PushQuery, Table};
pub use plugins::plugin_table;
pub use properties::{Properties, Property};
pub use query_info::{QueryInfo, QueryKind};
pub use script::ScriptError;
pub use show::function_signature;
pub use shown::{ShownAs, ShownRows};
pub use topics::Topics;
pub use waiting::WaitingInfo;

use crate::catalog::Catalog;
use crate::exec::WorkerPool;
use crate::plan::{FunctionSet, Planner, Printing, Purpose};
use crate::sql::ast::{Parsed, Statement};
use crate::sql::{Source, Variables};
use crate::types::Clock;
use crate::udf::{Plugins, Registry, Watch};
use admin::Motion;
use waiting::Waiting;

/// The whole engine of one process.
#[derive(Debug)]
pub struct Engine {
    config: Config,
    clock: Arc<dyn Clock>,
    topics: Topics,
    plugins: Arc<Plugins>,
    watch: Option<Watch>,
    built_in: FunctionSet,
    session: Mutex<Session>,
    // The last field, so that queries are gone before their threads.
    pool: WorkerPool,
}

/// What statements change.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) catalog: Catalog,
    pub(crate) properties: Properties,
    pub(crate) variables: Variables,
    pub(crate) queries: BTreeMap<String, query::Running>,
    /// Queries that cannot run before a plugin is back, by name.
    pub(crate) waiting: BTreeMap<String, Waiting>,
    /// What became of them, until somebody shows it.
    pub(crate) waiting_news: Vec<String>,
    pub(crate) next_query: u64,
    /// How many unnamed queries were started that insert into each stream.
    pub(crate) inserts: BTreeMap<String, u64>,
    /// The plugins as the last statement found them.
    pub(crate) registry: Arc<Registry>,
    /// The functions that statements can call: built-in ones as the properties want them, and those of plugins.
    pub(crate) functions: Arc<FunctionSet>,
}

impl Engine {
    /// Starts the worker threads, loads the plugins, connects the topic log (without waiting for a broker).
    ///
    /// # Errors
    /// When the configuration is wrong, the plugin directory cannot be read, or no thread can be started.
    pub fn start(config: Config, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let topics = Topics::open(&config)?;
        let plugins = Plugins::open(
            config.plugins.as_deref(),
            config.plugin_limits.clone(),
            &config.code_cache,
        )?;
        let plugins = Arc::new(plugins);
        let watch = if config.watch_plugins {
            Watch::start(&plugins)?
        } else {
            None
        };
        let pool = WorkerPool::start(config.workers).map_err(|error| Error::System(error.to_string()))?;
        let mut variables = Variables::new();
        for (name, value) in &config.variables {
            variables.fix(name, value);
        }
        let built_in = FunctionSet::built_in_only(&clock);
        let session = Session {
            catalog: Catalog::default(),
            properties: Properties::new(&config.properties)?,
            variables,
            queries: BTreeMap::new(),
            waiting: BTreeMap::new(),
            waiting_news: Vec::new(),
            next_query: 0,
            inserts: BTreeMap::new(),
            registry: plugins.current(),
            functions: Arc::new(built_in.clone()),
        };
        let engine = Self {
            plugins,
            watch,
            built_in,
            config,
            clock,
            topics,
            session: Mutex::new(session),
            pool,
        };
        engine.make_functions(&mut engine.session.lock())?;
        Ok(engine)
    }

    /// Runs one statement of `source`.
    ///
    /// # Errors
    /// When the statement is wrong or cannot be carried out; nothing of it has taken effect then.
    pub fn execute(&self, parsed: &Parsed, source: &Source) -> Result<Outcome, Error> {
        let mut session = self.session.lock();
        self.follow_plugins(&mut session)?;
        self.statement(&mut session, &parsed.statement, &parsed.text)
            .map_err(|error| error.placed(source, parsed.span))
    }

    fn statement(&self, session: &mut Session, statement: &Statement, text: &str) -> Result<Outcome, Error> {
        match statement {
            Statement::CreateSource { .. } => self.create_source(session, statement, text),
            Statement::CreateAs { .. } | Statement::InsertSelect { .. } => self.persistent(session, statement, text),
            Statement::CreateTopic { name, if_exists, with } => self.create_topic(name, *if_exists, with),
            Statement::CreateType {
                name,
                if_exists,
                type_expr,
            } => create::create_type(session, name, *if_exists, type_expr),
            Statement::InsertValues { target, columns, rows } => self.insert_values(session, target, columns, rows),
            Statement::Drop {
                kind,
                name,
                if_exists,
                delete_topic,
            } => self.drop_object(session, *kind, name, *if_exists, *delete_topic),
            Statement::Select(query) => self.select(session, query, text),
            Statement::Show(show) => self.show(session, *show),
            Statement::Describe { name, extended } => self.describe(session, name, *extended),
            Statement::DescribeFunction { name } => self.describe_function(session, name),
            Statement::Explain {
                analyze: false,
                statement,
            } => self.explain(session, statement),
            Statement::ExplainQuery { analyze, id } => self.explain_query(session, id, *analyze),
            // There is one session, so what holds for the system holds for it.
            Statement::Set { name, value, .. } | Statement::AlterSystem { name, value, .. } => {
                session.properties.set(name, value)?;
                self.make_functions(session)?;
                Ok(Outcome::Message(format!("{name} is {value}")))
            }
            Statement::Unset { name } => {
                session.properties.unset(name)?;
                self.make_functions(session)?;
                Ok(Outcome::Message(format!("{name} is not set")))
            }
            Statement::Define { name, value } => {
                session.variables.define(name, value);
                Ok(defined(session, name, &format!("is {value}")))
            }
            Statement::Undefine { name } => {
                session.variables.undefine(name);
                Ok(defined(session, name, "is not defined"))
            }
            Statement::Terminate { id } => self.terminate(session, id.as_ref()),
            Statement::Pause { id } => self.set_motion(session, id.as_ref(), Motion::Pause),
            Statement::Resume { id } => self.set_motion(session, id.as_ref(), Motion::Resume),
            Statement::AlterSource { kind, name, add } => Self::alter_source(session, *kind, name, add, text),
            Statement::Assert(assert) => self.assert(assert),
            Statement::DescribeAll { kind, extended } => self.describe_all(session, *kind, *extended),
            Statement::Print {
                topic,
                from_beginning,
                interval,
                limit,
            } => {
                let printing = Printing {
                    interval: *interval,
                    limit: *limit,
                };
                self.print(session, topic, *from_beginning, printing, text)
            }
            Statement::CreateFunction { .. } => self.create_function(session, statement),
            Statement::ReloadPlugin { name } => self.reload_plugin(session, name.as_ref()),
            Statement::RunScript { span, .. } => {
                Err(Error::user("run-script", "RUN SCRIPT stands in scripts and in the shell alone").at(*span))
            }
            other @ Statement::Explain { .. } => Err(Error::not_supported(other)),
        }
    }

    /// A persistent query: it runs, or waits for a plugin that an earlier process had.
    fn persistent(&self, session: &mut Session, statement: &Statement, text: &str) -> Result<Outcome, Error> {
        let done = match statement {
            Statement::CreateAs { .. } => self.create_as(session, statement, text),
            _ => self.insert_select(session, statement, text, None),
        };
        done.or_else(|error| self.wait_for_plugin(session, statement, text, error))
    }

    fn explain(&self, session: &mut Session, statement: &Statement) -> Result<Outcome, Error> {
        let (Statement::Select(query) | Statement::CreateAs { query, .. } | Statement::InsertSelect { query, .. }) =
            statement
        else {
            return Err(Error::user(
                "explain-what",
                "only queries have a plan: SELECT, CREATE ... AS SELECT, INSERT INTO ... SELECT",
            ));
        };
        let purpose = match statement {
            Statement::Select(query) if query.emit == crate::sql::ast::Emit::Unsaid => {
                return Ok(Outcome::Text(self.planner(session).plan_batch(query)?.explain()));
            }
            Statement::Select(_) => Purpose::Transient,
            _ => Purpose::Persistent,
        };
        let mut planned = self.planner(session).plan(query, purpose)?;
        if let Statement::CreateAs { with, .. } = statement {
            storage::Options::new(with).state_ttl(&mut planned.dataflow)?;
        }
        Ok(Outcome::Text(crate::plan::explain(&planned.dataflow)))
    }

    pub(crate) fn planner<'a>(&'a self, session: &'a Session) -> Planner<'a> {
        Planner {
            catalog: &session.catalog,
            functions: &session.functions,
            // SET has refused what cannot be read.
            state_ttl_ms: session.properties.state_ttl_ms().ok().flatten(),
        }
    }

    /// Where topics live.
    #[must_use]
    pub fn topics(&self) -> &Topics {
        &self.topics
    }

    /// The variables of DEFINE, for parsing the next statement.
    pub fn variables(&self) -> Variables {
        self.session.lock().variables.clone()
    }
}

/// What a DEFINE or UNDEFINE has done: `done`, or nothing.
fn defined(session: &Session, name: &str, done: &str) -> Outcome {
    Outcome::Message(match session.variables.fixed(name) {
        Some(value) => format!("{name} stays {value}, as it was given from outside"),
        None => format!("{name} {done}"),
    })
}
