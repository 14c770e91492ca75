//! Brokers that die.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use waterwheel::connector::TopicLog;
use waterwheel::connector::kafka::KafkaLog;

use super::broker::{Broker, BrokerOptions};
use super::pipeline::{PATIENCE, Pipeline, Row, batch, create, forever, numbers, write};

pub(crate) fn a_killed_broker_loses_nothing() {
    let broker = Broker::start(BrokerOptions::default());
    let log = broker.log(&[]);
    create(&log, "killed", 3);
    write(&log, "killed", &batch(0..1_000, 50));
    let mut pipeline = Pipeline::open(&log, "killed", &forever("killed-group"));
    let mut read = pipeline.rows(500);
    pipeline.commit().expect("the offsets are stored");

    let writer = write_through_an_outage(&log, 1_000..60_000);
    std::thread::sleep(Duration::from_millis(100)); // so that it is under way
    broker.kill(None);
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(2) {
        read.extend(pipeline.step().expect("a dead broker is waited for"));
        std::thread::sleep(Duration::from_millis(5));
    }
    broker.restart(None);
    writer.join().expect("everything was written");
    read_all(&mut pipeline, &mut read, 60_000);
    pipeline.commit().expect("the offsets are stored");
    drop(pipeline);

    write(&log, "killed", &batch(60_000..60_010, 50));
    let again = Pipeline::open(&broker.log(&[]), "killed", &forever("killed-group")).rows(10);
    assert_eq!(
        numbers(&again),
        (60_000..60_010).collect::<Vec<_>>(),
        "the committed offsets lasted"
    );
}

pub(crate) fn one_broker_of_three_may_die() {
    let broker = Broker::start(BrokerOptions {
        cluster: true,
        ..BrokerOptions::default()
    });
    let log = broker.log(&[]);
    create(&log, "killed", 6);
    assert_eq!(
        log.describe("killed")
            .expect("the brokers answer")
            .map(|info| info.replicas),
        Some(3)
    );
    write(&log, "killed", &batch(0..1_000, 50));
    let mut pipeline = Pipeline::open(&log, "killed", &forever("killed-group"));
    let mut read = pipeline.rows(500);
    for node in 1..=3 {
        let first = 1_000 + (node as usize - 1) * 20_000;
        let writer = write_through_an_outage(&log, first..first + 20_000);
        broker.kill(Some(node));
        writer.join().expect("everything was written");
        read_all(&mut pipeline, &mut read, first + 20_000);
        pipeline.commit().expect("the offsets are stored");
        broker.restart(Some(node));
    }
}

fn write_through_an_outage(log: &KafkaLog, range: std::ops::Range<usize>) -> std::thread::JoinHandle<()> {
    let mut sink = log.sink("killed").expect("the name is right");
    std::thread::spawn(move || {
        for start in range.clone().step_by(500) {
            sink.write(&batch(start..(start + 500).min(range.end), 50))
                .expect("the records are taken");
            std::thread::sleep(Duration::from_millis(2));
        }
        sink.flush().expect("the records are stored");
    })
}

/// Reads until every number up to `end` was seen at least once.
fn read_all(pipeline: &mut Pipeline, read: &mut Vec<Row>, end: usize) {
    let start = Instant::now();
    let mut seen: BTreeSet<usize> = numbers(read).into_iter().collect();
    while seen.len() < end {
        assert!(start.elapsed() < PATIENCE, "{} of {end} rows", seen.len());
        let taken = pipeline.step().expect("reading goes on");
        seen.extend(numbers(&taken));
        read.extend(taken);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(seen.last(), Some(&(end - 1)));
}
