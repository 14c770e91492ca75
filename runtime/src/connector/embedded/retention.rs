//! How much of an embedded topic is kept: `retention.bytes` and `retention.ms` of the topic's configuration.
//!
//! Without either everything is kept. Time is the topic's own (the largest timestamp appended), not the wall clock, so
//! that what is kept depends on the records alone. Other settings of Kafka have no meaning in memory and are let pass.

use std::collections::BTreeMap;

use super::super::Error;
use super::super::options::wrong;

/// A segment is rolled at this size at the latest.
const SEGMENT_BYTES_MAX: u64 = 1 << 20;
/// Whole segments are dropped, so a bound is split into this many segments.
const SEGMENTS_PER_BOUND: u64 = 4;

/// The bounds of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Retention {
    /// Bytes of keys and values that are kept; `None`: all.
    pub(super) bytes: Option<u64>,
    /// Milliseconds that a record is kept behind the newest; `None`: for ever.
    pub(super) ms: Option<u64>,
}

impl Retention {
    /// Reads the bounds out of a topic's configuration. A compacted topic has none, as in Kafka.
    pub(super) fn from_config(config: &BTreeMap<String, String>) -> Result<Self, Error> {
        let bound = |name: &str| match config.get(name).map(|text| text.trim()) {
            None | Some("-1") => Ok(None),
            Some(text) => text
                .parse()
                .map(Some)
                .map_err(|_| wrong(name, format!("`{text}` is neither a whole number from 0 on nor -1"))),
        };
        let (bytes, ms) = (bound("retention.bytes")?, bound("retention.ms")?);
        if config
            .get("cleanup.policy")
            .is_some_and(|policy| policy.trim() == "compact")
        {
            return Ok(Self::default());
        }
        Ok(Self { bytes, ms })
    }

    /// True when a record of `record_bytes` and `timestamp` should open a new segment.
    pub(super) fn rolls(
        &self,
        segment_bytes: usize,
        first_timestamp: i64,
        record_bytes: usize,
        timestamp: i64,
    ) -> bool {
        let bytes_max = self.bytes.map_or(SEGMENT_BYTES_MAX, |bytes| {
            SEGMENT_BYTES_MAX.min(bytes / SEGMENTS_PER_BOUND)
        });
        let too_big = (segment_bytes + record_bytes) as u64 > bytes_max;
        let too_old = self
            .ms
            .is_some_and(|ms| timestamp.saturating_sub(first_timestamp) > (ms / SEGMENTS_PER_BOUND).cast_signed());
        too_big || too_old
    }

    /// True when the oldest segment is to be dropped: `bytes_behind` are kept without it, `timestamp_max` is its
    /// largest timestamp, `newest` the largest of the partition.
    pub(super) fn drops(&self, bytes_behind: u64, timestamp_max: i64, newest: i64) -> bool {
        self.bytes.is_some_and(|bytes| bytes_behind >= bytes)
            || self
                .ms
                .is_some_and(|ms| i128::from(newest) - i128::from(timestamp_max) > i128::from(ms))
    }
}
