//! Floor 2: functions from WebAssembly plugins.
//!
//! The rest of the engine sees only this page: what functions there are, how to call a scalar one on columns, and how
//! to run a stream function with its state in slots. Wasmtime stays inside of `udf/wasm/`.

use std::fmt::Debug;
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;

mod aggregate_udf;
mod booleans;
mod code_cache;
mod coerce;
mod counters;
mod created;
mod default_text;
mod error;
mod limits;
mod manifest;
mod plugin_file;
mod plugin_info;
mod plugins;
mod registry;
mod scalar_udf;
mod sidecar;
mod table_udf;
mod terms;
mod used_function;
mod version;
mod wasm;
mod watch;

#[cfg(test)]
mod tests;

pub use aggregate_udf::{LeaveOut, OverloadedAggregate, aggregate_udf};
pub use code_cache::{CodeCacheCounts, CodeCachePlace};
pub use coerce::{CallForm, Chosen, choose};
pub use counters::FunctionTotals;
pub use created::NewFunction;
pub use error::Error;
pub use limits::Limits;
pub use plugin_info::{PluginInfo, SkipReason, SkippedFunction};
pub use plugins::{PluginChange, Plugins};
pub use registry::Registry;
pub use scalar_udf::{OverloadedFunction, scalar_udf};
pub use table_udf::OverloadedTable;
pub use terms::Grants;
pub use used_function::UsedFunction;
#[doc(hidden)]
pub use wasm::fuzz;
pub use watch::Watch;

/// What a function does with rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One value per row, from that row alone.
    Scalar,
    /// One value per row, from that row and state kept per key.
    Stream,
    /// One value per group of rows, from state kept per group.
    Aggregate,
    /// No, one or many rows per row, from that row alone.
    Table,
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
    /// What the last arguments are in a call that does not give them.
    pub defaults: Vec<ScalarValue>,
    /// Places of the arguments that must be constants; a function that has some is set up with them.
    pub constants: Vec<usize>,
    /// Whether a call may give the elements of the last argument, which is an ARRAY, one by one.
    pub variadic: bool,
    /// Result type; of a table function that of one row that it gives.
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

impl FunctionInfo {
    /// The plugin that it comes from, with its version where the file is not named after that.
    #[must_use]
    pub fn plugin_and_version(&self) -> String {
        match self.version.as_ref().filter(|_| !self.plugin.contains('@')) {
            Some(version) => format!("{} {version}", self.plugin),
            None => self.plugin.clone(),
        }
    }
}

/// What a call gave where failed rows are no error.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// One value per row; null in the failed ones.
    pub values: ArrayRef,
    /// The failed rows, ascending.
    pub failed: Vec<RowFailure>,
}

impl From<ArrayRef> for Outcome {
    fn from(values: ArrayRef) -> Self {
        Self {
            values,
            failed: Vec::new(),
        }
    }
}

/// One row that a function reported as failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowFailure {
    /// Row number in the batch.
    pub row: u32,
    /// What the function said.
    pub message: String,
}

impl RowFailure {
    /// The error of a row that `function` has reported.
    pub(crate) fn error(self, function: &FunctionInfo) -> Error {
        Error::Row {
            plugin: function.plugin.clone(),
            function: function.name.clone(),
            row: self.row,
            message: self.message,
        }
    }
}

/// Calls a scalar function on columns. Shared by all shards; each call borrows an instance. A table function is called so, too: its
/// value for a row is the ARRAY of the rows that it gives.
pub trait ScalarFunction: Send + Sync + Debug {
    /// What it is.
    fn info(&self) -> &FunctionInfo;

    /// What it did so far, over all queries.
    fn totals(&self) -> FunctionTotals {
        FunctionTotals::default()
    }

    /// Calls it on `rows` rows. Each argument has exactly the declared type and is `rows` long, or one value long where
    /// `constant` is true for it.
    ///
    /// # Errors
    /// When the function fails, traps, meets a limit or lies about its result.
    fn call(&self, args: &[ArrayRef], constant: &[bool], rows: usize) -> Result<ArrayRef, Error>;

    /// As [`ScalarFunction::call`], but rows that the function itself reports as failed are no error: they are null in
    /// the result and listed beside it.
    ///
    /// # Errors
    /// When the function fails as a whole, traps, meets a limit or lies about its result.
    fn call_rows(&self, args: &[ArrayRef], constant: &[bool], rows: usize) -> Result<Outcome, Error> {
        self.call(args, constant, rows).map(Outcome::from)
    }

    /// Sets an instance up with constants, so that a query whose constants the function refuses ends before its first row.
    /// `constants` holds for each argument its value where it is a constant of the query.
    ///
    /// # Errors
    /// When an argument that must be a constant is none, or the function refuses one.
    fn set_up(&self, constants: &[Option<ScalarValue>]) -> Result<(), Error> {
        let _ = constants;
        Ok(())
    }
}

/// A stream function, of which every shard makes an instance of its own.
pub trait StreamFunction: Send + Sync + Debug {
    /// What it is.
    fn info(&self) -> &FunctionInfo;

    /// What it did so far, over all queries.
    fn totals(&self) -> FunctionTotals {
        FunctionTotals::default()
    }

    /// Makes an instance. `constants` holds for each argument its value where it is a constant of the query.
    ///
    /// # Errors
    /// When the plugin cannot be started or refuses the constants.
    fn instance(&self, constants: &[Option<ScalarValue>]) -> Result<Box<dyn StreamInstance>, Error>;

    /// The number of the format in which `save` writes state; to be kept beside the bytes.
    fn state_version(&self) -> u32 {
        1
    }

    /// Numbers of older formats that `load` reads, too.
    fn older_state_versions(&self) -> &[u32] {
        &[]
    }

    /// Whether `load` reads state of that format.
    fn reads_state_version(&self, version: u32) -> bool {
        version == self.state_version() || self.older_state_versions().contains(&version)
    }
}

/// A running stream function: state lives in the guest, addressed by slot numbers that the host hands out.
pub trait StreamInstance: Send + Debug {
    /// Runs the rows in order. `slots[i]` is the slot of row i's key; slot numbers are dense from zero, and one that was
    /// not seen before starts with fresh state. Each argument has the declared type and `slots.len()` rows.
    ///
    /// # Errors
    /// When the function fails; the instance is then of no more use unless the error says that only rows failed.
    fn push(&mut self, slots: &[u32], args: &[ArrayRef]) -> Result<ArrayRef, Error>;

    /// As [`StreamInstance::push`], but rows that the function itself reports as failed are no error: they are null in
    /// the result, listed beside it, and left the state as it was.
    ///
    /// # Errors
    /// When the function fails as a whole; the instance is then of no more use.
    fn push_rows(&mut self, slots: &[u32], args: &[ArrayRef]) -> Result<Outcome, Error> {
        self.push(slots, args).map(Outcome::from)
    }

    /// The bytes of the state of each slot.
    ///
    /// # Errors
    /// When the function fails.
    fn save(&mut self, slots: &[u32]) -> Result<Vec<Vec<u8>>, Error>;

    /// Gives slots the state that `save` of the same state version once gave.
    ///
    /// # Errors
    /// When the function refuses the bytes.
    fn load(&mut self, slots: &[u32], states: &[Vec<u8>]) -> Result<(), Error>;

    /// As [`StreamInstance::load`], of state that was saved in format `version`, one that
    /// [`StreamFunction::reads_state_version`] allows. A function with only one format need not care.
    ///
    /// # Errors
    /// When the function does not read that format, or refuses the bytes.
    fn load_version(&mut self, slots: &[u32], states: &[Vec<u8>], version: u32) -> Result<(), Error> {
        let _ = version;
        self.load(slots, states)
    }

    /// Forgets the state of slots; the numbers may be used again.
    ///
    /// # Errors
    /// When the function fails.
    fn drop_slots(&mut self, slots: &[u32]) -> Result<(), Error>;

    /// Memory that the states take, in the guest and on the host.
    fn state_bytes(&self) -> usize {
        0
    }
}

/// An aggregate function, of which every shard makes an instance of its own.
pub trait AggregateFunction: Send + Sync + Debug {
    /// What it is.
    fn info(&self) -> &FunctionInfo;

    /// What it did so far, over all queries.
    fn totals(&self) -> FunctionTotals {
        FunctionTotals::default()
    }

    /// Makes an instance. `constants` holds for each argument its value where it is a constant of the query.
    ///
    /// # Errors
    /// When the plugin cannot be started or refuses the constants.
    fn instance(&self, constants: &[Option<ScalarValue>]) -> Result<Box<dyn AggregateInstance>, Error>;

    /// Whether rows can be taken back.
    fn retracts(&self) -> bool;

    /// The number of the format in which `save` writes state; to be kept beside the bytes.
    fn state_version(&self) -> u32;

    /// Numbers of older formats that `load` reads, too.
    fn older_state_versions(&self) -> &[u32];

    /// Whether `load` reads state of that format.
    fn reads_state_version(&self, version: u32) -> bool {
        version == self.state_version() || self.older_state_versions().contains(&version)
    }
}

/// A running aggregate function: the state of groups lives in the guest, addressed by slot numbers that the host hands out, dense from
/// zero. A slot that was not seen before, or was dropped, is that of a group without rows.
pub trait AggregateInstance: Send + Debug {
    /// Takes rows in. `slots[i]` is the slot of row i's group; each argument has the declared type and `slots.len()` rows.
    ///
    /// # Errors
    /// When the function fails, or one row does: an error of [`Error::Row`]; the other rows were taken in then.
    fn update(&mut self, slots: &[u32], args: &[ArrayRef]) -> Result<(), Error>;

    /// As [`AggregateInstance::update`], but rows that the function itself reports as failed are no error: they are listed, and left the state as it
    /// was.
    ///
    /// # Errors
    /// When the function fails as a whole; the instance is then of no more use.
    fn update_rows(&mut self, slots: &[u32], args: &[ArrayRef]) -> Result<Vec<RowFailure>, Error> {
        self.update(slots, args).map(|()| Vec::new())
    }

    /// Takes rows back that were taken in before. Only where [`AggregateFunction::retracts`].
    ///
    /// # Errors
    /// As [`AggregateInstance::update`].
    fn retract(&mut self, slots: &[u32], args: &[ArrayRef]) -> Result<(), Error>;

    /// As [`AggregateInstance::update_rows`], of rows that are taken back.
    ///
    /// # Errors
    /// As [`AggregateInstance::update_rows`].
    fn retract_rows(&mut self, slots: &[u32], args: &[ArrayRef]) -> Result<Vec<RowFailure>, Error> {
        self.retract(slots, args).map(|()| Vec::new())
    }

    /// Adds the state of each of `from` to that of `into` at the same place; `from` stays as it is.
    ///
    /// # Errors
    /// When the function fails.
    fn merge(&mut self, into: &[u32], from: &[u32]) -> Result<(), Error>;

    /// The values of slots; their states go on.
    ///
    /// # Errors
    /// When the function fails.
    fn finish(&mut self, slots: &[u32]) -> Result<ArrayRef, Error>;

    /// As [`StreamInstance::save`].
    ///
    /// # Errors
    /// When the function fails.
    fn save(&mut self, slots: &[u32]) -> Result<Vec<Vec<u8>>, Error>;

    /// As [`StreamInstance::load_version`].
    ///
    /// # Errors
    /// When the function does not read that format, or refuses the bytes.
    fn load(&mut self, slots: &[u32], states: &[Vec<u8>], version: u32) -> Result<(), Error>;

    /// As [`StreamInstance::drop_slots`].
    ///
    /// # Errors
    /// When the function fails.
    fn drop_slots(&mut self, slots: &[u32]) -> Result<(), Error>;

    /// Memory that the states take, in the guest and on the host.
    fn state_bytes(&self) -> usize {
        0
    }
}

/// Where the engine finds functions by name.
pub trait FunctionSource: Send + Sync + Debug {
    /// All functions, overloads included, by name.
    fn functions(&self) -> Vec<FunctionInfo>;
    /// What each function did so far, where that is counted; in the order of [`FunctionSource::functions`].
    fn totals(&self) -> Vec<(FunctionInfo, FunctionTotals)> {
        Vec::new()
    }
    /// All overloads of a scalar function.
    fn scalar(&self, name: &str) -> Vec<Arc<dyn ScalarFunction>>;
    /// All overloads of a stream function.
    fn stream(&self, name: &str) -> Vec<Arc<dyn StreamFunction>>;
    /// All overloads of an aggregate function.
    fn aggregate(&self, name: &str) -> Vec<Arc<dyn AggregateFunction>>;
    /// All overloads of a table function, called as scalar ones whose values are ARRAYs of [`FunctionInfo::returns`].
    fn table(&self, name: &str) -> Vec<Arc<dyn ScalarFunction>>;
    /// All plugin files, broken ones included.
    fn plugins(&self) -> Vec<PluginInfo>;
}
