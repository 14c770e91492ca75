//! The sidecar of a plugin, `NAME.toml` beside `NAME.wasm`: limits, grants, the checksum of the file, assets, names of functions.
//!
//! Written by who runs the engine, not by who wrote the plugin. A key that is not known is an error, as a misspelt limit would be none;
//! and a plugin whose sidecar cannot be read is broken, as it would else run on terms that nobody meant. docs/reference/functions-wasm.md
//! has the keys.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use sha2::{Digest, Sha256};

use super::Limits;
use super::limits::bytes_text;
use super::manifest::is_identifier;
use super::plugin_file::{hexadecimal, read};
use super::terms::{Asset, Grants, Renaming, Terms};
use super::version::{FileName, stem};
use crate::types::limits as ceilings;

#[cfg(test)]
mod tests;

/// A sidecar as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    sha256: Option<String>,
    #[serde(default)]
    limits: WrittenLimits,
    #[serde(default)]
    grants: WrittenGrants,
    #[serde(default)]
    assets: BTreeMap<String, PathBuf>,
    #[serde(default)]
    functions: BTreeMap<String, WrittenName>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenLimits {
    memory: Option<Bytes>,
    stack: Option<Bytes>,
    result: Option<Bytes>,
    state: Option<Bytes>,
    call: Option<Time>,
    start: Option<Time>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenGrants {
    #[serde(default)]
    clock: bool,
    #[serde(default)]
    random: bool,
    #[serde(default)]
    log: bool,
}

/// A function's name in SQL, or `false`: SQL has it not.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum WrittenName {
    As(String),
    Is(bool),
}

/// A number of bytes: `16 MiB`, `512 KiB`, or a plain number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bytes(u64);

/// A time: `2 s`, `200 ms`, or a plain number of milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Time(u64);

/// A number, or a text of a number and a unit.
#[derive(Deserialize)]
#[serde(untagged)]
enum Quantity {
    Number(u64),
    Text(String),
}

impl Quantity {
    fn read<'de, D: Deserializer<'de>>(deserializer: D, units: &[(&str, u64)]) -> Result<u64, D::Error> {
        let names: Vec<&str> = units.iter().map(|(name, _)| *name).collect();
        let due = || {
            format!(
                "expected a number above 0, or a text such as \"10 {}\"; units are {}",
                names[0],
                names.join(", ")
            )
        };
        let number = match Self::deserialize(deserializer).map_err(|_| D::Error::custom(due()))? {
            Self::Number(number) => Some(number),
            Self::Text(text) => {
                let text = text.trim();
                let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
                let (number, unit) = text.split_at(end);
                let unit = units.iter().find(|(name, _)| *name == unit.trim());
                unit.and_then(|(_, factor)| number.parse::<u64>().ok()?.checked_mul(*factor))
            }
        };
        number
            .filter(|number| *number > 0)
            .ok_or_else(|| D::Error::custom(due()))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Quantity::read(
            deserializer,
            &[("MiB", 1 << 20), ("KiB", 1 << 10), ("GiB", 1 << 30), ("B", 1)],
        )
        .map(Self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Quantity::read(deserializer, &[("ms", 1), ("s", 1_000), ("min", 60_000)]).map(Self)
    }
}

/// The terms of one plugin file, and what stands for all that they were made from.
#[derive(Debug)]
pub(super) struct Sidecar {
    pub(super) terms: Terms,
    sha256: Option<String>,
    /// Differs whenever the sidecar or an asset does; empty without a sidecar.
    pub(super) content: String,
}

impl Sidecar {
    /// Reads the sidecar of a plugin's file: `NAME@VERSION.toml`, or else `NAME.toml`; one that is in neither place gives the terms of `base`.
    /// The error is a reason that names the sidecar, with what stands for the content that has this error.
    pub(super) fn of(plugin: &Path, base: &Limits) -> Result<Self, (String, String)> {
        let path = path_of(plugin);
        let name = file_name(&path);
        let mut content = String::new();
        let read = Self::read(&path, base, &mut content);
        read.map_err(|reason| (format!("its sidecar {name}: {reason}"), format!("{content}: {reason}")))
    }

    fn read(path: &Path, base: &Limits, content: &mut String) -> Result<Self, String> {
        let mut terms = Terms::of_limits(base, file_name(path));
        if matches!(path.try_exists(), Ok(false)) {
            let content = String::new();
            return Ok(Self {
                terms,
                sha256: None,
                content,
            });
        }
        let bytes = read(path, ceilings::PLUGIN_SIDECAR_BYTES_MAX)?;
        add_hash(content, &bytes);
        let text = std::str::from_utf8(&bytes).map_err(|e| format!("it is not UTF-8: {e}"))?;
        let written: Written = toml::from_str(text).map_err(|e| toml_reason(text, &e))?;
        change_limits(&mut terms.limits, &written.limits)?;
        terms.grants = Grants {
            clock: written.grants.clock,
            random: written.grants.random,
            log: written.grants.log,
        };
        terms.renamings = renamings(written.functions)?;
        let directory = path
            .parent()
            .filter(|parent| *parent != Path::new(""))
            .unwrap_or(Path::new("."));
        terms.assets = assets(directory, &written.assets, content)?.into();
        Ok(Self {
            terms,
            sha256: written.sha256.map(checked_hash).transpose()?,
            content: std::mem::take(content),
        })
    }

    /// Whether the plugin's file may be loaded: it is the one that the sidecar names, if it names one.
    pub(super) fn check_hash(&self, sha256: &str) -> Result<(), String> {
        match &self.sha256 {
            Some(due) if due != sha256 => Err(format!(
                "its SHA-256 is {sha256}, and {} asks for {due}",
                self.terms.sidecar
            )),
            _ => Ok(()),
        }
    }
}

/// Where the sidecar of a plugin's file is, or would be.
fn path_of(plugin: &Path) -> PathBuf {
    let own = plugin.with_file_name(format!("{}.toml", stem(plugin)));
    if own.exists() {
        return own;
    }
    match FileName::of(plugin) {
        Ok(name) => plugin.with_file_name(format!("{}.toml", name.name)),
        Err(_) => own,
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Line and reason, without the picture of the line that the library draws over several.
fn toml_reason(text: &str, error: &toml::de::Error) -> String {
    let line = error
        .span()
        .map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
    let at = line.map(|line| format!("line {line}: ")).unwrap_or_default();
    format!("{at}{}", error.message().replace('\n', " "))
}

fn change_limits(limits: &mut Limits, written: &WrittenLimits) -> Result<(), String> {
    if let Some(memory) = bytes("memory", written.memory, ceilings::PLUGIN_MEMORY_BYTES_CEILING)? {
        limits.memory_bytes = memory;
        // Said of this very plugin, it is meant as said, whatever runtime that carries.
        limits.runtime_memory_bytes = memory;
    }
    if let Some(stack) = bytes("stack", written.stack, ceilings::PLUGIN_STACK_BYTES_CEILING)? {
        limits.stack_bytes = stack;
    }
    if let Some(result) = bytes("result", written.result, ceilings::PLUGIN_RESULT_BYTES_CEILING)? {
        limits.result_bytes = result;
        limits.batch_result_bytes = limits.batch_result_bytes.max(result);
    }
    if let Some(state) = bytes("state", written.state, ceilings::PLUGIN_STATE_BYTES_CEILING)? {
        limits.state_bytes = state;
    }
    limits.call_ms = milliseconds("call", written.call)?.unwrap_or(limits.call_ms);
    limits.start_ms = milliseconds("start", written.start)?.unwrap_or(limits.start_ms);
    Ok(())
}

fn bytes(key: &str, written: Option<Bytes>, most: usize) -> Result<Option<usize>, String> {
    let Some(Bytes(bytes)) = written else {
        return Ok(None);
    };
    match usize::try_from(bytes) {
        Ok(bytes) if bytes <= most => Ok(Some(bytes)),
        _ => Err(format!("limits.{key} is more than {}", bytes_text(most))),
    }
}

fn milliseconds(key: &str, written: Option<Time>) -> Result<Option<u64>, String> {
    match written {
        Some(Time(ms)) if ms > ceilings::PLUGIN_CALL_MS_CEILING => Err(format!(
            "limits.{key} is more than {} s",
            ceilings::PLUGIN_CALL_MS_CEILING / 1_000
        )),
        other => Ok(other.map(|Time(ms)| ms)),
    }
}

fn renamings(written: BTreeMap<String, WrittenName>) -> Result<Vec<(String, Renaming)>, String> {
    let one = |(function, name): (String, WrittenName)| match name {
        WrittenName::As(name) if is_identifier(&name) && name.len() <= ceilings::PLUGIN_NAME_CHARS_MAX => {
            Ok((function, Renaming::As(name)))
        }
        WrittenName::As(name) => Err(format!(
            "functions.{function} is to be called {name:?}, which is not a SQL identifier of at most {} characters",
            ceilings::PLUGIN_NAME_CHARS_MAX
        )),
        WrittenName::Is(false) => Ok((function, Renaming::Hidden)),
        WrittenName::Is(true) => Err(format!(
            "functions.{function} is a new name in quotes, or false to leave the function out"
        )),
    };
    written.into_iter().map(one).collect()
}

fn checked_hash(text: String) -> Result<String, String> {
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("sha256 is not 64 hexadecimal digits".to_owned())
    }
}

fn assets(directory: &Path, written: &BTreeMap<String, PathBuf>, content: &mut String) -> Result<Vec<Asset>, String> {
    if written.len() > ceilings::PLUGIN_ASSETS_MAX {
        return Err(format!(
            "it names {} assets; the limit is {}",
            written.len(),
            ceilings::PLUGIN_ASSETS_MAX
        ));
    }
    let mut assets = Vec::with_capacity(written.len());
    let mut left = ceilings::PLUGIN_ASSET_BYTES_MAX;
    for (name, path) in written {
        let bytes = asset(directory, path, left).map_err(|reason| format!("assets.{name}: {reason}"))?;
        left -= bytes.len();
        add_hash(content, &bytes);
        assets.push(Asset {
            name: name.clone(),
            content: bytes.into(),
        });
    }
    Ok(assets)
}

/// A file in the sidecar's directory or below it: a sidecar that came with a plugin must not show it the files of the machine.
fn asset(directory: &Path, path: &Path, bytes_max: usize) -> Result<Vec<u8>, String> {
    let inside = !path.as_os_str().is_empty() && path.components().all(|part| matches!(part, Component::Normal(_)));
    let outside = || format!("{} is not a file in the directory of the plugin", path.display());
    if !inside {
        return Err(outside());
    }
    let missing = |error: std::io::Error| format!("{} cannot be opened: {error}", path.display());
    // Through links, which might lead elsewhere.
    let found = directory.join(path).canonicalize().map_err(missing)?;
    if !found.starts_with(directory.canonicalize().map_err(missing)?) || !found.is_file() {
        return Err(outside());
    }
    read(&found, bytes_max).map_err(|reason| format!("{}: {reason}", path.display()))
}

fn add_hash(content: &mut String, bytes: &[u8]) {
    content.push(' ');
    content.push_str(&hexadecimal(&Sha256::digest(bytes)));
}
