//! Calls of stream functions of components.

use datafusion::arrow::array::ArrayRef;
use wasmtime::component::TypedFunc;

use super::columns::to_column;
use super::instance::Running;
use super::types::{Column, Given};
use super::{Code, expand};
use crate::udf::Outcome;
use crate::udf::limits::bytes_text;
use crate::udf::wasm::batch::Batch;
use crate::udf::wasm::door::{Described, GuestMemory, PluginCode, StreamCalls};
use crate::udf::wasm::fault::Fault;

type Status = (Result<(), String>,);

/// One instance with the functions of the interface that streams use.
pub(in crate::udf::wasm) struct ComponentStream {
    running: Running,
    memory_bytes: usize,
    open: TypedFunc<(String, Vec<Option<Column>>), Status>,
    push: TypedFunc<(Vec<u32>, Vec<Column>), (Result<Given, String>,)>,
    save: TypedFunc<(Vec<u32>,), (Result<Vec<Vec<u8>>, String>,)>,
    load: TypedFunc<(Vec<u32>, Vec<Vec<u8>>, u32), Status>,
    forget: TypedFunc<(Vec<u32>,), Status>,
}

impl ComponentStream {
    pub(super) fn new(code: &Code, mut running: Running) -> Result<Self, Fault> {
        Ok(Self {
            memory_bytes: code.limits().memory_bytes,
            open: running.export(code, "open")?,
            push: running.export(code, "push")?,
            save: running.export(code, "save")?,
            load: running.export(code, "load")?,
            forget: running.export(code, "forget")?,
            running,
        })
    }

    /// From now on it is this function, with these constants.
    pub(super) fn open(&mut self, function: &Described, values: &[ArrayRef], constant: &[bool]) -> Result<(), Fault> {
        let columns = (values.iter().zip(constant))
            .map(|(value, is_constant)| is_constant.then(|| to_column(value)))
            .collect();
        let params = (function.spec.export.clone(), columns);
        let (opened,) = self.running.call(&self.open, params)?;
        opened.map_err(|message| self.running.failed(&message))?;
        self.running.mark_started();
        Ok(())
    }
}

/// Loading lists aggregate functions as skipped, so none gets here.
fn no_aggregate() -> Fault {
    Fault::Arguments("it is no aggregate function".to_owned())
}

impl StreamCalls for ComponentStream {
    fn push(&mut self, function: &Described, batch: &Batch<'_>) -> Result<Outcome, Fault> {
        let args = expand(batch, function.spec.expand_constants)?;
        self.running.check_size(&args)?;
        let columns = args.iter().map(to_column).collect();
        let (given,) = self.running.call(&self.push, (batch.slots.to_vec(), columns))?;
        self.running.outcome(given, &function.info.returns, batch.rows)
    }

    fn retract(&mut self, _function: &Described, _batch: &Batch<'_>) -> Result<Outcome, Fault> {
        Err(no_aggregate())
    }

    fn merge(&mut self, _into: &[u32], _from: &[u32]) -> Result<(), Fault> {
        Err(no_aggregate())
    }

    fn finish(&mut self, _function: &Described, _slots: &[u32]) -> Result<ArrayRef, Fault> {
        Err(no_aggregate())
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
