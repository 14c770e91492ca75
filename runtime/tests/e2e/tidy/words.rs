//! Words that do not belong into the code, names that say nothing, files that do not say what they are.

use super::source::{Source, Sources, find_word, tokens};

/// Names of modules that become a place for everything.
const EMPTY_NAMES: [&str; 9] = [
    "common", "util", "utils", "helper", "helpers", "manager", "managers", "misc", "shared",
];

/// What stands nowhere, tests included: a test that is switched off tells nothing, and what is not done is not there.
const NOWHERE: [(&str, &str); 4] = [
    ("#[ignore", "a test runs or is taken out"),
    ("todo!", "finish it or leave it out"),
    ("unimplemented!", "finish it or leave it out"),
    ("dbg!", "take it out"),
];

/// What stands only in some places of the engine: word, places, whether tests may, what to do instead.
const ONLY_IN: [(&str, &[&str], Tests, &str); 8] = [
    (
        ".unwrap()",
        &[],
        Tests::May,
        "return an error, or `expect` with the reason why it cannot fail",
    ),
    (
        "println!",
        &["runtime/src/cli/", "runtime/src/main.rs"],
        Tests::May,
        PRINTING,
    ),
    (
        "eprintln!",
        &["runtime/src/cli/", "runtime/src/main.rs"],
        Tests::May,
        PRINTING,
    ),
    (
        "print!",
        &["runtime/src/cli/", "runtime/src/main.rs"],
        Tests::May,
        PRINTING,
    ),
    (
        "eprint!",
        &["runtime/src/cli/", "runtime/src/main.rs"],
        Tests::May,
        PRINTING,
    ),
    ("SystemTime::now", CLOCK, Tests::MayNot, TIME),
    ("Utc::now", CLOCK, Tests::MayNot, TIME),
    ("Local::now", CLOCK, Tests::MayNot, TIME),
];
const PRINTING: &str = "only commands print: give an outcome, or log with tracing";
const CLOCK: &[&str] = &["runtime/src/types/clock.rs"];
const TIME: &str = "ask a Clock (types/clock.rs), so that tests can stand time still";

/// Whether tests may use a word.
#[derive(Clone, Copy, PartialEq)]
enum Tests {
    May,
    MayNot,
}

pub(super) fn check(sources: &Sources) -> Vec<String> {
    let mut problems = Vec::new();
    for file in &sources.files {
        problems.extend(empty_names(file));
        for (word, advice) in NOWHERE {
            problems.extend(find_word(&file.code, word).map(|at| file.problem(at, &format!("{word}: {advice}"))));
        }
    }
    for file in sources.engine() {
        if !file.text.trim_start().starts_with("//!") {
            problems.push(file.problem(0, "begin with a //! header: what it is, why, what it does not do"));
        }
        for (word, places, tests, advice) in ONLY_IN {
            let code = if tests == Tests::May { &file.shipped } else { &file.code };
            if !places.iter().any(|place| file.path.starts_with(place)) {
                problems.extend(find_word(code, word).map(|at| file.problem(at, &format!("{word}: {advice}"))));
            }
        }
    }
    problems
}

/// Directories and files with such a name, and modules in a file.
fn empty_names(file: &Source) -> Vec<String> {
    let mut problems = Vec::new();
    for part in file.path.trim_end_matches(".rs").split('/') {
        if EMPTY_NAMES.contains(&part) {
            problems.push(file.problem(0, &format!("{part} says nothing: name it after what it holds")));
        }
    }
    let tokens = tokens(&file.code);
    for window in tokens.windows(3) {
        let (at, name) = window[1];
        if window[0].1 == "mod" && window[2].1 == "{" && EMPTY_NAMES.contains(&name) {
            problems.push(file.problem(at, &format!("{name} says nothing: name it after what it holds")));
        }
    }
    problems
}
