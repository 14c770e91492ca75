//! A producer or metadata client with one thread that serves its events: delivery reports, errors, log lines.
//!
//! librdkafka keeps several threads per client, so a process has few of these and shares them.
#![expect(
    unsafe_code,
    reason = "events of a client that is not a consumer are only reachable through C"
)]

use std::ffi::{CStr, c_char};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rdkafka::ClientContext as _;
use rdkafka::bindings;
use rdkafka::client::Client;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::types::RDKafkaType;

use crate::connector::kafka::context::Context;

/// Is told of every run of records with one fate: the number they were sent under, how many, and why they failed.
pub(crate) type OnDelivery = Box<dyn Fn(usize, u64, Option<RDKafkaErrorCode>) + Send + Sync>;

/// How long the event thread sleeps when nothing happens; events and the end wake it at once.
const EVENT_WAIT_MS: i32 = 1_000;

/// A client whose events are served.
pub(crate) struct EventClient {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    /// The main queue; destroyed before the client.
    events: NonNull<bindings::rd_kafka_queue_t>,
    client: Client<Context>,
    on_delivery: OnDelivery,
    stop: AtomicBool,
}

// SAFETY: librdkafka's clients and queues may be used from any thread at the same time.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl EventClient {
    /// Makes a client and starts its event thread.
    ///
    /// # Errors
    /// When librdkafka refuses the configuration.
    pub(crate) fn new(config: &ClientConfig, context: Context, on_delivery: OnDelivery) -> KafkaResult<Self> {
        let native = config.create_native_config()?;
        let wanted = bindings::RD_KAFKA_EVENT_DR | bindings::RD_KAFKA_EVENT_ERROR | bindings::RD_KAFKA_EVENT_STATS;
        // SAFETY: the configuration is ours until the client takes it over in the next call.
        unsafe { bindings::rd_kafka_conf_set_events(native.ptr(), wanted) };
        let client = Client::new(config, native, RDKafkaType::RD_KAFKA_PRODUCER, context)?;
        // SAFETY: the client is alive; it gives a reference to its main queue that is destroyed in `Shared::drop`.
        let events = unsafe { bindings::rd_kafka_queue_get_main(client.native_ptr()) };
        let events = NonNull::new(events).ok_or_else(|| KafkaError::ClientCreation("no event queue".to_owned()))?;
        let shared = Arc::new(Shared {
            events,
            client,
            on_delivery,
            stop: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("kafka-events".to_owned())
            .spawn(move || serving.serve())
            .map_err(|error| KafkaError::ClientCreation(format!("cannot start a thread: {error}")))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// The client of the rdkafka crate, for metadata.
    pub(crate) fn client(&self) -> &Client<Context> {
        &self.shared.client
    }

    /// The fatal error of this client, after which it must be replaced.
    pub(crate) fn fatal_error(&self) -> Option<(RDKafkaErrorCode, String)> {
        self.shared.client.fatal_error()
    }

    /// Sends what lingers now rather than later, for up to `wait_ms` or until nothing is under way.
    pub(crate) fn hurry(&self, wait_ms: i32) {
        // SAFETY: the client is alive. Delivery reports are served by the event thread, as events require.
        unsafe { bindings::rd_kafka_flush(self.client().native_ptr(), wait_ms) };
    }
}

impl Drop for EventClient {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        // SAFETY: the queue is alive; this wakes whoever waits on it.
        unsafe { bindings::rd_kafka_queue_yield(self.shared.events.as_ptr()) };
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the event thread of a kafka client panicked");
        }
    }
}

impl std::fmt::Debug for EventClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventClient").finish_non_exhaustive()
    }
}

impl Shared {
    fn serve(&self) {
        while !self.stop.load(Ordering::Acquire) {
            // SAFETY: the queue is alive; the event, if any, is ours and destroyed below.
            let event = unsafe { bindings::rd_kafka_queue_poll(self.events.as_ptr(), EVENT_WAIT_MS) };
            if event.is_null() {
                continue;
            }
            self.dispatch(event);
            // SAFETY: got from the queue above, and nothing of it is kept.
            unsafe { bindings::rd_kafka_event_destroy(event) };
        }
    }

    fn dispatch(&self, event: *mut bindings::rd_kafka_event_t) {
        // SAFETY: `event` is alive for this call; each accessor is called on the type of event that it is made for.
        match unsafe { bindings::rd_kafka_event_type(event) } {
            bindings::RD_KAFKA_EVENT_DR => self.deliveries(event),
            bindings::RD_KAFKA_EVENT_ERROR => {
                // SAFETY: as above.
                let (code, reason) = unsafe {
                    (
                        bindings::rd_kafka_event_error(event),
                        text(bindings::rd_kafka_event_error_string(event)),
                    )
                };
                self.client
                    .context()
                    .error(KafkaError::Global(code.into()), reason.trim());
            }
            bindings::RD_KAFKA_EVENT_LOG => self.log(event),
            bindings::RD_KAFKA_EVENT_STATS => {
                // SAFETY: as above.
                let statistics = unsafe { text(bindings::rd_kafka_event_stats(event)) };
                self.client.context().stats_raw(statistics.as_bytes());
            }
            other => tracing::debug!(event = other, "an event that nobody asked for"),
        }
    }

    /// Reports runs of equal (number, fate), which are long: one sink writes many records in a row.
    fn deliveries(&self, event: *mut bindings::rd_kafka_event_t) {
        let mut run: Option<(usize, bindings::rd_kafka_resp_err_t, u64)> = None;
        loop {
            // SAFETY: a delivery event gives its messages one by one and owns them.
            let message = unsafe { bindings::rd_kafka_event_message_next(event).as_ref() };
            let fate = message.map(|message| (message._private as usize, message.err));
            match (&mut run, fate) {
                (Some((id, err, count)), Some(next)) if (*id, *err) == next => *count += 1,
                (_, next) => {
                    if let Some((id, err, count)) = run {
                        let failure = (err != bindings::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR)
                            .then(|| RDKafkaErrorCode::from(err));
                        (self.on_delivery)(id, count, failure);
                    }
                    let Some((id, err)) = next else { return };
                    run = Some((id, err, 1));
                }
            }
        }
    }

    fn log(&self, event: *mut bindings::rd_kafka_event_t) {
        let (mut facility, mut line, mut level) = (std::ptr::null(), std::ptr::null(), 0);
        // SAFETY: a log event; the strings live as long as it.
        let (facility, line) = unsafe {
            if bindings::rd_kafka_event_log(event, &raw mut facility, &raw mut line, &raw mut level) != 0 {
                return;
            }
            (text(facility), text(line))
        };
        let level = match level {
            ..=3 => RDKafkaLogLevel::Error,
            4 => RDKafkaLogLevel::Warning,
            5..=6 => RDKafkaLogLevel::Info,
            7.. => RDKafkaLogLevel::Debug,
        };
        self.client.context().log(level, facility.trim(), line.trim());
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: the reference taken in `EventClient::new`; the client is dropped after this.
        unsafe { bindings::rd_kafka_queue_destroy(self.events.as_ptr()) };
    }
}

/// Copies a C string; null is empty.
///
/// # Safety
/// `string` is null or points to a string.
pub(super) unsafe fn text(string: *const c_char) -> String {
    if string.is_null() {
        return String::new();
    }
    // SAFETY: by the contract of this function.
    unsafe { CStr::from_ptr(string) }.to_string_lossy().into_owned()
}
