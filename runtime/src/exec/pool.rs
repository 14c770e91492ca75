//! The worker threads of the process. Pipelines take turns step by step; a thousand idle ones cost no thread.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::pipeline::Pipeline;

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

/// The threads and what waits for them.
#[derive(Debug)]
pub struct WorkerPool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
pub(crate) struct Shared {
    queues: Mutex<Queues>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queues {
    ready: VecDeque<Job>,
    /// Pipelines that wait for data, by the time of their next look.
    parked: BinaryHeap<Reverse<Parked>>,
    next_number: u64,
    is_closed: bool,
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
        let shared = Arc::new(Shared::default());
        let threads = (0..workers.max(1))
            .map(|number| {
                let shared = Arc::clone(&shared);
                std::thread::Builder::new()
                    .name(format!("worker-{number}"))
                    .spawn(move || shared.work())
            })
            .collect::<std::io::Result<Vec<_>>>()?;
        Ok(Self { shared, threads })
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
        for thread in self.threads.drain(..) {
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
        self.queues.lock().ready.push_back(job);
        self.changed.notify_one();
    }

    /// Puts several jobs in at once; wakes as many threads.
    pub(crate) fn submit_all(&self, jobs: impl Iterator<Item = Job>) {
        let mut queues = self.queues.lock();
        for job in jobs {
            queues.ready.push_back(job);
            self.changed.notify_one();
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
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            match job {
                Job::Drive(pipeline) => pipeline.drive(self),
                Job::Stage { pipeline, stage, shard } => pipeline.run_stage(stage, shard, self),
            }
        }
    }

    fn next(&self) -> Option<Job> {
        let mut queues = self.queues.lock();
        loop {
            if queues.is_closed {
                return None;
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
            if let Some(job) = queues.ready.pop_front() {
                return Some(job);
            }
            match due {
                Some(due) => {
                    let _ = self.changed.wait_until(&mut queues, due);
                }
                None => self.changed.wait(&mut queues),
            }
        }
    }
}
