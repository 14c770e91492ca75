//! Tests against the mock cluster of librdkafka, which speaks Kafka's protocol on a socket of this process.
//!
//! What the mock does not have (topic administration, transactions, timestamps, killed brokers) is tested against the
//! real Kafka by the end-to-end suite.

mod mock;
mod reading;
mod trouble;
mod writing;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{KafkaLog, Properties};
use crate::connector::{
    Error, PartitionReader, PollLimits, Polled, ReadOptions, RecordSink, Source, StartAt, StopAt, TopicLog,
};
use crate::types::{Headers, RawRecords};
use mock::MockBrokers;

/// No test waits longer for what must come.
const PATIENCE: Duration = Duration::from_mins(1);
const NO_LIMITS: PollLimits = PollLimits {
    rows_max: 8_192,
    bytes_max: 4 << 20,
};

fn log(brokers: &MockBrokers) -> KafkaLog {
    log_with(brokers, &[])
}

/// A group of the mock rebalances only after its members' session timeout; so that is short here.
const SHORT_SESSIONS: [(&str, &str); 2] = [("session.timeout.ms", "1000"), ("heartbeat.interval.ms", "100")];

fn log_with(brokers: &MockBrokers, properties: &[(&str, &str)]) -> KafkaLog {
    let properties = [&SHORT_SESSIONS, properties].concat();
    let user = properties
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    KafkaLog::new(Properties::new(&brokers.addresses(), user).unwrap()).unwrap()
}

fn forever(group: &str) -> ReadOptions {
    ReadOptions {
        is_alone: false,
        group: group.to_owned(),
        start_at: StartAt::Earliest,
        next_offsets: BTreeMap::new(),
        stop_at: StopAt::Never,
        headers: false,
    }
}

fn to_the_end(group: &str) -> ReadOptions {
    ReadOptions {
        is_alone: false,
        next_offsets: BTreeMap::new(),
        stop_at: StopAt::CurrentEnd,
        ..forever(group)
    }
}

/// A record as tests look at it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    partition: i32,
    offset: i64,
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Option<Headers>,
}

fn rows(records: &RawRecords) -> Vec<Row> {
    (0..records.len())
        .map(|row| Row {
            partition: records.partition,
            offset: records.offsets[row],
            timestamp: records.timestamps[row],
            key: records.keys.get(row).map(<[u8]>::to_vec),
            value: records.values.get(row).map(<[u8]>::to_vec),
            headers: records.headers.as_ref().map(|headers| headers[row].clone()),
        })
        .collect()
}

/// Records `key-N` / `value-N` for N in `range`, one millisecond apart, over `keys` keys.
fn batch(range: std::ops::Range<usize>, keys: usize) -> RawRecords {
    let mut records = RawRecords::default();
    for n in range {
        records.keys.push(Some(format!("key-{}", n % keys).as_bytes()));
        records.values.push(Some(format!("value-{n}").as_bytes()));
        records.timestamps.push(1_700_000_000_000 + n as i64);
        records.offsets.push(0);
    }
    records
}

fn write(log: &KafkaLog, topic: &str, records: &RawRecords) {
    let mut sink = log.sink(topic).unwrap();
    sink.write(records).unwrap();
    sink.flush().unwrap();
}

/// A pipeline's view of a source: polls the assignment, keeps the readers, takes turns.
struct Pipeline {
    source: Box<dyn Source>,
    readers: BTreeMap<i32, Box<dyn PartitionReader>>,
    limits: PollLimits,
    next: BTreeMap<i32, i64>,
}

impl Pipeline {
    fn open(log: &KafkaLog, topic: &str, options: &ReadOptions) -> Self {
        Self {
            source: log.source(topic, options).unwrap(),
            readers: BTreeMap::new(),
            limits: NO_LIMITS,
            next: BTreeMap::new(),
        }
    }

    fn step(&mut self) -> Result<Vec<Row>, Error> {
        if let Some(change) = self.source.poll_assignment()? {
            for partition in change.removed {
                self.readers.remove(&partition);
            }
            self.readers
                .extend(change.added.into_iter().map(|reader| (reader.partition(), reader)));
        }
        let mut taken = Vec::new();
        let mut ended = Vec::new();
        for (partition, reader) in &mut self.readers {
            match reader.poll(self.limits)? {
                Polled::Records(records) => {
                    self.next.insert(*partition, records.offsets.last().unwrap() + 1);
                    taken.extend(rows(&records));
                }
                Polled::Idle { .. } => {}
                Polled::End => ended.push(*partition),
                Polled::Columns(_) => panic!("Kafka has no columns"),
            }
        }
        for partition in ended {
            self.readers.remove(&partition);
        }
        Ok(taken)
    }

    /// What a commit of everything that was read says.
    fn positions(&self) -> Vec<(i32, i64)> {
        self.next
            .iter()
            .map(|(partition, offset)| (*partition, *offset))
            .collect()
    }

    fn ended(&self) -> bool {
        self.source.is_assigned() && self.readers.is_empty()
    }

    /// Steps until `done` says so.
    fn until(&mut self, mut done: impl FnMut(&Self, &[Row]) -> bool) -> Vec<Row> {
        let start = Instant::now();
        let mut all = Vec::new();
        while !done(self, &all) {
            assert!(
                start.elapsed() < PATIENCE,
                "only {} rows came: {:?}",
                all.len(),
                all.last()
            );
            let taken = self.step().unwrap();
            if taken.is_empty() {
                std::thread::sleep(Duration::from_millis(1));
            }
            all.extend(taken);
        }
        all
    }

    fn rows(&mut self, count: usize) -> Vec<Row> {
        self.until(|_, all| all.len() >= count)
    }

    fn to_end(&mut self) -> Vec<Row> {
        self.until(|pipeline, _| pipeline.ended())
    }

    /// Steps until there is an error.
    fn error(&mut self) -> Error {
        let start = Instant::now();
        loop {
            assert!(start.elapsed() < PATIENCE, "no error came");
            match self.step() {
                Ok(_) => std::thread::sleep(Duration::from_millis(1)),
                Err(error) => return error,
            }
        }
    }
}

fn sink(log: &KafkaLog, topic: &str) -> Box<dyn RecordSink> {
    log.sink(topic).unwrap()
}

fn numbers(rows: &[Row]) -> Vec<usize> {
    let number = |row: &Row| -> usize {
        let value = String::from_utf8(row.value.clone().unwrap()).unwrap();
        value.strip_prefix("value-").unwrap().parse().unwrap()
    };
    let mut numbers: Vec<usize> = rows.iter().map(number).collect();
    numbers.sort_unstable();
    numbers
}
