//! What a consumer group has committed: asked by a consumer of that group, which joins nothing and ends with the answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::RDKafkaErrorCode;

use super::closing;
use super::context::Consumer;
use super::epoch;
use super::native::groups::{self, GroupOffset};
use super::native::queue::GroupQueue;
use super::properties::Properties;
use super::source;
use super::topics::Topics;
use super::verdict::{self, Verdict};
use crate::connector::{Committed, Error, StartAt};
use crate::types::Retry;

/// How long offsets of a transaction that has not ended are waited for: longer than a transaction lasts by default and brokers look for
/// those that last too long. The next writer of its id ends it at once.
const STABLE_WAIT_MAX: Duration = Duration::from_secs(90);
/// How long a coordinator is waited for that is not there yet.
const COORDINATOR_WAIT_MAX: Duration = Duration::from_secs(30);
/// How long one question waits before it is looked whether there is still hope.
const SLICE: Duration = Duration::from_secs(1);
/// Pause before the brokers are asked again.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// Whom to ask about groups.
#[derive(Debug)]
pub(crate) struct Groups {
    properties: Properties,
    topics: Arc<Topics>,
}

impl Groups {
    pub(crate) fn new(properties: &Properties, topics: &Arc<Topics>) -> Self {
        Self {
            properties: properties.clone(),
            topics: Arc::clone(topics),
        }
    }

    /// What `group` has committed for `topic`; nothing for a topic that is not there.
    pub(crate) fn committed(&self, group: &str, topic: &str) -> Result<Committed, Error> {
        let Some(info) = self.topics.describe(topic)? else {
            return Ok(Committed::default());
        };
        // Offsets of a transaction that is being ended are waited for only by who reads what is committed.
        let isolated = [("isolation.level", "read_committed")];
        let consumer = source::consumer(&self.properties, topic, group, StartAt::Earliest, &isolated)?;
        let offsets = ask(&consumer, group, topic, info.partitions);
        closing::close(&consumer, topic);
        let offsets = offsets?;
        Ok(Committed {
            epoch: offsets.iter().filter_map(|offset| epoch::parse(&offset.metadata)).max(),
            next_offsets: offsets.iter().map(|offset| (offset.partition, offset.offset)).collect(),
        })
    }
}

fn ask(consumer: &Arc<Consumer>, group: &str, topic: &str, partitions: i32) -> Result<Vec<GroupOffset>, Error> {
    let events = GroupQueue::of(consumer).expect("a consumer with a group has a queue of group events");
    let start = Instant::now();
    loop {
        let code = match groups::committed(consumer, topic, partitions, SLICE) {
            Ok(offsets) => return Ok(offsets),
            Err(RDKafkaErrorCode::GroupIdNotFound) => return Ok(Vec::new()),
            Err(code) => code,
        };
        source::serve(consumer, &events, topic)?;
        let wait = if code == RDKafkaErrorCode::UnstableOffsetCommit {
            STABLE_WAIT_MAX
        } else {
            COORDINATOR_WAIT_MAX
        };
        let action = format!("read what group {group} has committed for topic {topic}");
        if verdict::verdict(code) != Verdict::Transient {
            return Err(verdict::error(&action, Some(topic), code, ""));
        }
        if start.elapsed() >= wait {
            let complaint = consumer.context().health.last_complaint();
            let reason = complaint.map_or_else(|| verdict::describe(code), |(_, complaint)| complaint);
            return Err(Error::Kafka {
                action,
                reason,
                retry: Retry::Backoff,
            });
        }
        std::thread::sleep(ASK_AGAIN);
    }
}
