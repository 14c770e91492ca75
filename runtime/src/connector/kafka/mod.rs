//! Topics in Apache Kafka, through librdkafka.
//!
//! A [`KafkaLog`] holds one client for questions about topics and one producer for all sinks, both made when first
//! needed; each source has a consumer of its own, and each query with transactions a producer of its own. What is here moves bytes: it
//! knows neither formats nor SQL. What belongs into one transaction is the data plane's to say.
//!
//! Errors that librdkafka mends by itself (a broker that is away) are logged once and waited for; errors that need
//! somebody (rights, logins, a missing topic) come out of the next poll or write with [`Retry::Never`].
//!
//! [`Retry::Never`]: crate::types::Retry::Never

mod bounded;
mod closing;
mod committed;
mod context;
mod epoch;
mod first_partitions;
mod health;
mod native;
mod producer;
mod properties;
mod reader;
mod sink;
mod source;
mod takeover;
#[cfg(test)]
mod tests;
mod topics;
mod transactions;
mod verdict;

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Committed, Error, NewTopic, ReadOptions, RecordSink, Source, StopAt, TopicInfo, TopicLog, Transactions};
use bounded::BoundedSource;
use committed::Groups;
use producer::Producer;
pub use properties::Properties;
use sink::KafkaSink;
use source::GroupSource;
use topics::Topics;
use transactions::KafkaTransactions;

/// The topics of a Kafka cluster.
#[derive(Debug)]
pub struct KafkaLog {
    properties: Properties,
    topics: Arc<Topics>,
    /// Made by the first sink; replaced after a fatal error.
    producer: Mutex<Option<Arc<Producer>>>,
}

impl KafkaLog {
    /// Connects in the background: a broker that is down shows in what is asked next, not here.
    ///
    /// # Errors
    /// [`Error::Option`] when the properties do not fit together, as SASL without a user.
    pub fn new(properties: Properties) -> Result<Self, Error> {
        Ok(Self {
            topics: Arc::new(Topics::new(&properties)?),
            properties,
            producer: Mutex::new(None),
        })
    }

    /// The properties, which print without secrets.
    #[must_use]
    pub fn properties(&self) -> &Properties {
        &self.properties
    }

    fn producer(&self) -> Result<Arc<Producer>, Error> {
        let mut slot = self.producer.lock();
        if let Some(producer) = slot.as_ref() {
            match producer.fatal_error("write") {
                None => return Ok(Arc::clone(producer)),
                Some(error) => tracing::warn!(%error, "the kafka producer failed for good, starting another"),
            }
        }
        let producer = Arc::new(Producer::new(&self.properties.producer(), None)?);
        *slot = Some(Arc::clone(&producer));
        Ok(producer)
    }
}

impl TopicLog for KafkaLog {
    fn describe(&self, topic: &str) -> Result<Option<TopicInfo>, Error> {
        self.topics.describe(topic)
    }

    fn list(&self) -> Result<Vec<TopicInfo>, Error> {
        self.topics.list()
    }

    fn create(&self, topic: &NewTopic) -> Result<(), Error> {
        self.topics.create(topic)
    }

    fn delete(&self, topic: &str) -> Result<(), Error> {
        self.topics.delete(topic)
    }

    /// With [`StopAt::Never`] this process joins `options.group` and reads the partitions that the group deals to it.
    /// With [`StopAt::CurrentEnd`] it reads all partitions itself; `options.group` may then be empty, which spares
    /// asking for committed offsets. A group must not be used for two sources of one topic: each would get half.
    fn source(&self, topic: &str, options: &ReadOptions) -> Result<Box<dyn Source>, Error> {
        Ok(match options.stop_at {
            StopAt::Never => Box::new(GroupSource::open(&self.properties, &self.topics, topic, options)?),
            StopAt::CurrentEnd => Box::new(BoundedSource::open(&self.properties, &self.topics, topic, options)?),
        })
    }

    fn sink(&self, topic: &str) -> Result<Box<dyn RecordSink>, Error> {
        match KafkaSink::open(self.producer()?, topic) {
            Some(sink) => Ok(Box::new(sink)),
            None => Err(Error::Option {
                option: "KAFKA_TOPIC".to_owned(),
                reason: format!("{topic:?} cannot be the name of a topic"),
            }),
        }
    }

    fn transactions(&self, id: &str) -> Result<Option<Box<dyn Transactions>>, Error> {
        let opened = KafkaTransactions::open(&self.properties, &self.topics, id)?;
        Ok(Some(Box::new(opened)))
    }

    fn first_offsets(&self, topic: &str) -> Result<BTreeMap<i32, i64>, Error> {
        let extents = self.topics.extents(topic)?;
        Ok(extents.iter().map(|extent| (extent.partition, extent.start)).collect())
    }

    fn end_offsets(&self, topic: &str) -> Result<BTreeMap<i32, i64>, Error> {
        let extents = self.topics.extents(topic)?;
        Ok(extents.iter().map(|extent| (extent.partition, extent.end)).collect())
    }

    fn forget_group(&self, group: &str) -> Result<(), Error> {
        self.topics.delete_group(group)
    }

    fn committed(&self, group: &str, topic: &str) -> Result<Committed, Error> {
        Groups::new(&self.properties, &self.topics).committed(group, topic)
    }
}
