//! Calls of functions of components that have state.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, NullArray};
use wasmtime::component::TypedFunc;

use super::columns::to_column;
use super::instance::Running;
use super::types::{Column, Failure, Given};
use super::{Code, expand};
use crate::udf::limits::bytes_text;
use crate::udf::wasm::batch::Batch;
use crate::udf::wasm::door::{Described, GuestMemory, PluginCode, StreamCalls};
use crate::udf::wasm::fault::Fault;
use crate::udf::{Kind, Outcome};

type Status = (Result<(), String>,);

/// `open`.
pub(super) type Open = TypedFunc<(String, Vec<Option<Column>>), Status>;

/// `update` and `retract`.
type Take = TypedFunc<(Vec<u32>, Vec<Column>), (Result<Vec<Failure>, String>,)>;

/// One instance with the functions of the interface that its kind uses.
pub(in crate::udf::wasm) struct ComponentStream {
    running: Running,
    memory_bytes: usize,
    open: Open,
    work: Work,
    save: TypedFunc<(Vec<u32>,), (Result<Vec<Vec<u8>>, String>,)>,
    load: TypedFunc<(Vec<u32>, Vec<Vec<u8>>, u32), Status>,
    forget: TypedFunc<(Vec<u32>,), Status>,
}

/// What a function with state does with rows.
enum Work {
    Stream {
        push: TypedFunc<(Vec<u32>, Vec<Column>), (Result<Given, String>,)>,
    },
    Aggregate {
        update: Take,
        retract: Take,
        merge: TypedFunc<(Vec<u32>, Vec<u32>), Status>,
        finish: TypedFunc<(Vec<u32>,), (Result<Given, String>,)>,
    },
}

impl Work {
    fn of(kind: Kind, code: &Code, running: &mut Running) -> Result<Self, Fault> {
        if kind != Kind::Aggregate {
            let push = running.export(code, "push")?;
            return Ok(Self::Stream { push });
        }
        Ok(Self::Aggregate {
            update: running.export(code, "update")?,
            retract: running.export(code, "retract")?,
            merge: running.export(code, "merge")?,
            finish: running.export(code, "finish")?,
        })
    }
}

impl ComponentStream {
    pub(super) fn new(code: &Code, mut running: Running, kind: Kind) -> Result<Self, Fault> {
        Ok(Self {
            memory_bytes: code.limits().memory_bytes,
            open: running.export(code, "open")?,
            work: Work::of(kind, code, &mut running)?,
            save: running.export(code, "save")?,
            load: running.export(code, "load")?,
            forget: running.export(code, "forget")?,
            running,
        })
    }

    /// The arguments as columns, unless they are too large.
    fn columns(&self, function: &Described, batch: &Batch<'_>) -> Result<Vec<Column>, Fault> {
        let args = expand(batch, function.spec.expand_constants)?;
        self.running.check_size(&args)?;
        Ok(args.iter().map(to_column).collect())
    }

    /// Gives rows to an aggregate, or takes them back from it.
    fn take_rows(&mut self, function: &Described, batch: &Batch<'_>, back: bool) -> Result<Outcome, Fault> {
        let columns = self.columns(function, batch)?;
        let call = match &self.work {
            Work::Aggregate { update, .. } if !back => update,
            Work::Aggregate { retract, .. } => retract,
            Work::Stream { .. } => return Err(no_aggregate()),
        };
        let (failed,) = self.running.call(call, (batch.slots.to_vec(), columns))?;
        let failed = failed.map_err(|message| self.running.failed(&message))?;
        let failed = self.running.failed_rows(failed, batch.rows)?;
        let values: ArrayRef = Arc::new(NullArray::new(batch.rows));
        Ok(Outcome { values, failed })
    }

    /// From now on it is this function, with these constants.
    pub(super) fn open(&mut self, function: &Described, values: &[ArrayRef], constant: &[bool]) -> Result<(), Fault> {
        open(&mut self.running, &self.open, function, values, constant)
    }
}

/// Checks that the component has `open`.
pub(super) fn check_open(code: &Code, mut running: Running) -> Result<(), Fault> {
    let _: Open = running.export(code, "open")?;
    Ok(())
}

/// Calls `open`: the instance is this function with these constants from now on.
pub(super) fn open(
    running: &mut Running,
    open: &Open,
    function: &Described,
    values: &[ArrayRef],
    constant: &[bool],
) -> Result<(), Fault> {
    let columns = (values.iter().zip(constant))
        .map(|(value, is_constant)| is_constant.then(|| to_column(value)))
        .collect();
    let (opened,) = running.call(open, (function.spec.export.clone(), columns))?;
    opened.map_err(|message| running.failed(&message))?;
    running.mark_started();
    Ok(())
}

fn no_aggregate() -> Fault {
    Fault::Arguments("it is no aggregate function".to_owned())
}

impl StreamCalls for ComponentStream {
    fn push(&mut self, function: &Described, batch: &Batch<'_>) -> Result<Outcome, Fault> {
        let Work::Stream { push } = &self.work else {
            return self.take_rows(function, batch, false);
        };
        let columns = self.columns(function, batch)?;
        let (given,) = self.running.call(push, (batch.slots.to_vec(), columns))?;
        self.running.outcome(given, &function.info.returns, batch.rows)
    }

    fn retract(&mut self, function: &Described, batch: &Batch<'_>) -> Result<Outcome, Fault> {
        self.take_rows(function, batch, true)
    }

    fn merge(&mut self, into: &[u32], from: &[u32]) -> Result<(), Fault> {
        let Work::Aggregate { merge, .. } = &self.work else {
            return Err(no_aggregate());
        };
        let (merged,) = self.running.call(merge, (into.to_vec(), from.to_vec()))?;
        merged.map_err(|message| self.running.failed(&message))
    }

    fn finish(&mut self, function: &Described, slots: &[u32]) -> Result<ArrayRef, Fault> {
        let Work::Aggregate { finish, .. } = &self.work else {
            return Err(no_aggregate());
        };
        let (given,) = self.running.call(finish, (slots.to_vec(),))?;
        let outcome = self.running.outcome(given, &function.info.returns, slots.len())?;
        match outcome.failed.first() {
            Some(failure) => Err(self.running.failed(&failure.message)),
            None => Ok(outcome.values),
        }
    }

    fn save(&mut self, slots: &[u32]) -> Result<Vec<Vec<u8>>, Fault> {
        let (saved,) = self.running.call(&self.save, (slots.to_vec(),))?;
        saved.map_err(|message| self.running.failed(&message))
    }

    fn load(&mut self, slots: &[u32], states: &[Vec<u8>], version: u32) -> Result<(), Fault> {
        if states.iter().map(Vec::len).sum::<usize>() > self.memory_bytes / 4 {
            return Err(Fault::TooLarge(format!("memory {}", bytes_text(self.memory_bytes))));
        }
        let params = (slots.to_vec(), states.to_vec(), version);
        let (loaded,) = self.running.call(&self.load, params)?;
        loaded.map_err(|message| self.running.failed(&message))
    }

    fn forget(&mut self, slots: &[u32]) -> Result<(), Fault> {
        let (forgotten,) = self.running.call(&self.forget, (slots.to_vec(),))?;
        forgotten.map_err(|message| self.running.failed(&message))
    }

    fn memory(&self) -> GuestMemory {
        self.running.memory()
    }
}
