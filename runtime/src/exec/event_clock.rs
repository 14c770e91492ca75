//! How far event time has come in all shards of a pipeline: each scan of each shard says it after it has read, operators of later
//! stages ask.
//!
//! Not here: what a row's own stream time is, which the scan puts beside the row.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use crate::operator::Progress;
use crate::plan::NodeId;

/// A shard that holds nothing back: it has no partition, or only idle ones.
pub(crate) const NOT_WAITED_FOR: i64 = i64::MAX;

/// The stream times of all scans, by node and shard.
#[derive(Debug)]
pub(crate) struct EventClock {
    times: Vec<Vec<AtomicI64>>,
    /// The largest stream time over the partitions, by node and shard.
    latest: Vec<Vec<AtomicI64>>,
    /// Up to where they have read, by node and shard.
    read: Vec<Vec<AtomicI64>>,
    /// All sources have ended for good, so no row can come any more.
    has_ended: AtomicBool,
}

impl EventClock {
    pub(crate) fn new(nodes: usize, shards: usize) -> Self {
        let row = || (0..shards).map(|_| AtomicI64::new(i64::MIN)).collect();
        Self {
            times: (0..nodes).map(|_| row()).collect(),
            latest: (0..nodes).map(|_| row()).collect(),
            read: (0..nodes).map(|_| row()).collect(),
            has_ended: AtomicBool::new(false),
        }
    }

    /// The smallest stream time over the partitions of one scan in one shard, or [`NOT_WAITED_FOR`]; and the largest one, `i64::MIN` before the
    /// first row.
    pub(crate) fn set(&self, scan: NodeId, shard: usize, time: i64, latest: i64) {
        self.latest[scan][shard].store(latest, Ordering::Release);
        self.times[scan][shard].store(time, Ordering::Release);
    }

    /// The smallest stream time over the partitions of one scan in one shard that may have more to give at once, or
    /// [`NOT_WAITED_FOR`].
    pub(crate) fn set_read(&self, scan: NodeId, shard: usize, time: i64) {
        self.read[scan][shard].store(time, Ordering::Release);
    }

    /// Up to where all of these scans have read; [`NOT_WAITED_FOR`] where none has more to give at once.
    pub(crate) fn read_until(&self, scans: &[NodeId]) -> i64 {
        let times = scans.iter().flat_map(|scan| &self.read[*scan]);
        times
            .map(|time| time.load(Ordering::Acquire))
            .min()
            .unwrap_or(NOT_WAITED_FOR)
    }

    /// From now on nothing is waited for.
    pub(crate) fn end(&self) {
        self.has_ended.store(true, Ordering::Release);
    }

    /// How far event time has come over these scans, and over those that feed each input.
    pub(crate) fn progress(&self, scans: &[NodeId], inputs: &[Vec<NodeId>]) -> Progress {
        if self.has_ended.load(Ordering::Acquire) {
            return Progress::ENDED;
        }
        let of_scan = |scan: &NodeId| {
            let times = self.times[*scan].iter().map(|time| time.load(Ordering::Acquire));
            times.min().filter(|time| *time != NOT_WAITED_FOR)
        };
        let input = |port: usize| inputs.get(port).map_or(NOT_WAITED_FOR, |scans| self.read_until(scans));
        let known = || scans.iter().filter_map(of_scan);
        // When nothing is waited for, time is where the row of the largest time has brought it: none of them holds the others back.
        let latest = || {
            let times = scans.iter().flat_map(|scan| &self.latest[*scan]);
            times.map(|time| time.load(Ordering::Acquire)).max().unwrap_or(i64::MIN)
        };
        Progress {
            watermark: known().min().unwrap_or_else(latest),
            shared_time: known().max().unwrap_or_else(latest),
            left: input(0),
            right: input(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_partition_holds_the_watermark_and_the_fastest_source_leads() {
        let clock = EventClock::new(2, 2);
        let inputs = [vec![0], vec![1]];
        assert_eq!(clock.progress(&[0, 1], &inputs), Progress::UNKNOWN);
        clock.set(0, 0, 10, 12);
        clock.set(0, 1, 30, 30);
        clock.set(1, 0, 50, 50);
        clock.set(1, 1, NOT_WAITED_FOR, 70);
        for (shard, time) in [(0, 7), (1, 9)] {
            clock.set_read(0, shard, time);
            clock.set_read(1, shard, NOT_WAITED_FOR);
        }
        let progress = clock.progress(&[0, 1], &inputs);
        assert_eq!((progress.watermark, progress.shared_time), (10, 50));
        assert_eq!((progress.left, progress.right), (7, i64::MAX));
        for (scan, shard, latest) in [(0, 0, 12), (0, 1, 30), (1, 0, 50)] {
            clock.set(scan, shard, NOT_WAITED_FOR, latest);
        }
        assert_eq!(clock.progress(&[0, 1], &inputs).watermark, 70, "all are idle");
        assert_eq!(clock.progress(&[0], &inputs).watermark, 30);
        clock.end();
        assert_eq!(clock.progress(&[0], &inputs), Progress::ENDED);
    }
}
