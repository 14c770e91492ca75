//! Stores a group's offsets with a bound on the wait, and with every partition's own error.
//!
//! The crate's synchronous commit waits until the coordinator is back or the session is lost, and tells of an error
//! only when no partition was stored.
#![expect(
    unsafe_code,
    reason = "a commit that is not waited for forever is only reachable through C"
)]

use std::ptr;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::bindings;
use rdkafka::bindings::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR as NO_ERROR;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::RDKafkaErrorCode;

use super::Owned;
use crate::connector::kafka::context::Consumer;

/// Commits `offsets` and waits at most `wait` for the broker's answer. After a timeout they may still be stored later,
/// which does no harm: they are true.
///
/// # Errors
/// The error of the commit, or of the first partition that has one; `OperationTimedOut` when nobody answered.
pub(crate) fn commit(
    consumer: &Consumer,
    offsets: &TopicPartitionList,
    wait: Duration,
) -> Result<(), RDKafkaErrorCode> {
    let wait_ms = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
    let rk = consumer.client().native_ptr();
    // SAFETY: the consumer and the list are alive during the call, which copies the list. Queue and event are destroyed
    // once, by their guards; the event's list belongs to it and is read before that.
    unsafe {
        let queue = Owned {
            ptr: bindings::rd_kafka_queue_new(rk),
            destroy: bindings::rd_kafka_queue_destroy,
        };
        let err = bindings::rd_kafka_commit_queue(rk, offsets.ptr(), queue.ptr, None, ptr::null_mut());
        if err != NO_ERROR {
            return Err(err.into());
        }
        let event = bindings::rd_kafka_queue_poll(queue.ptr, wait_ms);
        if event.is_null() {
            return Err(RDKafkaErrorCode::OperationTimedOut);
        }
        let event = Owned {
            ptr: event,
            destroy: bindings::rd_kafka_event_destroy,
        };
        let err = bindings::rd_kafka_event_error(event.ptr);
        if err != NO_ERROR {
            return Err(err.into());
        }
        let Some(stored) = bindings::rd_kafka_event_topic_partition_list(event.ptr).as_ref() else {
            return Ok(());
        };
        let count = usize::try_from(stored.cnt).unwrap_or(0);
        for place in 0..count {
            let err = (*stored.elems.add(place)).err;
            if err != NO_ERROR {
                return Err(err.into());
            }
        }
    }
    Ok(())
}
