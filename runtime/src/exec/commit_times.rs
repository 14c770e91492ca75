//! How long commits take: the last ones, from which shares are told.

use std::time::Duration;

use parking_lot::Mutex;

/// Commits that are remembered.
const REMEMBERED: usize = 1_024;

/// Durations of the last commits.
#[derive(Debug, Default)]
pub struct CommitTimes(Mutex<Recorded>);

#[derive(Debug, Default)]
struct Recorded {
    times: Vec<Duration>,
    next: usize,
}

impl CommitTimes {
    /// Takes note of one.
    pub(crate) fn record(&self, time: Duration) {
        let mut recorded = self.0.lock();
        if recorded.times.len() < REMEMBERED {
            recorded.times.push(time);
        } else {
            let next = recorded.next;
            recorded.times[next] = time;
            recorded.next = (next + 1) % REMEMBERED;
        }
    }

    /// The time that `percent` of the last commits did not exceed; `None` before the first.
    pub fn percentile(&self, percent: usize) -> Option<Duration> {
        let mut times = self.0.lock().times.clone();
        times.sort_unstable();
        let place = (times.len() * percent).div_ceil(100).max(1) - 1;
        times.get(place).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_the_last_commits() {
        let times = CommitTimes::default();
        assert_eq!(times.percentile(50), None);
        (1..=100).for_each(|ms| times.record(Duration::from_millis(ms)));
        assert_eq!(times.percentile(50), Some(Duration::from_millis(50)));
        assert_eq!(times.percentile(99), Some(Duration::from_millis(99)));
        (0..REMEMBERED).for_each(|_| times.record(Duration::from_millis(7)));
        assert_eq!(times.percentile(99), Some(Duration::from_millis(7)));
    }
}
