//! What is written arrives as it was, is ordered by key, and what cannot be stored is reported.

use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::*;
use crate::types::Retry;

#[test]
fn keys_values_headers_and_timestamps_arrive_as_they_were() {
    let brokers = MockBrokers::with_topic("t", 1);
    let log = log(&brokers);
    let mut records = RawRecords {
        headers: Some(Vec::new()),
        ..RawRecords::default()
    };
    let headers: Headers = vec![
        ("a".to_owned(), Some(b"1".to_vec())),
        ("a".to_owned(), None),
        ("empty".to_owned(), Some(Vec::new())),
    ];
    let cases: [(Option<&[u8]>, Option<&[u8]>, i64, Headers); 4] = [
        (Some(b"k"), Some(b"v"), 1_700_000_000_123, headers),
        (None, Some(b"\0\xff"), 1, Headers::new()),
        (Some(b"tombstone"), None, 2, Headers::new()),
        (Some(b""), Some(b""), i64::from(u32::MAX), Headers::new()),
    ];
    for (key, value, timestamp, headers) in &cases {
        records.keys.push(*key);
        records.values.push(*value);
        records.timestamps.push(*timestamp);
        records.offsets.push(0);
        records.headers.as_mut().unwrap().push(headers.clone());
    }
    write(&log, "t", &records);

    let options = ReadOptions {
        is_alone: false,
        headers: true,
        ..to_the_end("")
    };
    let read = Pipeline::open(&log, "t", &options).to_end();
    assert_eq!(read.len(), cases.len());
    for (row, (key, value, timestamp, headers)) in read.iter().zip(&cases) {
        assert_eq!(row.key.as_deref(), *key);
        assert_eq!(row.value.as_deref(), *value);
        assert_eq!(row.timestamp, *timestamp);
        assert_eq!(row.headers.as_ref(), Some(headers));
    }
    let without = Pipeline::open(&log, "t", &to_the_end("")).to_end();
    assert!(
        without.iter().all(|row| row.headers.is_none()),
        "headers come only when asked for"
    );
}

#[test]
fn the_first_moment_of_1970_is_written_a_millisecond_late() {
    let brokers = MockBrokers::with_topic("t", 1);
    let log = log(&brokers);
    let mut records = batch(0..1, 1);
    records.timestamps[0] = 0;
    write(&log, "t", &records);
    assert_eq!(Pipeline::open(&log, "t", &to_the_end("")).to_end()[0].timestamp, 1);
}

#[test]
fn records_of_a_key_stay_in_order_in_one_partition() {
    let brokers = MockBrokers::with_topic("t", 8);
    let log = log(&brokers);
    write(&log, "t", &batch(0..5_000, 100));
    let read = Pipeline::open(&log, "t", &to_the_end("")).to_end();
    assert_eq!(numbers(&read), (0..5_000).collect::<Vec<_>>());
    let mut last: BTreeMap<Vec<u8>, (i32, i64)> = BTreeMap::new();
    for row in &read {
        if let Some((partition, timestamp)) = last.insert(row.key.clone().unwrap(), (row.partition, row.timestamp)) {
            assert_eq!(partition, row.partition, "a key has one partition");
            assert!(timestamp < row.timestamp, "a key has one order");
        }
    }
    let partitions: std::collections::BTreeSet<i32> = read.iter().map(|row| row.partition).collect();
    assert!(partitions.len() > 4, "100 keys go to more than {partitions:?}");
}

#[test]
fn the_partition_of_a_key_is_the_one_that_java_clients_choose() {
    // The low 31 bits of murmur2, seed 0x9747b28c, modulo the partitions; figures worked out with the Java client.
    let brokers = MockBrokers::with_topic("t", 1_000);
    let log = log(&brokers);
    let mut records = RawRecords::default();
    let expected: BTreeMap<&[u8], i32> = BTreeMap::from([
        (b"21".as_slice(), java_partition(b"21", 1_000)),
        (b"foobar".as_slice(), java_partition(b"foobar", 1_000)),
        (
            b"a-little-bit-long-string".as_slice(),
            java_partition(b"a-little-bit-long-string", 1_000),
        ),
    ]);
    for key in expected.keys() {
        records.keys.push(Some(key));
        records.values.push(Some(b"v"));
        records.timestamps.push(1);
        records.offsets.push(0);
    }
    write(&log, "t", &records);
    for row in Pipeline::open(&log, "t", &to_the_end("")).to_end() {
        assert_eq!(row.partition, expected[row.key.as_deref().unwrap()], "{:?}", row.key);
    }
}

/// Kafka's own test figures of murmur2 (org.apache.kafka.common.utils), as a partition.
fn java_partition(key: &[u8], partitions: i32) -> i32 {
    let hash: i32 = match key {
        b"21" => -973_932_308,
        b"foobar" => -790_332_482,
        b"a-little-bit-long-string" => -985_981_536,
        _ => panic!("no figure for this key"),
    };
    (hash & 0x7fff_ffff) % partitions
}

#[test]
fn a_full_buffer_makes_the_writer_wait() {
    let brokers = MockBrokers::with_topic("t", 2);
    let log = log_with(&brokers, &[("queue.buffering.max.messages", "50"), ("linger.ms", "1")]);
    write(&log, "t", &batch(0..3_000, 10));
    let read = Pipeline::open(&log, "t", &to_the_end("")).to_end();
    assert_eq!(numbers(&read), (0..3_000).collect::<Vec<_>>());
}

#[test]
fn sinks_of_one_process_share_the_producer_and_not_their_fates() {
    let brokers = MockBrokers::with_topic("good", 1);
    let log = log_with(&brokers, &[("message.max.bytes", "1000")]);
    let mut good = sink(&log, "good");
    let mut other = sink(&log, "good");
    let mut large = RawRecords::default();
    large.keys.push(None);
    large.values.push(Some(&[b'x'; 5_000]));
    large.timestamps.push(1);
    large.offsets.push(0);
    let error = other.write(&large).unwrap_err();
    assert_eq!(error.retry(), Retry::Never);
    assert!(error.to_string().contains("message.max.bytes"), "{error}");
    other.flush().unwrap(); // nothing of it is under way
    good.write(&batch(0..10, 1)).unwrap();
    good.close().unwrap();
    assert_eq!(Pipeline::open(&log, "good", &to_the_end("")).to_end().len(), 10);
}

#[test]
fn a_record_that_the_broker_refuses_is_reported_once() {
    let brokers = MockBrokers::with_topic("t", 1);
    let log = log_with(&brokers, &[("enable.idempotence", "false")]);
    let mut sink = sink(&log, "t");
    brokers.fail(
        RDKafkaApiKey::Produce,
        &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_RECORD],
    );
    sink.write(&batch(0..7, 1)).unwrap();
    let error = sink.flush().unwrap_err();
    assert_eq!(error.retry(), Retry::Never);
    assert!(error.to_string().contains("7 records were not stored"), "{error}");
    sink.flush().unwrap();
    sink.write(&batch(0..3, 1)).unwrap();
    sink.flush().unwrap();
    assert_eq!(Pipeline::open(&log, "t", &to_the_end("")).to_end().len(), 3);
}

#[test]
fn a_refusal_is_reported_by_the_next_write_already() {
    let brokers = MockBrokers::with_topic("t", 1);
    let log = log_with(&brokers, &[("enable.idempotence", "false"), ("linger.ms", "0")]);
    let mut sink = sink(&log, "t");
    brokers.fail(
        RDKafkaApiKey::Produce,
        &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_RECORD; 50],
    );
    let start = Instant::now();
    let error = loop {
        assert!(start.elapsed() < PATIENCE, "no error came");
        match sink.write(&batch(0..1, 1)) {
            Ok(()) => std::thread::sleep(Duration::from_millis(5)),
            Err(error) => break error,
        }
    };
    assert_eq!(error.retry(), Retry::Never, "{error}");
}

#[test]
fn an_impossible_topic_name_is_an_error() {
    let brokers = MockBrokers::with_topic("t", 1);
    let log = log(&brokers);
    assert!(matches!(log.sink("a\0b"), Err(Error::Option { .. })));
}
