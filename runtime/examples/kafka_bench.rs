//! Measures the Kafka connector against the plain loops of the rdkafka crate, on a broker that is running already:
//!
//! ```text
//! tests/kafka/broker start /tmp/bench
//! cargo run --release --example kafka_bench -- BROKERS [RECORDS [PARTITIONS [KEY=VALUE]...]]
//! ```
//!
//! What counts is the processor time of this process, as the machine and the broker are shared; each contender runs
//! twice, in turns, on the same records. Small figures at the end say what one pull query waits for.

#![expect(clippy::print_stdout, reason = "it is a command line tool")]

use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;
use waterwheel::connector::kafka::{KafkaLog, Properties};
use waterwheel::connector::{NewTopic, PartitionReader, PollLimits, Polled, ReadOptions, StartAt, StopAt, TopicLog};
use waterwheel::types::RawRecords;

const BATCH: usize = 8_192;
const LIMITS: PollLimits = PollLimits {
    rows_max: BATCH,
    bytes_max: 4 << 20,
};

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let brokers = arguments
        .next()
        .ok_or_else(|| anyhow::anyhow!("give the brokers' addresses"))?;
    let records: usize = arguments.next().unwrap_or_else(|| "1000000".to_owned()).parse()?;
    let partitions: i32 = arguments.next().unwrap_or_else(|| "4".to_owned()).parse()?;
    let properties: Vec<(String, String)> = arguments
        .map(|argument| {
            let (name, value) = argument
                .split_once('=')
                .ok_or_else(|| anyhow::anyhow!("{argument} is not KEY=VALUE"))?;
            Ok((name.to_owned(), value.to_owned()))
        })
        .collect::<anyhow::Result<_>>()?;
    let log = KafkaLog::new(Properties::new(&brokers, properties)?)?;
    let topic = format!("bench-{}", std::process::id());
    println!("{records} records of 100 bytes, {partitions} partitions");
    println!(
        "{:34} {:>9} {:>9} {:>14} {:>12}",
        "", "wall s", "cpu s", "rows/cpu s", "rows/s"
    );

    let batches = batches(records);
    for round in 1..=2 {
        let name = format!("{topic}-crate-{round}");
        create(&log, &name, partitions)?;
        measure("produce, ThreadedProducer::send", records, || {
            crate_produce(&brokers, &name, &batches)
        })?;
        let name = format!("{topic}-{round}");
        create(&log, &name, partitions)?;
        measure("produce, our sink", records, || our_produce(&log, &name, &batches))?;
    }
    let name = format!("{topic}-1");
    for _ in 1..=2 {
        measure("consume, BaseConsumer::poll", records, || {
            crate_consume(&brokers, &name, records)
        })?;
        measure("consume, our source", records, || {
            our_consume(&log, &name, records, StopAt::Never)
        })?;
        measure("consume, our bounded source", records, || {
            our_consume(&log, &name, records, StopAt::CurrentEnd)
        })?;
    }
    waits(&log, &format!("{topic}-small"))?;
    idle(&log, &format!("{topic}-small"))?;
    for round in 1..=2 {
        log.delete(&format!("{topic}-crate-{round}"))?;
        log.delete(&format!("{topic}-{round}"))?;
    }
    log.delete(&format!("{topic}-small"))?;
    Ok(())
}

/// Runs `work` and prints what it took.
fn measure(name: &str, records: usize, work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let (start, cpu) = (Instant::now(), cpu_seconds()?);
    work()?;
    let (wall, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds()? - cpu);
    let count = records as f64;
    println!(
        "{name:34} {wall:9.2} {cpu:9.2} {:14.0} {:12.0}",
        count / cpu,
        count / wall
    );
    Ok(())
}

/// User and system time of this process and its threads so far.
fn cpu_seconds() -> anyhow::Result<f64> {
    const TICKS_PER_SECOND: f64 = 100.0; // USER_HZ, fixed on Linux
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after_name = stat
        .rsplit_once(')')
        .ok_or_else(|| anyhow::anyhow!("odd /proc/self/stat"))?
        .1;
    let ticks = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(str::parse::<f64>)
        .sum::<Result<f64, _>>()?;
    Ok(ticks / TICKS_PER_SECOND)
}

fn batches(records: usize) -> Vec<RawRecords> {
    (0..records)
        .step_by(BATCH)
        .map(|start| {
            let mut batch = RawRecords::default();
            for n in start..(start + BATCH).min(records) {
                let key = format!("key-{:06}", n % 100_000);
                let value = format!(
                    "{{\"id\":{n:08},\"symbol\":\"SYM{:03}\",\"price\":{:07.2},\"volume\":{:05},\"note\":\"abcdefghijklm\"}}",
                    n % 500,
                    (n % 9_999) as f64 / 7.0,
                    n % 10_007
                );
                batch.keys.push(Some(key.as_bytes()));
                batch.values.push(Some(&value.as_bytes()[..value.len().min(90)]));
                batch.timestamps.push(1_700_000_000_000 + n as i64);
                batch.offsets.push(0);
            }
            batch
        })
        .collect()
}

fn create(log: &KafkaLog, topic: &str, partitions: i32) -> anyhow::Result<()> {
    let config = std::collections::BTreeMap::new();
    Ok(log.create(&NewTopic {
        name: topic.to_owned(),
        partitions,
        replicas: None,
        config,
    })?)
}

fn crate_produce(brokers: &str, topic: &str, batches: &[RawRecords]) -> anyhow::Result<()> {
    let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("enable.idempotence", "true")
        .set("linger.ms", "5")
        .set("compression.codec", "lz4")
        .set("partitioner", "murmur2_random")
        .set("queue.buffering.max.messages", "500000")
        .create()?;
    for batch in batches {
        for row in 0..batch.len() {
            let mut record = BaseRecord::to(topic)
                .key(batch.keys.get(row).unwrap_or_default())
                .payload(batch.values.get(row).unwrap_or_default())
                .timestamp(batch.timestamps[row]);
            while let Err((error, again)) = producer.send(record) {
                anyhow::ensure!(
                    error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull),
                    "{error}"
                );
                std::thread::sleep(Duration::from_millis(1));
                record = again;
            }
        }
    }
    producer.flush(Duration::from_mins(1))?;
    Ok(())
}

fn our_produce(log: &KafkaLog, topic: &str, batches: &[RawRecords]) -> anyhow::Result<()> {
    let mut sink = log.sink(topic)?;
    for batch in batches {
        sink.write(batch)?;
    }
    sink.close()?;
    Ok(())
}

fn crate_consume(brokers: &str, topic: &str, records: usize) -> anyhow::Result<()> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", format!("crate-{:?}", Instant::now()))
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .create()?;
    consumer.subscribe(&[topic])?;
    let (mut seen, mut bytes) = (0, 0);
    while seen < records {
        if let Some(message) = consumer.poll(Duration::from_millis(100)) {
            let message = message?;
            bytes += message.payload().map_or(0, <[u8]>::len) + message.key().map_or(0, <[u8]>::len);
            seen += 1;
        }
    }
    anyhow::ensure!(bytes >= records * 90);
    Ok(())
}

fn our_consume(log: &KafkaLog, topic: &str, records: usize, stop_at: StopAt) -> anyhow::Result<()> {
    let options = ReadOptions {
        is_alone: false,
        group: if stop_at == StopAt::Never {
            format!("ours-{:?}", Instant::now())
        } else {
            String::new()
        },
        start_at: StartAt::Earliest,
        next_offsets: std::collections::BTreeMap::new(),
        stop_at,
        headers: false,
    };
    let mut source = log.source(topic, &options)?;
    let mut readers: Vec<Box<dyn PartitionReader>> = Vec::new();
    let (mut seen, mut bytes, mut polls) = (0, 0, 0);
    while seen < records {
        if let Some(change) = source.poll_assignment()? {
            readers.extend(change.added);
        }
        let before = seen;
        for reader in &mut readers {
            if let Polled::Records(batch) = reader.poll(LIMITS)? {
                seen += batch.len();
                bytes += batch.values.data().len() + batch.keys.data().len();
                polls += 1;
            }
        }
        if seen == before {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    anyhow::ensure!(bytes >= records * 90);
    if records >= 10_000 {
        println!("{:>34} rows a poll", records / polls.max(1));
    }
    Ok(())
}

/// What short queries wait for, best of five.
fn waits(log: &KafkaLog, topic: &str) -> anyhow::Result<()> {
    create(log, topic, 4)?;
    let mut sink = log.sink(topic)?;
    let [mut flush, mut bounded, mut join, mut first, mut commit, mut close] = [f64::MAX; 6];
    for round in 0..5 {
        let start = Instant::now();
        sink.write(&batches(100)[0])?;
        sink.flush()?;
        flush = flush.min(start.elapsed().as_secs_f64());

        let start = Instant::now();
        our_consume(log, topic, 100 * (round + 1), StopAt::CurrentEnd)?;
        bounded = bounded.min(start.elapsed().as_secs_f64());

        let options = ReadOptions {
            is_alone: false,
            group: format!("join-{topic}-{round}"),
            start_at: StartAt::Earliest,
            next_offsets: std::collections::BTreeMap::new(),
            stop_at: StopAt::Never,
            headers: false,
        };
        let start = Instant::now();
        let mut source = log.source(topic, &options)?;
        let mut readers = Vec::new();
        let mut seen = 0;
        while seen == 0 {
            if let Some(change) = source.poll_assignment()? {
                readers = change.added;
                join = join.min(start.elapsed().as_secs_f64());
            }
            for reader in &mut readers {
                if let Polled::Records(batch) = reader.poll(LIMITS)? {
                    seen += batch.len();
                }
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        first = first.min(start.elapsed().as_secs_f64());
        let start = Instant::now();
        source.commit(&[(0, 1)])?;
        commit = commit.min(start.elapsed().as_secs_f64());
        drop(readers);
        let start = Instant::now();
        drop(source);
        close = close.min(start.elapsed().as_secs_f64());
    }
    println!(
        "ms: write and flush 100: {:.1}, read 500 to the end: {:.1}; group: join {:.1}, first record {:.1}, commit {:.1}, leave {:.1}",
        flush * 1e3,
        bounded * 1e3,
        join * 1e3,
        first * 1e3,
        commit * 1e3,
        close * 1e3
    );
    Ok(())
}

/// What sources cost that have nothing to read and are woken when there is.
fn idle(log: &KafkaLog, topic: &str) -> anyhow::Result<()> {
    const SOURCES: usize = 50;
    const SECONDS: u64 = 10;
    let threads = || std::fs::read_dir("/proc/self/task").map(Iterator::count);
    let threads_before = threads()?;
    let mut sources = Vec::new();
    let mut readers = Vec::new();
    for n in 0..SOURCES {
        let options = ReadOptions {
            is_alone: false,
            group: format!("idle-{topic}-{n}"),
            start_at: StartAt::Latest,
            next_offsets: std::collections::BTreeMap::new(),
            stop_at: StopAt::Never,
            headers: false,
        };
        let mut source = log.source(topic, &options)?;
        source.set_waker(std::sync::Arc::new(|| {}));
        while !source.is_assigned() {
            if let Some(change) = source.poll_assignment()? {
                readers.extend(change.added);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        sources.push(source);
    }
    let threads = (threads()? - threads_before) as f64 / SOURCES as f64;
    std::thread::sleep(Duration::from_secs(1));
    let cpu = cpu_seconds()?;
    std::thread::sleep(Duration::from_secs(SECONDS));
    let cpu = (cpu_seconds()? - cpu) / SECONDS as f64 / SOURCES as f64;
    println!(
        "idle: {:.2} ms of processor time a second and {threads:.1} threads for each source",
        cpu * 1e3
    );
    Ok(())
}
