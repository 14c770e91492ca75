//! The manifest: what a plugin says of itself, as JSON (ABI.md section 2).

use alloc::string::String;
use alloc::vec::Vec;

use crate::argument::{Arguments, Columns};
use crate::returned::{Outcome, Return};

/// A function of a plugin. `#[scalar]`, `#[table]` and `#[stream]` make one beside each Rust function, with the same name; `#[aggregate]` makes the state
/// one.
pub trait Function {
    /// Its entry in the manifest.
    fn describe(manifest: &mut Manifest);
}

/// What the attribute of a function says, for its entry in the manifest.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// SQL name.
    pub name: &'static str,
    /// What its exports are called, or begin with.
    pub export: &'static str,
    /// Names of the arguments, which must be constants, and what else their entries say, as JSON.
    pub args: &'static [(&'static str, bool, &'static str)],
    /// The doc comment on one line, maybe empty.
    pub doc: &'static str,
    /// What the kind adds.
    pub kind: Kind,
}

/// The kind of a function.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// One value per row, from that row alone.
    Scalar {
        /// `immutable`, `stable` or `volatile`.
        volatility: &'static str,
    },
    /// No, one or many rows per row, from that row alone.
    Table {
        /// `immutable`, `stable` or `volatile`.
        volatility: &'static str,
    },
    /// One value per row, from that row and state kept per key.
    Stream {
        /// Format of the state.
        state_version: u32,
        /// Older formats that can be read.
        reads_state_versions: &'static [u32],
    },
    /// One value per group of rows.
    Aggregate {
        /// Format of the state.
        state_version: u32,
        /// Older formats that can be read.
        reads_state_versions: &'static [u32],
    },
}

/// A manifest in the making.
#[derive(Debug)]
pub struct Manifest {
    json: Vec<u8>,
    functions: usize,
}

impl Manifest {
    /// Without functions as yet.
    pub fn new(version: &str) -> Manifest {
        let mut json = Vec::from(b"{\"version\": ");
        quote(version, &mut json);
        raw(", \"functions\": [", &mut json);
        Manifest { json, functions: 0 }
    }

    /// Adds a function with arguments `A` that returns `O`.
    pub fn add<'a, A: Arguments<'a>, O: Outcome>(&mut self, entry: &Entry) {
        let json = &mut self.json;
        raw(
            if self.functions == 0 {
                "\n{\"name\": "
            } else {
                ",\n{\"name\": "
            },
            json,
        );
        self.functions += 1;
        quote(entry.name, json);
        raw(", \"export\": ", json);
        quote(entry.export, json);
        raw(", \"args\": [", json);
        A::sql_types(0, &mut |index, sql_type| {
            let (name, constant, more) = entry.args[index];
            raw(if index == 0 { "{\"name\": " } else { ", {\"name\": " }, json);
            quote(name, json);
            raw(", \"type\": ", json);
            quoted_type(sql_type, json);
            raw(if constant { ", \"constant\": true" } else { "" }, json);
            raw(more, json);
            raw("}", json);
        });
        raw("], \"returns\": ", json);
        match entry.kind {
            Kind::Table { .. } => quote(&row_type(<O::Value as Return>::sql_type), json),
            _ => quoted_type(<O::Value as Return>::sql_type, json),
        }
        raw(", \"constants\": \"pass\"", json);
        if A::Columns::NULLABLE {
            raw(", \"nulls\": \"pass\"", json);
        }
        if !entry.doc.is_empty() {
            raw(", \"doc\": ", json);
            quote(entry.doc, json);
        }
        kind(entry.kind, json);
        raw("}", json);
    }

    /// The text.
    pub fn finish(self) -> String {
        let mut json = self.json;
        raw("\n]}", &mut json);
        // SAFETY: of whole strings, changed only at bytes that are whole characters, and ASCII.
        unsafe { String::from_utf8_unchecked(json) }
    }
}

fn kind(kind: Kind, json: &mut Vec<u8>) {
    match kind {
        Kind::Scalar { volatility } => {
            raw(", \"kind\": \"scalar\", \"volatility\": ", json);
            quote(volatility, json);
        }
        Kind::Table { volatility } => {
            raw(", \"kind\": \"table\", \"volatility\": ", json);
            quote(volatility, json);
        }
        Kind::Stream {
            state_version,
            reads_state_versions,
        } => with_state("stream", state_version, reads_state_versions, json),
        Kind::Aggregate {
            state_version,
            reads_state_versions,
        } => with_state("aggregate", state_version, reads_state_versions, json),
    }
}

fn with_state(kind: &str, state_version: u32, reads_state_versions: &[u32], json: &mut Vec<u8>) {
    raw(", \"kind\": ", json);
    quote(kind, json);
    raw(", \"state_version\": ", json);
    number(state_version, json);
    raw(", \"reads_state_versions\": [", json);
    for (i, version) in reads_state_versions.iter().enumerate() {
        raw(if i == 0 { "" } else { ", " }, json);
        number(*version, json);
    }
    raw("]", json);
}

fn quoted_type(sql_type: fn(&mut String), json: &mut Vec<u8>) {
    let mut name = String::new();
    sql_type(&mut name);
    quote(&name, json);
}

/// What the ARRAY that a table function returns is of: one of its rows.
fn row_type(sql_type: fn(&mut String)) -> String {
    let mut name = String::new();
    sql_type(&mut name);
    match name.strip_prefix("ARRAY<").and_then(|rest| rest.strip_suffix('>')) {
        Some(row) => row.into(),
        None => name,
    }
}

/// Adds `text` as a JSON string.
fn quote(text: &str, json: &mut Vec<u8>) {
    json.push(b'"');
    // Byte by byte: what JSON escapes is one byte in UTF-8, and part of no other character.
    for byte in text.bytes() {
        if byte == b'"' || byte == b'\\' {
            json.push(b'\\');
        }
        // A control character says nothing in a name, a type or a doc line.
        json.push(byte.max(b' '));
    }
    json.push(b'"');
}

/// Adds text as it is.
fn raw(text: &str, json: &mut Vec<u8>) {
    json.extend_from_slice(text.as_bytes());
}

fn number(number: u32, json: &mut Vec<u8>) {
    if number > 9 {
        self::number(number / 10, json);
    }
    json.push(b'0' + (number % 10) as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped() {
        let mut json = Vec::new();
        quote("say \"\\\"\tüber\n", &mut json);
        number(40_961, &mut json);
        assert_eq!(String::from_utf8_lossy(&json), "\"say \\\"\\\\\\\" über \"40961");
    }
}
