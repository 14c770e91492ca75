//! Reads one partition: takes what librdkafka has fetched ahead and copies it into contiguous buffers.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode;

use super::health::Health;
use super::native::queue::{Message, PartitionQueue};
use super::verdict::{self, Verdict};
use crate::connector::{Error, PartitionReader, PollLimits, Polled};
use crate::types::limits::RECORD_BYTES_MAX;
use crate::types::{RawRecords, Retry};

/// The pauses between polls of a partition that has nothing, for callers that cannot be woken: short after records,
/// then longer, so that a thousand idle partitions cost little.
const IDLE_PAUSE_MIN: Duration = Duration::from_millis(1);
const IDLE_PAUSE_MAX: Duration = Duration::from_millis(20);

/// So many records may seem to wait where none do: marks of transactions, and records of those that were given up.
const BACKLOG_RECORDS: u64 = 1_000;

/// What a reader is to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReaderOptions {
    pub(crate) partition: i32,
    pub(crate) headers: bool,
    /// The offset to end before, 0 to end at once; `None`: never ends.
    pub(crate) end: Option<i64>,
    /// Whether the caller is woken when records come.
    pub(crate) woken: bool,
}

/// One partition of a topic in Kafka.
#[derive(Debug)]
pub(crate) struct KafkaReader {
    queue: PartitionQueue,
    topic: Arc<str>,
    options: ReaderOptions,
    health: Arc<Health>,
    ended: bool,
    /// Met behind records that had to be returned first.
    error: Option<Error>,
    idle_pause: Duration,
    /// Rows, bytes of keys and bytes of values of the last batch, to make room for the next at once.
    usual: (usize, usize, usize),
}

impl KafkaReader {
    pub(crate) fn new(queue: PartitionQueue, topic: Arc<str>, options: ReaderOptions, health: Arc<Health>) -> Self {
        Self {
            queue,
            topic,
            ended: options.end == Some(0),
            options,
            health,
            error: None,
            idle_pause: IDLE_PAUSE_MIN,
            usual: (0, 0, 0),
        }
    }

    /// Takes records up to the limits, up to an error, or up to the end.
    fn take(&mut self, limits: PollLimits) -> RawRecords {
        let mut records = self.room();
        let mut bytes = 0;
        let rows_max = limits.rows_max.max(1);
        while records.len() < rows_max {
            let Some(message) = self.queue.next(rows_max - records.len()) else {
                break;
            };
            if let Some(code) = message.error() {
                let (offset, text) = (message.offset(), message.error_text());
                drop(message);
                self.complaint(code, offset, &text);
                if self.ended || self.error.is_some() {
                    break;
                }
                continue;
            }
            if self.options.end.is_some_and(|end| message.offset() >= end) {
                self.ended = true;
                break;
            }
            let size = message.key().map_or(0, <[u8]>::len) + message.value().map_or(0, <[u8]>::len);
            if size > RECORD_BYTES_MAX {
                // Whoever polls again meets it again: it is not skipped.
                let (offset, message) = (message.offset(), message.keep());
                self.queue.put_back(message);
                self.error = Some(self.too_large(offset, size));
                break;
            }
            if !records.is_empty() && bytes + size > limits.bytes_max {
                let message = message.keep();
                self.queue.put_back(message);
                break;
            }
            bytes += size;
            append(&mut records, &message);
        }
        self.usual = (records.len(), records.keys.data().len(), records.values.data().len());
        records
    }

    /// Empty buffers with room for about as much as came last time.
    fn room(&self) -> RawRecords {
        let (rows, key_bytes, value_bytes) = self.usual;
        let mut records = RawRecords {
            partition: self.options.partition,
            headers: self.options.headers.then(Vec::new),
            ..RawRecords::default()
        };
        records.keys.reserve(rows, key_bytes);
        records.values.reserve(rows, value_bytes);
        records.timestamps.reserve(rows);
        records.offsets.reserve(rows);
        records
    }

    /// An error that came in the place of a record.
    fn complaint(&mut self, code: RDKafkaErrorCode, offset: i64, text: &str) {
        if code == RDKafkaErrorCode::PartitionEOF {
            self.health.recover();
            self.ended |= self.options.end.is_some_and(|end| offset >= end);
            return;
        }
        match verdict::verdict(code) {
            Verdict::Final => {
                let action = format!("read topic {} partition {}", self.topic, self.options.partition);
                self.error = Some(verdict::error(&action, Some(&self.topic), code, text));
            }
            Verdict::Transient | Verdict::Login | Verdict::UnknownTopic => self.health.complain(code, text),
        }
    }

    fn too_large(&self, offset: i64, size: usize) -> Error {
        Error::Kafka {
            action: format!(
                "read topic {} partition {} offset {offset}",
                self.topic, self.options.partition
            ),
            reason: format!("the record has {size} bytes, more than the limit of {RECORD_BYTES_MAX}"),
            retry: Retry::Never,
        }
    }
}

/// Copies one record.
#[inline]
fn append(records: &mut RawRecords, message: &Message<'_>) {
    records.keys.push(message.key());
    records.values.push(message.value());
    records.timestamps.push(message.timestamp());
    records.offsets.push(message.offset());
    if let Some(headers) = &mut records.headers {
        headers.push(message.headers());
    }
}

impl PartitionReader for KafkaReader {
    fn partition(&self) -> i32 {
        self.options.partition
    }

    fn poll(&mut self, limits: PollLimits) -> Result<Polled, Error> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        if !self.ended {
            let records = self.take(limits);
            if !records.is_empty() {
                self.idle_pause = IDLE_PAUSE_MIN;
                self.health.recover();
                return Ok(Polled::Records(records));
            }
            if let Some(error) = self.error.take() {
                return Err(error);
            }
        }
        if self.ended {
            return Ok(Polled::End);
        }
        if self.options.woken {
            return Ok(Polled::Idle { retry_after: None });
        }
        let retry_after = Some(self.idle_pause);
        self.idle_pause = (self.idle_pause * 2).min(IDLE_PAUSE_MAX);
        Ok(Polled::Idle { retry_after })
    }

    fn is_at_end(&self) -> bool {
        let has_answer = self.queue.high_watermark().is_some();
        has_answer && !self.health.complains() && self.lag().is_none_or(|lag| lag <= BACKLOG_RECORDS)
    }

    fn lag(&self) -> Option<u64> {
        let behind = self.queue.high_watermark()? - self.queue.position()?;
        Some(u64::try_from(behind).unwrap_or(0))
    }
}
