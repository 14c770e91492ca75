//! A crate with a large surface is known to one place of the engine only, so that changing it, or its version, stays there.

use super::source::{Sources, tokens};

/// Crates that only one directory may name. A name stands for the crates that begin with it, too: `rdkafka_sys`.
const KEPT_IN: &[(&str, &str)] = &[
    ("wasmtime", "runtime/src/udf/wasm/"),
    ("rdkafka", "runtime/src/connector/kafka/"),
    ("slatedb", "runtime/src/state/"),
];

/// Crates that some directories may not name but in tests: crate, directories, why.
const KEPT_OUT: &[(&str, &[&str], &str)] = &[(
    "tokio",
    &[
        "runtime/src/operator/",
        "runtime/src/format/",
        // SlateDB itself is asynchronous: only state/slate.rs knows.
        "runtime/src/state/backend.rs",
        "runtime/src/state/changes.rs",
        "runtime/src/state/codec.rs",
        "runtime/src/state/pending.rs",
        "runtime/src/state/store.rs",
        "runtime/src/types/",
        "runtime/src/udf/",
    ],
    "it is synchronous",
)];

pub(super) fn check(sources: &Sources) -> Vec<String> {
    let mut problems = Vec::new();
    for file in sources.engine() {
        for (at, word) in tokens(&file.code) {
            for (name, directory) in KEPT_IN {
                if is_crate(word, name) && !file.path.starts_with(directory) {
                    problems.push(file.problem(at, &format!("{name} is known only in {directory}")));
                }
            }
            for (name, directories, why) in KEPT_OUT {
                let ships = file.shipped[at..].starts_with(word);
                let kept_out = directories
                    .iter()
                    .find(|directory| ships && file.path.starts_with(**directory));
                if let Some(directory) = kept_out.filter(|_| is_crate(word, name)) {
                    problems.push(file.problem(at, &format!("{name} has no place in {directory}: {why}")));
                }
            }
        }
    }
    problems
}

fn is_crate(word: &str, name: &str) -> bool {
    word.strip_prefix(name)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
}
