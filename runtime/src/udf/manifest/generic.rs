//! Functions with type variables: one entry of the manifest that stands for an overload per choice of types.

use std::collections::BTreeMap;

use super::json::{RawFunction, RawReturns};
use super::{check_name, type_name};
use crate::types::schema::SqlType;
use crate::udf::Limits;

/// The overloads that an entry stands for, without variables; the entry itself where it declares none.
pub(super) fn expand(place: &str, mut raw: RawFunction, limits: &Limits) -> Result<Vec<RawFunction>, String> {
    let Some(types) = raw.types.take() else {
        return Ok(vec![raw]);
    };
    let variables = variables(place, &types, limits)?;
    for (name, _) in &variables {
        if !raw.args.iter().any(|arg| replaced(&arg.sql_type, name, "").1) {
            return Err(format!("{place}: types: no argument has the type variable {name}"));
        }
    }
    let count = variables
        .iter()
        .try_fold(1_usize, |count, (_, types)| count.checked_mul(types.len()))
        .filter(|count| *count <= limits.functions);
    if count.is_none() {
        return Err(format!(
            "{place}: types: it stands for more than {} functions, which is the limit",
            limits.functions
        ));
    }
    if raw.export.is_none() {
        let names: Vec<String> = variables.iter().map(|(name, _)| format!("{{{name}}}")).collect();
        raw.export = Some(format!("{}_{}", raw.name, names.join("_")));
    }
    let mut overloads = vec![raw];
    for (name, types) in &variables {
        let chosen = |raw: &RawFunction| {
            types
                .iter()
                .map(|of| with_type(raw.clone(), name, of))
                .collect::<Vec<_>>()
        };
        overloads = overloads.iter().flat_map(chosen).collect();
    }
    let mut exports = overloads.iter().filter_map(|raw| raw.export.as_deref());
    let unknown = exports.find(|export| export.contains(['{', '}'])).map(str::to_owned);
    match unknown {
        Some(export) => Err(format!(
            "{place}: export {export:?} names a type variable that is not in \"types\""
        )),
        None => Ok(overloads),
    }
}

/// The variables with the types that each stands for.
fn variables<'a>(
    place: &str,
    types: &'a BTreeMap<String, Vec<String>>,
    limits: &Limits,
) -> Result<Vec<(&'a str, Vec<SqlType>)>, String> {
    if types.is_empty() {
        return Err(format!("{place}: types has no type variable"));
    }
    let mut variables: Vec<(&str, Vec<SqlType>)> = Vec::with_capacity(types.len());
    for (name, of) in types {
        check_name(&format!("{place}: types"), "variable", name, limits)?;
        if type_name::is_type(name) {
            return Err(format!("{place}: types: {name} is the name of a type"));
        }
        if variables.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
            return Err(format!("{place}: types: {name} is there twice"));
        }
        if of.is_empty() {
            return Err(format!("{place}: types: {name} stands for no type"));
        }
        let parsed = of.iter().map(|text| type_name::parse(text, limits));
        let parsed = parsed.collect::<Result<Vec<_>, _>>();
        variables.push((
            name.as_str(),
            parsed.map_err(|e| format!("{place}: types: {name}: {e}"))?,
        ));
    }
    Ok(variables)
}

fn with_type(mut raw: RawFunction, name: &str, of: &SqlType) -> RawFunction {
    let text = of.to_string();
    for arg in &mut raw.args {
        arg.sql_type = replaced(&arg.sql_type, name, &text).0;
    }
    match &mut raw.returns {
        RawReturns::Type(returns) => *returns = replaced(returns, name, &text).0,
        RawReturns::Columns(columns) => {
            for column in columns {
                column.sql_type = replaced(&column.sql_type, name, &text).0;
            }
        }
    }
    if let Some(export) = &mut raw.export {
        *export = export.replace(&format!("{{{name}}}"), &in_export(&text));
    }
    raw
}

/// A type as a part of an export's name: `bigint`, `decimal_10_2`, `array_string`.
fn in_export(sql_type: &str) -> String {
    let words = sql_type
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("_")
}

/// `text` with `sql_type` where the variable stands as a type, and whether it stands there. A word that another word follows is the name
/// of a STRUCT's field, as is what stands in back-quotes.
fn replaced(text: &str, name: &str, sql_type: &str) -> (String, bool) {
    let (mut out, mut rest, mut found) = (String::new(), text, false);
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let length = match first {
            '`' => rest[1..].find('`').map_or(rest.len(), |end| end + 2),
            c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        let (piece, behind) = rest.split_at(length);
        let is_field = behind.trim_start().starts_with(|c: char| is_word(c) || c == '`');
        if piece.eq_ignore_ascii_case(name) && !is_field {
            out.push_str(sql_type);
            found = true;
        } else {
            out.push_str(piece);
        }
        rest = behind;
    }
    (out, found)
}
