//! Stream functions of components: one instance per use and shard, its state in slots that the host numbers.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::scalar::ScalarValue;
use wasmtime::component::TypedFunc;

use super::columns::to_column;
use super::instance::Running;
use super::types::{Column, Given};
use super::{Code, expand};
use crate::types::limits::PLUGIN_SLOTS_PER_SAVE_MAX;
use crate::udf::limits::bytes_text;
use crate::udf::manifest::FunctionSpec;
use crate::udf::wasm::batch::{Batch, check};
use crate::udf::wasm::fault::Fault;
use crate::udf::wasm::scalar::first_failed;
use crate::udf::wasm::stream::{check_constants, reads};
use crate::udf::{Error, FunctionInfo, Outcome, StreamFunction, StreamInstance};

type Status = (Result<(), String>,);

/// The functions of the interface that streams use.
pub(super) struct Exports {
    open: TypedFunc<(String, Vec<Option<Column>>), Status>,
    push: TypedFunc<(Vec<u32>, Vec<Column>), (Result<Given, String>,)>,
    save: TypedFunc<(Vec<u32>,), (Result<Vec<Vec<u8>>, String>,)>,
    load: TypedFunc<(Vec<u32>, Vec<Vec<u8>>, u32), Status>,
    forget: TypedFunc<(Vec<u32>,), Status>,
}

impl Exports {
    pub(super) fn new(code: &Code, running: &mut Running) -> Result<Self, Fault> {
        Ok(Self {
            open: running.export(code, "open")?,
            push: running.export(code, "push")?,
            save: running.export(code, "save")?,
            load: running.export(code, "load")?,
            forget: running.export(code, "forget")?,
        })
    }
}

/// A stream function of a component.
pub(super) struct ComponentStream {
    code: Arc<Code>,
    spec: Arc<FunctionSpec>,
    info: Arc<FunctionInfo>,
}

/// A running stream function.
struct ComponentStreamInstance {
    code: Arc<Code>,
    spec: Arc<FunctionSpec>,
    info: Arc<FunctionInfo>,
    running: Running,
    exports: Exports,
    /// The constant arguments, one value each; an empty column where the argument is none.
    constants: Vec<ArrayRef>,
    constant: Vec<bool>,
    /// By slot, whether it was given state since it was last forgotten.
    used: Vec<bool>,
    /// The error that ended the instance.
    ended: Option<Error>,
}

impl std::fmt::Debug for ComponentStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ComponentStream")
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for ComponentStreamInstance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ComponentStreamInstance")
            .field("info", &self.info)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

impl ComponentStream {
    pub(super) fn new(code: Arc<Code>, spec: FunctionSpec, info: FunctionInfo) -> Self {
        Self {
            code,
            spec: Arc::new(spec),
            info: Arc::new(info),
        }
    }

    fn start(&self, constants: &[Option<ScalarValue>]) -> Result<ComponentStreamInstance, Fault> {
        let (values, constant) = check_constants(&self.spec, &self.info, constants)?;
        let (running, exports) = opened(&self.code, &self.spec, &values, &constant)?;
        Ok(ComponentStreamInstance {
            code: Arc::clone(&self.code),
            spec: Arc::clone(&self.spec),
            info: Arc::clone(&self.info),
            running,
            exports,
            constants: values,
            constant,
            used: Vec::new(),
            ended: None,
        })
    }
}

/// A new instance that is this stream function.
fn opened(
    code: &Code,
    spec: &FunctionSpec,
    values: &[ArrayRef],
    constant: &[bool],
) -> Result<(Running, Exports), Fault> {
    let mut running = code.start()?;
    let exports = Exports::new(code, &mut running)?;
    let columns = (values.iter().zip(constant))
        .map(|(value, is_constant)| is_constant.then(|| to_column(value)))
        .collect();
    let (opened,) = running.call(&exports.open, (spec.export.clone(), columns))?;
    opened.map_err(|message| running.failed(&message))?;
    Ok((running, exports))
}

impl StreamFunction for ComponentStream {
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

impl ComponentStreamInstance {
    /// Runs `work` unless the instance is at its end; a fault of the component ends it.
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
        let given = check(&info, args, &vec![false; args.len()], slots.len())?;
        // A constant's column says nothing that its value does not.
        let args: Vec<ArrayRef> = (given.iter().zip(&self.constants).zip(&self.constant))
            .map(|((column, value), is_constant)| ArrayRef::clone(if *is_constant { value } else { column }))
            .collect();
        let constant = self.constant.clone();
        let batch = Batch {
            slots,
            args: &args,
            constant: &constant,
            rows: slots.len(),
            result_bytes_max: self.code.limits().batch_result_bytes,
        };
        batch.run(info.null_in_null_out, &info.returns, &mut |piece| self.push_once(piece))
    }

    fn push_once(&mut self, batch: &Batch<'_>) -> Result<Outcome, Fault> {
        let args = expand(batch, self.spec.expand_constants)?;
        self.running.check_size(&args)?;
        let columns = args.iter().map(to_column).collect();
        let (given,) = self.running.call(&self.exports.push, (batch.slots.to_vec(), columns))?;
        self.running.outcome(given, &self.info.returns, batch.rows)
    }

    fn note(&mut self, slots: &[u32], used: bool) {
        let length = slots.iter().max().map_or(0, |slot| *slot as usize + 1);
        if self.used.len() < length {
            self.used.resize(length, false);
        }
        for slot in slots {
            self.used[*slot as usize] = used;
        }
    }

    /// Takes all states to a new instance, when this one has little memory left.
    fn renew(&mut self) -> Result<(), Fault> {
        if !self.running.is_worn() {
            return Ok(());
        }
        let slots: Vec<u32> = (0..)
            .zip(&self.used)
            .filter_map(|(slot, used)| used.then_some(slot))
            .collect();
        let mut states = Vec::with_capacity(slots.len());
        for slots in slots.chunks(PLUGIN_SLOTS_PER_SAVE_MAX) {
            states.extend(self.save_once(slots)?);
        }
        (self.running, self.exports) = opened(&self.code, &self.spec, &self.constants, &self.constant)?;
        let pieces = slots
            .chunks(PLUGIN_SLOTS_PER_SAVE_MAX)
            .zip(states.chunks(PLUGIN_SLOTS_PER_SAVE_MAX));
        for (slots, states) in pieces {
            self.load_once(slots, states, self.spec.state_version)?;
        }
        Ok(())
    }

    fn save_once(&mut self, slots: &[u32]) -> Result<Vec<Vec<u8>>, Fault> {
        let (saved,) = self.running.call(&self.exports.save, (slots.to_vec(),))?;
        let saved = saved.map_err(|message| self.running.failed(&message))?;
        if saved.len() != slots.len() {
            let (states, slots) = (saved.len(), slots.len());
            return Err(Fault::BadResult(format!("it saved {states} states of {slots} slots")));
        }
        Ok(saved)
    }

    fn load_once(&mut self, slots: &[u32], states: &[Vec<u8>], version: u32) -> Result<(), Fault> {
        let memory = self.code.limits().memory_bytes;
        if states.iter().map(Vec::len).sum::<usize>() > memory / 4 {
            if slots.len() < 2 {
                return Err(Fault::Limit(format!("memory {}", bytes_text(memory))));
            }
            let half = slots.len() / 2;
            self.load_once(&slots[..half], &states[..half], version)?;
            return self.load_once(&slots[half..], &states[half..], version);
        }
        let params = (slots.to_vec(), states.to_vec(), version);
        let (loaded,) = self.running.call(&self.exports.load, params)?;
        loaded.map_err(|message| self.running.failed(&message))
    }
}

impl StreamInstance for ComponentStreamInstance {
    fn push(&mut self, slots: &[u32], args: &[ArrayRef]) -> Result<ArrayRef, Error> {
        let mut outcome = self.push_rows(slots, args)?;
        if outcome.failed.is_empty() {
            return Ok(outcome.values);
        }
        let failure = outcome.failed.swap_remove(0);
        Err(first_failed(self.code.plugin(), &self.info, failure))
    }

    fn push_rows(&mut self, slots: &[u32], args: &[ArrayRef]) -> Result<Outcome, Error> {
        self.alive(|this| {
            this.renew()?;
            this.note(slots, true);
            this.run(slots, args)
        })
    }

    fn save(&mut self, slots: &[u32]) -> Result<Vec<Vec<u8>>, Error> {
        self.alive(|this| {
            let mut states = Vec::with_capacity(slots.len());
            for slots in slots.chunks(PLUGIN_SLOTS_PER_SAVE_MAX) {
                states.extend(this.save_once(slots)?);
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
            let pieces = slots
                .chunks(PLUGIN_SLOTS_PER_SAVE_MAX)
                .zip(states.chunks(PLUGIN_SLOTS_PER_SAVE_MAX));
            this.note(slots, true);
            for (slots, states) in pieces {
                this.load_once(slots, states, version)?;
            }
            Ok(())
        })
    }

    fn drop_slots(&mut self, slots: &[u32]) -> Result<(), Error> {
        self.alive(|this| {
            this.note(slots, false);
            for slots in slots.chunks(crate::types::limits::PLUGIN_ROWS_PER_CALL_MAX) {
                let (forgotten,) = this.running.call(&this.exports.forget, (slots.to_vec(),))?;
                forgotten.map_err(|message| this.running.failed(&message))?;
            }
            Ok(())
        })
    }
}
