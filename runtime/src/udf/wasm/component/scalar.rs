//! Calls of scalar functions of components.

use datafusion::arrow::array::ArrayRef;
use wasmtime::component::TypedFunc;

use super::columns::to_column;
use super::instance::Running;
use super::stream::{self, Open};
use super::types::{Column, Given};
use super::{Code, expand};
use crate::udf::Outcome;
use crate::udf::wasm::batch::Batch;
use crate::udf::wasm::door::{Described, GuestMemory, ScalarCalls};
use crate::udf::wasm::fault::Fault;

/// `call(function, args, rows) -> result<outcome, string>`.
type Call = TypedFunc<(String, Vec<Column>, u32), (Result<Given, String>,)>;

/// One instance with its function `call`.
pub(in crate::udf::wasm) struct ComponentScalars {
    running: Running,
    call: Call,
}

impl ComponentScalars {
    pub(super) fn new(code: &Code, mut running: Running) -> Result<Self, Fault> {
        let call = running.export(code, "call")?;
        Ok(Self { running, call })
    }

    /// One that is this function with these constants.
    pub(super) fn set_up(
        code: &Code,
        mut running: Running,
        function: &Described,
        values: &[ArrayRef],
        constant: &[bool],
    ) -> Result<Self, Fault> {
        let open: Open = running.export(code, "open")?;
        stream::open(&mut running, &open, function, values, constant)?;
        Self::new(code, running)
    }
}

impl ScalarCalls for ComponentScalars {
    fn call(&mut self, function: &Described, batch: &Batch<'_>) -> Result<Outcome, Fault> {
        let args = expand(batch, function.spec.expand_constants)?;
        self.running.check_size(&args)?;
        let columns = args.iter().map(to_column).collect();
        let rows = u32::try_from(batch.rows).expect("a call has at most 8192 rows");
        let params = (function.spec.export.clone(), columns, rows);
        let (given,) = self.running.call(&self.call, params)?;
        self.running.outcome(given, &function.column, batch.rows)
    }

    fn memory(&self) -> GuestMemory {
        self.running.memory()
    }

    fn is_worn(&self) -> bool {
        self.running.is_worn()
    }
}
