//! Scalar functions: a batch in, a column out, over a pool of instances that all scalar functions of a plugin share.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use parking_lot::Mutex;
use wasmtime::TypedFunc;

use super::batch::{Batch, check};
use super::columns_in::Input;
use super::fault::Fault;
use super::frame::Request;
use super::guest::Guest;
use super::plugin::{Code, Described};
use crate::udf::manifest::FunctionSpec;
use crate::udf::{Error, FunctionInfo, Outcome, ScalarFunction, Volatility};

/// `NAME(args, rows, out) -> status`.
type ScalarExport = TypedFunc<(u32, u32, u32), i32>;

/// The instances of one plugin for scalar calls.
struct Pool {
    code: Arc<Code>,
    exports: Vec<String>,
    #[expect(
        clippy::vec_box,
        reason = "an instance is some hundred bytes, and is moved out and in at every call"
    )]
    idle: Mutex<Vec<Box<Pooled>>>,
}

/// One instance with the exports that were called before.
struct Pooled {
    guest: Guest,
    exports: Vec<Option<ScalarExport>>,
}

/// A scalar function of a plugin.
pub(super) struct WasmScalar {
    pool: Arc<Pool>,
    index: usize,
    spec: FunctionSpec,
    info: FunctionInfo,
}

impl std::fmt::Debug for WasmScalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WasmScalar")
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

impl WasmScalar {
    /// The scalar functions of one plugin.
    pub(super) fn all(code: &Arc<Code>, functions: Vec<Described>) -> Vec<Arc<dyn ScalarFunction>> {
        let pool = Arc::new(Pool {
            code: Arc::clone(code),
            exports: functions.iter().map(|(spec, _)| spec.export.clone()).collect(),
            idle: Mutex::new(Vec::new()),
        });
        functions
            .into_iter()
            .enumerate()
            .map(|(index, (spec, info))| {
                Arc::new(Self {
                    pool: Arc::clone(&pool),
                    index,
                    spec,
                    info,
                }) as Arc<dyn ScalarFunction>
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

    /// One call into the guest. The instance goes back to the pool unless it did what it must not.
    fn call_once(&self, batch: &Batch<'_>) -> Result<Outcome, Fault> {
        let idle = self.pool.idle.lock().pop();
        let mut pooled = match idle {
            Some(pooled) => pooled,
            None => self.pool.start()?,
        };
        let result = pooled.call(self, batch);
        if result.as_ref().err().is_none_or(Fault::spares_instance) {
            self.pool.idle.lock().push(pooled);
        }
        result
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

impl Pool {
    #[cold]
    fn start(&self) -> Result<Box<Pooled>, Fault> {
        Ok(Box::new(Pooled {
            guest: self.code.start()?,
            exports: vec![None; self.exports.len()],
        }))
    }
}

impl Pooled {
    fn call(&mut self, function: &WasmScalar, batch: &Batch<'_>) -> Result<Outcome, Fault> {
        let Self { guest, exports } = self;
        let slot = &mut exports[function.index];
        let export = match slot {
            Some(export) => export,
            None => slot.insert(guest.export(&function.pool.exports[function.index])?),
        };
        let returns = &function.info.returns;
        let request = Request {
            slots: &[],
            count: batch.args.len(),
            input: |i: usize| match (batch.constant[i], function.spec.expand_constants) {
                (false, _) => Input::Column(&batch.args[i]),
                (true, false) => Input::Constant(&batch.args[i]),
                (true, true) => Input::Expanded(&batch.args[i]),
            },
            rows: batch.rows,
            returns: Some(returns),
        };
        let frame = guest.prepare(&request)?;
        let rows = u32::try_from(batch.rows).expect("a call has at most 8192 rows");
        let status = guest.call(export, (frame.args, rows, frame.out))?;
        guest.collect(status, frame.out, returns, batch.rows)
    }
}

impl ScalarFunction for WasmScalar {
    fn info(&self) -> &FunctionInfo {
        &self.info
    }

    fn call(&self, args: &[ArrayRef], constant: &[bool], rows: usize) -> Result<ArrayRef, Error> {
        let mut outcome = self.call_rows(args, constant, rows)?;
        if outcome.failed.is_empty() {
            return Ok(outcome.values);
        }
        Err(first_failed(
            self.pool.code.plugin(),
            &self.info,
            outcome.failed.swap_remove(0),
        ))
    }

    fn call_rows(&self, args: &[ArrayRef], constant: &[bool], rows: usize) -> Result<Outcome, Error> {
        self.run(args, constant, rows)
            .map_err(|fault| fault.name(self.pool.code.plugin(), &self.info.name))
    }
}

/// The error of the first failed row, where a failed row is an error.
pub(super) fn first_failed(plugin: &str, info: &FunctionInfo, failure: crate::udf::RowFailure) -> Error {
    Error::Row {
        plugin: plugin.to_owned(),
        function: info.name.clone(),
        row: failure.row,
        message: failure.message,
    }
}
