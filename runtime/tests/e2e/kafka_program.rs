//! The whole program against the real Kafka: the command as a user starts it, and kcat to see what it wrote.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::kafka::Broker;

/// How long a pipeline may take for what a test waits for.
pub(crate) const PATIENCE: Duration = Duration::from_mins(3);

/// Cases on the shared broker.
pub(crate) const CASES: &[(&str, fn(&Broker))] = &[
    ("a script runs from topic to topic", topic_to_topic),
    ("a stopped script goes on where it committed", goes_on),
    (
        "a query from the latest offset passes over nothing when it is killed",
        from_latest,
    ),
    ("bad records go to the dead letter topic", dead_letters),
    ("plugins run over kafka", plugins),
    ("topics of tables are compacted", compacted),
];

struct Program(Child);

impl Program {
    fn start(broker: &Broker, application: &str, sql: &str) -> Self {
        let plugins = crate::root().join("examples/plugins");
        let child = Command::new(env!("CARGO_BIN_EXE_waterwheel"))
            .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
            .args([
                "run",
                "--quiet",
                "--brokers",
                broker.addresses(),
                "--application-id",
                application,
                "--plugins",
            ])
            .arg(plugins)
            .args(["-e", sql])
            .env("XDG_STATE_HOME", broker.state())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the program starts");
        Self(child)
    }

    /// As Ctrl-C does.
    fn stop(mut self) {
        let pid = self.0.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &pid])
                .status()
                .is_ok_and(|status| status.success())
        );
        let status = self.0.wait().expect("the program can be waited for");
        assert!(
            status.success(),
            "the program ends well after ctrl-c, not with {status}"
        );
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What `topic` holds, sorted; kcat reads it.
pub(crate) fn lines(broker: &Broker, topic: &str, format: &str) -> Vec<String> {
    let output = Command::new("kcat")
        .args(["-C", "-q", "-e", "-o", "beginning", "-b", broker.addresses()])
        // The end is where a fetch finds nothing within this time: into a topic that is written to all the time more would come within the half second
        // that is usual, without end.
        .args(["-X", "fetch.wait.max.ms=10"])
        .args(["-t", topic, "-f", format])
        .output()
        .expect("kcat runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

/// Waits until `topic` holds the lines of `expected`, sorted.
pub(crate) fn expect_lines(broker: &Broker, topic: &str, format: &str, expected: &[&str]) {
    let until = Instant::now() + PATIENCE;
    loop {
        let lines = lines(broker, topic, format);
        if lines == expected {
            return;
        }
        assert!(Instant::now() < until, "{topic} holds {lines:?}, expected {expected:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

pub(crate) fn produce(broker: &Broker, topic: &str, lines: &str) {
    let mut child = Command::new("kcat")
        .args(["-P", "-b", broker.addresses(), "-t", topic, "-K", "|"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("kcat runs");
    {
        use std::io::Write as _;
        let mut stdin = child.stdin.take().expect("stdin is piped");
        stdin.write_all(lines.as_bytes()).expect("kcat takes lines");
    }
    assert!(child.wait().is_ok_and(|status| status.success()), "kcat produces");
}

fn topic_to_topic(broker: &Broker) {
    let sql = "CREATE STREAM p_in (id STRING KEY, a INT, b DOUBLE) WITH (KAFKA_TOPIC='p_in', VALUE_FORMAT='JSON', PARTITIONS=3);
               CREATE STREAM p_out AS SELECT id, a + 1 AS a, b FROM p_in WHERE a > 1;";
    let program = Program::start(broker, "topic-to-topic", sql);
    expect_lines(broker, "p_in", "%s\n", &[]);
    produce(
        broker,
        "p_in",
        "k1|{\"a\":1,\"b\":0.5}\nk2|{\"a\":2,\"b\":1.5}\nk3|{\"a\":3}\n",
    );
    expect_lines(
        broker,
        "P_OUT",
        "%k %s\n",
        &["k2 {\"A\":3,\"B\":1.5}", "k3 {\"A\":4,\"B\":null}"],
    );
    program.stop();
}

fn goes_on(broker: &Broker) {
    let sql = "CREATE STREAM g_in (id STRING KEY, a INT) WITH (KAFKA_TOPIC='g_in', VALUE_FORMAT='JSON', PARTITIONS=2);
               CREATE STREAM g_out WITH (KAFKA_TOPIC='g_out') AS SELECT id, a FROM g_in;";
    let first = Program::start(broker, "goes-on", sql);
    expect_lines(broker, "g_in", "%s\n", &[]);
    produce(broker, "g_in", "x|{\"a\":1}\ny|{\"a\":2}\n");
    expect_lines(broker, "g_out", "%k %s\n", &["x {\"A\":1}", "y {\"A\":2}"]);
    first.stop();
    produce(broker, "g_in", "z|{\"a\":3}\n");
    let second = Program::start(broker, "goes-on", sql);
    expect_lines(
        broker,
        "g_out",
        "%k %s\n",
        &["x {\"A\":1}", "y {\"A\":2}", "z {\"A\":3}"],
    );
    second.stop();
}

/// Partitions without any row before the kill as well.
fn from_latest(broker: &Broker) {
    let sql = "SET 'auto.offset.reset' = 'latest';
               CREATE STREAM l_in (id STRING KEY, a INT) WITH (KAFKA_TOPIC='l_in', VALUE_FORMAT='JSON', PARTITIONS=4);
               CREATE STREAM l_out WITH (KAFKA_TOPIC='l_out') AS SELECT id, a FROM l_in;";
    let first = Program::start(broker, "from-latest", sql);
    expect_lines(broker, "l_in", "%s\n", &[]);
    let until = Instant::now() + PATIENCE;
    while lines(broker, "l_out", "%k\n").is_empty() {
        // All rows of one key, so of one partition; those before the query began do not count.
        produce(broker, "l_in", "x|{\"a\":0}\n");
        std::thread::sleep(Duration::from_millis(200));
        assert!(Instant::now() < until, "nothing comes out");
    }
    drop(first); // by kill -9
    let keys: Vec<String> = (0..40).map(|number| format!("k{number:02}")).collect();
    let rows: Vec<String> = keys.iter().map(|key| format!("{key}|{{\"a\":1}}\n")).collect();
    produce(broker, "l_in", &rows.concat());
    let second = Program::start(broker, "from-latest", sql);
    loop {
        let mut found = lines(broker, "l_out", "%k\n");
        found.retain(|key| key != "x");
        if found == keys {
            break;
        }
        assert!(Instant::now() < until, "{found:?} came out, expected {keys:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
    second.stop();
}

fn dead_letters(broker: &Broker) {
    let sql = "CREATE STREAM d_in (a INT) WITH (KAFKA_TOPIC='d_in', VALUE_FORMAT='JSON', PARTITIONS=1, DEAD_LETTER_TOPIC='d_bad');
               CREATE STREAM d_out WITH (KAFKA_TOPIC='d_out') AS SELECT a FROM d_in;";
    let program = Program::start(broker, "dead-letters", sql);
    expect_lines(broker, "d_in", "%s\n", &[]);
    produce(broker, "d_in", "|{\"a\":1}\n|not json\n|{\"a\":2}\n");
    expect_lines(broker, "d_out", "%s\n", &["{\"A\":1}", "{\"A\":2}"]);
    expect_lines(broker, "d_bad", "%s\n", &["not json"]);
    program.stop();
}

fn plugins(broker: &Broker) {
    let sql =
        "CREATE STREAM w_in (k STRING KEY, price DOUBLE) WITH (KAFKA_TOPIC='w_in', VALUE_FORMAT='JSON', PARTITIONS=4);
               CREATE STREAM w_out WITH (KAFKA_TOPIC='w_out') AS SELECT k, diff(price) AS change FROM w_in;";
    let program = Program::start(broker, "plugins", sql);
    expect_lines(broker, "w_in", "%s\n", &[]);
    produce(
        broker,
        "w_in",
        "a|{\"price\":1}\nb|{\"price\":10}\na|{\"price\":4}\nb|{\"price\":11}\na|{\"price\":4}\n",
    );
    let expected = [
        "a {\"CHANGE\":0.0}",
        "a {\"CHANGE\":3.0}",
        "a {\"CHANGE\":null}",
        "b {\"CHANGE\":1.0}",
        "b {\"CHANGE\":null}",
    ];
    expect_lines(broker, "w_out", "%k %s\n", &expected);
    program.stop();
}

fn compacted(broker: &Broker) {
    let sql = "CREATE STREAM c_in (k STRING KEY, a INT) WITH (KAFKA_TOPIC='c_in', VALUE_FORMAT='JSON', PARTITIONS=1);
               CREATE TABLE c_declared (k STRING PRIMARY KEY, a INT) WITH (KAFKA_TOPIC='c_declared', VALUE_FORMAT='JSON', PARTITIONS=1);
               CREATE TABLE c_sums WITH (KAFKA_TOPIC='c_sums') AS SELECT k, SUM(a) AS s FROM c_in GROUP BY k;
               CREATE TABLE c_windows WITH (KAFKA_TOPIC='c_windows', RETENTION_MS=86400000) AS
                   SELECT k, SUM(a) AS s FROM c_in WINDOW TUMBLING (SIZE 1 MINUTE) GROUP BY k;";
    let program = Program::start(broker, "compacted", sql);
    expect_lines(broker, "c_windows", "%s\n", &[]);
    for (topic, policy) in [
        ("c_in", "cleanup.policy=delete"),
        ("c_declared", "cleanup.policy=compact"),
        ("c_sums", "cleanup.policy=compact"),
        ("c_windows", "cleanup.policy=compact,delete"),
        ("c_windows", "retention.ms=86400000"),
    ] {
        let arguments = [
            "--bootstrap-server",
            broker.addresses(),
            "--entity-type",
            "topics",
            "--describe",
            "--all",
        ];
        let arguments = [&arguments[..], &["--entity-name", topic]].concat();
        let told = broker.java("kafka.admin.ConfigCommand", &arguments, "");
        let found = told.lines().any(|line| line.split_whitespace().next() == Some(policy));
        assert!(found, "{topic} has not {policy}: {told}");
    }
    program.stop();
}
