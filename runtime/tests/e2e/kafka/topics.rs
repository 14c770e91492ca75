//! Topics that are made, removed, missing, or grow.

use std::collections::BTreeMap;

use waterwheel::connector::{Error, NewTopic, ReadOptions, StartAt, TopicLog};
use waterwheel::types::Retry;

use super::broker::Broker;
use super::pipeline::{Pipeline, batch, create, forever, numbers, to_the_end, write};

pub(crate) fn topics_are_made_listed_and_removed(broker: &Broker) {
    let log = broker.log(&[]);
    let new = NewTopic {
        name: "made".to_owned(),
        partitions: 3,
        replicas: Some(1),
        config: BTreeMap::from([("cleanup.policy".to_owned(), "compact".to_owned())]),
    };
    log.create(&new).expect("the topic can be made");
    let info = log
        .describe("made")
        .expect("the broker answers")
        .expect("the topic is there");
    assert_eq!((info.name.as_str(), info.partitions, info.replicas), ("made", 3, 1));
    assert!(log.list().expect("the broker answers").contains(&info));
    assert!(matches!(log.create(&new), Err(Error::TopicExists { topic }) if topic == "made"));
    log.delete("made").expect("the topic can be removed");
    assert_eq!(log.describe("made").expect("the broker answers"), None);
    assert!(
        !log.list()
            .expect("the broker answers")
            .iter()
            .any(|info| info.name == "made")
    );
    assert!(matches!(log.delete("made"), Err(Error::UnknownTopic { topic }) if topic == "made"));
}

pub(crate) fn a_refusal_says_why(broker: &Broker) {
    let log = broker.log(&[]);
    let good = NewTopic {
        name: "refused".to_owned(),
        partitions: 1,
        replicas: None,
        config: BTreeMap::new(),
    };
    let bad = BTreeMap::from([("retention.ms".to_owned(), "soon".to_owned())]);
    for (new, reason) in [
        (
            NewTopic {
                replicas: Some(3),
                ..good.clone()
            },
            "replication",
        ),
        (
            NewTopic {
                name: "not a name".to_owned(),
                ..good.clone()
            },
            "not a name",
        ),
        (
            NewTopic {
                config: bad,
                ..good.clone()
            },
            "retention.ms",
        ),
        (NewTopic { partitions: 0, ..good }, "artitions"),
    ] {
        let error = log.create(&new).expect_err("it must be refused");
        assert_eq!(error.retry(), Retry::Never, "{error}");
        assert!(error.to_string().contains(reason), "{error}");
    }
}

pub(crate) fn an_unknown_topic_is_an_error(broker: &Broker) {
    let log = broker.log(&[]);
    for options in [forever("unknown-group"), to_the_end()] {
        let error = Pipeline::open(&log, "nowhere", &options).error();
        assert!(
            matches!(&error, Error::UnknownTopic { topic } if topic == "nowhere"),
            "{error}"
        );
    }
    let mut sink = log.sink("nowhere").expect("the name is possible");
    let written = sink.write(&batch(0..1, 1)).and_then(|()| sink.flush());
    assert!(
        matches!(&written, Err(Error::UnknownTopic { topic }) if topic == "nowhere"),
        "{written:?}"
    );
    assert_eq!(
        log.describe("nowhere").expect("the broker answers"),
        None,
        "nobody made it by asking"
    );
}

pub(crate) fn a_topic_that_is_made_a_little_later_is_found(broker: &Broker) {
    let log = broker.log(&[]);
    let mut pipeline = Pipeline::open(&log, "late", &forever("late-group"));
    let start = std::time::Instant::now();
    while start.elapsed() < std::time::Duration::from_millis(700) {
        assert!(pipeline.step().expect("it waits").is_empty());
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    create(&log, "late", 1);
    write(&log, "late", &batch(0..3, 1));
    assert_eq!(pipeline.rows(3).len(), 3);
}

pub(crate) fn a_topic_that_is_removed_is_an_error(broker: &Broker) {
    let log = broker.log(&[("topic.metadata.refresh.interval.ms", "500")]);
    create(&log, "removed", 1);
    write(&log, "removed", &batch(0..3, 1));
    let mut pipeline = Pipeline::open(&log, "removed", &forever("removed-group"));
    pipeline.rows(3);
    log.delete("removed").expect("the topic can be removed");
    let error = pipeline.error();
    assert!(
        matches!(&error, Error::UnknownTopic { topic } if topic == "removed"),
        "{error}"
    );
}

pub(crate) fn new_partitions_are_read_from_their_beginning(broker: &Broker) {
    let log = broker.log(&[("topic.metadata.refresh.interval.ms", "2000")]);
    create(&log, "grown-late", 1);
    write(&log, "grown-late", &batch(0..100, 50));
    let from_now = ReadOptions {
        is_alone: false,
        start_at: StartAt::Latest,
        ..forever("grown-late-group")
    };
    let mut pipeline = Pipeline::open(&log, "grown-late", &from_now);
    pipeline.until(|pipeline, _| pipeline.readers.len() == 1);
    // Where "now" is, is only known once it has come to it.
    let start = std::time::Instant::now();
    let mut read = Vec::new();
    for n in 0.. {
        write(&log, "grown-late", &batch(100 + n..101 + n, 1));
        read.extend(pipeline.step().expect("reading goes well"));
        if !read.is_empty() {
            break;
        }
        assert!(start.elapsed() < super::pipeline::PATIENCE, "nothing is read");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(
        numbers(&read).iter().all(|number| *number >= 100),
        "what was there is not read"
    );
    broker.grow_topic("grown-late", 3);
    // A producer that knows the new partitions, while the reader does not yet.
    write(&broker.log(&[]), "grown-late", &batch(10_000..10_200, 50));
    assert!(pipeline.readers.len() < 3);
    let is_grown =
        |read: &[super::pipeline::Row]| numbers(read).into_iter().filter(|number| *number >= 10_000).count() >= 200;
    read.extend(pipeline.until(|_, read| is_grown(read)));
    let late: Vec<usize> = numbers(&read).into_iter().filter(|number| *number >= 10_000).collect();
    assert_eq!(late, (10_000..10_200).collect::<Vec<_>>());
}

pub(crate) fn new_partitions_are_read(broker: &Broker) {
    let log = broker.log(&[("topic.metadata.refresh.interval.ms", "500")]);
    create(&log, "grown", 1);
    write(&log, "grown", &batch(0..100, 50));
    let mut pipeline = Pipeline::open(&log, "grown", &forever("grown-group"));
    let mut read = pipeline.rows(100);
    broker.grow_topic("grown", 3);
    read.extend(pipeline.until(|pipeline, _| pipeline.readers.len() == 3));
    // A producer that knows the new partitions.
    write(&broker.log(&[]), "grown", &batch(100..300, 50));
    read.extend(pipeline.rows(200));
    assert_eq!(numbers(&read), (0..300).collect::<Vec<_>>());
    assert!(read.iter().any(|row| row.partition == 2));
}
