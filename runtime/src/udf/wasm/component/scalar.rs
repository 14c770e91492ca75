//! Scalar functions of components: a batch in, a column out, over a pool of instances that all of a plugin share.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use parking_lot::Mutex;
use wasmtime::component::TypedFunc;

use super::columns::to_column;
use super::instance::Running;
use super::types::{Column, Given};
use super::{Code, expand};
use crate::udf::manifest::FunctionSpec;
use crate::udf::wasm::batch::{Batch, check};
use crate::udf::wasm::fault::Fault;
use crate::udf::wasm::plugin::Described;
use crate::udf::wasm::scalar::first_failed;
use crate::udf::{Error, FunctionInfo, Outcome, ScalarFunction, Volatility};

/// `call(function, args, rows) -> result<outcome, string>`.
type Call = TypedFunc<(String, Vec<Column>, u32), (Result<Given, String>,)>;

/// The function `call` of a component.
pub(super) fn export(code: &Code, running: &mut Running) -> Result<Call, Fault> {
    running.export(code, "call")
}

/// The instances of one component for scalar calls.
struct Pool {
    code: Arc<Code>,
    idle: Mutex<Vec<(Running, Call)>>,
}

/// A scalar function of a component.
pub(super) struct ComponentScalar {
    pool: Arc<Pool>,
    spec: FunctionSpec,
    info: FunctionInfo,
}

impl std::fmt::Debug for ComponentScalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ComponentScalar")
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

impl ComponentScalar {
    /// The scalar functions of one component.
    pub(super) fn all(code: &Arc<Code>, functions: Vec<Described>) -> Vec<Arc<Self>> {
        let pool = Arc::new(Pool {
            code: Arc::clone(code),
            idle: Mutex::new(Vec::new()),
        });
        functions
            .into_iter()
            .map(|(spec, info)| {
                Arc::new(Self {
                    pool: Arc::clone(&pool),
                    spec,
                    info,
                })
            })
            .collect()
    }

    fn run(&self, args: &[ArrayRef], constant: &[bool], rows: usize) -> Result<Outcome, Fault> {
        let args = check(&self.info, args, constant, rows)?;
        let batch = Batch {
            slots: &[],
            args: &args,
            constant,
            rows,
            result_bytes_max: self.pool.code.limits().batch_result_bytes,
        };
        batch.run(self.info.null_in_null_out, &self.info.returns, &mut |piece| {
            self.call_once(piece).map_err(|fault| match fault {
                Fault::Trap { reason, .. } => Fault::Trap {
                    reason,
                    row: self.trapping_row(piece),
                },
                other => other,
            })
        })
    }

    /// One call. The instance goes back to the pool unless it did what it must not, or has little memory left.
    fn call_once(&self, batch: &Batch<'_>) -> Result<Outcome, Fault> {
        let idle = self.pool.idle.lock().pop();
        let (mut running, export) = match idle {
            Some(idle) => idle,
            None => {
                let mut running = self.pool.code.start()?;
                let export = export(&self.pool.code, &mut running)?;
                (running, export)
            }
        };
        let result = self.call_in(&mut running, &export, batch);
        if !running.is_worn() && result.as_ref().err().is_none_or(Fault::spares_instance) {
            self.pool.idle.lock().push((running, export));
        }
        result
    }

    fn call_in(&self, running: &mut Running, export: &Call, batch: &Batch<'_>) -> Result<Outcome, Fault> {
        let args = expand(batch, self.spec.expand_constants)?;
        running.check_size(&args)?;
        let columns = args.iter().map(to_column).collect();
        let rows = u32::try_from(batch.rows).expect("a call has at most 8192 rows");
        let (given,) = running.call(export, (self.spec.export.clone(), columns, rows))?;
        running.outcome(given, &self.info.returns, batch.rows)
    }

    /// The row that makes a batch trap, found by halving; `None` when the trap does not come again.
    #[cold]
    fn trapping_row(&self, batch: &Batch<'_>) -> Option<u32> {
        if self.info.volatility == Volatility::Volatile {
            return None;
        }
        let traps = |start: usize, rows: usize| match batch.slice(start, rows, |piece| self.call_once(piece)) {
            Ok(_) => Some(false),
            Err(Fault::Trap { .. }) => Some(true),
            Err(_) => None,
        };
        let (mut start, mut rows) = (0, batch.rows);
        while rows > 1 {
            let half = rows / 2;
            if traps(start, half)? {
                rows = half;
            } else {
                start += half;
                rows -= half;
            }
        }
        traps(start, 1)?.then(|| u32::try_from(start).ok()).flatten()
    }
}

impl ScalarFunction for ComponentScalar {
    fn info(&self) -> &FunctionInfo {
        &self.info
    }

    fn call(&self, args: &[ArrayRef], constant: &[bool], rows: usize) -> Result<ArrayRef, Error> {
        let mut outcome = self.call_rows(args, constant, rows)?;
        if outcome.failed.is_empty() {
            return Ok(outcome.values);
        }
        let failure = outcome.failed.swap_remove(0);
        Err(first_failed(self.pool.code.plugin(), &self.info, failure))
    }

    fn call_rows(&self, args: &[ArrayRef], constant: &[bool], rows: usize) -> Result<Outcome, Error> {
        self.run(args, constant, rows)
            .map_err(|fault| fault.name(self.pool.code.plugin(), &self.info.name))
    }
}
