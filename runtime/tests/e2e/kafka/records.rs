//! Records as other clients see and write them.

use std::collections::{BTreeMap, BTreeSet};

use waterwheel::connector::TopicLog;
use waterwheel::types::RawRecords;

use super::broker::Broker;
use super::pipeline::{Pipeline, batch, create, numbers, to_the_end, write};

pub(crate) fn kcat_reads_what_we_write(broker: &Broker) {
    let log = broker.log(&[]);
    create(&log, "to-kcat", 1);
    let mut records = RawRecords {
        headers: Some(Vec::new()),
        ..RawRecords::default()
    };
    let headers = vec![("h".to_owned(), Some(b"1".to_vec())), ("h".to_owned(), None)];
    for (key, value, timestamp, headers) in [
        (Some(b"k".as_slice()), Some(b"v".as_slice()), 1_700_000_000_123, headers),
        (None, Some(b"".as_slice()), 1_000, Vec::new()),
        (Some(b"".as_slice()), None, 2_000, Vec::new()),
    ] {
        records.keys.push(key);
        records.values.push(value);
        records.timestamps.push(timestamp);
        records.offsets.push(0);
        records.headers.as_mut().expect("it was set").push(headers);
    }
    write(&log, "to-kcat", &records);
    // %K and %S are lengths, -1 for null.
    let seen = broker.kcat(&["-C", "-t", "to-kcat", "-e", "-q", "-f", "%T|%K|%k|%S|%s|%h\n"], "");
    assert_eq!(seen, "1700000000123|1|k|1|v|h=1,h=NULL\n1000|-1||0||\n2000|0||-1||\n");
}

pub(crate) fn we_read_what_kcat_writes(broker: &Broker) {
    let log = broker.log(&[]);
    create(&log, "from-kcat", 1);
    let arguments = ["-P", "-t", "from-kcat", "-K", ":", "-Z", "-H", "a=1", "-H", "b"];
    broker.kcat(&arguments, "k:v\n:only value\ntombstone:\n");
    let read = Pipeline::open(&log, "from-kcat", &to_the_end()).to_end();
    let seen: Vec<_> = read
        .iter()
        .map(|row| (row.key.as_deref(), row.value.as_deref()))
        .collect();
    assert_eq!(
        seen,
        [
            (Some("k"), Some("v")),
            (None, Some("only value")),
            (Some("tombstone"), None)
        ]
    );
    let headers = [("a".to_owned(), Some(b"1".to_vec())), ("b".to_owned(), None)];
    assert!(read.iter().all(|row| row.headers == headers), "{read:?}");
}

pub(crate) fn every_compression_is_read(broker: &Broker) {
    let log = broker.log(&[]);
    create(&log, "compressed", 1);
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        broker.kcat(
            &["-P", "-t", "compressed", "-z", codec],
            &format!("{}\n", codec.repeat(200)),
        );
        let log = broker.log(&[("compression.type", codec)]);
        let mut records = RawRecords::default();
        records.keys.push(None);
        records.values.push(Some(codec.repeat(200).as_bytes()));
        records.timestamps.push(1);
        records.offsets.push(0);
        write(&log, "compressed", &records);
    }
    let read = Pipeline::open(&log, "compressed", &to_the_end()).to_end();
    let values: Vec<String> = read.into_iter().filter_map(|row| row.value).collect();
    let expected: Vec<String> = ["none", "gzip", "snappy", "lz4", "zstd"]
        .iter()
        .flat_map(|c| [c.repeat(200), c.repeat(200)])
        .collect();
    assert_eq!(values, expected);
    let seen = broker.kcat(&["-C", "-t", "compressed", "-e", "-q"], "");
    assert_eq!(seen.lines().count(), 10);
}

pub(crate) fn records_of_a_key_keep_their_order(broker: &Broker) {
    let log = broker.log(&[]);
    create(&log, "keyed", 6);
    for start in (0..20_000).step_by(1_000) {
        write(&log, "keyed", &batch(start..start + 1_000, 61));
    }
    let read = Pipeline::open(&log, "keyed", &to_the_end()).to_end();
    assert_eq!(numbers(&read), (0..20_000).collect::<Vec<_>>());
    let mut last: BTreeMap<&str, (i32, i64)> = BTreeMap::new();
    for row in &read {
        let key = row.key.as_deref().expect("all have keys");
        if let Some((partition, timestamp)) = last.insert(key, (row.partition, row.timestamp)) {
            assert_eq!(partition, row.partition, "{key} has one partition");
            assert!(timestamp < row.timestamp, "{key} has one order");
        }
    }
    assert_eq!(read.iter().map(|row| row.partition).collect::<BTreeSet<_>>().len(), 6);
}

pub(crate) fn a_key_goes_where_java_clients_put_it(broker: &Broker) {
    let log = broker.log(&[]);
    create(&log, "java-keys", 7);
    let input: String = (0..100).map(|n| format!("key-{n}:java\n")).collect();
    let bootstrap = ["--bootstrap-server", broker.addresses(), "--topic", "java-keys"];
    let properties = [
        "--reader-property",
        "parse.key=true",
        "--reader-property",
        "key.separator=:",
    ];
    broker.java(
        "org.apache.kafka.tools.ConsoleProducer",
        &[bootstrap, properties].concat(),
        &input,
    );
    write(&log, "java-keys", &batch(0..100, 100));
    let mut places: BTreeMap<String, Vec<i32>> = BTreeMap::new();
    for row in Pipeline::open(&log, "java-keys", &to_the_end()).to_end() {
        places
            .entry(row.key.expect("all have keys"))
            .or_default()
            .push(row.partition);
    }
    assert_eq!(places.len(), 100);
    for (key, partitions) in places {
        assert_eq!(partitions.len(), 2, "{key} was written by both");
        assert_eq!(partitions[0], partitions[1], "{key}");
    }
    assert!(log.describe("java-keys").expect("the broker answers").is_some());
}
