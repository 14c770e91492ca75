//! Memory and tables of one store, bounded; and the memory of what was refused, so that the error can name the limit.

use wasmtime::ResourceLimiter;

use crate::udf::Limits;
use crate::udf::limits::bytes_text;

/// What a guest has taken of its memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct GuestMemory {
    pub(super) bytes: usize,
    bytes_max: usize,
    started_bytes: usize,
    /// The most by which it grew at once since it was started.
    pub(super) largest_step: usize,
}

impl GuestMemory {
    /// Bytes taken since it was started.
    pub(super) fn grown(&self) -> usize {
        self.bytes.saturating_sub(self.started_bytes)
    }

    /// Bytes that could be taken after it was started.
    pub(super) fn growable(&self) -> usize {
        self.bytes_max.saturating_sub(self.started_bytes)
    }

    /// Bytes that can still be taken.
    pub(super) fn left(&self) -> usize {
        self.bytes_max.saturating_sub(self.bytes)
    }
}

/// Says yes or no to growth.
pub(super) struct Limiter {
    memory_bytes_max: usize,
    table_elements_max: usize,
    tables_max: usize,
    memory_bytes: usize,
    started_bytes: usize,
    largest_step: usize,
    refused: Option<String>,
}

impl Limiter {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            memory_bytes_max: limits.memory_bytes,
            table_elements_max: limits.table_elements,
            tables_max: limits.tables,
            memory_bytes: 0,
            started_bytes: 0,
            largest_step: 0,
            refused: None,
        }
    }

    /// Whether most of the memory is taken, so that a next call may want more than is left.
    pub(super) fn is_nearly_full(&self) -> bool {
        self.memory_bytes > self.memory_bytes_max / 4 * 3
    }

    /// What follows is growth.
    pub(super) fn mark_started(&mut self) {
        self.started_bytes = self.memory_bytes;
        self.largest_step = 0;
    }

    /// The memory now.
    pub(super) fn memory(&self) -> GuestMemory {
        GuestMemory {
            bytes: self.memory_bytes,
            bytes_max: self.memory_bytes_max,
            started_bytes: self.started_bytes,
            largest_step: self.largest_step,
        }
    }

    /// Says that the last growth was for the host, and no sign of how the guest grows.
    pub(super) fn set_largest_step(&mut self, bytes: usize) {
        self.largest_step = bytes;
    }

    /// The limit that was last refused, once.
    pub(super) fn take_refused(&mut self) -> Option<String> {
        self.refused.take()
    }
}

impl ResourceLimiter for Limiter {
    /// All memories of the store count together: the plain door has two.
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.memory_bytes.saturating_sub(current).saturating_add(desired);
        if total > self.memory_bytes_max {
            self.refused = Some(format!("memory {}", bytes_text(self.memory_bytes_max)));
            return Ok(false);
        }
        self.largest_step = self.largest_step.max(total.saturating_sub(self.memory_bytes));
        self.memory_bytes = total;
        Ok(true)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        if desired > self.table_elements_max {
            self.refused = Some(format!("table of {} elements", self.table_elements_max));
            return Ok(false);
        }
        Ok(true)
    }

    fn tables(&self) -> usize {
        self.tables_max
    }
}
