//! The columnar door: calls with columns in the guest's own memory (sections 4 and 5 of the ABI).

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryArray, NullArray};
use datafusion::arrow::datatypes::DataType;
use wasmtime::TypedFunc;

use super::batch::Batch;
use super::columns_in::Input;
use super::door::{Described, GuestMemory, PluginCode, ScalarCalls, StreamCalls};
use super::fault::Fault;
use super::frame::{Frame, Request};
use super::guest::Guest;
use super::plugin::Code;
use crate::udf::limits::bytes_text;
use crate::udf::manifest::FunctionSpec;
use crate::udf::{Kind, Limits, Outcome};

/// `NAME(args, rows, out) -> status`.
type ScalarExport = TypedFunc<(u32, u32, u32), i32>;

/// One instance with the scalar exports that were called before, by the place of their functions.
pub(super) struct ColumnarScalars {
    guest: Guest,
    exports: Vec<Option<ScalarExport>>,
}

/// One instance that is a stream function.
pub(super) struct ColumnarStream {
    guest: Guest,
    exports: StreamExports,
    memory_bytes: usize,
}

/// The exports of section 5 of the ABI.
struct StreamExports {
    new: TypedFunc<u32, i32>,
    work: Work,
    save: TypedFunc<(u32, u32, u32), i32>,
    load: TypedFunc<(u32, u32, u32, u32), i32>,
    drop: TypedFunc<(u32, u32), i32>,
}

/// What a function with state does with rows.
enum Work {
    Stream {
        push: TypedFunc<(u32, u32, u32, u32), i32>,
    },
    Aggregate {
        update: TypedFunc<(u32, u32, u32), i32>,
        retract: Option<TypedFunc<(u32, u32, u32), i32>>,
        merge: TypedFunc<(u32, u32, u32), i32>,
        finish: TypedFunc<(u32, u32, u32), i32>,
    },
}

impl Work {
    fn of(code: &Code, function: &FunctionSpec, guest: &mut Guest) -> Result<Self, Fault> {
        let prefix = &function.export;
        if function.kind != Kind::Aggregate {
            let push = guest.export(&format!("{prefix}_push"))?;
            return Ok(Self::Stream { push });
        }
        Ok(Self::Aggregate {
            update: guest.export(&format!("{prefix}_update"))?,
            retract: if code.retracts(function) {
                Some(guest.export(&format!("{prefix}_retract"))?)
            } else {
                None
            },
            merge: guest.export(&format!("{prefix}_merge"))?,
            finish: guest.export(&format!("{prefix}_finish"))?,
        })
    }
}

impl PluginCode for Code {
    type Scalars = ColumnarScalars;
    type Stream = ColumnarStream;

    fn plugin(&self) -> &str {
        Self::plugin(self)
    }

    fn limits(&self) -> &Limits {
        Self::limits(self)
    }

    fn retracts(&self, function: &FunctionSpec) -> bool {
        self.exports(&format!("{}_retract", function.export))
    }

    fn scalars(&self) -> Result<ColumnarScalars, Fault> {
        Ok(ColumnarScalars {
            guest: self.start()?,
            exports: Vec::new(),
        })
    }

    fn set_up(&self, function: &Described, values: &[ArrayRef], constant: &[bool]) -> Result<ColumnarScalars, Fault> {
        let mut guest = self.start()?;
        let new = guest.export(&format!("{}_new", function.spec.export))?;
        open(&mut guest, &new, values, constant)?;
        Ok(ColumnarScalars {
            guest,
            exports: Vec::new(),
        })
    }

    fn stream(&self, function: &Described, values: &[ArrayRef], constant: &[bool]) -> Result<ColumnarStream, Fault> {
        let mut guest = self.start()?;
        let prefix = &function.spec.export;
        let exports = StreamExports {
            new: guest.export(&format!("{prefix}_new"))?,
            work: Work::of(self, &function.spec, &mut guest)?,
            save: guest.export(&format!("{prefix}_save"))?,
            load: guest.export(&format!("{prefix}_load"))?,
            drop: guest.export(&format!("{prefix}_drop"))?,
        };
        open(&mut guest, &exports.new, values, constant)?;
        Ok(ColumnarStream {
            guest,
            exports,
            memory_bytes: self.limits().memory_bytes,
        })
    }
}

/// Calls `NAME_new`: the instance is this function with these constants from now on.
fn open(guest: &mut Guest, new: &TypedFunc<u32, i32>, values: &[ArrayRef], constant: &[bool]) -> Result<(), Fault> {
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
    let status = guest.call(new, frame.args)?;
    guest.check(status)?;
    guest.mark_started();
    Ok(())
}

/// How an argument travels: constants as one value, or once per row for functions that know no constants.
fn input<'a>(function: &Described, batch: &'a Batch<'_>, i: usize) -> Input<'a> {
    match (batch.constant[i], function.spec.expand_constants) {
        (false, _) => Input::Column(&batch.args[i]),
        (true, false) => Input::Constant(&batch.args[i]),
        (true, true) => Input::Expanded(&batch.args[i]),
    }
}

impl ScalarCalls for ColumnarScalars {
    fn call(&mut self, function: &Described, batch: &Batch<'_>) -> Result<Outcome, Fault> {
        let Self { guest, exports } = self;
        if exports.len() <= function.index {
            exports.resize(function.index + 1, None);
        }
        let slot = &mut exports[function.index];
        let export = match slot {
            Some(export) => export,
            None => slot.insert(guest.export(&function.spec.export)?),
        };
        let returns = &function.column;
        let frame = guest.prepare(&Request {
            slots: &[],
            count: batch.args.len(),
            input: |i: usize| input(function, batch, i),
            rows: batch.rows,
            returns: Some(returns),
        })?;
        let status = guest.call(export, (frame.args, count(batch.rows), frame.out))?;
        guest.collect(status, frame.out, returns, batch.rows)
    }

    fn memory(&self) -> GuestMemory {
        self.guest.memory()
    }
}

fn no_aggregate() -> Fault {
    Fault::Arguments("it is no aggregate function, or cannot take rows back".to_owned())
}

impl ColumnarStream {
    fn prepare_rows(
        &mut self,
        function: &Described,
        batch: &Batch<'_>,
        returns: Option<&DataType>,
    ) -> Result<Frame, Fault> {
        self.guest.prepare(&Request {
            slots: batch.slots,
            count: batch.args.len(),
            input: |i: usize| input(function, batch, i),
            rows: batch.rows,
            returns,
        })
    }

    /// Gives rows to an aggregate, or takes them back from it.
    fn take_rows(&mut self, function: &Described, batch: &Batch<'_>, back: bool) -> Result<Outcome, Fault> {
        let export = match &self.exports.work {
            Work::Aggregate { update, .. } if !back => update.clone(),
            Work::Aggregate {
                retract: Some(retract), ..
            } => retract.clone(),
            _ => return Err(no_aggregate()),
        };
        let frame = self.prepare_rows(function, batch, None)?;
        let status = self.guest.call(&export, (frame.slots, frame.args, count(batch.rows)))?;
        let failed = self.guest.failed_rows(status, batch.rows)?;
        let values: ArrayRef = Arc::new(NullArray::new(batch.rows));
        Ok(Outcome { values, failed })
    }

    fn prepare_slots(&mut self, slots: &[u32], returns: Option<&DataType>) -> Result<Frame, Fault> {
        self.guest.prepare(&Request {
            slots,
            count: 0,
            input: |_| Input::Absent,
            rows: slots.len(),
            returns,
        })
    }

    fn prepare_states(&mut self, slots: &[u32], states: &[Vec<u8>]) -> Result<Frame, Fault> {
        // Before they become one column, which could not hold more than 2 GiB.
        if states.iter().map(Vec::len).sum::<usize>() > self.memory_bytes {
            return Err(Fault::TooLarge(format!("memory {}", bytes_text(self.memory_bytes))));
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
}

impl StreamCalls for ColumnarStream {
    fn push(&mut self, function: &Described, batch: &Batch<'_>) -> Result<Outcome, Fault> {
        let Work::Stream { push } = &self.exports.work else {
            return self.take_rows(function, batch, false);
        };
        let push = push.clone();
        let returns = &function.info.returns;
        let frame = self.prepare_rows(function, batch, Some(returns))?;
        let params = (frame.slots, frame.args, count(batch.rows), frame.out);
        let status = self.guest.call(&push, params)?;
        self.guest.collect(status, frame.out, returns, batch.rows)
    }

    fn retract(&mut self, function: &Described, batch: &Batch<'_>) -> Result<Outcome, Fault> {
        self.take_rows(function, batch, true)
    }

    fn merge(&mut self, into: &[u32], from: &[u32]) -> Result<(), Fault> {
        let Work::Aggregate { merge, .. } = &self.exports.work else {
            return Err(no_aggregate());
        };
        let merge = merge.clone();
        let both: Vec<u32> = into.iter().chain(from).copied().collect();
        let frame = self.prepare_slots(&both, None)?;
        let slots = count(into.len());
        let status = self.guest.call(&merge, (frame.slots, frame.slots + 4 * slots, slots))?;
        self.guest.check(status)
    }

    fn finish(&mut self, function: &Described, slots: &[u32]) -> Result<ArrayRef, Fault> {
        let Work::Aggregate { finish, .. } = &self.exports.work else {
            return Err(no_aggregate());
        };
        let finish = finish.clone();
        let returns = &function.info.returns;
        let frame = self.prepare_slots(slots, Some(returns))?;
        let status = self.guest.call(&finish, (frame.slots, count(slots.len()), frame.out))?;
        // A group whose value cannot be had fails the call: there is no row that could be left out.
        if let Some(failure) = self.guest.failed_rows(status, slots.len())?.into_iter().next() {
            return Err(Fault::Failed(failure.message));
        }
        self.guest.read(frame.out, returns, slots.len())
    }

    fn save(&mut self, slots: &[u32]) -> Result<Vec<Vec<u8>>, Fault> {
        let frame = self.prepare_slots(slots, Some(&DataType::Binary))?;
        let params = (frame.slots, count(slots.len()), frame.out);
        let given = self.guest.call(&self.exports.save, params)?;
        self.guest.check(given)?;
        let column = self.guest.read(frame.out, &DataType::Binary, slots.len())?;
        if column.null_count() > 0 {
            return Err(Fault::BadResult("the saved state of a slot is null".to_owned()));
        }
        let states = column.as_binary::<i32>();
        Ok(states.iter().flatten().map(<[u8]>::to_vec).collect())
    }

    fn load(&mut self, slots: &[u32], states: &[Vec<u8>], version: u32) -> Result<(), Fault> {
        let frame = self.prepare_states(slots, states)?;
        let params = (frame.slots, count(slots.len()), frame.args, version);
        let given = self.guest.call(&self.exports.load, params)?;
        self.guest.check(given)
    }

    fn forget(&mut self, slots: &[u32]) -> Result<(), Fault> {
        let frame = self.prepare_slots(slots, None)?;
        let status = self.guest.call(&self.exports.drop, (frame.slots, count(slots.len())))?;
        self.guest.check(status)
    }

    fn memory(&self) -> GuestMemory {
        self.guest.memory()
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).expect("a call has at most 8192 rows")
}
