//! The stream time of one source partition: the largest event time seen on it, and whether anybody should wait for it.

use std::time::{Duration, Instant};

use datafusion::arrow::array::Int64Array;

use super::event_clock::NOT_WAITED_FOR;
use crate::connector::PartitionReader;
use crate::types::ChangeBatch;
use crate::types::limits::PARTITION_IDLE_MS;

/// What is known of the records behind those that were read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waiting {
    /// How many there are, where that is known.
    pub(crate) lag: Option<u64>,
    /// False while rows may be on their way, see [`PartitionReader::is_at_end`].
    pub(crate) is_at_end: bool,
}

impl Waiting {
    pub(crate) fn of(reader: &dyn PartitionReader) -> Self {
        Self {
            lag: reader.lag(),
            is_at_end: reader.is_at_end(),
        }
    }
}

/// One partition's event time.
#[derive(Debug)]
pub(crate) struct PartitionClock {
    /// Milliseconds since the epoch; `i64::MIN` before the first row.
    stream_time: i64,
    /// Whether it was polled and had nothing, and since when.
    idle_since: Option<Instant>,
    was_polled: bool,
}

impl PartitionClock {
    /// A clock that stands where it stood in an earlier life, where there was one.
    pub(crate) fn new(stream_time: Option<i64>) -> Self {
        Self {
            stream_time: stream_time.unwrap_or(i64::MIN),
            idle_since: None,
            was_polled: false,
        }
    }

    /// Its stream time, milliseconds since the epoch; `None` before the first row.
    pub(crate) fn stream_time(&self) -> Option<i64> {
        (self.stream_time != i64::MIN).then_some(self.stream_time)
    }

    /// Takes note of rows; puts beside each the stream time up to it where that is wanted.
    pub(crate) fn observe(&mut self, batch: &mut ChangeBatch, wanted: bool) {
        self.was_polled = true;
        self.idle_since = None;
        let times = batch.event_times.values();
        if wanted {
            let mut largest = self.stream_time;
            let running = times.iter().map(|time| {
                largest = largest.max(*time);
                largest
            });
            batch.stream_times = Some(Int64Array::from_iter_values(running));
        }
        self.stream_time = times.iter().copied().fold(self.stream_time, i64::max);
    }

    /// Takes note that it was asked and had nothing.
    pub(crate) fn observe_idle(&mut self) {
        self.was_polled = true;
        self.idle_since.get_or_insert_with(Instant::now);
    }

    /// Its stream time as others wait for it: a partition that is known to be empty (`lag` 0), or has had no row for a while, holds nobody
    /// back; one that was not asked yet holds back everybody, and so does one whose rows may be on their way.
    pub(crate) fn waited_for(&self, waiting: impl Fn() -> Waiting) -> i64 {
        match (self.was_polled, self.idle_since) {
            (false, _) => i64::MIN,
            (true, Some(_)) if self.stream_time == i64::MIN && waiting().lag == Some(0) => NOT_WAITED_FOR,
            (true, Some(_)) if !waiting().is_at_end => self.stream_time,
            (true, Some(since)) if since.elapsed() >= Duration::from_millis(PARTITION_IDLE_MS) => NOT_WAITED_FOR,
            (true, _) => self.stream_time,
        }
    }

    /// Up to where it was read: its stream time while it may have more to give at once, [`NOT_WAITED_FOR`] when it had nothing and
    /// is known to have nothing (`lag` 0), or had nothing for a while.
    pub(crate) fn read_until(&self, waiting: impl Fn() -> Waiting) -> i64 {
        match self.idle_since {
            Some(_) if waiting().lag == Some(0) => NOT_WAITED_FOR,
            Some(since) if waiting().is_at_end && since.elapsed() >= Duration::from_millis(PARTITION_IDLE_MS) => {
                NOT_WAITED_FOR
            }
            _ => self.stream_time,
        }
    }

    /// Whether it was read further than to `time`.
    pub(crate) fn is_beyond(&self, time: i64) -> bool {
        self.stream_time > time
    }

    /// As [`PartitionClock::waited_for`] where rows are taken in the order of all partitions, so that one without rows so far
    /// has only later ones.
    pub(crate) fn waited_for_in_order(&self, waiting: impl Fn() -> Waiting) -> i64 {
        if self.stream_time == i64::MIN {
            NOT_WAITED_FOR
        } else {
            self.waited_for(waiting)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_waited_for_until_it_is_known_to_be_empty() {
        let waiting = |lag| move || Waiting { lag, is_at_end: true };
        let mut clock = PartitionClock::new(None);
        assert_eq!(clock.waited_for(waiting(Some(0))), i64::MIN, "it was not asked");
        clock.observe_idle();
        assert_eq!(clock.waited_for(waiting(None)), i64::MIN, "rows may be on their way");
        assert_eq!(clock.waited_for(waiting(Some(3))), i64::MIN, "they are on their way");
        assert_eq!(clock.waited_for(waiting(Some(0))), NOT_WAITED_FOR);
    }

    #[test]
    fn a_partition_is_idle_after_a_while_but_not_before_its_end() {
        let mut clock = PartitionClock::new(Some(7));
        clock.observe_idle();
        let begun = |is_at_end| move || Waiting { lag: None, is_at_end };
        assert_eq!(clock.waited_for(begun(true)), 7);
        clock.idle_since = Instant::now().checked_sub(Duration::from_millis(PARTITION_IDLE_MS));
        assert_eq!(clock.waited_for(begun(false)), 7);
        assert_eq!(clock.waited_for(begun(true)), NOT_WAITED_FOR);
    }
}
