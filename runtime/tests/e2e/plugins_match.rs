//! The plugins that are kept in git are what their sources say.
//!
//! `examples/plugins/plugins.lock` has the hashes of the plugins and of all files that they were built from. [`check`] compares
//! them, which needs no toolchain. [`rebuild`] builds the plugins again where a toolchain is there that the lock knows, and
//! compares the bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use sha2::{Digest, Sha256};

const LOCK: &str = "examples/plugins/plugins.lock";
const BUILD: &str = "udf-sdk/toolchain/build-plugins";

/// `plugins.lock`; paths are relative to the project, hashes SHA-256 in hexadecimal.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lock {
    /// What built the plugins.
    toolchain: String,
    /// Files and directories that plugins are made from.
    source_roots: Vec<String>,
    /// The crate of each plugin.
    crates: BTreeMap<String, String>,
    /// The hash of each plugin.
    plugins: BTreeMap<String, String>,
    /// The hash of each file below the roots.
    sources: BTreeMap<String, String>,
    /// The hashes that other toolchains make of the same sources.
    #[serde(default)]
    rebuilds: BTreeMap<String, BTreeMap<String, String>>,
}

/// The directory of the project.
pub(crate) fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The id of the toolchain that builds plugins from Rust, or why there is none.
pub(crate) fn toolchain() -> Result<String, String> {
    run(Command::new(project().join("udf-sdk/toolchain/install-rust-wasm")).arg("--check"))
}

/// Builds a function crate with the project's script. `krate` is relative to the project.
pub(crate) fn build(krate: &str, out: &Path) -> Result<(), String> {
    let script = project().join("udf-sdk/toolchain/build-rust");
    run(Command::new(script).arg(project().join(krate)).arg(out)).map(|_| ())
}

/// The plugins and their sources have the hashes of the lock, and none is missing on either side.
pub(crate) fn check() -> Result<(), String> {
    let lock = read_lock()?;
    let files = files_below(&lock.source_roots)?;
    compare(
        "source",
        &files.iter().cloned().collect(),
        &lock.sources.keys().cloned().collect(),
    )?;
    for (file, expected) in &lock.sources {
        if hash(&project().join(file))? != *expected {
            return Err(format!(
                "{file} changed since the plugins were built from it: run {BUILD}"
            ));
        }
    }
    for (plugin, krate) in &lock.crates {
        let source = format!("{krate}/src");
        if !lock.source_roots.contains(&source) {
            return Err(format!(
                "{LOCK}: {plugin} is built from {source}, which is no source root: run {BUILD}"
            ));
        }
    }
    let plugins = names_in("examples/plugins", "wasm")?;
    compare("plugin", &plugins, &lock.plugins.keys().cloned().collect())?;
    compare("plugin", &lock.crates.keys().cloned().collect(), &plugins)?;
    for (plugin, expected) in &lock.plugins {
        let file = format!("examples/plugins/{plugin}");
        if hash(&project().join(&file))? != *expected {
            return Err(format!("{file} is not what {BUILD} built"));
        }
    }
    Ok(())
}

/// Building the plugins again gives the same bytes. Prints why it is skipped where no toolchain is there, or one that the
/// lock does not know.
pub(crate) fn rebuild() -> Result<(), String> {
    let lock = read_lock()?;
    let id = match toolchain() {
        Ok(id) => id,
        Err(reason) => return skipped(&reason),
    };
    let expected = match lock.rebuilds.get(&id) {
        _ if id == lock.toolchain => &lock.plugins,
        Some(hashes) => hashes,
        None => {
            return skipped(&format!(
                "the plugins were not built by {id}, which is here; see {BUILD} --also"
            ));
        }
    };
    let dir = tempfile::tempdir().map_err(|e| e.to_string())?;
    for (plugin, krate) in &lock.crates {
        let out = dir.path().join(plugin);
        build(krate, &out)?;
        let expected = expected
            .get(plugin)
            .ok_or_else(|| format!("{LOCK} has no hash of {plugin} by {id}"))?;
        if hash(&out)? != *expected {
            return Err(format!(
                "{plugin} as {id} builds it from {krate} is not the one in {LOCK}: run {BUILD}"
            ));
        }
    }
    Ok(())
}

fn skipped(reason: &str) -> Result<(), String> {
    println!("SKIPPED building the example plugins again: {reason}");
    Ok(())
}

fn read_lock() -> Result<Lock, String> {
    let text = std::fs::read_to_string(project().join(LOCK)).map_err(|e| format!("{LOCK}: {e}"))?;
    toml::from_str(&text).map_err(|e| format!("{LOCK}: {e}"))
}

/// What a command prints last, or what it complains of.
fn run(command: &mut Command) -> Result<String, String> {
    let output = command
        .output()
        .map_err(|e| format!("{}: {e}", command.get_program().to_string_lossy()))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_string();
    if output.status.success() {
        Ok(text(&output.stdout).lines().last().unwrap_or_default().to_string())
    } else {
        Err(text(&output.stderr))
    }
}

fn hash(file: &Path) -> Result<String, String> {
    let bytes = std::fs::read(file).map_err(|e| format!("{}: {e}", file.display()))?;
    Ok(Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

/// All files that the roots are or hold, relative to the project; those that are only tests are in no plugin.
fn files_below(roots: &[String]) -> Result<Vec<String>, String> {
    let mut files = Vec::new();
    let mut open = roots.to_vec();
    while let Some(path) = open.pop() {
        let full = project().join(&path);
        if !full.is_dir() {
            if !path.ends_with("/tests.rs") {
                files.push(path);
            }
            continue;
        }
        for entry in std::fs::read_dir(&full).map_err(|e| format!("{path}: {e}"))? {
            let name = entry.map_err(|e| format!("{path}: {e}"))?.file_name();
            open.push(format!("{path}/{}", name.to_string_lossy()));
        }
    }
    Ok(files)
}

/// The names of the files of a directory that end in `.extension`.
fn names_in(dir: &str, extension: &str) -> Result<BTreeSet<String>, String> {
    let files = files_below(&[dir.to_string()])?;
    let names = files
        .iter()
        .filter_map(|file| file.strip_prefix(dir)?.strip_prefix('/'));
    Ok(names
        .filter(|name| Path::new(name).extension().is_some_and(|e| e == extension))
        .map(str::to_string)
        .collect())
}

fn compare(what: &str, there: &BTreeSet<String>, locked: &BTreeSet<String>) -> Result<(), String> {
    match (there.difference(locked).next(), locked.difference(there).next()) {
        (Some(new), _) => Err(format!("{what} {new} is not in {LOCK}: run {BUILD}")),
        (None, Some(gone)) => Err(format!("{what} {gone} of {LOCK} is not there: run {BUILD}")),
        (None, None) => Ok(()),
    }
}
