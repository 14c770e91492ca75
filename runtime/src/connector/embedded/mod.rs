//! Topics inside of the process: for trying things out, for `waterwheel test`, for unit tests.
//!
//! They behave as Kafka's do: partitions, offsets, timestamps, headers, keys dealt out by murmur2, committed offsets
//! of groups. What they do not do: survive the process, deal partitions out among the members of a group (every source
//! has all of them), compact.
//!
//! Unlike Kafka's, they can come to an end: once the log is sealed and the last writer of a topic has closed, readers
//! of that topic get [`Polled::End`](super::Polled::End), so a script's queries finish one after the other.

mod partition;
mod reader;
mod retention;
mod segment;
mod sink;
mod topic;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::RwLock;

use super::options::wrong;
use super::partitioner::partition_of_key;
use super::{Error, NewTopic, ReadOptions, RecordSink, Source, TopicInfo, TopicLog};
use crate::types::Headers;
use crate::types::limits::EMBEDDED_PARTITIONS_MAX;
use segment::Appended;
use topic::{LogState, Topic};

/// Kafka's bound on the length of a topic name.
const TOPIC_NAME_CHARS_MAX: usize = 249;

/// A topic log in memory. Clones share their topics.
#[derive(Debug, Clone, Default)]
pub struct EmbeddedLog {
    topics: Arc<RwLock<BTreeMap<String, Arc<Topic>>>>,
    state: Arc<LogState>,
}

/// One record of an embedded topic, as [`EmbeddedLog::read_all`] gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedRecord {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Its timestamp, milliseconds since the epoch.
    pub timestamp: i64,
    /// Its headers.
    pub headers: Headers,
}

impl EmbeddedLog {
    /// A log without topics.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends one record and gives its partition and offset. Without `partition` the key decides, and records without
    /// a key are dealt out in turn.
    ///
    /// # Errors
    /// When there is no such topic or partition, or the log is sealed.
    pub fn append(
        &self,
        topic: &str,
        partition: Option<i32>,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp: i64,
        headers: &[(String, Option<Vec<u8>>)],
    ) -> Result<(i32, i64), Error> {
        let topic = self.topic(topic)?;
        let count = topic.info.partitions;
        let number = match (partition, key) {
            (Some(number), _) if !(0..count).contains(&number) => {
                return Err(wrong(
                    "partition",
                    format!(
                        "topic `{}` has no partition {number}, only 0 to {}",
                        topic.info.name,
                        count - 1
                    ),
                ));
            }
            (Some(number), _) => number,
            (None, Some(key)) => partition_of_key(key, count),
            (None, None) => {
                let turn = topic.unkeyed.fetch_add(1, Ordering::Relaxed) % topic.partitions.len();
                i32::try_from(turn).expect("less than the number of partitions, which is an i32")
            }
        };
        topic.add_writer()?;
        let offset = topic.partitions[number as usize].lock().push(Appended {
            key,
            value,
            timestamp,
            headers,
            order: self.state.next_order.fetch_add(1, Ordering::Relaxed),
        });
        topic.wake();
        topic.remove_writer();
        Ok((number, offset))
    }

    /// Every record that `topic` still holds, in the order in which they were appended.
    ///
    /// # Errors
    /// When there is no such topic.
    pub fn read_all(&self, topic: &str) -> Result<Vec<EmbeddedRecord>, Error> {
        let topic = self.topic(topic)?;
        let mut records = Vec::new();
        for (number, partition) in (0i32..).zip(&topic.partitions) {
            records.extend(partition.lock().records().map(|(offset, record)| {
                let record_out = EmbeddedRecord {
                    partition: number,
                    offset,
                    key: record.key.map(<[u8]>::to_vec),
                    value: record.value.map(<[u8]>::to_vec),
                    timestamp: record.timestamp,
                    headers: record.headers.to_vec(),
                };
                (record.order, record_out)
            }));
        }
        records.sort_by_key(|(order, _)| *order);
        Ok(records.into_iter().map(|(_, record)| record).collect())
    }

    /// Records appended so far to all topics together.
    #[must_use]
    pub fn appended(&self) -> u64 {
        self.state.next_order.load(Ordering::SeqCst)
    }

    /// Says that no statement will write any more: a topic ends as soon as its open writers are closed.
    pub fn seal(&self) {
        self.state.sealed.store(true, Ordering::SeqCst);
        let topics: Vec<_> = self.topics.read().values().cloned().collect();
        for topic in topics {
            topic.wake();
        }
    }

    fn topic(&self, name: &str) -> Result<Arc<Topic>, Error> {
        self.topics
            .read()
            .get(name)
            .cloned()
            .ok_or_else(|| Error::UnknownTopic { topic: name.to_owned() })
    }
}

impl TopicLog for EmbeddedLog {
    fn describe(&self, topic: &str) -> Result<Option<TopicInfo>, Error> {
        Ok(self.topics.read().get(topic).map(|topic| topic.info.clone()))
    }

    fn list(&self) -> Result<Vec<TopicInfo>, Error> {
        Ok(self.topics.read().values().map(|topic| topic.info.clone()).collect())
    }

    fn create(&self, topic: &NewTopic) -> Result<(), Error> {
        check_name(&topic.name)?;
        if !(1..=EMBEDDED_PARTITIONS_MAX).contains(&topic.partitions) {
            return Err(wrong(
                "PARTITIONS",
                format!(
                    "topic `{}` cannot have {} partitions, only 1 to {EMBEDDED_PARTITIONS_MAX}",
                    topic.name, topic.partitions
                ),
            ));
        }
        if let Some(replicas) = topic.replicas.filter(|replicas| *replicas < 1) {
            return Err(wrong(
                "REPLICAS",
                format!("topic `{}` cannot have {replicas} copies of each partition", topic.name),
            ));
        }
        let mut topics = self.topics.write();
        if topics.contains_key(&topic.name) {
            return Err(Error::TopicExists {
                topic: topic.name.clone(),
            });
        }
        topics.insert(
            topic.name.clone(),
            Arc::new(Topic::new(topic, Arc::clone(&self.state))?),
        );
        Ok(())
    }

    fn delete(&self, topic: &str) -> Result<(), Error> {
        let removed = self.topics.write().remove(topic);
        removed
            .ok_or_else(|| Error::UnknownTopic {
                topic: topic.to_owned(),
            })?
            .delete();
        Ok(())
    }

    fn forget_group(&self, group: &str) -> Result<(), Error> {
        for topic in self.topics.read().values() {
            topic.forget_group(group);
        }
        Ok(())
    }

    fn source(&self, topic: &str, options: &ReadOptions) -> Result<Box<dyn Source>, Error> {
        Ok(Box::new(reader::EmbeddedSource::open(self.topic(topic)?, options)))
    }

    fn sink(&self, topic: &str) -> Result<Box<dyn RecordSink>, Error> {
        Ok(Box::new(sink::EmbeddedSink::open(self.topic(topic)?)?))
    }
}

/// Kafka's rule for topic names, so that a script that runs here runs there too.
fn check_name(name: &str) -> Result<(), Error> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let reason = if name.is_empty() || name == "." || name == ".." {
        format!("`{name}` is no topic name")
    } else if name.len() > TOPIC_NAME_CHARS_MAX {
        format!("a topic name has at most {TOPIC_NAME_CHARS_MAX} characters")
    } else if let Some(bad) = name.chars().find(|c| !legal(*c)) {
        format!("topic name `{name}` has the character `{bad}`; letters, digits, `.`, `_` and `-` may stand there")
    } else {
        return Ok(());
    };
    Err(wrong("KAFKA_TOPIC", reason))
}
