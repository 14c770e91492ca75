//! Families of queries that ask for a row's neighbours and for the first rows of a key.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::queries::{AS_JSON, Against, Case, filter};
use crate::fold::Kind;

/// Functions of the rows before a row: for Waterwheel, for DataFusion, where `o` is the order of arrival.
const CALLS: &[(&str, &str)] = &[
    (
        "ROW_NUMBER() OVER (PARTITION BY k)",
        "ROW_NUMBER() OVER (PARTITION BY k ORDER BY o)",
    ),
    (
        "LAG(v) OVER (PARTITION BY k)",
        "LAG(v) OVER (PARTITION BY k ORDER BY o)",
    ),
    (
        "LAG(v, 2, 0) OVER (PARTITION BY k)",
        "LAG(v, 2, 0) OVER (PARTITION BY k ORDER BY o)",
    ),
    (
        "LEAD(v) OVER (PARTITION BY k)",
        "LEAD(v) OVER (PARTITION BY k ORDER BY o)",
    ),
    (
        "SUM(v) OVER (PARTITION BY k ORDER BY ROWTIME ROWS UNBOUNDED PRECEDING)",
        "COALESCE(SUM(v) OVER (PARTITION BY k ORDER BY o ROWS UNBOUNDED PRECEDING), 0)",
    ),
    (
        "MAX(v) OVER (PARTITION BY k ORDER BY ROWTIME ROWS 2 PRECEDING)",
        "MAX(v) OVER (PARTITION BY k ORDER BY o ROWS 2 PRECEDING)",
    ),
    (
        "COUNT(v) OVER (PARTITION BY k ORDER BY ROWTIME ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING)",
        "COUNT(v) OVER (PARTITION BY k ORDER BY o ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING)",
    ),
];

/// Rows with what the rows around them give, in the order of arrival.
pub(super) fn neighbours(rng: &mut ChaCha8Rng) -> Case {
    let keep = filter(rng);
    let (x, y) = (
        CALLS[rng.random_range(0..CALLS.len())],
        CALLS[rng.random_range(0..CALLS.len())],
    );
    let query =
        |x: &str, y: &str| format!("SELECT k, v, t, {x} AS x, {y} AS y FROM a WHERE ({keep}) AND k IS NOT NULL");
    Case {
        sql: format!("CREATE STREAM result {AS_JSON} AS {};", query(x.0, y.0)),
        against: Against::DataFusion(query(x.1, y.1)),
        kind: Kind::Stream,
        columns: vec!["k", "v", "t", "x", "y"],
    }
}

/// The first rows of each key by what changes with every row.
pub(super) fn top_n(rng: &mut ChaCha8Rng) -> Case {
    let (keep, count) = (filter(rng), rng.random_range(1..4));
    let by = ["k", "t"][rng.random_range(0..2)];
    let order = ["v DESC, rt, k, t", "v, rt DESC, k, t", "rt DESC, v, k, t"][rng.random_range(0..3)];
    let query = |time: &str| {
        format!(
            "SELECT {by} AS g, place, v, rt FROM (SELECT k, v, t, rt, ROW_NUMBER() OVER (PARTITION BY {by} ORDER BY {order}) AS place FROM (SELECT k, v, t, {time} AS rt FROM a WHERE {keep}) AS timed) AS ranked WHERE place <= {count} AND {by} IS NOT NULL"
        )
    };
    Case {
        sql: format!("CREATE TABLE result {AS_JSON} AS {};", query("ROWTIME")),
        against: Against::DataFusion(query("rt")),
        kind: Kind::Table,
        columns: vec!["g", "place", "v", "rt"],
    }
}

/// The keys with the most rows of each window.
pub(super) fn top_of_windows(rng: &mut ChaCha8Rng) -> Case {
    let (keep, size_s) = (filter(rng), rng.random_range(5..20));
    let size = size_s * 1_000;
    Case {
        sql: format!(
            "CREATE TABLE counts {AS_JSON} AS SELECT k, COUNT(*) AS n FROM a WINDOW TUMBLING (SIZE {size_s} SECONDS, GRACE PERIOD 1 DAY) WHERE {keep} GROUP BY k; \
             CREATE TABLE result {AS_JSON} AS SELECT ws, k, n FROM (SELECT WINDOWSTART AS ws, k, n, RANK() OVER (PARTITION BY WINDOWSTART ORDER BY n DESC) AS place FROM counts) AS ranked WHERE place = 1;"
        ),
        against: Against::DataFusion(format!(
            "SELECT ws, k, n FROM (SELECT ws, k, n, RANK() OVER (PARTITION BY ws ORDER BY n DESC) AS place FROM (SELECT k, rt - rt % {size} AS ws, COUNT(*) AS n FROM a WHERE ({keep}) AND k IS NOT NULL GROUP BY k, rt - rt % {size}) AS counts) AS ranked WHERE place = 1"
        )),
        kind: Kind::Table,
        columns: vec!["ws", "k", "n"],
    }
}

/// Each row once.
pub(super) fn distinct(rng: &mut ChaCha8Rng) -> Case {
    let keep = filter(rng);
    let query = format!("SELECT DISTINCT k, t FROM a WHERE {keep}");
    Case {
        sql: format!("CREATE STREAM result {AS_JSON} AS {query};"),
        against: Against::DataFusion(query),
        kind: Kind::Stream,
        columns: vec!["k", "t"],
    }
}
