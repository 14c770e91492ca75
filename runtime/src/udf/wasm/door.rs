//! What a door to plugins must be able to do. What its functions have in common, pools, state in slots, limits and errors, is in `scalar` and
//! `stream`.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;

use super::batch::Batch;
use super::fault::Fault;
pub(super) use super::limiter::GuestMemory;
use super::plugin::LoadedPlugin;
use super::scalar::WasmScalar;
use super::stream::WasmStream;
use crate::types::schema::SqlType;
use crate::udf::manifest::{FunctionSpec, Manifest};
use crate::udf::{AggregateFunction, FunctionInfo, Kind, Limits, Outcome, StreamFunction};

/// A function of a plugin: what its manifest says, and its public face.
pub(super) struct Described {
    /// Its place among the functions of its kind.
    pub(super) index: usize,
    pub(super) spec: FunctionSpec,
    pub(super) info: FunctionInfo,
    /// The type of the column that a call gives: of a table function the ARRAY of the rows of each row.
    pub(super) column: DataType,
}

/// The code of one plugin behind one door.
pub(super) trait PluginCode: Send + Sync + Sized + 'static {
    /// An instance that serves all scalar functions, or all table functions.
    type Scalars: ScalarCalls;
    /// An instance that is one stream function.
    type Stream: StreamCalls;

    /// The plugin's name.
    fn plugin(&self) -> &str;

    fn limits(&self) -> &Limits;

    /// Starts an instance for scalar calls.
    fn scalars(&self) -> Result<Self::Scalars, Fault>;

    /// Starts an instance for calls of this scalar or table function with these constants alone; `values` and `constant` as in
    /// [`PluginCode::stream`].
    fn set_up(&self, function: &Described, values: &[ArrayRef], constant: &[bool]) -> Result<Self::Scalars, Fault>;

    /// Whether rows can be taken back from this aggregate function.
    fn retracts(&self, function: &FunctionSpec) -> bool;

    /// Starts an instance that is this function. `values` are its constant arguments, one value each, where `constant` says so.
    fn stream(&self, function: &Described, values: &[ArrayRef], constant: &[bool]) -> Result<Self::Stream, Fault>;
}

/// Calls of scalar functions into one instance.
pub(super) trait ScalarCalls: Send {
    /// One call with at most [`crate::types::limits::PLUGIN_ROWS_PER_CALL_MAX`] rows.
    fn call(&mut self, function: &Described, batch: &Batch<'_>) -> Result<Outcome, Fault>;

    /// Whether another instance should take over.
    fn is_worn(&self) -> bool {
        false
    }

    /// The memory of the guest.
    fn memory(&self) -> GuestMemory;
}

/// Calls of a function with state into the instance that is it.
pub(super) trait StreamCalls: Send {
    /// As [`ScalarCalls::call`]. Of an aggregate function, which has no result for each row: a column of type Null.
    fn push(&mut self, function: &Described, batch: &Batch<'_>) -> Result<Outcome, Fault>;

    /// Takes rows back, as [`StreamCalls::push`].
    fn retract(&mut self, function: &Described, batch: &Batch<'_>) -> Result<Outcome, Fault>;

    /// Adds the states of at most [`crate::types::limits::PLUGIN_SLOTS_PER_SAVE_MAX`] slots to those of as many others.
    fn merge(&mut self, into: &[u32], from: &[u32]) -> Result<(), Fault>;

    /// The values of as many slots at most.
    fn finish(&mut self, function: &Described, slots: &[u32]) -> Result<ArrayRef, Fault>;

    /// The state of at most [`crate::types::limits::PLUGIN_SLOTS_PER_SAVE_MAX`] slots, one for each.
    fn save(&mut self, slots: &[u32]) -> Result<Vec<Vec<u8>>, Fault>;

    /// Takes back states of a version; [`Fault::TooLarge`] where these are too many at once.
    fn load(&mut self, slots: &[u32], states: &[Vec<u8>], version: u32) -> Result<(), Fault>;

    /// Makes slots as if they had never been used.
    fn forget(&mut self, slots: &[u32]) -> Result<(), Fault>;

    /// The memory of the guest.
    fn memory(&self) -> GuestMemory;
}

/// The functions of a plugin.
pub(super) fn functions<D: PluginCode>(code: D, manifest: Manifest) -> LoadedPlugin {
    let code = Arc::new(code);
    let (mut scalars, mut streams, mut aggregates, mut tables) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for spec in manifest.functions {
        let info = spec.info(code.plugin(), manifest.version.as_deref());
        let of_kind = match spec.kind {
            Kind::Scalar => &mut scalars,
            Kind::Stream => &mut streams,
            Kind::Aggregate => &mut aggregates,
            Kind::Table => &mut tables,
        };
        let index = of_kind.len();
        let column = match spec.kind {
            Kind::Table => SqlType::Array(Box::new(spec.returns.clone())).to_arrow(),
            Kind::Scalar | Kind::Stream | Kind::Aggregate => info.returns.clone(),
        };
        of_kind.push(Described {
            index,
            spec,
            info,
            column,
        });
    }
    let stream = |function| Arc::new(WasmStream::new(Arc::clone(&code), function)) as Arc<dyn StreamFunction>;
    let aggregate = |function| Arc::new(WasmStream::new(Arc::clone(&code), function)) as Arc<dyn AggregateFunction>;
    LoadedPlugin {
        aggregates: aggregates.into_iter().map(aggregate).collect(),
        streams: streams.into_iter().map(stream).collect(),
        scalars: WasmScalar::all(&code, scalars),
        tables: WasmScalar::all(&code, tables),
        skipped: manifest.skipped,
        version: manifest.version,
    }
}
