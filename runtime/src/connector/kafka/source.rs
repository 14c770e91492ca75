//! A topic read by a consumer group: the group deals the partitions out to its members, this process being one.
//!
//! Rebalances take effect only in [`Source::poll_assignment`], between steps. A partition that goes to another member
//! is given up one call later than it is reported: in between the caller drops its reader and may still commit.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{Consumer as _, RebalanceProtocol};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use super::closing;
use super::context::{Consumer, Context, Rebalance};
use super::first_partitions::FirstPartitions;
use super::health::Health;
use super::native;
use super::native::queue::{GroupQueue, PartitionQueue};
use super::native::transactions::GroupMetadata;
use super::properties::Properties;
use super::reader::{KafkaReader, ReaderOptions};
use super::takeover::TAKEN_OVER;
use super::topics::Topics;
use super::verdict;
use crate::connector::{AssignmentChange, Error, GroupMember, PartitionReader, ReadOptions, Source, StartAt, Waker};
use crate::types::Retry;

/// How long a topic may be unknown before that is an error: one that was just made is not known to all brokers.
const UNKNOWN_TOPIC_PATIENCE: Duration = Duration::from_secs(2);
/// How often an unknown topic is asked for again meanwhile; librdkafka itself waits for its next metadata refresh.
const UNKNOWN_TOPIC_RETRY: Duration = Duration::from_millis(200);
/// How long a commit waits for the broker's answer. One that fails for now can be repeated.
const COMMIT_WAIT: Duration = Duration::from_secs(5);
/// Group events served in one call; the rest waits for the next.
const EVENTS_PER_CALL_MAX: usize = 64;

/// Makes the consumer of one source.
pub(super) fn consumer(
    properties: &Properties,
    topic: &str,
    group: &str,
    start_at: StartAt,
    extra: &[(&str, &str)],
) -> Result<Arc<Consumer>, Error> {
    let action = format!("read topic {topic}");
    let health = Arc::new(Health::new(action.clone(), Some(topic.to_owned())));
    let mut config = properties.consumer(group, start_at);
    for (name, value) in extra {
        config.set(*name, *value);
    }
    let consumer = config
        .create_with_context::<_, Consumer>(Context::new(health))
        .map_err(|error| verdict::crate_error(&action, Some(topic), &error))?;
    Ok(Arc::new(consumer))
}

/// Serves what waits in the consumer's own queue: group events and errors, which end up in its context.
///
/// # Errors
/// When a record stands there: every partition has a queue of its own, so that would be a lost record.
pub(super) fn serve(consumer: &Consumer, queue: &GroupQueue, topic: &str) -> Result<(), Error> {
    for _ in 0..EVENTS_PER_CALL_MAX {
        // Errors were told to the context already.
        if let Some(Ok(_)) = consumer.poll(Duration::ZERO) {
            return Err(Error::Kafka {
                action: format!("read topic {topic}"),
                reason: "a record came in the queue of group events, this is a fault of waterwheel".to_owned(),
                retry: Retry::Never,
            });
        }
        if queue.len() == 0 {
            break;
        }
    }
    let Some(error) = consumer.context().health.error() else {
        return Ok(());
    };
    match consumer.client().fatal_error() {
        Some((RDKafkaErrorCode::FencedInstanceId, _)) => Err(Error::Kafka {
            action: format!("read topic {topic}"),
            reason: TAKEN_OVER.to_owned(),
            retry: Retry::Never,
        }),
        _ => Err(error),
    }
}

/// Stores the offsets of a group, and waits until the broker has them.
pub(super) fn commit(consumer: &Consumer, topic: &str, next_offsets: &[(i32, i64)]) -> Result<(), Error> {
    if next_offsets.is_empty() {
        return Ok(());
    }
    let action = format!("commit offsets of topic {topic}");
    let mut list = TopicPartitionList::with_capacity(next_offsets.len());
    for &(partition, offset) in next_offsets {
        list.add_partition_offset(topic, partition, Offset::Offset(offset))
            .map_err(|error| verdict::crate_error(&action, Some(topic), &error))?;
    }
    native::commit::commit(consumer, &list, COMMIT_WAIT).map_err(|code| verdict::error(&action, Some(topic), code, ""))
}

/// The source of a continuous query.
pub(crate) struct GroupSource {
    topic: Arc<str>,
    group: String,
    headers: bool,
    /// What this member reads now.
    partitions: Vec<i32>,
    /// Where partitions start that are dealt to this member for the first time. Later another member may have read on.
    next_offsets: BTreeMap<i32, i64>,
    /// Where only what comes from now on is read: partitions that are added later are read from their beginning, which came later too.
    first_partitions: Option<FirstPartitions>,
    /// Partitions reported as removed and not given up yet.
    leaving: Option<Vec<i32>>,
    asked_again: Instant,
    wake: Option<Waker>,
    events: GroupQueue,
    consumer: Arc<Consumer>,
}

impl GroupSource {
    /// Joins the group in the background.
    ///
    /// # Errors
    /// When the properties do not fit together.
    pub(crate) fn open(
        properties: &Properties,
        topics: &Arc<Topics>,
        topic: &str,
        options: &ReadOptions,
    ) -> Result<Self, Error> {
        if options.group.is_empty() {
            return Err(Error::Option {
                option: "group".to_owned(),
                reason: format!("a continuous read of topic {topic} needs the name of a consumer group"),
            });
        }
        // A static member takes over from itself at once, where a new one would wait until the brokers give the dead one up.
        let instance = options
            .is_alone
            .then_some(("group.instance.id", options.group.as_str()));
        let extra: Vec<_> = instance.into_iter().collect();
        let consumer = consumer(properties, topic, &options.group, options.start_at, &extra)?;
        let action = format!("subscribe to topic {topic}");
        consumer
            .subscribe(&[topic])
            .map_err(|error| verdict::crate_error(&action, Some(topic), &error))?;
        let events = GroupQueue::of(&consumer).expect("a consumer with a group has a queue of group events");
        Ok(Self {
            topic: topic.into(),
            group: options.group.clone(),
            headers: options.headers,
            partitions: Vec::new(),
            next_offsets: options.next_offsets.clone(),
            first_partitions: match options.start_at {
                StartAt::Earliest => None,
                StartAt::Latest => Some(FirstPartitions::ask(topics, topic)?),
            },
            leaving: None,
            asked_again: Instant::now(),
            wake: None,
            events,
            consumer,
        })
    }

    fn health(&self) -> &Arc<Health> {
        &self.consumer.context().health
    }

    fn error(&self, action: &str, error: &KafkaError) -> Error {
        verdict::crate_error(&format!("{action} of topic {}", self.topic), Some(&self.topic), error)
    }

    fn list(&self, partitions: &[i32]) -> TopicPartitionList {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for &partition in partitions {
            list.add_partition(&self.topic, partition);
        }
        list
    }

    /// Makes readers, then lets the records come.
    fn assign(&mut self, partitions: &[i32], change: &mut AssignmentChange) -> Result<(), Error> {
        for &partition in partitions {
            let mut queue =
                PartitionQueue::split(&self.consumer, &self.topic, partition).ok_or_else(|| Error::UnknownTopic {
                    topic: self.topic.to_string(),
                })?;
            if let Some(wake) = &self.wake {
                queue.set_waker(Arc::clone(wake));
            }
            let options = ReaderOptions {
                partition,
                headers: self.headers,
                end: None,
                woken: self.wake.is_some(),
            };
            let reader = KafkaReader::new(queue, Arc::clone(&self.topic), options, Arc::clone(self.health()));
            change.added.push(Box::new(reader) as Box<dyn PartitionReader>);
        }
        let mut list = self.list(partitions);
        for partition in partitions {
            let given = self.next_offsets.remove(partition).map(Offset::Offset);
            let mut is_new = || {
                self.first_partitions
                    .as_mut()
                    .is_some_and(|first| first.is_new(*partition))
            };
            if let Some(start) = given.or_else(|| is_new().then_some(Offset::Beginning)) {
                list.set_partition_offset(&self.topic, *partition, start)
                    .map_err(|error| self.error("take partitions", &error))?;
            }
        }
        match self.consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => self.consumer.incremental_assign(&list),
            RebalanceProtocol::Eager | RebalanceProtocol::None => self.consumer.assign(&list),
        }
        .map_err(|error| self.error("take partitions", &error))?;
        self.partitions.extend_from_slice(partitions);
        // Being dealt no partition is no news about the topic, which may be missing.
        if !partitions.is_empty() {
            self.health().recover();
        }
        tracing::info!(topic = %self.topic, ?partitions, "partitions taken");
        Ok(())
    }

    /// Gives up what was reported as removed by the call before.
    fn leave(&mut self) -> Result<(), Error> {
        let Some(partitions) = self.leaving.take() else {
            return Ok(());
        };
        match self.consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => self.consumer.incremental_unassign(&self.list(&partitions)),
            RebalanceProtocol::Eager | RebalanceProtocol::None => self.consumer.unassign(),
        }
        .map_err(|error| self.error("give up partitions", &error))?;
        tracing::info!(topic = %self.topic, ?partitions, "partitions given up");
        Ok(())
    }

    /// Waits a little for a topic that was perhaps just made.
    fn check_topic(&mut self) -> Result<(), Error> {
        let Some(unknown_for) = self.health().topic_unknown_for() else {
            return Ok(());
        };
        if unknown_for > UNKNOWN_TOPIC_PATIENCE {
            return Err(Error::UnknownTopic {
                topic: self.topic.to_string(),
            });
        }
        if self.asked_again.elapsed() > UNKNOWN_TOPIC_RETRY {
            self.asked_again = Instant::now();
            let topic = Arc::clone(&self.topic);
            self.consumer
                .subscribe(&[&topic])
                .map_err(|error| self.error("subscribe", &error))?;
        }
        Ok(())
    }
}

impl Source for GroupSource {
    fn poll_assignment(&mut self) -> Result<Option<AssignmentChange>, Error> {
        self.leave()?;
        serve(&self.consumer, &self.events, &self.topic)?;
        self.check_topic()?;
        let mut change = AssignmentChange::default();
        while let Some(rebalance) = self.consumer.context().next_rebalance() {
            match rebalance {
                Rebalance::Assign(partitions) => self.assign(&partitions, &mut change)?,
                Rebalance::Revoke(partitions) => {
                    self.partitions.retain(|partition| !partitions.contains(partition));
                    change.removed.extend_from_slice(&partitions);
                    self.leaving = Some(partitions);
                    break;
                }
            }
        }
        let changed = !change.added.is_empty() || !change.removed.is_empty();
        Ok(changed.then_some(change))
    }

    /// A member that has no partition now may get one later, so it counts as not assigned: it has not ended.
    fn is_assigned(&self) -> bool {
        !self.partitions.is_empty()
    }

    fn commit(&mut self, next_offsets: &[(i32, i64)]) -> Result<(), Error> {
        commit(&self.consumer, &self.topic, next_offsets)
    }

    fn group_member(&self) -> Option<GroupMember> {
        let handle = GroupMetadata::of(&self.consumer)?;
        Some(GroupMember {
            group: self.group.clone(),
            topic: self.topic.to_string(),
            handle: Some(Box::new(handle)),
        })
    }

    fn set_waker(&mut self, wake: Waker) {
        self.events.set_waker(Arc::clone(&wake));
        self.wake = Some(wake);
    }
}

impl Drop for GroupSource {
    fn drop(&mut self) {
        // What was reported and not given up yet; everything else is answered while closing.
        if let Err(error) = self.leave() {
            tracing::debug!(topic = %self.topic, %error, "giving up partitions while closing");
        }
        closing::close(&self.consumer, &self.topic);
    }
}

impl std::fmt::Debug for GroupSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GroupSource")
            .field("topic", &self.topic)
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}
