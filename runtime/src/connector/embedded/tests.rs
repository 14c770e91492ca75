//! What a topic in memory promises: Kafka's order and placing, ends, wakes, groups, retention.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::{NewTopic, PartitionReader, PollLimits, Polled, ReadOptions, StartAt, StopAt, TopicLog};
use super::*;
use crate::types::RawRecords;

const ALL: PollLimits = PollLimits {
    rows_max: 1_000_000,
    bytes_max: 1 << 30,
};

fn log_with(topic: &str, partitions: i32, config: &[(&str, &str)]) -> EmbeddedLog {
    let log = EmbeddedLog::new();
    log.create(&new_topic(topic, partitions, config)).unwrap();
    log
}

fn new_topic(topic: &str, partitions: i32, config: &[(&str, &str)]) -> NewTopic {
    NewTopic {
        name: topic.into(),
        partitions,
        replicas: None,
        config: config.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
    }
}

fn options(group: &str, start_at: StartAt, stop_at: StopAt) -> ReadOptions {
    ReadOptions {
        is_alone: false,
        group: group.into(),
        start_at,
        next_offsets: std::collections::BTreeMap::new(),
        stop_at,
        headers: false,
    }
}

fn from_start() -> ReadOptions {
    options("g", StartAt::Earliest, StopAt::Never)
}

fn readers(source: &mut dyn Source) -> Vec<Box<dyn PartitionReader>> {
    assert!(!source.is_assigned());
    let change = source.poll_assignment().unwrap().unwrap();
    assert!(change.removed.is_empty());
    assert!(source.is_assigned());
    assert!(source.poll_assignment().unwrap().is_none());
    change.added
}

fn batch(rows: &[(Option<&str>, Option<&str>, i64)]) -> RawRecords {
    RawRecords {
        keys: rows.iter().map(|row| row.0.map(str::as_bytes)).collect(),
        values: rows.iter().map(|row| row.1.map(str::as_bytes)).collect(),
        timestamps: rows.iter().map(|row| row.2).collect(),
        offsets: (0..rows.len() as i64).collect(),
        ..RawRecords::default()
    }
}

fn records(polled: Polled) -> RawRecords {
    match polled {
        Polled::Records(records) => records,
        other => panic!("records expected, got {other:?}"),
    }
}

fn texts(records: &RawRecords) -> Vec<Option<&str>> {
    records
        .values
        .iter()
        .map(|value| value.map(|v| std::str::from_utf8(v).unwrap()))
        .collect()
}

#[test]
fn keys_go_where_kafka_puts_them_and_keep_their_order() {
    let log = log_with("t", 5, &[]);
    let mut sink = log.sink("t").unwrap();
    let keys: Vec<String> = (0..100).map(|number| format!("key-{}", number % 17)).collect();
    let rows: Vec<_> = keys
        .iter()
        .map(|key| (Some(key.as_str()), Some(key.as_str()), 7))
        .collect();
    sink.write(&batch(&rows)).unwrap();
    let all = log.read_all("t").unwrap();
    assert_eq!(all.len(), 100);
    for (record, key) in all.iter().zip(&keys) {
        assert_eq!(record.key.as_deref(), Some(key.as_bytes()));
        assert_eq!(record.partition, partition_of_key(key.as_bytes(), 5));
        assert_eq!(record.timestamp, 7);
    }
    for partition in 0..5 {
        let offsets: Vec<_> = all
            .iter()
            .filter(|r| r.partition == partition)
            .map(|r| r.offset)
            .collect();
        assert_eq!(offsets, (0..offsets.len() as i64).collect::<Vec<_>>());
    }
}

#[test]
fn records_without_a_key_are_dealt_out_in_turn() {
    let log = log_with("t", 3, &[]);
    let mut sink = log.sink("t").unwrap();
    sink.write(&batch(&[(None, Some("a"), 0), (None, Some("b"), 0)]))
        .unwrap();
    sink.write(&batch(&[(None, Some("c"), 0), (None, Some("d"), 0)]))
        .unwrap();
    let partitions: Vec<_> = log.read_all("t").unwrap().iter().map(|r| r.partition).collect();
    assert_eq!(partitions, [0, 1, 2, 0]);
    let partitions: Vec<_> = (0..4)
        .map(|_| log.append("t", None, None, Some(b"x"), 0, &[]).unwrap().0)
        .collect();
    assert_eq!(partitions, [0, 1, 2, 0]);
}

#[test]
fn appends_give_partition_and_offset_and_keep_nulls_and_headers() {
    let log = log_with("t", 2, &[]);
    assert_eq!(
        log.append("t", Some(1), Some(b"k"), Some(b"v"), 5, &[]).unwrap(),
        (1, 0)
    );
    let headers = vec![("h".to_owned(), Some(vec![1])), ("n".to_owned(), None)];
    assert_eq!(
        log.append("t", Some(1), None, None, i64::MIN, &headers).unwrap(),
        (1, 1)
    );
    assert_eq!(log.append("t", Some(1), Some(b""), Some(b""), 6, &[]).unwrap(), (1, 2));
    let mut with_headers = from_start();
    with_headers.headers = true;
    let mut source = log.source("t", &with_headers).unwrap();
    let read = records(readers(&mut *source)[1].poll(ALL).unwrap());
    assert_eq!(read.partition, 1);
    assert_eq!(texts(&read), [Some("v"), None, Some("")]);
    assert_eq!(
        read.keys.iter().collect::<Vec<_>>(),
        [Some(&b"k"[..]), None, Some(&b""[..])]
    );
    assert_eq!(read.timestamps, [5, i64::MIN, 6]);
    assert_eq!(read.offsets, [0, 1, 2]);
    assert_eq!(read.headers, Some(vec![vec![], headers.clone(), vec![]]));
    assert_eq!(log.read_all("t").unwrap()[1].headers, headers);
    let mut source = log.source("t", &from_start()).unwrap();
    assert_eq!(records(readers(&mut *source)[1].poll(ALL).unwrap()).headers, None);
}

#[test]
fn polls_keep_to_their_limits_and_lose_nothing_across_segments() {
    let log = log_with("t", 1, &[]);
    let mut sink = log.sink("t").unwrap();
    // Values of 0 to 999 bytes, several segments of 1 MiB.
    let values: Vec<String> = (0..9_000).map(|n| format!("{n:0width$}", width = n % 1000)).collect();
    for chunk in values.chunks(777) {
        let rows: Vec<_> = chunk.iter().map(|value| (None, Some(value.as_str()), 0)).collect();
        sink.write(&batch(&rows)).unwrap();
    }
    for limits in [
        PollLimits {
            rows_max: 1,
            bytes_max: 1 << 20,
        },
        PollLimits {
            rows_max: 1_000,
            bytes_max: 100_000,
        },
        PollLimits {
            rows_max: 1_000,
            bytes_max: 0,
        },
        ALL,
    ] {
        let mut source = log.source("t", &from_start()).unwrap();
        let mut reader = readers(&mut *source).remove(0);
        let mut read = 0;
        while let Polled::Records(records) = reader.poll(limits).unwrap() {
            assert!(records.len() <= limits.rows_max);
            assert!(records.values.data().len() <= limits.bytes_max || records.len() == 1);
            for (row, value) in texts(&records).into_iter().enumerate() {
                assert_eq!(value, Some(values[read].as_str()));
                assert_eq!(records.offsets[row], read as i64);
                read += 1;
            }
            assert_eq!(reader.lag(), Some((values.len() - read) as u64));
        }
        assert_eq!(read, values.len(), "{limits:?}");
    }
}

#[test]
fn the_append_order_runs_across_partitions_and_topics() {
    let log = log_with("a", 2, &[]);
    log.create(&new_topic("b", 1, &[])).unwrap();
    for (topic, partition, value) in [
        ("a", 1, "1"),
        ("b", 0, "2"),
        ("a", 0, "3"),
        ("a", 1, "4"),
        ("b", 0, "5"),
    ] {
        log.append(topic, Some(partition), None, Some(value.as_bytes()), 0, &[])
            .unwrap();
    }
    let (mut a, mut b) = (
        log.source("a", &from_start()).unwrap(),
        log.source("b", &from_start()).unwrap(),
    );
    let mut all = readers(&mut *a);
    all.extend(readers(&mut *b));
    let one = PollLimits {
        rows_max: 1,
        bytes_max: 1,
    };
    let mut taken = Vec::new();
    while let Some((next, _)) = all
        .iter_mut()
        .enumerate()
        .filter_map(|(at, reader)| Some((at, reader.next_order()?)))
        .min_by_key(|(_, order)| *order)
    {
        let read = records(all[next].poll(one).unwrap());
        taken.push(texts(&read)[0].unwrap().to_owned());
    }
    assert_eq!(taken, ["1", "2", "3", "4", "5"]);
}

#[test]
fn groups_resume_where_they_committed_and_do_not_see_each_other() {
    let log = log_with("t", 2, &[]);
    for value in ["a", "b", "c"] {
        log.append("t", Some(0), None, Some(value.as_bytes()), 0, &[]).unwrap();
    }
    let mut source = log.source("t", &from_start()).unwrap();
    source.commit(&[(0, 2), (9, 1), (-1, 1)]).unwrap();
    let mut again = log.source("t", &from_start()).unwrap();
    assert_eq!(texts(&records(readers(&mut *again)[0].poll(ALL).unwrap())), [Some("c")]);
    let mut other = log
        .source("t", &options("other", StartAt::Latest, StopAt::Never))
        .unwrap();
    let mut reader = readers(&mut *other).remove(0);
    assert!(matches!(reader.poll(ALL).unwrap(), Polled::Idle { retry_after: None }));
    log.append("t", Some(0), None, Some(b"d"), 0, &[]).unwrap();
    assert_eq!(texts(&records(reader.poll(ALL).unwrap())), [Some("d")]);
    // A topic that was made anew knows nothing of what was read of the old one.
    log.delete("t").unwrap();
    log.create(&new_topic("t", 2, &[])).unwrap();
    log.append("t", Some(0), None, Some(b"new"), 0, &[]).unwrap();
    let mut anew = log.source("t", &from_start()).unwrap();
    assert_eq!(
        texts(&records(readers(&mut *anew)[0].poll(ALL).unwrap())),
        [Some("new")]
    );
}

#[test]
fn a_pull_query_stops_at_the_end_it_found() {
    let log = log_with("t", 1, &[]);
    log.append("t", None, None, Some(b"a"), 0, &[]).unwrap();
    let mut source = log
        .source("t", &options("g", StartAt::Earliest, StopAt::CurrentEnd))
        .unwrap();
    log.append("t", None, None, Some(b"b"), 0, &[]).unwrap();
    let mut reader = readers(&mut *source).remove(0);
    assert_eq!(reader.lag(), Some(1));
    assert_eq!(texts(&records(reader.poll(ALL).unwrap())), [Some("a")]);
    assert_eq!(reader.next_order(), None);
    assert!(matches!(reader.poll(ALL).unwrap(), Polled::End));
}

#[test]
fn a_topic_ends_when_the_log_is_sealed_and_its_writers_are_gone() {
    let log = log_with("t", 1, &[]);
    log.create(&new_topic("unwritten", 1, &[])).unwrap();
    let mut first = log.sink("t").unwrap();
    let second = log.sink("t").unwrap();
    let mut source = log.source("t", &from_start()).unwrap();
    let mut reader = readers(&mut *source).remove(0);
    let idle = |reader: &mut Box<dyn PartitionReader>| matches!(reader.poll(ALL).unwrap(), Polled::Idle { .. });
    assert!(idle(&mut reader));
    log.seal();
    assert!(idle(&mut reader), "two writers are open");
    first.write(&batch(&[(None, Some("last"), 0)])).unwrap();
    first.close().unwrap();
    first.close().unwrap();
    assert_eq!(texts(&records(reader.poll(ALL).unwrap())), [Some("last")]);
    assert!(idle(&mut reader), "closing twice counts once");
    drop(second);
    assert!(matches!(reader.poll(ALL).unwrap(), Polled::End));
    let mut unwritten = log.source("unwritten", &from_start()).unwrap();
    assert!(matches!(readers(&mut *unwritten)[0].poll(ALL).unwrap(), Polled::End));
    assert!(first.write(&batch(&[(None, Some("x"), 0)])).is_err());
    assert!(matches!(log.sink("t"), Err(Error::Sealed { .. })));
    assert!(matches!(
        log.append("t", None, None, None, 0, &[]),
        Err(Error::Sealed { .. })
    ));
}

#[test]
fn who_waits_is_woken_once_by_appends_and_ends_and_only_then() {
    let log = log_with("t", 2, &[]);
    log.create(&new_topic("elsewhere", 1, &[])).unwrap();
    let woken = Arc::new(AtomicUsize::new(0));
    let mut source = log.source("t", &from_start()).unwrap();
    source.set_waker({
        let woken = Arc::clone(&woken);
        Arc::new(move || {
            woken.fetch_add(1, Ordering::SeqCst);
        })
    });
    let mut readers = readers(&mut *source);
    let count = || woken.load(Ordering::SeqCst);
    log.append("t", Some(0), None, Some(b"a"), 0, &[]).unwrap();
    assert_eq!(count(), 0, "nobody waits yet");
    records(readers[0].poll(ALL).unwrap());
    assert!(matches!(readers[0].poll(ALL).unwrap(), Polled::Idle { .. }));
    assert!(matches!(readers[1].poll(ALL).unwrap(), Polled::Idle { .. }));
    log.append("elsewhere", None, None, Some(b"x"), 0, &[]).unwrap();
    assert_eq!(count(), 0);
    log.append("t", Some(1), None, Some(b"b"), 0, &[]).unwrap();
    log.append("t", Some(1), None, Some(b"c"), 0, &[]).unwrap();
    assert_eq!(count(), 1, "one wake until the next idle poll");
    assert_eq!(records(readers[1].poll(ALL).unwrap()).len(), 2);
    assert!(matches!(readers[1].poll(ALL).unwrap(), Polled::Idle { .. }));
    let sink = log.sink("t").unwrap();
    log.seal();
    assert_eq!(count(), 2, "the seal wakes");
    assert!(matches!(readers[0].poll(ALL).unwrap(), Polled::Idle { .. }));
    drop(sink);
    assert_eq!(count(), 3, "the last writer wakes");
    assert!(matches!(readers[0].poll(ALL).unwrap(), Polled::End));
}

/// A writer and a reader that sleeps between wakes, in two threads: nothing is lost and no wake is missed.
#[test]
fn no_wake_is_lost_between_threads() {
    const RECORDS: usize = 20_000;
    let log = log_with("t", 1, &[]);
    let mut sink = log.sink("t").unwrap();
    log.seal();
    let mut source = log.source("t", &from_start()).unwrap();
    let (wake, woken) = crossbeam_channel::bounded::<()>(1);
    source.set_waker(Arc::new(move || {
        let _ = wake.try_send(());
    }));
    let mut reader = readers(&mut *source).remove(0);
    let writer = std::thread::spawn(move || {
        for number in 0..RECORDS {
            sink.write(&batch(&[(None, Some("v"), number as i64)])).unwrap();
        }
        sink.close().unwrap();
    });
    let mut next = 0;
    loop {
        match reader.poll(ALL).unwrap() {
            Polled::Records(records) => {
                for timestamp in records.timestamps {
                    assert_eq!(timestamp, next);
                    next += 1;
                }
            }
            Polled::Idle { .. } => woken.recv().unwrap(),
            Polled::End => break,
            Polled::Columns(_) => panic!("no columns here"),
        }
    }
    writer.join().unwrap();
    assert_eq!(next, RECORDS as i64);
}

#[test]
fn retention_drops_the_oldest_and_readers_jump() {
    let log = log_with("t", 1, &[("retention.bytes", "1000"), ("retention.ms", "-1")]);
    let mut early = log.source("t", &from_start()).unwrap();
    let mut reader = readers(&mut *early).remove(0);
    for number in 0..1_000_i64 {
        log.append("t", None, Some(b"12345"), Some(b"67890"), number, &[])
            .unwrap();
    }
    let kept = log.read_all("t").unwrap();
    assert!(
        kept.len() >= 100 && kept.len() <= 150,
        "about 1,000 bytes: {}",
        kept.len()
    );
    assert_eq!(kept.last().unwrap().offset, 999);
    assert_eq!(reader.lag(), Some(kept.len() as u64));
    let read = records(reader.poll(ALL).unwrap());
    assert_eq!(read.offsets.first(), Some(&kept[0].offset));
    assert_eq!(read.len(), kept.len());

    let log = log_with("t", 1, &[("retention.ms", "100")]);
    for number in 0..1_000_i64 {
        log.append("t", None, None, Some(b"v"), number, &[]).unwrap();
    }
    let kept = log.read_all("t").unwrap();
    assert!(
        kept[0].timestamp <= 900 && kept[0].timestamp >= 840,
        "{}",
        kept[0].timestamp
    );

    let log = log_with("t", 1, &[("retention.bytes", "0"), ("cleanup.policy", "compact")]);
    for _ in 0..10 {
        log.append("t", None, None, Some(b"v"), 0, &[]).unwrap();
    }
    assert_eq!(
        log.read_all("t").unwrap().len(),
        10,
        "a compacted topic has no retention"
    );
}

#[test]
fn wrong_topics_are_refused() {
    let log = log_with("t", 1, &[]);
    for (topic, part) in [
        (new_topic("x", 0, &[]), "0 partitions"),
        (new_topic("x", -1, &[]), "-1 partitions"),
        (new_topic("x", 1_025, &[]), "1 to 1024"),
        (new_topic("", 1, &[]), "no topic name"),
        (new_topic("..", 1, &[]), "no topic name"),
        (new_topic("a b", 1, &[]), "character ` `"),
        (new_topic(&"x".repeat(250), 1, &[]), "249"),
        (new_topic("x", 1, &[("retention.ms", "week")]), "`week`"),
        (new_topic("x", 1, &[("retention.bytes", "-2")]), "`-2`"),
        (
            NewTopic {
                replicas: Some(0),
                ..new_topic("x", 1, &[])
            },
            "0 copies",
        ),
        (new_topic("t", 1, &[]), "exists already"),
    ] {
        let error = log.create(&topic).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(log.list().unwrap().len(), 1);
    assert_eq!(log.describe("x").unwrap(), None);
    assert_eq!(log.describe("t").unwrap().unwrap().partitions, 1);
    let error = log.append("t", Some(1), None, None, 0, &[]).unwrap_err().to_string();
    assert!(error.contains("has no partition 1"), "{error}");
    assert!(matches!(
        log.source("none", &from_start()),
        Err(Error::UnknownTopic { .. })
    ));
    assert!(matches!(log.sink("none"), Err(Error::UnknownTopic { .. })));
    assert!(matches!(log.read_all("none"), Err(Error::UnknownTopic { .. })));
    assert!(matches!(log.delete("none"), Err(Error::UnknownTopic { .. })));
}

#[test]
fn a_deleted_topic_fails_its_readers_and_writers() {
    let log = log_with("t", 1, &[]);
    let mut sink = log.sink("t").unwrap();
    let mut source = log.source("t", &from_start()).unwrap();
    let woken = Arc::new(AtomicUsize::new(0));
    source.set_waker({
        let woken = Arc::clone(&woken);
        Arc::new(move || {
            woken.fetch_add(1, Ordering::SeqCst);
        })
    });
    let mut reader = readers(&mut *source).remove(0);
    assert!(matches!(reader.poll(ALL).unwrap(), Polled::Idle { .. }));
    log.delete("t").unwrap();
    assert_eq!(woken.load(Ordering::SeqCst), 1);
    assert!(matches!(reader.poll(ALL), Err(Error::UnknownTopic { .. })));
    assert!(matches!(
        sink.write(&batch(&[(None, None, 0)])),
        Err(Error::UnknownTopic { .. })
    ));
    assert!(matches!(source.commit(&[(0, 1)]), Err(Error::UnknownTopic { .. })));
}

#[test]
fn clones_share_their_topics() {
    let log = EmbeddedLog::new();
    log.clone().create(&new_topic("t", 1, &[])).unwrap();
    assert_eq!(
        log.list()
            .unwrap()
            .iter()
            .map(|t| (t.name.as_str(), t.replicas))
            .collect::<Vec<_>>(),
        [("t", 1)]
    );
}
