//! Commit and recovery over a log and a store that live in memory, with crashes at every place, by seeds: each row counts once.
//!
//! The program is the smallest with state: it numbers the rows of each key. What it commits goes through [`Durability`], what it begins with through
//! [`after_transactions`] or [`without_transactions`]; the log does what Kafka does with transactions, groups and fencing, the disk what file sinks do
//! with a file for each epoch.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::durability::Results;
use super::{Durability, Error, LogRecord, Start, after_transactions, without_transactions};
use crate::connector::{
    self, AssignmentChange, Committed, GroupMember, OffsetsOfMember, RecordSink, Source, Transactions,
};
use crate::state::{Changes, Form, MemoryBackend, OperatorChanges, Store};
use crate::types::Retry;

const PARTITIONS: i32 = 3;
const ROWS_PER_PARTITION: i64 = 40;
const KEYS: i64 = 5;
const SCAN: usize = 0;

/// Where results go, and what makes an epoch count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Setting {
    /// Into the log, with its transaction.
    Log,
    /// Into files; the log's transaction has the offsets.
    FilesAndLog,
    /// Into files; the store has the offsets.
    Files,
}

/// Where the process dies, as seen from the log, the store and the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Death {
    BeforeLog,
    AfterLog,
    BeforeCommit,
    AfterCommit,
    /// When the file of the epoch is there, and nothing else.
    FileStored,
    /// When the epoch counts, and its file has no name yet.
    FileUnnamed,
    Nowhere,
}

/// What the process has made and nobody may see yet.
type Made = Arc<Mutex<Vec<(i64, i64)>>>;

/// The files of a file sink: an epoch's file gets its name when the epoch counts.
#[derive(Debug, Default)]
struct Disk {
    unnamed: BTreeMap<u64, Vec<(i64, i64)>>,
    named: BTreeMap<u64, Vec<(i64, i64)>>,
}

impl Disk {
    /// What a start does with the files that it finds.
    fn settle(&mut self, counted: u64) {
        assert!(
            self.named.keys().all(|epoch| *epoch <= counted),
            "a file of an epoch that does not count"
        );
        let later = self.unnamed.split_off(&(counted + 1));
        drop(later);
        self.named.append(&mut self.unnamed);
    }
}

/// What the log holds, and what its newest writer is.
#[derive(Debug, Default)]
struct Log {
    /// Committed results: key and number of the row.
    results: Vec<(i64, i64)>,
    offsets: BTreeMap<i32, i64>,
    epoch: Option<u64>,
    newest_writer: u64,
}

#[derive(Debug)]
struct Writer {
    log: Arc<Mutex<Log>>,
    number: u64,
    open: Made,
    death: Arc<Mutex<Death>>,
}

fn refused(reason: &str) -> connector::Error {
    connector::Error::Kafka {
        action: "commit".into(),
        reason: reason.into(),
        retry: Retry::Backoff,
    }
}

impl Transactions for Writer {
    fn sink(&self, _topic: &str) -> Result<Box<dyn RecordSink>, connector::Error> {
        Err(refused("results are handed over directly"))
    }

    fn begin(&mut self) -> Result<(), connector::Error> {
        self.open.lock().clear();
        Ok(())
    }

    fn commit(&mut self, epoch: u64, offsets: Vec<OffsetsOfMember>) -> Result<(), connector::Error> {
        if *self.death.lock() == Death::BeforeLog {
            return Err(refused("died before the log had it"));
        }
        let mut log = self.log.lock();
        if log.newest_writer != self.number {
            return Err(refused("fenced"));
        }
        log.results.append(&mut self.open.lock());
        log.offsets.extend(offsets.into_iter().flat_map(|of| of.next_offsets));
        log.epoch = Some(epoch);
        if *self.death.lock() == Death::AfterLog {
            return Err(refused("died when the log had it"));
        }
        Ok(())
    }

    fn abort(&mut self) -> Result<(), connector::Error> {
        self.open.lock().clear();
        Ok(())
    }
}

/// What becomes of results: those for the log its writer has already.
struct Sinks<'a> {
    files: Option<&'a mut Disk>,
    made: Made,
    /// The epoch that is being written.
    epoch: u64,
    death: Death,
}

impl Results for Sinks<'_> {
    fn store(&mut self) -> Result<(), Error> {
        let Some(files) = &mut self.files else { return Ok(()) };
        files.unnamed.insert(self.epoch, std::mem::take(&mut *self.made.lock()));
        match self.death {
            Death::FileStored => Err(Error::Internal("died when the file was there".into())),
            _ => Ok(()),
        }
    }

    fn publish(&mut self, epoch: u64) -> Result<(), Error> {
        let Some(files) = &mut self.files else { return Ok(()) };
        if self.death == Death::FileUnnamed {
            return Err(Error::Internal("died before the file had its name".into()));
        }
        assert_eq!(epoch, self.epoch, "the file is of another epoch");
        let file = files.unnamed.remove(&epoch).expect("it was stored");
        files.named.insert(epoch, file);
        Ok(())
    }
}

/// A source of which only the group matters.
#[derive(Debug)]
struct Topic;

impl Source for Topic {
    fn poll_assignment(&mut self) -> Result<Option<AssignmentChange>, connector::Error> {
        Ok(None)
    }

    fn is_assigned(&self) -> bool {
        true
    }

    fn commit(&mut self, _next_offsets: &[(i32, i64)]) -> Result<(), connector::Error> {
        Ok(())
    }

    fn group_member(&self) -> Option<GroupMember> {
        Some(GroupMember {
            group: "g".into(),
            topic: "t".into(),
            handle: None,
        })
    }
}

/// The key of a row.
fn key_of(partition: i32, offset: i64) -> i64 {
    (i64::from(partition) * 31 + offset * 7) % KEYS
}

/// One life of the process: from what is durable until it dies or all is read. True: all is read.
fn live(
    setting: Setting,
    log: &Arc<Mutex<Log>>,
    disk: &mut Disk,
    backend: &MemoryBackend,
    random: &mut ChaCha8Rng,
) -> Result<bool, Error> {
    let number = {
        let mut log = log.lock();
        log.newest_writer += 1;
        log.newest_writer
    };
    let record = {
        let log = log.lock();
        let committed = Committed {
            next_offsets: log.offsets.clone(),
            epoch: log.epoch,
        };
        LogRecord {
            committed: [(SCAN, committed)].into(),
            marker: None,
        }
    };
    let mut store = Store::in_memory(backend)?;
    let begins = match setting {
        Setting::Files => without_transactions(&record, Some(&store), &[SCAN])?,
        Setting::Log | Setting::FilesAndLog => after_transactions(&record, Some(&store), &[SCAN])?,
    };
    let Start::After { epoch, positions } = begins else {
        return Err(Error::Internal("the state is gone, though nobody removed it".into()));
    };
    if setting != Setting::Files {
        store.settle(record.epoch())?;
    }
    disk.settle(epoch);
    let mut counts: BTreeMap<i64, i64> = BTreeMap::new();
    store.load(0, 0, &mut |entries| {
        for (key, value) in entries {
            let read = |bytes: &[u8]| i64::from_be_bytes(bytes.try_into().expect("eight bytes"));
            counts.insert(read(key), read(value));
        }
        Ok(())
    })?;
    let open = Arc::new(Mutex::new(Vec::new()));
    let death = Arc::new(Mutex::new(Death::Nowhere));
    let mut durability = Durability {
        store: Some(store),
        transactions: (setting != Setting::Files).then(|| {
            Box::new(Writer {
                log: Arc::clone(log),
                number,
                open: if setting == Setting::Log {
                    Arc::clone(&open)
                } else {
                    Made::default()
                },
                death: Arc::clone(&death),
            }) as Box<dyn Transactions>
        }),
        about: Form::default(),
        epoch,
        positions,
        scans: vec![(SCAN, "t".into())],
        ..Durability::default()
    };
    durability.begin()?;
    let mut sources: BTreeMap<usize, Box<dyn Source>> = [(SCAN, Box::new(Topic) as Box<dyn Source>)].into();
    loop {
        let mut advanced: BTreeMap<usize, Vec<(i32, i64)>> = BTreeMap::new();
        let mut changed = BTreeMap::new();
        for partition in 0..PARTITIONS {
            let read = durability.positions.get(&SCAN).and_then(|known| known.get(&partition));
            let from = read.copied().unwrap_or(0);
            let to = (from + random.random_range(0..6)).min(ROWS_PER_PARTITION);
            for offset in from..to {
                let key = key_of(partition, offset);
                let count = counts.entry(key).or_default();
                *count += 1;
                changed.insert(key, *count);
                open.lock().push((key, *count));
            }
            if to > from {
                advanced.entry(SCAN).or_default().push((partition, to));
                durability.advance(SCAN, [(partition, to)]);
            }
        }
        let fate = [
            Death::BeforeLog,
            Death::AfterLog,
            Death::BeforeCommit,
            Death::AfterCommit,
            Death::FileStored,
            Death::FileUnnamed,
        ];
        let fate = *fate.get(random.random_range(0..18_usize)).unwrap_or(&Death::Nowhere);
        *death.lock() = fate;
        if fate == Death::BeforeCommit {
            return Ok(false);
        }
        let mut changes = Changes::new();
        for (key, count) in changed {
            changes.put(&i64::to_be_bytes(key), &i64::to_be_bytes(count));
        }
        let changes = vec![OperatorChanges {
            operator: 0,
            shard: 0,
            changes,
        }];
        let mut sinks = Sinks {
            files: (setting != Setting::Log).then_some(&mut *disk),
            made: Arc::clone(&open),
            epoch: durability.epoch + 1,
            death: fate,
        };
        let committed = durability.commit(changes, &advanced, &mut sources, &mut sinks);
        if committed.is_err() || fate == Death::AfterCommit {
            return Ok(false);
        }
        let all = durability
            .positions
            .get(&SCAN)
            .map_or(0, |known| known.values().sum::<i64>());
        if all == i64::from(PARTITIONS) * ROWS_PER_PARTITION {
            durability.close()?;
            return Ok(true);
        }
    }
}

fn simulate(setting: Setting, seed: u64) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (log, backend) = (Arc::new(Mutex::new(Log::default())), MemoryBackend::default());
    let mut disk = Disk::default();
    let mut lives = 1;
    while !live(setting, &log, &mut disk, &backend, &mut random)
        .unwrap_or_else(|error| panic!("{setting:?}, seed {seed}, life {lives}: {error}"))
    {
        lives += 1;
        assert!(lives < 10_000, "{setting:?}, seed {seed}: it never comes to the end");
    }
    let mut expected: BTreeMap<i64, i64> = BTreeMap::new();
    for (partition, offset) in (0..PARTITIONS).flat_map(|p| (0..ROWS_PER_PARTITION).map(move |o| (p, o))) {
        *expected.entry(key_of(partition, offset)).or_default() += 1;
    }
    let mut found: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    assert!(
        disk.unnamed.is_empty(),
        "{setting:?}, seed {seed}: a file never got its name"
    );
    for (key, number) in log.lock().results.iter().chain(disk.named.values().flatten()) {
        found.entry(*key).or_default().push(*number);
    }
    for (key, count) in expected {
        let numbers = found.remove(&key).unwrap_or_default();
        // Lost state would number rows again, lost rows would leave a gap at the end, doubled ones would come twice.
        assert_eq!(
            numbers,
            (1..=count).collect::<Vec<_>>(),
            "{setting:?}, seed {seed}, key {key}, {lives} lives"
        );
    }
    assert!(found.is_empty(), "{setting:?}, seed {seed}: {found:?}");
}

#[test]
fn every_row_counts_once_whatever_dies() {
    for setting in [Setting::Log, Setting::FilesAndLog, Setting::Files] {
        (0..200).for_each(|seed| simulate(setting, seed));
    }
}
