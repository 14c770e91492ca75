//! Families of queries over tables, whose rows change and go.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::queries::{AS_JSON, Against, Case, aggregates, comparison, filter as stream_filter};
use crate::fold::Kind;

/// A condition on a row of a table.
fn condition(rng: &mut ChaCha8Rng) -> String {
    match rng.random_range(0..5) {
        0 => format!("n {} {}", comparison(rng), rng.random_range(-50..50)),
        1 => format!("g {} {}", comparison(rng), rng.random_range(0..5)),
        2 => "n IS NOT NULL".into(),
        3 => format!("(g IS NULL OR n < {})", rng.random_range(-50..50)),
        _ => "TRUE".into(),
    }
}

/// Rows that come into the result and leave it again.
pub(super) fn filter(rng: &mut ChaCha8Rng) -> Case {
    let (table, keep) = (["c", "d"][rng.random_range(0..2)], condition(rng));
    let query = format!("SELECT k, n + 1 AS x, g FROM {table} WHERE {keep}");
    Case {
        sql: format!("CREATE TABLE result {AS_JSON} AS {query};"),
        against: Against::DataFusion(query),
        kind: Kind::Table,
        columns: vec!["k", "x", "g"],
    }
}

/// Aggregates whose rows change groups; groups that are empty again are left out.
pub(super) fn group_by(rng: &mut ChaCha8Rng) -> Case {
    let (table, before, keep) = (["c", "d"][rng.random_range(0..2)], condition(rng), condition(rng));
    let by = ["g", "g % 2"][rng.random_range(0..2)];
    let (ours, theirs) = [
        ("COUNT(n)", "COUNT(n)"),
        ("CAST(VWAP(n, 1) AS BIGINT)", "CAST(AVG(n) AS BIGINT)"),
    ][rng.random_range(0..2)];
    Case {
        sql: format!(
            "CREATE TABLE kept {AS_JSON} AS SELECT k, g, n FROM {table} WHERE {before}; \
             CREATE TABLE result {AS_JSON} AS SELECT {by} AS h, COUNT(*) AS x, SUM(n) AS y, {ours} AS z FROM kept WHERE {keep} GROUP BY {by} HAVING COUNT(*) > 0;"
        ),
        against: Against::DataFusion(format!(
            "SELECT {by} AS h, COUNT(*) AS x, COALESCE(SUM(n), 0) AS y, {theirs} AS z FROM {table} WHERE {before} AND {keep} AND ({by}) IS NOT NULL GROUP BY {by}"
        )),
        kind: Kind::Table,
        columns: vec!["h", "x", "y", "z"],
    }
}

/// Aggregates of a stream, aggregated again.
pub(super) fn twice(rng: &mut ChaCha8Rng) -> Case {
    let keep = stream_filter(rng);
    let (ours, theirs) = aggregates(rng);
    Case {
        sql: format!(
            "CREATE TABLE once {AS_JSON} AS SELECT k, t, {ours} FROM a WHERE {keep} GROUP BY k, t; \
             CREATE TABLE result {AS_JSON} AS SELECT t, COUNT(*) AS n, SUM(x) AS s FROM once GROUP BY t;"
        ),
        against: Against::DataFusion(format!(
            "SELECT t, COUNT(*) AS n, COALESCE(SUM(x), 0) AS s FROM (SELECT k, t, {theirs} FROM a WHERE ({keep}) AND k IS NOT NULL AND t IS NOT NULL GROUP BY k, t) AS once GROUP BY t"
        )),
        kind: Kind::Table,
        columns: vec!["t", "n", "s"],
    }
}

/// Aggregates of windows, whose rows come and go as they fit a condition.
pub(super) fn windowed_filter(rng: &mut ChaCha8Rng) -> Case {
    let (keep, size_s) = (stream_filter(rng), rng.random_range(1..9));
    let least = rng.random_range(0..2);
    let size = size_s * 1_000;
    Case {
        sql: format!(
            "CREATE TABLE once {AS_JSON} AS SELECT k, COUNT(*) AS n, SUM(v) AS s FROM a WINDOW TUMBLING (SIZE {size_s} SECONDS, GRACE PERIOD 1 DAY) WHERE {keep} GROUP BY k; \
             CREATE TABLE result {AS_JSON} AS SELECT k, WINDOWSTART AS ws, n + 1 AS x, s AS y FROM once WHERE n > {least};"
        ),
        against: Against::DataFusion(format!(
            "SELECT k, ws, n + 1 AS x, s AS y FROM (SELECT k, rt - rt % {size} AS ws, COUNT(*) AS n, COALESCE(SUM(v), 0) AS s FROM a WHERE ({keep}) AND k IS NOT NULL GROUP BY k, rt - rt % {size}) AS once WHERE n > {least}"
        )),
        kind: Kind::Table,
        columns: vec!["k", "ws", "x", "y"],
    }
}
