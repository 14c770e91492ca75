//! What a plugin says about itself: JSON in, checked functions out. The rules are section 2 of `udf-sdk/ABI.md`.
//!
//! Nothing here runs a plugin; whether the exports exist is checked in `wasm/`.

mod adapt;
mod arguments;
mod default_value;
mod generic;
mod json;
mod type_name;

#[cfg(test)]
mod tests;

use std::fmt;

use datafusion::scalar::ScalarValue;

use crate::types::schema::SqlType;
use crate::udf::{FunctionInfo, Kind, Limits, SkippedFunction, Volatility};

pub(in crate::udf) use adapt::{Retyping, adapt};
use json::{RawArg, RawFunction, RawManifest, RawReturns};

/// A checked manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::udf) struct Manifest {
    /// The plugin's version.
    pub(in crate::udf) version: Option<String>,
    /// Its functions, in order.
    pub(in crate::udf) functions: Vec<FunctionSpec>,
    /// Functions that SQL does not get.
    pub(in crate::udf) skipped: Vec<SkippedFunction>,
}

/// One function of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::udf) struct FunctionSpec {
    pub(in crate::udf) name: String,
    pub(in crate::udf) kind: Kind,
    /// Its export, or the prefix of its exports.
    pub(in crate::udf) export: String,
    pub(in crate::udf) args: Vec<ArgSpec>,
    pub(in crate::udf) returns: SqlType,
    /// Whether a row with a null argument gives null and is not shown to the guest.
    pub(in crate::udf) null_in_null_out: bool,
    /// Whether constants go to the guest as a value per row.
    pub(in crate::udf) expand_constants: bool,
    pub(in crate::udf) volatility: Volatility,
    pub(in crate::udf) state_version: u32,
    pub(in crate::udf) reads_state_versions: Vec<u32>,
    /// Whether a component can take rows back; in a module the export says it.
    pub(in crate::udf) retracts: bool,
    pub(in crate::udf) doc: Option<String>,
}

/// One argument of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::udf) struct ArgSpec {
    pub(in crate::udf) name: String,
    pub(in crate::udf) sql_type: SqlType,
    /// Whether a query must give a constant here.
    pub(in crate::udf) constant: bool,
    /// What it is in a call that does not give it.
    pub(in crate::udf) default: Option<ScalarValue>,
    /// Whether a call may give the elements of this ARRAY one by one.
    pub(in crate::udf) variadic: bool,
}

impl FunctionSpec {
    /// The function as the registry shows it.
    pub(in crate::udf) fn info(&self, plugin: &str, version: Option<&str>) -> FunctionInfo {
        FunctionInfo {
            name: self.name.clone(),
            kind: self.kind,
            args: self
                .args
                .iter()
                .map(|arg| (arg.name.clone(), arg.sql_type.to_arrow()))
                .collect(),
            defaults: self.args.iter().filter_map(|arg| arg.default.clone()).collect(),
            constants: (0..self.args.len()).filter(|i| self.args[*i].constant).collect(),
            variadic: self.args.last().is_some_and(|arg| arg.variadic),
            returns: self.returns.to_arrow(),
            null_in_null_out: self.null_in_null_out,
            volatility: self.volatility,
            plugin: plugin.to_owned(),
            version: version.map(str::to_owned),
            doc: self.doc.clone(),
        }
    }

    /// Whether an instance is set up with constants before it gets rows.
    pub(in crate::udf) fn is_set_up(&self) -> bool {
        matches!(self.kind, Kind::Stream | Kind::Aggregate) || self.args.iter().any(|arg| arg.constant)
    }

    /// Name and argument types without regard to case: what no two functions may share.
    pub(in crate::udf) fn signature(&self) -> String {
        Signature(&self.name, self.args.iter().map(|arg| &arg.sql_type)).to_string()
    }
}

/// Writes `NAME(TYPE, TYPE)`.
struct Signature<'a, I>(&'a str, I);

impl<'a, I: Iterator<Item = &'a SqlType> + Clone> fmt::Display for Signature<'a, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.0.to_ascii_uppercase())?;
        for (i, sql_type) in self.1.clone().enumerate() {
            write!(f, "{}{sql_type}", if i == 0 { "" } else { ", " })?;
        }
        f.write_str(")")
    }
}

/// Reads and checks the manifest of a plugin. The error says what is wrong and where, without the plugin's name.
pub(in crate::udf) fn parse(bytes: &[u8], limits: &Limits) -> Result<Manifest, String> {
    let text = std::str::from_utf8(bytes).map_err(|e| format!("the manifest is not UTF-8: {e}"))?;
    let raw: RawManifest =
        serde_json::from_str(text).map_err(|e| format!("the manifest is not as it should be: {e}"))?;
    json::refuse_unknown_keys("the manifest", &raw.extra, json::MANIFEST_KEYS)?;
    if let Some(version) = &raw.version
        && version.chars().count() > limits.name_chars
    {
        return Err(format!("its version is longer than {} characters", limits.name_chars));
    }
    if raw.functions.is_empty() {
        return Err("the manifest lists no functions".to_owned());
    }
    if raw.functions.len() > limits.functions {
        return Err(format!(
            "the manifest lists {} functions; the limit is {}",
            raw.functions.len(),
            limits.functions
        ));
    }
    let mut manifest = Manifest {
        version: raw.version,
        functions: Vec::with_capacity(raw.functions.len()),
        skipped: Vec::new(),
    };
    for (i, function) in raw.functions.into_iter().enumerate() {
        let place = format!("functions[{i}]");
        check_name(&place, "name", &function.name, limits)?;
        let place = format!("{place} ({})", function.name);
        for overload in generic::expand(&place, function, limits)? {
            if manifest.functions.len() == limits.functions {
                return Err(format!(
                    "{place}: with its types there are more than {} functions, which is the limit",
                    limits.functions
                ));
            }
            add(&mut manifest, read_function(&place, overload, limits)?, &place)?;
        }
    }
    Ok(manifest)
}

fn add(manifest: &mut Manifest, function: FunctionSpec, place: &str) -> Result<(), String> {
    let signature = function.signature();
    for other in &manifest.functions {
        if other.signature() == signature {
            return Err(format!("{place}: {signature} is there twice"));
        }
        if other.name.eq_ignore_ascii_case(&function.name) && other.kind != function.kind {
            return Err(format!(
                "{place}: {} is of two kinds; overloads of one name have one kind",
                function.name
            ));
        }
    }
    manifest.functions.push(function);
    Ok(())
}

fn read_function(place: &str, raw: RawFunction, limits: &Limits) -> Result<FunctionSpec, String> {
    let kind = match raw.kind.as_str() {
        "scalar" => Kind::Scalar,
        "stream" => Kind::Stream,
        "aggregate" => Kind::Aggregate,
        "table" => Kind::Table,
        other => {
            return Err(format!(
                "{place}: kind {other:?} is not one of scalar, stream, aggregate, table"
            ));
        }
    };
    json::refuse_unknown_keys(place, &raw.extra, json::FUNCTION_KEYS)?;
    refuse_keys_of_other_kinds(place, kind, &raw)?;
    if raw.args.len() > limits.args {
        return Err(format!(
            "{place}: {} arguments; the limit is {}",
            raw.args.len(),
            limits.args
        ));
    }
    let stateful = matches!(kind, Kind::Stream | Kind::Aggregate);
    let export = raw.export.unwrap_or_else(|| raw.name.clone());
    if export.is_empty() || export.chars().count() > limits.name_chars {
        return Err(format!(
            "{place}: export must have 1 to {} characters",
            limits.name_chars
        ));
    }
    let mut args: Vec<ArgSpec> = Vec::with_capacity(raw.args.len());
    for (i, arg) in raw.args.into_iter().enumerate() {
        let arg = read_arg(&format!("{place}: args[{i}]"), arg, limits)?;
        if args.iter().any(|other| other.name.eq_ignore_ascii_case(&arg.name)) {
            return Err(format!("{place}: two arguments are called {}", arg.name));
        }
        arguments::check_order(place, args.last(), &arg)?;
        args.push(arg);
    }
    Ok(FunctionSpec {
        kind,
        export,
        args,
        returns: read_returns(place, &raw.returns, kind, limits)?,
        null_in_null_out: choice(
            place,
            "nulls",
            raw.nulls.as_deref(),
            &[("propagate", true), ("pass", false)],
        )?,
        expand_constants: choice(
            place,
            "constants",
            raw.constants.as_deref(),
            &[("expand", true), ("pass", false)],
        )?,
        volatility: volatility(place, raw.volatility.as_deref(), stateful)?,
        state_version: raw.state_version.unwrap_or(1),
        reads_state_versions: raw.reads_state_versions.unwrap_or_default(),
        retracts: raw.retracts.unwrap_or_default(),
        doc: raw.doc.map(|doc| cut(&doc, limits.message_bytes)),
        name: raw.name,
    })
}

/// A type; of a table function that gives several columns the STRUCT of these.
fn read_returns(place: &str, raw: &RawReturns, kind: Kind, limits: &Limits) -> Result<SqlType, String> {
    let place = format!("{place}: returns");
    // The ARRAY of a row's rows is one level more.
    let limits = Limits {
        type_depth: limits.type_depth - usize::from(kind == Kind::Table),
        ..limits.clone()
    };
    let columns = match raw {
        RawReturns::Type(text) => return type_name::parse(text, &limits).map_err(|e| format!("{place}: {e}")),
        RawReturns::Columns(columns) if kind == Kind::Table && !columns.is_empty() => columns,
        RawReturns::Columns(_) => {
            return Err(format!(
                "{place}: a list of columns is for table functions, and has one or more"
            ));
        }
    };
    let mut fields: Vec<(String, SqlType)> = Vec::with_capacity(columns.len());
    for (i, column) in columns.iter().enumerate() {
        let place = format!("{place}[{i}]");
        json::refuse_unknown_keys(&place, &column.extra, json::COLUMN_KEYS)?;
        check_name(&place, "name", &column.name, &limits)?;
        let name = column.name.to_ascii_uppercase();
        if fields.iter().any(|(other, _)| *other == name) {
            return Err(format!("{place}: two columns are called {}", column.name));
        }
        let sql_type = type_name::parse(&column.sql_type, &limits).map_err(|e| format!("{place}: type: {e}"))?;
        fields.push((name, sql_type));
    }
    // Once more as the type that it is: that of a STRUCT has limits as a whole.
    type_name::parse(&SqlType::Struct(fields).to_string(), &limits).map_err(|e| format!("{place}: {e}"))
}

fn refuse_keys_of_other_kinds(place: &str, kind: Kind, raw: &RawFunction) -> Result<(), String> {
    if !matches!(kind, Kind::Stream | Kind::Aggregate)
        && (raw.state_version.is_some() || raw.reads_state_versions.is_some())
    {
        return Err(format!(
            "{place}: state_version and reads_state_versions are for stream and aggregate functions"
        ));
    }
    if kind != Kind::Aggregate && raw.retracts.is_some() {
        return Err(format!("{place}: retracts is for aggregate functions"));
    }
    Ok(())
}

fn read_arg(place: &str, raw: RawArg, limits: &Limits) -> Result<ArgSpec, String> {
    json::refuse_unknown_keys(place, &raw.extra, json::ARG_KEYS)?;
    check_name(place, "name", &raw.name, limits)?;
    let sql_type = type_name::parse(&raw.sql_type, limits).map_err(|e| format!("{place}: type: {e}"))?;
    if raw.variadic && !matches!(sql_type, SqlType::Array(_)) {
        return Err(format!(
            "{place}: a variadic argument is an ARRAY of the values that are given; it is {sql_type}"
        ));
    }
    if raw.variadic && raw.default.is_some() {
        return Err(format!(
            "{place}: without values a variadic argument is an empty ARRAY; it has no default"
        ));
    }
    let default = raw
        .default
        .as_ref()
        .map(|value| default_value::default(value, &sql_type));
    Ok(ArgSpec {
        default: default.transpose().map_err(|e| format!("{place}: default: {e}"))?,
        name: raw.name,
        sql_type,
        constant: raw.constant,
        variadic: raw.variadic,
    })
}

/// The volatility of a function with state is not its own to say: its result depends on what came before.
fn volatility(place: &str, text: Option<&str>, stateful: bool) -> Result<Volatility, String> {
    if stateful {
        return match text {
            None => Ok(Volatility::Volatile),
            Some(_) => Err(format!("{place}: a function with state has no volatility")),
        };
    }
    let choices = [
        ("immutable", Volatility::Immutable),
        ("stable", Volatility::Stable),
        ("volatile", Volatility::Volatile),
    ];
    choice(place, "volatility", text, &choices)
}

/// One of `choices` by name; the first where none is given.
fn choice<T: Copy>(place: &str, key: &str, text: Option<&str>, choices: &[(&str, T)]) -> Result<T, String> {
    let Some(text) = text else {
        return Ok(choices[0].1);
    };
    choices
        .iter()
        .find(|(name, _)| *name == text)
        .map(|(_, value)| *value)
        .ok_or_else(|| {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            format!("{place}: {key} {text:?} is not one of {}", names.join(", "))
        })
}

fn check_name(place: &str, key: &str, name: &str, limits: &Limits) -> Result<(), String> {
    if name.chars().count() > limits.name_chars {
        return Err(format!(
            "{place}: {key} {:?}... is longer than {} characters",
            name.chars().take(16).collect::<String>(),
            limits.name_chars
        ));
    }
    if is_identifier(name) {
        Ok(())
    } else {
        Err(format!(
            "{place}: {key} {name:?} is not a SQL identifier (a letter or _, then letters, digits, _)"
        ))
    }
}

/// Whether `name` can be written in SQL without quotes.
pub(in crate::udf) fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// `text` in one line of at most `bytes` bytes, without control characters.
pub(in crate::udf) fn cut(text: &str, bytes: usize) -> String {
    let end = text.floor_char_boundary(bytes.min(text.len()));
    text[..end]
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
