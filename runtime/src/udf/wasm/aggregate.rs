//! Aggregate functions: the instance of a function with state, asked for the value of a group instead of that of a row.

use datafusion::arrow::array::{Array, ArrayRef, new_empty_array};
use datafusion::arrow::compute::concat;
use datafusion::arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;

use super::door::{PluginCode, StreamCalls};
use super::fault::Fault;
use super::scalar::all_rows;
use super::stream::{WasmStream, WasmStreamInstance};
use crate::udf::{
    AggregateFunction, AggregateInstance, Error, FunctionInfo, FunctionTotals, Outcome, RowFailure, StreamFunction,
    StreamInstance,
};

impl<D: PluginCode> AggregateFunction for WasmStream<D> {
    fn info(&self) -> &FunctionInfo {
        StreamFunction::info(self)
    }

    fn totals(&self) -> FunctionTotals {
        StreamFunction::totals(self)
    }

    fn instance(&self, constants: &[Option<ScalarValue>]) -> Result<Box<dyn AggregateInstance>, Error> {
        Ok(Box::new(self.start_named(constants)?))
    }

    fn retracts(&self) -> bool {
        self.code.retracts(&self.function.spec)
    }

    fn state_version(&self) -> u32 {
        StreamFunction::state_version(self)
    }

    fn older_state_versions(&self) -> &[u32] {
        StreamFunction::older_state_versions(self)
    }
}

impl<D: PluginCode> WasmStreamInstance<D> {
    /// Gives rows, or takes them back; the first row that failed is an error.
    fn take(&mut self, slots: &[u32], args: &[ArrayRef], back: bool) -> Result<(), Error> {
        let outcome = self.take_rows(slots, args, back)?;
        all_rows(outcome, self.plugin(), self.info()).map(drop)
    }

    fn take_rows(&mut self, slots: &[u32], args: &[ArrayRef], back: bool) -> Result<Outcome, Error> {
        self.alive(|this| {
            this.run(slots, args, &DataType::Null, |calls, function, piece| {
                if back {
                    calls.retract(function, piece)
                } else {
                    calls.push(function, piece)
                }
            })
        })
    }
}

impl<D: PluginCode> AggregateInstance for WasmStreamInstance<D> {
    fn update(&mut self, slots: &[u32], args: &[ArrayRef]) -> Result<(), Error> {
        self.take(slots, args, false)
    }

    fn retract(&mut self, slots: &[u32], args: &[ArrayRef]) -> Result<(), Error> {
        self.take(slots, args, true)
    }

    fn update_rows(&mut self, slots: &[u32], args: &[ArrayRef]) -> Result<Vec<RowFailure>, Error> {
        Ok(self.take_rows(slots, args, false)?.failed)
    }

    fn retract_rows(&mut self, slots: &[u32], args: &[ArrayRef]) -> Result<Vec<RowFailure>, Error> {
        Ok(self.take_rows(slots, args, true)?.failed)
    }

    fn merge(&mut self, into: &[u32], from: &[u32]) -> Result<(), Error> {
        self.alive(|this| {
            if into.len() != from.len() {
                let (into, from) = (into.len(), from.len());
                return Err(Fault::Arguments(format!("{from} slots to merge into {into}")));
            }
            this.resident.merge(into, from)
        })
    }

    fn finish(&mut self, slots: &[u32]) -> Result<ArrayRef, Error> {
        self.alive(|this| {
            let values = this.resident.finish(slots)?;
            let values: Vec<&dyn Array> = values.iter().map(AsRef::as_ref).collect();
            match values.as_slice() {
                [] => Ok(new_empty_array(&this.resident.function.info.returns)),
                pieces => concat(pieces).map_err(|e| Fault::Limit(format!("one column: {e}"))),
            }
        })
    }

    fn save(&mut self, slots: &[u32]) -> Result<Vec<Vec<u8>>, Error> {
        StreamInstance::save(self, slots)
    }

    fn load(&mut self, slots: &[u32], states: &[Vec<u8>], version: u32) -> Result<(), Error> {
        StreamInstance::load_version(self, slots, states, version)
    }

    fn drop_slots(&mut self, slots: &[u32]) -> Result<(), Error> {
        StreamInstance::drop_slots(self, slots)
    }

    fn state_bytes(&self) -> usize {
        StreamInstance::state_bytes(self)
    }
}
