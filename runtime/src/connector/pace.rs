//! How fast made-up rows come: so many a second of processing time, or as fast as they are taken.

use std::sync::Arc;
use std::time::Duration;

use super::Error;
use super::options::{Options, wrong};
use crate::types::Clock;

/// Says which numbers of a growing sequence are due now.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    /// Numbers in 1,000 seconds; `None`: all are due.
    per_1000_s: Option<u64>,
    /// The number that was due at the beginning.
    first: i64,
    /// By the steady clock: no change of the system's clock holds rows up or lets a flood of them come.
    opened_ms: i64,
    clock: Arc<dyn Clock>,
}

impl Pace {
    /// Begins now, with `first`.
    pub(super) fn new(per_1000_s: Option<u64>, first: i64, clock: Arc<dyn Clock>) -> Self {
        Self {
            per_1000_s,
            first,
            opened_ms: clock.steady_ms(),
            clock,
        }
    }

    /// The number behind the last that is due now.
    pub(super) fn due(&self) -> i64 {
        let Some(rate) = self.per_1000_s else {
            return i64::MAX;
        };
        let due = i128::from(self.elapsed_ms()) * i128::from(rate) / 1_000_000;
        i64::try_from(i128::from(self.first) + due + 1).unwrap_or(i64::MAX)
    }

    /// How long until `next` is due.
    pub(super) fn pause(&self, next: i64) -> Duration {
        let Some(rate) = self.per_1000_s else {
            return Duration::ZERO;
        };
        let ahead = next.saturating_sub(self.first).max(0).cast_unsigned();
        let due_ms = (u128::from(ahead) * 1_000_000).div_ceil(u128::from(rate));
        let pause_ms = due_ms.saturating_sub(u128::from(self.elapsed_ms().cast_unsigned()));
        Duration::from_millis(u64::try_from(pause_ms).unwrap_or(u64::MAX))
    }

    /// Processing time, milliseconds since the epoch.
    pub(super) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    fn elapsed_ms(&self) -> i64 {
        self.clock.steady_ms().saturating_sub(self.opened_ms).max(0)
    }
}

/// Takes option `name` as a number of things a second; gives how many that are in 1,000 seconds.
///
/// # Errors
/// When it is not a number from 0.001 to 1,000,000,000.
pub(super) fn take_rate(options: &mut Options<'_>, name: &str) -> Result<Option<u64>, Error> {
    match options.take_parsed::<f64>(name, "a number")? {
        None => Ok(None),
        #[expect(clippy::cast_possible_truncation, reason = "the bounds are far inside of 64 bits")]
        Some(rate) if (0.001..=1e9).contains(&rate) => Ok(Some((rate * 1_000.0).round() as u64)),
        Some(rate) => Err(wrong(name, format!("{rate} is not between 0.001 and 1,000,000,000"))),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    /// A machine whose clock is set while time goes on.
    #[derive(Debug, Default)]
    struct Jumping {
        now: AtomicI64,
        steady: AtomicI64,
    }

    impl Clock for Jumping {
        fn now_ms(&self) -> i64 {
            self.now.load(Ordering::Relaxed)
        }

        fn steady_ms(&self) -> i64 {
            self.steady.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn a_clock_that_is_set_changes_no_pace() {
        let clock = Arc::new(Jumping::default());
        let pace = Pace::new(Some(1_000_000), 0, Arc::clone(&clock) as Arc<dyn Clock>);
        for (now, steady) in [(1_000, 1_000), (-3_600_000, 2_000), (86_400_000, 3_000)] {
            clock.now.store(now, Ordering::Relaxed);
            clock.steady.store(steady, Ordering::Relaxed);
            assert_eq!(pace.due(), steady + 1, "the clock says {now}");
            assert_eq!(pace.pause(steady + 10), Duration::from_millis(10));
            assert_eq!(pace.now_ms(), now);
        }
    }
}
