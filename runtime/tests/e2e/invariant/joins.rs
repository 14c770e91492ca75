//! Families of queries that join.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::queries::{AS_JSON, Against, Case};
use crate::fold::Kind;

/// Bounds of WITHIN, in seconds: how far the right row may be before and after the left one.
fn bounds(rng: &mut ChaCha8Rng) -> (i64, i64) {
    (rng.random_range(0..10), rng.random_range(0..10))
}

const PAIR: &str = "a.v AS x, b.v AS y, a.t AS t, b.t AS u";
const PAIR_COLUMNS: [&str; 5] = ["k", "x", "y", "t", "u"];

/// Rows of two streams within a time of each other.
pub(super) fn streams(rng: &mut ChaCha8Rng) -> Case {
    let (before_s, after_s) = bounds(rng);
    let (before, after) = (before_s * 1_000, after_s * 1_000);
    let keep = ["a.v > b.v", "a.t = b.t", "a.v IS NOT NULL"][rng.random_range(0..3)];
    Case {
        sql: format!(
            "CREATE STREAM result {AS_JSON} AS SELECT a.k AS k, {PAIR} FROM a INNER JOIN b WITHIN ({before_s} SECONDS, {after_s} SECONDS) GRACE PERIOD 1 DAY ON a.k = b.k WHERE {keep};"
        ),
        against: Against::DataFusion(format!(
            "SELECT a.k AS k, {PAIR} FROM a INNER JOIN b ON a.k = b.k AND b.rt BETWEEN a.rt - {before} AND a.rt + {after} WHERE {keep}"
        )),
        kind: Kind::Stream,
        columns: PAIR_COLUMNS.to_vec(),
    }
}

/// Rows of two streams, and those that found no other once their time was over; rows without a key find none.
pub(super) fn streams_outer(rng: &mut ChaCha8Rng) -> Case {
    let (before_s, after_s) = bounds(rng);
    let (before, after) = (before_s * 1_000, after_s * 1_000);
    let join = ["LEFT", "RIGHT", "FULL OUTER"][rng.random_range(0..3)];
    let matched = format!("a.k = b.k AND b.rt BETWEEN a.rt - {before} AND a.rt + {after}");
    Case {
        sql: format!(
            "CREATE STREAM result {AS_JSON} AS SELECT ROWKEY AS k, {PAIR} FROM a {join} JOIN b WITHIN ({before_s} SECONDS, {after_s} SECONDS) GRACE PERIOD 1 DAY ON a.k = b.k;"
        ),
        against: Against::DataFusion(format!(
            "SELECT COALESCE(a.k, b.k) AS k, {PAIR} FROM a {join} JOIN b ON {matched}"
        )),
        kind: Kind::Stream,
        columns: PAIR_COLUMNS.to_vec(),
    }
}

fn inner_or_left(rng: &mut ChaCha8Rng) -> &'static str {
    ["INNER", "LEFT"][rng.random_range(0..2)]
}

/// Rows of a stream with a table that is complete before the first of them.
pub(super) fn stream_table(rng: &mut ChaCha8Rng) -> Case {
    let join = inner_or_left(rng);
    let query = format!(
        "SELECT a.k AS k, a.v AS x, a.t AS t, c.g AS g, c.n AS n FROM a {join} JOIN c ON a.k = c.k WHERE a.v > -15"
    );
    Case {
        sql: format!("CREATE STREAM result {AS_JSON} AS {query};"),
        against: Against::DataFusion(query),
        kind: Kind::Stream,
        columns: vec!["k", "x", "t", "g", "n"],
    }
}

/// Rows of a stream with a table that changes meanwhile.
pub(super) fn stream_table_in_time(rng: &mut ChaCha8Rng) -> Case {
    let join = inner_or_left(rng);
    Case {
        sql: format!(
            "CREATE STREAM result {AS_JSON} AS SELECT a.k AS k, a.v AS x, a.t AS t, d.g AS g, d.n AS n FROM a {join} JOIN d ON a.k = d.k;"
        ),
        against: Against::LivesInEventTime,
        kind: Kind::Stream,
        columns: vec!["k", "x", "t", "g", "n"],
    }
}

/// Two tables by their keys.
pub(super) fn tables(rng: &mut ChaCha8Rng) -> Case {
    let (join, key) = [
        ("INNER", "c.k"),
        ("LEFT", "c.k"),
        ("RIGHT", "d.k"),
        ("FULL OUTER", "ROWKEY"),
    ][rng.random_range(0..4)];
    let keep = ["", " WHERE c.n > d.n", " WHERE c.g = d.g"][rng.random_range(0..3)];
    let list = "c.g AS g, c.n AS n, d.g AS h, d.n AS m";
    Case {
        sql: format!(
            "CREATE TABLE result {AS_JSON} AS SELECT {key} AS k, {list} FROM c {join} JOIN d ON c.k = d.k{keep};"
        ),
        against: Against::DataFusion(format!(
            "SELECT COALESCE(c.k, d.k) AS k, {list} FROM c {join} JOIN d ON c.k = d.k{keep}"
        )),
        kind: Kind::Table,
        columns: vec!["k", "g", "n", "h", "m"],
    }
}

/// A table that names rows of another.
pub(super) fn foreign_key(rng: &mut ChaCha8Rng) -> Case {
    let join = inner_or_left(rng);
    let (left, right) = [("c", "d"), ("d", "c")][rng.random_range(0..2)];
    let query = format!(
        "SELECT {left}.k AS k, {left}.g AS g, {left}.n AS n, {right}.n AS m FROM {left} {join} JOIN {right} ON {left}.g = {right}.k"
    );
    Case {
        sql: format!("CREATE TABLE result {AS_JSON} AS {query};"),
        against: Against::DataFusion(query),
        kind: Kind::Table,
        columns: vec!["k", "g", "n", "m"],
    }
}

/// Two streams and a table.
pub(super) fn three_way(rng: &mut ChaCha8Rng) -> Case {
    let seconds = rng.random_range(1..10);
    let list = "a.k AS k, a.v AS x, b.v AS y, c.n AS n";
    Case {
        sql: format!(
            "CREATE STREAM result {AS_JSON} AS SELECT {list} FROM a INNER JOIN b WITHIN {seconds} SECONDS GRACE PERIOD 1 DAY ON a.k = b.k INNER JOIN c ON a.k = c.k;"
        ),
        against: Against::DataFusion(format!(
            "SELECT {list} FROM a INNER JOIN b ON a.k = b.k AND ABS(a.rt - b.rt) <= {seconds}000 INNER JOIN c ON a.k = c.k"
        )),
        kind: Kind::Stream,
        columns: vec!["k", "x", "y", "n"],
    }
}

/// Aggregates of two streams, window by window.
pub(super) fn windowed(rng: &mut ChaCha8Rng) -> Case {
    let (join, size_s) = (
        ["INNER", "LEFT", "RIGHT", "FULL OUTER"][rng.random_range(0..4)],
        rng.random_range(2..15),
    );
    let size = size_s * 1_000;
    let (key, start) = match join {
        "FULL OUTER" => ("ROWKEY", "COALESCE(x.WINDOWSTART, y.WINDOWSTART)"),
        "RIGHT" => ("y.k", "y.WINDOWSTART"),
        _ => ("x.k", "x.WINDOWSTART"),
    };
    let window = format!("WINDOW TUMBLING (SIZE {size_s} SECONDS, GRACE PERIOD 1 DAY)");
    let theirs = |stream: &str| {
        format!(
            "(SELECT k, rt - rt % {size} AS ws, COUNT(*) AS n FROM {stream} WHERE k IS NOT NULL GROUP BY k, rt - rt % {size})"
        )
    };
    Case {
        sql: format!(
            "CREATE TABLE x {AS_JSON} AS SELECT k, COUNT(*) AS n FROM a {window} GROUP BY k; \
             CREATE TABLE y {AS_JSON} AS SELECT k, COUNT(*) AS n FROM b {window} GROUP BY k; \
             CREATE TABLE result {AS_JSON} AS SELECT {key} AS k, {start} AS ws, x.n AS n, y.n AS m FROM x {join} JOIN y ON x.k = y.k;"
        ),
        against: Against::DataFusion(format!(
            "SELECT COALESCE(x.k, y.k) AS k, COALESCE(x.ws, y.ws) AS ws, x.n AS n, y.n AS m FROM {} AS x {join} JOIN {} AS y ON x.k = y.k AND x.ws = y.ws",
            theirs("a"),
            theirs("b")
        )),
        kind: Kind::Table,
        columns: vec!["k", "ws", "n", "m"],
    }
}
