//! Topics as the checker sees them: read with a plain client of librdkafka, committed records only.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use serde_json::Value;

/// How long a read may take without anything new.
const PATIENCE: Duration = Duration::from_mins(1);

/// One record.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) partition: i32,
    pub(super) timestamp: i64,
    pub(super) key: Vec<u8>,
    /// `None`: a tombstone.
    pub(super) value: Option<Value>,
}

impl Record {
    /// The key without what a window adds to it.
    pub(super) fn key_text(&self, window_bytes: usize) -> String {
        let end = self.key.len() - window_bytes;
        String::from_utf8(self.key[..end].to_vec()).expect("keys are UTF-8")
    }

    /// A whole number of the value.
    pub(super) fn int(&self, field: &str) -> i64 {
        let value = self.value.as_ref().map(|value| &value[field]);
        let number = value.and_then(Value::as_i64);
        number.unwrap_or_else(|| panic!("{field} of {self:?} is no whole number"))
    }

    /// A number of the value; `None` where it is null.
    pub(super) fn float(&self, field: &str) -> Option<f64> {
        self.value.as_ref().and_then(|value| value[field].as_f64())
    }

    /// A text of the value; `None` where it is null.
    pub(super) fn text(&self, field: &str) -> Option<String> {
        self.value
            .as_ref()
            .and_then(|value| value[field].as_str().map(str::to_owned))
    }
}

/// All committed records of `topic`, partition by partition, each in order. Nothing where there is no such topic.
pub(super) fn read(brokers: &str, topic: &str) -> Vec<Record> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "crash-checker")
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .create()
        .expect("the settings fit together");
    let metadata = consumer
        .fetch_metadata(Some(topic), PATIENCE)
        .expect("the brokers answer");
    let partitions = metadata.topics()[0].partitions().len();
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        let partition = i32::try_from(partition).expect("there are few");
        list.add_partition_offset(topic, partition, Offset::Beginning)
            .expect("the offset is possible");
    }
    if partitions == 0 {
        return Vec::new();
    }
    consumer.assign(&list).expect("the partitions are there");
    let mut records = Vec::new();
    let mut open = partitions;
    let mut last = Instant::now();
    while open > 0 {
        assert!(last.elapsed() < PATIENCE, "{topic} does not come to its end");
        match consumer.poll(Duration::from_millis(200)) {
            Some(Ok(message)) => {
                last = Instant::now();
                records.push(Record {
                    partition: message.partition(),
                    timestamp: message.timestamp().to_millis().unwrap_or(-1),
                    key: message.key().unwrap_or_default().to_vec(),
                    value: message
                        .payload()
                        .map(|bytes| serde_json::from_slice(bytes).expect("values are JSON")),
                });
            }
            Some(Err(KafkaError::PartitionEOF(_))) => open -= 1,
            Some(Err(error)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::UnknownTopicOrPartition) => {
                return Vec::new();
            }
            Some(Err(_)) | None => {}
        }
    }
    records.sort_by_key(|record| record.partition); // stable: each partition keeps its order
    records
}
