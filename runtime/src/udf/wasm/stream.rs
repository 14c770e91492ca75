//! Functions with state: one instance of the guest per use and shard, its state in slots that the host numbers. How they serve as stream
//! functions; `aggregate` has the other use.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, new_empty_array};
use datafusion::arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;

use super::batch::{Batch, check, to_declared};
use super::door::{Described, PluginCode, StreamCalls};
use super::fault::Fault;
use super::scalar::all_rows;
use crate::types::limits::{PLUGIN_ROWS_PER_CALL_MAX, PLUGIN_SLOTS_PER_SAVE_MAX};
use crate::udf::manifest::FunctionSpec;
use crate::udf::{Error, FunctionInfo, Outcome, StreamFunction, StreamInstance};

/// A stream function of a plugin.
pub(super) struct WasmStream<D> {
    pub(super) code: Arc<D>,
    pub(super) function: Arc<Described>,
}

/// A running stream function.
pub(super) struct WasmStreamInstance<D: PluginCode> {
    pub(super) code: Arc<D>,
    pub(super) function: Arc<Described>,
    pub(super) calls: D::Stream,
    /// The constant arguments, one value each; an empty column where the argument is none.
    constants: Vec<ArrayRef>,
    constant: Vec<bool>,
    /// By slot, whether it was given state since it was last forgotten.
    used: Vec<bool>,
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
            .field("info", &self.function.info)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

impl<D: PluginCode> WasmStream<D> {
    pub(super) fn new(code: Arc<D>, function: Described) -> Self {
        Self {
            code,
            function: Arc::new(function),
        }
    }

    fn start(&self, constants: &[Option<ScalarValue>]) -> Result<WasmStreamInstance<D>, Fault> {
        let (values, constant) = check_constants(&self.function, constants)?;
        Ok(WasmStreamInstance {
            calls: self.code.stream(&self.function, &values, &constant)?,
            code: Arc::clone(&self.code),
            function: Arc::clone(&self.function),
            constants: values,
            constant,
            used: Vec::new(),
            ended: None,
        })
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

    fn instance(&self, constants: &[Option<ScalarValue>]) -> Result<Box<dyn StreamInstance>, Error> {
        Ok(Box::new(self.start_named(constants)?))
    }

    fn state_version(&self) -> u32 {
        self.function.spec.state_version
    }

    fn reads_state_version(&self, version: u32) -> bool {
        reads(&self.function.spec, version)
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
    /// Runs `work` unless the instance is at its end; a fault of the guest ends it.
    pub(super) fn alive<R>(&mut self, work: impl FnOnce(&mut Self) -> Result<R, Fault>) -> Result<R, Error> {
        if let Some(error) = &self.ended {
            return Err(error.clone());
        }
        work(self).map_err(|fault| {
            let callers_fault = matches!(fault, Fault::Arguments(_));
            let error = fault.name(self.code.plugin(), &self.function.info.name);
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
        let info = &self.function.info;
        let given = check(info, args, &vec![false; args.len()], slots.len())?;
        // A constant's column says nothing that its value does not.
        let args: Vec<ArrayRef> = (given.iter().zip(&self.constants).zip(&self.constant))
            .map(|((column, value), is_constant)| ArrayRef::clone(if *is_constant { value } else { column }))
            .collect();
        let batch = Batch {
            slots,
            args: &args,
            constant: &self.constant,
            rows: slots.len(),
            result_bytes_max: self.code.limits().batch_result_bytes,
        };
        let (calls, function) = (&mut self.calls, &self.function);
        batch.run(info.null_in_null_out, returns, &mut |piece| {
            call(calls, function, piece)
        })
    }

    pub(super) fn note(&mut self, slots: &[u32], used: bool) {
        let length = slots.iter().max().map_or(0, |slot| *slot as usize + 1);
        if self.used.len() < length {
            self.used.resize(length, false);
        }
        for slot in slots {
            self.used[*slot as usize] = used;
        }
    }

    /// Takes all states to a new instance, when this one has little memory left.
    pub(super) fn renew(&mut self) -> Result<(), Fault> {
        if !self.calls.is_worn() {
            return Ok(());
        }
        let used = (0..).zip(&self.used).filter(|(_, used)| **used);
        let slots: Vec<u32> = used.map(|(slot, _)| slot).collect();
        let states = self.save_all(&slots)?;
        self.calls = self.code.stream(&self.function, &self.constants, &self.constant)?;
        self.load_all(&slots, &states, self.function.spec.state_version)
    }

    fn save_all(&mut self, slots: &[u32]) -> Result<Vec<Vec<u8>>, Fault> {
        let mut all = Vec::with_capacity(slots.len());
        for slots in slots.chunks(PLUGIN_SLOTS_PER_SAVE_MAX) {
            let states = self.calls.save(slots)?;
            if states.len() != slots.len() {
                let (states, slots) = (states.len(), slots.len());
                return Err(Fault::BadResult(format!("it saved {states} states of {slots} slots")));
            }
            all.extend(states);
        }
        Ok(all)
    }

    fn load_all(&mut self, slots: &[u32], states: &[Vec<u8>], version: u32) -> Result<(), Fault> {
        let states = states.chunks(PLUGIN_SLOTS_PER_SAVE_MAX);
        let mut pieces = slots.chunks(PLUGIN_SLOTS_PER_SAVE_MAX).zip(states);
        pieces.try_for_each(|(slots, states)| self.load_piece(slots, states, version))
    }

    /// Loads states, half of them at a time where all are too large.
    fn load_piece(&mut self, slots: &[u32], states: &[Vec<u8>], version: u32) -> Result<(), Fault> {
        match self.calls.load(slots, states, version) {
            Err(Fault::TooLarge(_)) if slots.len() > 1 => {
                let half = slots.len() / 2;
                self.load_piece(&slots[..half], &states[..half], version)?;
                self.load_piece(&slots[half..], &states[half..], version)
            }
            other => other,
        }
    }
}

impl<D: PluginCode> StreamInstance for WasmStreamInstance<D> {
    fn push(&mut self, slots: &[u32], args: &[ArrayRef]) -> Result<ArrayRef, Error> {
        let outcome = self.push_rows(slots, args)?;
        all_rows(outcome, self.code.plugin(), &self.function.info)
    }

    fn push_rows(&mut self, slots: &[u32], args: &[ArrayRef]) -> Result<Outcome, Error> {
        self.alive(|this| {
            this.renew()?;
            this.note(slots, true);
            let returns = this.function.info.returns.clone();
            this.run(slots, args, &returns, |calls, function, piece| {
                calls.push(function, piece)
            })
        })
    }

    fn save(&mut self, slots: &[u32]) -> Result<Vec<Vec<u8>>, Error> {
        self.alive(|this| this.save_all(slots))
    }

    fn load(&mut self, slots: &[u32], states: &[Vec<u8>]) -> Result<(), Error> {
        self.load_version(slots, states, self.function.spec.state_version)
    }

    fn load_version(&mut self, slots: &[u32], states: &[Vec<u8>], version: u32) -> Result<(), Error> {
        self.alive(|this| {
            if slots.len() != states.len() {
                let (slots, states) = (slots.len(), states.len());
                return Err(Fault::Arguments(format!("{states} states for {slots} slots")));
            }
            let spec = &this.function.spec;
            if !reads(spec, version) {
                return Err(Fault::Arguments(format!(
                    "it reads state of version {}, not of version {version}",
                    spec.state_version
                )));
            }
            this.note(slots, true);
            this.load_all(slots, states, version)
        })
    }

    fn drop_slots(&mut self, slots: &[u32]) -> Result<(), Error> {
        self.alive(|this| {
            this.note(slots, false);
            let mut pieces = slots.chunks(PLUGIN_ROWS_PER_CALL_MAX);
            pieces.try_for_each(|slots| this.calls.forget(slots))
        })
    }
}
