//! Equality of arrays, maps and structs, and the `+` of texts.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, StringBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::ScalarUDF;

use super::internal::internal;
use crate::function::cast::write_value;
use crate::function::column::Argument;
use crate::function::value_key::write_key;

/// The name of the function that compares nested values, which a join is recognised by.
pub const NESTED_EQUAL: &str = "ww_equal";

static EQUAL: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| internal(NESTED_EQUAL, "{0} = {1}", 2, equal_type, equal));
static DISTINCT: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| internal("ww_distinct", "{0} IS DISTINCT FROM {1}", 2, equal_type, distinct));
static PLUS: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| internal("ww_text_plus", "{0} + {1}", 2, plus_type, plus));

/// Whether two nested values are equal; NULL where one of them is NULL.
pub(super) fn nested_equal() -> Arc<ScalarUDF> {
    Arc::clone(&EQUAL)
}

/// Whether two nested values differ, where NULL is equal to NULL alone.
pub(super) fn nested_distinct() -> Arc<ScalarUDF> {
    Arc::clone(&DISTINCT)
}

/// Two texts put together, NULL as the text `null`.
pub(super) fn text_plus() -> Arc<ScalarUDF> {
    Arc::clone(&PLUS)
}

fn equal_type(types: &[DataType]) -> Result<DataType> {
    match types {
        [left, right] if left == right => Ok(DataType::Boolean),
        _ => plan_err!("values of different types cannot be compared"),
    }
}

fn keys_differ(args: &[Argument]) -> impl FnMut(usize) -> bool + '_ {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    move |row| {
        left.clear();
        right.clear();
        write_key(&args[0].array, args[0].at(row), &mut left);
        write_key(&args[1].array, args[1].at(row), &mut right);
        left != right
    }
}

#[expect(clippy::unnecessary_wraps, reason = "what an internal function computes may fail")]
fn equal(args: &[Argument], rows: usize, _: &DataType) -> Result<ArrayRef> {
    let mut differ = keys_differ(args);
    let values = (0..rows).map(|row| (!args[0].is_null(row) && !args[1].is_null(row)).then(|| !differ(row)));
    Ok(Arc::new(values.collect::<BooleanArray>()))
}

#[expect(clippy::unnecessary_wraps, reason = "what an internal function computes may fail")]
fn distinct(args: &[Argument], rows: usize, _: &DataType) -> Result<ArrayRef> {
    let mut differ = keys_differ(args);
    Ok(Arc::new(
        (0..rows).map(|row| Some(differ(row))).collect::<BooleanArray>(),
    ))
}

fn plus_type(types: &[DataType]) -> Result<DataType> {
    match types {
        [DataType::Utf8 | DataType::Null, DataType::Utf8 | DataType::Null] => Ok(DataType::Utf8),
        _ => plan_err!("+ puts texts together, or adds numbers"),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "what an internal function computes may fail")]
fn plus(args: &[Argument], rows: usize, _: &DataType) -> Result<ArrayRef> {
    let mut texts = StringBuilder::with_capacity(rows, rows * 16);
    let mut text = String::new();
    for row in 0..rows {
        text.clear();
        for argument in args {
            match argument.array.data_type() {
                DataType::Null => text.push_str("null"),
                _ => write_value(&argument.array, argument.at(row), &mut text),
            }
        }
        texts.append_value(&text);
    }
    Ok(Arc::new(texts.finish()))
}
