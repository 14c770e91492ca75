//! What a consumer group has committed, with the text beside each offset.
//!
//! The crate's call panics at a text that is not UTF-8, and anybody may write one. librdkafka's admin request for the same is of no use: it
//! crashes in a client that is no consumer when the coordinator is not there yet (`rd_kafka_handle_OffsetFetch` of librdkafka 2.12 asks the
//! group part of the client to look for it).
#![expect(unsafe_code, reason = "texts that are not UTF-8 are only reachable through C")]

use std::ffi::CString;
use std::time::Duration;

use rdkafka::bindings;
use rdkafka::bindings::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR as NO_ERROR;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::RDKafkaErrorCode;

use super::Owned;
use crate::connector::kafka::context::Consumer;

/// One partition's committed offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupOffset {
    pub(crate) partition: i32,
    /// The next record to read.
    pub(crate) offset: i64,
    /// What stands beside it.
    pub(crate) metadata: String,
}

/// The offsets of the first `partitions` partitions that the consumer's group has committed; those without one are left out.
///
/// # Errors
/// The first refusal: `UnstableOffsetCommit` while a transaction with offsets of the group has not ended, `OperationTimedOut`
/// after `wait`.
pub(crate) fn committed(
    consumer: &Consumer,
    topic: &str,
    partitions: i32,
    wait: Duration,
) -> Result<Vec<GroupOffset>, RDKafkaErrorCode> {
    let topic = CString::new(topic).map_err(|_| RDKafkaErrorCode::InvalidTopic)?;
    let wait_ms = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the consumer, which has a group, and the name are alive during the calls. The list is destroyed by its guard and read before
    // that; a text has as many bytes as librdkafka says and lives as long as the list.
    unsafe {
        let list = Owned {
            ptr: bindings::rd_kafka_topic_partition_list_new(partitions),
            destroy: bindings::rd_kafka_topic_partition_list_destroy,
        };
        for partition in 0..partitions {
            bindings::rd_kafka_topic_partition_list_add(list.ptr, topic.as_ptr(), partition);
        }
        let err = bindings::rd_kafka_committed(consumer.client().native_ptr(), list.ptr, wait_ms);
        if err != NO_ERROR {
            return Err(err.into());
        }
        let mut offsets = Vec::new();
        for place in 0..usize::try_from((*list.ptr).cnt).unwrap_or(0) {
            let found = &*(*list.ptr).elems.add(place);
            if found.err != NO_ERROR {
                return Err(found.err.into());
            }
            if found.offset < 0 {
                continue;
            }
            let bytes = if found.metadata.is_null() {
                &[]
            } else {
                std::slice::from_raw_parts(found.metadata.cast::<u8>(), found.metadata_size)
            };
            offsets.push(GroupOffset {
                partition: found.partition,
                offset: found.offset,
                metadata: String::from_utf8_lossy(bytes).into_owned(),
            });
        }
        Ok(offsets)
    }
}
