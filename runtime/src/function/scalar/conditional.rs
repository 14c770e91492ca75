//! COALESCE, IFNULL and NULLIF.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray};
use datafusion::arrow::compute::kernels::zip::zip;
use datafusion::arrow::compute::{interleave, is_not_null, nullif};
use datafusion::error::Result;

use crate::function::column::{Argument, Call};
use crate::function::definition::{Definition, define};
use crate::function::value_key::write_key;

pub(super) fn functions() -> Vec<Definition> {
    vec![
        define("coalesce", "the first value that is not NULL").on("(T, T...) -> T", coalesce),
        define("ifnull", "the first value, or the second where the first is NULL").on("(T, T) -> T", coalesce),
        define("nullif", "NULL where both values are equal, else the first").on("(T, T) -> T", null_if),
    ]
}

/// One row for each row of the call.
pub(super) fn expanded(argument: &Argument, rows: usize) -> Result<ArrayRef> {
    if !argument.constant || rows == 1 {
        return Ok(Arc::clone(&argument.array));
    }
    Ok(interleave(&[&argument.array], &vec![(0, 0); rows])?)
}

fn coalesce(call: &Call<'_>) -> Result<ArrayRef> {
    let mut result = expanded(&call.args[0], call.rows)?;
    for next in &call.args[1..] {
        if result.null_count() == 0 {
            break;
        }
        let next = expanded(next, call.rows)?;
        result = zip(&is_not_null(&result)?, &result, &next)?;
    }
    Ok(result)
}

fn null_if(call: &Call<'_>) -> Result<ArrayRef> {
    let (first, second) = (&call.args[0], &call.args[1]);
    let (mut a, mut b) = (Vec::new(), Vec::new());
    let equal: BooleanArray = (0..call.rows)
        .map(|row| {
            a.clear();
            b.clear();
            write_key(&first.array, first.at(row), &mut a);
            write_key(&second.array, second.at(row), &mut b);
            Some(a == b)
        })
        .collect();
    Ok(nullif(&expanded(first, call.rows)?, &equal)?)
}
