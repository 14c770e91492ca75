//! A plugin directory that changes under an engine that runs: real files, really watched.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::arrow::array::{Array as _, AsArray as _, RecordBatch};
use datafusion::arrow::datatypes::Int64Type;
use libtest_mimic::{Failed, Trial};
use waterwheel::engine::{Config, Engine, Outcome};
use waterwheel::exec::State;
use waterwheel::types::clock::SystemClock;

/// How long the watch may take to see a change.
const TIMEOUT: Duration = Duration::from_mins(1);

pub(crate) fn trials() -> Vec<Trial> {
    let cases: [(&str, fn() -> Result<(), String>); 2] = [
        ("is watched", is_watched),
        (
            "leaves running queries their version",
            running_queries_keep_their_version,
        ),
    ];
    let trials = cases.into_iter();
    let trials =
        trials.map(|(name, run)| Trial::test(format!("plugin_directory/{name}"), move || run().map_err(Failed::from)));
    trials.collect()
}

/// A plain plugin with the function `f(BIGINT) -> x + n`.
pub(crate) fn adds(n: i64) -> String {
    format!("(module (func (export \"f\") (param i64) (result i64) (i64.add (local.get 0) (i64.const {n}))))")
}

pub(crate) fn engine(plugins: &Path, watch: bool) -> Result<Engine, String> {
    let config = Config {
        plugins: Some(plugins.to_owned()),
        watch_plugins: watch,
        workers: 1,
        ..Config::default()
    };
    Engine::start(config, Arc::new(SystemClock)).map_err(|error| error.to_string())
}

/// Runs statements; gives the rows of the last one, in which the query must have come to its end.
pub(crate) fn run(engine: &Engine, sql: &str) -> Result<Vec<Vec<String>>, String> {
    engine.quiesce(TIMEOUT);
    let (mut rows, mut failed) = (Vec::new(), None);
    let ran = engine.run_script(sql, |outcome| {
        rows = match outcome {
            Outcome::Message(text) | Outcome::Text(text) => vec![vec![text]],
            Outcome::Table(table) => table.rows,
            Outcome::Query(query) => {
                if let State::Failed(reason) = query.pipeline.wait(TIMEOUT) {
                    failed = Some(reason);
                }
                let batches = query.changes.batches.try_iter();
                batches.flat_map(|changes| longs(&changes.records)).collect()
            }
        };
        Ok(())
    });
    ran.map_err(|error| error.render("sql", waterwheel::sql::Colours::Off))?;
    failed.map_or(Ok(rows), Err)
}

/// The BIGINT columns of a batch as text.
pub(crate) fn longs(records: &RecordBatch) -> Vec<Vec<String>> {
    let columns: Vec<_> = records
        .columns()
        .iter()
        .filter_map(|column| column.as_primitive_opt::<Int64Type>())
        .collect();
    (0..records.num_rows())
        .map(|row| {
            columns
                .iter()
                .filter(|column| !column.is_null(row))
                .map(|column| column.value(row).to_string())
                .collect()
        })
        .collect()
}

pub(crate) fn expect(what: &str, found: &[Vec<String>], expected: &[&str]) -> Result<(), String> {
    let mut found: Vec<String> = found.iter().map(|row| row.join(" ")).collect();
    found.sort();
    if found == expected {
        Ok(())
    } else {
        Err(format!("{what}: {found:?}, where {expected:?} is right"))
    }
}

/// Asks again and again until the answer is right.
pub(crate) fn in_time(what: &str, mut is_so: impl FnMut() -> bool) -> Result<(), String> {
    let until = Instant::now() + TIMEOUT;
    while !is_so() {
        if Instant::now() > until {
            return Err(format!("{what}: not within {TIMEOUT:?}"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

pub(crate) fn write(path: &Path, text: impl AsRef<[u8]>) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| error.to_string())
}

fn is_watched() -> Result<(), String> {
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let file = directory.path().join("a.wasm");
    let engine = engine(directory.path(), true)?;
    let f = |n: &str| run(&engine, "SELECT f(CAST(1 AS BIGINT)) AS x;").is_ok_and(|rows| rows == [[n.to_owned()]]);
    if run(&engine, "SELECT f(CAST(1 AS BIGINT)) AS x;").is_ok() {
        return Err("there is a function where there is no plugin".into());
    }
    let binary = |n| wat::parse_str(adds(n)).map_err(|error| error.to_string());

    // In pieces, with pauses: it is not taken for a broken file in between.
    let bytes = binary(1)?;
    for end in (1..=bytes.len()).step_by(bytes.len() / 6) {
        write(&file, &bytes[..end])?;
        std::thread::sleep(Duration::from_millis(40));
    }
    write(&file, &bytes)?;
    in_time("a new file is used", || f("2"))?;
    let news = engine.plugin_news();
    if news != ["plugin a.wasm is loaded: f"] {
        return Err(format!("of a new file is told: {news:?}"));
    }

    // Renamed into its place.
    let beside = directory.path().join("a.tmp");
    write(&beside, binary(10)?)?;
    std::fs::rename(&beside, &file).map_err(|error| error.to_string())?;
    in_time("a replaced file is used", || f("11"))?;

    write(&file, "broken")?;
    in_time("a broken file is listed", || {
        run(&engine, "SHOW PLUGINS;")
            .is_ok_and(|rows| rows[0][5].contains("that of now is broken: it is not a WebAssembly module"))
    })?;
    if !f("11") {
        return Err("a broken file has taken the function away".into());
    }

    std::fs::remove_file(&file).map_err(|error| error.to_string())?;
    in_time("a removed file is gone", || {
        run(&engine, "SHOW PLUGINS;").is_ok_and(|rows| rows.is_empty())
    })?;
    if f("11") {
        return Err("the function of a file that is gone is there".into());
    }
    Ok(())
}

fn running_queries_keep_their_version() -> Result<(), String> {
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let file = directory.path().join("a.wat");
    write(&file, adds(100))?;
    let engine = engine(directory.path(), false)?;
    let script = "CREATE STREAM s (x BIGINT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);
        CREATE STREAM r AS SELECT f(x) AS y FROM s;
        INSERT INTO s VALUES (1);";
    run(&engine, script)?;
    expect("at first", &run(&engine, "SELECT y FROM r;")?, &["101"])?;

    write(&file, adds(200))?;
    let told = run(&engine, "RELOAD PLUGIN a;")?;
    expect("RELOAD PLUGIN", &told, &["plugin a.wat is replaced: f"])?;
    run(&engine, "INSERT INTO s VALUES (2);")?;
    expect(
        "the old version goes on",
        &run(&engine, "SELECT y FROM r;")?,
        &["101", "102"],
    )?;
    expect(
        "a new query has the new one",
        &run(&engine, "SELECT f(x) AS y FROM s;")?,
        &["201", "202"],
    )?;

    run(&engine, "CREATE OR REPLACE STREAM r AS SELECT f(x) AS y FROM s;")?;
    run(&engine, "INSERT INTO s VALUES (3);")?;
    expect(
        "the query was moved",
        &run(&engine, "SELECT y FROM r;")?,
        &["101", "102", "203"],
    )?;

    std::fs::remove_file(&file).map_err(|error| error.to_string())?;
    run(&engine, "RELOAD PLUGIN;")?;
    run(&engine, "INSERT INTO s VALUES (4);")?;
    expect(
        "it keeps a plugin that is gone",
        &run(&engine, "SELECT y FROM r;")?,
        &["101", "102", "203", "204"],
    )?;
    let error = run(&engine, "RELOAD PLUGIN a;").err().unwrap_or_default();
    if !error.contains("there is no plugin `a`") {
        return Err(format!("of a plugin that is gone RELOAD PLUGIN says: {error}"));
    }
    Ok(())
}
