//! Writes to an embedded topic.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::super::partitioner::partition_of_key;
use super::super::{Error, RecordSink};
use super::segment::Appended;
use super::topic::Topic;
use crate::types::RawRecords;

/// One writer of one topic. It counts as a writer until it is closed or dropped.
#[derive(Debug)]
pub(super) struct EmbeddedSink {
    topic: Arc<Topic>,
    open: bool,
    /// Records without a key so far: they are dealt out in turn.
    unkeyed: usize,
    /// Rows of the batch at hand, by partition.
    rows: Vec<Vec<u32>>,
}

impl EmbeddedSink {
    pub(super) fn open(topic: Arc<Topic>) -> Result<Self, Error> {
        topic.check_exists()?;
        topic.add_writer()?;
        let rows = vec![Vec::new(); topic.partitions.len()];
        Ok(Self {
            topic,
            open: true,
            unkeyed: 0,
            rows,
        })
    }

    fn deal(&mut self, records: &RawRecords) {
        let count = self.topic.info.partitions;
        for row in 0..records.len() {
            let partition = match records.keys.get(row) {
                _ if count == 1 => 0,
                Some(key) => partition_of_key(key, count) as usize,
                None => {
                    self.unkeyed += 1;
                    (self.unkeyed - 1) % self.rows.len()
                }
            };
            self.rows[partition].push(u32::try_from(row).expect("a batch of records is bounded far below 4 G rows"));
        }
    }
}

impl RecordSink for EmbeddedSink {
    fn write(&mut self, records: &RawRecords) -> Result<(), Error> {
        self.topic.check_exists()?;
        if !self.open {
            return Err(Error::Sealed {
                topic: self.topic.info.name.clone(),
            });
        }
        self.deal(records);
        let base_order = self
            .topic
            .log
            .next_order
            .fetch_add(records.len() as u64, Ordering::Relaxed);
        for (rows, partition) in self.rows.iter_mut().zip(&self.topic.partitions) {
            if rows.is_empty() {
                continue;
            }
            let mut partition = partition.lock();
            for row in rows.drain(..) {
                let at = row as usize;
                partition.push(Appended {
                    key: records.keys.get(at),
                    value: records.values.get(at),
                    timestamp: records.timestamps[at],
                    headers: records.headers.as_ref().map_or(&[], |headers| headers[at].as_slice()),
                    order: base_order + u64::from(row),
                });
            }
        }
        self.topic.wake();
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.topic.check_exists()
    }

    fn close(&mut self) -> Result<(), Error> {
        if std::mem::replace(&mut self.open, false) {
            self.topic.remove_writer();
        }
        Ok(())
    }
}

impl Drop for EmbeddedSink {
    fn drop(&mut self) {
        if self.open {
            self.topic.remove_writer();
        }
    }
}
