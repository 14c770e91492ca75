//! What can go wrong inside of a guest, before it is known which function of which plugin it was.

use std::fmt;

use wasmtime::{Trap, WasmBacktrace};

use super::wasi_stub::Left;
use crate::udf::counters::End;
use crate::udf::{Error, Outcome};

/// Why a guest's call did not give a result.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    /// A trap, with what the guest last said.
    Trap {
        /// What happened.
        reason: String,
        /// The first row that traps, where it was looked for.
        row: Option<u32>,
    },
    /// A limit by name and value.
    Limit(String),
    /// As `Limit`, of what the guest wanted to make: memory, or a result.
    NoRoom(String),
    /// The guest broke a rule of the ABI.
    BadResult(String),
    /// The guest said that it failed.
    Failed(String),
    /// The arguments take more memory than there is; nothing was run, and half of the rows may fit.
    TooLarge(String),
    /// The caller's arguments are not what the function takes.
    Arguments(String),
}

impl Fault {
    /// A trap of which no row is known.
    pub(super) fn trap(reason: String) -> Self {
        Self::Trap { reason, row: None }
    }

    /// The fault of an export that is no function of SQL: its trap is not that of a row.
    pub(super) fn of_export(self, name: &str) -> Self {
        match self {
            Self::Trap { reason, .. } => Self::BadResult(format!("{name} trapped: {reason}")),
            other => other,
        }
    }

    /// The same fault where the rows of the call are others to the caller.
    pub(super) fn at_rows(self, outer: impl FnOnce(u32) -> u32) -> Self {
        match self {
            Self::Trap { reason, row: Some(row) } => Self::Trap {
                reason,
                row: Some(outer(row)),
            },
            other => other,
        }
    }

    /// Whether the guest can be used again: it did what it should, and only its function said no.
    pub(super) fn spares_instance(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::TooLarge(_) | Self::Arguments(_))
    }

    /// How a call with it ended, to be counted.
    pub(super) fn end(&self) -> End {
        match self {
            Self::Trap { .. } => End::Trap,
            Self::Limit(_) | Self::TooLarge(_) | Self::NoRoom(_) => End::Limit,
            Self::BadResult(_) | Self::Failed(_) => End::Failure,
            Self::Arguments(_) => End::NotCalled,
        }
    }

    /// The error that names whose it is.
    pub(super) fn name(self, plugin: &str, function: &str) -> Error {
        let (plugin, function) = (plugin.to_owned(), function.to_owned());
        match self {
            Self::Trap { reason, row } => Error::Trap {
                plugin,
                function,
                row,
                reason,
            },
            Self::Limit(limit) | Self::NoRoom(limit) | Self::TooLarge(limit) => Error::Limit {
                plugin,
                function,
                limit,
            },
            Self::BadResult(reason) => Error::BadResult {
                plugin,
                function,
                reason,
            },
            Self::Failed(message) => Error::Failed {
                plugin,
                function,
                message,
            },
            Self::Arguments(reason) => Error::Arguments {
                plugin,
                function,
                reason,
            },
        }
    }
}

impl fmt::Display for Fault {
    /// For a plugin that fails before it has functions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trap { reason, .. } => write!(f, "trapped: {reason}"),
            Self::Limit(limit) | Self::NoRoom(limit) | Self::TooLarge(limit) => write!(f, "met its limit: {limit}"),
            Self::BadResult(reason) | Self::Failed(reason) | Self::Arguments(reason) => f.write_str(reason),
        }
    }
}

/// The fault in what Wasmtime says. `refused` is the growth that the limiter refused during the call: a guest that gets
/// no memory nearly always traps next, and then the limit is the cause to name. `time_ms` is the deadline's name.
pub(super) fn from_wasmtime(error: &wasmtime::Error, refused: Option<String>, time_ms: u64, stack: &str) -> Fault {
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => Fault::Limit(format!("time {time_ms} ms")),
        Some(Trap::StackOverflow) => Fault::Limit(format!("stack {stack}")),
        Some(trap) => match refused {
            Some(limit) => Fault::NoRoom(limit),
            None => Fault::trap(trap_text(*trap, error)),
        },
        None => match refused {
            Some(limit) => Fault::NoRoom(limit),
            None if error.is::<Left>() => Fault::trap(error.root_cause().to_string()),
            // Wasmtime itself counts the tables and memories of a store against the limiter's numbers.
            None => match format!("{error:#}").split_once("resource limit exceeded: ") {
                Some((_, limit)) => Fault::Limit(limit.to_owned()),
                None => Fault::trap(format!("{error:#}")),
            },
        },
    }
}

/// The trap and, where the module has names, the guest's function in which it happened.
fn trap_text(trap: Trap, error: &wasmtime::Error) -> String {
    let text = trap.to_string();
    let text = text.strip_prefix("wasm trap: ").unwrap_or(&text);
    let place = error
        .downcast_ref::<WasmBacktrace>()
        .and_then(|trace| trace.frames().first())
        .and_then(|frame| frame.func_name());
    match place {
        Some(name) => format!("{text} (in {})", name.chars().take(128).collect::<String>()),
        None => text.to_owned(),
    }
}

/// How a call ended, to be counted.
pub(super) fn end_of(result: &Result<Outcome, Fault>) -> End {
    match result {
        Ok(outcome) => End::Done {
            failed_rows: outcome.failed.len(),
        },
        Err(fault) => fault.end(),
    }
}
