//! Queries with functions of plugins on the real Kafka, exactly once: moved to another version while rows come in, and started without the plugin. No row
//! is lost, none comes twice, and each is of one version.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use waterwheel::engine::{Config, Engine, Outcome};
use waterwheel::state::Location;
use waterwheel::types::clock::SystemClock;

use crate::kafka::Broker;
use crate::kafka_program::{lines, produce};
use crate::plugin_moves::{FIRST, READS_FIRST, Version};

/// Cases on the shared broker.
pub(crate) const CASES: &[(&str, fn(&Broker))] = &[
    ("queries are moved to another version of a plugin", moved),
    ("queries wait for a plugin", waited),
];

/// How long a query may take for what a test waits for.
const PATIENCE: Duration = Duration::from_mins(2);
/// Keys of the rows.
const KEYS: i64 = 5;

/// A process with plugins.
struct Process {
    engine: Engine,
}

impl Process {
    fn start(broker: &Broker, application: &str, plugins: &Path) -> Self {
        let config = Config {
            application_id: application.to_owned(),
            brokers: Some(broker.addresses().to_owned()),
            state: Some(Location::Directory(broker.state().join("plugins"))),
            plugins: Some(plugins.to_owned()),
            workers: 2,
            properties: [("commit.interval.ms".to_owned(), "50".to_owned())].into(),
            ..Config::default()
        };
        let engine = Engine::start(config, Arc::new(SystemClock)).expect("the engine starts");
        Self { engine }
    }

    /// Runs statements; gives what the last of them says.
    fn run(&self, sql: &str) -> Result<String, String> {
        let mut said = String::new();
        let ran = self.engine.run_script(sql, |outcome| {
            said = match outcome {
                Outcome::Message(text) | Outcome::Text(text) => text,
                Outcome::Table(table) => table.rows.iter().map(|row| row.join(" | ") + "\n").collect(),
                Outcome::Query(query) => query.id,
            };
            Ok(())
        });
        ran.map_err(|error| error.render("script", waterwheel::sql::Colours::Off))?;
        Ok(said)
    }

    fn must(&self, sql: &str) -> String {
        self.run(sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    fn stop(self) {
        let left = self.engine.stop_all(Duration::from_mins(1));
        assert!(left.is_empty(), "{left:?} do not stop");
    }
}

/// The directory of plugins, with the plugin `sums` in one version.
struct Directory(tempfile::TempDir);

impl Directory {
    fn with(version: Version) -> Self {
        let directory = Self(tempfile::tempdir().expect("there is room for a directory"));
        directory.put(version);
        directory
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("sums.wat")
    }

    fn put(&self, version: Version) {
        std::fs::write(self.file(), version.guest()).expect("the plugin can be written");
    }

    fn take(&self) {
        std::fs::remove_file(self.file()).expect("the plugin can be removed");
    }
}

/// Rows with the numbers 1, 2, 3 ... for all keys in turn, written while `work` is done.
fn while_rows_come(broker: &Broker, topic: &str, written: &AtomicI64, work: impl FnOnce()) {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Acquire) {
                let first = written.load(Ordering::Acquire) + 1;
                let numbers = first..first + 20;
                let rows = numbers.flat_map(|x| (0..KEYS).map(move |key| format!("k{key}|{{\"x\":{x}}}\n")));
                produce(broker, topic, &rows.collect::<String>());
                written.fetch_add(20, Ordering::AcqRel);
                // The topics are read from their beginning again and again: they are not to grow without need.
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        // Over also when the work panics, or the test would never end.
        let _end = OnDrop(&is_over);
        work();
    });
}

struct OnDrop<'a>(&'a AtomicBool);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// The values of each key in a topic, in their order: one of Kafka's partitions has a key wholly.
fn values(broker: &Broker, topic: &str) -> Vec<Vec<(i64, i64)>> {
    let mut found: Vec<(i64, i64, i64, i64)> = lines(broker, topic, "%o %k %s\n")
        .iter()
        .map(|line| {
            let mut words = line.splitn(3, ' ');
            let mut word = || words.next().expect("a line has three words");
            let offset = word().parse().expect("an offset");
            let key = word();
            let value: serde_json::Value = serde_json::from_str(word()).expect("a value is JSON");
            let number = |name: &str| value[name].as_i64().unwrap_or_else(|| panic!("{line} has no {name}"));
            let digits: String = key.chars().filter(char::is_ascii_digit).collect();
            (
                digits.parse().expect("a key is k and a digit"),
                offset,
                number("X"),
                number("Y"),
            )
        })
        .collect();
    found.sort_unstable();
    let of = |key| {
        found
            .iter()
            .filter(move |row| row.0 == key)
            .map(|row| (row.2, row.3))
            .collect()
    };
    (0..KEYS).map(of).collect()
}

/// Waits until all numbers of all keys are in the topic.
fn await_all(broker: &Broker, topic: &str, count: i64) {
    let until = Instant::now() + PATIENCE;
    loop {
        let there = values(broker, topic);
        let last = there.iter().map(|rows| rows.last().map_or(0, |row| row.0)).min();
        if last >= Some(count) {
            return;
        }
        assert!(
            Instant::now() < until,
            "{topic} ends at {last:?}, and {count} numbers were written"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Waits until there are rows of this version behind the numbers that are there now.
fn await_version(broker: &Broker, topic: &str, version: Version) {
    let until = Instant::now() + PATIENCE;
    let is_there = || {
        let all = values(broker, topic);
        all.iter()
            .all(|rows| rows.last().is_some_and(|row| row.1 >= version.plus))
    };
    while !is_there() {
        assert!(Instant::now() < until, "{topic} has no rows of the new version");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Every number of every key is there once and in order, with the sum up to it; each by one version, the first ones by the first.
fn expect_whole(broker: &Broker, topic: &str, count: i64, versions: &[Version]) {
    for (key, rows) in values(broker, topic).iter().enumerate() {
        assert_eq!(rows.len() as i64, count, "{topic}: rows of k{key}");
        let mut seen = Vec::new();
        for (place, (x, y)) in (1..).zip(rows) {
            let plus = y - x * (x + 1) / 2;
            assert_eq!(*x, place, "{topic}: row {place} of k{key} is {x} with {y}");
            assert!(
                versions.iter().any(|version| version.plus == plus),
                "{topic}: k{key} {x} has {y}"
            );
            if seen.last() != Some(&plus) {
                seen.push(plus);
            }
        }
        let due: Vec<i64> = versions.iter().map(|version| version.plus).collect();
        assert_eq!(seen, due, "{topic}: versions of k{key}");
    }
}

const STREAM: &str = "STREAM NAME_each WITH (KAFKA_TOPIC='NAME_each') AS SELECT k, x, run_total(x) AS y FROM NAME_in";
const TABLE: &str = "TABLE NAME_total WITH (KAFKA_TOPIC='NAME_total') AS SELECT k, all_total(x) AS y, MAX(x) AS x FROM NAME_in GROUP BY k";

fn of(name: &str, text: &str) -> String {
    text.replace("NAME", name)
}

fn input(name: &str) -> String {
    of(
        name,
        "CREATE STREAM NAME_in (k STRING KEY, x BIGINT) WITH (KAFKA_TOPIC='NAME_in', VALUE_FORMAT='JSON', PARTITIONS=3);",
    )
}

/// The last row of each key of a table.
fn expect_sums(broker: &Broker, topic: &str, count: i64, version: Version) {
    let until = Instant::now() + PATIENCE;
    let sum = count * (count + 1) / 2 + version.plus;
    loop {
        let last: Vec<_> = values(broker, topic).iter().map(|rows| rows.last().copied()).collect();
        if last.iter().all(|row| *row == Some((count, sum))) {
            return;
        }
        assert!(Instant::now() < until, "{topic} ends in {last:?}, not in {sum}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn moved(broker: &Broker) {
    let plugins = Directory::with(FIRST);
    let process = Process::start(broker, "plugin-moved", plugins.0.path());
    process.must(&input("pm"));
    for query in [STREAM, TABLE] {
        process.must(&format!("CREATE {};", of("pm", query)));
    }
    let written = AtomicI64::new(0);
    while_rows_come(broker, "pm_in", &written, || {
        await_version(broker, "pm_each", FIRST);
        await_version(broker, "pm_total", FIRST);
        plugins.put(READS_FIRST);
        process.must("RELOAD PLUGIN sums;");
        for query in [STREAM, TABLE] {
            process.must(&format!("CREATE OR REPLACE {};", of("pm", query)));
        }
        await_version(broker, "pm_each", READS_FIRST);
        await_version(broker, "pm_total", READS_FIRST);
    });
    // All the state is of the second version by now, also that of the next process.
    process.stop();
    let process = Process::start(broker, "plugin-moved", plugins.0.path());
    process.must(&input("pm"));
    for query in [STREAM, TABLE] {
        process.must(&format!("CREATE {};", of("pm", query)));
    }
    while_rows_come(broker, "pm_in", &written, || std::thread::sleep(Duration::from_secs(1)));
    let count = written.load(Ordering::Acquire);
    await_all(broker, "pm_each", count);
    expect_sums(broker, "pm_total", count, READS_FIRST);
    process.stop();
    expect_whole(broker, "pm_each", count, &[FIRST, READS_FIRST]);
}

fn waited(broker: &Broker) {
    let plugins = Directory::with(FIRST);
    let written = AtomicI64::new(0);
    let script = [
        input("pw"),
        format!("CREATE {};", of("pw", STREAM)),
        format!("CREATE {};", of("pw", TABLE)),
        // What reads the stream that a query makes, and what no plugin has a part in.
        "CREATE STREAM pw_after WITH (KAFKA_TOPIC='pw_after') AS SELECT k, x, y FROM pw_each;".to_owned(),
        "CREATE STREAM pw_plain WITH (KAFKA_TOPIC='pw_plain') AS SELECT k, x, x AS y FROM pw_in;".to_owned(),
    ]
    .concat();
    let process = Process::start(broker, "plugin-waited", plugins.0.path());
    process.must(&script);
    while_rows_come(broker, "pw_in", &written, || {
        await_version(broker, "pw_after", FIRST);
        await_version(broker, "pw_total", FIRST);
    });
    process.stop();

    plugins.take();
    let process = Process::start(broker, "plugin-waited", plugins.0.path());
    process.must(&script);
    let queries = process.must("SHOW QUERIES;");
    let of_sink = |sink: &str| {
        let line = queries.lines().find(|line| line.contains(&format!("_{sink}_")));
        line.unwrap_or_else(|| panic!("no query of {sink}: {queries}"))
            .to_owned()
    };
    for (sink, state) in [
        (
            "PW_EACH",
            "| WAITING: it calls run_total(x BIGINT) RETURNS BIGINT of plugin sums 1.0.0, which is not there; ",
        ),
        (
            "PW_TOTAL",
            "| WAITING: it calls all_total(x BIGINT) RETURNS BIGINT of plugin sums 1.0.0, which is not there; ",
        ),
        ("PW_AFTER", "| RUNNING |"),
        ("PW_PLAIN", "| RUNNING |"),
    ] {
        assert!(of_sink(sink).contains(state), "{sink} is not '{state}': {queries}");
    }
    // The stream has the columns that it had.
    process.must("INSERT INTO pw_each (k, x, y) VALUES ('k9', 0, 0);");
    let before = counts(broker, "pw_each");
    while_rows_come(broker, "pw_in", &written, || {
        std::thread::sleep(Duration::from_secs(1));
    });
    await_all(broker, "pw_plain", written.load(Ordering::Acquire));
    assert_eq!(counts(broker, "pw_each"), before, "a query that waits has written");

    // Put back as the next version, while rows come.
    while_rows_come(broker, "pw_in", &written, || {
        plugins.put(READS_FIRST);
        let each = of_sink("PW_EACH");
        let id = each.split(' ').next().unwrap_or_default();
        let resumed = process.must(&format!("RESUME {id};"));
        assert_eq!(resumed, format!("resumed: {id}"));
        await_version(broker, "pw_total", READS_FIRST);
        await_version(broker, "pw_after", READS_FIRST);
    });
    assert!(process.engine.waiting().is_empty());
    let count = written.load(Ordering::Acquire);
    await_all(broker, "pw_after", count);
    await_all(broker, "pw_plain", count);
    expect_sums(broker, "pw_total", count, READS_FIRST);
    process.stop();
    expect_whole(broker, "pw_each", count, &[FIRST, READS_FIRST]);
    expect_whole(broker, "pw_after", count, &[FIRST, READS_FIRST]);
}

/// How many rows each key has.
fn counts(broker: &Broker, topic: &str) -> Vec<usize> {
    values(broker, topic).iter().map(Vec::len).collect()
}
