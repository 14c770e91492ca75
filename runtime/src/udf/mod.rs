//! Floor 2: functions from WebAssembly plugins.
//!
//! The rest of the engine sees only this page: what functions there are, how to call a scalar one on columns, and how
//! to run a stream function with its state in slots. Wasmtime stays inside of `udf/wasm/`.

use std::fmt::Debug;
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;

use crate::types::{Class, Retry};

/// What a function does with rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One value per row, from that row alone.
    Scalar,
    /// One value per row, from that row and state kept per key.
    Stream,
}

/// What gives equal results for equal arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Volatility {
    /// Always the same result.
    Immutable,
    /// The same within one query.
    Stable,
    /// Any call may differ.
    Volatile,
}

/// One function as the registry knows it. Overloads are several entries of one name.
#[derive(Debug, Clone)]
pub struct FunctionInfo {
    /// Its SQL name, as the plugin spells it; looked up without regard to case.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
    /// Argument names and types, in order.
    pub args: Vec<(String, DataType)>,
    /// Result type.
    pub returns: DataType,
    /// Whether a null argument gives null without a call.
    pub null_in_null_out: bool,
    /// Whether equal arguments give equal results.
    pub volatility: Volatility,
    /// The plugin it comes from: file stem.
    pub plugin: String,
    /// The plugin's version, if it says one.
    pub version: Option<String>,
    /// One line for people.
    pub doc: Option<String>,
}

/// Calls a scalar function on columns. Shared by all shards; each call borrows an instance.
pub trait ScalarFunction: Send + Sync + Debug {
    /// What it is.
    fn info(&self) -> &FunctionInfo;

    /// Calls it on `rows` rows. Each argument has exactly the declared type and is `rows` long, or one value long where
    /// `constant` is true for it.
    ///
    /// # Errors
    /// When the function fails, traps, meets a limit or lies about its result.
    fn call(&self, args: &[ArrayRef], constant: &[bool], rows: usize) -> Result<ArrayRef, Error>;
}

/// A stream function, of which every shard makes an instance of its own.
pub trait StreamFunction: Send + Sync + Debug {
    /// What it is.
    fn info(&self) -> &FunctionInfo;

    /// Makes an instance. `constants` holds for each argument its value where it is a constant of the query.
    ///
    /// # Errors
    /// When the plugin cannot be started or refuses the constants.
    fn instance(&self, constants: &[Option<ScalarValue>]) -> Result<Box<dyn StreamInstance>, Error>;
}

/// A running stream function: state lives in the guest, addressed by slot numbers that the host hands out.
pub trait StreamInstance: Send + Debug {
    /// Runs the rows in order. `slots[i]` is the slot of row i's key; slot numbers are dense from zero, and one that was
    /// not seen before starts with fresh state. Each argument has the declared type and `slots.len()` rows.
    ///
    /// # Errors
    /// When the function fails; the instance is then of no more use unless the error says that only rows failed.
    fn push(&mut self, slots: &[u32], args: &[ArrayRef]) -> Result<ArrayRef, Error>;

    /// The bytes of the state of each slot.
    ///
    /// # Errors
    /// When the function fails.
    fn save(&mut self, slots: &[u32]) -> Result<Vec<Vec<u8>>, Error>;

    /// Gives slots the state that `save` once gave.
    ///
    /// # Errors
    /// When the function refuses the bytes.
    fn load(&mut self, slots: &[u32], states: &[Vec<u8>]) -> Result<(), Error>;

    /// Forgets the state of slots; the numbers may be used again.
    ///
    /// # Errors
    /// When the function fails.
    fn drop_slots(&mut self, slots: &[u32]) -> Result<(), Error>;
}

/// A plugin file as the registry found it.
#[derive(Debug, Clone)]
pub struct PluginInfo {
    /// File stem.
    pub name: String,
    /// File path as given.
    pub path: std::path::PathBuf,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// Why it gives no functions, where it is broken.
    pub broken: Option<String>,
}

/// Where the engine finds functions by name.
pub trait FunctionSource: Send + Sync + Debug {
    /// All functions, overloads included, by name.
    fn functions(&self) -> Vec<FunctionInfo>;
    /// All overloads of a scalar function.
    fn scalar(&self, name: &str) -> Vec<Arc<dyn ScalarFunction>>;
    /// All overloads of a stream function.
    fn stream(&self, name: &str) -> Vec<Arc<dyn StreamFunction>>;
    /// All plugin files, broken ones included.
    fn plugins(&self) -> Vec<PluginInfo>;
}

/// Why a function or a plugin fails. Always names the plugin, and the function where one was called.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The file cannot be a plugin.
    #[error("plugin {plugin}: {reason}")]
    Plugin {
        /// File stem.
        plugin: String,
        /// Why, and what to do.
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
    /// The guest trapped (unreachable, division by zero, out of bounds, ...).
    #[error("function {function} of plugin {plugin} trapped: {reason}")]
    Trap {
        /// File stem.
        plugin: String,
        /// SQL name.
        function: String,
        /// What Wasmtime says.
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
    /// Whose fault it is: the plugin's author's, so the user's.
    #[must_use]
    pub fn class(&self) -> Class {
        Class::User
    }

    /// Whether trying again can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        Retry::Never
    }
}
