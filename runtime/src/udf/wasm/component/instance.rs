//! One running component and the calls into it. After a fault that is its own, it is of no more use.

use wasmtime::component::{ComponentNamedList, Instance, Lift, Lower, TypedFunc};

use super::types::{Failure, Given};
use super::{Code, columns};
use crate::udf::limits::bytes_text;
use crate::udf::manifest::cut;
use crate::udf::wasm::engine::Sandbox;
use crate::udf::wasm::fault::{Fault, from_wasmtime};
use crate::udf::wasm::guest::{GuestStore, start_fault};
use crate::udf::wasm::limiter::GuestMemory;
use crate::udf::wasm::reports::{failed_rows, null_rows};
use crate::udf::{Limits, Outcome, RowFailure};
use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::DataType;

/// A running component.
pub(super) struct Running {
    store: GuestStore,
    instance: Instance,
    limits: Limits,
}

impl Running {
    pub(super) fn new(store: GuestStore, instance: Instance, limits: &Limits) -> Self {
        Self {
            store,
            instance,
            limits: limits.clone(),
        }
    }

    /// A function of the interface, when the component has it with the right type.
    pub(super) fn export<P, R>(&mut self, code: &Code, name: &'static str) -> Result<TypedFunc<P, R>, Fault>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        let index = code
            .export(name)
            .ok_or_else(|| Fault::BadResult(format!("its interface has no function {name}")))?;
        self.instance
            .get_typed_func(&mut self.store, index)
            .map_err(|e| Fault::BadResult(format!("its function {name} has the wrong type: {e:#}")))
    }

    /// Calls a function under the deadline of a call.
    pub(super) fn call<P, R>(&mut self, export: &TypedFunc<P, R>, params: P) -> Result<R, Fault>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        self.store.set_epoch_deadline(Sandbox::ticks(self.limits.call_ms));
        // A growth that an earlier call was refused, and lived with, is not the cause of what happens now.
        self.store.data_mut().take_refused();
        export.call(&mut self.store, params).map_err(|error| {
            let refused = self.store.data_mut().take_refused();
            if is_out_of_fuel(&error) {
                return Fault::NoRoom(format!("result {}", bytes_text(self.limits.result_bytes)));
            }
            from_wasmtime(
                &error,
                refused,
                self.limits.call_ms,
                &bytes_text(self.limits.stack_bytes),
            )
        })
    }

    /// Whether another instance should take over: the engines of some languages give back little of what calls used.
    pub(super) fn is_worn(&self) -> bool {
        self.store.data().is_nearly_full()
    }

    /// The memory that it has taken.
    pub(super) fn memory(&self) -> GuestMemory {
        self.store.data().memory()
    }

    /// Says that it is ready for its work; what memory it takes from now on is for that.
    pub(super) fn mark_started(&mut self) {
        self.store.data_mut().mark_started();
    }

    /// The manifest, under what is left of the deadline of starting up.
    pub(super) fn manifest(&mut self, export: &TypedFunc<(), (String,)>) -> Result<String, Fault> {
        self.store.set_hostcall_fuel(self.limits.manifest_bytes);
        let result = export.call(&mut self.store, ());
        self.store.set_hostcall_fuel(self.limits.result_bytes);
        match result {
            Ok((text,)) => Ok(text),
            Err(error) if is_out_of_fuel(&error) => Err(Fault::Limit(format!(
                "manifest {}",
                bytes_text(self.limits.manifest_bytes)
            ))),
            Err(error) => Err(start_fault(&mut self.store, &self.limits, &error)),
        }
    }

    /// Refuses arguments that would take too much of the component's memory, so that fewer rows are tried.
    pub(super) fn check_size(&self, args: &[ArrayRef]) -> Result<(), Fault> {
        let bytes: usize = args
            .iter()
            .map(|array| array.to_data().get_slice_memory_size().unwrap_or(usize::MAX))
            .fold(0, usize::saturating_add);
        if bytes > self.limits.memory_bytes / 8 {
            return Err(Fault::TooLarge(format!(
                "memory {}, of which arguments of {} may take an eighth",
                bytes_text(self.limits.memory_bytes),
                bytes_text(bytes)
            )));
        }
        Ok(())
    }

    /// The outcome in what a call gave.
    pub(super) fn outcome(
        &self,
        given: Result<Given, String>,
        returns: &DataType,
        rows: usize,
    ) -> Result<Outcome, Fault> {
        let given = given.map_err(|message| self.failed(&message))?;
        let values = columns::to_array(given.values, returns, rows).map_err(Fault::BadResult)?;
        if given.failed.is_empty() {
            return Ok(values.into());
        }
        let failed = self.failed_rows(given.failed, rows)?;
        let values = null_rows(&values, &failed)?;
        Ok(Outcome { values, failed })
    }

    /// The rows that a call says have failed, in order.
    pub(super) fn failed_rows(&self, failed: Vec<Failure>, rows: usize) -> Result<Vec<RowFailure>, Fault> {
        if failed.is_empty() {
            return Ok(Vec::new());
        }
        let failed = failed.into_iter().map(|failure| RowFailure {
            row: failure.row,
            message: cut(&failure.message, self.limits.message_bytes),
        });
        failed_rows(failed.collect(), rows)
    }

    /// The fault of a call that the component says has failed.
    pub(super) fn failed(&self, message: &str) -> Fault {
        Fault::Failed(cut(message, self.limits.message_bytes))
    }
}

/// Whether a component gave more than it may; Wasmtime has no type for it.
fn is_out_of_fuel(error: &wasmtime::Error) -> bool {
    format!("{error:#}").contains("fuel allocated for hostcalls has been exhausted")
}
