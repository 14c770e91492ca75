//! The transactions of one query: a producer of its own, whose commits carry the offsets that the results came from and, as text beside
//! each, the number of the epoch.
//!
//! Every call waits with a bound. What can pass is tried again inside; after anything else the transaction is thrown away, and the query
//! begins again with new transactions, whose start ends what was left open.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};

use super::committed::Groups;
use super::epoch;
use super::native::client::EventClient;
use super::native::transactions::{self as native, GroupMetadata, TransactionError};
use super::producer::Producer;
use super::properties::Properties;
use super::sink::KafkaSink;
use super::takeover::{LastCommit, Tenure};
use super::topics::Topics;
use super::verdict;
use crate::connector::{Error, GroupMember, OffsetsOfMember, RecordSink, Transactions};
use crate::types::Retry;

/// How long the start waits for the coordinator, and until it has ended what another process left open.
const INIT_WAIT: Duration = Duration::from_secs(30);
/// How long a commit may take: records under way, offsets and the decision. Brokers that are away for a moment are waited for.
const COMMIT_WAIT: Duration = Duration::from_mins(1);
/// How long throwing a transaction away may take. Where it does not work the brokers do it later.
const ABORT_WAIT: Duration = Duration::from_secs(10);
/// The same for a query that is dropped in the middle of a transaction.
const DROP_WAIT: Duration = Duration::from_secs(1);
/// How long one call waits before it is looked whether there is still hope.
const SLICE: Duration = Duration::from_secs(1);
/// Pause before a call that was refused for now is made again.
const AGAIN: Duration = Duration::from_millis(20);

/// Transactions that go by one id.
#[derive(Debug)]
pub(crate) struct KafkaTransactions {
    producer: Arc<Producer>,
    open: bool,
}

impl KafkaTransactions {
    /// Fences all earlier writers of `id` and ends what they left open.
    ///
    /// # Errors
    /// When the properties do not fit together, or no coordinator answers.
    pub(crate) fn open(properties: &Properties, topics: &Arc<Topics>, id: &str) -> Result<Self, Error> {
        if id.is_empty() {
            return Err(Error::Option {
                option: "transactional.id".to_owned(),
                reason: "a query with transactions needs an id for them".to_owned(),
            });
        }
        let (config, timeout) = properties.transactional(id);
        let tenure = Tenure::new(timeout, Groups::new(properties, topics));
        let mut opened = Self {
            producer: Arc::new(Producer::new(&config, Some(tenure))?),
            open: false,
        };
        let action = format!("open the transactions of {id}");
        opened.persist(&action, Instant::now() + INIT_WAIT, native::init)?;
        opened.producer.health().recover();
        Ok(opened)
    }

    /// Makes a call again and again while it can still succeed.
    fn persist(
        &mut self,
        action: &str,
        until: Instant,
        call: impl Fn(&EventClient, Duration) -> Result<(), TransactionError>,
    ) -> Result<(), Error> {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Err(failure) = call(self.producer.client(), SLICE.min(left)) else {
                return Ok(());
            };
            tracing::debug!(action, ?failure, "a transaction");
            let hopeless = self.producer.health().error();
            if failure.retriable && !failure.fatal && !failure.needs_abort && hopeless.is_none() && !left.is_zero() {
                if failure.code != RDKafkaErrorCode::OperationTimedOut {
                    std::thread::sleep(AGAIN.min(left));
                }
                continue;
            }
            let cause = self.producer.take_failures();
            if failure.needs_abort && !failure.fatal {
                self.abort_quietly(ABORT_WAIT);
            }
            return Err(self.failed(action, &failure, cause, hopeless));
        }
    }

    /// Throws the transaction away; it was lost already, so that this fails is no news.
    fn abort_quietly(&mut self, wait: Duration) {
        match native::abort(self.producer.client(), wait) {
            Ok(()) => {
                self.open = false;
                self.tenure().ended();
            }
            Err(failure) => tracing::debug!(?failure, "throwing a transaction away"),
        }
        self.producer.take_failures();
    }

    /// The error for the caller. `cause` is why a record was not stored.
    fn failed(
        &self,
        action: &str,
        failure: &TransactionError,
        cause: Option<RDKafkaErrorCode>,
        hopeless: Option<Error>,
    ) -> Error {
        // Fenced producers are told so late, some by the attempt to throw their transaction away.
        if let Some(fatal) = self.producer.fatal_error(action).or(hopeless) {
            return fatal;
        }
        let code = cause.unwrap_or(failure.code);
        let mut reason = failure.reason.trim_end_matches('.').to_owned();
        if let Some(cause) = cause {
            reason = format!("{reason}: {}", verdict::describe(cause));
        }
        if let Some((_, complaint)) = self.producer.health().last_complaint() {
            reason = format!("{reason}; {complaint}");
        }
        let retry = if failure.retriable {
            Retry::Backoff
        } else {
            verdict::retry(code)
        };
        Error::Kafka {
            action: action.to_owned(),
            reason,
            retry,
        }
    }

    fn send_offsets(&mut self, action: &str, until: Instant, epoch: u64, of: OffsetsOfMember) -> Result<(), Error> {
        let OffsetsOfMember { member, next_offsets } = of;
        if next_offsets.is_empty() {
            return Ok(());
        }
        let list = offset_list(action, &member.topic, &next_offsets, epoch)?;
        let metadata = metadata(action, member)?;
        self.persist(action, until, |client, wait| {
            native::send_offsets(client, &list, &metadata, wait)
        })
    }

    fn tenure(&self) -> &Tenure {
        self.producer.tenure().expect("a producer of transactions has one")
    }
}

impl Transactions for KafkaTransactions {
    fn sink(&self, topic: &str) -> Result<Box<dyn RecordSink>, Error> {
        match KafkaSink::open(Arc::clone(&self.producer), topic) {
            Some(sink) => Ok(Box::new(sink)),
            None => Err(Error::Option {
                option: "KAFKA_TOPIC".to_owned(),
                reason: format!("{topic:?} cannot be the name of a topic"),
            }),
        }
    }

    fn begin(&mut self) -> Result<(), Error> {
        let action = "begin a transaction";
        native::begin(self.producer.client()).map_err(|failure| self.failed(action, &failure, None, None))?;
        self.open = true;
        Ok(())
    }

    fn commit(&mut self, epoch: u64, offsets: Vec<OffsetsOfMember>) -> Result<(), Error> {
        let action = format!("commit epoch {epoch}");
        let until = Instant::now() + COMMIT_WAIT;
        let place = offsets
            .iter()
            .find(|of| !of.next_offsets.is_empty())
            .map(|of| LastCommit {
                group: of.member.group.clone(),
                topic: of.member.topic.clone(),
                epoch,
            });
        if place.is_some() {
            self.tenure().written();
        }
        for of in offsets {
            self.send_offsets(&action, until, epoch, of)?;
        }
        self.persist(&action, until, native::commit)?;
        self.open = false;
        self.tenure().ended();
        if let Some(place) = place {
            self.tenure().committed(place);
        }
        Ok(())
    }

    fn abort(&mut self) -> Result<(), Error> {
        if !self.open {
            return Ok(());
        }
        self.open = false;
        let until = Instant::now() + ABORT_WAIT;
        let aborted = self.persist("throw a transaction away", until, native::abort);
        self.producer.take_failures();
        self.tenure().ended();
        aborted
    }
}

impl Drop for KafkaTransactions {
    fn drop(&mut self) {
        // So that readers need not wait until the brokers do it.
        if self.open && self.producer.client().fatal_error().is_none() {
            self.abort_quietly(DROP_WAIT);
        }
    }
}

fn offset_list(
    action: &str,
    topic: &str,
    next_offsets: &[(i32, i64)],
    epoch: u64,
) -> Result<TopicPartitionList, Error> {
    let text = epoch::text(epoch);
    let mut list = TopicPartitionList::with_capacity(next_offsets.len());
    for &(partition, next) in next_offsets {
        let mut element = list.add_partition(topic, partition);
        element.set_metadata(&text);
        element
            .set_offset(Offset::Offset(next))
            .map_err(|error| verdict::crate_error(action, Some(topic), &error))?;
    }
    Ok(list)
}

/// Who commits: the member that the source is, or nobody in particular.
fn metadata(action: &str, member: GroupMember) -> Result<GroupMetadata, Error> {
    let GroupMember { group, handle, .. } = member;
    let metadata = match handle {
        Some(handle) => handle.downcast::<GroupMetadata>().ok().map(|metadata| *metadata),
        None => GroupMetadata::of_group(&group),
    };
    metadata.ok_or_else(|| Error::Kafka {
        action: action.to_owned(),
        reason: format!("group {group} is not one of this log, this is a fault of waterwheel"),
        retry: Retry::Never,
    })
}
