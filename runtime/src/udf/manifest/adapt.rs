//! A manifest under the terms of its plugin: functions under other names, or the one function that CREATE FUNCTION takes.

use super::{FunctionSpec, Manifest, is_identifier};
use crate::types::schema::SqlType;
use crate::udf::Volatility;
use crate::udf::terms::{Pick, Renaming, Terms};

/// How a function's numbers may be told to be values of other types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::udf) enum Retyping {
    /// Not at all: its manifest says the types.
    Declared,
    /// As long as they are the same numbers of WebAssembly: of a plain module, which says nothing more.
    Numbers,
}

/// Changes names, types and volatility as the terms say. The error is a reason without the plugin's name.
pub(in crate::udf) fn adapt(manifest: &mut Manifest, terms: &Terms, retyping: Retyping) -> Result<(), String> {
    if terms.grants.are_volatile() {
        for function in &mut manifest.functions {
            // Whatever it says of itself, it may look at the clock; what is computed once for all rows would keep that moment.
            function.volatility = Volatility::Volatile;
        }
    }
    rename(manifest, terms)?;
    if let Some(pick) = &terms.pick {
        let functions = std::mem::take(&mut manifest.functions);
        manifest.functions.push(picked(functions, pick, retyping)?);
        manifest.skipped.clear();
    }
    Ok(())
}

fn rename(manifest: &mut Manifest, terms: &Terms) -> Result<(), String> {
    let sidecar = &terms.sidecar;
    let mut functions = Vec::with_capacity(manifest.functions.len());
    let mut known = vec![false; terms.renamings.len()];
    for mut function in std::mem::take(&mut manifest.functions) {
        let mut renamings = terms.renamings.iter().zip(&mut known);
        let own = renamings.find(|((name, _), _)| name.eq_ignore_ascii_case(&function.name));
        if let Some(((_, renaming), known)) = own {
            *known = true;
            match renaming {
                Renaming::As(name) => function.name.clone_from(name),
                Renaming::Hidden => continue,
            }
        }
        functions.push(function);
    }
    if let Some(((name, _), _)) = terms.renamings.iter().zip(known).find(|(_, known)| !known) {
        return Err(format!("{sidecar} names a function {name}, which it does not have"));
    }
    for (i, function) in functions.iter().enumerate() {
        for other in &functions[..i] {
            if other.signature() == function.signature() {
                return Err(format!(
                    "as {sidecar} names them, {} is there twice",
                    function.signature()
                ));
            }
            if other.name.eq_ignore_ascii_case(&function.name) && other.kind != function.kind {
                return Err(format!(
                    "as {sidecar} names them, {} is of two kinds; overloads of one name have one kind",
                    function.name
                ));
            }
        }
    }
    manifest.functions = functions;
    Ok(())
}

/// The function that is meant, under its new name and types.
fn picked(functions: Vec<FunctionSpec>, pick: &Pick, retyping: Retyping) -> Result<FunctionSpec, String> {
    let called = |function: &FunctionSpec, name: &str| {
        // The exports of a plain module are its functions' names; those in its specification are the host's own.
        function.name.eq_ignore_ascii_case(name) || retyping == Retyping::Declared && function.export == name
    };
    let wanted = pick.export.as_deref().unwrap_or(&pick.name);
    let mut candidates: Vec<&FunctionSpec> = functions.iter().filter(|function| called(function, wanted)).collect();
    let exact: Vec<&FunctionSpec> = candidates
        .iter()
        .copied()
        .filter(|function| function.name == wanted)
        .collect();
    if !exact.is_empty() {
        candidates = exact;
    }
    if candidates.is_empty() && pick.export.is_none() {
        // There is only one that can be meant.
        let first = functions.first();
        candidates = functions
            .iter()
            .filter(|function| first.is_some_and(|first| first.name == function.name))
            .collect();
        if candidates.len() != functions.len() {
            candidates.clear();
        }
    }
    if candidates.is_empty() {
        let names: Vec<&str> = functions
            .iter()
            .map(|function| function.name.as_str())
            .take(NAMED_MAX)
            .collect();
        let more = if functions.len() > NAMED_MAX { ", ..." } else { "" };
        return Err(format!(
            "it has no function {wanted}; it has {}{more}",
            names.join(", ")
        ));
    }
    let Some(found) = candidates.iter().find_map(|function| retyped(function, pick, retyping)) else {
        let have: Vec<String> = candidates.iter().map(|function| declaration(function)).collect();
        let hint = match retyping {
            Retyping::Declared => "declare these types",
            Retyping::Numbers => "an INTEGER may be declared as BOOLEAN, DATE or TIME, and a BIGINT as TIMESTAMP",
        };
        return Err(format!("its function is {}; {hint}", have.join(" or ")));
    };
    Ok(found)
}

/// Functions that an error names.
const NAMED_MAX: usize = 8;

fn declaration(function: &FunctionSpec) -> String {
    format!("{} RETURNS {}", function.signature(), function.returns)
}

/// The function with the types that are asked for, if it can have them.
fn retyped(function: &FunctionSpec, pick: &Pick, retyping: Retyping) -> Option<FunctionSpec> {
    let fits =
        |own: &SqlType, asked: &SqlType| own == asked || retyping == Retyping::Numbers && is_number_of(own, asked);
    let all_fit = function.args.len() == pick.args.len()
        && function
            .args
            .iter()
            .zip(&pick.args)
            .all(|(own, (_, asked))| fits(&own.sql_type, asked))
        && fits(&function.returns, &pick.returns);
    if !all_fit {
        return None;
    }
    let mut function = function.clone();
    function.name.clone_from(&pick.name);
    // Truth values are numbers until `booleans` turns them.
    let stays = |asked: &SqlType| retyping == Retyping::Numbers && *asked == SqlType::Boolean;
    if !stays(&pick.returns) {
        function.returns = pick.returns.clone();
    }
    for (own, (name, asked)) in function.args.iter_mut().zip(&pick.args) {
        if !stays(asked) {
            own.sql_type = asked.clone();
        }
        if let Some(name) = name.as_ref().filter(|name| is_identifier(name)) {
            own.name.clone_from(name);
        }
    }
    Some(function)
}

/// Whether values of the type can stand as these numbers.
fn is_number_of(number: &SqlType, asked: &SqlType) -> bool {
    matches!(
        (number, asked),
        (SqlType::Integer, SqlType::Boolean | SqlType::Date | SqlType::Time) | (SqlType::Bigint, SqlType::Timestamp)
    )
}
