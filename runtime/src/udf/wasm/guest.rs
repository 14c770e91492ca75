//! One running instance: its store, its memory, its arena, and the calls into it.
//!
//! Knows the exports that every columnar plugin has, and not what its functions mean.

use std::ops::Range;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray};
use datafusion::arrow::compute::nullif;
use datafusion::arrow::datatypes::DataType;
use wasmtime::{Instance, Memory, Store, TypedFunc, WasmParams, WasmResults};

use super::arena::Writer;
use super::columns_in::{Input, write_arguments};
use super::columns_out::{Bad, Reader};
use super::descriptor::Descriptor;
use super::engine::Sandbox;
use super::fault::{Fault, from_wasmtime};
use super::limiter::Limiter;
use crate::udf::limits::bytes_text;
use crate::udf::manifest::cut;
use crate::udf::{Limits, Outcome, RowFailure};

/// The row number that stands for no row in particular.
const NO_ROW: u32 = u32::MAX;
/// Bytes of one error report: row, address, bytes.
const REPORT_BYTES: usize = 12;
/// The smallest arena: room for a few short columns, so that it seldom grows.
const ARENA_BYTES_MIN: usize = 64 << 10;
/// The arena's alignment.
const ARENA_ALIGN: u32 = 16;

/// A store as guests have it.
pub(super) type GuestStore = Store<Limiter>;

/// A running instance.
pub(super) struct Guest {
    store: GuestStore,
    instance: Instance,
    memory: Memory,
    alloc: TypedFunc<(u32, u32), u32>,
    free: TypedFunc<(u32, u32, u32), ()>,
    last_error: Option<TypedFunc<(), u64>>,
    arena: Range<usize>,
    limits: Limits,
    call_ticks: u64,
    stack: String,
}

/// Where the parts of a call stand in guest memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) slots: u32,
    pub(super) args: u32,
    pub(super) out: u32,
}

/// What a call hands over.
pub(super) struct Request<'a, I> {
    /// Slot numbers, of a stream function.
    pub(super) slots: &'a [u32],
    /// Number of arguments.
    pub(super) count: usize,
    /// The argument of that number.
    pub(super) input: I,
    /// Rows of the call.
    pub(super) rows: usize,
    /// The type of the result, if there is one.
    pub(super) returns: Option<&'a DataType>,
}

/// A new store under the limits of the sandbox, with the deadline for starting up set.
pub(super) fn new_store(sandbox: &Sandbox) -> GuestStore {
    let limits = sandbox.limits();
    let mut store = Store::new(sandbox.engine(), Limiter::new(limits));
    store.limiter(|limiter| limiter);
    store.set_epoch_deadline(Sandbox::ticks(limits.start_ms));
    store
}

/// The fault in an error of starting up.
pub(super) fn start_fault(store: &mut GuestStore, limits: &Limits, error: &wasmtime::Error) -> Fault {
    let refused = store.data_mut().take_refused();
    from_wasmtime(error, refused, limits.start_ms, &bytes_text(limits.stack_bytes))
}

impl Guest {
    /// Takes over an instance whose module exports what section 1 of the ABI asks, and runs its `_initialize`.
    pub(super) fn new(mut store: GuestStore, instance: Instance, limits: &Limits) -> Result<Self, Fault> {
        let missing = |name: &str| Fault::BadResult(format!("its export {name} is missing"));
        let memory = instance
            .get_memory(&mut store, "memory")
            .ok_or_else(|| missing("memory"))?;
        let alloc = typed(&mut store, &instance, "ww_alloc")?;
        let free = typed(&mut store, &instance, "ww_free")?;
        let last_error = match instance.get_func(&mut store, "ww_last_error") {
            Some(_) => Some(typed(&mut store, &instance, "ww_last_error")?),
            None => None,
        };
        if instance.get_func(&mut store, "_initialize").is_some() {
            let initialize: TypedFunc<(), ()> = typed(&mut store, &instance, "_initialize")?;
            initialize
                .call(&mut store, ())
                .map_err(|e| start_fault(&mut store, limits, &e))?;
        }
        Ok(Self {
            store,
            instance,
            memory,
            alloc,
            free,
            last_error,
            arena: 0..0,
            call_ticks: Sandbox::ticks(limits.call_ms),
            stack: bytes_text(limits.stack_bytes),
            limits: limits.clone(),
        })
    }

    /// An export of the given type.
    pub(super) fn export<P: WasmParams, R: WasmResults>(&mut self, name: &str) -> Result<TypedFunc<P, R>, Fault> {
        typed(&mut self.store, &self.instance, name)
    }

    /// Calls an export under the deadline of a call.
    #[inline]
    pub(super) fn call<P: WasmParams, R: WasmResults>(
        &mut self,
        export: &TypedFunc<P, R>,
        params: P,
    ) -> Result<R, Fault> {
        self.store.set_epoch_deadline(self.call_ticks);
        match export.call(&mut self.store, params) {
            Ok(result) => Ok(result),
            Err(error) => Err(self.fault(&error)),
        }
    }

    /// Calls an export under what is left of the deadline of starting up.
    pub(super) fn call_starting<R: WasmResults>(&mut self, export: &TypedFunc<(), R>) -> Result<R, Fault> {
        export
            .call(&mut self.store, ())
            .map_err(|e| start_fault(&mut self.store, &self.limits, &e))
    }

    #[cold]
    fn fault(&mut self, error: &wasmtime::Error) -> Fault {
        let refused = self.store.data_mut().take_refused();
        match from_wasmtime(error, refused, self.limits.call_ms, &self.stack) {
            // A panic hook may have left its words; what goes wrong now does not matter any more.
            Fault::Trap { reason, .. } => match self.reports(1).ok().and_then(|reports| reports.into_iter().next()) {
                Some((NO_ROW, words)) => Fault::trap(format!("{reason}: {words}")),
                _ => Fault::trap(reason),
            },
            other => other,
        }
    }

    /// Writes slots, arguments and the result's descriptor into the arena.
    pub(super) fn prepare<'a, I>(&mut self, request: &Request<'a, I>) -> Result<Frame, Fault>
    where
        I: Fn(usize) -> Input<'a>,
    {
        loop {
            let memory = self.memory.data_mut(&mut self.store);
            let mut writer = Writer::new(memory, self.arena.clone());
            let frame = write_frame(&mut writer, request);
            match writer.short_of() {
                None => return Ok(frame),
                Some(bytes) => self.grow_arena(bytes)?,
            }
        }
    }

    /// Gets an arena of at least `bytes` bytes from the guest. At most a quarter of its memory: the results want room too.
    #[cold]
    fn grow_arena(&mut self, bytes: usize) -> Result<(), Fault> {
        let bytes_max = self.limits.memory_bytes / 4;
        let too_large = || {
            Fault::TooLarge(format!(
                "memory {}, of which arguments of {} may take a quarter",
                bytes_text(self.limits.memory_bytes),
                bytes_text(bytes)
            ))
        };
        if bytes > bytes_max {
            return Err(too_large());
        }
        let size = bytes.next_power_of_two().max(ARENA_BYTES_MIN).min(bytes_max.max(bytes));
        let (alloc, free) = (self.alloc.clone(), self.free.clone());
        let old = std::mem::replace(&mut self.arena, 0..0);
        if !old.is_empty() {
            self.call(&free, (address(old.start)?, address(old.len())?, ARENA_ALIGN))
                .map_err(|fault| fault.of_export("ww_free"))?;
        }
        let start = self
            .call(&alloc, (address(size)?, ARENA_ALIGN))
            .map_err(|fault| fault.of_export("ww_alloc"))? as usize;
        if start == 0 {
            self.store.data_mut().take_refused();
            return Err(Fault::TooLarge(format!(
                "memory {}",
                bytes_text(self.limits.memory_bytes)
            )));
        }
        if !start.is_multiple_of(ARENA_ALIGN as usize) || start + size > self.memory.data_size(&self.store) {
            return Err(Fault::BadResult(format!(
                "ww_alloc({size}, {ARENA_ALIGN}) gave {start:#x}, which is not aligned or not in its memory"
            )));
        }
        self.arena = start..start + size;
        Ok(())
    }

    /// Reads the result of a call that gave `status`, with the failed rows if there are any.
    #[inline]
    pub(super) fn collect(&mut self, status: i32, out: u32, returns: &DataType, rows: usize) -> Result<Outcome, Fault> {
        if status == 0 {
            return self.read(out, returns, rows).map(Outcome::from);
        }
        self.collect_failed(status, out, returns, rows)
    }

    #[cold]
    fn collect_failed(&mut self, status: i32, out: u32, returns: &DataType, rows: usize) -> Result<Outcome, Fault> {
        if status != 1 {
            return Err(self.failure(status));
        }
        // The result first: asking for the reports is a call, after which the result's buffers may be gone.
        let values = self.read(out, returns, rows)?;
        let mut failed: Vec<RowFailure> = self
            .reports(rows)?
            .into_iter()
            .map(|(row, message)| RowFailure { row, message })
            .collect();
        failed.sort_by_key(|failure| failure.row);
        failed.dedup_by_key(|failure| failure.row);
        match failed.last() {
            None => Err(Fault::BadResult(
                "status 1 says that rows failed, and none is reported".to_owned(),
            )),
            Some(last) if last.row as usize >= rows => Err(Fault::BadResult(format!(
                "row {} is reported as failed in a call of {rows} rows",
                last.row
            ))),
            Some(_) => Ok(Outcome {
                values: null_rows(&values, &failed)?,
                failed,
            }),
        }
    }

    /// The fault of a call without rows that gave `status`, if it is one.
    pub(super) fn check(&mut self, status: i32) -> Result<(), Fault> {
        if status == 0 { Ok(()) } else { Err(self.failure(status)) }
    }

    /// The guest's word for a call that failed as a whole.
    #[cold]
    fn failure(&mut self, status: i32) -> Fault {
        match self.reports(1) {
            Ok(reports) => Fault::Failed(reports.into_iter().next().map_or_else(
                || format!("status {status}, and it left no message"),
                |(_, message)| message,
            )),
            Err(fault) => fault,
        }
    }

    /// Copies the column at `out`.
    pub(super) fn read(&mut self, out: u32, returns: &DataType, rows: usize) -> Result<ArrayRef, Fault> {
        let mut reader = Reader::new(self.memory.data(&self.store), self.limits.result_bytes);
        reader.column(out, returns, rows).map_err(|bad| self.bad(bad))
    }

    fn bad(&self, bad: Bad) -> Fault {
        match bad {
            Bad::Lie(reason) => Fault::BadResult(reason),
            Bad::TooLarge => Fault::Limit(format!("result {}", bytes_text(self.limits.result_bytes))),
        }
    }

    /// Bytes that the guest points at with `address << 32 | bytes`.
    pub(super) fn bytes(&self, pointer: u64, bytes_max: usize, what: &str) -> Result<&[u8], Fault> {
        let (address, bytes) = split(pointer);
        if bytes > bytes_max {
            return Err(Fault::Limit(format!(
                "{what} {}; it has {bytes} bytes",
                bytes_text(bytes_max)
            )));
        }
        let reader = Reader::new(self.memory.data(&self.store), bytes_max);
        reader.range(address, bytes, 1, what).map_err(|bad| self.bad(bad))
    }

    /// At most `count_max` error reports of the guest; more are a lie.
    fn reports(&mut self, count_max: usize) -> Result<Vec<(u32, String)>, Fault> {
        let Some(last_error) = self.last_error.clone() else {
            return Ok(Vec::new());
        };
        self.store.set_epoch_deadline(self.call_ticks);
        let pointer = last_error.call(&mut self.store, ()).map_err(|e| {
            let refused = self.store.data_mut().take_refused();
            from_wasmtime(&e, refused, self.limits.call_ms, &self.stack).of_export("ww_last_error")
        })?;
        let (_, count) = split(pointer);
        if count > count_max {
            return Err(Fault::BadResult(format!(
                "{count} error reports where {count_max} are possible"
            )));
        }
        let reader = Reader::new(self.memory.data(&self.store), 0);
        let table = reader
            .range(split(pointer).0, count * REPORT_BYTES, 4, "error reports")
            .map_err(|bad| self.bad(bad))?;
        table
            .chunks_exact(REPORT_BYTES)
            .map(|report| {
                let field = |i: usize| u32::from_le_bytes([report[i], report[i + 1], report[i + 2], report[i + 3]]);
                let bytes = (field(8) as usize).min(self.limits.message_bytes);
                let text = reader
                    .range(field(4), bytes, 1, "error message")
                    .map_err(|bad| self.bad(bad))?;
                Ok((field(0), cut(&String::from_utf8_lossy(text), self.limits.message_bytes)))
            })
            .collect()
    }
}

/// Writes everything that a call needs, in one pass.
fn write_frame<'a, I>(writer: &mut Writer<'_>, request: &Request<'a, I>) -> Frame
where
    I: Fn(usize) -> Input<'a>,
{
    let out = request
        .returns
        .map_or(0, |data_type| write_out(writer, data_type, request.rows));
    let (slots, place) = writer.take(request.slots.len() * 4);
    if let Some(place) = place {
        for (to, slot) in place.chunks_exact_mut(4).zip(request.slots) {
            to.copy_from_slice(&slot.to_le_bytes());
        }
    }
    let args = write_arguments(writer, request.count, request.rows, &request.input);
    Frame { slots, args, out }
}

/// Lends the buffers of a result: validity with all bits set, and values where their size is known.
fn write_out(writer: &mut Writer<'_>, data_type: &DataType, rows: usize) -> u32 {
    let (out, _) = writer.take(super::descriptor::DESCRIPTOR_BYTES);
    let (validity, place) = writer.take(rows.div_ceil(8));
    if let Some(place) = place {
        place.fill(0xff);
    }
    let values_bytes = match data_type {
        DataType::Boolean => rows.div_ceil(8),
        other => other.primitive_width().map_or(0, |width| width * rows),
    };
    let (values, place) = writer.take(values_bytes);
    if let (DataType::Boolean, Some(place)) = (data_type, place) {
        place.fill(0);
    }
    let descriptor = Descriptor {
        rows: u32::try_from(rows).unwrap_or(u32::MAX),
        validity,
        values: if values_bytes == 0 { 0 } else { values },
        values_bytes: u32::try_from(values_bytes).unwrap_or(u32::MAX),
        ..Descriptor::default()
    };
    writer.write_at(out, &descriptor.to_bytes());
    out
}

/// `values` with null in the failed rows, whatever the guest left there.
fn null_rows(values: &ArrayRef, failed: &[RowFailure]) -> Result<ArrayRef, Fault> {
    let mut mask = vec![false; values.len()];
    for failure in failed {
        mask[failure.row as usize] = true;
    }
    nullif(values, &BooleanArray::from(mask)).map_err(|e| Fault::BadResult(e.to_string()))
}

/// An export by name and type.
fn typed<P: WasmParams, R: WasmResults>(
    store: &mut GuestStore,
    instance: &Instance,
    name: &str,
) -> Result<TypedFunc<P, R>, Fault> {
    instance
        .get_typed_func(store, name)
        .map_err(|e| Fault::BadResult(format!("its export {name} is missing or has the wrong type: {e:#}")))
}

/// `address << 32 | bytes` taken apart.
fn split(pointer: u64) -> (u32, usize) {
    let [low, high] = [pointer & u64::from(u32::MAX), pointer >> 32];
    (
        u32::try_from(high).unwrap_or(u32::MAX),
        usize::try_from(low).unwrap_or(usize::MAX),
    )
}

fn address(n: usize) -> Result<u32, Fault> {
    u32::try_from(n).map_err(|_| Fault::BadResult("an address is beyond 4 GiB".to_owned()))
}
