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
    /// Properties as by SET, set before the first statement.
    pub properties: BTreeMap<String, String>,
    /// Variables as by DEFINE, defined before the first statement.
    pub variables: BTreeMap<String, String>,
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
            properties: BTreeMap::new(),
            variables: BTreeMap::new(),
        }
    }
}
