//! A running query: N shards of one dataflow, driven step by step, with a commit now and then.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::control::Control;
use super::metrics::{Metrics, add};
use super::node_stats::{NodeStats, StateSize};
use super::pool::{Job, Shared as PoolShared};
use super::restart::{Pace, Rebuild};
use super::run::Run;
use super::scan::StepRows;
use super::shard::Outcome;
use super::sink::{ChangeSender, ShardSink};
use super::{Durability, Epilogue, Error, LateLetters, ScanParts, WorkerPool};
use crate::connector::Source;
use crate::operator::{LateRows, RowErrors};
use crate::plan::{Dataflow, NodeId};
use crate::state::Store;
use crate::types::limits::COMMIT_INTERVAL_MS;

/// The shortest pause of a pipeline that found nothing to do.
pub(super) const IDLE_PAUSE_MIN: Duration = Duration::from_micros(500);
/// The longest.
const IDLE_PAUSE_MAX: Duration = Duration::from_millis(50);

/// How a pipeline runs.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Copies of each operator.
    pub shards: usize,
    /// Rows of a step.
    pub step_rows: StepRows,
    /// How often what was done becomes durable.
    pub commit_interval: Duration,
    /// Whether every step ends with a commit after which the operators are made anew and load what was saved. For tests.
    pub reborn_operators: bool,
    /// Whether the end of all sources is the end of time, so that open windows are closed by it. Not where only the reading
    /// ends and more rows may come later.
    pub closes_windows: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            shards: 1,
            step_rows: StepRows::default(),
            commit_interval: Duration::from_millis(COMMIT_INTERVAL_MS),
            reborn_operators: false,
            closes_windows: true,
        }
    }
}

/// What a pipeline is made of.
#[derive(Debug)]
pub struct Parts {
    /// The query's name.
    pub id: String,
    /// Its plan.
    pub dataflow: Dataflow,
    /// For each scan: the opened source and its parts.
    pub sources: BTreeMap<NodeId, (Box<dyn Source>, ScanParts)>,
    /// One sink for each shard.
    pub sinks: Vec<ShardSink>,
    /// What is done after the last step, before the pipeline is finished.
    pub epilogue: Option<Epilogue>,
    /// A push query's writing end, asked before each step whether its reader keeps up.
    pub gate: Option<ChangeSender>,
    /// What to do with rows on which an expression fails.
    pub row_errors: Arc<RowErrors>,
    /// Rows that come too late.
    pub late_rows: Arc<LateRows>,
    /// Where they go, where somebody wants them.
    pub late_letters: Option<LateLetters>,
    /// Where it keeps what must outlive the process.
    pub durability: Durability,
    /// Makes the parts anew from what is durable, after an error that can pass; `None`: any error is the end.
    pub rebuild: Option<Rebuild>,
    /// How it runs.
    pub options: Options,
}

/// Where a pipeline stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It was built and waits for [`Pipeline::begin`].
    Held,
    /// It works, or waits for data.
    Running,
    /// It stands still until it is told to go on; what it did is durable.
    Paused,
    /// It stopped with this error, which can pass: it begins again from what is durable after a pause.
    Restarting(String),
    /// Its sources have ended, or its LIMIT was reached; all is durable.
    Finished,
    /// It was told to stop; all that it did is durable.
    Stopped,
    /// It stopped with this error.
    Failed(String),
}

impl State {
    /// True when it will do nothing more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        !matches!(self, Self::Held | Self::Running | Self::Paused | Self::Restarting(_))
    }
}

/// A running query.
#[derive(Debug)]
pub struct Pipeline {
    id: String,
    options: Options,
    run: Mutex<Arc<Run>>,
    control: Mutex<Control>,
    pub(super) rebuild: Option<Rebuild>,
    pub(super) pace: Mutex<Pace>,
    pub(super) pool: OnceLock<Arc<PoolShared>>,
    remaining: AtomicUsize,
    is_parked: AtomicBool,
    /// Time that workers have spent on it, in nanoseconds; what the pool makes of it to share them fairly.
    pub(super) used_ns: AtomicU64,
    /// A source has woken since the last step began.
    wake_asked: AtomicBool,
    stop_asked: AtomicBool,
    /// Steps that found nothing.
    empty_steps: AtomicU64,
    metrics: Metrics,
    state: Mutex<State>,
    state_changed: Condvar,
}

impl Pipeline {
    /// Builds a pipeline and hands it to the pool.
    ///
    /// # Errors
    /// When an operator or a format cannot be set up.
    pub fn start(parts: Parts, pool: &WorkerPool) -> Result<Arc<Self>, Error> {
        let pipeline = Self::hold(parts)?;
        pipeline.begin(BTreeMap::new(), pool);
        Ok(pipeline)
    }

    /// Hands a held pipeline to the pool. `sources` take the place of those that it was built with.
    pub fn begin(self: &Arc<Self>, sources: BTreeMap<NodeId, Box<dyn Source>>, pool: &WorkerPool) {
        {
            let mut state = self.state.lock();
            if *state != State::Held {
                return;
            }
            *state = State::Running;
        }
        self.control.lock().sources.extend(sources);
        let pool = self.pool.get_or_init(|| Arc::clone(pool.shared()));
        self.wake_with_sources(pool);
        pool.submit(Job::Drive(Arc::clone(self)));
    }

    /// Has the sources wake this pipeline.
    pub(super) fn wake_with_sources(self: &Arc<Self>, pool: &Arc<PoolShared>) {
        for source in self.control.lock().sources.values_mut() {
            let (sleeper, pool) = (Arc::downgrade(self), Arc::clone(pool));
            source.set_waker(Arc::new(move || {
                if let Some(pipeline) = sleeper.upgrade() {
                    pipeline.wake(&pool);
                }
            }));
        }
    }

    /// Builds a pipeline that does nothing before [`Pipeline::begin`].
    ///
    /// # Errors
    /// When an operator or a format cannot be set up.
    pub fn hold(parts: Parts) -> Result<Arc<Self>, Error> {
        let (id, rebuild, options) = (parts.id.clone(), parts.rebuild, parts.options);
        let metrics = Metrics::new(Arc::clone(&parts.row_errors), Arc::clone(&parts.late_rows));
        let (run, control) = Control::build(Parts { rebuild: None, ..parts })?;
        metrics.epoch.store(control.epoch(), Ordering::Relaxed);
        Ok(Arc::new(Self {
            id,
            options,
            run: Mutex::new(Arc::new(run)),
            control: Mutex::new(control),
            rebuild,
            pace: Mutex::new(Pace::new()),
            pool: OnceLock::new(),
            remaining: AtomicUsize::new(0),
            is_parked: AtomicBool::new(false),
            used_ns: AtomicU64::new(0),
            wake_asked: AtomicBool::new(false),
            stop_asked: AtomicBool::new(false),
            empty_steps: AtomicU64::new(0),
            metrics,
            state: Mutex::new(State::Held),
            state_changed: Condvar::new(),
        }))
    }

    /// Takes new parts in place of those that have failed.
    pub(super) fn install(&self, parts: Parts) -> Result<(), Error> {
        let (run, control) = Control::build(parts)?;
        *self.run.lock() = Arc::new(run);
        *self.control.lock() = control;
        Ok(())
    }

    fn run(&self) -> Arc<Run> {
        Arc::clone(&self.run.lock())
    }

    /// The query's name.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.state.lock().clone()
    }

    /// What it counts.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// What each node of the dataflow did so far, by number.
    #[must_use]
    pub fn node_stats(&self) -> Vec<NodeStats> {
        let run = self.run();
        let state_of = |id| StateSize::sum(run.shards.iter().map(|shard| shard.lock().state_size(id)));
        let counters = run.shared.counters.iter().enumerate();
        counters.map(|(id, counters)| counters.stats(state_of(id))).collect()
    }

    /// Writes all state and positions to `store`, which is new, for the query that takes the place of this one, which has stopped.
    ///
    /// # Errors
    /// When a value cannot be written.
    pub fn hand_over(&self, store: &mut Store) -> Result<(), Error> {
        self.control.lock().hand_over(&self.run(), store)
    }

    /// How it stands with its commits, for people: `12 commits (p50 1.2 ms, p99 3.4 ms), epoch 12, begun again 0 times`.
    pub fn commit_words(&self) -> String {
        let totals = self.metrics.totals();
        let ms = |percent| {
            self.metrics
                .commit_times
                .percentile(percent)
                .unwrap_or_default()
                .as_secs_f64()
                * 1e3
        };
        let times = match totals.commits {
            0 => String::new(),
            _ => format!(" (p50 {:.1} ms, p99 {:.1} ms)", ms(50), ms(99)),
        };
        let (commits, epoch, restarts) = (totals.commits, totals.epoch, self.restarts());
        format!("{commits} commits{times}, epoch {epoch}, begun again {restarts} times")
    }

    /// Steps so far that found nothing to do: when it has grown by two, a whole step since then found nothing.
    pub fn empty_steps(&self) -> u64 {
        self.empty_steps.load(Ordering::Acquire)
    }

    /// Asks it to stop after the step that it works on, with a last commit. Does not wait.
    pub fn stop(&self) {
        self.stop_asked.store(true, Ordering::Release);
        let mut state = self.state.lock();
        if *state == State::Held {
            *state = State::Stopped;
            drop(state);
            self.abandon();
            self.state_changed.notify_all();
        }
    }

    /// Lets it stand still after the step that it works on; false where it does not run.
    pub fn pause(&self) -> bool {
        self.change_state(State::Running, State::Paused)
    }

    /// Lets it go on; false where it was not paused.
    pub fn resume(&self) -> bool {
        self.change_state(State::Paused, State::Running)
    }

    fn change_state(&self, from: State, to: State) -> bool {
        let mut state = self.state.lock();
        let is_from = *state == from;
        if is_from {
            *state = to;
        }
        is_from
    }

    /// Waits until it is over, or `timeout` has passed; gives the state.
    pub fn wait(&self, timeout: Duration) -> State {
        let mut state = self.state.lock();
        let until = Instant::now() + timeout;
        while !state.is_over() {
            if self.state_changed.wait_until(&mut state, until).timed_out() {
                break;
            }
        }
        state.clone()
    }

    /// Something came: ends the pause now, or keeps the next one from starting.
    fn wake(self: &Arc<Self>, pool: &PoolShared) {
        self.wake_asked.store(true, Ordering::Release);
        if self.unpark() {
            pool.submit(Job::Drive(Arc::clone(self)));
        }
    }

    /// Ends a pause; false when it was not paused.
    pub(crate) fn unpark(&self) -> bool {
        self.is_parked.swap(false, Ordering::AcqRel)
    }

    /// Between steps: looks at the sources, commits when it is time, and starts the next step, parks, or ends.
    pub(crate) fn drive(self: &Arc<Self>, pool: &PoolShared) {
        match catch_unwind(AssertUnwindSafe(|| self.try_drive(pool))) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.fail(&error),
            Err(panic) => self.fail(&Error::Internal(panic_message(&*panic))),
        }
    }

    fn try_drive(self: &Arc<Self>, pool: &PoolShared) -> Result<(), Error> {
        let run = self.run();
        let mut control = self.control.lock();
        let after_step = std::mem::take(&mut control.after_step);
        let outcome = if after_step {
            self.gather(&run)?
        } else {
            Outcome::default()
        };
        control.is_dirty |= outcome.rows > 0 || outcome.rows_out > 0;
        control.write_late_rows(&self.metrics, run.is_muted())?;
        control.deal_partitions(&run, &self.metrics)?;
        control.end_replay(&run, &outcome)?;
        let is_full = run.shared.is_limit_reached();
        let has_ended = is_full || control.has_ended(&run);
        if has_ended && !is_full && self.options.closes_windows && !control.is_closing {
            control.is_closing = true;
            control.after_step = true;
            drop(control);
            run.shared.clock.end();
            self.start_stage(0, pool);
            return Ok(());
        }
        if has_ended || self.stop_asked.load(Ordering::Acquire) {
            control.close(&run, &self.metrics)?;
            let epilogue = control.epilogue.take().filter(|_| has_ended);
            drop(control);
            match epilogue {
                Some(epilogue) => self.conclude(epilogue)?,
                None => self.end(if has_ended { State::Finished } else { State::Stopped }),
            }
            return Ok(());
        }
        let is_paused = *self.state.lock() == State::Paused;
        if control.is_dirty
            && (is_paused
                || self.options.reborn_operators
                || control.last_commit.elapsed() >= self.options.commit_interval)
        {
            control.commit(&run, &self.metrics)?;
        }
        if is_paused {
            drop(control);
            self.is_parked.store(true, Ordering::Release);
            pool.park(Arc::clone(self), IDLE_PAUSE_MAX);
            return Ok(());
        }
        let moved = outcome.rows > 0 || outcome.has_more;
        let is_held_up = control.gate.as_ref().is_some_and(ChangeSender::is_full);
        if moved {
            control.idle_pause = IDLE_PAUSE_MIN;
        }
        if is_held_up || (after_step && !moved) {
            let wish = outcome.retry_after.unwrap_or(control.idle_pause);
            control.idle_pause = (control.idle_pause * 2).min(IDLE_PAUSE_MAX);
            drop(control);
            self.is_parked.store(true, Ordering::Release);
            pool.park(Arc::clone(self), wish.min(IDLE_PAUSE_MAX));
            // A source that woke before the pause began must not wait for its end.
            if self.wake_asked.swap(false, Ordering::AcqRel) && !is_held_up && self.unpark() {
                pool.submit(Job::Drive(Arc::clone(self)));
            }
            return Ok(());
        }
        control.after_step = true;
        drop(control);
        self.wake_asked.store(false, Ordering::Release);
        self.start_stage(0, pool);
        Ok(())
    }

    /// Runs the epilogue on a thread of its own, and ends then.
    fn conclude(self: &Arc<Self>, epilogue: Epilogue) -> Result<(), Error> {
        let pipeline = Arc::clone(self);
        let run = move || match catch_unwind(AssertUnwindSafe(|| epilogue.run(&pipeline))) {
            Ok(Ok(())) if pipeline.is_stop_asked() => pipeline.end(State::Stopped),
            Ok(Ok(())) => pipeline.end(State::Finished),
            Ok(Err(error)) => pipeline.fail(&error),
            Err(panic) => pipeline.fail(&Error::Internal(panic_message(&*panic))),
        };
        let thread = std::thread::Builder::new().name(format!("query-{}", self.id));
        match thread.spawn(run) {
            Ok(_) => Ok(()),
            Err(error) => Err(Error::Query(format!("the system gives no thread: {error}"))),
        }
    }

    /// Whether it was asked to stop.
    #[must_use]
    pub fn is_stop_asked(&self) -> bool {
        self.stop_asked.load(Ordering::Acquire)
    }

    fn start_stage(self: &Arc<Self>, stage: usize, pool: &PoolShared) {
        let shards = self.run().shards.len();
        self.remaining.store(shards, Ordering::Release);
        pool.submit_all((0..shards).map(|shard| Job::Stage {
            pipeline: Arc::clone(self),
            stage,
            shard,
        }));
    }

    /// Runs one stage in one shard; the last shard of a stage starts the next stage, or ends the step.
    pub(crate) fn run_stage(self: &Arc<Self>, stage: usize, shard: usize, pool: &PoolShared) {
        let run = self.run();
        {
            let mut shard = run.shards[shard].lock();
            let is_muted = run.is_muted();
            let work = AssertUnwindSafe(|| shard.run_stage(stage, self.options.step_rows, &self.metrics, is_muted));
            if let Err(panic) = catch_unwind(work) {
                shard.outcome.error = Some(Error::Internal(panic_message(&*panic)));
            }
        }
        if self.remaining.fetch_sub(1, Ordering::AcqRel) == 1 {
            if stage + 1 < run.shared.stages.count {
                self.start_stage(stage + 1, pool);
            } else {
                pool.submit(Job::Drive(Arc::clone(self)));
            }
        }
    }

    /// What the shards did in the last step, together.
    fn gather(&self, run: &Run) -> Result<Outcome, Error> {
        let all = run.gather()?;
        if all.rows > 0 {
            add(&self.metrics.steps, 1);
        } else if !all.has_more {
            self.empty_steps.fetch_add(1, Ordering::AcqRel);
        }
        Ok(all)
    }

    /// Closes sources and sinks without a last commit.
    pub(super) fn abandon(&self) {
        for shard in &self.run().shards {
            shard.lock().abandon();
        }
        self.control.lock().abandon();
    }

    /// It has stopped, and cannot begin again because of this error.
    pub(crate) fn cannot_go_on(&self, error: &Error) {
        self.end(State::Failed(error.to_string()));
    }

    pub(super) fn end(&self, state: State) {
        *self.state.lock() = state;
        self.state_changed.notify_all();
    }
}

pub(super) fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic without a message".into())
}
