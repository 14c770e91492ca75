//! The configuration file, and how arguments and file make a configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::RunArguments;
use crate::engine::Config;

/// The configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    application_id: Option<String>,
    brokers: Option<String>,
    plugins: Option<PathBuf>,
    workers: Option<usize>,
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
    config.brokers = arguments.brokers.clone().or(file.brokers);
    config.workers = arguments.workers.or(file.workers).unwrap_or(config.workers);
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
    // The error shows the line, which may hold a secret only where the line itself is wrong.
    toml::from_str(&text).with_context(|| format!("{} is not a configuration file", path.display()))
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
