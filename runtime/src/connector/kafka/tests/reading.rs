//! Where a source starts, ends and goes on, what a poll's limits do, and how a group deals partitions out.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

#[test]
fn a_poll_keeps_to_its_limits_and_loses_nothing() {
    let brokers = MockBrokers::with_topic("t", 2);
    let log = log(&brokers);
    write(&log, "t", &batch(0..1_000, 50));
    for limits in [
        PollLimits {
            rows_max: 7,
            bytes_max: 4 << 20,
        },
        PollLimits {
            rows_max: 8_192,
            bytes_max: 100,
        },
        PollLimits {
            rows_max: 8_192,
            bytes_max: 0,
        }, // one record at a time
    ] {
        let mut pipeline = Pipeline::open(&log, "t", &to_the_end(""));
        pipeline.limits = limits;
        let start = Instant::now();
        let mut read = Vec::new();
        while !pipeline.ended() {
            assert!(start.elapsed() < PATIENCE, "{} rows", read.len());
            let before = pipeline.readers.len();
            let taken = pipeline.step().unwrap();
            let readers = before.max(pipeline.readers.len()).max(1);
            assert!(taken.len() <= limits.rows_max * readers);
            if limits.bytes_max == 0 {
                assert!(taken.len() <= readers);
            }
            read.extend(taken);
        }
        assert_eq!(numbers(&read), (0..1_000).collect::<Vec<_>>(), "{limits:?}");
        for partition in 0..2 {
            let offsets: Vec<i64> = read
                .iter()
                .filter(|row| row.partition == partition)
                .map(|row| row.offset)
                .collect();
            assert!(offsets.is_sorted(), "partition {partition} came out of order");
        }
    }
}

#[test]
fn a_group_goes_on_where_it_committed() {
    let brokers = MockBrokers::with_topic("t", 1);
    let log = log(&brokers);
    write(&log, "t", &batch(0..10, 1));
    let mut first = Pipeline::open(&log, "t", &forever("g"));
    assert_eq!(first.rows(10).len(), 10);
    first.source.commit(&[(0, 4)]).unwrap();
    drop(first);

    let again = Pipeline::open(&log, "t", &forever("g")).rows(6);
    assert_eq!(numbers(&again), (4..10).collect::<Vec<_>>());
    let bounded = Pipeline::open(&log, "t", &to_the_end("g")).to_end();
    assert_eq!(
        numbers(&bounded),
        (4..10).collect::<Vec<_>>(),
        "a bounded read goes on too"
    );
    let elsewhere = Pipeline::open(&log, "t", &to_the_end("")).to_end();
    assert_eq!(elsewhere.len(), 10, "without a group there is nothing to go on from");
}

#[test]
fn latest_takes_only_what_comes_later() {
    let brokers = MockBrokers::with_topic("t", 1);
    let log = log(&brokers);
    write(&log, "t", &batch(0..10, 1));
    let mut pipeline = Pipeline::open(
        &log,
        "t",
        &ReadOptions {
            is_alone: false,
            start_at: StartAt::Latest,
            ..forever("g")
        },
    );
    pipeline.until(|pipeline, _| pipeline.source.is_assigned());
    // The place to start is looked up after the assignment, so write until something comes through.
    let mut n = 10;
    let start = Instant::now();
    let first = loop {
        assert!(start.elapsed() < PATIENCE, "nothing came");
        write(&log, "t", &batch(n..n + 1, 1));
        n += 1;
        let taken = pipeline.step().unwrap();
        if let Some(row) = taken.first() {
            break row.clone();
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(first.offset >= 10, "{first:?}");
}

#[test]
fn the_end_is_where_it_was_when_the_read_began() {
    let brokers = MockBrokers::with_topic("t", 3);
    let log = log(&brokers);
    write(&log, "t", &batch(0..30, 7));
    let mut pipeline = Pipeline::open(&log, "t", &to_the_end(""));
    pipeline.until(|pipeline, _| pipeline.source.is_assigned());
    write(&log, "t", &batch(30..60, 7));
    assert_eq!(numbers(&pipeline.to_end()), (0..30).collect::<Vec<_>>());
}

#[test]
fn an_empty_topic_ends_at_once() {
    let brokers = MockBrokers::with_topic("t", 4);
    let log = log(&brokers);
    let mut pipeline = Pipeline::open(&log, "t", &to_the_end(""));
    assert!(!pipeline.ended(), "nothing is known yet");
    assert!(pipeline.to_end().is_empty());
    let latest = ReadOptions {
        is_alone: false,
        start_at: StartAt::Latest,
        ..to_the_end("")
    };
    write(&log, "t", &batch(0..5, 5));
    assert!(Pipeline::open(&log, "t", &latest).to_end().is_empty());
}

#[test]
fn a_read_without_a_group_cannot_commit_nor_go_on_forever() {
    let brokers = MockBrokers::with_topic("t", 1);
    let log = log(&brokers);
    let mut source = log.source("t", &to_the_end("")).unwrap();
    assert!(matches!(source.commit(&[(0, 1)]), Err(Error::Option { .. })));
    assert!(matches!(log.source("t", &forever("")), Err(Error::Option { .. })));
}

#[test]
fn a_poll_of_nothing_asks_for_growing_pauses() {
    let brokers = MockBrokers::with_topic("t", 1);
    let log = log(&brokers);
    let mut pipeline = Pipeline::open(&log, "t", &forever("g"));
    pipeline.until(|pipeline, _| pipeline.source.is_assigned());
    let reader = pipeline.readers.values_mut().next().unwrap();
    let pauses: Vec<Duration> = (0..8)
        .map(|_| match reader.poll(NO_LIMITS).unwrap() {
            Polled::Idle {
                retry_after: Some(pause),
            } => pause,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(pauses.is_sorted(), "{pauses:?}");
    assert!(pauses[7] <= Duration::from_millis(20), "{pauses:?}");
    assert_eq!(reader.lag(), None, "nothing was read yet");
}

#[test]
fn records_wake_a_pipeline_that_has_nothing_to_do() {
    let brokers = MockBrokers::with_topic("t", 1);
    let log = log(&brokers);
    let mut pipeline = Pipeline::open(&log, "t", &forever("g"));
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    pipeline.source.set_waker(Arc::new(move || {
        counted.fetch_add(1, Ordering::SeqCst);
    }));
    pipeline.until(|pipeline, _| pipeline.source.is_assigned());
    assert!(calls.load(Ordering::SeqCst) > 0, "the assignment woke it");
    let idle = pipeline.readers.values_mut().next().unwrap().poll(NO_LIMITS).unwrap();
    assert!(matches!(idle, Polled::Idle { retry_after: None }), "{idle:?}");
    let before = calls.load(Ordering::SeqCst);
    write(&log, "t", &batch(0..1, 1));
    let start = Instant::now();
    while calls.load(Ordering::SeqCst) == before {
        assert!(start.elapsed() < PATIENCE, "nobody was woken");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(
        pipeline.step().unwrap().len(),
        1,
        "there is something to take after the call"
    );
}

#[test]
fn lag_is_what_waits_behind_the_last_polled_record() {
    let brokers = MockBrokers::with_topic("t", 1);
    let log = log(&brokers);
    write(&log, "t", &batch(0..10, 1));
    let mut pipeline = Pipeline::open(&log, "t", &forever("g"));
    pipeline.limits.rows_max = 3;
    assert_eq!(pipeline.rows(3).len(), 3);
    assert_eq!(pipeline.readers[&0].lag(), Some(7));
    pipeline.rows(7);
    assert_eq!(pipeline.readers[&0].lag(), Some(0));
}

#[test]
fn topics_are_described_and_listed() {
    let brokers = MockBrokers::with_topic("b", 3);
    brokers.create_topic("a", 1);
    let log = log(&brokers);
    let info = log.describe("b").unwrap().unwrap();
    assert_eq!((info.name.as_str(), info.partitions, info.replicas), ("b", 3, 1));
    let names: Vec<String> = log.list().unwrap().into_iter().map(|info| info.name).collect();
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn two_members_share_the_partitions_and_hand_them_over() {
    let brokers = MockBrokers::with_topic("t", 4);
    let log = log(&brokers);
    let mut one = Pipeline::open(&log, "t", &forever("g"));
    one.until(|pipeline, _| pipeline.readers.len() == 4);
    let mut two = Pipeline::open(&log, "t", &forever("g"));
    let start = Instant::now();
    while one.readers.len() != 2 || two.readers.len() != 2 {
        assert!(
            start.elapsed() < PATIENCE,
            "{:?} and {:?}",
            one.readers.keys(),
            two.readers.keys()
        );
        one.step().unwrap();
        two.step().unwrap();
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut all: Vec<i32> = one.readers.keys().chain(two.readers.keys()).copied().collect();
    all.sort_unstable();
    assert_eq!(all, [0, 1, 2, 3]);
    write(&log, "t", &batch(0..100, 20));
    let mut read = Vec::new();
    while read.len() < 100 {
        assert!(start.elapsed() < PATIENCE, "{} rows", read.len());
        read.extend(one.step().unwrap());
        read.extend(two.step().unwrap());
    }
    assert_eq!(numbers(&read), (0..100).collect::<Vec<_>>(), "every record once");
    drop(two);
    one.until(|pipeline, _| pipeline.readers.len() == 4);
}

#[test]
fn a_source_can_be_dropped_at_any_moment() {
    let brokers = MockBrokers::with_topic("t", 3);
    let log = log(&brokers);
    for pause_ms in [0, 5, 20, 100, 300, 1_000] {
        // Never polled: an assignment may be waiting for its answer.
        let source = log.source("t", &forever(&format!("g-{pause_ms}"))).unwrap();
        std::thread::sleep(Duration::from_millis(pause_ms));
        drop(source);
        drop(log.source("t", &to_the_end("")).unwrap());
    }
    // With a revocation that was reported and not finished.
    let mut one = Pipeline::open(&log, "t", &forever("g"));
    one.until(|pipeline, _| pipeline.readers.len() == 3);
    let mut two = Pipeline::open(&log, "t", &forever("g"));
    let start = Instant::now();
    loop {
        assert!(start.elapsed() < PATIENCE, "no partition was revoked");
        two.step().unwrap();
        let change = one.source.poll_assignment().unwrap();
        if change.is_some_and(|change| !change.removed.is_empty()) {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let Pipeline { source, readers, .. } = one;
    drop(source);
    drop(readers);
    two.until(|pipeline, _| pipeline.readers.len() == 3);
}
