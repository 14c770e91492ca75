//! How often instances that trapped are made anew.
//!
//! Each new one maps memory, which holds up every thread of the process that maps some too (ADR 0010). A function that traps at every row would so
//! take more from its neighbours than the time that it uses; it waits instead. One that traps now and then does not notice.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::types::limits::{PLUGIN_REPLACED_AT_ONCE_MAX, PLUGIN_REPLACED_PER_SECOND_MAX};

/// Shorter waits are put off: a thread that sleeps wakes up some 50 microseconds late.
const WAIT_MIN: Duration = Duration::from_millis(1);

/// Counts the instances of one plugin that are lost, and makes who loses too many wait.
#[derive(Debug)]
pub(super) struct Brake {
    budget: Mutex<Budget>,
}

#[derive(Debug)]
struct Budget {
    /// Instances that may be lost without a wait; below zero, those that are yet to be waited for.
    left: f64,
    at: Instant,
}

impl Brake {
    pub(super) fn new() -> Self {
        Self {
            budget: Mutex::new(Budget {
                left: f64::from(PLUGIN_REPLACED_AT_ONCE_MAX),
                at: Instant::now(),
            }),
        }
    }

    /// An instance was lost; returns when another may be made.
    #[cold]
    pub(super) fn lost_one(&self) {
        let wait = self.budget.lock().lost_one(Instant::now());
        if let Some(wait) = wait {
            std::thread::sleep(wait);
        }
    }
}

impl Budget {
    fn lost_one(&mut self, now: Instant) -> Option<Duration> {
        let per_second = f64::from(PLUGIN_REPLACED_PER_SECOND_MAX);
        let gained = now.duration_since(self.at).as_secs_f64() * per_second;
        self.left = (self.left + gained).min(f64::from(PLUGIN_REPLACED_AT_ONCE_MAX)) - 1.0;
        self.at = now;
        let wait = Duration::from_secs_f64((-self.left / per_second).max(0.0));
        (wait >= WAIT_MIN).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_at_once_are_free_and_the_rest_is_waited_for() {
        let mut now = Instant::now();
        let mut budget = Budget {
            left: f64::from(PLUGIN_REPLACED_AT_ONCE_MAX),
            at: now,
        };
        for _ in 0..PLUGIN_REPLACED_AT_ONCE_MAX {
            assert_eq!(budget.lost_one(now), None);
        }
        let begun = now;
        for _ in 0..PLUGIN_REPLACED_PER_SECOND_MAX {
            now += budget.lost_one(now).unwrap_or_default();
        }
        let waited = now - begun;
        let due = Duration::from_secs(1);
        assert!(waited <= due && waited + 2 * WAIT_MIN >= due, "{waited:?}");
        // Given time, there is room again, and not for more than before.
        now += Duration::from_hours(1);
        for _ in 0..PLUGIN_REPLACED_AT_ONCE_MAX {
            assert_eq!(budget.lost_one(now), None);
        }
        assert!(budget.left.abs() < 1e-6);
    }
}
