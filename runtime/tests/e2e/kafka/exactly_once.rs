//! Our own transactions: results, offsets and the number of an epoch that count together or not at all.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use waterwheel::connector::kafka::KafkaLog;
use waterwheel::connector::{Committed, Error, GroupMember, OffsetsOfMember, ReadOptions, TopicLog, Transactions};
use waterwheel::types::Retry;

use super::broker::{Broker, BrokerOptions};
use super::pipeline::{Pipeline, batch, create, forever, numbers, to_the_end, write};

fn open(log: &KafkaLog, id: &str) -> Box<dyn Transactions> {
    let opened = log.transactions(id).expect("the coordinator answers");
    let mut transactions = opened.expect("Kafka has transactions");
    transactions.begin().expect("it begins");
    transactions
}

/// What kcat, which reads committed records only, finds.
fn seen(broker: &Broker, topic: &str) -> Vec<String> {
    let arguments = ["-C", "-q", "-e", "-o", "beginning", "-t", topic, "-f", "%s\n"];
    let mut lines: Vec<String> = broker.kcat(&arguments, "").lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

fn values(numbers: std::ops::Range<usize>) -> Vec<String> {
    let mut values: Vec<String> = numbers.map(|n| format!("value-{n}")).collect();
    values.sort();
    values
}

fn nobody(group: &str, topic: &str, next_offsets: Vec<(i32, i64)>) -> OffsetsOfMember {
    let member = GroupMember {
        group: group.to_owned(),
        topic: topic.to_owned(),
        handle: None,
    };
    OffsetsOfMember { member, next_offsets }
}

fn of(pipeline: &Pipeline) -> OffsetsOfMember {
    OffsetsOfMember {
        member: pipeline.source.group_member().expect("it is a member"),
        next_offsets: pipeline
            .next
            .iter()
            .map(|(partition, next)| (*partition, *next))
            .collect(),
    }
}

fn committed(log: &KafkaLog, group: &str, topic: &str) -> Committed {
    log.committed(group, topic).expect("the broker answers")
}

pub(crate) fn results_and_offsets_count_together(broker: &Broker) {
    let log = broker.log(&[]);
    create(&log, "eo-in", 2);
    create(&log, "eo-out", 3);
    write(&log, "eo-in", &batch(0..100, 10));
    let mut pipeline = Pipeline::open(&log, "eo-in", &forever("eo-group"));
    pipeline.rows(100);
    assert_eq!(committed(&log, "eo-group", "eo-in"), Committed::default());

    let mut transactions = open(&log, "eo-id");
    let mut sink = transactions.sink("eo-out").expect("the name is right");
    sink.write(&batch(0..100, 10)).expect("there is room");
    sink.flush().expect("nothing was refused");
    assert_eq!(seen(broker, "eo-out"), Vec::<String>::new(), "nothing counts yet");
    transactions.commit(17, vec![of(&pipeline)]).expect("it commits");
    assert_eq!(seen(broker, "eo-out"), values(0..100));
    let expected = Committed {
        next_offsets: pipeline.next.clone(),
        epoch: Some(17),
    };
    assert_eq!(committed(&log, "eo-group", "eo-in"), expected);

    // The same transactions and sinks go on, also after one was thrown away.
    transactions.begin().expect("it begins");
    sink.write(&batch(500..600, 10)).expect("there is room");
    transactions.abort().expect("it is thrown away");
    transactions.abort().expect("there is none");
    transactions.begin().expect("it begins");
    write(&log, "eo-in", &batch(100..150, 10));
    let read = pipeline.rows(50);
    assert_eq!(numbers(&read), (100..150).collect::<Vec<_>>());
    sink.write(&batch(100..150, 10)).expect("there is room");
    transactions.commit(18, vec![of(&pipeline)]).expect("it commits");
    assert_eq!(
        seen(broker, "eo-out"),
        values(0..150),
        "what was thrown away is not seen"
    );
    assert_eq!(committed(&log, "eo-group", "eo-in").epoch, Some(18));
    assert_eq!(
        numbers(&Pipeline::open(&log, "eo-out", &to_the_end()).to_end()),
        (0..150).collect::<Vec<_>>()
    );

    // An epoch without records is one as well, and none is none.
    transactions.begin().expect("it begins");
    transactions.commit(19, vec![of(&pipeline)]).expect("it commits");
    assert_eq!(committed(&log, "eo-group", "eo-in").epoch, Some(19));
    transactions.begin().expect("it begins");
    transactions.commit(20, Vec::new()).expect("nothing is committed");
    assert_eq!(committed(&log, "eo-group", "eo-in").epoch, Some(19));
    drop(pipeline);
    let mut next = Pipeline::open(&log, "eo-in", &forever("eo-group"));
    write(&log, "eo-in", &batch(150..160, 10));
    assert_eq!(numbers(&next.rows(10)), (150..160).collect::<Vec<_>>(), "offsets last");
}

pub(crate) fn what_a_dropped_query_left_open_is_thrown_away(broker: &Broker) {
    let log = broker.log(&[]);
    create(&log, "eo-left", 1);
    let transactions = open(&log, "eo-left-id");
    let mut sink = transactions.sink("eo-left").expect("the name is right");
    sink.write(&batch(0..10, 1)).expect("there is room");
    std::thread::sleep(Duration::from_millis(300)); // so that they are in the topic
    drop(transactions);
    write(&log, "eo-left", &batch(10..20, 1));
    assert_eq!(seen(broker, "eo-left"), values(10..20));
}

pub(crate) fn a_newer_writer_fences_an_older_one(broker: &Broker) {
    let log = broker.log(&[]);
    create(&log, "eo-fenced", 1);
    let mut old = open(&log, "eo-fenced-id");
    let mut old_sink = old.sink("eo-fenced").expect("the name is right");
    old_sink.write(&batch(0..5, 1)).expect("there is room");
    old.commit(1, vec![nobody("eo-fenced-id", "eo-fenced", vec![(0, 0)])])
        .expect("it commits");
    old.begin().expect("it begins");
    old_sink.write(&batch(100..110, 1)).expect("there is room");
    std::thread::sleep(Duration::from_millis(300)); // so that they are in the topic

    let mut new = open(&log, "eo-fenced-id");
    assert_eq!(committed(&log, "eo-fenced-id", "eo-fenced").epoch, Some(1));
    let mut new_sink = new.sink("eo-fenced").expect("the name is right");
    new_sink.write(&batch(5..10, 1)).expect("there is room");
    new.commit(2, vec![nobody("eo-fenced-id", "eo-fenced", vec![(0, 0)])])
        .expect("it commits");

    let error = old
        .commit(2, vec![nobody("eo-fenced-id", "eo-fenced", vec![(0, 0)])])
        .expect_err("it is fenced");
    assert_taken_over(&error);
    let error = old_sink.write(&batch(0..1, 1)).expect_err("it is fenced");
    assert_taken_over(&error);
    assert_taken_over(&old.begin().expect_err("it is fenced"));
    assert_eq!(seen(broker, "eo-fenced"), values(0..10));

    // One that only writes hears of it as well.
    new.begin().expect("it begins");
    let _newest = open(&log, "eo-fenced-id");
    let start = Instant::now();
    let error = loop {
        match new_sink.write(&batch(200..201, 1)) {
            Err(error) => break error,
            Ok(()) if start.elapsed() > Duration::from_secs(30) => {
                break new.commit(3, Vec::new()).expect_err("it is fenced");
            }
            Ok(()) => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    let told = error.retry() == Retry::Never
        || new
            .commit(3, Vec::new())
            .is_err_and(|error| error.retry() == Retry::Never);
    assert!(told, "{error}");
    assert_eq!(seen(broker, "eo-fenced"), values(0..10));
}

fn assert_taken_over(error: &Error) {
    assert!(error.to_string().contains("application id has taken over"), "{error}");
    assert_eq!(error.retry(), Retry::Never);
}

pub(crate) fn a_transaction_that_lasts_too_long_can_begin_again(broker: &Broker) {
    let log = broker.log(&[("transaction.timeout.ms", "1000")]);
    create(&log, "eo-slow", 1);
    let marker = || vec![nobody("eo-slow-id", "eo-slow", vec![(0, 0)])];
    let mut slow = open(&log, "eo-slow-id");
    let mut sink = slow.sink("eo-slow").expect("the name is right");
    sink.write(&batch(0..5, 1)).expect("there is room");
    slow.commit(1, marker()).expect("it commits");
    slow.begin().expect("it begins");
    sink.write(&batch(5..10, 1)).expect("there is room");
    std::thread::sleep(Duration::from_secs(14)); // brokers look every ten seconds
    let error = slow.commit(2, marker()).expect_err("the brokers have ended it");
    assert_eq!(error.retry(), Retry::Backoff, "{error}");
    let mut again = open(&log, "eo-slow-id");
    assert_eq!(committed(&log, "eo-slow-id", "eo-slow").epoch, Some(1));
    let mut sink = again.sink("eo-slow").expect("the name is right");
    sink.write(&batch(5..10, 1)).expect("there is room");
    again.commit(2, marker()).expect("it commits");
    assert_eq!(seen(broker, "eo-slow"), values(0..10));
}

/// The coordinators of a broker that was never used are made by the first question, which has to be asked again until they are there.
pub(crate) fn a_new_broker_is_asked_before_it_has_coordinators() {
    let broker = Broker::start(BrokerOptions::default());
    let log = broker.log(&[]);
    create(&log, "eo-new", 1);
    for group in 0..20 {
        assert_eq!(
            committed(&log, &format!("eo-new-{group}"), "eo-new"),
            Committed::default()
        );
    }
}

pub(crate) fn an_epoch_without_sources_is_remembered(broker: &Broker) {
    let log = broker.log(&[]);
    create(&log, "eo-marked", 2);
    assert_eq!(committed(&log, "eo-marker", "eo-marked").epoch, None);
    assert_eq!(committed(&log, "eo-marker", "no-such-topic"), Committed::default());
    for epoch in 1..=3 {
        let mut transactions = open(&log, "eo-marker");
        let mut sink = transactions.sink("eo-marked").expect("the name is right");
        let first = (epoch as usize - 1) * 10;
        sink.write(&batch(first..first + 10, 3)).expect("there is room");
        transactions
            .commit(epoch, vec![nobody("eo-marker", "eo-marked", vec![(0, 0)])])
            .expect("it commits");
        assert_eq!(committed(&broker.log(&[]), "eo-marker", "eo-marked").epoch, Some(epoch));
    }
    assert_eq!(seen(broker, "eo-marked"), values(0..30));
}

pub(crate) fn a_member_that_was_thrown_out_cannot_commit(broker: &Broker) {
    let log = broker.log(&[]);
    create(&log, "eo-left-group", 1);
    create(&log, "eo-left-out", 1);
    write(&log, "eo-left-group", &batch(0..10, 1));
    let mut gone = Pipeline::open(&log, "eo-left-group", &forever("eo-left-group"));
    gone.rows(10);
    let stale = of(&gone);
    drop(gone);
    let mut other = Pipeline::open(&log, "eo-left-group", &forever("eo-left-group"));
    other.rows(10);

    let mut transactions = open(&log, "eo-left-group-id");
    let mut sink = transactions.sink("eo-left-out").expect("the name is right");
    sink.write(&batch(0..10, 1)).expect("there is room");
    let error = transactions
        .commit(1, vec![stale])
        .expect_err("it is no member any more");
    assert_eq!(error.retry(), Retry::Backoff, "{error}");
    assert_eq!(seen(broker, "eo-left-out"), Vec::<String>::new());
    assert_eq!(committed(&log, "eo-left-group", "eo-left-group"), Committed::default());
    transactions.abort().expect("it was thrown away");
    transactions.begin().expect("it begins");
    sink.write(&batch(10..20, 1)).expect("there is room");
    transactions.commit(1, vec![of(&other)]).expect("it commits");
    assert_eq!(seen(broker, "eo-left-out"), values(10..20));
}

pub(crate) fn given_offsets_win_over_committed_ones(broker: &Broker) {
    let log = broker.log(&[]);
    create(&log, "eo-given", 2);
    write(&log, "eo-given", &batch(0..200, 50));
    let all = Pipeline::open(&log, "eo-given", &to_the_end()).to_end();
    let mut first = Pipeline::open(&log, "eo-given", &forever("eo-given"));
    first.rows(200);
    first.commit().expect("the offsets are stored");
    drop(first);

    let options = |from: i64| ReadOptions {
        is_alone: false,
        next_offsets: BTreeMap::from([(0, from)]),
        ..forever("eo-given")
    };
    let expected = all.iter().filter(|row| row.partition == 0 && row.offset >= 7).count();
    let mut again = Pipeline::open(&log, "eo-given", &options(7));
    let mut read = again.rows(expected);
    write(&log, "eo-given", &batch(200..210, 50));
    read.extend(again.rows(10));
    let (old, new): (Vec<_>, Vec<_>) = numbers(&read).into_iter().partition(|number| *number < 200);
    assert_eq!(
        old.len(),
        expected,
        "partition 0 from offset 7, partition 1 from the committed offset"
    );
    assert_eq!(new, (200..210).collect::<Vec<_>>());
    drop(again);

    let bounded = ReadOptions {
        is_alone: false,
        next_offsets: BTreeMap::from([(0, 7)]),
        ..to_the_end()
    };
    let read = Pipeline::open(&log, "eo-given", &bounded).to_end();
    let others = read.iter().filter(|row| row.partition == 1).count();
    let all_others = all.iter().filter(|row| row.partition == 1).count();
    assert!(read.iter().all(|row| row.partition == 1 || row.offset >= 7));
    assert!(others >= all_others && read.len() - others >= expected);
}
