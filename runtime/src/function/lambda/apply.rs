//! Computing a lambda for columns of arguments.

use datafusion::arrow::array::{Array, ArrayRef, UInt32Array, new_empty_array};
use datafusion::arrow::compute::{concat, take_arrays};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::exec_err;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, HigherOrderFunctionArgs, LambdaArgument, ValueOrLambda};

use super::collection::{Collection, Elements};
use crate::function::row_error::{Fault, RowErrors, collect, report, report_all};

/// A lambda and the type of its body.
pub(super) struct Lambda<'a> {
    pub(super) argument: &'a LambdaArgument,
    pub(super) body_type: DataType,
}

/// The lambdas of a call, in order.
pub(super) fn lambdas(args: &HigherOrderFunctionArgs) -> Result<Vec<Lambda<'_>>> {
    (args.args.iter().zip(&args.arg_fields))
        .filter_map(|(argument, field)| match (argument, field) {
            (ValueOrLambda::Lambda(argument), ValueOrLambda::Lambda(field)) => Some(Ok(Lambda {
                argument,
                body_type: field.data_type().clone(),
            })),
            (ValueOrLambda::Value(_), ValueOrLambda::Value(_)) => None,
            _ => Some(exec_err!("arguments and their fields differ")),
        })
        .collect()
}

impl Lambda<'_> {
    /// Its results for rows of arguments; `rows` says which row of the batch each belongs to.
    pub(super) fn call(&self, arguments: &[ArrayRef], rows: &[u32]) -> Result<ArrayRef> {
        if rows.is_empty() {
            return Ok(new_empty_array(&self.body_type));
        }
        let given: Vec<_> = arguments
            .iter()
            .map(|argument| || Ok(ArrayRef::clone(argument)))
            .collect();
        let given: Vec<&dyn Fn() -> Result<ArrayRef>> = given.iter().map(|f| f as _).collect();
        let result = self.argument.evaluate(&given, |captures| {
            let rows = UInt32Array::from(rows.to_vec());
            Ok(take_arrays(captures, &rows, None)?)
        })?;
        match result {
            ColumnarValue::Array(array) => Ok(array),
            scalar @ ColumnarValue::Scalar(_) => scalar.into_array(rows.len()),
        }
    }

    /// Its results for the elements of all rows. Where it fails, the row's slot in `failed` is set and its elements
    /// have NULL or nothing meaningful as results.
    pub(super) fn map(&self, collection: &Collection, failed: &mut [bool], function: &str) -> Result<Mapped> {
        let all = collection.elements((0..collection.rows.len()).filter(|row| !failed[*row]));
        let arguments = collection.take(&all.positions)?;
        let (results, errors) = collect(|| self.call(&arguments, &all.rows));
        if let (Ok(results), 0) = (&results, errors.count) {
            return Ok(Mapped {
                elements: all,
                results: ArrayRef::clone(results),
            });
        }
        self.map_row_by_row(collection, failed, function)
    }

    fn map_row_by_row(&self, collection: &Collection, failed: &mut [bool], function: &str) -> Result<Mapped> {
        let mut elements = Elements::default();
        let mut parts: Vec<ArrayRef> = vec![new_empty_array(&self.body_type)];
        for (row, has_failed) in failed.iter_mut().enumerate() {
            if *has_failed {
                continue;
            }
            let own = collection.elements([row]);
            let arguments = collection.take(&own.positions)?;
            let (result, errors) = collect(|| self.call(&arguments, &own.rows));
            match row_result(result, errors, function)? {
                Some(result) => {
                    elements.positions.extend(own.positions);
                    elements.rows.extend(own.rows);
                    parts.push(result);
                }
                None => *has_failed = true,
            }
        }
        let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
        Ok(Mapped {
            elements,
            results: concat(&parts)?,
        })
    }
}

/// The results of a lambda for one row, or `None` and a note where it failed.
pub(super) fn row_result(result: Result<ArrayRef>, errors: RowErrors, function: &str) -> Result<Option<ArrayRef>> {
    match result {
        Ok(result) if errors.count == 0 => Ok(Some(result)),
        Ok(_) => {
            report_all(errors)?;
            Ok(None)
        }
        // A fault of ours is not a fault of the row.
        Err(error @ (DataFusionError::Internal(_) | DataFusionError::NotImplemented(_))) => Err(error),
        Err(error) => {
            report(function, &Fault::from(error.strip_backtrace()))?;
            Ok(None)
        }
    }
}

/// The elements that a lambda was computed for, and its results.
pub(super) struct Mapped {
    pub(super) elements: Elements,
    pub(super) results: ArrayRef,
}
