//! Rows on which a function of a plugin fails, by `row.error.policy`: functions with state in queries that go on, and all kinds in queries that end.

use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};

use crate::plugin_directory::{engine, expect, run, write};
use crate::plugin_moves::FIRST;

pub(crate) fn trials() -> Vec<Trial> {
    let cases: [(&str, fn() -> Result<(), String>); 2] = [
        ("of functions with state", failed_rows),
        ("in a query that ends", failed_rows_in_the_end),
    ];
    let trials = cases.into_iter();
    let trials =
        trials.map(|(name, run)| Trial::test(format!("plugin_rows/{name}"), move || run().map_err(Failed::from)));
    trials.collect()
}

/// Rows that functions with state report as failed, by policy.
fn failed_rows() -> Result<(), String> {
    for (policy, given) in [("null", "-1"), ("skip", ""), ("fail", "")] {
        let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
        write(&directory.path().join("sums.wat"), FIRST.guest())?;
        let engine = engine(directory.path(), false)?;
        run(
            &engine,
            &format!(
                "SET 'row.error.policy' = '{policy}';
                CREATE STREAM s (k STRING KEY, x BIGINT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);
                CREATE STREAM each AS SELECT k, x, run_total(x) AS y FROM s;
                CREATE TABLE total WITH (KEY_FORMAT='JSON') AS SELECT k, all_total(x) AS y, COUNT(*) AS n FROM s GROUP BY k;
                CREATE STREAM so_far AS SELECT k, x, all_total(x) OVER (PARTITION BY k ORDER BY ROWTIME) AS y FROM s;
                INSERT INTO s VALUES ('a', 1), ('a', -1), ('a', 2);"
            ),
        )?;
        if policy == "fail" {
            let start = Instant::now();
            while engine.queries().iter().any(|(_, pipeline)| !pipeline.state().is_over()) {
                if start.elapsed() > Duration::from_mins(1) {
                    return Err("queries go on behind a row that failed".into());
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            for (info, pipeline) in engine.queries() {
                let state = format!("{:?}", pipeline.state());
                if !state.contains("_total of plugin sums failed at row") || !state.contains("it is negative") {
                    return Err(format!("{} is {state}", info.id));
                }
            }
            continue;
        }
        let mut due = vec!["1 1", "2 3"];
        due.extend((!given.is_empty()).then_some(given));
        due.sort_unstable();
        expect(policy, &run(&engine, "SELECT x, y FROM each;")?, &due)?;
        expect(policy, &run(&engine, "SELECT y, n FROM total;")?, &["3 3"])?;
        expect(
            policy,
            &run(&engine, "SELECT x, y FROM so_far;")?,
            &["-1 1", "1 1", "2 3"],
        )?;
        for (info, pipeline) in engine.queries() {
            let (is_persistent, errors) = (info.sink.is_some(), pipeline.metrics().row_errors.count());
            if is_persistent && errors != 1 {
                return Err(format!("{} has counted {errors} row errors", info.id));
            }
        }
    }
    Ok(())
}

/// Plain functions, one of which traps.
const TRAPS: &str = r#"
(module (func (export "not_one") (param i64) (result i64)
  (if (i64.eq (local.get 0) (i64.const 1)) (then unreachable)) (i64.add (local.get 0) (i64.const 100))))"#;

/// Rows that fail in queries over what there is: under `null` they are NULL, or left out of the aggregate; else they are the end.
fn failed_rows_in_the_end() -> Result<(), String> {
    let negative = "it is negative";
    let queries: [(&str, &[&str], &str); 7] = [
        (
            "SELECT k, all_total(x) AS y, COUNT(*) AS n FROM s GROUP BY k;",
            &["3 3"],
            negative,
        ),
        ("SELECT all_total(x) AS y, SUM(x) AS z FROM s;", &["3 2"], negative),
        (
            "SELECT k, all_total(DISTINCT x) AS y FROM s GROUP BY k HAVING all_total(x) > 2;",
            &["3"],
            negative,
        ),
        (
            "SELECT all_total(x) OVER (ORDER BY x) AS y, x FROM s ORDER BY x DESC LIMIT 1;",
            &["3 2"],
            negative,
        ),
        (
            "SELECT x, CAST(conf_reciprocal(CAST(x + 1 AS DOUBLE)) * 10 AS BIGINT) AS y FROM s;",
            &["-1", "1 5", "2 3"],
            "failed at row 1: x is 0",
        ),
        (
            "SELECT x, not_one(x) AS y FROM s;",
            &["-1 99", "1", "2 102"],
            "trapped at row 0",
        ),
        (
            "SELECT x, 10 / (x + 1) AS y, x % (x - 1) AS z FROM s;",
            &["-1 -1", "1 5", "2 3 0"],
            "division by zero",
        ),
    ];
    for policy in ["null", "skip", "fail"] {
        let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
        let conformance = crate::root().join("udf-sdk/conformance/built/c.wasm");
        std::fs::copy(conformance, directory.path().join("c.wasm")).map_err(|error| error.to_string())?;
        write(&directory.path().join("sums.wat"), FIRST.guest())?;
        write(&directory.path().join("traps.wat"), TRAPS)?;
        let engine = engine(directory.path(), false)?;
        run(
            &engine,
            &format!(
                "SET 'row.error.policy' = '{policy}';
                CREATE STREAM s (k STRING KEY, x BIGINT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);
                INSERT INTO s VALUES ('a', 1), ('a', -1), ('a', 2);"
            ),
        )?;
        for (query, due, message) in queries {
            match run(&engine, query) {
                Ok(rows) if policy == "null" => expect(query, &rows, due)?,
                Err(error) if policy != "null" && error.contains(message) => {}
                other => return Err(format!("{policy}: {query}: {other:?}")),
            }
        }
    }
    Ok(())
}
