//! After an error that can pass, a query begins again from what is durable: at once at first, then after longer and longer pauses.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::pipeline::{Parts, Pipeline, State};
use super::pool::Job;
use super::{Error, pipeline::panic_message};
use crate::types::Retry;
use crate::types::limits::{RESTART_CALM, RESTART_PAUSE_MAX, RESTART_PAUSE_MIN};

/// Makes the parts of a query anew from what is durable.
pub struct Rebuild(Box<dyn Fn() -> Result<Parts, Error> + Send + Sync>);

impl Rebuild {
    /// From a function that opens sources, sinks and state.
    pub fn new(parts: impl Fn() -> Result<Parts, Error> + Send + Sync + 'static) -> Self {
        Self(Box::new(parts))
    }
}

impl fmt::Debug for Rebuild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rebuild")
    }
}

/// How long to wait before the next start.
#[derive(Debug)]
pub(super) struct Pace {
    pause: Duration,
    begun: Instant,
    restarts: u64,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self {
            pause: RESTART_PAUSE_MIN,
            begun: Instant::now(),
            restarts: 0,
        }
    }

    /// The pause before the next start; one that went well for a while begins from the shortest again.
    fn next(&mut self) -> Duration {
        if self.begun.elapsed() >= RESTART_CALM {
            self.pause = RESTART_PAUSE_MIN;
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(RESTART_PAUSE_MAX);
        pause
    }
}

impl Pipeline {
    /// An error ended the run: begins again later where that can help, else it is over.
    pub(super) fn fail(self: &Arc<Self>, error: &Error) {
        self.abandon();
        if error.retry() == Retry::Never || self.rebuild.is_none() || self.is_stop_asked() {
            tracing::error!(query = %self.id(), "query failed: {error}");
            self.end(State::Failed(error.to_string()));
            return;
        }
        tracing::warn!(query = %self.id(), "query begins again from its last commit: {error}");
        self.end(State::Restarting(error.to_string()));
        let pipeline = Arc::clone(self);
        let thread = std::thread::Builder::new().name(format!("restart-{}", self.id()));
        let run = move || {
            let again = std::panic::AssertUnwindSafe(|| pipeline.begin_again());
            if let Err(panic) = std::panic::catch_unwind(again) {
                pipeline.end(State::Failed(panic_message(&*panic)));
            }
        };
        if let Err(error) = thread.spawn(run) {
            self.end(State::Failed(format!("the system gives no thread: {error}")));
        }
    }

    fn begin_again(self: &Arc<Self>) {
        loop {
            let pause = self.pace.lock().next();
            let until = Instant::now() + pause;
            while Instant::now() < until && !self.is_stop_asked() {
                std::thread::sleep(Duration::from_millis(10).min(pause));
            }
            if self.is_stop_asked() {
                self.end(State::Stopped);
                return;
            }
            let Some(Rebuild(rebuild)) = &self.rebuild else { return };
            match rebuild().and_then(|parts| self.install(parts)) {
                Ok(()) => break,
                Err(error) if error.retry() == Retry::Never => {
                    tracing::error!(query = %self.id(), "query failed: {error}");
                    self.end(State::Failed(error.to_string()));
                    return;
                }
                Err(error) => {
                    tracing::warn!(query = %self.id(), "query cannot begin again yet: {error}");
                    self.end(State::Restarting(error.to_string()));
                }
            }
        }
        {
            let mut pace = self.pace.lock();
            pace.begun = Instant::now();
            pace.restarts += 1;
        }
        self.end(State::Running);
        if let Some(pool) = self.pool.get() {
            self.wake_with_sources(pool);
            pool.submit(Job::Drive(Arc::clone(self)));
        }
    }

    /// How often it has begun again.
    #[must_use]
    pub fn restarts(&self) -> u64 {
        self.pace.lock().restarts
    }
}
