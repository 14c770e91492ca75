//! What the host answers a plugin that asks: assets always, the rest only where its sidecar grants it (section 12 of the ABI).
//!
//! A module imports functions of `ww`, a component interfaces of `waterwheel:functions`; a module that carries WASI gets the real clock,
//! random bytes and log behind the functions that `wasi_stub` else answers with constants. Nothing here gives a file, a variable of the
//! environment or a connection: docs/adr/0009.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use rand::Rng as _;
use wasmtime::component;
use wasmtime::{Caller, Extern, Linker};

use super::limiter::Limiter;
use crate::types::clock::{Clock, SystemClock};
use crate::types::limits::{PLUGIN_LOG_LINES_PER_SECOND_MAX, PLUGIN_RANDOM_BYTES_MAX};
use crate::udf::manifest::cut;
use crate::udf::terms::{Asset, Grants, Terms};

/// The import module of core modules.
const MODULE: &str = "ww";
/// The interfaces of components, without the version.
const INTERFACES: &str = "waterwheel:functions/";
const INTERFACE_VERSION: &str = "@1.0.0";

/// What one plugin may ask of the process.
#[derive(Debug, Default)]
pub(super) struct Granted {
    plugin: String,
    grants: Grants,
    assets: Arc<[Asset]>,
    message_bytes: usize,
    lines: Mutex<Lines>,
}

/// The lines of the second that runs.
#[derive(Debug, Default)]
struct Lines {
    since: Option<Instant>,
    written: u32,
    left_out: u64,
}

/// What an import needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    Clock,
    Random,
    Log,
}

/// The functions of [`MODULE`].
const FUNCTIONS: &[(&str, Needs)] = &[
    ("asset_bytes", Needs::Nothing),
    ("asset_read", Needs::Nothing),
    ("now_ms", Needs::Clock),
    ("random", Needs::Random),
    ("log", Needs::Log),
];

/// The interfaces behind [`INTERFACES`].
const HOST_INTERFACES: &[(&str, Needs)] = &[
    ("assets", Needs::Nothing),
    ("clock", Needs::Clock),
    ("random", Needs::Random),
    ("log", Needs::Log),
];

impl Granted {
    pub(super) fn new(plugin: &str, terms: &Terms) -> Self {
        Self {
            plugin: plugin.to_owned(),
            grants: terms.grants,
            assets: Arc::clone(&terms.assets),
            message_bytes: terms.limits.message_bytes,
            lines: Mutex::default(),
        }
    }

    pub(super) fn grants(&self) -> Grants {
        self.grants
    }

    /// The grant that is needed and not given; `None`: nothing is missing.
    fn missing(&self, needs: Needs) -> Option<&'static str> {
        match needs {
            Needs::Clock if !self.grants.clock => Some("clock"),
            Needs::Random if !self.grants.random => Some("random"),
            Needs::Log if !self.grants.log => Some("log"),
            _ => None,
        }
    }

    /// Whether a module can have this import: `None`, there is no such thing; an error names the grant that it lacks.
    pub(super) fn function(&self, module: &str, name: &str) -> Option<Result<(), &'static str>> {
        let (_, needs) = FUNCTIONS.iter().find(|(own, _)| module == MODULE && *own == name)?;
        Some(self.missing(*needs).map_or(Ok(()), Err))
    }

    /// The same of an interface that a component imports.
    pub(super) fn interface(&self, name: &str) -> Option<Result<(), &'static str>> {
        let name = name.strip_prefix(INTERFACES)?.strip_suffix(INTERFACE_VERSION)?;
        let (_, needs) = HOST_INTERFACES.iter().find(|(own, _)| *own == name)?;
        Some(self.missing(*needs).map_or(Ok(()), Err))
    }

    pub(super) fn now_ms() -> i64 {
        SystemClock.now_ms()
    }

    pub(super) fn fill_random(bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }

    fn asset(&self, name: &[u8]) -> Option<&Arc<[u8]>> {
        let asset = self.assets.iter().find(|asset| asset.name.as_bytes() == name)?;
        Some(&asset.content)
    }

    /// Writes a text to the log, line by line, each cut to the length of a message. A plugin that writes too much is not shown whole.
    pub(super) fn log(&self, level: Level, text: &str) {
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let Some(left_out) = self.lines.lock().take(Instant::now()) else {
                continue;
            };
            if left_out > 0 {
                tracing::warn!(target: "plugin", "{}: {left_out} lines were left out", self.plugin);
            }
            let line = cut(line, self.message_bytes);
            match level {
                Level::Error => tracing::error!(target: "plugin", "{}: {line}", self.plugin),
                Level::Warn => tracing::warn!(target: "plugin", "{}: {line}", self.plugin),
                Level::Info => tracing::info!(target: "plugin", "{}: {line}", self.plugin),
                Level::Debug => tracing::debug!(target: "plugin", "{}: {line}", self.plugin),
            }
        }
    }
}

impl Lines {
    /// Whether one more line may be written now, and how many were not since one was.
    fn take(&mut self, now: Instant) -> Option<u64> {
        let runs = self.since.is_some_and(|since| now.duration_since(since).as_secs() < 1);
        if !runs {
            self.since = Some(now);
            self.written = 0;
        }
        if self.written == PLUGIN_LOG_LINES_PER_SECOND_MAX {
            self.left_out += 1;
            return None;
        }
        self.written += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

/// How much a line of the log matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

impl Level {
    fn of(number: u32) -> Self {
        match number {
            0 => Self::Error,
            1 => Self::Warn,
            2 => Self::Info,
            _ => Self::Debug,
        }
    }
}

type Guest<'a> = Caller<'a, Limiter>;

/// A guest that points outside of its memory has ended its call.
#[derive(Debug, thiserror::Error)]
#[error("it called {0} with an address outside of its memory")]
struct OutOfBounds(&'static str);

#[derive(Debug, thiserror::Error)]
#[error("it asked for {0} random bytes at once; the limit is {PLUGIN_RANDOM_BYTES_MAX}")]
struct TooManyRandomBytes(usize);

/// Puts the functions that are granted into the linker of a module.
pub(super) fn link(linker: &mut Linker<Limiter>, granted: &Arc<Granted>) -> wasmtime::Result<()> {
    let own = Arc::clone(granted);
    linker.func_wrap(
        MODULE,
        "asset_bytes",
        move |mut guest: Guest<'_>, name: u32, bytes: u32| -> wasmtime::Result<i64> {
            let name = memory(&mut guest, name, bytes).ok_or(OutOfBounds("asset_bytes"))?;
            let size = own.asset(name).map(|content| i64::try_from(content.len()));
            Ok(size.transpose()?.unwrap_or(-1))
        },
    )?;
    let own = Arc::clone(granted);
    linker.func_wrap(
        MODULE,
        "asset_read",
        move |mut guest: Guest<'_>, name: u32, bytes: u32, from: u64, at: u32, count: u32| {
            read_asset(&own, &mut guest, (name, bytes), from, (at, count))
        },
    )?;
    if granted.grants.clock {
        linker.func_wrap(MODULE, "now_ms", Granted::now_ms)?;
    }
    if granted.grants.random {
        linker.func_wrap(
            MODULE,
            "random",
            |mut guest: Guest<'_>, at: u32, bytes: u32| -> wasmtime::Result<()> {
                let bytes = memory(&mut guest, at, bytes).ok_or(OutOfBounds("random"))?;
                if bytes.len() > PLUGIN_RANDOM_BYTES_MAX {
                    return Err(TooManyRandomBytes(bytes.len()).into());
                }
                Granted::fill_random(bytes);
                Ok(())
            },
        )?;
    }
    if granted.grants.log {
        let own = Arc::clone(granted);
        linker.func_wrap(
            MODULE,
            "log",
            move |mut guest: Guest<'_>, level: u32, at: u32, bytes: u32| -> wasmtime::Result<()> {
                let text = memory(&mut guest, at, bytes).ok_or(OutOfBounds("log"))?;
                own.log(Level::of(level), &String::from_utf8_lossy(text));
                Ok(())
            },
        )?;
    }
    Ok(())
}

/// Copies a part of an asset; gives how many bytes that were, fewer than asked for at its end, or -1 where there is no such asset.
fn read_asset(
    granted: &Granted,
    guest: &mut Guest<'_>,
    name: (u32, u32),
    from: u64,
    to: (u32, u32),
) -> wasmtime::Result<i32> {
    let name = memory(guest, name.0, name.1).ok_or(OutOfBounds("asset_read"))?;
    let Some(content) = granted.asset(name) else {
        return Ok(-1);
    };
    let to = memory(guest, to.0, to.1).ok_or(OutOfBounds("asset_read"))?;
    let from = usize::try_from(from).unwrap_or(usize::MAX).min(content.len());
    let rest = &content[from..];
    // What an i32 can say; who wants more asks again.
    let count = rest.len().min(to.len()).min(i32::MAX as usize);
    to[..count].copy_from_slice(&rest[..count]);
    Ok(i32::try_from(count)?)
}

/// A range of the guest's memory, if it is in it.
pub(super) fn memory<'g>(guest: &'g mut Guest<'_>, at: u32, bytes: u32) -> Option<&'g mut [u8]> {
    let Some(Extern::Memory(memory)) = guest.get_export("memory") else {
        return None;
    };
    let start = at as usize;
    let end = start.checked_add(bytes as usize)?;
    memory.data_mut(guest).get_mut(start..end)
}

/// Puts the interfaces that are granted into the linker of a component.
pub(super) fn link_component(linker: &mut component::Linker<Limiter>, granted: &Arc<Granted>) -> wasmtime::Result<()> {
    let name = |interface: &str| format!("{INTERFACES}{interface}{INTERFACE_VERSION}");
    let own = Arc::clone(granted);
    linker
        .instance(&name("assets"))?
        .func_wrap("read", move |_, (asset,): (String,)| {
            Ok((own.asset(asset.as_bytes()).map(|content| content.to_vec()),))
        })?;
    if granted.grants.clock {
        linker
            .instance(&name("clock"))?
            .func_wrap("now-ms", |_, (): ()| Ok((Granted::now_ms(),)))?;
    }
    if granted.grants.random {
        linker
            .instance(&name("random"))?
            .func_wrap("bytes", |_, (count,): (u32,)| {
                let mut bytes = vec![0; (count as usize).min(PLUGIN_RANDOM_BYTES_MAX)];
                if bytes.len() < count as usize {
                    return Err(TooManyRandomBytes(count as usize).into());
                }
                Granted::fill_random(&mut bytes);
                Ok((bytes,))
            })?;
    }
    if granted.grants.log {
        let own = Arc::clone(granted);
        linker
            .instance(&name("log"))?
            .func_wrap("line", move |_, (level, text): (u32, String)| {
                own.log(Level::of(level), &text);
                Ok(())
            })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn lines_have_a_rate() {
        let mut lines = Lines::default();
        let begin = Instant::now();
        let shown = (0..250).filter(|_| lines.take(begin).is_some()).count();
        assert_eq!(shown, PLUGIN_LOG_LINES_PER_SECOND_MAX as usize);
        assert_eq!(
            lines.take(begin + Duration::from_secs(1)),
            Some(150),
            "the next second tells how many were left out"
        );
        assert_eq!(lines.take(begin + Duration::from_secs(1)), Some(0));
    }
}
