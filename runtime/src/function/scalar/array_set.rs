//! Arrays as sets, and arrays put together. NULL is an element like any other and equal to itself.

use std::collections::HashSet;

use datafusion::arrow::array::ArrayRef;
use datafusion::error::Result;

use super::array::{ListArg, Picked};
use crate::function::column::Call;
use crate::function::definition::{Definition, define};

pub(super) fn functions() -> Vec<Definition> {
    vec![
        define("array_distinct", "the elements, of equal ones the first").on("(ARRAY<T>) -> ARRAY<T>", distinct),
        define(
            "array_except",
            "the distinct elements of the first array that the second has not",
        )
        .on("(ARRAY<T>, ARRAY<T>) -> ARRAY<T>", |c| select(c, false)),
        define(
            "array_intersect",
            "the distinct elements of the first array that the second has too",
        )
        .on("(ARRAY<T>, ARRAY<T>) -> ARRAY<T>", |c| select(c, true)),
        define("array_union", "the distinct elements of both arrays").on("(ARRAY<T>, ARRAY<T>) -> ARRAY<T>", union),
        define(
            "array_concat",
            "the elements of the first array and then those of the second; a NULL array has none",
        )
        .on("(ARRAY<T>, ARRAY<T>) -> ARRAY<T>", concat),
    ]
}

fn distinct(call: &Call<'_>) -> Result<ArrayRef> {
    let list = ListArg::of(call, 0);
    let keys = list.keys();
    let mut rows = Picked::new(call.rows);
    for row in 0..call.rows {
        rows.push(list.range(row).map(|range| {
            let mut seen = HashSet::new();
            range
                .filter(|at| seen.insert(&keys[*at]))
                .map(|at| (0, at))
                .collect::<Vec<_>>()
        }));
    }
    rows.finish(&[list.values()])
}

/// The distinct elements of the first array that are (`wanted`) or are not in the second.
fn select(call: &Call<'_>, wanted: bool) -> Result<ArrayRef> {
    let (left, right) = (ListArg::of(call, 0), ListArg::of(call, 1));
    let (left_keys, right_keys) = (left.keys(), right.keys());
    let mut rows = Picked::new(call.rows);
    for row in 0..call.rows {
        rows.push(left.range(row).zip(right.range(row)).map(|(range, others)| {
            let others: HashSet<&Vec<u8>> = right_keys[others].iter().collect();
            let mut seen = HashSet::new();
            range
                .filter(|at| others.contains(&left_keys[*at]) == wanted && seen.insert(&left_keys[*at]))
                .map(|at| (0, at))
                .collect::<Vec<_>>()
        }));
    }
    rows.finish(&[left.values()])
}

fn union(call: &Call<'_>) -> Result<ArrayRef> {
    let (left, right) = (ListArg::of(call, 0), ListArg::of(call, 1));
    let (left_keys, right_keys) = (left.keys(), right.keys());
    let mut rows = Picked::new(call.rows);
    for row in 0..call.rows {
        rows.push(left.range(row).zip(right.range(row)).map(|(a, b)| {
            let mut seen = HashSet::new();
            let first = a.map(|at| (0, at, &left_keys[at]));
            let second = b.map(|at| (1, at, &right_keys[at]));
            first
                .chain(second)
                .filter(|(_, _, key)| seen.insert(*key))
                .map(|(source, at, _)| (source, at))
                .collect::<Vec<_>>()
        }));
    }
    rows.finish(&[left.values(), right.values()])
}

fn concat(call: &Call<'_>) -> Result<ArrayRef> {
    let (left, right) = (ListArg::of(call, 0), ListArg::of(call, 1));
    let mut rows = Picked::new(call.rows);
    for row in 0..call.rows {
        let (a, b) = (left.range(row), right.range(row));
        let is_some = a.is_some() || b.is_some();
        let first = a.into_iter().flatten().map(|at| (0, at));
        let second = b.into_iter().flatten().map(|at| (1, at));
        rows.push(is_some.then(|| first.chain(second)));
    }
    rows.finish(&[left.values(), right.values()])
}
