//! What a consumer group has committed, with the text beside each offset.
//!
//! The crate has this only as a call of a consumer, which would be a client of its own for one question.
#![expect(unsafe_code, reason = "the offsets of other groups are only reachable through C")]

use std::time::Duration;

use rdkafka::bindings;
use rdkafka::bindings::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR as NO_ERROR;

use super::Owned;
use super::admin::{self, Refusal};
use super::client::{EventClient, text};

/// One partition's committed offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupOffset {
    pub(crate) partition: i32,
    /// The next record to read.
    pub(crate) offset: i64,
    /// What stands beside it.
    pub(crate) metadata: String,
}

/// The offsets of `partitions` that `group` has committed; those without one are left out.
///
/// # Errors
/// The first refusal: `UnstableOffsetCommit` while a transaction with offsets of the group has not ended, `OperationTimedOut`
/// after `timeout`.
pub(crate) fn committed(
    client: &EventClient,
    group: &str,
    topic: &str,
    partitions: &[i32],
    timeout: Duration,
) -> Result<Vec<GroupOffset>, Refusal> {
    let (group, topic) = (admin::c_string(group)?, admin::c_string(topic)?);
    let count = i32::try_from(partitions.len()).expect("Kafka numbers partitions with 32 bits");
    // SAFETY: everything that C is given is alive during the call; what is made here is destroyed by its guard. The results
    // are read while the answer is alive.
    unsafe {
        let list = Owned {
            ptr: bindings::rd_kafka_topic_partition_list_new(count),
            destroy: bindings::rd_kafka_topic_partition_list_destroy,
        };
        for &partition in partitions {
            bindings::rd_kafka_topic_partition_list_add(list.ptr, topic.as_ptr(), partition);
        }
        let mut wish = Owned {
            ptr: bindings::rd_kafka_ListConsumerGroupOffsets_new(group.as_ptr(), list.ptr),
            destroy: bindings::rd_kafka_ListConsumerGroupOffsets_destroy,
        };
        let op = bindings::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS;
        let stable = |options| admin::taken(bindings::rd_kafka_AdminOptions_set_require_stable_offsets(options, 1));
        let answer = admin::ask(client, op, stable, timeout, |options, queue| {
            let rk = client.client().native_ptr();
            bindings::rd_kafka_ListConsumerGroupOffsets(rk, &raw mut wish.ptr, 1, options, queue);
        })?;
        let mut count = 0;
        let result = bindings::rd_kafka_event_ListConsumerGroupOffsets_result(answer.ptr);
        let groups = bindings::rd_kafka_ListConsumerGroupOffsets_result_groups(result, &raw mut count);
        let mut offsets = Vec::new();
        for place in 0..count {
            let group = *groups.add(place);
            admin::refused(bindings::rd_kafka_group_result_error(group))?;
            let Some(found) = bindings::rd_kafka_group_result_partitions(group).as_ref() else {
                continue;
            };
            for place in 0..usize::try_from(found.cnt).unwrap_or(0) {
                offsets.extend(offset(&*found.elems.add(place))?);
            }
        }
        Ok(offsets)
    }
}

/// # Safety
/// `found` is part of a live answer.
unsafe fn offset(found: &bindings::rd_kafka_topic_partition_t) -> Result<Option<GroupOffset>, Refusal> {
    if found.err != NO_ERROR {
        // SAFETY: a text that lives for ever.
        let what = unsafe { text(bindings::rd_kafka_err2str(found.err)) };
        return Err(Refusal::of(found.err, format!("partition {}: {what}", found.partition)));
    }
    let metadata = if found.metadata.is_null() {
        String::new()
    } else {
        // SAFETY: as many bytes as librdkafka says, alive as long as the answer.
        let bytes = unsafe { std::slice::from_raw_parts(found.metadata.cast::<u8>(), found.metadata_size) };
        String::from_utf8_lossy(bytes).into_owned()
    };
    Ok((found.offset >= 0).then_some(GroupOffset {
        partition: found.partition,
        offset: found.offset,
        metadata,
    }))
}
