//! The calls of a transactional producer, each with a bound on its wait and with all that librdkafka says of a failure.
//!
//! The crate ties them to a producer of its own, which serves its events itself and waits for its flush without a bound.
#![expect(
    unsafe_code,
    reason = "transactions of a client that is not the crate's producer are only reachable through C"
)]

use std::ffi::{CString, c_int};
use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::bindings;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::RDKafkaErrorCode;

use super::client::{EventClient, text};
use crate::connector::kafka::context::Consumer;

/// Why a call of a transaction failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TransactionError {
    pub(crate) code: RDKafkaErrorCode,
    pub(crate) reason: String,
    /// The client cannot be used any more.
    pub(crate) fatal: bool,
    /// The same call may be made again, and goes on where it was.
    pub(crate) retriable: bool,
    /// The transaction can only be thrown away.
    pub(crate) needs_abort: bool,
}

/// Who commits offsets of a consumer group.
pub(crate) struct GroupMetadata {
    metadata: NonNull<bindings::rd_kafka_consumer_group_metadata_t>,
}

// SAFETY: a plain value of strings and a number that nobody changes.
unsafe impl Send for GroupMetadata {}

impl GroupMetadata {
    /// The member that `consumer` is now. `None` when the consumer is closed.
    pub(crate) fn of(consumer: &Consumer) -> Option<Self> {
        // SAFETY: the consumer is alive; the result is ours.
        let metadata = unsafe { bindings::rd_kafka_consumer_group_metadata(consumer.client().native_ptr()) };
        Some(Self {
            metadata: NonNull::new(metadata)?,
        })
    }

    /// Nobody in particular: a group without members, whose offsets are fenced by the transactional id alone. `None` when no group can
    /// have that name.
    pub(crate) fn of_group(group: &str) -> Option<Self> {
        let group = CString::new(group).ok()?;
        // SAFETY: the name is copied; the result is ours.
        let metadata = unsafe { bindings::rd_kafka_consumer_group_metadata_new(group.as_ptr()) };
        Some(Self {
            metadata: NonNull::new(metadata)?,
        })
    }
}

impl Drop for GroupMetadata {
    fn drop(&mut self) {
        // SAFETY: ours, destroyed once.
        unsafe { bindings::rd_kafka_consumer_group_metadata_destroy(self.metadata.as_ptr()) };
    }
}

/// Registers the client's transactional id and fences older clients of it.
///
/// # Errors
/// A retriable `TimedOut` after `wait`, among others.
pub(crate) fn init(client: &EventClient, wait: Duration) -> Result<(), TransactionError> {
    // SAFETY: the client is alive; so in the calls below.
    outcome(unsafe { bindings::rd_kafka_init_transactions(client.client().native_ptr(), ms(wait)) })
}

/// Opens a transaction; asks nobody.
///
/// # Errors
/// When one is open, or the client has failed for good.
pub(crate) fn begin(client: &EventClient) -> Result<(), TransactionError> {
    // SAFETY: as above.
    outcome(unsafe { bindings::rd_kafka_begin_transaction(client.client().native_ptr()) })
}

/// Makes a group's offsets part of the transaction.
///
/// # Errors
/// When the coordinators refuse or do not answer within `wait`.
pub(crate) fn send_offsets(
    client: &EventClient,
    offsets: &TopicPartitionList,
    member: &GroupMetadata,
    wait: Duration,
) -> Result<(), TransactionError> {
    // SAFETY: as above; list and metadata are alive and copied.
    outcome(unsafe {
        bindings::rd_kafka_send_offsets_to_transaction(
            client.client().native_ptr(),
            offsets.ptr(),
            member.metadata.as_ptr(),
            ms(wait),
        )
    })
}

/// Waits until all records are stored, then commits.
///
/// # Errors
/// When a record was not stored, the coordinator refuses, or nobody answers within `wait`.
pub(crate) fn commit(client: &EventClient, wait: Duration) -> Result<(), TransactionError> {
    // SAFETY: as above. Delivery reports are served by the event thread.
    outcome(unsafe { bindings::rd_kafka_commit_transaction(client.client().native_ptr(), ms(wait)) })
}

/// Throws away the records that are under way and the transaction.
///
/// # Errors
/// When the coordinator refuses or does not answer within `wait`.
pub(crate) fn abort(client: &EventClient, wait: Duration) -> Result<(), TransactionError> {
    // SAFETY: as above.
    outcome(unsafe { bindings::rd_kafka_abort_transaction(client.client().native_ptr(), ms(wait)) })
}

fn ms(wait: Duration) -> c_int {
    c_int::try_from(wait.as_millis()).unwrap_or(c_int::MAX)
}

fn outcome(error: *mut bindings::rd_kafka_error_t) -> Result<(), TransactionError> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: an error that a call above returned; it is ours and destroyed last.
    unsafe {
        let failure = TransactionError {
            code: bindings::rd_kafka_error_code(error).into(),
            reason: text(bindings::rd_kafka_error_string(error)),
            fatal: bindings::rd_kafka_error_is_fatal(error) != 0,
            retriable: bindings::rd_kafka_error_is_retriable(error) != 0,
            needs_abort: bindings::rd_kafka_error_txn_requires_abort(error) != 0,
        };
        bindings::rd_kafka_error_destroy(error);
        Err(failure)
    }
}
