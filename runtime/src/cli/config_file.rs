//! The configuration file, and how arguments and file make a configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::RunArguments;
use crate::engine::Config;
use crate::state::Location;

/// The configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    application_id: Option<String>,
    brokers: Option<String>,
    plugins: Option<PathBuf>,
    workers: Option<usize>,
    /// Where compiled code is kept, or `off`.
    code_cache: Option<String>,
    /// Where the state of queries is kept.
    state: Option<String>,
    /// librdkafka's properties.
    #[serde(default)]
    kafka: BTreeMap<String, toml::Value>,
    /// Properties as by SET.
    #[serde(default)]
    properties: BTreeMap<String, toml::Value>,
    /// Variables as by DEFINE.
    #[serde(default)]
    variables: BTreeMap<String, toml::Value>,
}

/// The configuration of `run`: the file, then the arguments over it.
///
/// # Errors
/// When the file cannot be read or is wrong.
pub(crate) fn config(arguments: &RunArguments) -> Result<Config> {
    let file = match &arguments.config {
        Some(path) => read(path)?,
        None => ConfigFile::default(),
    };
    let mut config = Config::default();
    let plugins = arguments
        .plugins
        .clone()
        .or(file.plugins)
        .or_else(|| beside(arguments.file.as_deref()));
    config.plugins = plugins;
    config.watch_plugins = true;
    config.code_cache = arguments.code_cache.place(file.code_cache.as_deref());
    config.brokers = arguments.brokers.clone().or(file.brokers);
    config.workers = arguments.workers.or(file.workers).unwrap_or(config.workers);
    if let Some(state) = arguments.state.as_ref().or(file.state.as_ref()) {
        config.state = Some(Location::parse(state)?);
    }
    if let Some(id) = arguments.application_id.clone().or(file.application_id) {
        config.application_id = id;
    }
    config.kafka = merge(file.kafka, &arguments.kafka);
    config.properties = merge(file.properties, &arguments.set);
    config.variables = merge(file.variables, &arguments.define);
    Ok(config)
}

fn read(path: &Path) -> Result<ConfigFile> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).map_err(|error| {
        anyhow::anyhow!(
            "{} is not a configuration file: {}",
            path.display(),
            without_content(&error, &text)
        )
    })
}

/// What is wrong and where, without anything that the file says: a line of it may hold a password.
fn without_content(error: &toml::de::Error, text: &str) -> String {
    let mut message = error.message().lines().collect::<Vec<_>>().join(", ");
    // serde's `invalid type: string "hunter2", expected a map` quotes the value.
    for kind in ["invalid type: ", "invalid value: "] {
        if let Some(found) = message.strip_prefix(kind) {
            let what = found.split([' ', '`', '"', ',']).next().unwrap_or_default();
            let expected = found
                .rsplit_once(", expected ")
                .map_or("something else", |(_, expected)| expected);
            message = format!("{kind}{what}, expected {expected}");
        }
    }
    match error.span() {
        Some(span) => {
            let before = &text[..floor_char_boundary(text, span.start)];
            let line = before.matches('\n').count() + 1;
            let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
            format!("line {line}, column {column}: {message}")
        }
        None => message,
    }
}

/// The last place up to `at` where a character begins.
fn floor_char_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

/// The directory `plugins` beside the script, or beside the script's own directory.
fn beside(script: Option<&Path>) -> Option<PathBuf> {
    let own = script?.parent()?;
    let candidates = [own.join("plugins"), own.join("../plugins")];
    candidates.into_iter().find(|directory| directory.is_dir())
}

fn merge(file: BTreeMap<String, toml::Value>, arguments: &[(String, String)]) -> BTreeMap<String, String> {
    let text = |value: toml::Value| match value {
        toml::Value::String(text) => text,
        other => other.to_string(),
    };
    let mut merged: BTreeMap<String, String> = file.into_iter().map(|(name, value)| (name, text(value))).collect();
    merged.extend(arguments.iter().cloned());
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(text: &str) -> String {
        let error = toml::from_str::<ConfigFile>(text).expect_err("the file is wrong");
        without_content(&error, text)
    }

    #[test]
    fn an_error_names_the_place_and_shows_nothing_of_the_file() {
        for (text, place) in [
            (
                "brokers = \"a:9092\"\n[kafka]\n\"sasl.password\" = hunter2\n",
                "line 3, column 19: ",
            ),
            ("[kafka]\n\"sasl.password\" = \"hunter2\n", "line 2, "),
            (
                "kafka = \"sasl.password=hunter2, expected nothing\"\n",
                "line 1, column 9: invalid type: string, expected ",
            ),
            (
                "workers = \"hunter2\"\n",
                "line 1, column 11: invalid type: string, expected usize",
            ),
            ("[kafka]\n\"sasl.password\" = \"hunter2\" \"hunter2\"\n", "line 2, "),
            ("é = 1\n", "line 1, column 1: "),
        ] {
            let error = error_of(text);
            assert!(!error.contains("hunter2"), "{error}");
            assert!(error.starts_with(place), "{error}");
        }
        let misspelt = error_of("borkers = \"a:9092\"\n");
        assert!(
            misspelt.contains("unknown field `borkers`, expected one of"),
            "{misspelt}"
        );
    }
}
