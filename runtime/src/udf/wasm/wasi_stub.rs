//! What a module that cannot do without WASI gets in its place: answers that are always the same and reach nothing.
//!
//! Go links the first version of WASI into every module. Its clock stands still, its random bytes are one constant
//! sequence, there are no arguments, no environment and no files, what it writes goes nowhere, and leaving is a trap. So
//! what a function gives still depends on its arguments and state alone. Why this needs no grant: docs/adr/0008. Where the sidecar
//! grants the clock, random bytes or the log, these are the real ones.

use std::sync::Arc;

use wasmtime::{Caller, Linker, Module};

use super::granted::{Granted, Level, memory};
use super::limiter::Limiter;
use crate::types::limits::{PLUGIN_LOG_LINES_PER_SECOND_MAX, PLUGIN_MESSAGE_BYTES_MAX, PLUGIN_RANDOM_BYTES_MAX};

/// The module of the first version of WASI.
const WASI: &str = "wasi_snapshot_preview1";
/// Success.
const OK: i32 = 0;
/// There is no such file.
const BAD_FILE: i32 = 8;
/// An address is outside of memory.
const FAULT: i32 = 21;
/// An argument has no meaning.
const INVALID: i32 = 28;
/// Pieces of one text that are looked at.
const MAX_PIECES: u32 = 1_024;
/// There is no such function.
const MISSING: i32 = 52;
/// The time, in nanoseconds: not 0, which Go takes for a broken clock.
const NOW_NS: u64 = 1_000_000_000;

/// The end of a guest that asked to leave.
#[derive(Debug, thiserror::Error)]
#[error("it left with code {0}")]
pub(super) struct Left(i32);

/// Whether an import is one of those that [`link`] gives.
pub(super) fn gives(module: &str, name: &str) -> bool {
    module == WASI && NAMES.contains(&name)
}

/// Whether a module asks for any of it.
pub(super) fn wanted(module: &Module) -> bool {
    module.imports().any(|import| import.module() == WASI)
}

/// What Go's modules import, and what C's do by a libc that wants to close its files.
const NAMES: &[&str] = &[
    "args_get",
    "args_sizes_get",
    "clock_time_get",
    "environ_get",
    "environ_sizes_get",
    "fd_close",
    "fd_fdstat_get",
    "fd_fdstat_set_flags",
    "fd_prestat_dir_name",
    "fd_prestat_get",
    "fd_seek",
    "fd_write",
    "poll_oneoff",
    "proc_exit",
    "random_get",
    "sched_yield",
];

/// Puts the stubs into a linker.
pub(super) fn link(linker: &mut Linker<Limiter>, granted: &Arc<Granted>) -> wasmtime::Result<()> {
    type Guest<'a> = Caller<'a, Limiter>;
    let none = |mut guest: Guest<'_>, count: u32, bytes: u32| {
        put(&mut guest, count, &[0; 4]) | put(&mut guest, bytes, &[0; 4])
    };
    linker.func_wrap(WASI, "args_sizes_get", none)?;
    linker.func_wrap(WASI, "environ_sizes_get", none)?;
    linker.func_wrap(WASI, "args_get", |_: u32, _: u32| OK)?;
    linker.func_wrap(WASI, "environ_get", |_: u32, _: u32| OK)?;
    let real_clock = granted.grants().clock;
    linker.func_wrap(
        WASI,
        "clock_time_get",
        move |mut guest: Guest<'_>, _: u32, _: u64, at: u32| {
            let now = if real_clock { now_ns() } else { NOW_NS };
            put(&mut guest, at, &now.to_le_bytes())
        },
    )?;
    if granted.grants().random {
        linker.func_wrap(WASI, "random_get", real_random)?;
    } else {
        linker.func_wrap(WASI, "random_get", random)?;
    }
    linker.func_wrap(WASI, "sched_yield", || OK)?;
    linker.func_wrap(WASI, "poll_oneoff", |_: u32, _: u32, _: u32, _: u32| MISSING)?;
    let own = Arc::clone(granted);
    linker.func_wrap(
        WASI,
        "fd_write",
        move |mut guest: Guest<'_>, file: u32, pieces: u32, count: u32, written: u32| {
            if own.grants().log {
                log(&own, &mut guest, file, pieces, count);
            }
            write(guest, file, pieces, count, written)
        },
    )?;
    linker.func_wrap(WASI, "fd_close", |_: u32| BAD_FILE)?;
    linker.func_wrap(WASI, "fd_fdstat_get", |_: u32, _: u32| BAD_FILE)?;
    linker.func_wrap(WASI, "fd_fdstat_set_flags", |_: u32, _: u32| BAD_FILE)?;
    linker.func_wrap(WASI, "fd_prestat_get", |_: u32, _: u32| BAD_FILE)?;
    linker.func_wrap(WASI, "fd_prestat_dir_name", |_: u32, _: u32, _: u32| BAD_FILE)?;
    linker.func_wrap(WASI, "fd_seek", |_: u32, _: u64, _: u32, _: u32| BAD_FILE)?;
    linker.func_wrap(WASI, "proc_exit", |code: i32| -> wasmtime::Result<()> {
        Err(Left(code).into())
    })?;
    Ok(())
}

/// The same bytes for the same length, in any instance and at any time.
fn random(mut guest: Caller<'_, Limiter>, at: u32, bytes: u32) -> i32 {
    let Some(memory) = memory(&mut guest, at, bytes) else {
        return FAULT;
    };
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for piece in memory.chunks_mut(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        piece.copy_from_slice(&state.to_le_bytes()[..piece.len()]);
    }
    OK
}

/// The time of now. A clock that only goes on is the same here: a step backwards of the machine's is one of it, too.
fn now_ns() -> u64 {
    u64::try_from(Granted::now_ms()).unwrap_or(0).saturating_mul(1_000_000)
}

fn real_random(mut guest: Caller<'_, Limiter>, at: u32, bytes: u32) -> i32 {
    match memory(&mut guest, at, bytes) {
        Some(memory) if memory.len() <= PLUGIN_RANDOM_BYTES_MAX => {
            Granted::fill_random(memory);
            OK
        }
        Some(_) => INVALID,
        None => FAULT,
    }
}

/// What goes to standard output and standard error goes to the log. What is not in memory is for [`write`] to refuse.
fn log(granted: &Granted, guest: &mut Caller<'_, Limiter>, file: u32, pieces: u32, count: u32) {
    let level = match file {
        1 => Level::Info,
        2 => Level::Warn,
        _ => return,
    };
    // One text may come in pieces; what is longer than all lines of a second is not looked at.
    let most = PLUGIN_LOG_LINES_PER_SECOND_MAX as usize * PLUGIN_MESSAGE_BYTES_MAX;
    let Some(table) = memory(guest, pieces, count.min(MAX_PIECES).saturating_mul(8)) else {
        return;
    };
    let number = |bytes: &[u8]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let pieces: Vec<(u32, u32)> = (table.chunks_exact(8))
        .map(|piece| (number(&piece[..4]), number(&piece[4..])))
        .collect();
    let mut text = Vec::new();
    for (at, bytes) in pieces {
        let Some(piece) = memory(guest, at, bytes) else {
            return;
        };
        let left = most - text.len();
        text.extend_from_slice(&piece[..piece.len().min(left)]);
    }
    granted.log(level, &String::from_utf8_lossy(&text));
}

/// Says that all was written.
fn write(mut guest: Caller<'_, Limiter>, _file: u32, pieces: u32, count: u32, written: u32) -> i32 {
    let Some(table) = memory(&mut guest, pieces, count.saturating_mul(8)) else {
        return FAULT;
    };
    let bytes = table
        .chunks_exact(8)
        .map(|piece| u32::from_le_bytes([piece[4], piece[5], piece[6], piece[7]]))
        .fold(0_u32, u32::saturating_add);
    put(&mut guest, written, &bytes.to_le_bytes())
}

fn put(guest: &mut Caller<'_, Limiter>, at: u32, bytes: &[u8]) -> i32 {
    match memory(guest, at, u32::try_from(bytes.len()).unwrap_or(u32::MAX)) {
        Some(memory) => {
            memory.copy_from_slice(bytes);
            OK
        }
        None => FAULT,
    }
}
