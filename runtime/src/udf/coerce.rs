//! Which overload of a function takes the arguments of a call, and how functions are written in messages.
//!
//! Exact types win. Else numbers widen, and literals, which SQL types generously, narrow: the cheapest overload wins, and
//! two equally cheap ones are an error that lists them.

use std::fmt::Write;

use datafusion::arrow::datatypes::DataType;

use super::FunctionInfo;
use crate::types::schema::SqlType;

/// Cost of a conversion that may fail on some values; one of them is worse than any number of safe ones.
const MAY_FAIL: u32 = 1_000;

/// The overload that takes arguments of these types.
///
/// # Errors
/// When none does, or two do equally well; the text lists the overloads.
pub(super) fn choose<'a>(
    name: &str,
    overloads: impl Iterator<Item = &'a FunctionInfo> + Clone,
    given: &[DataType],
) -> Result<usize, String> {
    let costs: Vec<(usize, u32)> = overloads
        .clone()
        .enumerate()
        .filter_map(|(i, overload)| Some((i, call_cost(overload, given)?)))
        .collect();
    let list = |chosen: &dyn Fn(usize) -> bool| {
        let lines: Vec<String> = overloads
            .clone()
            .enumerate()
            .filter(|(i, _)| chosen(*i))
            .map(|(_, overload)| describe(overload))
            .collect();
        lines.join("; ")
    };
    let Some(best) = costs.iter().map(|(_, cost)| *cost).min() else {
        return Err(format!(
            "{}({}) does not exist; there is {}",
            name.to_ascii_uppercase(),
            types_text(given.iter()),
            list(&|_| true)
        ));
    };
    let winners: Vec<usize> = costs
        .iter()
        .filter(|(_, cost)| *cost == best)
        .map(|(i, _)| *i)
        .collect();
    match winners.as_slice() {
        [one] => Ok(*one),
        _ => Err(format!(
            "{}({}) is ambiguous: {}; cast the arguments to the types of one of them",
            name.to_ascii_uppercase(),
            types_text(given.iter()),
            list(&|i| winners.contains(&i))
        )),
    }
}

fn call_cost(overload: &FunctionInfo, given: &[DataType]) -> Option<u32> {
    if overload.args.len() != given.len() {
        return None;
    }
    overload
        .args
        .iter()
        .zip(given)
        .map(|((_, declared), given)| cost(given, declared))
        .sum()
}

/// What it costs to give a value of type `given` where `declared` is due; `None` where it cannot be.
fn cost(given: &DataType, declared: &DataType) -> Option<u32> {
    if given == declared {
        return Some(0);
    }
    if *given == DataType::Null {
        return Some(1);
    }
    sql_cost(&SqlType::from_arrow(given)?, &SqlType::from_arrow(declared)?)
}

fn sql_cost(given: &SqlType, declared: &SqlType) -> Option<u32> {
    use SqlType::{Array, Bigint, Date, Decimal, Double, Integer, Map, Struct, Timestamp};
    if given == declared {
        // The same to SQL: views, dictionaries, other units or field names of Arrow.
        return Some(1);
    }
    Some(match (given, declared) {
        (Integer, Bigint) => 2,
        (Integer, Decimal(p, s)) => decimal_cost(10, 0, *p, *s),
        (Bigint, Decimal(p, s)) => decimal_cost(19, 0, *p, *s),
        (Decimal(p1, s1), Decimal(p2, s2)) => decimal_cost(*p1, *s1, *p2, *s2),
        (Integer | Bigint | Decimal(_, _), Double) => 4,
        (Date, Timestamp) => 5,
        // Literals: SQL makes 60 a BIGINT and 1.5 a DOUBLE, and who writes f(60) means the INTEGER of f.
        (Bigint, Integer) | (Double, Decimal(_, _)) => MAY_FAIL,
        (Array(given), Array(declared)) => sql_cost(given, declared)?,
        (Map(k1, v1), Map(k2, v2)) => sql_cost(k1, k2)? + sql_cost(v1, v2)?,
        (Struct(given), Struct(declared)) if given.len() == declared.len() => given
            .iter()
            .zip(declared)
            .map(|((n1, t1), (n2, t2))| (n1 == n2).then(|| sql_cost(t1, t2)).flatten())
            .sum::<Option<u32>>()?,
        _ => return None,
    })
}

/// Safe when both sides of the point have room for all digits.
fn decimal_cost(p1: u8, s1: i8, p2: u8, s2: i8) -> u32 {
    let whole = |p: u8, s: i8| i16::from(p) - i16::from(s);
    if s2 >= s1 && whole(p2, s2) >= whole(p1, s1) {
        3
    } else {
        MAY_FAIL
    }
}

/// Name and argument types: what no two functions share.
pub(super) fn signature(function: &FunctionInfo) -> String {
    let types = types_text(function.args.iter().map(|(_, data_type)| data_type));
    format!("{}({types})", function.name.to_ascii_uppercase())
}

/// A function as SQL would declare it: `RISK_SCORE(price DOUBLE, volume BIGINT) RETURNS DOUBLE`.
pub(super) fn describe(function: &FunctionInfo) -> String {
    let mut text = format!("{}(", function.name.to_ascii_uppercase());
    for (i, (name, data_type)) in function.args.iter().enumerate() {
        let separator = if i == 0 { "" } else { ", " };
        write!(text, "{separator}{name} {}", type_text(data_type)).expect("a String can be written");
    }
    text + &format!(") RETURNS {}", type_text(&function.returns))
}

fn types_text<'a>(types: impl Iterator<Item = &'a DataType>) -> String {
    types.map(type_text).collect::<Vec<_>>().join(", ")
}

fn type_text(data_type: &DataType) -> String {
    SqlType::from_arrow(data_type).map_or_else(|| data_type.to_string(), |sql_type| sql_type.to_string())
}
