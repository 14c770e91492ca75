//! Brokers that are away, refuse, or do not know a topic.

use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::super::topics::Topics;
use super::*;
use crate::types::Retry;

#[test]
fn a_broker_that_is_down_at_the_start_is_waited_for() {
    let brokers = MockBrokers::with_topic("t", 1);
    let ready = log(&brokers);
    write(&ready, "t", &batch(0..5, 1));
    brokers.down();
    let log = log_with(&brokers, &[("reconnect.backoff.max.ms", "200")]);
    let mut pipeline = Pipeline::open(&log, "t", &forever("g"));
    let mut bounded = Pipeline::open(&log, "t", &to_the_end(""));
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(1) {
        assert!(pipeline.step().unwrap().is_empty());
        assert!(bounded.step().unwrap().is_empty());
        std::thread::sleep(Duration::from_millis(5));
    }
    brokers.up();
    assert_eq!(pipeline.rows(5).len(), 5);
    assert_eq!(bounded.to_end().len(), 5);
}

#[test]
fn a_broker_that_goes_away_and_comes_back_loses_nothing() {
    let brokers = MockBrokers::with_topic("t", 2);
    let log = log_with(&brokers, &[("reconnect.backoff.max.ms", "200")]);
    let mut pipeline = Pipeline::open(&log, "t", &forever("g"));
    write(&log, "t", &batch(0..50, 9));
    assert_eq!(pipeline.rows(50).len(), 50);
    // The outage is longer than the session: the group starts again at what was committed.
    let next: Vec<(i32, i64)> = pipeline.positions();
    pipeline.source.commit(&next).unwrap();

    brokers.down();
    let mut sink = sink(&log, "t");
    sink.write(&batch(50..100, 9)).unwrap();
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(1) {
        assert!(pipeline.step().unwrap().is_empty());
        std::thread::sleep(Duration::from_millis(5));
    }
    brokers.up();
    sink.flush().unwrap();
    assert_eq!(numbers(&pipeline.rows(50)), (50..100).collect::<Vec<_>>());
}

#[test]
fn a_source_ends_while_the_broker_is_away() {
    let brokers = MockBrokers::with_topic("t", 1);
    let log = log(&brokers);
    let mut pipeline = Pipeline::open(&log, "t", &forever("g"));
    pipeline.until(|pipeline, _| pipeline.source.is_assigned());
    let mut sink = sink(&log, "t");
    sink.write(&batch(0..1, 1)).unwrap();
    sink.flush().unwrap();
    brokers.down();
    sink.write(&batch(1..2, 1)).unwrap();
    drop(pipeline);
    drop(sink);
    drop(log);
}

#[test]
fn the_first_question_of_a_process_waits_longer_than_later_ones() {
    let brokers = MockBrokers::with_topic("t", 1);
    brokers.down();
    let user = [("reconnect.backoff.max.ms".to_owned(), "200".to_owned())];
    let properties = Properties::new(&brokers.addresses(), user).unwrap();
    let later = Duration::from_millis(500);
    let topics = Topics::new(&properties).unwrap().with_waits(PATIENCE, later);
    std::thread::scope(|scope| {
        let answer = scope.spawn(|| topics.describe("t"));
        std::thread::sleep(later * 3);
        assert!(!answer.is_finished(), "it waits");
        brokers.up();
        assert_eq!(answer.join().unwrap().unwrap().unwrap().partitions, 1);
    });
    brokers.down();
    let start = Instant::now();
    assert_eq!(topics.describe("t").unwrap_err().retry(), Retry::Backoff);
    assert!(start.elapsed() < PATIENCE / 2, "{:?}", start.elapsed());
}

#[test]
fn a_question_that_nobody_answers_says_what_is_wrong() {
    let properties = Properties::new("127.0.0.1:1", [("socket.timeout.ms".to_owned(), "1000".to_owned())]).unwrap();
    let log = KafkaLog::new(properties).unwrap();
    let error = log.describe("t").unwrap_err();
    assert_eq!(error.retry(), Retry::Backoff);
    let message = error.to_string();
    assert!(message.contains("describe topic t"), "{message}");
    assert!(
        message.contains("no broker at 127.0.0.1:1 answered within 1 s"),
        "{message}"
    );
    assert!(message.ends_with("Connection refused"), "{message}");
}

#[test]
fn a_group_that_may_not_be_used_is_an_error() {
    let brokers = MockBrokers::with_topic("t", 1);
    let log = log(&brokers);
    brokers.fail(
        RDKafkaApiKey::FindCoordinator,
        &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED; 20],
    );
    let error = Pipeline::open(&log, "t", &forever("g")).error();
    assert_eq!(error.retry(), Retry::Never, "{error}");
    assert!(error.to_string().contains("uthorization"), "{error}");
}

#[test]
fn a_topic_that_may_not_be_read_is_an_error() {
    let brokers = MockBrokers::with_topic("t", 1);
    brokers.break_topic("t", RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    let log = log(&brokers);
    for options in [forever("g"), to_the_end("")] {
        let error = Pipeline::open(&log, "t", &options).error();
        assert_eq!(error.retry(), Retry::Never, "{error}");
        assert!(error.to_string().contains("uthorization"), "{error}");
    }
}

#[test]
fn a_topic_that_is_gone_is_an_error() {
    let brokers = MockBrokers::with_topic("t", 1);
    brokers.break_topic("t", RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    let log = log(&brokers);
    assert_eq!(log.describe("t").unwrap(), None);
    for options in [forever("g"), to_the_end("")] {
        let error = Pipeline::open(&log, "t", &options).error();
        assert!(
            matches!(&error, Error::UnknownTopic { topic } if topic == "t"),
            "{error}"
        );
    }
}

#[test]
fn a_commit_that_is_refused_is_an_error() {
    let brokers = MockBrokers::with_topic("t", 1);
    let log = log(&brokers);
    write(&log, "t", &batch(0..3, 1));
    let mut pipeline = Pipeline::open(&log, "t", &forever("g"));
    pipeline.rows(3);
    brokers.fail(
        RDKafkaApiKey::OffsetCommit,
        &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED],
    );
    let error = pipeline.source.commit(&[(0, 3)]).unwrap_err();
    assert_eq!(error.retry(), Retry::Never, "{error}");
    pipeline.source.commit(&[(0, 3)]).unwrap();
}

#[test]
fn a_commit_while_the_broker_is_away_fails_for_now() {
    let brokers = MockBrokers::with_topic("t", 1);
    let log = log_with(
        &brokers,
        &[("session.timeout.ms", "30000"), ("reconnect.backoff.max.ms", "200")],
    );
    write(&log, "t", &batch(0..3, 1));
    let mut pipeline = Pipeline::open(&log, "t", &forever("g"));
    pipeline.rows(3);
    brokers.down();
    let start = Instant::now();
    let error = pipeline.source.commit(&[(0, 3)]).unwrap_err();
    assert_eq!(error.retry(), Retry::Backoff, "{error}");
    brokers.up();
    while let Err(error) = pipeline.source.commit(&[(0, 3)]) {
        assert_eq!(error.retry(), Retry::Backoff, "{error}");
        assert!(start.elapsed() < PATIENCE, "{error}");
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(pipeline);
    write(&log, "t", &batch(3..4, 1));
    assert_eq!(numbers(&Pipeline::open(&log, "t", &to_the_end("g")).to_end()), [3]);
}

#[test]
fn sasl_without_a_user_is_refused_before_anything_is_asked() {
    let user = [("security.protocol", "sasl_plaintext"), ("sasl.mechanism", "GSSAPI")];
    let properties = Properties::new(
        "127.0.0.1:1",
        user.map(|(name, value)| (name.to_owned(), value.to_owned())),
    )
    .unwrap();
    let error = KafkaLog::new(properties).unwrap_err();
    assert!(matches!(error, Error::Option { .. }), "{error}");
}
