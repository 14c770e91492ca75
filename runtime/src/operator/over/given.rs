//! What a call has given for the rows of a batch, until it becomes a column.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, UInt64Array, new_empty_array};
use datafusion::arrow::compute::{cast, concat};

use super::call::{OverCall, OverFunction};
use super::store::{RowRef, RowStore};
use crate::operator::Error;

/// Results of one call, one for each row.
pub(super) enum Given {
    /// Of a rank.
    Numbers(Vec<u64>),
    /// The rows whose values are the results; `None` where the frame has no such row.
    Rows(Vec<Option<RowRef>>),
    /// Arrays of one row.
    Values(Vec<ArrayRef>),
}

impl Given {
    /// Nothing yet, with room for so many rows.
    pub(super) fn of(call: &OverCall, rows: usize) -> Self {
        match &call.function {
            OverFunction::RowNumber | OverFunction::Rank | OverFunction::DenseRank => {
                Self::Numbers(Vec::with_capacity(rows))
            }
            OverFunction::Value { .. } => Self::Rows(Vec::with_capacity(rows)),
            OverFunction::Aggregate(_) => Self::Values(Vec::with_capacity(rows)),
        }
    }

    /// The results as a column of the call's type. `column` is the one of the store that the call takes values from.
    pub(super) fn into_column(self, call: &OverCall, store: &RowStore, column: usize) -> Result<ArrayRef, Error> {
        let array: ArrayRef = match self {
            Self::Numbers(numbers) => Arc::new(UInt64Array::from(numbers)),
            Self::Values(values) if values.is_empty() => new_empty_array(&call.returns),
            Self::Values(values) => {
                let values: Vec<&dyn Array> = values.iter().map(AsRef::as_ref).collect();
                concat(&values)?
            }
            Self::Rows(rows) => {
                let otherwise = default_of(call)?;
                store.gather_or(rows.into_iter(), column, Some(&otherwise))?
            }
        };
        Ok(cast(&array, &call.returns)?)
    }
}

/// The value where a frame has no such row, as an array of one row of the argument's type.
fn default_of(call: &OverCall) -> Result<ArrayRef, Error> {
    let argument = call.args.first().map_or(&call.returns, |arg| arg.data_type());
    let OverFunction::Value { otherwise, .. } = &call.function else {
        return Ok(datafusion::arrow::array::new_null_array(argument, 1));
    };
    let converted = otherwise.cast_to(argument).and_then(|value| value.to_array());
    converted.map_err(|error| Error::of_expression(&call.label, &error))
}
