//! Scalar functions: a batch in, a column out, over a pool of instances that all scalar functions of a plugin share. Table functions, whose
//! column has an ARRAY for each row, are called in the same way.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, new_null_array};
use datafusion::scalar::ScalarValue;
use parking_lot::Mutex;

use super::batch::{Batch, check};
use super::door::{Described, PluginCode, ScalarCalls};
use super::fault::{Fault, end_of};
use super::set_ups::{self, SetUps};
use crate::udf::counters::{Counters, Footprint, Instances};
use crate::udf::{Error, FunctionInfo, FunctionTotals, Kind, Outcome, RowFailure, ScalarFunction, Volatility};

/// The instances of one plugin for scalar calls.
struct Pool<D: PluginCode> {
    code: Arc<D>,
    /// Boxed, for an instance is some hundred bytes, and is moved out and in at every call.
    idle: Mutex<Vec<Box<Running<D::Scalars>>>>,
    instances: Arc<Instances>,
}

/// An instance, and what it takes.
struct Running<C> {
    calls: C,
    footprint: Footprint,
}

/// A scalar function of a plugin.
pub(super) struct WasmScalar<D: PluginCode> {
    pool: Arc<Pool<D>>,
    function: Described,
    counters: Counters,
    /// Of a function that is set up with constants, which has instances of its own.
    set_ups: SetUps<Box<Running<D::Scalars>>>,
}

impl<D: PluginCode> std::fmt::Debug for WasmScalar<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WasmScalar")
            .field("info", &self.function.info)
            .finish_non_exhaustive()
    }
}

impl<D: PluginCode> WasmScalar<D> {
    /// The scalar functions of one plugin.
    pub(super) fn all(code: &Arc<D>, functions: Vec<Described>) -> Vec<Arc<dyn ScalarFunction>> {
        let pool = Arc::new(Pool {
            code: Arc::clone(code),
            idle: Mutex::new(Vec::new()),
            instances: Arc::default(),
        });
        let scalar = |function| {
            let pool = Arc::clone(&pool);
            let counters = Counters::of(Arc::clone(&pool.instances));
            Arc::new(Self {
                pool,
                function,
                counters,
                set_ups: SetUps::new(),
            }) as Arc<dyn ScalarFunction>
        };
        functions.into_iter().map(scalar).collect()
    }

    #[inline]
    fn run(&self, args: &[ArrayRef], constant: &[bool], rows: usize) -> Result<Outcome, Fault> {
        let info = &self.function.info;
        let args = check(info, args, constant, rows)?;
        let batch = Batch {
            slots: &[],
            args: &args,
            constant,
            rows,
            result_bytes_max: self.pool.code.limits().batch_result_bytes,
        };
        batch.run(
            info.null_in_null_out,
            &self.function.column,
            &mut |piece| match self.call_once(piece) {
                Err(Fault::Trap { reason, .. }) => Err(Fault::Trap {
                    reason,
                    row: self.trapping_row(piece),
                }),
                Err(Fault::NoRoom(limit)) if info.kind == Kind::Table => self.fewer_rows(limit, piece.rows),
                other => other,
            },
        )
    }

    /// Of a table function the rows say how much comes back: half of them may fit, and one alone that does not has failed.
    #[cold]
    fn fewer_rows(&self, limit: String, rows: usize) -> Result<Outcome, Fault> {
        if rows > 1 {
            return Err(Fault::TooLarge(limit));
        }
        Ok(Outcome {
            values: new_null_array(&self.function.column, 1),
            failed: vec![RowFailure {
                row: 0,
                message: format!("it met its limit: {limit}"),
            }],
        })
    }

    /// One call into the guest. The instance goes back to the pool unless it did what it must not, or should be replaced.
    #[inline]
    fn call_once(&self, batch: &Batch<'_>) -> Result<Outcome, Fault> {
        if !self.function.info.constants.is_empty() {
            return self.call_set_up(batch);
        }
        let idle = self.pool.idle.lock().pop();
        let mut running = match idle {
            Some(running) => running,
            None => self.pool.start()?,
        };
        let (result, goes_on) = self.call_in(&mut running, batch);
        if goes_on {
            self.pool.idle.lock().push(running);
        }
        result
    }

    /// As [`WasmScalar::call_once`], into an instance that is set up with the constants of the batch.
    fn call_set_up(&self, batch: &Batch<'_>) -> Result<Outcome, Fault> {
        let constants = set_ups::of_batch(&self.function, batch)?;
        let mut running = self.with_constants(&constants)?;
        let (result, goes_on) = self.call_in(&mut running, batch);
        if goes_on {
            self.set_ups.give_back(constants, running);
        }
        result
    }

    /// An instance that is set up with these constants.
    fn with_constants(&self, constants: &[ArrayRef]) -> Result<Box<Running<D::Scalars>>, Fault> {
        if let Some(running) = self.set_ups.take(constants) {
            return Ok(running);
        }
        Ok(Box::new(Running {
            calls: set_ups::start(&*self.pool.code, &self.function, constants)?,
            footprint: Footprint::begin(&self.pool.instances),
        }))
    }

    /// What a call into the instance gave, and whether the instance may serve the next one.
    #[inline]
    fn call_in(&self, running: &mut Running<D::Scalars>, batch: &Batch<'_>) -> (Result<Outcome, Fault>, bool) {
        let Running { calls, footprint } = running;
        let result = calls.call(&self.function, batch);
        let goes_on = result.as_ref().err().is_none_or(Fault::spares_instance) && !calls.is_worn();
        if goes_on {
            footprint.set(calls.memory().bytes, 0, 0);
        }
        (result, goes_on)
    }

    /// The row that makes a batch trap, found by halving; `None` when the trap does not come again.
    #[cold]
    fn trapping_row(&self, batch: &Batch<'_>) -> Option<u32> {
        if self.function.info.volatility == Volatility::Volatile {
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

impl<D: PluginCode> Pool<D> {
    #[cold]
    fn start(&self) -> Result<Box<Running<D::Scalars>>, Fault> {
        Ok(Box::new(Running {
            calls: self.code.scalars()?,
            footprint: Footprint::begin(&self.instances),
        }))
    }
}

impl<D: PluginCode> ScalarFunction for WasmScalar<D> {
    fn info(&self) -> &FunctionInfo {
        &self.function.info
    }

    fn totals(&self) -> FunctionTotals {
        self.counters.totals()
    }

    fn call(&self, args: &[ArrayRef], constant: &[bool], rows: usize) -> Result<ArrayRef, Error> {
        let outcome = self.call_rows(args, constant, rows)?;
        all_rows(outcome, self.pool.code.plugin(), self.info())
    }

    fn call_rows(&self, args: &[ArrayRef], constant: &[bool], rows: usize) -> Result<Outcome, Error> {
        self.counters
            .count(rows, || self.run(args, constant, rows), end_of)
            .map_err(|fault| fault.name(self.pool.code.plugin(), &self.function.info.name))
    }

    fn set_up(&self, constants: &[Option<ScalarValue>]) -> Result<(), Error> {
        if self.function.info.constants.is_empty() {
            return Ok(());
        }
        let set_up = || {
            if let Some(constants) = set_ups::of_query(&self.function, constants)? {
                let running = self.with_constants(&constants)?;
                self.set_ups.give_back(constants, running);
            }
            Ok(())
        };
        set_up().map_err(|fault: Fault| fault.name(self.pool.code.plugin(), &self.function.info.name))
    }
}

/// The values, where a failed row is an error.
pub(super) fn all_rows(mut outcome: Outcome, plugin: &str, info: &FunctionInfo) -> Result<ArrayRef, Error> {
    if outcome.failed.is_empty() {
        return Ok(outcome.values);
    }
    let failure = outcome.failed.swap_remove(0);
    Err(Error::Row {
        plugin: plugin.to_owned(),
        function: info.name.clone(),
        row: failure.row,
        message: failure.message,
    })
}
