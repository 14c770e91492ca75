//! Functions that return what they get, of every type, nulls included.

use std::collections::{BTreeMap, HashMap};

use waterwheel_udf::{Argument, Date, Decimal, List, Map, Return, Time, Timestamp, scalar};

#[scalar]
pub fn echo_boolean(x: Option<bool>) -> Option<bool> {
    x
}

#[scalar]
pub fn echo_integer(x: Option<i32>) -> Option<i32> {
    x
}

#[scalar]
pub fn echo_bigint(x: Option<i64>) -> Option<i64> {
    x
}

#[scalar]
pub fn echo_double(x: Option<f64>) -> Option<f64> {
    x
}

#[scalar]
pub fn echo_decimal(x: Option<Decimal<20, 4>>) -> Option<Decimal<20, 4>> {
    x
}

#[scalar]
pub fn echo_time(x: Option<Time>) -> Option<Time> {
    x
}

#[scalar]
pub fn echo_date(x: Option<Date>) -> Option<Date> {
    x
}

#[scalar]
pub fn echo_timestamp(x: Option<Timestamp>) -> Option<Timestamp> {
    x
}

#[scalar]
pub fn echo_string(x: Option<&str>) -> Option<&str> {
    x
}

#[scalar]
pub fn echo_bytes(x: Option<&[u8]>) -> Option<&[u8]> {
    x
}

#[scalar]
pub fn echo_list(x: Option<List<'_, Option<i64>>>) -> Option<List<'_, Option<i64>>> {
    x
}

#[scalar]
pub fn echo_list_of_lists(
    x: Option<Vec<Option<List<'_, Option<&str>>>>>,
) -> Option<Vec<Option<List<'_, Option<&str>>>>> {
    x
}

#[scalar]
pub fn echo_map(x: Option<Map<'_, &str, Option<f64>>>) -> Option<Map<'_, &str, Option<f64>>> {
    x
}

/// Through maps of std, which put the entries in order and keep one per key.
#[scalar]
pub fn echo_sorted_map(x: BTreeMap<i32, Option<bool>>) -> HashMap<i32, Option<bool>> {
    x.into_iter().collect()
}

/// A struct with a lifetime, nested values and a name that keeps its case.
#[derive(Debug, Argument, Return)]
pub struct Trade<'a> {
    price: Option<f64>,
    #[field(name = "tradeSymbol")]
    symbol: Option<&'a str>,
    tags: Option<List<'a, Option<&'a str>>>,
    at: Option<Place>,
}

#[derive(Debug, Clone, Argument, Return)]
pub struct Place {
    x: Option<i32>,
    r#where: Option<String>,
}

#[scalar]
pub fn echo_struct(x: Option<Trade<'_>>) -> Option<Trade<'_>> {
    x
}

#[scalar]
pub fn echo_list_of_structs(x: Option<Vec<Option<Place>>>) -> Option<Vec<Option<Place>>> {
    x
}

/// Without an Option anywhere: rows with a null argument are not seen, a null further in fails its row.
#[scalar]
pub fn echo_owned(x: Vec<BTreeMap<String, Vec<u8>>>) -> Vec<BTreeMap<String, Vec<u8>>> {
    x
}
