//! Queries to ask, by family, each with the same question for DataFusion where one can be put.
//!
//! Where ksqlDB's meaning is another than SQL's, the oracle's text says it. A comparison with NULL is false in ksqlDB, so
//! predicates are made without NOT over comparisons.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::fold::Kind;

/// One query.
#[derive(Debug)]
pub(super) struct Case {
    /// What makes `result`.
    pub(super) sql: String,
    /// The same for DataFusion; without it only the lives are compared.
    pub(super) oracle: Option<String>,
    pub(super) kind: Kind,
    /// Columns of the result, in the oracle's order.
    pub(super) columns: Vec<&'static str>,
}

/// Makes a query of a family.
pub(super) type Make = fn(&mut ChaCha8Rng) -> Case;

/// All families.
pub(super) const FAMILIES: &[(&str, Make)] = &[("stateless", stateless)];

const AS_JSON: &str = "WITH (KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON')";

/// A whole number made of the columns of a stream.
fn number(rng: &mut ChaCha8Rng, depth: usize) -> String {
    match rng.random_range(0..if depth == 0 { 3 } else { 7 }) {
        0 => "v".into(),
        1 => "k".into(),
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

fn comparison(rng: &mut ChaCha8Rng) -> &'static str {
    ["=", "<>", "<", "<=", ">", ">="][rng.random_range(0..6)]
}

fn filter(rng: &mut ChaCha8Rng) -> String {
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
        oracle: Some(format!("SELECT k, t, {x} AS x, {y} AS y, rt FROM a WHERE {keep}")),
        kind: Kind::Stream,
        columns: vec!["k", "t", "x", "y", "rt"],
    }
}
