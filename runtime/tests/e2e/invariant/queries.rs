//! Queries to ask, by family, each with the same question for DataFusion where one can be put.
//!
//! Where ksqlDB's meaning is another than SQL's, the oracle's text says it: a row whose group is NULL is left out, a
//! comparison with NULL is false (so predicates are made without NOT over comparisons), a sum of nothing is 0.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{joins, over, tables};
use crate::fold::Kind;

/// One query.
#[derive(Debug)]
pub(super) struct Case {
    /// What makes `result`.
    pub(super) sql: String,
    /// What the results are compared with.
    pub(super) against: Against,
    pub(super) kind: Kind,
    /// Columns of the result, in the oracle's order.
    pub(super) columns: Vec<&'static str>,
}

/// What the results of the lives are compared with.
#[derive(Debug)]
pub(super) enum Against {
    /// The answer of DataFusion to this.
    DataFusion(String),
    /// As the next, without the life of single rows, which takes them in the order of arrival and not of their times.
    LivesInEventTime,
    /// Each other where there are as many partitions: which rows are late depends on what else is in their partition.
    LivesOfSamePartitions,
}

/// Makes a query of a family.
pub(super) type Make = fn(&mut ChaCha8Rng) -> Case;

/// All families.
pub(super) const FAMILIES: &[(&str, Make)] = &[
    ("stateless", stateless),
    ("group by", group_by),
    ("tumbling and hopping", windows),
    ("session", session),
    ("late rows", late_rows),
    ("final windows", final_windows),
    ("union, subquery", shapes),
    ("latest by offset", latest),
    ("stream join", joins::streams),
    ("stream outer join", joins::streams_outer),
    ("stream table join", joins::stream_table),
    ("stream table join in time", joins::stream_table_in_time),
    ("table join", joins::tables),
    ("foreign key join", joins::foreign_key),
    ("three-way join", joins::three_way),
    ("table filter", tables::filter),
    ("table group by", tables::group_by),
    ("group by twice", tables::twice),
    ("windowed table filter", tables::windowed_filter),
    ("windowed table join", joins::windowed),
    ("over", over::neighbours),
    ("top n", over::top_n),
    ("top n of windows", over::top_of_windows),
    ("distinct", over::distinct),
];

pub(super) const AS_JSON: &str = "WITH (KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON')";

/// A whole number made of the columns of a stream.
fn number(rng: &mut ChaCha8Rng, depth: usize) -> String {
    match rng.random_range(0..if depth == 0 { 3 } else { 7 }) {
        0 => "v".into(),
        // The key itself may stand in a result once only.
        1 => "k + 0".into(),
        2 => rng.random_range(-9..10).to_string(),
        3 => format!("({} + {})", number(rng, depth - 1), number(rng, depth - 1)),
        4 => format!("({} - {})", number(rng, depth - 1), number(rng, depth - 1)),
        5 => format!("({} * {})", number(rng, depth - 1), rng.random_range(2..5)),
        _ => format!(
            "CASE WHEN {} THEN {} ELSE {} END",
            predicate(rng, depth - 1),
            number(rng, depth - 1),
            number(rng, depth - 1)
        ),
    }
}

fn predicate(rng: &mut ChaCha8Rng, depth: usize) -> String {
    match rng.random_range(0..if depth == 0 { 5 } else { 7 }) {
        0 => format!("{} {} {}", number(rng, 0), comparison(rng), number(rng, 0)),
        1 => format!("t {} '{}'", comparison(rng), ["x", "y", "zz"][rng.random_range(0..3)]),
        2 => format!("{} IS NULL", ["k", "v", "t"][rng.random_range(0..3)]),
        3 => format!("{} IS NOT NULL", ["k", "v", "t"][rng.random_range(0..3)]),
        4 => format!("v BETWEEN {} AND {}", rng.random_range(-20..0), rng.random_range(0..20)),
        5 => format!("({} AND {})", predicate(rng, depth - 1), predicate(rng, depth - 1)),
        _ => format!("({} OR {})", predicate(rng, depth - 1), predicate(rng, depth - 1)),
    }
}

pub(super) fn comparison(rng: &mut ChaCha8Rng) -> &'static str {
    ["=", "<>", "<", "<=", ">", ">="][rng.random_range(0..6)]
}

pub(super) fn filter(rng: &mut ChaCha8Rng) -> String {
    if rng.random_bool(0.6) {
        predicate(rng, 2)
    } else {
        "TRUE".into()
    }
}

fn stateless(rng: &mut ChaCha8Rng) -> Case {
    let (x, y, keep) = (number(rng, 3), number(rng, 2), filter(rng));
    Case {
        sql: format!(
            "CREATE STREAM result {AS_JSON} AS SELECT k, t, {x} AS x, {y} AS y, ROWTIME AS rt FROM a WHERE {keep};"
        ),
        against: Against::DataFusion(format!("SELECT k, t, {x} AS x, {y} AS y, rt FROM a WHERE {keep}")),
        kind: Kind::Stream,
        columns: vec!["k", "t", "x", "y", "rt"],
    }
}

/// Aggregates over `v` that SQL and ksqlDB know: for ksqlDB, for DataFusion.
const AGGREGATES: &[(&str, &str)] = &[
    ("COUNT(*)", "COUNT(*)"),
    ("COUNT(v)", "COUNT(v)"),
    ("SUM(v)", "COALESCE(SUM(v), 0)"),
    ("MIN(v)", "MIN(v)"),
    ("MAX(v)", "MAX(v)"),
    ("COUNT_DISTINCT(v)", "COUNT(DISTINCT v)"),
    ("SUM(v + 1)", "COALESCE(SUM(v + 1), 0)"),
    // Of a plugin. Whole, as sums of other numbers depend on the order of the rows.
    ("CAST(VWAP(v, 1) AS BIGINT)", "CAST(AVG(v) AS BIGINT)"),
];

/// Three aggregates as `x`, `y`, `z`: for ksqlDB, for DataFusion.
pub(super) fn aggregates(rng: &mut ChaCha8Rng) -> (String, String) {
    let mut lists = (Vec::new(), Vec::new());
    for name in ["x", "y", "z"] {
        let (ours, theirs) = AGGREGATES[rng.random_range(0..AGGREGATES.len())];
        lists.0.push(format!("{ours} AS {name}"));
        lists.1.push(format!("{theirs} AS {name}"));
    }
    (lists.0.join(", "), lists.1.join(", "))
}

/// What to group by: the expressions, their names.
fn groups(rng: &mut ChaCha8Rng) -> (Vec<&'static str>, Vec<&'static str>) {
    match rng.random_range(0..4) {
        0 => (vec!["k"], vec!["k"]),
        1 => (vec!["t"], vec!["t"]),
        2 => (vec!["k", "t"], vec!["k", "t"]),
        _ => (vec!["v * 2"], vec!["g"]),
    }
}

/// `v * 2 AS g, ...` of groups.
fn selected(groups: &(Vec<&'static str>, Vec<&'static str>)) -> String {
    let pairs = groups.0.iter().zip(&groups.1);
    let pairs: Vec<String> = pairs
        .map(|(group, name)| {
            if group == name {
                (*name).to_owned()
            } else {
                format!("{group} AS {name}")
            }
        })
        .collect();
    pairs.join(", ")
}

fn present(groups: &[&str]) -> String {
    let parts: Vec<String> = groups.iter().map(|group| format!("({group}) IS NOT NULL")).collect();
    parts.join(" AND ")
}

fn columns(first: &[&'static str], more: &[&'static str]) -> Vec<&'static str> {
    [first, more].concat()
}

fn group_by(rng: &mut ChaCha8Rng) -> Case {
    let (by, keep) = (groups(rng), filter(rng));
    let (ours, theirs) = aggregates(rng);
    let (names, group) = (selected(&by), by.0.join(", "));
    let having = if rng.random_bool(0.3) {
        format!(" HAVING COUNT(*) > {}", rng.random_range(0..4))
    } else {
        String::new()
    };
    Case {
        sql: format!(
            "CREATE TABLE result {AS_JSON} AS SELECT {names}, {ours} FROM a WHERE {keep} GROUP BY {group}{having};"
        ),
        against: Against::DataFusion(format!(
            "SELECT {names}, {theirs} FROM a WHERE ({keep}) AND {} GROUP BY {group}{having}",
            present(&by.0)
        )),
        kind: Kind::Table,
        columns: columns(&by.1, &["x", "y", "z"]),
    }
}

fn windows(rng: &mut ChaCha8Rng) -> Case {
    let (by, keep) = (groups(rng), filter(rng));
    let (ours, theirs) = aggregates(rng);
    let (names, group) = (selected(&by), by.0.join(", "));
    let advance_s: i64 = rng.random_range(1..8);
    let overlap: i64 = if rng.random_bool(0.5) {
        1
    } else {
        rng.random_range(2..4)
    };
    let (size_s, window) = match overlap {
        1 => (
            advance_s,
            format!("TUMBLING (SIZE {advance_s} SECONDS, GRACE PERIOD 1 DAY)"),
        ),
        _ => (
            advance_s * overlap,
            format!(
                "HOPPING (SIZE {} SECONDS, ADVANCE BY {advance_s} SECONDS, GRACE PERIOD 1 DAY)",
                advance_s * overlap
            ),
        ),
    };
    let (advance, size) = (advance_s * 1_000, size_s * 1_000);
    let hops: Vec<String> = (0..overlap).map(|hop| format!("({hop})")).collect();
    Case {
        sql: format!(
            "CREATE TABLE result {AS_JSON} AS SELECT {names}, WINDOWSTART AS ws, WINDOWEND AS we, {ours} FROM a WINDOW {window} WHERE {keep} GROUP BY {group};"
        ),
        against: Against::DataFusion(format!(
            "SELECT {names}, ws, ws + {size} AS we, {theirs} FROM (SELECT k, v, t, rt - rt % {advance} - hop * {advance} AS ws FROM a CROSS JOIN (VALUES {}) AS hops(hop)) AS a WHERE ws >= 0 AND ({keep}) AND {} GROUP BY {group}, ws",
            hops.join(", "),
            present(&by.0)
        )),
        kind: Kind::Table,
        columns: columns(&by.1, &["ws", "we", "x", "y", "z"]),
    }
}

fn session(rng: &mut ChaCha8Rng) -> Case {
    let keep = filter(rng);
    let (ours, theirs) = aggregates(rng);
    let gap_s = rng.random_range(1..9);
    let gap = gap_s * 1_000;
    Case {
        sql: format!(
            "CREATE TABLE result {AS_JSON} AS SELECT k, WINDOWSTART AS ws, WINDOWEND AS we, {ours} FROM a WINDOW SESSION ({gap_s} SECONDS, GRACE PERIOD 1 DAY) WHERE {keep} GROUP BY k;"
        ),
        against: Against::DataFusion(format!(
            "WITH marked AS (SELECT k, v, rt, CASE WHEN rt - LAG(rt) OVER (PARTITION BY k ORDER BY rt) <= {gap} THEN 0 ELSE 1 END AS new FROM a WHERE ({keep}) AND k IS NOT NULL), \
             numbered AS (SELECT k, v, rt, SUM(new) OVER (PARTITION BY k ORDER BY rt ROWS UNBOUNDED PRECEDING) AS session FROM marked) \
             SELECT k, MIN(rt) AS ws, MAX(rt) AS we, {theirs} FROM numbered GROUP BY k, session"
        )),
        kind: Kind::Table,
        columns: vec!["k", "ws", "we", "x", "y", "z"],
    }
}

/// Three aggregates of windows whose grace period is too short for the disorder of the rows.
fn late_rows(rng: &mut ChaCha8Rng) -> Case {
    let mut case = windows(rng);
    case.sql = case.sql.replace(
        "GRACE PERIOD 1 DAY",
        ["GRACE PERIOD 1 SECONDS", "GRACE PERIOD 0 SECONDS"][rng.random_range(0..2)],
    );
    case.against = Against::LivesOfSamePartitions;
    case
}

/// Windows that give one result, when they are over.
fn final_windows(rng: &mut ChaCha8Rng) -> Case {
    let mut case = windows(rng);
    case.sql = case.sql.replace(';', " EMIT FINAL;");
    if rng.random_bool(0.5) {
        case.sql = case.sql.replace("GRACE PERIOD 1 DAY", "GRACE PERIOD 2 SECONDS");
        case.against = Against::LivesOfSamePartitions;
    }
    case
}

/// Other clauses that make streams and tables of streams.
fn shapes(rng: &mut ChaCha8Rng) -> Case {
    let (x, keep) = (number(rng, 2), filter(rng));
    let (kind, query, theirs, columns) = match rng.random_range(0..3) {
        0 => {
            let query = format!("SELECT k, {x} AS x FROM a WHERE {keep} UNION ALL SELECT k, v AS x FROM b WHERE v > 0");
            (Kind::Stream, query.clone(), query, vec!["k", "x"])
        }
        1 => {
            let query = format!("SELECT k, x + 1 AS x FROM (SELECT k, {x} AS x FROM a WHERE {keep}) AS s WHERE x > 0");
            (Kind::Stream, query.clone(), query, vec!["k", "x"])
        }
        _ => {
            let query = format!(
                "WITH s AS (SELECT k, {x} AS x FROM a WHERE {keep}) SELECT k, COUNT(*) AS n, MAX(x) AS x FROM s"
            );
            let theirs = format!("{query} WHERE k IS NOT NULL GROUP BY k");
            (Kind::Table, format!("{query} GROUP BY k"), theirs, vec!["k", "n", "x"])
        }
    };
    let word = if kind == Kind::Stream { "STREAM" } else { "TABLE" };
    Case {
        sql: format!("CREATE {word} result {AS_JSON} AS {query};"),
        against: Against::DataFusion(theirs),
        kind,
        columns,
    }
}

/// What depends on the order of the rows of a key, which is that of its partition.
fn latest(rng: &mut ChaCha8Rng) -> Case {
    let keep = filter(rng);
    Case {
        sql: format!(
            "CREATE TABLE result {AS_JSON} AS SELECT k, LATEST_BY_OFFSET(v) AS x, EARLIEST_BY_OFFSET(v) AS y, COLLECT_LIST(v) AS z FROM a WHERE {keep} GROUP BY k;"
        ),
        against: Against::DataFusion(format!(
            "SELECT k, LAST_VALUE(v ORDER BY o) FILTER (WHERE v IS NOT NULL) AS x, FIRST_VALUE(v ORDER BY o) FILTER (WHERE v IS NOT NULL) AS y, ARRAY_AGG(v ORDER BY o) AS z FROM a WHERE ({keep}) AND k IS NOT NULL GROUP BY k"
        )),
        kind: Kind::Table,
        columns: vec!["k", "x", "y", "z"],
    }
}
