//! What the queries read: rows made from a seed, written little by little while the process dies and comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};

/// Keys of all topics.
pub(super) const KEYS: usize = 40;
/// Event time of the first rows.
const BASE_MS: i64 = 1_700_000_000_000;
/// Event time between two rows of a topic.
const ROW_MS: i64 = 10;
/// Rows of each topic in one go, and the pause after them.
const ROWS_AT_ONCE: i64 = 10;
const PAUSE: Duration = Duration::from_millis(30);
const WAIT: Duration = Duration::from_mins(2);

/// The name of a key.
pub(super) fn key(number: usize) -> String {
    format!("k{number}")
}

/// The town of a key in `users`, which never changes.
pub(super) fn town(number: usize) -> String {
    format!("town-{}", number % 5)
}

type Producer = ThreadedProducer<DefaultProducerContext>;

fn producer(brokers: &str) -> Producer {
    ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("enable.idempotence", "true")
        .set("message.timeout.ms", "120000")
        .set("linger.ms", "2")
        .create()
        .expect("the settings fit together")
}

fn send(producer: &Producer, topic: &str, timestamp: i64, key: &str, value: Option<&str>) {
    let mut record = BaseRecord::to(topic).key(key).timestamp(timestamp);
    if let Some(value) = value {
        record = record.payload(value);
    }
    producer
        .send(record)
        .map_err(|(error, _)| error)
        .expect("there is room");
}

/// Writes the whole of `users`.
pub(super) fn write_users(brokers: &str) {
    let producer = producer(brokers);
    for number in 0..KEYS {
        let value = format!(r#"{{"city":"{}"}}"#, town(number));
        send(&producer, "users", BASE_MS - 1_000, &key(number), Some(&value));
    }
    producer.flush(WAIT).expect("the brokers store them");
}

/// Writes one row of each key to `orders`, with numbers below zero, to see whether `users` are known yet.
pub(super) fn write_probes(brokers: &str, round: i64) {
    let producer = producer(brokers);
    for number in 0..KEYS {
        let n = -1 - round * 1_000 - i64::try_from(number).expect("there are few");
        let value = format!(r#"{{"n":{n},"price":1}}"#);
        send(&producer, "orders", BASE_MS, &key(number), Some(&value));
    }
    producer.flush(WAIT).expect("the brokers store them");
}

/// Writes rows until it is stopped.
#[derive(Debug)]
pub(super) struct Writer {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Writer {
    pub(super) fn start(brokers: &str, seed: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let producer = producer(brokers);
        let thread = std::thread::spawn(move || {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut n = 0;
            while !stopped.load(Ordering::Acquire) {
                for _ in 0..ROWS_AT_ONCE {
                    write_row(&producer, &mut rng, n);
                    n += 1;
                }
                std::thread::sleep(PAUSE);
            }
            producer.flush(WAIT).expect("the brokers store them");
        });
        Self { stop, thread }
    }

    /// Writes no more; everything is stored.
    pub(super) fn stop(self) {
        self.stop.store(true, Ordering::Release);
        self.thread.join().expect("everything was written");
    }
}

/// One row of each topic, some out of order.
fn write_row(producer: &Producer, rng: &mut ChaCha8Rng, n: i64) {
    let time = |rng: &mut ChaCha8Rng| {
        let behind = if rng.random_bool(0.1) {
            rng.random_range(0..4_000)
        } else {
            0
        };
        BASE_MS + n * ROW_MS - behind
    };
    let (at, price) = (time(rng), rng.random_range(0..1_000));
    let order = format!(r#"{{"n":{n},"price":{price}}}"#);
    send(producer, "orders", at, &key(rng.random_range(0..KEYS)), Some(&order));
    let at = time(rng);
    let bid = format!(r#"{{"n":{n}}}"#);
    send(producer, "bids", at, &key(rng.random_range(0..KEYS)), Some(&bid));
    let (city, score) = (rng.random_range(0..6), rng.random_range(0..100));
    let score = format!(r#"{{"city":"city-{city}","score":{score}}}"#);
    let value = (!rng.random_bool(0.1)).then_some(score.as_str());
    send(
        producer,
        "scores",
        BASE_MS + n * ROW_MS,
        &key(rng.random_range(0..KEYS)),
        value,
    );
}
