//! One running instance: its store, its memory, its arena, and the calls into it.
//!
//! Knows the exports that every columnar plugin has, and not what its functions mean.

use std::ops::Range;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use wasmtime::{Instance, Memory, Store, TypedFunc, WasmParams, WasmResults};

use super::arena::Writer;
use super::columns_in::Input;
use super::columns_out::{Bad, Reader};
use super::engine::Sandbox;
use super::fault::{Fault, from_wasmtime};
use super::frame::{Frame, Request, write_frame};
use super::limiter::{GuestMemory, Limiter};
use super::reports::{self, NO_ROW};
use crate::udf::limits::bytes_text;
use crate::udf::{Limits, Outcome, RowFailure};

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

    /// The memory that it has taken.
    pub(super) fn memory(&self) -> GuestMemory {
        self.store.data().memory()
    }

    /// Says that it is ready for its work; what memory it takes from now on is for that.
    pub(super) fn mark_started(&mut self) {
        self.store.data_mut().mark_started();
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
        // A growth that an earlier call was refused, and lived with, is not the cause of what happens now.
        self.store.data_mut().take_refused();
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
            Fault::Trap { reason, .. } => match self.reports(1).unwrap_or_default().pop() {
                Some(words) if words.row == NO_ROW => Fault::trap(format!("{reason}: {}", words.message)),
                _ => Fault::trap(reason),
            },
            other => other,
        }
    }

    /// Writes slots, arguments and the result's descriptor into the arena.
    #[inline]
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
        let largest_step = self.memory().largest_step;
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
        self.store.data_mut().set_largest_step(largest_step);
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
        let failed = reports::failed_rows(self.reports(rows)?, rows)?;
        let values = reports::null_rows(&values, &failed)?;
        Ok(Outcome { values, failed })
    }

    /// The rows that failed in a call without results that gave `status`.
    pub(super) fn failed_rows(&mut self, status: i32, rows: usize) -> Result<Vec<RowFailure>, Fault> {
        match status {
            0 => Ok(Vec::new()),
            1 => reports::failed_rows(self.reports(rows)?, rows),
            other => Err(self.failure(other)),
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
            Ok(mut reports) => Fault::Failed(match reports.pop() {
                Some(report) => report.message,
                None => format!("status {status}, and it left no message"),
            }),
            Err(fault) => fault,
        }
    }

    /// Copies the column at `out`.
    #[inline]
    pub(super) fn read(&mut self, out: u32, returns: &DataType, rows: usize) -> Result<ArrayRef, Fault> {
        let mut reader = Reader::new(self.memory.data(&self.store), self.limits.result_bytes);
        reader.column(out, returns, rows).map_err(|bad| self.bad(bad))
    }

    fn bad(&self, bad: Bad) -> Fault {
        match bad {
            Bad::Lie(reason) => Fault::BadResult(reason),
            Bad::TooLarge => Fault::NoRoom(format!("result {}", bytes_text(self.limits.result_bytes))),
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
    fn reports(&mut self, count_max: usize) -> Result<Vec<RowFailure>, Fault> {
        let Some(last_error) = self.last_error.clone() else {
            return Ok(Vec::new());
        };
        self.store.set_epoch_deadline(self.call_ticks);
        let pointer = last_error.call(&mut self.store, ()).map_err(|e| {
            let refused = self.store.data_mut().take_refused();
            from_wasmtime(&e, refused, self.limits.call_ms, &self.stack).of_export("ww_last_error")
        })?;
        let (address, count) = split(pointer);
        if count > count_max {
            return Err(Fault::BadResult(format!(
                "{count} error reports where {count_max} are possible"
            )));
        }
        let reader = Reader::new(self.memory.data(&self.store), 0);
        reports::read(&reader, address, count, self.limits.message_bytes).map_err(|bad| self.bad(bad))
    }
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
