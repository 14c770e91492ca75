//! How an engine is set up, from arguments and the configuration file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::exec::StepRows;
use crate::state::Location;
use crate::udf::{CodeCachePlace, Limits};

/// How an engine is set up.
#[derive(Debug, Clone)]
pub struct Config {
    /// Name of this application: prefix of its consumer groups.
    pub application_id: String,
    /// Kafka's bootstrap servers; without them topics live in the process.
    pub brokers: Option<String>,
    /// Properties for librdkafka, verbatim. May hold secrets.
    pub kafka: BTreeMap<String, String>,
    /// Below which the state of queries is kept; `None`: the default directory.
    pub state: Option<Location>,
    /// The directory of plugins.
    pub plugins: Option<PathBuf>,
    /// Whether that directory is watched, so that what changes there takes effect for the next statement.
    pub watch_plugins: bool,
    /// Limits of the sandbox.
    pub plugin_limits: Limits,
    /// Where the compiled code of plugins is kept.
    pub code_cache: CodeCachePlace,
    /// Worker threads, and shards of each query.
    pub workers: usize,
    /// Rows of a step.
    pub step_rows: StepRows,
    /// Whether every step ends with a commit after which all operators are made anew and load what was saved, as a restart does. For tests: no
    /// result may depend on it.
    pub reborn_operators: bool,
    /// When persistent queries begin to run.
    pub queries: QueryStart,
    /// Properties as by SET, set before the first statement.
    pub properties: BTreeMap<String, String>,
    /// Variables as by DEFINE, defined before the first statement.
    pub variables: BTreeMap<String, String>,
}

/// When persistent queries (CREATE ... AS SELECT, INSERT INTO ... SELECT) begin to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryStart {
    /// As soon as they are planned.
    AtOnce,
    /// When [`Engine::run_held`](super::Engine::run_held) says so.
    Held,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            application_id: "waterwheel".into(),
            brokers: None,
            kafka: BTreeMap::new(),
            state: None,
            plugins: None,
            watch_plugins: false,
            plugin_limits: Limits::default(),
            code_cache: CodeCachePlace::Off,
            workers: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            step_rows: StepRows::default(),
            reborn_operators: false,
            queries: QueryStart::AtOnce,
            properties: BTreeMap::new(),
            variables: BTreeMap::new(),
        }
    }
}

impl Config {
    /// Below which the state of a query is kept. Topics that live in the process end with it, and so does the state of who reads or writes them
    /// (`uses_topics`); without Kafka, state is kept where somebody has said so.
    pub(crate) fn state_location(&self, uses_topics: bool) -> Option<Location> {
        match &self.brokers {
            Some(_) => Some(self.state.clone().unwrap_or_else(default_state)),
            None => self.state.clone().filter(|_| !uses_topics),
        }
    }
}

/// `$XDG_STATE_HOME/waterwheel`, `~/.local/state/waterwheel` (XDG Base Directory Specification), or a directory here where there is no home.
fn default_state() -> Location {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let home = || set("HOME").map(|home| home.join(".local/state"));
    let directory = set("XDG_STATE_HOME").or_else(home).map(|base| base.join("waterwheel"));
    Location::Directory(directory.unwrap_or_else(|| PathBuf::from("waterwheel-state")))
}
