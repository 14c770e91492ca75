//! The one Wasmtime engine of a registry: what guests may use, and the clock that ends calls that take too long.
//!
//! Deadlines are Wasmtime epochs: one thread counts ticks, generated code compares the count at every loop turn and
//! function entry. A deadline so costs no system call, and bites within two ticks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use wasmtime::{Config, Engine, EngineWeak};

use super::granted::Granted;
use crate::udf::code_cache::CodeCache;
use crate::udf::terms::Terms;
use crate::udf::{CodeCachePlace, Error, Limits};

/// Milliseconds between two ticks of the deadline clock.
const TICK_MS: u64 = 10;

/// Where guests are compiled and run: an engine and its limits. Cheap to clone.
#[derive(Clone)]
pub(in crate::udf) struct Sandbox {
    engine: Engine,
    limits: Arc<Limits>,
    ticking: Arc<AtomicBool>,
    code_cache: Option<Arc<CodeCache>>,
    granted: Arc<Granted>,
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Sandbox {
    /// A sandbox with these limits.
    ///
    /// # Errors
    /// When Wasmtime refuses the configuration, for a stack of zero bytes for example.
    pub(in crate::udf) fn new(limits: Limits) -> Result<Self, Error> {
        Ok(Self {
            engine: Self::engine_of(&limits)?,
            limits: Arc::new(limits),
            ticking: Arc::new(AtomicBool::new(false)),
            code_cache: None,
            granted: Arc::default(),
        })
    }

    fn engine_of(limits: &Limits) -> Result<Engine, Error> {
        let mut config = Config::new();
        config
            .epoch_interruption(true)
            .max_wasm_stack(limits.stack_bytes)
            .parallel_compilation(true)
            // What ABI 1 says is not there; a guest that needs one of these is refused when it is compiled.
            .wasm_multi_memory(false)
            .wasm_memory64(false)
            // Its results may differ between processors, and equal input must give equal output.
            .wasm_relaxed_simd(false);
        Engine::new(&config).map_err(|e| Error::Sandbox {
            reason: format!("{e:#}"),
        })
    }

    /// The same sandbox on the terms of one plugin. The stack belongs to the engine, so another stack is another engine, with a clock of
    /// its own; everything else is the store's.
    ///
    /// # Errors
    /// As [`Sandbox::new`].
    pub(super) fn on_terms(&self, plugin: &str, terms: &Terms) -> Result<Self, Error> {
        let mut sandbox = self.clone();
        if terms.limits.stack_bytes != self.limits.stack_bytes {
            sandbox.engine = Self::engine_of(&terms.limits)?;
            sandbox.ticking = Arc::new(AtomicBool::new(false));
        }
        sandbox.limits = Arc::new(terms.limits.clone());
        sandbox.granted = Arc::new(Granted::new(plugin, terms));
        Ok(sandbox)
    }

    /// What the plugin may ask of the process.
    pub(super) fn granted(&self) -> &Arc<Granted> {
        &self.granted
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The same sandbox with a place for compiled code.
    pub(in crate::udf) fn cached(self, place: &CodeCachePlace) -> Self {
        let code_cache = match place {
            CodeCachePlace::Off => None,
            CodeCachePlace::Directory(directory) => Some(Arc::new(CodeCache::new(directory.clone()))),
        };
        Self { code_cache, ..self }
    }

    pub(in crate::udf) fn code_cache(&self) -> Option<&Arc<CodeCache>> {
        self.code_cache.as_ref()
    }

    pub(in crate::udf) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The same sandbox for a plugin that carries the runtime of its language, which wants more memory and tables than
    /// the functions themselves.
    pub(super) fn with_language_runtime(&self) -> Self {
        let mut limits = Limits::clone(&self.limits);
        limits.memory_bytes = limits.memory_bytes.max(limits.runtime_memory_bytes);
        limits.tables = limits.tables.max(crate::types::limits::PLUGIN_RUNTIME_TABLES_MAX);
        Self {
            limits: Arc::new(limits),
            ..self.clone()
        }
    }

    /// Ticks after which a call of `ms` milliseconds ends: one more than it takes, as the present tick is partly over.
    pub(super) fn ticks(ms: u64) -> u64 {
        ms.div_ceil(TICK_MS) + 1
    }

    /// Starts the deadline clock. Called before the first guest runs, so that a process without plugins has no clock.
    ///
    /// # Errors
    /// When the thread cannot be started: without it no guest may run.
    pub(super) fn start_clock(&self) -> Result<(), Error> {
        if self.ticking.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let engine = self.engine.weak();
        let started = std::thread::Builder::new()
            .name("plugin-deadline".to_owned())
            .spawn(move || tick(&engine));
        match started {
            Ok(_) => Ok(()),
            Err(e) => {
                self.ticking.store(false, Ordering::Release);
                Err(Error::Sandbox {
                    reason: format!("the deadline clock does not start: {e}"),
                })
            }
        }
    }
}

/// Counts until the engine is gone.
fn tick(engine: &EngineWeak) {
    loop {
        std::thread::sleep(Duration::from_millis(TICK_MS));
        match engine.upgrade() {
            Some(engine) => engine.increment_epoch(),
            None => return,
        }
    }
}
