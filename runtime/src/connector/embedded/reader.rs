//! Reads an embedded topic: every source has all partitions; a group is only a name for committed offsets.

use std::sync::Arc;

use super::super::{
    AssignmentChange, Error, PartitionReader, PollLimits, Polled, ReadOptions, Source, StartAt, StopAt, Waker,
};
use super::topic::{Topic, WakeSlot};
use crate::types::RawRecords;

/// A topic as one pipeline reads it.
#[derive(Debug)]
pub(super) struct EmbeddedSource {
    topic: Arc<Topic>,
    group: String,
    slot: Arc<WakeSlot>,
    readers: Option<Vec<Box<dyn PartitionReader>>>,
}

impl EmbeddedSource {
    pub(super) fn open(topic: Arc<Topic>, options: &ReadOptions) -> Self {
        let slot = Arc::new(WakeSlot::default());
        topic.add_waiting(&slot);
        let committed = topic.committed(&options.group);
        let readers = (0i32..)
            .zip(&topic.partitions)
            .map(|(number, partition)| {
                let partition = partition.lock();
                let committed = committed
                    .as_ref()
                    .map(|offsets| offsets[number as usize])
                    .filter(|offset| *offset >= 0);
                let position = committed.unwrap_or(match options.start_at {
                    StartAt::Earliest => partition.start_offset(),
                    StartAt::Latest => partition.next_offset(),
                });
                Box::new(EmbeddedReader {
                    topic: Arc::clone(&topic),
                    slot: Arc::clone(&slot),
                    partition: number,
                    position: position.min(partition.next_offset()),
                    end_offset: match options.stop_at {
                        StopAt::Never => None,
                        StopAt::CurrentEnd => Some(partition.next_offset()),
                    },
                    headers: options.headers,
                }) as Box<dyn PartitionReader>
            })
            .collect();
        Self {
            topic,
            group: options.group.clone(),
            slot,
            readers: Some(readers),
        }
    }
}

impl Source for EmbeddedSource {
    fn poll_assignment(&mut self) -> Result<Option<AssignmentChange>, Error> {
        Ok(self.readers.take().map(|added| AssignmentChange {
            added,
            removed: Vec::new(),
        }))
    }

    fn is_assigned(&self) -> bool {
        self.readers.is_none()
    }

    fn commit(&mut self, next_offsets: &[(i32, i64)]) -> Result<(), Error> {
        self.topic.check_exists()?;
        self.topic.commit(&self.group, next_offsets);
        Ok(())
    }

    fn set_waker(&mut self, waker: Waker) {
        self.slot.set(waker);
    }
}

/// Reads one partition.
#[derive(Debug)]
struct EmbeddedReader {
    topic: Arc<Topic>,
    slot: Arc<WakeSlot>,
    partition: i32,
    /// Offset of the next record to read.
    position: i64,
    /// Where to stop, when that was settled at the opening.
    end_offset: Option<i64>,
    headers: bool,
}

impl EmbeddedReader {
    fn lock(&self) -> parking_lot::MutexGuard<'_, super::partition::Partition> {
        self.topic.partitions[self.partition as usize].lock()
    }
}

impl PartitionReader for EmbeddedReader {
    fn partition(&self) -> i32 {
        self.partition
    }

    fn poll(&mut self, limits: PollLimits) -> Result<Polled, Error> {
        self.topic.check_exists()?;
        let mut records = RawRecords {
            partition: self.partition,
            headers: self.headers.then(Vec::new),
            ..RawRecords::default()
        };
        let start_offset = {
            let partition = self.lock();
            let start_offset = partition.start_offset();
            let position = self.position.max(start_offset);
            let end_offset = self.end_offset.unwrap_or(i64::MAX);
            partition.copy_to(position, end_offset, limits.rows_max, limits.bytes_max, &mut records);
            if records.is_empty() {
                if position >= end_offset {
                    return Ok(Polled::End);
                }
                // Waiting comes before the look: a writer that closes in between sees that somebody waits.
                self.topic.wait(&self.slot);
                if self.topic.has_ended() {
                    return Ok(Polled::End);
                }
                self.topic.check_exists()?;
            }
            start_offset
        };
        if self.position < start_offset {
            tracing::warn!(
                topic = self.topic.info.name,
                partition = self.partition,
                lost = start_offset - self.position,
                "records were dropped by retention before they were read"
            );
            self.position = start_offset;
        }
        match records.offsets.last() {
            Some(last) => {
                self.position = last + 1;
                Ok(Polled::Records(records))
            }
            None => Ok(Polled::Idle { retry_after: None }),
        }
    }

    fn lag(&self) -> Option<u64> {
        let partition = self.lock();
        let end_offset = self.end_offset.unwrap_or(i64::MAX).min(partition.next_offset());
        let position = self.position.max(partition.start_offset());
        Some(u64::try_from(end_offset - position).unwrap_or(0))
    }

    fn next_order(&mut self) -> Option<u64> {
        let partition = self.lock();
        let position = self.position.max(partition.start_offset());
        if self.end_offset.is_some_and(|end_offset| position >= end_offset) {
            return None;
        }
        partition.order(position)
    }
}
