//! What happens to a running script when its topics change under it: each fault has one outcome.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use waterwheel::connector::TopicLog as _;

use crate::kafka::{Broker, BrokerOptions, create};
use crate::kafka_program::{PATIENCE, expect_lines, produce};

/// Cases on the shared broker.
pub(crate) const CASES: &[(&str, fn(&Broker))] = &[
    ("a topic deleted under a script ends its query with the reason", deleted),
    (
        "partitions added under a script are read once and from their beginning",
        grown,
    ),
    (
        "a second process of an application takes over from the first",
        taken_over,
    ),
];

/// Cases that start brokers of their own.
pub(crate) const OWN_BROKER_CASES: &[(&str, fn())] = &[(
    "a broker that is restarted holds a script up and loses and doubles nothing",
    restarted,
)];

/// A script that hears of changed topics soon.
struct Script {
    child: Child,
    log: tempfile::NamedTempFile,
}

impl Script {
    fn start(broker: &Broker, application: &str, sql: &str) -> Self {
        let log = tempfile::NamedTempFile::new().expect("a temporary file can be made");
        let child = Command::new(env!("CARGO_BIN_EXE_waterwheel"))
            .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
            .args([
                "run",
                "--quiet",
                "--brokers",
                broker.addresses(),
                "--application-id",
                application,
            ])
            .args(["--kafka", "topic.metadata.refresh.interval.ms=500", "-e", sql])
            .env("XDG_STATE_HOME", broker.state())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.reopen().expect("it can be opened twice"))
            .spawn()
            .expect("the program starts");
        Self { child, log }
    }

    /// Waits until it ends by itself; its exit code and what it said.
    fn ends(mut self) -> (Option<i32>, String) {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("the program can be waited for") {
                break status;
            }
            assert!(start.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        };
        let said = std::fs::read_to_string(self.log.path()).expect("the log is text");
        (status.code(), said)
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn deleted(broker: &Broker) {
    let log = broker.log(&[]);
    create(&log, "del_in", 1);
    let sql = "SET 'auto.offset.reset' = 'earliest';
               CREATE STREAM del_in (k STRING KEY, a INT) WITH (KAFKA_TOPIC='del_in', VALUE_FORMAT='JSON');
               CREATE STREAM del_out WITH (KAFKA_TOPIC='del_out') AS SELECT k, a FROM del_in;";
    let script = Script::start(broker, "deleted", sql);
    produce(broker, "del_in", "x|{\"a\":1}\n");
    expect_lines(broker, "del_out", "%k %s\n", &["x {\"A\":1}"]);
    log.delete("del_in").expect("the topic can be removed");
    let (code, said) = script.ends();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("topic `del_in` does not exist"), "{said}");
    expect_lines(broker, "del_out", "%k %s\n", &["x {\"A\":1}"]);
}

fn grown(broker: &Broker) {
    create(&broker.log(&[]), "grow_in", 1);
    let sql = "SET 'auto.offset.reset' = 'earliest';
               CREATE STREAM grow_in (k STRING KEY, a INT) WITH (KAFKA_TOPIC='grow_in', VALUE_FORMAT='JSON');
               CREATE STREAM grow_out WITH (KAFKA_TOPIC='grow_out') AS SELECT k, a FROM grow_in;
               CREATE TABLE grow_sums WITH (KAFKA_TOPIC='grow_sums') AS SELECT k, SUM(a) AS s FROM grow_in GROUP BY k;";
    let script = Script::start(broker, "grown", sql);
    let lines =
        |range: std::ops::Range<u32>| -> String { range.map(|n| format!("k{}|{{\"a\":{n}}}\n", n % 10)).collect() };
    let mut expected: Vec<String> = (0..200).map(|n| format!("k{} {{\"A\":{n}}}", n % 10)).collect();
    expected.sort();
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    produce(broker, "grow_in", &lines(0..100));
    broker.grow_topic("grow_in", 3);
    // Before the script knows the new partitions.
    produce(broker, "grow_in", &lines(100..200));
    expect_lines(broker, "grow_out", "%k %s\n", &expected);
    let used = broker.kcat(
        &["-C", "-q", "-e", "-o", "beginning", "-t", "grow_in", "-f", "%p\n"],
        "",
    );
    assert!(used.contains('2'), "the new partitions have records: {used}");
    // Each key's numbers are n, n + 10, ... n + 190.
    let until = Instant::now() + PATIENCE;
    loop {
        let text = broker.kcat(
            &["-C", "-q", "-e", "-o", "beginning", "-t", "grow_sums", "-f", "%k %s\n"],
            "",
        );
        let last = |key: u32| text.lines().rfind(|line| line.starts_with(&format!("k{key} ")));
        if (0..10).all(|key| last(key) == Some(&format!("k{key} {{\"S\":{}}}", 20 * key + 1900))) {
            break;
        }
        assert!(Instant::now() < until, "the sums are {text}");
        std::thread::sleep(Duration::from_millis(100));
    }
    drop(script);
}

fn taken_over(broker: &Broker) {
    create(&broker.log(&[]), "over_in", 2);
    let sql = "SET 'auto.offset.reset' = 'earliest';
               CREATE STREAM over_in (k STRING KEY, a INT) WITH (KAFKA_TOPIC='over_in', VALUE_FORMAT='JSON');
               CREATE STREAM over_out WITH (KAFKA_TOPIC='over_out') AS SELECT k, a FROM over_in;";
    let first = Script::start(broker, "taken-over", sql);
    produce(broker, "over_in", "x|{\"a\":1}\n");
    expect_lines(broker, "over_out", "%k %s\n", &["x {\"A\":1}"]);
    let second = Script::start(broker, "taken-over", sql);
    // The first one hears of it when it writes.
    let start = Instant::now();
    let mut expected = vec!["x {\"A\":1}".to_owned()];
    let mut first = first;
    for n in 2.. {
        produce(broker, "over_in", &format!("x|{{\"a\":{n}}}\ny|{{\"a\":{n}}}\n"));
        expected.extend([format!("x {{\"A\":{n}}}"), format!("y {{\"A\":{n}}}")]);
        if first.child.try_wait().expect("the program can be waited for").is_some() {
            break;
        }
        assert!(start.elapsed() < PATIENCE, "the first one does not end");
        std::thread::sleep(Duration::from_millis(300));
    }
    let (code, said) = first.ends();
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("another process with the same application id has taken over"),
        "{said}"
    );
    expected.sort();
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    expect_lines(broker, "over_out", "%k %s\n", &expected);
    drop(second);
}

fn restarted() {
    let broker = Broker::start(BrokerOptions::default());
    create(&broker.log(&[]), "rest_in", 2);
    let sql = "SET 'auto.offset.reset' = 'earliest';
               CREATE STREAM rest_in (k STRING KEY, a INT) WITH (KAFKA_TOPIC='rest_in', VALUE_FORMAT='JSON');
               CREATE STREAM rest_out WITH (KAFKA_TOPIC='rest_out') AS SELECT k, a FROM rest_in;
               CREATE TABLE rest_sums WITH (KAFKA_TOPIC='rest_sums') AS SELECT k, COUNT(*) AS c FROM rest_in GROUP BY k;";
    let script = Script::start(&broker, "restarted", sql);
    let lines = |range: std::ops::Range<u32>| -> String { range.map(|n| format!("k|{{\"a\":{n}}}\n")).collect() };
    let mut expected = Vec::new();
    for round in 0..3_u32 {
        let range = round * 1_000..(round + 1) * 1_000;
        produce(&broker, "rest_in", &lines(range.clone()));
        expected.extend(range.map(|n| format!("k {{\"A\":{n}}}")));
        if round == 0 {
            // A statement that meets a dead broker is an error after a while; a query waits.
            let mut first = expected.clone();
            first.sort();
            let first: Vec<&str> = first.iter().map(String::as_str).collect();
            expect_lines(&broker, "rest_out", "%k %s\n", &first);
        }
        if round < 2 {
            // In the middle of it, as like as not.
            broker.kill(None);
            std::thread::sleep(Duration::from_secs(1));
            broker.restart(None);
        }
    }
    expected.sort();
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    expect_lines(&broker, "rest_out", "%k %s\n", &expected);
    let until = Instant::now() + PATIENCE;
    loop {
        let text = broker.kcat(
            &["-C", "-q", "-e", "-o", "beginning", "-t", "rest_sums", "-f", "%s\n"],
            "",
        );
        if text.lines().last() == Some("{\"C\":3000}") {
            break;
        }
        assert!(Instant::now() < until, "the count is {:?}", text.lines().last());
        std::thread::sleep(Duration::from_millis(100));
    }
    drop(script);
}
