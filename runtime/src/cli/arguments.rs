//! The arguments of the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::udf::UdfCommand;
use crate::udf::CodeCachePlace;

/// Continuous SQL over Kafka, extended with functions in WebAssembly.
#[derive(Debug, Parser)]
#[command(name = "waterwheel", version, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 all queries ended well or Ctrl-C stopped them; 1 a query failed while it ran; \
                        2 the arguments, the configuration or the SQL are wrong."
)]
pub struct Arguments {
    /// What is logged to stderr: off, error, warn, info, debug or trace, or filters as `warn,waterwheel::exec=debug`
    /// [default: warn; for `test`, which says itself what failed, off]
    #[arg(long, global = true, value_name = "FILTER")]
    pub log: Option<String>,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a script until its queries end or Ctrl-C
    ///
    /// Statements run one after the other; queries go on until their sources end. Without --brokers topics live inside
    /// of the process, so nothing needs to be set up. Results of SELECT go to stdout, everything else to stderr.
    #[command(after_help = RUN_EXAMPLES)]
    Run(RunArguments),
    /// Run cases: statements, records in, records out
    ///
    /// Cases are ksqlDB's test files (.json), one case a line (.jsonl), or SQL that inserts and asserts (.sql). Each runs on
    /// topics of its own inside of the process, one row in a step. The last line is `N passed, N failed`.
    #[command(after_help = TEST_EXAMPLES)]
    Test(TestArguments),
    /// Make, test, measure and look at plugins: functions in WebAssembly
    #[command(subcommand)]
    Udf(UdfCommand),
    /// Look at the state of queries
    #[command(subcommand)]
    State(StateCommand),
}

const RUN_EXAMPLES: &str = "Examples:
  waterwheel run examples/risk_monitor/pipeline.sql
  waterwheel run --brokers localhost:9092 pipeline.sql
  waterwheel run --brokers kafka:9093 --kafka security.protocol=SASL_SSL --kafka sasl.mechanism=PLAIN --config app.toml app.sql
  waterwheel run --output json -e \"CREATE STREAM s (a INT) WITH (CONNECTOR='file', PATH='in.json'); SELECT a * 2 FROM s EMIT CHANGES;\"
  cat app.sql | waterwheel run --set auto.offset.reset=latest -";

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct RunArguments {
    /// The script; `-` reads it from stdin
    #[arg(value_name = "FILE", required_unless_present = "execute", conflicts_with = "execute")]
    pub file: Option<PathBuf>,

    /// SQL instead of a file
    #[arg(short = 'e', long, value_name = "SQL")]
    pub execute: Option<String>,

    /// Directory of plugins; their functions can be called in SQL [default: `plugins` beside the script or beside its directory, if there is one]
    #[arg(long, value_name = "DIR")]
    pub plugins: Option<PathBuf>,

    /// Where compiled code is kept.
    #[command(flatten)]
    pub code_cache: CodeCacheArgument,

    /// Kafka's bootstrap servers, as host:port,host:port; without them topics live in this process
    #[arg(long, value_name = "SERVERS")]
    pub brokers: Option<String>,

    /// A librdkafka property, as security.protocol=SSL; may be given several times (put secrets in the --config file)
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub kafka: Vec<(String, String)>,

    /// Where the state of queries over Kafka is kept: a directory, or the URL of an object store as s3://bucket/path [default: ~/.local/state/waterwheel]
    #[arg(long, value_name = "URL")]
    pub state: Option<String>,

    /// Worker threads, and shards of each query [default: the machine's cores]
    #[arg(long, value_name = "N", value_parser = workers)]
    pub workers: Option<usize>,

    /// How results are written: a table for people, one JSON object a row, or CSV
    #[arg(long, value_enum, default_value_t)]
    pub output: OutputFormat,

    /// A property, as by SET 'name'='value'; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = key_value)]
    pub set: Vec<(String, String)>,

    /// A variable, as by DEFINE name = 'value', for `${name}` in the script; may be given several times
    #[arg(short = 'd', long, value_name = "NAME=VALUE", value_parser = key_value)]
    pub define: Vec<(String, String)>,

    /// Configuration file (TOML); arguments win over it
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Name of this application: prefix of its consumer groups
    #[arg(long, value_name = "NAME")]
    pub application_id: Option<String>,

    /// No progress line and no summary
    #[arg(short, long)]
    pub quiet: bool,
}

/// Where the compiled code of plugins is kept.
#[derive(Debug, Args)]
pub struct CodeCacheArgument {
    /// Where the compiled code of plugins is kept from one start to the next: a directory, or `off` [default: ~/.cache/waterwheel/code]
    #[arg(long, value_name = "DIR")]
    pub code_cache: Option<String>,
}

impl CodeCacheArgument {
    /// The argument, else what the configuration file says, else the user's own cache.
    pub(crate) fn place(&self, of_file: Option<&str>) -> CodeCachePlace {
        let text = self.code_cache.as_deref().or(of_file);
        text.map_or_else(CodeCachePlace::of_user, CodeCachePlace::parse)
    }
}

const TEST_EXAMPLES: &str = "Examples:
  waterwheel test cases/
  waterwheel test --filter 'risk - ' cases/risk.json
  waterwheel test --match final --output json cases/ > run.jsonl";

/// Arguments of `test`.
#[derive(Debug, Args)]
pub struct TestArguments {
    /// Files of cases (.json, .jsonl, .sql), and directories of them
    #[arg(value_name = "FILE", required = true)]
    pub paths: Vec<PathBuf>,

    /// Run only cases whose id holds this text
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,

    /// What of a topic is compared
    #[arg(long = "match", value_enum, default_value_t, value_name = "WHAT")]
    pub matching: CaseMatching,

    /// An expected error must hold the expected message, and not only come at the right place
    #[arg(long)]
    pub strict_messages: bool,

    /// Directory of plugins; their functions can be called in SQL [default: `plugins` beside the first file, if there is one]
    #[arg(long, value_name = "DIR")]
    pub plugins: Option<PathBuf>,

    /// Where compiled code is kept.
    #[command(flatten)]
    pub code_cache: CodeCacheArgument,

    /// What is printed: failed cases for people, or one JSON object a case
    #[arg(long, value_enum, default_value_t)]
    pub output: TestOutput,

    /// Cases that run at once [default: the machine's cores]
    #[arg(long, value_name = "N", value_parser = workers)]
    pub threads: Option<usize>,
}

/// What of a topic a case compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum CaseMatching {
    /// Every record, in order.
    #[default]
    Changelog,
    /// The last value of each key and window.
    Final,
}

/// What `test` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum TestOutput {
    /// Failed cases, for people.
    #[default]
    Text,
    /// One JSON object a case.
    Json,
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum OutputFormat {
    /// Columns for people.
    #[default]
    Table,
    /// One JSON object a row.
    Json,
    /// Comma-separated values with a header line.
    Csv,
}

pub(super) fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".into()),
    }
}

fn workers(text: &str) -> Result<usize, String> {
    let max = crate::types::limits::WORKERS_MAX;
    match text.parse() {
        Ok(number) if (1..=max).contains(&number) => Ok(number),
        _ => Err(format!("expected a number from 1 to {max}")),
    }
}

/// What `state` does.
#[derive(Debug, Subcommand)]
pub enum StateCommand {
    /// Show what a store holds: query, epoch, positions, operators and their sizes
    ///
    /// The store is only read; a query that runs on it goes on. Stores lie at STATE/APPLICATION/QUERY.
    #[command(after_help = "Example:\n  waterwheel state inspect ~/.local/state/waterwheel/waterwheel/CTAS_TOTALS_3")]
    Inspect {
        /// A directory, or the URL of an object store
        #[arg(value_name = "URL")]
        location: String,
    },
}
