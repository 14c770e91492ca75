//! How an engine is set up, from arguments and the configuration file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::exec::StepRows;
use crate::udf::Limits;

/// How an engine is set up.
#[derive(Debug, Clone)]
pub struct Config {
    /// Name of this application: prefix of its consumer groups.
    pub application_id: String,
    /// Kafka's bootstrap servers; without them topics live in the process.
    pub brokers: Option<String>,
    /// Properties for librdkafka, verbatim. May hold secrets.
    pub kafka: BTreeMap<String, String>,
    /// The directory of plugins.
    pub plugins: Option<PathBuf>,
    /// Limits of the sandbox.
    pub plugin_limits: Limits,
    /// Worker threads, and shards of each query.
    pub workers: usize,
    /// Rows of a step.
    pub step_rows: StepRows,
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
            plugins: None,
            plugin_limits: Limits::default(),
            workers: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            step_rows: StepRows::default(),
            queries: QueryStart::AtOnce,
            properties: BTreeMap::new(),
            variables: BTreeMap::new(),
        }
    }
}
