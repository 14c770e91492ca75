//! What a function of a plugin did since it was loaded, over all queries: counted for each batch, never for each row.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::limits::bytes_text;

/// Batches of fewer rows are timed now and then: looking at the clock would take as long as the call.
const ROWS_TIMED: usize = 64;
/// Of those, one in so many is.
const TIMED_ONE_IN: u64 = 16;

/// What a function of a plugin did since it was loaded, over all queries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FunctionTotals {
    /// Batches given to it.
    pub calls: u64,
    /// Rows of these.
    pub rows: u64,
    /// Rows that it said have failed.
    pub failed_rows: u64,
    /// Calls that trapped.
    pub traps: u64,
    /// Calls that met a limit.
    pub limits: u64,
    /// Calls that failed in another way: said so, or gave a bad result.
    pub failures: u64,
    /// Time spent in it, copies included; of small batches estimated from one in 16, after the first ones.
    pub busy: Duration,
    /// Its instances now. Scalar functions of a plugin share theirs.
    pub instances: u64,
    /// Memory of these.
    pub memory_bytes: u64,
    /// Keys whose state it keeps now.
    pub states: u64,
    /// Bytes of states that its memory does not hold.
    pub host_bytes: u64,
    /// States that went from its memory to the host.
    pub evicted: u64,
    /// Bytes of states that were saved.
    pub saved_bytes: u64,
}

/// The counters of one function.
#[derive(Debug, Default)]
pub(super) struct Counters {
    calls: AtomicU64,
    rows: AtomicU64,
    failed_rows: AtomicU64,
    traps: AtomicU64,
    limits: AtomicU64,
    failures: AtomicU64,
    busy_ns: AtomicU64,
    evicted: AtomicU64,
    saved_bytes: AtomicU64,
    instances: Arc<Instances>,
}

/// The instances of one function, or of all scalar functions of a plugin.
#[derive(Debug, Default)]
pub(super) struct Instances {
    running: AtomicU64,
    memory_bytes: AtomicU64,
    states: AtomicU64,
    host_bytes: AtomicU64,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// With a result, in which so many rows have failed.
    Done { failed_rows: usize },
    /// With a trap.
    Trap,
    /// At a limit.
    Limit,
    /// In another way.
    Failure,
    /// Before it began: the caller was wrong.
    NotCalled,
}

impl Counters {
    /// Counters of a function whose instances these are.
    pub(super) fn of(instances: Arc<Instances>) -> Self {
        Self {
            instances,
            ..Self::default()
        }
    }

    /// An instance that begins.
    pub(super) fn begin_instance(&self) -> Footprint {
        Footprint::begin(&self.instances)
    }

    /// Counts a batch and its time.
    pub(super) fn count<T>(&self, rows: usize, work: impl FnOnce() -> T, end: impl FnOnce(&T) -> End) -> T {
        let before = self.calls.fetch_add(1, Ordering::Relaxed);
        // The first ones are each timed: what is cold is not typical of those after it.
        let weight = if rows < ROWS_TIMED && before >= TIMED_ONE_IN {
            TIMED_ONE_IN
        } else {
            1
        };
        let begun = before.is_multiple_of(weight).then(Instant::now);
        let result = work();
        if let Some(begun) = begun {
            let ns = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
            add(&self.busy_ns, ns.saturating_mul(weight));
        }
        add(&self.rows, rows as u64);
        match end(&result) {
            End::Done { failed_rows: 0 } | End::NotCalled => {}
            End::Done { failed_rows } => add(&self.failed_rows, failed_rows as u64),
            End::Trap => add(&self.traps, 1),
            End::Limit => add(&self.limits, 1),
            End::Failure => add(&self.failures, 1),
        }
        result
    }

    /// Counts states that went from memory to the host.
    pub(super) fn add_evicted(&self, states: usize) {
        add(&self.evicted, states as u64);
    }

    /// Counts bytes that were saved.
    pub(super) fn add_saved(&self, states: &[Vec<u8>]) {
        add(&self.saved_bytes, states.iter().map(Vec::len).sum::<usize>() as u64);
    }

    pub(super) fn totals(&self) -> FunctionTotals {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        FunctionTotals {
            calls: of(&self.calls),
            rows: of(&self.rows),
            failed_rows: of(&self.failed_rows),
            traps: of(&self.traps),
            limits: of(&self.limits),
            failures: of(&self.failures),
            busy: Duration::from_nanos(of(&self.busy_ns)),
            instances: of(&self.instances.running),
            memory_bytes: of(&self.instances.memory_bytes),
            states: of(&self.instances.states),
            host_bytes: of(&self.instances.host_bytes),
            evicted: of(&self.evicted),
            saved_bytes: of(&self.saved_bytes),
        }
    }
}

fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}

/// What one instance takes, counted as long as it is there.
#[derive(Debug)]
pub(super) struct Footprint {
    instances: Arc<Instances>,
    memory_bytes: u64,
    states: u64,
    host_bytes: u64,
}

impl Footprint {
    pub(super) fn begin(instances: &Arc<Instances>) -> Self {
        add(&instances.running, 1);
        Self {
            instances: Arc::clone(instances),
            memory_bytes: 0,
            states: 0,
            host_bytes: 0,
        }
    }

    /// What it takes now.
    pub(super) fn set(&mut self, memory_bytes: usize, states: usize, host_bytes: usize) {
        let change = |counter: &AtomicU64, was: &mut u64, now: usize| {
            let now = now as u64;
            if *was != now {
                // Modulo 2^64, so that less is taken as more is.
                add(counter, now.wrapping_sub(*was));
                *was = now;
            }
        };
        change(&self.instances.memory_bytes, &mut self.memory_bytes, memory_bytes);
        change(&self.instances.states, &mut self.states, states);
        change(&self.instances.host_bytes, &mut self.host_bytes, host_bytes);
    }
}

impl Drop for Footprint {
    fn drop(&mut self) {
        self.set(0, 0, 0);
        self.instances.running.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Display for FunctionTotals {
    /// `12 calls, 3000 rows, 4.5 ms, 2 failed rows, 1 instance with 1 MiB of memory`; what is zero is left out behind the time.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.busy.as_secs_f64() * 1e3;
        write!(
            f,
            "{}, {}, {ms:.1} ms",
            counted(self.calls, "call"),
            counted(self.rows, "row")
        )?;
        let bytes = |bytes: u64| bytes_text(usize::try_from(bytes).unwrap_or(usize::MAX));
        let troubles = [
            (self.failed_rows, "failed row"),
            (self.traps, "trap"),
            (self.limits, "limit met"),
            (self.failures, "other failure"),
        ];
        for (number, what) in troubles.into_iter().filter(|(number, _)| *number > 0) {
            write!(f, ", {}", counted(number, what))?;
        }
        let instances = counted(self.instances, "instance");
        write!(f, ", {instances} with {} of memory", bytes(self.memory_bytes))?;
        if self.states > 0 {
            write!(f, ", {}", counted(self.states, "state"))?;
        }
        if self.saved_bytes > 0 {
            write!(f, ", {} saved", bytes(self.saved_bytes))?;
        }
        if self.evicted > 0 {
            write!(
                f,
                ", {} moved to the host, which has {}",
                counted(self.evicted, "state"),
                bytes(self.host_bytes)
            )?;
        }
        Ok(())
    }
}

/// `1 row`, `2 rows`; `2 limits met`.
fn counted(number: u64, what: &str) -> String {
    let (noun, rest) = match what.split_once(" met") {
        Some((noun, _)) => (noun, " met"),
        None => (what, ""),
    };
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_their_end() {
        let counters = Counters::default();
        let ends = [
            End::Done { failed_rows: 0 },
            End::Done { failed_rows: 2 },
            End::Trap,
            End::Limit,
            End::Limit,
            End::Failure,
            End::NotCalled,
        ];
        for end in ends {
            counters.count(100, || end, |end| *end);
        }
        let totals = counters.totals();
        assert_eq!((totals.calls, totals.rows), (7, 700));
        let troubles = (totals.failed_rows, totals.traps, totals.limits, totals.failures);
        assert_eq!(troubles, (2, 1, 2, 1));
        assert!(totals.busy > Duration::ZERO);
        let text = totals.to_string();
        assert!(text.starts_with("7 calls, 700 rows, "), "{text}");
        let rest = " ms, 2 failed rows, 1 trap, 2 limits met, 1 other failure, 0 instances with 0 bytes of memory";
        assert!(text.ends_with(rest), "{text}");
    }

    #[test]
    fn small_batches_are_timed_now_and_then() {
        let counters = Counters::default();
        let pause = || std::thread::sleep(Duration::from_millis(1));
        for _ in 0..2 * TIMED_ONE_IN {
            counters.count(1, pause, |()| End::Done { failed_rows: 0 });
        }
        let busy = counters.totals().busy.as_millis() as u64;
        assert!((2 * TIMED_ONE_IN..20 * TIMED_ONE_IN).contains(&busy), "{busy} ms");
    }

    #[test]
    fn instances_that_are_gone_take_nothing() {
        let counters = Counters::default();
        let (mut one, mut other) = (counters.begin_instance(), counters.begin_instance());
        one.set(100, 5, 0);
        other.set(50, 1, 7);
        one.set(80, 3, 10);
        let totals = counters.totals();
        assert_eq!((totals.instances, totals.memory_bytes), (2, 130));
        assert_eq!((totals.states, totals.host_bytes), (4, 17));
        drop(one);
        assert_eq!(counters.totals().memory_bytes, 50);
        drop(other);
        assert_eq!(counters.totals(), FunctionTotals::default());
    }
}
