//! Reading the topics again up to where everything has taken effect already, to build state that is gone. Results are thrown away meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::recovery::Positions;
use crate::connector::{self, ColumnBatch, PartitionReader, PollLimits, Polled};
use crate::plan::NodeId;
use crate::types::RawRecords;

/// How long a partition that has come to its mark waits before it is asked again.
const WAIT: Duration = Duration::from_millis(5);

/// The whole of it, as one pipeline does it.
#[derive(Debug)]
pub(super) struct Replay {
    until: Positions,
    /// Partitions that have not come to their marks.
    waiting: Arc<AtomicUsize>,
    is_open: Arc<AtomicBool>,
}

impl Replay {
    /// Up to these next offsets.
    pub(super) fn new(until: Positions) -> Self {
        let marks = until.values().flatten().filter(|(_, offset)| **offset > 0).count();
        Self {
            until,
            waiting: Arc::new(AtomicUsize::new(marks)),
            is_open: Arc::new(AtomicBool::new(false)),
        }
    }

    /// True when every partition has come to its mark.
    pub(super) fn is_over(&self) -> bool {
        self.waiting.load(Ordering::Acquire) == 0
    }

    /// Lets the readers go on beyond their marks.
    pub(super) fn open(self) {
        self.is_open.store(true, Ordering::Release);
    }

    fn mark(&self, scan: NodeId, partition: i32) -> i64 {
        let marks = self.until.get(&scan);
        marks.and_then(|marks| marks.get(&partition)).copied().unwrap_or(0)
    }
}

/// Reads a partition up to its mark, and waits there until all others have come to theirs.
#[derive(Debug)]
pub(super) struct ReplayReader {
    inner: Box<dyn PartitionReader>,
    /// The first offset that has not taken effect.
    mark: i64,
    has_come: bool,
    /// What lies beyond the mark and was read with what lies before it.
    held: Option<Polled>,
    waiting: Arc<AtomicUsize>,
    is_open: Arc<AtomicBool>,
}

impl ReplayReader {
    pub(super) fn new(inner: Box<dyn PartitionReader>, scan: NodeId, replay: &Replay) -> Self {
        let mark = replay.mark(scan, inner.partition());
        Self {
            inner,
            mark,
            has_come: mark <= 0,
            held: None,
            waiting: Arc::clone(&replay.waiting),
            is_open: Arc::clone(&replay.is_open),
        }
    }

    fn arrive(&mut self) {
        if !self.has_come {
            self.has_come = true;
            self.waiting.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl PartitionReader for ReplayReader {
    fn partition(&self) -> i32 {
        self.inner.partition()
    }

    fn poll(&mut self, limits: PollLimits) -> Result<Polled, connector::Error> {
        if self.is_open.load(Ordering::Acquire) {
            return match self.held.take() {
                Some(held) => Ok(held),
                None => self.inner.poll(limits),
            };
        }
        if self.has_come {
            return Ok(Polled::Idle {
                retry_after: Some(WAIT),
            });
        }
        let polled = self.inner.poll(limits)?;
        let offsets: &[i64] = match &polled {
            Polled::Records(records) => &records.offsets,
            Polled::Columns(batch) => batch.offsets.values(),
            Polled::Idle { .. } => {
                // What stands between the last record and the mark are no records (Kafka: markers of transactions).
                if self.inner.lag() == Some(0) {
                    self.arrive();
                }
                return Ok(polled);
            }
            Polled::End => {
                self.arrive();
                return Ok(polled);
            }
        };
        let before = offsets.partition_point(|offset| *offset < self.mark);
        let reaches = offsets.last().is_some_and(|offset| *offset + 1 >= self.mark);
        if !reaches {
            return Ok(polled);
        }
        self.arrive();
        let (before, beyond) = split(polled, before);
        self.held = beyond;
        Ok(before.unwrap_or(Polled::Idle {
            retry_after: Some(WAIT),
        }))
    }

    fn is_at_end(&self) -> bool {
        self.inner.is_at_end()
    }

    fn lag(&self) -> Option<u64> {
        self.inner.lag()
    }
}

/// The first `count` rows and the others; `None` where there are none.
fn split(polled: Polled, count: usize) -> (Option<Polled>, Option<Polled>) {
    match polled {
        Polled::Records(records) => {
            let part = |from: usize, to: usize| {
                (from < to).then(|| {
                    let rows = from..to;
                    Polled::Records(RawRecords {
                        partition: records.partition,
                        keys: rows.clone().map(|row| records.keys.get(row)).collect(),
                        values: rows.clone().map(|row| records.values.get(row)).collect(),
                        timestamps: records.timestamps[rows.clone()].to_vec(),
                        offsets: records.offsets[rows.clone()].to_vec(),
                        headers: records.headers.as_ref().map(|headers| headers[rows].to_vec()),
                    })
                })
            };
            (part(0, count), part(count, records.len()))
        }
        Polled::Columns(batch) => {
            let part = |from: usize, to: usize| {
                (from < to).then(|| {
                    Polled::Columns(ColumnBatch {
                        partition: batch.partition,
                        records: batch.records.slice(from, to - from),
                        timestamps: batch.timestamps.slice(from, to - from),
                        offsets: batch.offsets.slice(from, to - from),
                    })
                })
            };
            (part(0, count), part(count, batch.offsets.len()))
        }
        nothing => (Some(nothing), None),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// Gives these offsets, one list a poll, and has nothing then.
    #[derive(Debug)]
    struct Given(VecDeque<Vec<i64>>);

    impl PartitionReader for Given {
        fn partition(&self) -> i32 {
            4
        }

        fn poll(&mut self, _limits: PollLimits) -> Result<Polled, connector::Error> {
            let Some(offsets) = self.0.pop_front() else {
                return Ok(Polled::Idle { retry_after: None });
            };
            let text: Vec<String> = offsets.iter().map(ToString::to_string).collect();
            Ok(Polled::Records(RawRecords {
                partition: 4,
                keys: offsets.iter().map(|_| None::<&[u8]>).collect(),
                values: text.iter().map(|text| Some(text.as_bytes())).collect(),
                timestamps: offsets.clone(),
                offsets,
                headers: None,
            }))
        }

        fn lag(&self) -> Option<u64> {
            Some(self.0.iter().map(Vec::len).sum::<usize>() as u64)
        }
    }

    fn poll(reader: &mut ReplayReader) -> Vec<i64> {
        let limits = PollLimits {
            rows_max: 100,
            bytes_max: 100,
        };
        match reader.poll(limits).unwrap() {
            Polled::Records(records) => {
                let first = records.values.get(0).map(<[u8]>::to_vec).unwrap();
                assert_eq!(String::from_utf8(first).unwrap(), records.offsets[0].to_string());
                records.offsets
            }
            _ => vec![],
        }
    }

    fn replay(mark: i64) -> Replay {
        Replay::new([(7, [(4, mark)].into())].into())
    }

    #[test]
    fn it_stops_at_the_mark_and_goes_on_when_told_to() {
        let replay = replay(5);
        let given = Given([vec![0, 1], vec![2, 3, 4, 5, 6], vec![7]].into());
        let mut reader = ReplayReader::new(Box::new(given), 7, &replay);
        assert_eq!(poll(&mut reader), [0, 1]);
        assert!(!replay.is_over());
        assert_eq!(poll(&mut reader), [2, 3, 4]);
        assert!(replay.is_over());
        assert_eq!(poll(&mut reader), [0; 0]);
        replay.open();
        assert_eq!(poll(&mut reader), [5, 6]);
        assert_eq!(poll(&mut reader), [7]);
    }

    #[test]
    fn a_mark_behind_the_last_record_is_reached_when_nothing_is_left() {
        let replay = replay(9);
        let mut reader = ReplayReader::new(Box::new(Given([vec![0, 1]].into())), 7, &replay);
        assert_eq!(poll(&mut reader), [0, 1]);
        assert!(!replay.is_over());
        assert_eq!(poll(&mut reader), [0; 0]);
        assert!(replay.is_over());
    }

    #[test]
    fn a_partition_that_was_never_read_waits_at_once() {
        let replay = replay(0);
        assert!(replay.is_over());
        let mut reader = ReplayReader::new(Box::new(Given([vec![0]].into())), 7, &replay);
        assert_eq!(poll(&mut reader), [0; 0]);
        replay.open();
        assert_eq!(poll(&mut reader), [0]);
    }
}
