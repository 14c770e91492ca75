//! The columnar door: calls with columns in the guest's own memory (sections 4 and 5 of the ABI).

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryArray};
use datafusion::arrow::datatypes::DataType;
use wasmtime::TypedFunc;

use super::batch::Batch;
use super::columns_in::Input;
use super::door::{Described, PluginCode, ScalarCalls, StreamCalls};
use super::fault::Fault;
use super::frame::{Frame, Request};
use super::guest::Guest;
use super::plugin::Code;
use crate::udf::limits::bytes_text;
use crate::udf::{Limits, Outcome};

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
    push: TypedFunc<(u32, u32, u32, u32), i32>,
    save: TypedFunc<(u32, u32, u32), i32>,
    load: TypedFunc<(u32, u32, u32, u32), i32>,
    drop: TypedFunc<(u32, u32), i32>,
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

    fn scalars(&self) -> Result<ColumnarScalars, Fault> {
        Ok(ColumnarScalars {
            guest: self.start()?,
            exports: Vec::new(),
        })
    }

    fn stream(&self, function: &Described, values: &[ArrayRef], constant: &[bool]) -> Result<ColumnarStream, Fault> {
        let mut guest = self.start()?;
        let prefix = &function.spec.export;
        let exports = StreamExports {
            new: guest.export(&format!("{prefix}_new"))?,
            push: guest.export(&format!("{prefix}_push"))?,
            save: guest.export(&format!("{prefix}_save"))?,
            load: guest.export(&format!("{prefix}_load"))?,
            drop: guest.export(&format!("{prefix}_drop"))?,
        };
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
        let status = guest.call(&exports.new, frame.args)?;
        guest.check(status)?;
        Ok(ColumnarStream {
            guest,
            exports,
            memory_bytes: self.limits().memory_bytes,
        })
    }
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
        let returns = &function.info.returns;
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
}

impl ColumnarStream {
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
        let returns = &function.info.returns;
        let frame = self.guest.prepare(&Request {
            slots: batch.slots,
            count: batch.args.len(),
            input: |i: usize| input(function, batch, i),
            rows: batch.rows,
            returns: Some(returns),
        })?;
        let params = (frame.slots, frame.args, count(batch.rows), frame.out);
        let status = self.guest.call(&self.exports.push, params)?;
        self.guest.collect(status, frame.out, returns, batch.rows)
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
}

fn count(n: usize) -> u32 {
    u32::try_from(n).expect("a call has at most 8192 rows")
}
