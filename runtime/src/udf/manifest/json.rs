//! The manifest's JSON as serde reads it, and the refusal of keys that ABI 1 does not know.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Keys that were not known, kept so that they can be named.
type Extra = BTreeMap<String, Value>;

pub(super) const MANIFEST_KEYS: &[&str] = &["version", "functions"];
pub(super) const FUNCTION_KEYS: &[&str] = &[
    "name",
    "kind",
    "export",
    "types",
    "args",
    "returns",
    "nulls",
    "constants",
    "volatility",
    "state_version",
    "reads_state_versions",
    "retracts",
    "doc",
];
pub(super) const COLUMN_KEYS: &[&str] = &["name", "type"];
pub(super) const ARG_KEYS: &[&str] = &["name", "type", "constant", "default", "variadic"];

#[derive(Deserialize)]
pub(super) struct RawManifest {
    pub(super) version: Option<String>,
    pub(super) functions: Vec<RawFunction>,
    #[serde(flatten)]
    pub(super) extra: Extra,
}

#[derive(Clone, Deserialize)]
pub(super) struct RawFunction {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) export: Option<String>,
    pub(super) types: Option<BTreeMap<String, Vec<String>>>,
    pub(super) args: Vec<RawArg>,
    pub(super) returns: RawReturns,
    pub(super) nulls: Option<String>,
    pub(super) constants: Option<String>,
    pub(super) volatility: Option<String>,
    pub(super) state_version: Option<u32>,
    pub(super) reads_state_versions: Option<Vec<u32>>,
    pub(super) retracts: Option<bool>,
    pub(super) doc: Option<String>,
    #[serde(flatten)]
    pub(super) extra: Extra,
}

/// A type, or the columns of a table function.
#[derive(Clone, Deserialize)]
#[serde(
    untagged,
    expecting = "returns is a type, or a list of columns with a name and a type"
)]
pub(super) enum RawReturns {
    Type(String),
    Columns(Vec<RawColumn>),
}

#[derive(Clone, Deserialize)]
pub(super) struct RawColumn {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) sql_type: String,
    #[serde(flatten)]
    pub(super) extra: Extra,
}

#[derive(Clone, Deserialize)]
pub(super) struct RawArg {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) sql_type: String,
    #[serde(default)]
    pub(super) constant: bool,
    #[serde(default, deserialize_with = "given")]
    pub(super) default: Option<Value>,
    #[serde(default)]
    pub(super) variadic: bool,
    #[serde(flatten)]
    pub(super) extra: Extra,
}

/// A value that is there, `null` too.
fn given<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(value).map(Some)
}

/// A misspelt key would silently change what a function does, so any unknown one is refused; `x_...` is for tools.
pub(super) fn refuse_unknown_keys(place: &str, extra: &Extra, known: &[&str]) -> Result<(), String> {
    let Some(key) = extra.keys().find(|key| !key.starts_with("x_")) else {
        return Ok(());
    };
    let key: String = key.chars().take(64).collect();
    let near = known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(name, &key), name))
        .filter(|(distance, _)| *distance <= 2)
        .min()
        .map(|(_, name)| format!("; did you mean {name:?}?"))
        .unwrap_or_default();
    Err(format!("{place}: ABI 1 knows no key {key:?}{near}"))
}
