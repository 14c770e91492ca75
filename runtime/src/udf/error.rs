//! Why a function or a plugin fails.

use std::path::PathBuf;

use crate::types::{Class, Retry};

/// Why a function or a plugin fails. Always names the plugin, and the function where one was called.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The sandbox itself cannot be made.
    #[error("cannot set up the sandbox for plugins: {reason}")]
    Sandbox {
        /// Why.
        reason: String,
    },
    /// The plugin directory cannot be read.
    #[error("cannot read the plugin directory {}: {reason}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The file cannot be a plugin.
    #[error("plugin {plugin}: {reason}")]
    Plugin {
        /// File stem.
        plugin: String,
        /// Why, and what to do.
        reason: String,
    },
    /// A function was given arguments that it does not take.
    #[error("function {function} of plugin {plugin}: {reason}")]
    Arguments {
        /// File stem.
        plugin: String,
        /// SQL name.
        function: String,
        /// Which argument, and what is wrong with it.
        reason: String,
    },
    /// The function itself reported an error for a row.
    #[error("function {function} of plugin {plugin} failed at row {row}: {message}")]
    Row {
        /// File stem.
        plugin: String,
        /// SQL name.
        function: String,
        /// Row number in the batch.
        row: u32,
        /// What the function said.
        message: String,
    },
    /// The function itself reported an error that is no row's.
    #[error("function {function} of plugin {plugin} failed: {message}")]
    Failed {
        /// File stem.
        plugin: String,
        /// SQL name.
        function: String,
        /// What the function said.
        message: String,
    },
    /// The guest trapped (unreachable, division by zero, out of bounds, ...).
    #[error("function {function} of plugin {plugin} trapped{}: {reason}", row.map(|row| format!(" at row {row}")).unwrap_or_default())]
    Trap {
        /// File stem.
        plugin: String,
        /// SQL name.
        function: String,
        /// The first row that makes it trap, where that could be found out.
        row: Option<u32>,
        /// What Wasmtime says, and the guest's last words.
        reason: String,
    },
    /// A limit of the sandbox was met.
    #[error("function {function} of plugin {plugin} met its limit: {limit}")]
    Limit {
        /// File stem.
        plugin: String,
        /// SQL name.
        function: String,
        /// Which limit and its value: `time 1000 ms`, `memory 16 MiB`, ...
        limit: String,
    },
    /// What came back is not a valid column.
    #[error("function {function} of plugin {plugin} gave a bad result: {reason}")]
    BadResult {
        /// File stem.
        plugin: String,
        /// SQL name.
        function: String,
        /// What is wrong.
        reason: String,
    },
}

impl Error {
    /// Whose fault it is: nearly always the plugin's author's, so the user's.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Sandbox { .. } => Class::Internal,
            Self::Directory { .. } => Class::External,
            _ => Class::User,
        }
    }

    /// Whether trying again can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Directory { .. } => Retry::Backoff,
            _ => Retry::Never,
        }
    }
}
