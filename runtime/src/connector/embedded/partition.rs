//! The records of one partition of an embedded topic.

use std::collections::VecDeque;

use super::retention::Retention;
use super::segment::{Appended, Segment};
use crate::types::RawRecords;

/// A partition: segments in offset order, without gaps.
#[derive(Debug)]
pub(super) struct Partition {
    segments: VecDeque<Segment>,
    start_offset: i64,
    next_offset: i64,
    bytes: u64,
    timestamp_max: i64,
    retention: Retention,
}

impl Partition {
    pub(super) fn new(retention: Retention) -> Self {
        Self {
            segments: VecDeque::new(),
            start_offset: 0,
            next_offset: 0,
            bytes: 0,
            timestamp_max: i64::MIN,
            retention,
        }
    }

    /// Offset of the oldest record that is kept.
    pub(super) fn start_offset(&self) -> i64 {
        self.start_offset
    }

    /// Offset that the next appended record gets.
    pub(super) fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// Appends `record` and gives its offset.
    pub(super) fn push(&mut self, record: Appended<'_>) -> i64 {
        let bytes = record.bytes();
        let rolls = self.segments.back().is_none_or(|last| {
            self.retention
                .rolls(last.bytes(), last.first_timestamp, bytes, record.timestamp)
        });
        if rolls {
            self.drop_old_segments();
            self.segments
                .push_back(Segment::new(self.next_offset, record.timestamp));
        }
        self.timestamp_max = self.timestamp_max.max(record.timestamp);
        self.bytes += bytes as u64;
        let offset = self.next_offset;
        self.next_offset += 1;
        if let Some(last) = self.segments.back_mut() {
            last.push(record);
        }
        offset
    }

    fn drop_old_segments(&mut self) {
        while let Some(oldest) = self.segments.front() {
            let bytes_behind = self.bytes - oldest.bytes() as u64;
            if !self
                .retention
                .drops(bytes_behind, oldest.timestamp_max, self.timestamp_max)
            {
                break;
            }
            self.bytes = bytes_behind;
            self.start_offset = oldest.end_offset();
            self.segments.pop_front();
        }
    }

    /// Position of the segment that holds `offset`, which must be a kept record.
    fn segment_of(&self, offset: i64) -> usize {
        self.segments.partition_point(|segment| segment.end_offset() <= offset)
    }

    /// Copies records from `offset` to before `end_offset` to `out`, within the limits, at least one where there is one.
    /// `offset` must not be before [`Partition::start_offset`].
    pub(super) fn copy_to(
        &self,
        offset: i64,
        end_offset: i64,
        rows_max: usize,
        bytes_max: usize,
        out: &mut RawRecords,
    ) {
        let end_offset = end_offset.min(self.next_offset);
        let mut at = offset;
        let mut bytes_left = bytes_max;
        let mut number = self.segment_of(at);
        while at < end_offset && out.len() < rows_max.max(1) {
            let segment = &self.segments[number];
            let row = usize::try_from(at - segment.base_offset).expect("the segment holds this offset");
            let wanted = usize::try_from(end_offset - at)
                .unwrap_or(usize::MAX)
                .min(rows_max.max(1) - out.len());
            let mut count = segment.fitting(row, wanted, bytes_left);
            if count == 0 && out.is_empty() {
                count = 1;
            }
            let bytes_before = out.keys.data().len() + out.values.data().len();
            segment.copy_to(row..row + count, out);
            at += count as i64;
            if at < segment.end_offset() {
                break;
            }
            let bytes = out.keys.data().len() + out.values.data().len() - bytes_before;
            bytes_left = bytes_left.saturating_sub(bytes);
            number += 1;
        }
    }

    /// The append order of the record at `offset`, where it is kept.
    pub(super) fn order(&self, offset: i64) -> Option<u64> {
        if offset < self.start_offset || offset >= self.next_offset {
            return None;
        }
        let segment = &self.segments[self.segment_of(offset)];
        Some(segment.order(usize::try_from(offset - segment.base_offset).ok()?))
    }

    /// Every kept record with its offset.
    pub(super) fn records(&self) -> impl Iterator<Item = (i64, Appended<'_>)> {
        self.segments
            .iter()
            .flat_map(|segment| (0..segment.len()).map(move |row| (segment.base_offset + row as i64, segment.get(row))))
    }
}
