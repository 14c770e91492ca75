//! What there is on the brokers: topics described, listed, made, removed, and where their partitions end.
//!
//! One metadata client serves all of a process. Every question waits for its answer, at most
//! [`ANSWER_WAIT_MAX`]; the first one longer, as a broker may be started at the same time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use rdkafka::metadata::{Metadata, MetadataTopic};

use super::context::Context;
use super::health::Health;
use super::native::admin::{self, Isolation, Place, Refusal};
use super::native::client::EventClient;
use super::properties::Properties;
use super::verdict::{self, Verdict};
use crate::connector::{Error, NewTopic, TopicInfo};
use crate::types::Retry;

/// How long a group may still have members that ended: longer than the brokers wait for one that does not say that it goes.
const GROUP_EMPTY_WAIT: Duration = Duration::from_secs(15);
/// Pause before the brokers are asked again to remove a group.
const GROUP_ASK_AGAIN: Duration = Duration::from_millis(100);
/// How long a question to the brokers may take, where `socket.timeout.ms` does not say less.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(10);
/// The same for the first question of a process: a broker that is started at the same time takes a while to come up.
const FIRST_ANSWER_WAIT_MAX: Duration = Duration::from_mins(1);
/// How soon somebody who waits for the first answer is told so, and how often then.
const FIRST_TOLD_AFTER: Duration = Duration::from_secs(1);
const TOLD_EVERY: Duration = Duration::from_secs(10);
/// How long the first try to get metadata waits; each one after it waits twice as long, up to [`SLICE_MAX`].
const FIRST_SLICE: Duration = Duration::from_millis(500);
const SLICE_MAX: Duration = Duration::from_secs(4);
/// How often a pause between two tries looks whether there is an error to end it.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// A broker that answers late is asked again after this time, while a change spreads through a cluster.
const SPREAD_PAUSE: Duration = Duration::from_millis(50);

/// The metadata client.
#[derive(Debug)]
pub(crate) struct Topics {
    client: EventClient,
    /// Where brokers are said to be, for messages.
    brokers: String,
    health: Arc<Health>,
    isolation: Isolation,
    answer_wait: Duration,
    first_answer_wait: Duration,
}

/// The records that a partition holds: from `start` to before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) partition: i32,
    pub(crate) start: i64,
    pub(crate) end: i64,
}

impl Topics {
    /// Does not wait for a broker.
    ///
    /// # Errors
    /// When the properties do not fit together.
    pub(crate) fn new(properties: &Properties) -> Result<Self, Error> {
        let action = "ask about topics";
        let health = Arc::new(Health::new(action.to_owned(), None));
        let context = Context::new(Arc::clone(&health));
        let client = EventClient::new(&properties.admin(), context, Box::new(|_, _, _| {}))
            .map_err(|error| verdict::crate_error(action, None, &error))?;
        let at_most = |max: Duration| properties.socket_timeout().map_or(max, |wait| wait.min(max));
        Ok(Self {
            client,
            brokers: properties.brokers().to_owned(),
            health,
            isolation: properties.isolation(),
            answer_wait: at_most(ANSWER_WAIT_MAX),
            first_answer_wait: at_most(FIRST_ANSWER_WAIT_MAX),
        })
    }

    /// With other waits for the first answer and for later ones.
    #[cfg(test)]
    pub(super) fn with_waits(self, first: Duration, later: Duration) -> Self {
        Self {
            answer_wait: later,
            first_answer_wait: first,
            ..self
        }
    }

    /// What is known of `topic`.
    pub(crate) fn describe(&self, topic: &str) -> Result<Option<TopicInfo>, Error> {
        Ok(self.partitions(topic)?.map(|(info, _)| info))
    }

    /// All topics, by name.
    pub(crate) fn list(&self) -> Result<Vec<TopicInfo>, Error> {
        let action = "list topics";
        let metadata = self
            .metadata(None)
            .map_err(|error| self.no_answer(action, None, &error))?;
        let mut topics: Vec<TopicInfo> = metadata.topics().iter().map(info).collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(topics)
    }

    /// Makes a topic and waits until it is seen.
    pub(crate) fn create(&self, new: &NewTopic) -> Result<(), Error> {
        let action = format!("create topic {}", new.name);
        let replicas = new.replicas.map_or(-1, i32::from);
        admin::create_topic(
            &self.client,
            &new.name,
            new.partitions,
            replicas,
            &new.config,
            self.answer_wait,
        )
        .map_err(|refusal| self.refused(&action, &new.name, refusal))?;
        self.health.recover();
        self.await_metadata(&action, || {
            let known = self.partitions(&new.name)?;
            Ok(known.is_some_and(|(info, led)| info.partitions == new.partitions && led))
        })
    }

    /// Removes a topic and waits until it is gone.
    pub(crate) fn delete(&self, topic: &str) -> Result<(), Error> {
        let action = format!("delete topic {topic}");
        admin::delete_topic(&self.client, topic, self.answer_wait)
            .map_err(|refusal| self.refused(&action, topic, refusal))?;
        self.health.recover();
        self.await_metadata(&action, || Ok(self.partitions(topic)?.is_none()))
    }

    /// Removes a consumer group; waits until the brokers have noticed that its members are gone.
    pub(crate) fn delete_group(&self, group: &str) -> Result<(), Error> {
        let action = format!("remove consumer group {group}");
        let until = Instant::now() + GROUP_EMPTY_WAIT;
        loop {
            let Err(refusal) = admin::delete_group(&self.client, group, self.answer_wait) else {
                return Ok(());
            };
            let passes =
                refusal.code == RDKafkaErrorCode::NonEmptyGroup || verdict::verdict(refusal.code) == Verdict::Transient;
            match refusal.code {
                RDKafkaErrorCode::GroupIdNotFound => return Ok(()),
                _ if passes && Instant::now() < until => std::thread::sleep(GROUP_ASK_AGAIN),
                _ => {
                    return Err(verdict::error(
                        &action,
                        None,
                        refusal.code,
                        refusal.reason.trim_end_matches('.'),
                    ));
                }
            }
        }
    }

    /// What every partition of `topic` holds now for a reader of our isolation, in order of the partitions.
    pub(crate) fn extents(&self, topic: &str) -> Result<Vec<Extent>, Error> {
        let Some((info, _)) = self.partitions(topic)? else {
            return Err(Error::UnknownTopic {
                topic: topic.to_owned(),
            });
        };
        let partitions: Vec<i32> = (0..info.partitions).collect();
        let ask = |place| {
            admin::offsets(
                &self.client,
                topic,
                &partitions,
                place,
                self.isolation,
                self.answer_wait,
            )
            .map(|offsets| offsets.into_iter().collect::<BTreeMap<i32, i64>>())
            .map_err(|refusal| self.refused(&format!("find the end of topic {topic}"), topic, refusal))
        };
        // In this order, so that no partition seems to end before it starts when its beginning is deleted meanwhile.
        let (starts, ends) = (ask(Place::Start)?, ask(Place::End)?);
        self.health.recover();
        let extent = |(partition, end): (i32, i64)| Extent {
            partition,
            start: starts.get(&partition).map_or(0, |start| *start),
            end,
        };
        Ok(ends.into_iter().map(extent).collect())
    }

    /// The topic, and whether each of its partitions has a leader.
    fn partitions(&self, topic: &str) -> Result<Option<(TopicInfo, bool)>, Error> {
        let action = format!("describe topic {topic}");
        let metadata = self
            .metadata(Some(topic))
            .map_err(|error| self.no_answer(&action, Some(topic), &error))?;
        let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else {
            return Ok(None);
        };
        if let Some(code) = found.error().map(RDKafkaErrorCode::from) {
            match verdict::verdict(code) {
                Verdict::UnknownTopic => return Ok(None),
                Verdict::Login | Verdict::Final => return Err(verdict::error(&action, Some(topic), code, "")),
                Verdict::Transient => {} // no leader yet: it exists
            }
        }
        let led = found.partitions().iter().all(|partition| partition.leader() >= 0);
        Ok(Some((info(found), led)))
    }

    /// Asks for metadata in growing slices of time, so that a refused login is not waited out.
    fn metadata(&self, topic: Option<&str>) -> KafkaResult<Metadata> {
        let first = !self.health.was_connected();
        let wait = self.wait();
        let start = Instant::now();
        let mut tell_at = FIRST_TOLD_AFTER;
        let mut slice = FIRST_SLICE;
        loop {
            let asked = Instant::now();
            let left = wait.saturating_sub(start.elapsed());
            let answer = self.client.client().fetch_metadata(topic, slice.min(left));
            if answer.is_ok() {
                self.health.recover();
                return answer;
            }
            // When no broker can be reached the answer comes at once, and not at the end of the slice.
            while asked.elapsed() < slice && start.elapsed() < wait && self.health.error().is_none() {
                std::thread::sleep(LOOK_EVERY);
            }
            if start.elapsed() >= wait || self.health.error().is_some() {
                return answer;
            }
            if first && start.elapsed() >= tell_at {
                tell_at += TOLD_EVERY;
                let (waited, at_most) = (start.elapsed().as_secs(), wait.as_secs());
                tracing::warn!(
                    reason = %self.complaint().unwrap_or_default(),
                    "no broker at {} has answered for {waited} s, waiting for up to {at_most} s",
                    self.brokers
                );
            }
            slice = (slice * 2).min(SLICE_MAX);
        }
    }

    /// Waits until brokers know of a change that the controller has made.
    fn await_metadata(&self, action: &str, mut done: impl FnMut() -> Result<bool, Error>) -> Result<(), Error> {
        let start = Instant::now();
        while !done()? {
            if start.elapsed() > self.answer_wait {
                return Err(Error::Kafka {
                    action: action.to_owned(),
                    reason: format!(
                        "the brokers did it but do not show it after {} s",
                        self.answer_wait.as_secs()
                    ),
                    retry: Retry::Backoff,
                });
            }
            std::thread::sleep(SPREAD_PAUSE);
        }
        Ok(())
    }

    fn refused(&self, action: &str, topic: &str, refusal: Refusal) -> Error {
        if verdict::verdict(refusal.code) == Verdict::Transient {
            return self.late(action, refusal.code, &refusal.reason);
        }
        verdict::error(action, Some(topic), refusal.code, refusal.reason.trim_end_matches('.'))
    }

    fn no_answer(&self, action: &str, topic: Option<&str>, error: &rdkafka::error::KafkaError) -> Error {
        match error.rdkafka_error_code() {
            Some(code) if verdict::verdict(code) == Verdict::Transient => self.late(action, code, ""),
            _ => verdict::crate_error(action, topic, error),
        }
    }

    /// How long a question waits for its answer now.
    fn wait(&self) -> Duration {
        if self.health.was_connected() {
            self.answer_wait
        } else {
            self.first_answer_wait
        }
    }

    /// What the connection complains of, without librdkafka's count of how often and when.
    fn complaint(&self) -> Option<String> {
        let (_, complaint) = self.health.last_complaint()?;
        let plain = complaint.split_once(" (after ").map(|(plain, _)| plain.to_owned());
        Some(plain.unwrap_or(complaint))
    }

    /// A question without an answer: what the connection complains of is the cause.
    fn late(&self, action: &str, code: RDKafkaErrorCode, reason: &str) -> Error {
        if let Some(error) = self.health.error() {
            return error;
        }
        let said = match code {
            // The question has reached nobody, or nobody has said anything.
            RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::Resolve
            | RDKafkaErrorCode::OperationTimedOut => {
                let seconds = self.wait().as_secs_f64();
                format!("no broker at {} answered within {seconds} s", self.brokers)
            }
            _ if reason.is_empty() => verdict::describe(code),
            _ => reason.to_owned(),
        };
        let reason = match self.complaint() {
            Some(complaint) => format!("{said}; {complaint}"),
            None => said,
        };
        Error::Kafka {
            action: action.to_owned(),
            reason,
            retry: Retry::Backoff,
        }
    }
}

fn info(topic: &MetadataTopic) -> TopicInfo {
    let replicas = topic
        .partitions()
        .first()
        .map_or(0, |partition| partition.replicas().len());
    TopicInfo {
        name: topic.name().to_owned(),
        partitions: i32::try_from(topic.partitions().len()).expect("Kafka numbers partitions with 32 bits"),
        replicas: i16::try_from(replicas).unwrap_or(i16::MAX),
    }
}
