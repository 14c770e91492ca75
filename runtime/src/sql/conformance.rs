//! Reads the statements of the ksqlDB cases, where they lie beside the project.
//!
//! A throw-away measure: what passes here says that a script of ksqlDB's parses, not that it runs.

use std::path::PathBuf;

use super::{Variables, statements};

fn cases(file: &str) -> Vec<serde_json::Value> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let found = ["../../shared/conformance", "../../../shared/conformance"]
        .iter()
        .map(|folder| root.join(folder).join(file))
        .find(|path| path.exists());
    let Some(path) = found else {
        return Vec::new();
    };
    let text = std::fs::read_to_string(&path).expect("the file can be read");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a case is JSON"))
        .collect()
}

/// The first error of each case that should parse.
fn failures(file: &str, wanted: impl Fn(&serde_json::Value) -> bool) -> (usize, Vec<String>) {
    let mut seen = 0;
    let mut failed = Vec::new();
    for case in cases(file).iter().filter(|case| wanted(case)) {
        seen += 1;
        let script: Vec<&str> = case["statements"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|s| s.as_str())
            .collect();
        let script = script.join("\n");
        if let Some(error) = statements(&script, &Variables::new()).find_map(Result::err) {
            failed.push(format!("{}\n{error:#}\n", case["id"]));
        }
    }
    (seen, failed)
}

fn refused_as_syntax(case: &serde_json::Value) -> bool {
    case["expectedException"].to_string().contains("ParseFailedException")
}

#[test]
fn statements_of_query_cases_parse() {
    let (seen, failed) = failures("ksqldb-queries.jsonl", |case| case["expectedException"].is_null());
    assert!(
        failed.is_empty(),
        "{} of {seen} failed\n{}",
        failed.len(),
        failed.join("\n")
    );
}

#[test]
fn statements_of_rest_cases_parse() {
    let (seen, failed) = failures("ksqldb-rest.jsonl", |case| case["expectedError"].is_null());
    assert!(
        failed.is_empty(),
        "{} of {seen} failed\n{}",
        failed.len(),
        failed.join("\n")
    );
}

#[test]
fn statements_that_ksqldb_refuses_as_syntax_are_refused() {
    let (seen, failed) = failures("ksqldb-queries.jsonl", refused_as_syntax);
    assert_eq!(failed.len(), seen, "{}", failed.join("\n"));
}

/// Prints what is refused although ksqlDB refuses it later or for another reason.
#[test]
fn statements_of_negative_cases_are_refused_for_a_reason() {
    let negative = |case: &serde_json::Value| !case["expectedException"].is_null() && !refused_as_syntax(case);
    for (file, wanted) in [
        ("ksqldb-queries.jsonl", &negative as &dyn Fn(&serde_json::Value) -> bool),
        ("ksqldb-rest.jsonl", &|case| !case["expectedError"].is_null()),
    ] {
        let (seen, failed) = failures(file, wanted);
        eprintln!(
            "{file}: {} of {seen} negative cases refused\n{}",
            failed.len(),
            failed.join("\n")
        );
    }
}
