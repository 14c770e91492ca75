//! A topic read up to the end that it has now: all partitions, without a consumer group dealing them out.
//!
//! A pull query opens and closes such a source; joining a group would take seconds. Where the partitions end is asked
//! on a thread of its own, so that opening never waits. "The end" is what our isolation lets through: with
//! `read_committed` the first open transaction.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TryRecvError};
use rdkafka::consumer::Consumer as _;
use rdkafka::{Offset, TopicPartitionList};

use super::closing;
use super::context::Consumer;
use super::native::queue::{GroupQueue, PartitionQueue};
use super::properties::Properties;
use super::reader::{KafkaReader, ReaderOptions};
use super::source;
use super::topics::{Extent, Topics};
use super::verdict;
use crate::connector::{AssignmentChange, Error, GroupMember, PartitionReader, ReadOptions, Source, StartAt, Waker};
use crate::types::Retry;

/// Pause before the brokers are asked again where a topic ends.
const ASK_AGAIN: Duration = Duration::from_millis(200);
/// librdkafka reads no topic without a group name; this one never joins or commits.
const NO_GROUP: &str = "waterwheel-bounded-read";

/// The source of a pull query.
pub(crate) struct BoundedSource {
    topic: Arc<str>,
    options: ReadOptions,
    /// The answer of the thread that asks; taken once.
    ends: Option<Receiver<Result<Vec<Extent>, Error>>>,
    /// Tells that thread that nobody waits any more.
    abandoned: Arc<AtomicBool>,
    wake: Arc<parking_lot::Mutex<Option<Waker>>>,
    events: GroupQueue,
    consumer: Arc<Consumer>,
}

impl BoundedSource {
    /// Asks in the background where the topic ends.
    ///
    /// # Errors
    /// When the properties do not fit together.
    pub(crate) fn open(
        properties: &Properties,
        topics: &Arc<Topics>,
        topic: &str,
        options: &ReadOptions,
    ) -> Result<Self, Error> {
        let group = if options.group.is_empty() {
            NO_GROUP
        } else {
            &options.group
        };
        let consumer = source::consumer(
            properties,
            topic,
            group,
            options.start_at,
            &[("enable.partition.eof", "true")],
        )?;
        let events = GroupQueue::of(&consumer).expect("a consumer with a group has a queue of group events");
        let (answer, ends) = crossbeam_channel::bounded(1);
        let abandoned = Arc::new(AtomicBool::new(false));
        let wake = Arc::new(parking_lot::Mutex::new(None::<Waker>));
        let asking = Asking {
            topics: Arc::clone(topics),
            topic: topic.to_owned(),
            abandoned: Arc::clone(&abandoned),
            wake: Arc::clone(&wake),
            answer,
        };
        std::thread::Builder::new()
            .name("kafka-ends".to_owned())
            .spawn(move || asking.run())
            .map_err(|error| Error::Kafka {
                action: format!("read topic {topic}"),
                reason: format!("cannot start a thread: {error}"),
                retry: Retry::Backoff,
            })?;
        Ok(Self {
            topic: topic.into(),
            options: options.clone(),
            ends: Some(ends),
            abandoned,
            wake,
            events,
            consumer,
        })
    }

    /// Makes readers, then lets the records come.
    fn assign(&self, extents: Vec<Extent>) -> Result<AssignmentChange, Error> {
        let action = format!("read topic {}", self.topic);
        let wake = self.wake.lock().clone();
        let mut change = AssignmentChange::default();
        let mut list = TopicPartitionList::with_capacity(extents.len());
        for Extent { partition, start, end } in extents {
            let mut queue =
                PartitionQueue::split(&self.consumer, &self.topic, partition).ok_or_else(|| Error::UnknownTopic {
                    topic: self.topic.to_string(),
                })?;
            if let Some(wake) = &wake {
                queue.set_waker(Arc::clone(wake));
            }
            // Offsets by number rather than "the beginning": librdkafka looks such words up half a second later.
            let given = self.options.next_offsets.get(&partition);
            let (from, empty) = match (self.options.group.is_empty(), self.options.start_at) {
                _ if given.is_some() => {
                    let next = given.map_or(start, |next| (*next).max(start)); // what was deleted cannot be read
                    (Offset::Offset(next), next >= end)
                }
                (false, _) => (Offset::Stored, end == 0), // where nothing is stored, as `auto.offset.reset` says
                (true, StartAt::Earliest) => (Offset::Offset(start), start >= end),
                (true, StartAt::Latest) => (Offset::Offset(end), true),
            };
            let options = ReaderOptions {
                partition,
                headers: self.options.headers,
                end: Some(if empty { 0 } else { end }),
                woken: wake.is_some(),
            };
            let health = Arc::clone(&self.consumer.context().health);
            let reader = KafkaReader::new(queue, Arc::clone(&self.topic), options, health);
            change.added.push(Box::new(reader) as Box<dyn PartitionReader>);
            if !empty {
                list.add_partition_offset(&self.topic, partition, from)
                    .map_err(|error| verdict::crate_error(&action, Some(&self.topic), &error))?;
            }
        }
        self.consumer
            .assign(&list)
            .map_err(|error| verdict::crate_error(&action, Some(&self.topic), &error))?;
        Ok(change)
    }
}

impl Source for BoundedSource {
    fn poll_assignment(&mut self) -> Result<Option<AssignmentChange>, Error> {
        source::serve(&self.consumer, &self.events, &self.topic)?;
        let Some(ends) = &self.ends else { return Ok(None) };
        let ends = match ends.try_recv() {
            Ok(answer) => answer,
            Err(TryRecvError::Empty) => return Ok(None),
            Err(TryRecvError::Disconnected) => Err(Error::Kafka {
                action: format!("find the end of topic {}", self.topic),
                reason: "the thread that asked is gone, this is a fault of waterwheel".to_owned(),
                retry: Retry::Never,
            }),
        };
        self.ends = None;
        self.assign(ends?).map(Some)
    }

    fn is_assigned(&self) -> bool {
        self.ends.is_none()
    }

    fn commit(&mut self, next_offsets: &[(i32, i64)]) -> Result<(), Error> {
        if self.options.group.is_empty() && !next_offsets.is_empty() {
            return Err(Error::Option {
                option: "group".to_owned(),
                reason: format!("a read of topic {} without a consumer group cannot commit", self.topic),
            });
        }
        source::commit(&self.consumer, &self.topic, next_offsets)
    }

    /// It reads all partitions itself, so it is no member that could be thrown out.
    fn group_member(&self) -> Option<GroupMember> {
        (!self.options.group.is_empty()).then(|| GroupMember {
            group: self.options.group.clone(),
            topic: self.topic.to_string(),
            handle: None,
        })
    }

    fn set_waker(&mut self, wake: Waker) {
        self.events.set_waker(Arc::clone(&wake));
        *self.wake.lock() = Some(wake);
    }
}

impl Drop for BoundedSource {
    fn drop(&mut self) {
        self.abandoned.store(true, Ordering::Release);
        closing::close(&self.consumer, &self.topic);
    }
}

impl std::fmt::Debug for BoundedSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BoundedSource")
            .field("topic", &self.topic)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Asks where a topic ends until there is an answer or an error that no retry mends.
struct Asking {
    topics: Arc<Topics>,
    topic: String,
    abandoned: Arc<AtomicBool>,
    wake: Arc<parking_lot::Mutex<Option<Waker>>>,
    answer: Sender<Result<Vec<Extent>, Error>>,
}

impl Asking {
    fn run(self) {
        while !self.abandoned.load(Ordering::Acquire) {
            let answer = self.topics.extents(&self.topic);
            if let Err(error) = &answer
                && error.retry() == Retry::Backoff
            {
                tracing::warn!(topic = %self.topic, %error, "cannot find the end of a topic yet");
                std::thread::sleep(ASK_AGAIN);
                continue;
            }
            // The source may be gone.
            let _ = self.answer.send(answer);
            if let Some(wake) = self.wake.lock().as_ref() {
                wake();
            }
            return;
        }
    }
}
