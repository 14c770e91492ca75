//! A source as a pipeline uses it, small enough to see in a test what it gives.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use waterwheel::connector::kafka::KafkaLog;
use waterwheel::connector::{
    Error, NewTopic, PartitionReader, PollLimits, Polled, ReadOptions, Source, StartAt, StopAt, TopicLog,
};
use waterwheel::types::{Headers, RawRecords};

/// No test waits longer for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

const LIMITS: PollLimits = PollLimits {
    rows_max: 8_192,
    bytes_max: 4 << 20,
};

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) timestamp: i64,
    pub(crate) key: Option<String>,
    pub(crate) value: Option<String>,
    pub(crate) headers: Headers,
}

/// A continuous read of `group` from the beginning.
pub(crate) fn forever(group: &str) -> ReadOptions {
    ReadOptions {
        is_alone: false,
        group: group.to_owned(),
        start_at: StartAt::Earliest,
        next_offsets: BTreeMap::new(),
        stop_at: StopAt::Never,
        headers: true,
    }
}

/// A read of what is there now.
pub(crate) fn to_the_end() -> ReadOptions {
    ReadOptions {
        is_alone: false,
        next_offsets: BTreeMap::new(),
        stop_at: StopAt::CurrentEnd,
        ..forever("")
    }
}

/// Makes a topic with default settings.
pub(crate) fn create(log: &KafkaLog, topic: &str, partitions: i32) {
    log.create(&NewTopic {
        name: topic.to_owned(),
        partitions,
        replicas: None,
        config: BTreeMap::new(),
    })
    .expect("the topic can be made");
}

/// Records `key-N` / `value-N` for N in `range`, over `keys` keys.
pub(crate) fn batch(range: std::ops::Range<usize>, keys: usize) -> RawRecords {
    let mut records = RawRecords::default();
    for n in range {
        records.keys.push(Some(format!("key-{}", n % keys).as_bytes()));
        records.values.push(Some(format!("value-{n}").as_bytes()));
        records.timestamps.push(1_700_000_000_000 + n as i64);
        records.offsets.push(0);
    }
    records
}

/// Writes and flushes.
pub(crate) fn write(log: &KafkaLog, topic: &str, records: &RawRecords) {
    let mut sink = log.sink(topic).expect("the name is right");
    sink.write(records).expect("the records are taken");
    sink.flush().expect("the records are stored");
}

/// The N of `value-N`, in order.
pub(crate) fn numbers(rows: &[Row]) -> Vec<usize> {
    let number = |row: &Row| row.value.as_ref()?.strip_prefix("value-")?.parse().ok();
    let mut numbers: Vec<usize> = rows
        .iter()
        .map(|row| number(row).expect("written by `batch`"))
        .collect();
    numbers.sort_unstable();
    numbers
}

/// A source and its readers.
pub(crate) struct Pipeline {
    pub(crate) source: Box<dyn Source>,
    pub(crate) readers: BTreeMap<i32, Box<dyn PartitionReader>>,
    /// Next offset of each partition, as a pipeline would commit it.
    pub(crate) next: BTreeMap<i32, i64>,
}

impl Pipeline {
    pub(crate) fn open(log: &KafkaLog, topic: &str, options: &ReadOptions) -> Self {
        let source = log.source(topic, options).expect("the options are right");
        Self {
            source,
            readers: BTreeMap::new(),
            next: BTreeMap::new(),
        }
    }

    /// One step: the assignment, then every reader. Commits what it has of partitions that go away, where it
    /// is not too late for that.
    pub(crate) fn step(&mut self) -> Result<Vec<Row>, Error> {
        if let Some(change) = self.source.poll_assignment()? {
            let leaving: Vec<(i32, i64)> = change
                .removed
                .iter()
                .filter_map(|p| Some((*p, self.next.remove(p)?)))
                .collect();
            self.readers.retain(|partition, _| !change.removed.contains(partition));
            if let Err(error) = self.source.commit(&leaving) {
                tracing::info!(%error, "too late to commit");
            }
            self.readers
                .extend(change.added.into_iter().map(|reader| (reader.partition(), reader)));
        }
        let mut taken = Vec::new();
        let mut ended = Vec::new();
        for (partition, reader) in &mut self.readers {
            match reader.poll(LIMITS)? {
                Polled::Records(records) => {
                    let last = records.offsets.last().expect("there is a record");
                    self.next.insert(*partition, last + 1);
                    taken.extend(rows(&records));
                }
                Polled::Idle { .. } => {}
                Polled::End => ended.push(*partition),
                Polled::Columns(_) => panic!("Kafka has no columns"),
            }
        }
        self.readers.retain(|partition, _| !ended.contains(partition));
        Ok(taken)
    }

    pub(crate) fn ended(&self) -> bool {
        self.source.is_assigned() && self.readers.is_empty()
    }

    /// Steps until `done` says so.
    pub(crate) fn until(&mut self, mut done: impl FnMut(&Self, &[Row]) -> bool) -> Vec<Row> {
        let start = Instant::now();
        let mut all = Vec::new();
        while !done(self, &all) {
            assert!(
                start.elapsed() < PATIENCE,
                "only {} rows came, the last {:?}",
                all.len(),
                all.last()
            );
            let taken = self.step().expect("reading goes well");
            if taken.is_empty() {
                std::thread::sleep(Duration::from_millis(1));
            }
            all.extend(taken);
        }
        all
    }

    pub(crate) fn rows(&mut self, count: usize) -> Vec<Row> {
        self.until(|_, all| all.len() >= count)
    }

    pub(crate) fn to_end(&mut self) -> Vec<Row> {
        self.until(|pipeline, _| pipeline.ended())
    }

    pub(crate) fn commit(&mut self) -> Result<(), Error> {
        let offsets: Vec<(i32, i64)> = self
            .next
            .iter()
            .map(|(partition, offset)| (*partition, *offset))
            .collect();
        self.source.commit(&offsets)
    }

    /// Steps until there is an error.
    pub(crate) fn error(&mut self) -> Error {
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

fn rows(records: &RawRecords) -> Vec<Row> {
    let text = |bytes: Option<&[u8]>| bytes.map(|bytes| String::from_utf8(bytes.to_vec()).expect("tests write UTF-8"));
    (0..records.len())
        .map(|row| Row {
            partition: records.partition,
            offset: records.offsets[row],
            timestamp: records.timestamps[row],
            key: text(records.keys.get(row)),
            value: text(records.values.get(row)),
            headers: records
                .headers
                .as_ref()
                .map(|headers| headers[row].clone())
                .unwrap_or_default(),
        })
        .collect()
}
