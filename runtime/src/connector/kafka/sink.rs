//! Writes records to one topic through a producer: the one that the process shares, or the one of a query with transactions.
//!
//! Which partition a record goes to is decided by its key, as Java clients do; records without one are spread.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode;

use super::native::produce::{Record, TopicWriter};
use super::producer::{OpenAccount, Producer};
use super::verdict;
use crate::connector::{Error, RecordSink};
use crate::types::RawRecords;

/// How long a full buffer is waited for before it is tried again; a delivery wakes earlier.
const ROOM_WAIT: Duration = Duration::from_millis(100);
/// How long a flush waits before it looks again whether the producer still lives; the last delivery wakes earlier.
const SETTLE_WAIT: Duration = Duration::from_millis(100);
/// How long lingering records are hurried along at the start of a flush.
const HURRY_MS: i32 = 10;

/// The sink of one topic.
#[derive(Debug)]
pub(crate) struct KafkaSink {
    topic: Arc<str>,
    writer: TopicWriter,
    account: OpenAccount,
    producer: Arc<Producer>,
}

impl KafkaSink {
    /// `None` when no topic can have that name.
    pub(crate) fn open(producer: Arc<Producer>, topic: &str) -> Option<Self> {
        Some(Self {
            topic: topic.into(),
            writer: TopicWriter::new(producer.client(), topic)?,
            account: producer.open_account(),
            producer,
        })
    }

    /// Sends one record, waiting while the producer's buffer is full.
    fn send(&self, record: Record<'_>) -> Result<(), Error> {
        loop {
            match self.writer.send(record, self.account.number()) {
                Ok(()) => return Ok(()),
                Err(RDKafkaErrorCode::QueueFull) => {
                    self.account.wait_room(ROOM_WAIT);
                    self.check()?;
                }
                Err(code) => return Err(self.refused(code, record)),
            }
        }
    }

    /// Reports what went wrong since the last look.
    fn check(&self) -> Result<(), Error> {
        if let Some((count, code)) = self.account.take_failures() {
            return Err(self.not_stored(count, code));
        }
        if let Some(fatal) = self.producer.fatal_error(&self.action()) {
            return Err(fatal); // the next sink gets a new producer
        }
        match self.producer.health().error() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn action(&self) -> String {
        format!("write topic {}", self.topic)
    }

    fn not_stored(&self, count: u64, code: RDKafkaErrorCode) -> Error {
        let mut reason = format!("{count} records were not stored: {}", verdict::describe(code));
        if let Some(fatal) = self.producer.fatal_error(&self.action()) {
            tracing::warn!(topic = %self.topic, %reason, "the kafka producer failed for good");
            return fatal; // the next sink gets a new producer
        }
        if let Some((_, complaint)) = self.producer.health().last_complaint() {
            reason = format!("{reason}; {complaint}");
        }
        verdict::error(&self.action(), Some(&self.topic), code, &reason)
    }

    fn refused(&self, code: RDKafkaErrorCode, record: Record<'_>) -> Error {
        if let Some(fatal) = self.producer.fatal_error(&self.action()) {
            return fatal;
        }
        let reason = if code == RDKafkaErrorCode::MessageSizeTooLarge {
            let size = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
            format!("a record of {size} bytes is larger than message.max.bytes allows")
        } else {
            verdict::describe(code)
        };
        verdict::error(&self.action(), Some(&self.topic), code, &reason)
    }
}

impl RecordSink for KafkaSink {
    fn write(&mut self, records: &RawRecords) -> Result<(), Error> {
        self.check()?;
        let count = records.len();
        if let Some(tenure) = self.producer.tenure()
            && count > 0
        {
            tenure.written();
        }
        self.account.sending(count as u64);
        for row in 0..count {
            let record = Record {
                key: records.keys.get(row),
                value: records.values.get(row),
                timestamp: records.timestamps[row],
                headers: records.headers.as_ref().map_or(&[], |headers| &headers[row]),
            };
            if let Err(error) = self.send(record) {
                self.account.not_sent((count - row) as u64);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Inside of a transaction the commit waits for the records of all sinks.
    fn flush(&mut self) -> Result<(), Error> {
        if self.producer.tenure().is_some() {
            return self.check();
        }
        if self.account.under_way() > 0 {
            self.producer.client().hurry(HURRY_MS);
        }
        while self.account.under_way() > 0 {
            self.account.wait_settled(SETTLE_WAIT);
            self.check()?;
        }
        self.check()
    }

    fn close(&mut self) -> Result<(), Error> {
        self.flush()
    }
}
