//! Hands records of one topic to a producer's buffer, with a topic handle and no allocation of ours per record.
//!
//! The crate's `send` makes a C string of the topic and looks the topic up for each record.
#![expect(unsafe_code, reason = "sending by topic handle is only possible through C")]

use std::ffi::{CString, c_int, c_void};
use std::ptr::{self, NonNull};
use std::sync::Arc;

use rdkafka::bindings;
use rdkafka::bindings::rd_kafka_vtype_t as Vtype;
use rdkafka::error::RDKafkaErrorCode;

use super::client::EventClient;

/// One record to send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'a> {
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    /// Milliseconds since the epoch. librdkafka cannot express 0 (it stands for "now"), see [`TopicWriter::send`].
    pub(crate) timestamp: i64,
    pub(crate) headers: &'a [(String, Option<Vec<u8>>)],
}

/// Writes to one topic.
pub(crate) struct TopicWriter {
    topic: NonNull<bindings::rd_kafka_topic_t>,
    client: Arc<EventClient>,
}

// SAFETY: topic handles may be used from any thread.
unsafe impl Send for TopicWriter {}

impl TopicWriter {
    /// `None` when no topic can have that name.
    pub(crate) fn new(client: &Arc<EventClient>, topic: &str) -> Option<Self> {
        let name = CString::new(topic).ok()?;
        // SAFETY: the client is alive and outlives the handle (field order); a null configuration means the default.
        let topic =
            unsafe { bindings::rd_kafka_topic_new(client.client().native_ptr(), name.as_ptr(), ptr::null_mut()) };
        Some(Self {
            topic: NonNull::new(topic)?,
            client: Arc::clone(client),
        })
    }

    /// Copies `record` into the producer's buffer; its fate is reported under `number`.
    ///
    /// librdkafka takes the timestamp 0 for "now", so a record of 1970-01-01T00:00:00.000 is sent as one millisecond
    /// later: the nearest time that can be said.
    ///
    /// # Errors
    /// `QueueFull` when the buffer is full for now, other codes when the record cannot be sent at all.
    #[inline]
    pub(crate) fn send(&self, record: Record<'_>, number: usize) -> Result<(), RDKafkaErrorCode> {
        let headers = if record.headers.is_empty() {
            None
        } else {
            Some(Headers::new(record.headers)?)
        };
        let timestamp = if record.timestamp == 0 { 1 } else { record.timestamp };
        let arguments = [
            argument(Vtype::RD_KAFKA_VTYPE_RKT, |u| u.rkt = self.topic.as_ptr()),
            argument(Vtype::RD_KAFKA_VTYPE_MSGFLAGS, |u| {
                u.i = bindings::RD_KAFKA_MSG_F_COPY as c_int;
            }),
            argument(Vtype::RD_KAFKA_VTYPE_VALUE, |u| u.mem = bytes(record.value)),
            argument(Vtype::RD_KAFKA_VTYPE_KEY, |u| u.mem = bytes(record.key)),
            argument(Vtype::RD_KAFKA_VTYPE_TIMESTAMP, |u| u.i64_ = timestamp),
            argument(Vtype::RD_KAFKA_VTYPE_OPAQUE, |u| u.ptr = number as *mut c_void),
            argument(Vtype::RD_KAFKA_VTYPE_HEADERS, |u| {
                u.headers = headers
                    .as_ref()
                    .map_or(ptr::null_mut(), |headers| headers.list.as_ptr());
            }),
        ];
        let count = arguments.len() - usize::from(headers.is_none());
        // SAFETY: the client, the topic handle and the slices are alive; librdkafka copies keys and values (F_COPY) and
        // takes the headers over only when it succeeds. The opaque is a number and never followed.
        unsafe {
            let error = bindings::rd_kafka_produceva(self.client.client().native_ptr(), arguments.as_ptr(), count);
            if error.is_null() {
                if let Some(headers) = headers {
                    headers.given_away();
                }
                return Ok(());
            }
            let code = bindings::rd_kafka_error_code(error);
            bindings::rd_kafka_error_destroy(error);
            Err(code.into())
        }
    }
}

impl Drop for TopicWriter {
    fn drop(&mut self) {
        // SAFETY: our handle, and the client is still alive.
        unsafe { bindings::rd_kafka_topic_destroy(self.topic.as_ptr()) };
    }
}

impl std::fmt::Debug for TopicWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TopicWriter").finish_non_exhaustive()
    }
}

/// A header list until librdkafka takes it over.
struct Headers {
    list: NonNull<bindings::rd_kafka_headers_t>,
}

impl Headers {
    fn new(headers: &[(String, Option<Vec<u8>>)]) -> Result<Self, RDKafkaErrorCode> {
        // SAFETY: a new list, which is ours.
        let list = unsafe { bindings::rd_kafka_headers_new(headers.len()) };
        let list = Self {
            list: NonNull::new(list).ok_or(RDKafkaErrorCode::CriticalSystemResource)?,
        };
        for (name, value) in headers {
            let (value, length) = match value {
                Some(value) => (value.as_ptr(), value.len() as isize),
                None => (ptr::null(), 0),
            };
            // SAFETY: name and value are copied. A null value stays null.
            let err = unsafe {
                bindings::rd_kafka_header_add(
                    list.list.as_ptr(),
                    name.as_ptr().cast(),
                    name.len() as isize,
                    value.cast(),
                    length,
                )
            };
            if err != bindings::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                return Err(err.into());
            }
        }
        Ok(list)
    }

    /// The list belongs to librdkafka now.
    fn given_away(self) {
        std::mem::forget(self);
    }
}

impl Drop for Headers {
    fn drop(&mut self) {
        // SAFETY: ours, as it was not given away.
        unsafe { bindings::rd_kafka_headers_destroy(self.list.as_ptr()) };
    }
}

#[inline]
fn argument(vtype: Vtype, set: impl FnOnce(&mut bindings::rd_kafka_vu_s__bindgen_ty_1)) -> bindings::rd_kafka_vu_t {
    let mut union = bindings::rd_kafka_vu_s__bindgen_ty_1 { ptr: ptr::null_mut() };
    set(&mut union);
    bindings::rd_kafka_vu_t { vtype, u: union }
}

/// A slice as C takes it; null has a null pointer, empty has not.
#[inline]
fn bytes(slice: Option<&[u8]>) -> bindings::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 {
    let (ptr, size) = slice.map_or((ptr::null(), 0), |slice| (slice.as_ptr(), slice.len()));
    bindings::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 {
        ptr: ptr.cast_mut().cast(),
        size,
    }
}
