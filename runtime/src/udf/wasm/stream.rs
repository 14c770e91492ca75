//! Functions with state: one instance of the guest per use and shard, its state in slots that the host numbers. How they serve as stream
//! functions; `aggregate` has the other use.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, new_empty_array};
use datafusion::arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;

use super::batch::{Batch, check, to_declared};
use super::door::{Described, PluginCode, StreamCalls};
use super::fault::{Fault, end_of};
use super::resident::Resident;
use super::scalar::all_rows;
use crate::udf::counters::{Counters, Footprint};
use crate::udf::manifest::FunctionSpec;
use crate::udf::{Error, FunctionInfo, FunctionTotals, Outcome, StreamFunction, StreamInstance};

/// A stream function of a plugin.
pub(super) struct WasmStream<D> {
    pub(super) code: Arc<D>,
    pub(super) function: Arc<Described>,
    pub(super) counters: Arc<Counters>,
}

/// A running stream function.
pub(super) struct WasmStreamInstance<D: PluginCode> {
    pub(super) resident: Resident<D>,
    counters: Arc<Counters>,
    footprint: Footprint,
    /// The error that ended the instance.
    ended: Option<Error>,
}

impl<D> std::fmt::Debug for WasmStream<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WasmStream")
            .field("info", &self.function.info)
            .finish_non_exhaustive()
    }
}

impl<D: PluginCode> std::fmt::Debug for WasmStreamInstance<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WasmStreamInstance")
            .field("info", self.info())
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

impl<D: PluginCode> WasmStream<D> {
    pub(super) fn new(code: Arc<D>, function: Described) -> Self {
        Self {
            code,
            function: Arc::new(function),
            counters: Arc::default(),
        }
    }

    fn start(&self, constants: &[Option<ScalarValue>]) -> Result<WasmStreamInstance<D>, Fault> {
        let (values, constant) = check_constants(&self.function, constants)?;
        let (code, function) = (Arc::clone(&self.code), Arc::clone(&self.function));
        let mut instance = WasmStreamInstance {
            resident: Resident::start(code, function, Arc::clone(&self.counters), values, constant)?,
            footprint: self.counters.begin_instance(),
            counters: Arc::clone(&self.counters),
            ended: None,
        };
        instance.see_footprint();
        Ok(instance)
    }

    /// Starts an instance; the error names plugin and function.
    pub(super) fn start_named(&self, constants: &[Option<ScalarValue>]) -> Result<WasmStreamInstance<D>, Error> {
        self.start(constants)
            .map_err(|fault| fault.name(self.code.plugin(), &self.function.info.name))
    }
}

impl<D: PluginCode> StreamFunction for WasmStream<D> {
    fn info(&self) -> &FunctionInfo {
        &self.function.info
    }

    fn totals(&self) -> FunctionTotals {
        self.counters.totals()
    }

    fn instance(&self, constants: &[Option<ScalarValue>]) -> Result<Box<dyn StreamInstance>, Error> {
        Ok(Box::new(self.start_named(constants)?))
    }

    fn state_version(&self) -> u32 {
        self.function.spec.state_version
    }

    fn older_state_versions(&self) -> &[u32] {
        &self.function.spec.reads_state_versions
    }
}

/// The constants as columns of one row, and which arguments have one.
fn check_constants(
    function: &Described,
    constants: &[Option<ScalarValue>],
) -> Result<(Vec<ArrayRef>, Vec<bool>), Fault> {
    let (spec, declared) = (&function.spec, &function.info.args);
    if constants.len() != declared.len() {
        return Err(Fault::Arguments(format!(
            "{} arguments, it takes {}",
            constants.len(),
            declared.len()
        )));
    }
    let mut values = Vec::with_capacity(constants.len());
    let mut constant = Vec::with_capacity(constants.len());
    for ((value, (name, data_type)), arg) in constants.iter().zip(declared).zip(&spec.args) {
        // A strict function's guest sees no null, not even a constant one: all its rows are null.
        let hidden = |value: &ScalarValue| value.is_null() && spec.null_in_null_out;
        let value = value.as_ref().filter(|value| !hidden(value));
        if arg.constant && value.is_none() {
            return Err(Fault::Arguments(format!(
                "argument {name} must be a constant and not NULL"
            )));
        }
        constant.push(value.is_some());
        values.push(match value {
            Some(value) => {
                let array = value
                    .to_array()
                    .map_err(|e| Fault::Arguments(format!("argument {name}: {e}")))?;
                to_declared(&array, name, data_type)?
            }
            None => new_empty_array(data_type),
        });
    }
    Ok((values, constant))
}

fn reads(spec: &FunctionSpec, version: u32) -> bool {
    version == spec.state_version || spec.reads_state_versions.contains(&version)
}

impl<D: PluginCode> WasmStreamInstance<D> {
    pub(super) fn plugin(&self) -> &str {
        self.resident.code.plugin()
    }

    pub(super) fn info(&self) -> &FunctionInfo {
        &self.resident.function.info
    }

    fn see_footprint(&mut self) {
        let (memory, states, host) = self.resident.footprint();
        self.footprint.set(memory, states, host);
    }

    /// Runs `work` unless the instance is at its end; a fault of the guest ends it.
    pub(super) fn alive<R>(&mut self, work: impl FnOnce(&mut Self) -> Result<R, Fault>) -> Result<R, Error> {
        if let Some(error) = &self.ended {
            return Err(error.clone());
        }
        let result = work(self);
        self.see_footprint();
        result.map_err(|fault| {
            let callers_fault = matches!(fault, Fault::Arguments(_));
            let error = fault.name(self.plugin(), &self.info().name);
            if !callers_fault {
                self.ended = Some(error.clone());
            }
            error
        })
    }

    /// Gives rows to `call`, piece by piece.
    pub(super) fn run(
        &mut self,
        slots: &[u32],
        args: &[ArrayRef],
        returns: &DataType,
        call: impl Fn(&mut D::Stream, &Described, &Batch<'_>) -> Result<Outcome, Fault>,
    ) -> Result<Outcome, Fault> {
        let resident = &mut self.resident;
        let (function, constant) = (Arc::clone(&resident.function), Arc::clone(&resident.constant));
        let given = check(&function.info, args, &vec![false; args.len()], slots.len())?;
        // A constant's column says nothing that its value does not.
        let args: Vec<ArrayRef> = (given.iter().zip(&*resident.constants).zip(&*constant))
            .map(|((column, value), is_constant)| ArrayRef::clone(if *is_constant { value } else { column }))
            .collect();
        let batch = Batch {
            slots,
            args: &args,
            constant: &constant,
            rows: slots.len(),
            result_bytes_max: resident.code.limits().batch_result_bytes,
        };
        let run = || {
            batch.run(function.info.null_in_null_out, returns, &mut |piece| {
                resident.call(piece, &call)
            })
        };
        self.counters.count(slots.len(), run, end_of)
    }
}

impl<D: PluginCode> StreamInstance for WasmStreamInstance<D> {
    fn push(&mut self, slots: &[u32], args: &[ArrayRef]) -> Result<ArrayRef, Error> {
        let outcome = self.push_rows(slots, args)?;
        all_rows(outcome, self.plugin(), self.info())
    }

    fn push_rows(&mut self, slots: &[u32], args: &[ArrayRef]) -> Result<Outcome, Error> {
        self.alive(|this| {
            let returns = this.info().returns.clone();
            this.run(slots, args, &returns, |calls, function, piece| {
                calls.push(function, piece)
            })
        })
    }

    fn save(&mut self, slots: &[u32]) -> Result<Vec<Vec<u8>>, Error> {
        let states = self.alive(|this| this.resident.save(slots))?;
        self.counters.add_saved(&states);
        Ok(states)
    }

    fn load(&mut self, slots: &[u32], states: &[Vec<u8>]) -> Result<(), Error> {
        self.load_version(slots, states, self.resident.function.spec.state_version)
    }

    fn load_version(&mut self, slots: &[u32], states: &[Vec<u8>], version: u32) -> Result<(), Error> {
        self.alive(|this| {
            if slots.len() != states.len() {
                let (slots, states) = (slots.len(), states.len());
                return Err(Fault::Arguments(format!("{states} states for {slots} slots")));
            }
            let spec = &this.resident.function.spec;
            if !reads(spec, version) {
                return Err(Fault::Arguments(format!(
                    "it reads state of version {}, not of version {version}",
                    spec.state_version
                )));
            }
            this.resident.load(slots, states, version)
        })
    }

    fn drop_slots(&mut self, slots: &[u32]) -> Result<(), Error> {
        self.alive(|this| this.resident.forget(slots))
    }

    fn state_bytes(&self) -> usize {
        let (memory, _, host) = self.resident.footprint();
        memory + host
    }
}
