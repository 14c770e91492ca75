//! Queries that run, moved to another version of a plugin: what it reads of the old state, what it refuses, and that nothing is lost or doubled.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use waterwheel::engine::{Config, Engine, Outcome};
use waterwheel::state::Location;
use waterwheel::types::clock::SystemClock;

use crate::files::lines;
use crate::plugin_directory::{engine, expect, in_time, run, write};

pub(crate) fn trials() -> Vec<Trial> {
    let cases: [(&str, fn() -> Result<(), String>); 3] = [
        ("every kind of query", every_kind),
        ("with its state in a directory", with_state),
        ("DISTINCT in a query that ends", distinct),
    ];
    let trials = cases.into_iter();
    let trials =
        trials.map(|(name, run)| Trial::test(format!("plugin_moves/{name}"), move || run().map_err(Failed::from)));
    trials.collect()
}

/// One version of the plugin `sums`: the stream function `run_total` and the aggregate `all_total` of a BIGINT. Both give the sum and `plus`, by
/// which a test sees which version gave a value. State in format n is n times the sum. A negative number fails its row.
#[derive(Clone, Copy)]
pub(crate) struct Version {
    name: &'static str,
    format: i64,
    reads: &'static str,
    pub(crate) plus: i64,
    /// Whether it takes state, of whatever format.
    loads: bool,
}

pub(crate) const FIRST: Version = Version {
    name: "1.0.0",
    format: 1,
    reads: "",
    plus: 0,
    loads: true,
};
pub(crate) const READS_FIRST: Version = Version {
    name: "2.0.0",
    format: 2,
    reads: "1",
    plus: 1_000_000_000,
    ..FIRST
};
pub(crate) const READS_NONE: Version = Version {
    name: "3.0.0",
    format: 3,
    plus: 2_000_000_000,
    ..FIRST
};
const REFUSES: Version = Version {
    name: "2.1.0",
    plus: 3_000_000_000,
    loads: false,
    ..READS_FIRST
};
const SAME_FORMAT: Version = Version {
    name: "2.2.0",
    reads: "",
    plus: 4_000_000_000,
    ..READS_FIRST
};

const GUEST: &str = r#"
(module (memory (export "memory") 4)
(global $top (mut i32) (i32.const 131072))
(global $reports (mut i32) (i32.const 0))
(data (i32.const 64) "MANIFEST")
(data (i32.const 8192) "it is negative")
(func (export "ww_abi") (result i32) (i32.const 1))
(func (export "ww_manifest") (result i64) (i64.or (i64.const 0x4000000000) (i64.const BYTES)))
(func (export "ww_alloc") (param $bytes i32) (param i32) (result i32) (local $at i32)
  (local.set $at (i32.and (i32.add (global.get $top) (i32.const 15)) (i32.const -16)))
  (global.set $top (i32.add (local.get $at) (local.get $bytes)))
  (loop $grow (if (i32.gt_u (global.get $top) (i32.shl (memory.size) (i32.const 16)))
    (then (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then (return (i32.const 0)))) (br $grow))))
  (local.get $at))
(func (export "ww_free") (param i32 i32 i32))
(func (export "ww_last_error") (result i64) (i64.or (i64.shl (i64.const 16384) (i64.const 32)) (i64.extend_i32_u (global.get $reports))))
;; A slot's sum: 8 bytes at 65536 + 8 * slot.
(func $sum (param $slots i32) (param $i i32) (result i32)
  (i32.add (i32.const 65536) (i32.shl (i32.load (i32.add (local.get $slots) (i32.shl (local.get $i) (i32.const 2)))) (i32.const 3))))
(func $report (param $row i32) (local $at i32)
  (local.set $at (i32.add (i32.const 16384) (i32.mul (global.get $reports) (i32.const 12))))
  (i32.store (local.get $at) (local.get $row)) (i32.store offset=4 (local.get $at) (i32.const 8192)) (i32.store offset=8 (local.get $at) (i32.const 14))
  (global.set $reports (i32.add (global.get $reports) (i32.const 1))))
(func (export "run_new") (export "all_new") (param i32) (result i32) (i32.const 0))
(func $take (param $slots i32) (param $args i32) (param $i i32)
  (local $s i32) (local $x i64)
  (local.set $s (call $sum (local.get $slots) (local.get $i)))
  (local.set $x (i64.load (i32.add (i32.load offset=16 (local.get $args)) (i32.shl (local.get $i) (i32.const 3)))))
  (if (i64.lt_s (local.get $x) (i64.const 0))
    (then (call $report (local.get $i)))
    (else (i64.store (local.get $s) (i64.add (i64.load (local.get $s)) (local.get $x))))))
(func $give (param $slots i32) (param $i i32) (param $out i32)
  (i64.store (i32.add (i32.load offset=16 (local.get $out)) (i32.shl (local.get $i) (i32.const 3)))
    (i64.add (i64.load (call $sum (local.get $slots) (local.get $i))) (i64.const PLUS))))
(func (export "run_push") (param $slots i32) (param $args i32) (param $rows i32) (param $out i32) (result i32) (local $i i32)
  (global.set $reports (i32.const 0))
  (loop $next
    (call $take (local.get $slots) (local.get $args) (local.get $i))
    (call $give (local.get $slots) (local.get $i) (local.get $out))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $i) (local.get $rows))))
  (i32.ne (global.get $reports) (i32.const 0)))
(func (export "all_update") (param $slots i32) (param $args i32) (param $rows i32) (result i32) (local $i i32)
  (global.set $reports (i32.const 0))
  (loop $next
    (call $take (local.get $slots) (local.get $args) (local.get $i))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $i) (local.get $rows))))
  (i32.ne (global.get $reports) (i32.const 0)))
(func (export "all_merge") (param $into i32) (param $from i32) (param $count i32) (result i32) (local $i i32) (local $s i32)
  (loop $next
    (local.set $s (call $sum (local.get $into) (local.get $i)))
    (i64.store (local.get $s) (i64.add (i64.load (local.get $s)) (i64.load (call $sum (local.get $from) (local.get $i)))))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $i) (local.get $count))))
  (i32.const 0))
(func (export "all_finish") (param $slots i32) (param $count i32) (param $out i32) (result i32) (local $i i32)
  (loop $next
    (call $give (local.get $slots) (local.get $i) (local.get $out))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $i) (local.get $count))))
  (i32.const 0))
(func (export "run_save") (export "all_save") (param $slots i32) (param $count i32) (param $out i32) (result i32) (local $i i32)
  (i32.store offset=16 (local.get $out) (i32.const 24576))
  (i32.store offset=20 (local.get $out) (i32.shl (local.get $count) (i32.const 3)))
  (i32.store offset=24 (local.get $out) (i32.const 49152))
  (i32.store (i32.const 49152) (i32.const 0))
  (loop $next
    (i64.store (i32.add (i32.const 24576) (i32.shl (local.get $i) (i32.const 3)))
      (i64.mul (i64.const FORMAT) (i64.load (call $sum (local.get $slots) (local.get $i)))))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (i32.store (i32.add (i32.const 49152) (i32.shl (local.get $i) (i32.const 2))) (i32.shl (local.get $i) (i32.const 3)))
    (br_if $next (i32.lt_u (local.get $i) (local.get $count))))
  (i32.const 0))
(func (export "run_load") (export "all_load") (param $slots i32) (param $count i32) (param $states i32) (param $version i32) (result i32) (local $i i32)
  (if (i32.eqz (i32.const LOADS)) (then (return (i32.const 2))))
  (loop $next
    (i64.store (call $sum (local.get $slots) (local.get $i))
      (i64.div_s (i64.load (i32.add (i32.load offset=16 (local.get $states)) (i32.shl (local.get $i) (i32.const 3)))) (i64.extend_i32_u (local.get $version))))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $i) (local.get $count))))
  (i32.const 0))
(func (export "run_drop") (export "all_drop") (param $slots i32) (param $count i32) (result i32) (local $i i32)
  (loop $next
    (i64.store (call $sum (local.get $slots) (local.get $i)) (i64.const 0))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $i) (local.get $count))))
  (i32.const 0)))
"#;

impl Version {
    pub(crate) fn guest(self) -> String {
        let Self {
            name,
            format,
            reads,
            plus,
            loads,
        } = self;
        let function = |name: &str, kind: &str, export: &str| {
            format!(
                r#"{{"name":"{name}","kind":"{kind}","export":"{export}","args":[{{"name":"x","type":"BIGINT"}}],"returns":"BIGINT","state_version":{format},"reads_state_versions":[{reads}]}}"#
            )
        };
        let (run, all) = (
            function("run_total", "stream", "run"),
            function("all_total", "aggregate", "all"),
        );
        let manifest = format!(r#"{{"version":"{name}","functions":[{run},{all}]}}"#);
        GUEST
            .replace("BYTES", &manifest.len().to_string())
            .replace("MANIFEST", &manifest.replace('"', "\\\""))
            .replace("PLUS", &plus.to_string())
            .replace("FORMAT", &format.to_string())
            .replace("LOADS", if loads { "1" } else { "0" })
    }
}

/// Queries whose state is in a plugin's function; each gives one BIGINT, the last of which is the sum so far and `plus`.
const QUERIES: [(&str, &str); 6] = [
    ("STREAM", "SELECT k, run_total(x) AS y FROM s"),
    ("TABLE", "SELECT k, all_total(x) AS y FROM s GROUP BY k"),
    (
        "TABLE",
        "SELECT k, all_total(x) AS y FROM s WINDOW TUMBLING (SIZE 1 HOURS) GROUP BY k",
    ),
    (
        "TABLE",
        "SELECT k, all_total(x) AS y FROM s WINDOW HOPPING (SIZE 1 HOURS, ADVANCE BY 1 HOURS) GROUP BY k",
    ),
    (
        "TABLE",
        "SELECT k, all_total(x) AS y FROM s WINDOW SESSION (1 HOURS) GROUP BY k",
    ),
    (
        "STREAM",
        "SELECT k, all_total(x) OVER (PARTITION BY k ORDER BY ROWTIME) AS y FROM s",
    ),
];

/// The queries and the file of their plugin.
struct Moved {
    engine: Engine,
    file: PathBuf,
    sum: i64,
    _directory: tempfile::TempDir,
}

impl Moved {
    fn start() -> Result<Self, String> {
        let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
        let file = directory.path().join("sums.wat");
        write(&file, FIRST.guest())?;
        let engine = engine(directory.path(), false)?;
        run(
            &engine,
            "CREATE STREAM s (k STRING KEY, x BIGINT, t BIGINT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1, TIMESTAMP='t');",
        )?;
        for (number, (kind, query)) in QUERIES.iter().enumerate() {
            run(
                &engine,
                &format!("CREATE {kind} r{number} WITH (KEY_FORMAT='JSON') AS {query};"),
            )?;
        }
        Ok(Self {
            engine,
            file,
            sum: 0,
            _directory: directory,
        })
    }

    /// Adds a number to the sums of all queries, and says which version must give them.
    fn add(&mut self, x: i64, by: Version) -> Result<(), String> {
        self.sum += x;
        let insert = format!("INSERT INTO s (k, x, t) VALUES ('a', {x}, 3600000);");
        run(&self.engine, &insert)?;
        for (number, (_, query)) in QUERIES.iter().enumerate() {
            let rows = run(&self.engine, &format!("SELECT MAX(y) AS y FROM r{number};"))?;
            let due = (self.sum + by.plus).to_string();
            expect(&format!("{query}, with {}", by.name), &rows, &[due.as_str()])?;
        }
        Ok(())
    }

    fn put(&self, version: Version) -> Result<(), String> {
        write(&self.file, version.guest())?;
        run(&self.engine, "RELOAD PLUGIN sums;").map(drop)
    }

    fn moves(&self) -> Vec<Result<Vec<Vec<String>>, String>> {
        let queries = QUERIES.iter().enumerate();
        let moves = queries.map(|(number, (kind, query))| {
            let sql = format!("CREATE OR REPLACE {kind} r{number} WITH (KEY_FORMAT='JSON') AS {query};");
            run(&self.engine, &sql)
        });
        moves.collect()
    }

    fn are_refused(&self, words: &str) -> Result<(), String> {
        for ((_, query), moved) in QUERIES.iter().zip(self.moves()) {
            match moved {
                Err(error) if error.contains(words) => {}
                other => return Err(format!("{query}: not refused with '{words}': {other:?}")),
            }
        }
        Ok(())
    }

    fn all_say(&self, words: &str) -> Result<(), String> {
        for number in 0..QUERIES.len() {
            let said = run(&self.engine, &format!("EXPLAIN r{number};"))?[0][0].clone();
            if !said.contains(words) {
                return Err(format!("EXPLAIN says no '{words}': {said}"));
            }
        }
        Ok(())
    }
}

fn every_kind() -> Result<(), String> {
    let mut moved = Moved::start()?;
    moved.add(5, FIRST)?;
    moved.all_say("_total(x BIGINT) RETURNS BIGINT of plugin sums 1.0.0, SHA-256 ")?;

    moved.put(READS_FIRST)?;
    moved.all_say("; now there is plugin sums 2.0.0, SHA-256 ")?;
    moved.add(7, FIRST)?;
    moved.moves().into_iter().collect::<Result<Vec<_>, _>>()?;
    moved.add(11, READS_FIRST)?;

    // Refused before the old query is touched, for its format does not suit.
    moved.put(READS_NONE)?;
    moved.are_refused("of plugin sums 3.0.0 reads format 3 alone")?;
    moved.add(13, READS_FIRST)?;

    // Refused by the function itself, when the old query has stopped already.
    moved.put(REFUSES)?;
    moved.are_refused("of plugin sums failed")?;
    moved.add(17, READS_FIRST)?;
    moved.all_say("of plugin sums 2.0.0, SHA-256 ")?;

    moved.put(SAME_FORMAT)?;
    moved.moves().into_iter().collect::<Result<Vec<_>, _>>()?;
    moved.add(19, SAME_FORMAT)?;

    std::fs::remove_file(&moved.file).map_err(|error| error.to_string())?;
    run(&moved.engine, "RELOAD PLUGIN;")?;
    moved.all_say("; it is not there any more")?;
    moved.are_refused("_TOTAL` does not exist")?;
    moved.add(23, SAME_FORMAT)
}

/// A process whose state is in a directory: made-up numbers 1, 2, 3 ... and their sum so far go to a file.
struct Process {
    engine: Engine,
    query: String,
}

impl Process {
    fn start(directory: &Path) -> Result<(Self, Result<(), String>), String> {
        let config = Config {
            plugins: Some(directory.join("plugins")),
            state: Some(Location::Directory(directory.join("state"))),
            workers: 2,
            ..Config::default()
        };
        let engine = Engine::start(config, Arc::new(SystemClock)).map_err(|error| error.to_string())?;
        let path = directory.join("out.json");
        let process = Self {
            engine,
            query: format!(
                "STREAM o WITH (CONNECTOR='file', PATH='{}') AS SELECT n, run_total(n) OVER () AS y FROM numbers;",
                path.display()
            ),
        };
        let ran = process.run(&format!(
            "SET 'commit.interval.ms' = '50';
             CREATE STREAM numbers (n BIGINT) WITH (CONNECTOR='datagen', ROWS_PER_SECOND=500, 'n.kind'='sequence', 'n.start'=1);
             CREATE {};",
            process.query
        ));
        Ok((process, ran))
    }

    fn run(&self, sql: &str) -> Result<(), String> {
        let ran = self.engine.run_script(sql, |_: Outcome| Ok(()));
        ran.map_err(|error| error.render("sql", waterwheel::sql::Colours::Off))
    }

    fn replace(&self) -> Result<(), String> {
        self.run(&format!("CREATE OR REPLACE {}", self.query))
    }

    fn put(&self, directory: &Path, version: Version) -> Result<(), String> {
        put(directory, version)?;
        self.run("RELOAD PLUGIN sums;")
    }

    fn stop(self) {
        self.engine.stop_all(Duration::from_mins(1));
    }
}

fn put(directory: &Path, version: Version) -> Result<(), String> {
    write(&directory.join("plugins/sums.wat"), version.guest())
}

/// Numbers and sums as they were written, in the order of the numbers.
pub(crate) fn written(directory: &Path, output: &str) -> Vec<(i64, i64)> {
    let parsed = |line: &String| {
        let row: serde_json::Value = serde_json::from_str(line).expect("a row is JSON");
        let number = |name: &str| row[name].as_i64().expect("a row has numbers");
        (number("N"), number("Y"))
    };
    let mut rows: Vec<_> = lines(directory, output).iter().map(parsed).collect();
    rows.sort_unstable();
    rows
}

/// Waits for rows of this version, of which there must be none yet.
fn goes_on(directory: &Path, by: Version) -> Result<(), String> {
    let is_new = |row: &(i64, i64)| row.1 >= by.plus;
    let before = written(directory, "out").into_iter().filter(is_new).count();
    in_time(&format!("rows of version {}", by.name), || {
        written(directory, "out").into_iter().filter(is_new).count() > before
    })
}

fn with_state() -> Result<(), String> {
    let place = tempfile::tempdir().map_err(|error| error.to_string())?;
    let directory = place.path();
    std::fs::create_dir(directory.join("plugins")).map_err(|error| error.to_string())?;
    put(directory, FIRST)?;
    let (process, started) = Process::start(directory)?;
    started?;
    goes_on(directory, FIRST)?;

    process.put(directory, READS_NONE)?;
    let refused = process.replace().err().unwrap_or_default();
    if !refused.contains("the state was saved in format 1, and run_total of plugin sums 3.0.0 reads format 3 alone") {
        return Err(format!("a format that is not read: {refused}"));
    }
    goes_on(directory, FIRST)?;

    process.put(directory, READS_FIRST)?;
    process.replace()?;
    goes_on(directory, READS_FIRST)?;
    process.put(directory, REFUSES)?;
    if process.replace().is_ok() {
        return Err("a query was moved to a version that takes no state".into());
    }
    goes_on(directory, READS_FIRST)?;
    process.stop();

    // What the directory has when the next process starts decides.
    for (version, words) in [
        (
            FIRST,
            "the state was saved in format 2, and run_total of plugin sums 1.0.0 reads format 1 alone",
        ),
        (REFUSES, "of plugin sums failed"),
    ] {
        put(directory, version)?;
        let (process, started) = Process::start(directory)?;
        let refused = started.err().unwrap_or_default();
        if !refused.contains(words) {
            return Err(format!("at a start not refused with '{words}': {refused}"));
        }
        if !process.engine.queries().is_empty() {
            return Err("a query that was refused is there".into());
        }
        process.stop();
    }
    put(directory, SAME_FORMAT)?;
    let (process, started) = Process::start(directory)?;
    started?;
    goes_on(directory, SAME_FORMAT)?;
    process.stop();

    let rows = written(directory, "out");
    let mut plus = 0;
    for (place, (n, y)) in (1..).zip(&rows) {
        let found = y - n * (n + 1) / 2;
        let is_version = [FIRST, READS_FIRST, SAME_FORMAT].iter().any(|v| v.plus == found);
        if *n != place || !is_version || found < plus {
            return Err(format!("row {place} of {}: {n} with sum {y}", rows.len()));
        }
        plus = found;
    }
    Ok(())
}

fn distinct() -> Result<(), String> {
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    write(&directory.path().join("sums.wat"), FIRST.guest())?;
    let engine = engine(directory.path(), false)?;
    run(
        &engine,
        "CREATE STREAM s (k STRING KEY, x BIGINT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);
        INSERT INTO s VALUES ('a', 1), ('a', 2), ('a', 1), ('b', 2), ('b', 2), ('b', NULL);",
    )?;
    let groups = run(
        &engine,
        "SELECT all_total(DISTINCT x) AS once, all_total(x) AS each, COUNT(DISTINCT x) AS n FROM s GROUP BY k;",
    )?;
    expect("beside other aggregates", &groups, &["2 4 1", "3 4 2"])?;
    let alone = run(&engine, "SELECT all_total(DISTINCT x) AS once FROM s;")?;
    expect("alone", &alone, &["3"])
}
