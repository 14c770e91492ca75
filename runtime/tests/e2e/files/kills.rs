//! One query of each kind from a file to files, killed at every named place.

use std::fmt::Write as _;
use std::path::Path;

use super::{Program, outputs};

/// Rows of the input: enough for so many steps as kills need.
const ROWS: i64 = 120_000;
const KEYS: i64 = 7;
/// The named places, see `exec/crash_point.rs`, and how often they are passed before it dies.
const ENDS: [&str; 12] = [
    "state-loaded:1",
    "commit-begun:1",
    "results-stored:1",
    "state-pending:2",
    "log-committed:1",
    "commit-over:3",
    "state-loaded:3",
    "commit-begun:4",
    "results-stored:3",
    "state-pending:1",
    "log-committed:3",
    "commit-over:1",
];

pub(super) fn in_a_directory() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let state = directory.path().join("state").display().to_string();
    run(directory.path(), &state, &[], &ENDS);
}

/// Lives that end at `ends`, then one to the end of the input; the files must be what the input implies.
pub(super) fn run(directory: &Path, state: &str, environment: &[(&str, &str)], ends: &[&str]) {
    let mut input = String::new();
    for n in 0..ROWS {
        writeln!(input, "{{\"n\":{n},\"k\":\"k{}\"}}", n % KEYS).expect("memory takes it");
    }
    std::fs::write(directory.join("input.json"), input).expect("the directory is ours");
    let (sql, log) = (sql(directory), directory.join("log"));
    let mut died = 0;
    for end in ends {
        let environment = [environment, &[("WATERWHEEL_CRASH_AT", *end)]].concat();
        if !Program::start(&sql, state, &log, &environment).ends() {
            died += 1;
        }
        check_visible(directory, end);
    }
    assert!(
        died > ends.len() * 2 / 3,
        "{died} lives of {} ended as they should",
        ends.len()
    );
    let said = || std::fs::read_to_string(&log).unwrap_or_default();
    assert!(Program::start(&sql, state, &log, environment).ends(), "{}", said());
    let all: Vec<i64> = (0..ROWS).collect();
    for (kind, mut numbers) in numbers(directory) {
        numbers.sort_unstable();
        assert!(numbers == all, "{kind}: {} rows of {ROWS}", numbers.len());
    }
    for (key, sums) in outputs::sums(directory, "sums") {
        let own = (0..ROWS).filter(|n| format!("k{}", n % KEYS) == key);
        let expected = own.fold((0, 0), |(count, sum), n| (count + 1, sum + n));
        assert_eq!(sums.last(), Some(&expected), "{key}");
        assert!(sums.is_sorted_by(|a, b| a.0 < b.0), "{key}: each change once: {sums:?}");
    }
    // All is done; another start finds nothing to do and changes nothing.
    let before = outputs::files(directory, "copied");
    assert!(Program::start(&sql, state, &log, environment).ends(), "{}", said());
    assert_eq!(outputs::files(directory, "copied"), before);
}

fn sql(directory: &Path) -> String {
    let at = |name: &str| directory.join(name).display().to_string();
    format!(
        "SET 'commit.interval.ms' = '0';
        CREATE STREAM input (n BIGINT, k STRING) WITH (CONNECTOR='file', PATH='{}', PARTITIONS=3);
        CREATE STREAM copied WITH (CONNECTOR='file', PATH='{}') AS SELECT n, k FROM input;
        CREATE STREAM table_like WITH (CONNECTOR='file', PATH='{}', HEADER=TRUE) AS SELECT n, k FROM input;
        CREATE STREAM columns WITH (CONNECTOR='file', PATH='{}') AS SELECT n, k FROM input;
        CREATE TABLE sums WITH (CONNECTOR='file', PATH='{}') AS SELECT k, COUNT(*) AS c, SUM(n) AS s FROM input GROUP BY k;",
        at("input.json"),
        at("copied.json"),
        at("table_like.csv"),
        at("columns.parquet"),
        at("sums.json"),
    )
}

fn numbers(directory: &Path) -> [(&'static str, Vec<i64>); 3] {
    [
        ("json", outputs::json_numbers(directory, "copied")),
        ("csv", outputs::csv_numbers(directory, "table_like")),
        ("parquet", outputs::parquet_numbers(directory, "columns")),
    ]
}

/// Whatever has happened, a reader sees whole rows, each once.
fn check_visible(directory: &Path, end: &str) {
    for (kind, mut numbers) in numbers(directory) {
        let all = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), all, "{kind}: rows come twice after {end}");
    }
}
