//! The conformance vectors of `udf-sdk/conformance` against the plugins that each SDK builds.
//!
//! What a vector is and how it runs is in `engine/vectors`. The built plugins are kept in git; [`locked`] compares them
//! and their sources with `udf-sdk/conformance/built.lock`, so that a changed SDK cannot pass with an old plugin. Those that
//! are too large for git are built beside them by a script, with the hashes of their sources.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use libtest_mimic::{Failed, Trial};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use waterwheel::engine::vectors;
use waterwheel::udf::{Limits, Registry};

const LOCK: &str = "udf-sdk/conformance/built.lock";
const BUILD: &str = "udf-sdk/toolchain/build-conformance";
const LARGE: &str = "udf-sdk/conformance/large";
const BUILD_LARGE: &str = "udf-sdk/toolchain/build-large";
/// The languages whose plugins are not in git.
pub(crate) const LARGE_LANGUAGES: &[&str] = &["go", "javascript", "python", "rust"];

#[derive(Deserialize)]
struct Lock {
    /// SHA-256 of each built plugin.
    built: BTreeMap<String, String>,
    /// SHA-256 of each file that they are built from.
    sources: BTreeMap<String, String>,
}

/// One test per built plugin and file of vectors, and one of the lock.
pub(crate) fn trials(root: &Path) -> Vec<Trial> {
    let root = root.to_path_buf();
    let vectors = files(&root.join("udf-sdk/conformance/vectors"), "json");
    let mut trials = Vec::new();
    for plugin in files(&root.join("udf-sdk/conformance/built"), "wasm") {
        for vectors in &vectors {
            let (plugin, vectors) = (plugin.clone(), vectors.clone());
            let name = format!("udf-sdk/{} {}", stem(&plugin), stem(&vectors));
            trials.push(Trial::test(name, move || {
                check(&plugin, &[vectors], 500).map_err(Failed::from)
            }));
        }
    }
    for plugin in files(&root.join("udf-sdk/conformance/built-examples"), "wasm") {
        let own = format!("udf-sdk/conformance/vectors-examples/{}.json", stem(&plugin));
        let all = "udf-sdk/conformance/vectors-examples/trades.json";
        let vectors = root.join(if root.join(&own).is_file() { &own } else { all });
        let name = format!("udf-sdk/example {}", stem(&plugin));
        trials.push(Trial::test(name, move || {
            check(&plugin, &[vectors], 500).map_err(Failed::from)
        }));
    }
    let examples = vec![root.join("udf-sdk/conformance/vectors-examples/trades.json")];
    for language in LARGE_LANGUAGES {
        for (part, vectors) in [("conformance", &vectors), ("example", &examples)] {
            let (root, vectors) = (root.clone(), vectors.clone());
            trials.push(Trial::test(format!("udf-sdk/{language} {part}"), move || {
                check_large(&root, language, part, &vectors).map_err(Failed::from)
            }));
        }
    }
    trials.push(Trial::test("udf-sdk/built plugins match their sources", move || {
        locked(&root).map_err(Failed::from)
    }));
    trials
}

pub(crate) fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

pub(crate) fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    let paths = entries.map(|entry| entry.unwrap_or_else(|e| panic!("{}: {e}", dir.display())).path());
    let mut files: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|e| e == extension))
        .collect();
    files.sort();
    files
}

fn locked(root: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(root.join(LOCK)).map_err(|e| format!("{LOCK}: {e}"))?;
    let lock: Lock = toml::from_str(&text).map_err(|e| format!("{LOCK}: {e}"))?;
    let mut there: Vec<String> = ["built", "built-examples", "built-host"]
        .iter()
        .flat_map(|dir| {
            let dir = format!("udf-sdk/conformance/{dir}");
            let files = files(&root.join(&dir), "wasm");
            files
                .iter()
                .map(|path| format!("{dir}/{}.wasm", stem(path)))
                .collect::<Vec<_>>()
        })
        .collect();
    there.sort();
    let known: Vec<String> = lock.built.keys().cloned().collect();
    if there != known {
        return Err(format!("{there:?} are built, {LOCK} knows {known:?}: run {BUILD}"));
    }
    same_files(root, lock.sources.iter().chain(&lock.built)).map_err(|e| format!("{e} of {LOCK}: run {BUILD}"))
}

/// Runs all vectors against a plugin that is not in git. Compiling one takes long, so it is done once.
fn check_large(root: &Path, language: &str, part: &str, vectors: &[PathBuf]) -> Result<(), String> {
    match large(root, language, part)? {
        // Megabytes through the lists of a component take an interpreter seconds, on a machine with other work.
        Some(plugin) => check(&plugin, vectors, 10_000),
        None => Ok(()),
    }
}

/// A plugin that is not in git, built from the sources that are there; says so where it is not built.
pub(crate) fn large(root: &Path, language: &str, part: &str) -> Result<Option<PathBuf>, String> {
    let plugin = root.join(LARGE).join(format!("{language}-{part}.wasm"));
    let sources = root.join(LARGE).join(format!("{language}.toml"));
    if !plugin.is_file() || !sources.is_file() {
        println!("SKIPPED udf-sdk/{language} {part}: it is not built; run {BUILD_LARGE} {language}");
        return Ok(None);
    }
    let text = std::fs::read_to_string(&sources).map_err(|e| format!("{}: {e}", sources.display()))?;
    let sources: BTreeMap<String, String> = toml::from_str(&text).map_err(|e| e.to_string())?;
    same_files(root, sources.iter())
        .map_err(|e| format!("{e} that {LARGE} was built from: run {BUILD_LARGE} {language}"))?;
    Ok(Some(plugin))
}

fn same_files<'a>(root: &Path, files: impl Iterator<Item = (&'a String, &'a String)>) -> Result<(), String> {
    for (file, expected) in files {
        let bytes = std::fs::read(root.join(file)).map_err(|e| format!("{file}: {e}"))?;
        let hash: String = Sha256::digest(&bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        if hash != *expected {
            return Err(format!("{file} is not the one"));
        }
    }
    Ok(())
}

fn check(plugin: &Path, vectors: &[PathBuf], call_ms: u64) -> Result<(), String> {
    let limits = Limits {
        call_ms,
        ..Limits::default()
    };
    let mut registry = Registry::new(limits).map_err(|e| e.to_string())?;
    let loaded = registry.add_file(plugin);
    if let Some(reason) = &loaded.broken {
        return Err(format!("broken: {reason}"));
    }
    if let Some(skipped) = loaded.skipped.first() {
        return Err(skipped.to_string());
    }
    for vectors in vectors {
        let text = std::fs::read_to_string(vectors).map_err(|e| e.to_string())?;
        for vector in &vectors::parse(&text)? {
            vectors::run(&registry, vector).map_err(|e| format!("{}: {e}", vector.function))?;
        }
    }
    Ok(())
}
