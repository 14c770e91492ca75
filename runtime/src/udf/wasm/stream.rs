//! Stream functions: one instance of the guest per use and shard, its state in slots that the host numbers.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryArray, new_empty_array};
use datafusion::arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;
use wasmtime::TypedFunc;

use super::batch::{Batch, check, to_declared};
use super::columns_in::Input;
use super::fault::Fault;
use super::frame::{Frame, Request};
use super::guest::Guest;
use super::plugin::Code;
use super::scalar::first_failed;
use crate::types::limits::PLUGIN_SLOTS_PER_SAVE_MAX;
use crate::udf::limits::bytes_text;
use crate::udf::manifest::FunctionSpec;
use crate::udf::{Error, FunctionInfo, Outcome, StreamFunction, StreamInstance};

/// A stream function of a plugin.
pub(super) struct WasmStream {
    code: Arc<Code>,
    spec: Arc<FunctionSpec>,
    info: Arc<FunctionInfo>,
}

/// A running stream function.
struct WasmStreamInstance {
    code: Arc<Code>,
    spec: Arc<FunctionSpec>,
    info: Arc<FunctionInfo>,
    guest: Guest,
    exports: Exports,
    /// The constant arguments, one value each; an empty column where the argument is none.
    constants: Vec<ArrayRef>,
    constant: Vec<bool>,
    /// The error that ended the instance.
    ended: Option<Error>,
}

/// The exports of section 5 of the ABI.
struct Exports {
    new: TypedFunc<u32, i32>,
    push: TypedFunc<(u32, u32, u32, u32), i32>,
    save: TypedFunc<(u32, u32, u32), i32>,
    load: TypedFunc<(u32, u32, u32, u32), i32>,
    drop: TypedFunc<(u32, u32), i32>,
}

impl std::fmt::Debug for WasmStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WasmStream")
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for WasmStreamInstance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WasmStreamInstance")
            .field("info", &self.info)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

impl WasmStream {
    pub(super) fn new(code: Arc<Code>, spec: FunctionSpec, info: FunctionInfo) -> Self {
        Self {
            code,
            spec: Arc::new(spec),
            info: Arc::new(info),
        }
    }

    fn start(&self, constants: &[Option<ScalarValue>]) -> Result<WasmStreamInstance, Fault> {
        let (values, constant) = check_constants(&self.spec, &self.info, constants)?;
        let mut guest = self.code.start()?;
        let prefix = &self.spec.export;
        let exports = Exports {
            new: guest.export(&format!("{prefix}_new"))?,
            push: guest.export(&format!("{prefix}_push"))?,
            save: guest.export(&format!("{prefix}_save"))?,
            load: guest.export(&format!("{prefix}_load"))?,
            drop: guest.export(&format!("{prefix}_drop"))?,
        };
        let frame = guest.prepare(&Request {
            slots: &[],
            count: values.len(),
            input: |i: usize| {
                if constant[i] {
                    Input::Constant(&values[i])
                } else {
                    Input::Absent
                }
            },
            rows: 1,
            returns: None,
        })?;
        let status = guest.call(&exports.new, frame.args)?;
        guest.check(status)?;
        Ok(WasmStreamInstance {
            code: Arc::clone(&self.code),
            spec: Arc::clone(&self.spec),
            info: Arc::clone(&self.info),
            guest,
            exports,
            constants: values,
            constant,
            ended: None,
        })
    }
}

impl StreamFunction for WasmStream {
    fn info(&self) -> &FunctionInfo {
        &self.info
    }

    fn instance(&self, constants: &[Option<ScalarValue>]) -> Result<Box<dyn StreamInstance>, Error> {
        match self.start(constants) {
            Ok(instance) => Ok(Box::new(instance)),
            Err(fault) => Err(fault.name(self.code.plugin(), &self.info.name)),
        }
    }

    fn state_version(&self) -> u32 {
        self.spec.state_version
    }

    fn reads_state_version(&self, version: u32) -> bool {
        reads(&self.spec, version)
    }
}

/// The constants as columns of one row, and which arguments have one.
pub(super) fn check_constants(
    spec: &FunctionSpec,
    info: &FunctionInfo,
    constants: &[Option<ScalarValue>],
) -> Result<(Vec<ArrayRef>, Vec<bool>), Fault> {
    let declared = &info.args;
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

pub(super) fn reads(spec: &FunctionSpec, version: u32) -> bool {
    version == spec.state_version || spec.reads_state_versions.contains(&version)
}

impl WasmStreamInstance {
    /// Runs `work` unless the instance is at its end; a fault of the guest ends it.
    fn alive<R>(&mut self, work: impl FnOnce(&mut Self) -> Result<R, Fault>) -> Result<R, Error> {
        if let Some(error) = &self.ended {
            return Err(error.clone());
        }
        work(self).map_err(|fault| {
            let callers_fault = matches!(fault, Fault::Arguments(_));
            let error = fault.name(self.code.plugin(), &self.info.name);
            if !callers_fault {
                self.ended = Some(error.clone());
            }
            error
        })
    }

    fn run(&mut self, slots: &[u32], args: &[ArrayRef]) -> Result<Outcome, Fault> {
        let info = Arc::clone(&self.info);
        let columns = vec![false; args.len()];
        let given = check(&info, args, &columns, slots.len())?;
        // A constant's column says nothing that its value does not.
        let args: Vec<ArrayRef> = (given.iter().zip(&self.constants).zip(&self.constant))
            .map(|((column, value), is_constant)| ArrayRef::clone(if *is_constant { value } else { column }))
            .collect();
        let constant = std::mem::take(&mut self.constant);
        let batch = Batch {
            slots,
            args: &args,
            constant: &constant,
            rows: slots.len(),
            result_bytes_max: self.code.limits().batch_result_bytes,
        };
        let result = batch.run(info.null_in_null_out, &info.returns, &mut |piece| self.push_once(piece));
        self.constant = constant;
        result
    }

    fn push_once(&mut self, batch: &Batch<'_>) -> Result<Outcome, Fault> {
        let expand = self.spec.expand_constants;
        let frame = self.guest.prepare(&Request {
            slots: batch.slots,
            count: batch.args.len(),
            input: |i: usize| match (batch.constant[i], expand) {
                (false, _) => Input::Column(&batch.args[i]),
                (true, false) => Input::Constant(&batch.args[i]),
                (true, true) => Input::Expanded(&batch.args[i]),
            },
            rows: batch.rows,
            returns: Some(&self.info.returns),
        })?;
        let rows = count(batch.rows);
        let status = self
            .guest
            .call(&self.exports.push, (frame.slots, frame.args, rows, frame.out))?;
        self.guest.collect(status, frame.out, &self.info.returns, batch.rows)
    }

    fn save_once(&mut self, slots: &[u32], states: &mut Vec<Vec<u8>>) -> Result<(), Fault> {
        let frame = self.guest.prepare(&Request {
            slots,
            count: 0,
            input: |_| Input::Absent,
            rows: slots.len(),
            returns: Some(&DataType::Binary),
        })?;
        let params = (frame.slots, count(slots.len()), frame.out);
        let given = self.guest.call(&self.exports.save, params)?;
        self.guest.check(given)?;
        let column = self.guest.read(frame.out, &DataType::Binary, slots.len())?;
        if column.null_count() > 0 {
            return Err(Fault::BadResult("the saved state of a slot is null".to_owned()));
        }
        states.extend(column.as_binary::<i32>().iter().flatten().map(<[u8]>::to_vec));
        Ok(())
    }

    fn load_once(&mut self, slots: &[u32], states: &[Vec<u8>], version: u32) -> Result<(), Fault> {
        let frame = match self.prepare_states(slots, states) {
            Err(Fault::TooLarge(_)) if slots.len() > 1 => {
                let half = slots.len() / 2;
                self.load_once(&slots[..half], &states[..half], version)?;
                return self.load_once(&slots[half..], &states[half..], version);
            }
            other => other?,
        };
        let params = (frame.slots, count(slots.len()), frame.args, version);
        let given = self.guest.call(&self.exports.load, params)?;
        self.guest.check(given)
    }

    fn prepare_states(&mut self, slots: &[u32], states: &[Vec<u8>]) -> Result<Frame, Fault> {
        let limits = self.code.limits();
        // Before they become one column, which could not hold more than 2 GiB.
        if states.iter().map(Vec::len).sum::<usize>() > limits.memory_bytes {
            return Err(Fault::TooLarge(format!("memory {}", bytes_text(limits.memory_bytes))));
        }
        let column: ArrayRef = Arc::new(BinaryArray::from_iter_values(states));
        self.guest.prepare(&Request {
            slots,
            count: 1,
            input: |_| Input::Column(&column),
            rows: slots.len(),
            returns: None,
        })
    }

    fn drop_once(&mut self, slots: &[u32]) -> Result<(), Fault> {
        let frame = self.guest.prepare(&Request {
            slots,
            count: 0,
            input: |_| Input::Absent,
            rows: slots.len(),
            returns: None,
        })?;
        let status = self.guest.call(&self.exports.drop, (frame.slots, count(slots.len())))?;
        self.guest.check(status)
    }
}

impl StreamInstance for WasmStreamInstance {
    fn push(&mut self, slots: &[u32], args: &[ArrayRef]) -> Result<ArrayRef, Error> {
        let mut outcome = self.push_rows(slots, args)?;
        if outcome.failed.is_empty() {
            return Ok(outcome.values);
        }
        Err(first_failed(
            self.code.plugin(),
            &self.info,
            outcome.failed.swap_remove(0),
        ))
    }

    fn push_rows(&mut self, slots: &[u32], args: &[ArrayRef]) -> Result<Outcome, Error> {
        self.alive(|this| this.run(slots, args))
    }

    fn save(&mut self, slots: &[u32]) -> Result<Vec<Vec<u8>>, Error> {
        self.alive(|this| {
            let mut states = Vec::with_capacity(slots.len());
            for slots in slots.chunks(PLUGIN_SLOTS_PER_SAVE_MAX) {
                this.save_once(slots, &mut states)?;
            }
            Ok(states)
        })
    }

    fn load(&mut self, slots: &[u32], states: &[Vec<u8>]) -> Result<(), Error> {
        self.load_version(slots, states, self.spec.state_version)
    }

    fn load_version(&mut self, slots: &[u32], states: &[Vec<u8>], version: u32) -> Result<(), Error> {
        self.alive(|this| {
            if slots.len() != states.len() {
                let (slots, states) = (slots.len(), states.len());
                return Err(Fault::Arguments(format!("{states} states for {slots} slots")));
            }
            if !reads(&this.spec, version) {
                return Err(Fault::Arguments(format!(
                    "it reads state of version {}, not of version {version}",
                    this.spec.state_version
                )));
            }
            let chunks = slots
                .chunks(PLUGIN_SLOTS_PER_SAVE_MAX)
                .zip(states.chunks(PLUGIN_SLOTS_PER_SAVE_MAX));
            for (slots, states) in chunks {
                this.load_once(slots, states, version)?;
            }
            Ok(())
        })
    }

    fn drop_slots(&mut self, slots: &[u32]) -> Result<(), Error> {
        self.alive(|this| {
            slots
                .chunks(crate::types::limits::PLUGIN_ROWS_PER_CALL_MAX)
                .try_for_each(|slots| this.drop_once(slots))
        })
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).expect("a call has at most 8192 rows")
}
