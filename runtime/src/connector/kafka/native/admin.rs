//! Requests to the brokers about topics: make, remove, where their partitions end. Each waits for its answer.
//!
//! The crate's admin client keeps a thread of its own that wakes ten times a second, and drops the broker's reason
//! for a refusal ("larger than available brokers: 1"), which is what the user needs.
#![expect(unsafe_code, reason = "a broker's reason for a refusal is only reachable through C")]

use std::collections::BTreeMap;
use std::ffi::{CString, c_char};
use std::ptr;
use std::time::{Duration, Instant};

use rdkafka::bindings;
use rdkafka::bindings::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR as NO_ERROR;
use rdkafka::error::RDKafkaErrorCode;

use super::Owned;
use super::client::{EventClient, text};

/// librdkafka itself answers when a request's time is over; it gets this much longer to do so.
const ANSWER_GRACE: Duration = Duration::from_secs(1);
/// How often a waiting request looks whether there is still hope.
const LOOK_MS: i32 = 100;

/// Which records count for the end of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isolation {
    /// All of them.
    ReadUncommitted,
    /// Those before the first open transaction.
    ReadCommitted,
}

/// A broker's refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: RDKafkaErrorCode,
    pub(crate) reason: String,
}

impl Refusal {
    pub(super) fn of(code: bindings::rd_kafka_resp_err_t, reason: String) -> Self {
        Self {
            code: code.into(),
            reason,
        }
    }

    fn invalid(reason: String) -> Self {
        Self {
            code: RDKafkaErrorCode::InvalidArgument,
            reason,
        }
    }
}

/// Makes a topic; `replicas` -1 means the broker's default.
///
/// # Errors
/// The broker's refusal, or `OperationTimedOut` after `timeout`.
pub(crate) fn create_topic(
    client: &EventClient,
    name: &str,
    partitions: i32,
    replicas: i32,
    config: &BTreeMap<String, String>,
    timeout: Duration,
) -> Result<(), Refusal> {
    let topic = c_string(name)?;
    let mut reason = [0 as c_char; 512];
    // SAFETY: everything that C is given is alive during the call; the topic is destroyed on every path below.
    unsafe {
        let new =
            bindings::rd_kafka_NewTopic_new(topic.as_ptr(), partitions, replicas, reason.as_mut_ptr(), reason.len());
        if new.is_null() {
            return Err(Refusal::invalid(text(reason.as_ptr())));
        }
        let mut new = Owned {
            ptr: new,
            destroy: bindings::rd_kafka_NewTopic_destroy,
        };
        for (key, value) in config {
            let (key, value) = (c_string(key)?, c_string(value)?);
            let err = bindings::rd_kafka_NewTopic_set_config(new.ptr, key.as_ptr(), value.as_ptr());
            if err != NO_ERROR {
                return Err(Refusal::of(err, format!("topic configuration {key:?} cannot be set")));
            }
        }
        let answer = ask(
            client,
            bindings::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_CREATETOPICS,
            |_| Ok(()),
            timeout,
            {
                |options, queue| {
                    let rk = client.client().native_ptr();
                    bindings::rd_kafka_CreateTopics(rk, &raw mut new.ptr, 1, options, queue);
                }
            },
        )?;
        let mut count = 0;
        let result = bindings::rd_kafka_event_CreateTopics_result(answer.ptr);
        first_topic_result(
            bindings::rd_kafka_CreateTopics_result_topics(result, &raw mut count),
            count,
        )
    }
}

/// Removes a topic.
///
/// # Errors
/// The broker's refusal, or `OperationTimedOut` after `timeout`.
pub(crate) fn delete_topic(client: &EventClient, name: &str, timeout: Duration) -> Result<(), Refusal> {
    let topic = c_string(name)?;
    // SAFETY: as in `create_topic`.
    unsafe {
        let mut old = Owned {
            ptr: bindings::rd_kafka_DeleteTopic_new(topic.as_ptr()),
            destroy: bindings::rd_kafka_DeleteTopic_destroy,
        };
        let answer = ask(
            client,
            bindings::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DELETETOPICS,
            |_| Ok(()),
            timeout,
            {
                |options, queue| {
                    let rk = client.client().native_ptr();
                    bindings::rd_kafka_DeleteTopics(rk, &raw mut old.ptr, 1, options, queue);
                }
            },
        )?;
        let mut count = 0;
        let result = bindings::rd_kafka_event_DeleteTopics_result(answer.ptr);
        first_topic_result(
            bindings::rd_kafka_DeleteTopics_result_topics(result, &raw mut count),
            count,
        )
    }
}

/// Removes a consumer group with all that it has committed.
///
/// # Errors
/// The broker's refusal, or `OperationTimedOut` after `timeout`.
pub(crate) fn delete_group(client: &EventClient, name: &str, timeout: Duration) -> Result<(), Refusal> {
    let group = c_string(name)?;
    // SAFETY: as in `create_topic`; the results are read while the answer is alive.
    unsafe {
        let mut old = Owned {
            ptr: bindings::rd_kafka_DeleteGroup_new(group.as_ptr()),
            destroy: bindings::rd_kafka_DeleteGroup_destroy,
        };
        let op = bindings::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DELETEGROUPS;
        let answer = ask(
            client,
            op,
            |_| Ok(()),
            timeout,
            |options, queue| {
                bindings::rd_kafka_DeleteGroups(client.client().native_ptr(), &raw mut old.ptr, 1, options, queue);
            },
        )?;
        let mut count = 0;
        let result = bindings::rd_kafka_event_DeleteGroups_result(answer.ptr);
        let groups = bindings::rd_kafka_DeleteGroups_result_groups(result, &raw mut count);
        if groups.is_null() || count == 0 {
            return Err(Refusal {
                code: RDKafkaErrorCode::Fail,
                reason: "the answer is empty".to_owned(),
            });
        }
        refused(bindings::rd_kafka_group_result_error(*groups))
    }
}

/// A place in a partition that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The first record that is still there.
    Start,
    /// Behind the last record that the isolation lets through.
    End,
}

/// The offset of `place` in each of `partitions` now: (partition, offset).
///
/// # Errors
/// The first refusal of any partition, or `OperationTimedOut` after `timeout`.
pub(crate) fn offsets(
    client: &EventClient,
    topic: &str,
    partitions: &[i32],
    place: Place,
    isolation: Isolation,
    timeout: Duration,
) -> Result<Vec<(i32, i64)>, Refusal> {
    let topic = c_string(topic)?;
    let spec = match place {
        Place::Start => bindings::rd_kafka_OffsetSpec_t::RD_KAFKA_OFFSET_SPEC_EARLIEST,
        Place::End => bindings::rd_kafka_OffsetSpec_t::RD_KAFKA_OFFSET_SPEC_LATEST,
    };
    let count = i32::try_from(partitions.len()).expect("Kafka numbers partitions with 32 bits");
    // SAFETY: as in `create_topic`; the results are read while the answer is alive.
    unsafe {
        let list = Owned {
            ptr: bindings::rd_kafka_topic_partition_list_new(count),
            destroy: bindings::rd_kafka_topic_partition_list_destroy,
        };
        for &partition in partitions {
            (*bindings::rd_kafka_topic_partition_list_add(list.ptr, topic.as_ptr(), partition)).offset = spec as i64;
        }
        let op = bindings::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTOFFSETS;
        let isolated = |options| set_isolation(options, isolation);
        let answer = ask(client, op, isolated, timeout, |options, queue| {
            bindings::rd_kafka_ListOffsets(client.client().native_ptr(), list.ptr, options, queue);
        })?;
        let mut count = 0;
        let result = bindings::rd_kafka_event_ListOffsets_result(answer.ptr);
        let infos = bindings::rd_kafka_ListOffsets_result_infos(result, &raw mut count);
        (0..count)
            .map(|place| {
                let end = &*bindings::rd_kafka_ListOffsetsResultInfo_topic_partition(*infos.add(place));
                if end.err == NO_ERROR {
                    Ok((end.partition, end.offset))
                } else {
                    let what = text(bindings::rd_kafka_err2str(end.err));
                    Err(Refusal::of(end.err, format!("partition {}: {what}", end.partition)))
                }
            })
            .collect()
    }
}

/// Sends a request and waits for the answer, which has no error of its own. `prepare` sets what the options say besides the timeout.
pub(super) fn ask(
    client: &EventClient,
    op: bindings::rd_kafka_admin_op_t,
    prepare: impl FnOnce(*mut bindings::rd_kafka_AdminOptions_t) -> Result<(), Refusal>,
    timeout: Duration,
    send: impl FnOnce(*const bindings::rd_kafka_AdminOptions_t, *mut bindings::rd_kafka_queue_t),
) -> Result<Owned<bindings::rd_kafka_event_t>, Refusal> {
    let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    let rk = client.client().native_ptr();
    let mut reason = [0 as c_char; 512];
    // SAFETY: the client is alive; options, queue and answer are destroyed exactly once, by their guards. librdkafka
    // answers each request once, at the latest when its own timeout has passed; an answer that nobody waits for any
    // more goes with the queue.
    unsafe {
        let options = Owned {
            ptr: bindings::rd_kafka_AdminOptions_new(rk, op),
            destroy: bindings::rd_kafka_AdminOptions_destroy,
        };
        let (text_ptr, text_size) = (reason.as_mut_ptr(), reason.len());
        let err = bindings::rd_kafka_AdminOptions_set_request_timeout(options.ptr, timeout_ms, text_ptr, text_size);
        if err != NO_ERROR {
            return Err(Refusal::of(err, text(reason.as_ptr())));
        }
        prepare(options.ptr)?;
        let queue = Owned {
            ptr: bindings::rd_kafka_queue_new(rk),
            destroy: bindings::rd_kafka_queue_destroy,
        };
        send(options.ptr, queue.ptr);
        let start = Instant::now();
        let mut event: *mut bindings::rd_kafka_event_t = ptr::null_mut();
        while event.is_null() {
            // A refused login will not be answered.
            if start.elapsed() > timeout + ANSWER_GRACE || client.client().context().health.error().is_some() {
                return Err(Refusal {
                    code: RDKafkaErrorCode::OperationTimedOut,
                    reason: String::new(),
                });
            }
            event = bindings::rd_kafka_queue_poll(queue.ptr, LOOK_MS);
        }
        let event = Owned {
            ptr: event,
            destroy: bindings::rd_kafka_event_destroy,
        };
        match bindings::rd_kafka_event_error(event.ptr) {
            NO_ERROR => Ok(event),
            err => Err(Refusal::of(err, text(bindings::rd_kafka_event_error_string(event.ptr)))),
        }
    }
}

/// # Safety
/// `options` is alive.
unsafe fn set_isolation(options: *mut bindings::rd_kafka_AdminOptions_t, isolation: Isolation) -> Result<(), Refusal> {
    let level = match isolation {
        Isolation::ReadUncommitted => bindings::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED,
        Isolation::ReadCommitted => bindings::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED,
    };
    // SAFETY: by the contract of this function.
    unsafe { taken(bindings::rd_kafka_AdminOptions_set_isolation_level(options, level)) }
}

/// The refusal that `error` tells, which is destroyed; null is none.
///
/// # Safety
/// `error` is null or an error that nobody else destroys.
pub(super) unsafe fn taken(error: *mut bindings::rd_kafka_error_t) -> Result<(), Refusal> {
    // SAFETY: by the contract of this function.
    unsafe {
        let told = refused(error);
        if !error.is_null() {
            bindings::rd_kafka_error_destroy(error);
        }
        told
    }
}

/// The refusal that `error` tells; null is none.
///
/// # Safety
/// `error` is null or alive.
pub(super) unsafe fn refused(error: *const bindings::rd_kafka_error_t) -> Result<(), Refusal> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: by the contract of this function.
    unsafe {
        Err(Refusal::of(
            bindings::rd_kafka_error_code(error),
            text(bindings::rd_kafka_error_string(error)),
        ))
    }
}

/// The fate of the only topic of a request.
///
/// # Safety
/// `results` holds `count` pointers to live results.
unsafe fn first_topic_result(
    results: *mut *const bindings::rd_kafka_topic_result_t,
    count: usize,
) -> Result<(), Refusal> {
    if results.is_null() || count == 0 {
        return Err(Refusal {
            code: RDKafkaErrorCode::Fail,
            reason: "the answer is empty".to_owned(),
        });
    }
    // SAFETY: by the contract of this function.
    unsafe {
        match bindings::rd_kafka_topic_result_error(*results) {
            NO_ERROR => Ok(()),
            err => Err(Refusal::of(
                err,
                text(bindings::rd_kafka_topic_result_error_string(*results)),
            )),
        }
    }
}

pub(super) fn c_string(string: &str) -> Result<CString, Refusal> {
    CString::new(string).map_err(|_| Refusal::invalid(format!("{string:?} contains a null character")))
}
