//! A module of the engine imports only modules of lower floors, so that each can be read, tested and replaced with what is
//! below it alone.

use std::collections::BTreeSet;

use super::source::{Source, Sources, Token, tokens};

/// The modules by floor. A new one is entered here, and in the list of `lib.rs`.
const FLOORS: &[&[&str]] = &[
    &["types"],
    &["sql", "catalog", "format", "state"],
    &["connector", "operator", "udf", "function"],
    &["plan"],
    &["exec"],
    &["engine"],
    &["cli", "server"],
];

/// Imports between two modules of one floor that are allowed: from, to, why.
const NEIGHBOURS: &[(&str, &str, &str)] = &[
    (
        "operator",
        "udf",
        "a function with state is an operator, which runs the plugin through the traits of udf",
    ),
    (
        "operator",
        "function",
        "where an expression runs, the rows on which a function failed are counted",
    ),
    (
        "function",
        "udf",
        "the aggregates of plugins stand beside all others behind one interface",
    ),
];

/// Files that are above all floors.
const ROOTS: [&str; 2] = ["runtime/src/lib.rs", "runtime/src/main.rs"];

pub(super) fn check(sources: &Sources) -> Vec<String> {
    let mut problems = Vec::new();
    let mut modules = BTreeSet::new();
    for file in sources.engine().filter(|file| !ROOTS.contains(&file.path.as_str())) {
        let path = module_path(&file.path);
        let from = path[0];
        let Some(floor) = floor_of(from) else {
            if modules.insert(from) {
                problems.push(file.problem(0, &format!("module {from} has no floor: enter it in tidy/floors.rs")));
            }
            continue;
        };
        for (at, to) in imported_modules(&file.code, path.len()) {
            let Some(other) = floor_of(to).filter(|_| to != from) else {
                continue;
            };
            let problem = if other > floor {
                format!("{from} (floor {floor}) imports {to} (floor {other}), which is above it")
            } else if other == floor && !allowed(file, at, from, to) {
                format!("{from} imports {to}, which is on its own floor {floor}: what both need belongs below them")
            } else {
                continue;
            };
            problems.push(file.problem(at, &problem));
        }
    }
    problems
}

fn floor_of(module: &str) -> Option<usize> {
    FLOORS.iter().position(|modules| modules.contains(&module))
}

/// Tests may look at neighbours, to see that what fits together does.
fn allowed(file: &Source, at: usize, from: &str, to: &str) -> bool {
    let is_test = file.shipped.as_bytes()[at] != file.code.as_bytes()[at];
    is_test || NEIGHBOURS.iter().any(|(a, b, _)| (*a, *b) == (from, to))
}

/// `runtime/src/format/json/mod.rs` is `["format", "json"]`.
fn module_path(path: &str) -> Vec<&str> {
    let path = path.trim_start_matches("runtime/src/").trim_end_matches(".rs");
    path.trim_end_matches("/mod").split('/').collect()
}

/// The top modules that a file names, with where: `crate::sql`, `crate::{sql, types}`, and `super` as often as it takes to
/// leave a module that is `depth` deep.
fn imported_modules(code: &str, depth: usize) -> Vec<(usize, &str)> {
    let tokens = tokens(code);
    let mut found = Vec::new();
    let mut number = 0;
    while number < tokens.len() {
        let ups = match tokens[number].1 {
            "crate" => Some(depth),
            "super" => Some(super_count(&tokens[number..])),
            _ => None,
        };
        let Some(ups) = ups else {
            number += 1;
            continue;
        };
        let words = if tokens[number].1 == "crate" { 1 } else { 2 * ups - 1 };
        number += words;
        if ups == depth && tokens.get(number).is_some_and(|token| token.1 == "::") {
            found.extend(names_after(&tokens[number + 1..]));
        }
    }
    found
}

/// How many `super` stand in a row.
fn super_count(tokens: &[Token]) -> usize {
    tokens
        .chunks(2)
        .take_while(|pair| pair[0].1 == "super" && pair.get(1).is_some_and(|next| next.1 == "::"))
        .count()
        .max(1)
}

/// One name, or those of a group in braces.
fn names_after<'a>(tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    let Some(first) = tokens.first() else { return Vec::new() };
    if first.1 != "{" {
        return vec![*first];
    }
    let mut names = Vec::new();
    let mut depth = 0;
    let mut before = "";
    for token in tokens {
        match token.1 {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ if depth == 1 && (before == "{" || before == ",") => names.push(*token),
            _ => {}
        }
        if depth == 0 {
            break;
        }
        before = token.1;
    }
    names
}
