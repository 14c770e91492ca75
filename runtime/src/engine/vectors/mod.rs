//! Vectors: calls of a plugin's functions and what they must give, as files of JSON.
//!
//! A vector names a function as `waterwheel udf list` prints it and gives steps: calls with what they must give or which
//! rows must fail, states that a new instance loads, slots that are dropped. `waterwheel udf test` and the conformance tests
//! of the SDKs run them; this module finds no files and prints nothing.

mod arguments;
mod column;
mod compare;
mod run;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

pub use column::column;
pub use run::run;

/// One function, and what is done with it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vector {
    /// As `waterwheel udf list` prints it: names and types are compared, too.
    pub function: String,
    /// A value for each argument that is a constant of the query.
    #[serde(default)]
    constants: Vec<Value>,
    /// Of an aggregate function: rows can be taken back.
    #[serde(default)]
    retracts: bool,
    /// The constants are refused, with this message.
    refused: Option<String>,
    #[serde(default)]
    steps: Vec<Step>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    /// Columns of arguments: without the last ones that have defaults, and with any number of a variadic one's values.
    call: Option<Vec<Vec<Value>>>,
    /// Takes rows into an aggregate function, or back.
    update: Option<Vec<Vec<Value>>>,
    retract: Option<Vec<Vec<Value>>>,
    /// Adds the states of the slots in the second list to those in the first.
    merge: Option<[Vec<u32>; 2]>,
    /// Asks for the values of these slots.
    finish: Option<Vec<u32>>,
    /// The slot of each row; only of functions with state.
    #[serde(default)]
    slots: Vec<u32>,
    /// So many copies of the rows in one call; 1 without it.
    times: Option<u32>,
    /// The result.
    gives: Option<Vec<Value>>,
    /// The rows that fail, and a part of their messages.
    #[serde(default)]
    fails: BTreeMap<u32, String>,
    /// The call ends with an error that contains this.
    ends: Option<String>,
    /// Saves these slots, and goes on with a new instance that loaded them.
    restart: Option<Vec<u32>>,
    /// Forgets these slots.
    drop: Option<Vec<u32>>,
    /// Gives the rows of `call` to this function of the plugin, whose states are then loaded as those of an older `version`.
    takes: Option<String>,
    version: Option<u32>,
}

/// Reads a file of vectors.
///
/// # Errors
/// When it is not a JSON list of vectors; the message says where.
pub fn parse(text: &str) -> Result<Vec<Vector>, String> {
    serde_json::from_str(text).map_err(|e| e.to_string())
}
