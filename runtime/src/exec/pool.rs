//! The worker threads of the process. Pipelines take turns step by step; a thousand idle ones cost no thread.
//!
//! The pipeline that has used least time is next. A job that takes long, as a call of a plugin may (up to a second), is not
//! interrupted: while workers are held by such jobs, helpers take the others, and the system shares the processors among all threads.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::pipeline::Pipeline;

/// A job that takes longer holds its thread.
const LONG_JOB: Duration = Duration::from_millis(10);
/// How often it is looked whether threads are held.
const LOOK: Duration = Duration::from_millis(5);
/// How long a helper stays after it was last needed.
const HELPER_STAYS: Duration = Duration::from_millis(200);
/// Helpers at once.
const HELPERS_MAX: usize = 64;
/// Jobs that are looked at for the one to be done next.
const LOOKED_AT: usize = 64;
/// How much less than others a pipeline may have used: who did nothing for long gets no more than this for it.
const CREDIT_NS: u64 = 50_000_000;

/// One thing to do.
#[derive(Debug)]
pub(crate) enum Job {
    /// Between steps: look at the sources, commit when it is time, start the next step.
    Drive(Arc<Pipeline>),
    /// One stage of a step in one shard.
    Stage {
        pipeline: Arc<Pipeline>,
        stage: usize,
        shard: usize,
    },
}

impl Job {
    fn pipeline(&self) -> &Arc<Pipeline> {
        match self {
            Self::Drive(pipeline) | Self::Stage { pipeline, .. } => pipeline,
        }
    }
}

/// The threads and what waits for them.
#[derive(Debug)]
pub struct WorkerPool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    watch: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
pub(crate) struct Shared {
    queues: Mutex<Queues>,
    changed: Condvar,
    /// Jobs wait and no thread does.
    crowded: Condvar,
}

#[derive(Debug, Default)]
struct Queues {
    ready: VecDeque<Job>,
    /// Pipelines that wait for data, by the time of their next look.
    parked: BinaryHeap<Reverse<Parked>>,
    next_number: u64,
    is_closed: bool,
    /// By thread, when it began what it works on.
    begun: Vec<Option<Instant>>,
    /// Numbers of helpers that are gone.
    free: Vec<usize>,
    /// Threads that wait for a job.
    idle: usize,
    helpers: usize,
    /// What the pipeline had used whose job was taken last.
    used_ns: u64,
}

impl Queues {
    /// The first job of the pipeline that has used least.
    fn take(&mut self) -> Option<Job> {
        let least = self.used_ns.saturating_sub(CREDIT_NS);
        let used = |job: &Job| job.pipeline().used_ns.load(Ordering::Relaxed).max(least);
        let jobs = self.ready.iter().take(LOOKED_AT).enumerate();
        let (place, used) = jobs
            .map(|(place, job)| (place, used(job)))
            .min_by_key(|(_, used)| *used)?;
        let job = self.ready.remove(place)?;
        job.pipeline().used_ns.fetch_max(used, Ordering::Relaxed);
        self.used_ns = self.used_ns.max(used);
        Some(job)
    }

    /// How many threads are held by a job that takes long.
    fn held(&self) -> usize {
        self.begun
            .iter()
            .flatten()
            .filter(|begun| begun.elapsed() >= LONG_JOB)
            .count()
    }

    /// Whether a job waits and no thread does.
    fn is_crowded(&self) -> bool {
        let is_due = |parked: &Reverse<Parked>| parked.0.due <= Instant::now();
        self.idle == 0 && (!self.ready.is_empty() || self.parked.peek().is_some_and(is_due))
    }

    /// Whether that is so, or will be when the time of a parked pipeline comes.
    fn may_be_crowded(&self) -> bool {
        self.idle == 0 && !(self.ready.is_empty() && self.parked.is_empty())
    }
}

#[derive(Debug)]
struct Parked {
    due: Instant,
    number: u64,
    pipeline: Arc<Pipeline>,
}

impl PartialEq for Parked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Parked {}

impl PartialOrd for Parked {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Parked {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.number).cmp(&(other.due, other.number))
    }
}

impl WorkerPool {
    /// Starts `workers` threads (at least one).
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(workers: usize) -> std::io::Result<Self> {
        let workers = workers.max(1);
        let shared = Arc::new(Shared::default());
        shared.queues.lock().begun = vec![None; workers];
        let threads = (0..workers)
            .map(|number| {
                let shared = Arc::clone(&shared);
                std::thread::Builder::new()
                    .name(format!("worker-{number}"))
                    .spawn(move || shared.work(number, None))
            })
            .collect::<std::io::Result<Vec<_>>>()?;
        let watched = Arc::clone(&shared);
        let watch = std::thread::Builder::new()
            .name("worker-watch".to_owned())
            .spawn(move || watched.watch())?;
        Ok(Self {
            shared,
            threads,
            watch: Some(watch),
        })
    }

    /// Number of threads.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.threads.len()
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Drop for WorkerPool {
    /// Ends the threads after the jobs that they work on.
    fn drop(&mut self) {
        self.shared.queues.lock().is_closed = true;
        self.shared.changed.notify_all();
        self.shared.crowded.notify_all();
        for thread in self.threads.drain(..).chain(self.watch.take()) {
            // A worker catches the panics of its jobs, so it has none of its own to report.
            let _ = thread.join();
        }
        let mut queues = self.shared.queues.lock();
        queues.ready.clear();
        queues.parked.clear();
    }
}

impl Shared {
    pub(crate) fn submit(&self, job: Job) {
        self.submit_all(std::iter::once(job));
    }

    /// Puts several jobs in at once; wakes as many threads.
    pub(crate) fn submit_all(&self, jobs: impl Iterator<Item = Job>) {
        let mut queues = self.queues.lock();
        for job in jobs {
            queues.ready.push_back(job);
            self.changed.notify_one();
        }
        if queues.may_be_crowded() {
            self.crowded.notify_one();
        }
    }

    /// Lets a pipeline be driven again after `pause`.
    pub(crate) fn park(&self, pipeline: Arc<Pipeline>, pause: Duration) {
        let mut queues = self.queues.lock();
        let number = queues.next_number;
        queues.next_number += 1;
        queues.parked.push(Reverse(Parked {
            due: Instant::now() + pause,
            number,
            pipeline,
        }));
        // The thread that sleeps towards the first due time must see an earlier one.
        self.changed.notify_one();
        if queues.may_be_crowded() {
            self.crowded.notify_one();
        }
    }

    /// Does jobs as thread `number` until the pool is closed; a helper (`needed`: when it was last needed), until it is needed no more.
    fn work(&self, number: usize, mut needed: Option<Instant>) {
        while let Some(job) = self.next(number, &mut needed) {
            let pipeline = Arc::clone(job.pipeline());
            let begun = Instant::now();
            match job {
                Job::Drive(pipeline) => pipeline.drive(self),
                Job::Stage { pipeline, stage, shard } => pipeline.run_stage(stage, shard, self),
            }
            let used = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
            pipeline.used_ns.fetch_add(used, Ordering::Relaxed);
        }
    }

    fn next(&self, number: usize, needed: &mut Option<Instant>) -> Option<Job> {
        let mut queues = self.queues.lock();
        queues.begun[number] = None;
        loop {
            if queues.is_closed {
                return None;
            }
            if let Some(needed) = needed {
                if queues.helpers <= queues.held() {
                    *needed = Instant::now();
                } else if needed.elapsed() > HELPER_STAYS {
                    queues.helpers -= 1;
                    queues.free.push(number);
                    return None;
                }
            }
            let due = queues.parked.peek().map(|Reverse(parked)| parked.due);
            if let Some(due) = due.filter(|due| *due <= Instant::now()) {
                let Some(Reverse(parked)) = queues.parked.pop() else {
                    continue;
                };
                debug_assert!(parked.due == due, "the earliest one was looked at");
                // A pipeline that was woken meanwhile is no longer parked; its old entry means nothing.
                if parked.pipeline.unpark() {
                    queues.ready.push_back(Job::Drive(parked.pipeline));
                }
                continue;
            }
            if let Some(job) = queues.take() {
                queues.begun[number] = Some(Instant::now());
                if queues.may_be_crowded() {
                    self.crowded.notify_one();
                }
                return Some(job);
            }
            // A helper looks now and then whether it is still needed.
            let until = needed.map(|_| Instant::now() + HELPER_STAYS);
            queues.idle += 1;
            match due.into_iter().chain(until).min() {
                Some(until) => {
                    let _ = self.changed.wait_until(&mut queues, until);
                }
                None => self.changed.wait(&mut queues),
            }
            queues.idle -= 1;
        }
    }

    /// Starts helpers while jobs wait for threads that are held.
    fn watch(self: &Arc<Self>) {
        let mut helpers: Vec<JoinHandle<()>> = Vec::new();
        let mut queues = self.queues.lock();
        while !queues.is_closed {
            if !queues.is_crowded() {
                match queues.parked.peek().map(|Reverse(parked)| parked.due) {
                    Some(due) if queues.idle == 0 => drop(self.crowded.wait_until(&mut queues, due)),
                    _ => self.crowded.wait(&mut queues),
                }
                continue;
            }
            // Most jobs are done by then.
            drop(queues);
            std::thread::sleep(LOOK);
            queues = self.queues.lock();
            if !queues.is_crowded() || queues.helpers >= queues.held().min(HELPERS_MAX) {
                continue;
            }
            let number = queues.free.pop().unwrap_or(queues.begun.len());
            if number == queues.begun.len() {
                queues.begun.push(None);
            }
            queues.helpers += 1;
            drop(queues);
            helpers.retain(|helper| !helper.is_finished());
            let shared = Arc::clone(self);
            let helper = std::thread::Builder::new()
                .name(format!("helper-{}", helpers.len()))
                .spawn(move || shared.work(number, Some(Instant::now())));
            queues = self.queues.lock();
            match helper {
                Ok(helper) => helpers.push(helper),
                // The workers will do it, later.
                Err(_) => {
                    queues.helpers -= 1;
                    queues.free.push(number);
                }
            }
        }
        drop(queues);
        for helper in helpers {
            let _ = helper.join();
        }
    }
}
