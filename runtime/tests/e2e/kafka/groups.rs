//! Consumer groups: offsets that last, and partitions that move between members.

use std::time::{Duration, Instant};

use super::broker::Broker;
use super::pipeline::{PATIENCE, Pipeline, batch, create, forever, numbers, write};

pub(crate) fn a_group_goes_on_where_it_committed(broker: &Broker) {
    let log = broker.log(&[]);
    create(&log, "resumed", 2);
    write(&log, "resumed", &batch(0..100, 10));
    let mut first = Pipeline::open(&log, "resumed", &forever("resumed-group"));
    assert_eq!(first.rows(100).len(), 100);
    first.commit().expect("the offsets are stored");
    drop(first);
    write(&log, "resumed", &batch(100..150, 10));
    // Another connection, as after a restart.
    let read = Pipeline::open(&broker.log(&[]), "resumed", &forever("resumed-group")).rows(50);
    assert_eq!(numbers(&read), (100..150).collect::<Vec<_>>());
    let described = broker.java(
        "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
        &[
            "--bootstrap-server",
            broker.addresses(),
            "--describe",
            "--group",
            "resumed-group",
            "--offsets",
        ],
        "",
    );
    assert!(described.contains("resumed-group"), "{described}");
}

pub(crate) fn two_members_share_a_topic_and_hand_it_over(broker: &Broker) {
    hand_over(broker, "shared", &[]);
}

pub(crate) fn eager_groups_work(broker: &Broker) {
    hand_over(broker, "shared-eagerly", &[("partition.assignment.strategy", "range")]);
}

pub(crate) fn the_new_group_protocol_works(broker: &Broker) {
    hand_over(broker, "shared-newly", &[("group.protocol", "consumer")]);
}

/// One member reads, a second joins and takes half, and leaves again; everything is read once.
fn hand_over(broker: &Broker, topic: &str, properties: &[(&str, &str)]) {
    let mut properties = properties.to_vec();
    if !properties.iter().any(|(name, _)| *name == "group.protocol") {
        // The first member hears of the second with its next heartbeat.
        properties.push(("heartbeat.interval.ms", "300"));
    }
    let log = broker.log(&properties);
    create(&log, topic, 4);
    write(&log, topic, &batch(0..400, 40));
    let mut one = Pipeline::open(&log, topic, &forever(topic));
    let mut read = one.until(|pipeline, all| pipeline.readers.len() == 4 && all.len() == 400);
    let mut two = Pipeline::open(&log, topic, &forever(topic));
    let start = Instant::now();
    while one.readers.len() != 2 || two.readers.len() != 2 {
        assert!(
            start.elapsed() < PATIENCE,
            "{:?} and {:?}",
            one.readers.keys(),
            two.readers.keys()
        );
        read.extend(one.step().expect("the first member reads"));
        read.extend(two.step().expect("the second member reads"));
        std::thread::sleep(Duration::from_millis(1));
    }
    write(&log, topic, &batch(400..800, 40));
    while read.len() < 800 {
        assert!(start.elapsed() < PATIENCE, "{} rows", read.len());
        read.extend(one.step().expect("the first member reads"));
        read.extend(two.step().expect("the second member reads"));
    }
    two.commit().expect("the offsets are stored");
    drop(two);
    one.until(|pipeline, all| {
        assert!(
            all.is_empty(),
            "what the second member committed is not read again: {all:?}"
        );
        pipeline.readers.len() == 4
    });
    write(&log, topic, &batch(800..900, 40));
    read.extend(one.rows(100));
    assert_eq!(numbers(&read), (0..900).collect::<Vec<_>>(), "every record once");
}
