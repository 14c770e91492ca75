//! The arguments of `waterwheel udf`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::cli::OutputFormat;
use crate::cli::arguments::{CodeCacheArgument, key_value};

/// Commands over plugins.
#[derive(Debug, Subcommand)]
pub enum UdfCommand {
    /// List the functions of a directory of plugins
    List {
        /// The directory
        #[arg(long, value_name = "DIR", default_value = "plugins")]
        plugins: PathBuf,
        /// Where compiled code is kept.
        #[command(flatten)]
        code_cache: CodeCacheArgument,
    },
    /// Check plugin files: do they load, what functions do they give, why not
    Check {
        /// The files
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// Where compiled code is kept.
        #[command(flatten)]
        code_cache: CodeCacheArgument,
    },
    /// Make a folder with a plugin to begin with: source, build script, tests and a pipeline
    ///
    /// What is in it needs nothing but the language's own tools: its README.md says which.
    #[command(after_help = "Example:\n  waterwheel udf new --language rust prices && cd prices && ./build")]
    New(UdfNewArguments),
    /// Run test vectors against a plugin: calls, what they must give, rows that must fail, states saved and loaded
    #[command(after_help = TEST_EXAMPLES)]
    Test(UdfTestArguments),
    /// Measure the functions of a plugin, with made-up arguments
    ///
    /// The median of several calls for each number of rows. What a call costs in the engine is in it: columns into the sandbox, the
    /// function, its result out and checked. Of an aggregate function, taking rows in.
    #[command(after_help = BENCH_EXAMPLES)]
    Bench(UdfBenchArguments),
}

const TEST_EXAMPLES: &str = "Examples:
  waterwheel udf test plugins/prices.wasm
  waterwheel udf test plugins/prices.wasm tests/trades.json

Exit codes: 0 all passed; 1 a vector failed, or the plugin is broken; 2 a file cannot be read.";

const BENCH_EXAMPLES: &str = "Examples:
  waterwheel udf bench plugins/prices.wasm
  waterwheel udf bench plugins/prices.wasm moving_avg --rows 64,8192 --constant rows=60 --output json";

/// Arguments of `udf new`.
#[derive(Debug, Args)]
pub struct UdfNewArguments {
    /// The language of the functions
    #[arg(short, long, value_enum)]
    pub language: UdfLanguage,

    /// Name of the plugin: a letter, then letters, digits and `_`
    #[arg(value_name = "NAME", value_parser = plugin_name)]
    pub name: String,

    /// Where the folder is made; it must not be there yet, or be empty [default: NAME]
    #[arg(value_name = "DIR")]
    pub directory: Option<PathBuf>,
}

/// A language that has an SDK.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum UdfLanguage {
    /// Rust
    Rust,
    /// C
    C,
    /// Zig
    Zig,
    /// AssemblyScript
    #[value(name = "assemblyscript")]
    AssemblyScript,
    /// Go
    Go,
    /// Python
    Python,
    /// JavaScript
    #[value(name = "javascript")]
    JavaScript,
}

/// Arguments of `udf test`.
#[derive(Debug, Args)]
pub struct UdfTestArguments {
    /// The plugin
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Files of vectors (.json), and directories of them [default: `tests` beside the plugin or beside its directory]
    #[arg(value_name = "VECTORS")]
    pub vectors: Vec<PathBuf>,

    /// Where compiled code is kept.
    #[command(flatten)]
    pub code_cache: CodeCacheArgument,
}

/// Arguments of `udf bench`.
#[derive(Debug, Args)]
pub struct UdfBenchArguments {
    /// The plugin
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Only the function of this name
    #[arg(value_name = "FUNCTION")]
    pub function: Option<String>,

    /// Rows in a call
    #[arg(long, value_name = "N,N", value_delimiter = ',', default_values_t = [1, 64, 1_024, 8_192], value_parser = rows)]
    pub rows: Vec<u32>,

    /// The value of an argument that is a constant of the query, as rows=60; others get 16, 0.5 or a text
    #[arg(long, value_name = "NAME=VALUE", value_parser = key_value)]
    pub constant: Vec<(String, String)>,

    /// Keys, or groups, among which the rows are dealt
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub keys: u32,

    /// Where compiled code is kept.
    #[command(flatten)]
    pub code_cache: CodeCacheArgument,

    /// How the figures are written: a table for people, one JSON object a line, or CSV
    #[arg(long, value_enum, default_value_t)]
    pub output: OutputFormat,
}

fn rows(text: &str) -> Result<u32, String> {
    let max = u32::try_from(crate::types::limits::PLUGIN_ROWS_PER_CALL_MAX).unwrap_or(u32::MAX);
    match text.parse() {
        Ok(number) if (1..=max).contains(&number) => Ok(number),
        _ => Err(format!("expected a number from 1 to {max}")),
    }
}

/// What can be the name of a file, of a crate and of a package at once.
fn plugin_name(text: &str) -> Result<String, String> {
    let is_name = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && text.len() <= 64;
    if is_name {
        Ok(text.to_owned())
    } else {
        Err("expected a letter, then letters, digits and `_`, 64 at most".into())
    }
}
