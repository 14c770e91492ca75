//! Sinks and sources that are slow: the query waits with them, its memory stays small, and no row is lost.

use std::time::{Duration, Instant};

use waterwheel::engine::Outcome;

use crate::kafka::{Broker, BrokerOptions, create};
use crate::kafka_program::{PATIENCE, expect_lines, lines, produce};
use crate::kafka_replace::Process;

/// Cases on the shared broker.
pub(crate) const CASES: &[(&str, fn(&Broker))] = &[
    ("a slow source holds windows open and loses no row", slow_source),
    ("a source that falls silent holds no windows back", silent_source),
];

/// Cases that start brokers of their own.
pub(crate) const OWN_BROKER_CASES: &[(&str, fn())] = &[(
    "a sink that takes nothing is waited for and gets every row once",
    slow_sink,
)];

/// The rows that EXPLAIN ANALYZE says a query has made.
fn rows_made(process: &Process, sink: &str) -> u64 {
    let mut text = String::new();
    let ran = process
        .engine
        .run_script(&format!("EXPLAIN ANALYZE {sink};"), |outcome| {
            if let Outcome::Text(explained) = outcome {
                text = explained;
            }
            Ok(())
        });
    ran.expect("the query is explained");
    let rows = text.split_once(" rows in").map(|(before, _)| before);
    let rows = rows.and_then(|before| before.rsplit_once('[')).map(|(_, rows)| rows);
    rows.and_then(|rows| rows.parse().ok())
        .unwrap_or_else(|| panic!("no rows in {text}"))
}

fn slow_sink() {
    const ROWS: u64 = 400_000;
    let broker = Broker::start(BrokerOptions::default());
    let process = Process::start_with(&broker, "slow-sink", &[("queue.buffering.max.messages", "2000")]);
    process
        .run(&format!(
            "CREATE STREAM made (n BIGINT) WITH (CONNECTOR='datagen', ROWS={ROWS}, 'n.kind'='sequence');
             CREATE STREAM slow_out WITH (KAFKA_TOPIC='slow_out') AS SELECT n FROM made;"
        ))
        .expect("the script runs");
    while rows_made(&process, "slow_out") == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    broker.pause();
    std::thread::sleep(Duration::from_secs(1));
    let standing = rows_made(&process, "slow_out");
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(
        rows_made(&process, "slow_out"),
        standing,
        "nothing is made that nobody takes"
    );
    assert!(
        standing < ROWS,
        "the broker was paused too late for this test: all rows were made"
    );
    broker.go_on();
    let until = Instant::now() + PATIENCE;
    loop {
        let read = lines(&broker, "slow_out", "%s\n");
        let numbers = |line: &str| line.trim_end_matches('}').rsplit(':').next()?.parse::<u64>().ok();
        let mut numbers: Vec<u64> = read.iter().filter_map(|line| numbers(line)).collect();
        if numbers.len() as u64 >= ROWS {
            numbers.sort_unstable();
            let last = numbers.len() - 1;
            assert_eq!(numbers.len() as u64, ROWS, "rows came twice");
            assert!(
                numbers.windows(2).all(|pair| pair[1] == pair[0] + 1),
                "up to {}",
                numbers[last]
            );
            break;
        }
        assert!(Instant::now() < until, "{} of {ROWS} rows", numbers.len());
        std::thread::sleep(Duration::from_millis(200));
    }
    process.stop();
}

/// Rows `second|{"t": ms}` of one key for each of some seconds of event time.
fn seconds(range: std::ops::Range<i64>) -> String {
    range.map(|second| format!("k|{{\"t\":{}}}\n", second * 1000)).collect()
}

fn counts(broker: &Broker, topic: &str, application: &str) -> Process {
    create(&broker.log(&[]), topic, 2);
    let process = Process::start(broker, application);
    process
        .run(&format!(
            "SET 'auto.offset.reset' = 'earliest';
             CREATE STREAM {topic} (k STRING KEY, t BIGINT) WITH (KAFKA_TOPIC='{topic}', VALUE_FORMAT='JSON', TIMESTAMP='t');
             CREATE TABLE {topic}_counts WITH (KAFKA_TOPIC='{topic}_counts') AS
               SELECT k, COUNT(*) AS n, WINDOWSTART AS s FROM {topic} WINDOW TUMBLING (SIZE 10 SECONDS, GRACE PERIOD 0 SECONDS) GROUP BY k EMIT FINAL;"
        ))
        .expect("the script runs");
    process
}

/// A partition that is read far ahead of another one, whose rows trickle in.
fn slow_source(broker: &Broker) {
    let process = counts(broker, "slow_in", "slow-source");
    broker.produce_to("slow_in", 1, &seconds(0..1));
    broker.produce_to("slow_in", 0, &seconds(0..60));
    for second in 1..30 {
        broker.produce_to("slow_in", 1, &seconds(second..second + 1));
        std::thread::sleep(Duration::from_millis(100));
    }
    broker.produce_to("slow_in", 1, &seconds(60..61));
    let expected = [0, 10, 20].map(|s| format!("{{\"N\":20,\"S\":{}}}", s * 1000));
    let single = [30, 40, 50].map(|s| format!("{{\"N\":10,\"S\":{}}}", s * 1000));
    let mut expected: Vec<&str> = expected.iter().chain(&single).map(String::as_str).collect();
    expected.sort_unstable();
    expect_lines(broker, "slow_in_counts", "%s\n", &expected);
    process.stop();
}

fn silent_source(broker: &Broker) {
    let process = counts(broker, "silent_in", "silent-source");
    broker.produce_to("silent_in", 1, &seconds(0..5));
    broker.produce_to("silent_in", 0, &seconds(0..21));
    expect_lines(
        broker,
        "silent_in_counts",
        "%s\n",
        &["{\"N\":10,\"S\":10000}", "{\"N\":15,\"S\":0}"],
    );
    // What comes too late is counted as such, and takes nothing from what follows.
    broker.produce_to("silent_in", 1, &seconds(5..6));
    broker.produce_to("silent_in", 1, &seconds(25..26));
    produce(broker, "silent_in", &seconds(31..32));
    broker.produce_to("silent_in", 0, &seconds(31..32));
    broker.produce_to("silent_in", 1, &seconds(31..32));
    expect_lines(
        broker,
        "silent_in_counts",
        "%s\n",
        &["{\"N\":10,\"S\":10000}", "{\"N\":15,\"S\":0}", "{\"N\":2,\"S\":20000}"],
    );
    process.stop();
}
