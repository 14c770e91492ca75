//! The columns of a step, which may leave out arguments that have defaults, and give the values of a variadic argument one by one.

use std::borrow::Cow;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::DataType;
use serde_json::Value;

use super::{Step, column};
use crate::udf::FunctionInfo;

/// The arguments of a call, and how many rows it has.
pub(super) fn arguments(info: &FunctionInfo, step: &Step) -> Result<(Vec<ArrayRef>, usize), String> {
    let given = step.call.as_ref().ok_or("a step is a call, a restart or a drop")?;
    let times = step.times.unwrap_or(1);
    // A call without columns has the rows that it gives.
    let shown = given.first().or(step.gives.as_ref()).map_or(0, Vec::len);
    let columns = columns(info, given, shown, times)?;
    let rows = columns.first().map_or(shown * times as usize, Array::len);
    Ok((columns, rows))
}

/// One column for each argument of the function, of `rows` rows before they are repeated.
pub(super) fn columns(
    info: &FunctionInfo,
    given: &[Vec<Value>],
    rows: usize,
    times: u32,
) -> Result<Vec<ArrayRef>, String> {
    let due = info.args.len();
    let given = gathered(info, given, rows)?;
    if given.len() > due || given.len() + info.defaults.len() < due {
        return Err(format!(
            "the step has {} columns of arguments, the function {due}",
            given.len()
        ));
    }
    let mut columns = Vec::with_capacity(due);
    for (values, (name, data_type)) in given.iter().zip(&info.args) {
        columns.push(column(values, data_type, times).map_err(|e| format!("argument {name}: {e}"))?);
    }
    for default in info.defaults.iter().skip(given.len() + info.defaults.len() - due) {
        let default = default.to_array_of_size(rows * times as usize);
        columns.push(default.map_err(|e| e.to_string())?);
    }
    Ok(columns)
}

/// The columns with those of a variadic argument made one, as a query does it.
fn gathered<'a>(info: &FunctionInfo, given: &'a [Vec<Value>], rows: usize) -> Result<Cow<'a, [Vec<Value>]>, String> {
    let Some(element) = info.variadic_element() else {
        return Ok(Cow::Borrowed(given));
    };
    let before = info.args.len() - 1;
    let is_one_array = given.len() == info.args.len() && is_of_arrays(&given[before], &element);
    if given.len() < before || is_one_array {
        return Ok(Cow::Borrowed(given));
    }
    let mut arrays = vec![Vec::new(); rows];
    for column in &given[before..] {
        if column.len() != rows {
            return Err(format!(
                "a column of arguments has {} rows, another {rows}",
                column.len()
            ));
        }
        for (array, value) in arrays.iter_mut().zip(column) {
            array.push(value.clone());
        }
    }
    let mut gathered = given[..before].to_vec();
    gathered.push(arrays.into_iter().map(Value::Array).collect());
    Ok(Cow::Owned(gathered))
}

/// Whether a column is the ARRAY itself, not the first of its elements. Arrays of arrays are always given one by one.
fn is_of_arrays(column: &[Value], element: &DataType) -> bool {
    !matches!(element, DataType::List(_)) && column.iter().any(Value::is_array)
}
