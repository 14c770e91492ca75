//! The queues of a consumer: the records of one partition taken in batches, and the queue of group events.
//!
//! The batch call takes one lock per record and allocates nothing, where the crate's poll takes several and makes an
//! event and an `Arc` of each. It must never be used on the consumer's own queue: there it would answer a rebalance
//! by giving everything up. A partition's queue carries only records and that partition's errors.
#![expect(unsafe_code, reason = "the batch call and wake-ups are only reachable through C")]

use std::ffi::{CStr, CString, c_void};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use rdkafka::bindings;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::RDKafkaErrorCode;

use crate::connector::Waker;
use crate::connector::kafka::context::Consumer;
use crate::types::Headers;

/// Records asked for at once; what a poll's limits do not let out waits here.
const BATCH: usize = 1_024;

/// A queue handle with, perhaps, somebody to wake.
struct Queue {
    queue: NonNull<bindings::rd_kafka_queue_t>,
    wake: Option<Box<Waker>>,
}

// SAFETY: librdkafka's queues may be used from any thread; the callback is `Send + Sync`.
unsafe impl Send for Queue {}

impl Queue {
    /// Has `wake` called whenever the queue stops being empty.
    fn set_waker(&mut self, wake: Waker) {
        unsafe extern "C" fn call(_: *mut bindings::rd_kafka_t, wake: *mut c_void) {
            // SAFETY: the pointer given below; librdkafka calls under the queue's lock, and `Queue::drop` takes the
            // callback away under that lock before the box is freed.
            let wake = unsafe { &*wake.cast_const().cast::<Waker>() };
            // A panic must not unwind into C; whoever is to be woken asks again anyway.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| wake()));
        }
        let wake = Box::new(wake);
        let opaque = ptr::from_ref::<Waker>(&wake).cast_mut().cast::<c_void>();
        // SAFETY: the queue is alive; `opaque` lives in the box, which is freed only after the callback is gone.
        unsafe { bindings::rd_kafka_queue_cb_event_enable(self.queue.as_ptr(), Some(call), opaque) };
        self.wake = Some(wake); // an earlier box is freed here, after its callback was replaced
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: the handle is ours; after the first call no callback runs any more.
        unsafe {
            bindings::rd_kafka_queue_cb_event_enable(self.queue.as_ptr(), None, ptr::null_mut());
            bindings::rd_kafka_queue_destroy(self.queue.as_ptr());
        }
    }
}

/// The queue of rebalances and errors of a consumer; it is served through the crate, this only looks at it.
pub(crate) struct GroupQueue {
    queue: Queue,
    _consumer: Arc<Consumer>,
}

impl GroupQueue {
    /// `None` when the consumer has no group.
    pub(crate) fn of(consumer: &Arc<Consumer>) -> Option<Self> {
        // SAFETY: the consumer is alive and outlives the handle.
        let queue = unsafe { bindings::rd_kafka_queue_get_consumer(consumer.client().native_ptr()) };
        Some(Self {
            queue: Queue {
                queue: NonNull::new(queue)?,
                wake: None,
            },
            _consumer: Arc::clone(consumer),
        })
    }

    /// Number of waiting events.
    pub(crate) fn len(&self) -> usize {
        // SAFETY: the handle is alive.
        unsafe { bindings::rd_kafka_queue_length(self.queue.queue.as_ptr()) }
    }

    /// Has `wake` called whenever an event comes.
    pub(crate) fn set_waker(&mut self, wake: Waker) {
        self.queue.set_waker(wake);
    }
}

/// The records of one partition.
pub(crate) struct PartitionQueue {
    /// Taken from the queue and not yet given out, from `next` on.
    taken: Vec<NonNull<bindings::rd_kafka_message_t>>,
    next: usize,
    queue: Queue,
    topic: CString,
    partition: i32,
    consumer: Arc<Consumer>,
}

// SAFETY: messages may be read and destroyed on any thread; everything else is `Send`.
unsafe impl Send for PartitionQueue {}

impl PartitionQueue {
    /// Splits the partition's records off from the consumer's queue. To be called before the partition is assigned,
    /// or records that were fetched meanwhile would stand in the wrong queue. `None` when the topic has no such name.
    pub(crate) fn split(consumer: &Arc<Consumer>, topic: &str, partition: i32) -> Option<Self> {
        let topic = CString::new(topic).ok()?;
        // SAFETY: the consumer is alive and outlives the handle (the field order keeps it until the queue is gone);
        // forwarding to null makes the queue stand on its own, also over later assignments.
        let queue = unsafe {
            let queue =
                bindings::rd_kafka_queue_get_partition(consumer.client().native_ptr(), topic.as_ptr(), partition);
            let queue = NonNull::new(queue)?;
            bindings::rd_kafka_queue_forward(queue.as_ptr(), ptr::null_mut());
            queue
        };
        Some(Self {
            taken: Vec::with_capacity(BATCH),
            next: 0,
            queue: Queue { queue, wake: None },
            topic,
            partition,
            consumer: Arc::clone(consumer),
        })
    }

    /// Has `wake` called whenever records come after there were none.
    pub(crate) fn set_waker(&mut self, wake: Waker) {
        self.queue.set_waker(wake);
    }

    /// The next record or error, if there is one now. `wanted` says how many the caller can still use.
    pub(crate) fn next(&mut self, wanted: usize) -> Option<Message<'_>> {
        if self.next == self.taken.len() {
            self.refill(wanted.clamp(1, BATCH));
        }
        let message = *self.taken.get(self.next)?;
        self.next += 1;
        Some(Message {
            message,
            queue: PhantomData,
        })
    }

    /// Takes back the message that `next` gave last, so that it is the next again.
    pub(crate) fn put_back(&mut self, message: NonNull<bindings::rd_kafka_message_t>) {
        self.next -= 1;
        self.taken[self.next] = message;
    }

    fn refill(&mut self, wanted: usize) {
        self.taken.clear();
        self.next = 0;
        // SAFETY: the vector has room for `BATCH` pointers, which is at least `wanted`, and `NonNull` has a pointer's
        // layout; librdkafka writes at most `wanted` valid pointers, whose messages are ours from then on. It returns
        // -1 only for a null queue. A timeout of zero never waits.
        unsafe {
            let count = bindings::rd_kafka_consume_batch_queue(
                self.queue.queue.as_ptr(),
                0,
                self.taken.as_mut_ptr().cast(),
                wanted,
            );
            self.taken.set_len(usize::try_from(count).unwrap_or(0));
        }
    }

    /// The offset after the last one that was given out, control records included.
    pub(crate) fn position(&self) -> Option<i64> {
        // SAFETY: the list is made and destroyed here and the consumer is alive; the call reads local state.
        let position = unsafe {
            let list = bindings::rd_kafka_topic_partition_list_new(1);
            let element = bindings::rd_kafka_topic_partition_list_add(list, self.topic.as_ptr(), self.partition);
            bindings::rd_kafka_position(self.consumer.client().native_ptr(), list);
            let position = (*element).offset;
            bindings::rd_kafka_topic_partition_list_destroy(list);
            position
        };
        (position >= 0).then_some(position)
    }

    /// The end of the partition as the last fetch saw it.
    pub(crate) fn high_watermark(&self) -> Option<i64> {
        let (mut low, mut high) = (-1, -1);
        // SAFETY: the consumer is alive, the results are written into the two locals; the call reads local state.
        let err = unsafe {
            bindings::rd_kafka_get_watermark_offsets(
                self.consumer.client().native_ptr(),
                self.topic.as_ptr(),
                self.partition,
                &raw mut low,
                &raw mut high,
            )
        };
        (err == bindings::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0).then_some(high)
    }
}

impl Drop for PartitionQueue {
    fn drop(&mut self) {
        for message in &self.taken[self.next..] {
            // SAFETY: taken from the queue, never given out.
            unsafe { bindings::rd_kafka_message_destroy(message.as_ptr()) };
        }
    }
}

impl std::fmt::Debug for PartitionQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartitionQueue")
            .field("topic", &self.topic)
            .field("partition", &self.partition)
            .finish_non_exhaustive()
    }
}

/// One record or error of a partition. Its bytes stand in the buffer of a whole fetch, which stays until the last of
/// its messages is gone: copy and drop.
pub(crate) struct Message<'queue> {
    message: NonNull<bindings::rd_kafka_message_t>,
    queue: PhantomData<&'queue ()>,
}

impl Message<'_> {
    fn raw(&self) -> &bindings::rd_kafka_message_t {
        // SAFETY: ours until dropped.
        unsafe { self.message.as_ref() }
    }

    /// Keeps the message for [`PartitionQueue::put_back`].
    pub(crate) fn keep(self) -> NonNull<bindings::rd_kafka_message_t> {
        let message = self.message;
        std::mem::forget(self);
        message
    }

    /// The error that stands in the place of a record.
    #[inline]
    pub(crate) fn error(&self) -> Option<RDKafkaErrorCode> {
        let err = self.raw().err;
        (err != bindings::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR).then(|| err.into())
    }

    /// What the error says.
    pub(crate) fn error_text(&self) -> String {
        // SAFETY: the message is alive, and so is the text, which is copied.
        unsafe {
            let text = bindings::rd_kafka_message_errstr(self.message.as_ptr());
            if text.is_null() {
                String::new()
            } else {
                CStr::from_ptr(text).to_string_lossy().into_owned()
            }
        }
    }

    /// The record's offset; of an end-of-partition error the offset of the end.
    #[inline]
    pub(crate) fn offset(&self) -> i64 {
        self.raw().offset
    }

    /// The record's key.
    #[inline]
    pub(crate) fn key(&self) -> Option<&[u8]> {
        let raw = self.raw();
        // SAFETY: a key that is not null has `key_len` bytes, alive as long as the message.
        (!raw.key.is_null()).then(|| unsafe { std::slice::from_raw_parts(raw.key.cast(), raw.key_len) })
    }

    /// The record's value; not for errors, whose text stands there.
    #[inline]
    pub(crate) fn value(&self) -> Option<&[u8]> {
        let raw = self.raw();
        // SAFETY: a payload that is not null has `len` bytes, alive as long as the message.
        (!raw.payload.is_null()).then(|| unsafe { std::slice::from_raw_parts(raw.payload.cast(), raw.len) })
    }

    /// The record's timestamp in milliseconds; -1 when it has none.
    #[inline]
    pub(crate) fn timestamp(&self) -> i64 {
        // SAFETY: the message is alive; the kind of timestamp is not asked for.
        unsafe { bindings::rd_kafka_message_timestamp(self.message.as_ptr(), ptr::null_mut()) }
    }

    /// The record's headers, in order.
    pub(crate) fn headers(&self) -> Headers {
        let mut headers = Headers::new();
        let mut list = ptr::null_mut();
        // SAFETY: the list belongs to the message; names and values are copied while it is alive.
        unsafe {
            let none = bindings::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
            if bindings::rd_kafka_message_headers(self.message.as_ptr(), &raw mut list) != none {
                return headers;
            }
            let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
            for place in 0.. {
                let found =
                    bindings::rd_kafka_header_get_all(list, place, &raw mut name, &raw mut value, &raw mut size);
                if found != none {
                    break;
                }
                let name = CStr::from_ptr(name).to_string_lossy().into_owned();
                let value = (!value.is_null()).then(|| std::slice::from_raw_parts(value.cast::<u8>(), size).to_vec());
                headers.push((name, value));
            }
        }
        headers
    }
}

impl Drop for Message<'_> {
    fn drop(&mut self) {
        // SAFETY: ours, and nothing of it is kept.
        unsafe { bindings::rd_kafka_message_destroy(self.message.as_ptr()) };
    }
}
