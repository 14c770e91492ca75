//! FILTER: the elements, or the entries of a map, for which a lambda is true.

use std::sync::Arc;

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, HigherOrderFunctionArgs, HigherOrderReturnFieldArgs, HigherOrderSignature, HigherOrderUDFImpl,
    LambdaParametersProgress, ValueOrLambda, Volatility,
};

use super::apply::lambdas;
use super::collection::Collection;
use super::element_fields;
use crate::function::scalar::{Picked, PickedEntries};
use crate::function::udf::canonical;

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Filter {
    signature: HigherOrderSignature,
}

impl Filter {
    pub(super) fn new() -> Self {
        Self {
            signature: HigherOrderSignature::user_defined(Volatility::Immutable),
        }
    }
}

impl HigherOrderUDFImpl for Filter {
    fn name(&self) -> &'static str {
        "filter"
    }

    fn signature(&self) -> &HigherOrderSignature {
        &self.signature
    }

    fn coerce_value_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(arg_types.iter().map(canonical).collect())
    }

    fn lambda_parameters(
        &self,
        _step: usize,
        fields: &[ValueOrLambda<FieldRef, Option<FieldRef>>],
    ) -> Result<LambdaParametersProgress> {
        let [ValueOrLambda::Value(collection), ValueOrLambda::Lambda(_)] = fields else {
            return plan_err!("function FILTER takes an ARRAY or a MAP, and a lambda");
        };
        let parameters = element_fields("FILTER", collection.data_type())?;
        Ok(LambdaParametersProgress::Complete(vec![parameters]))
    }

    fn return_field_from_args(&self, args: HigherOrderReturnFieldArgs<'_>) -> Result<FieldRef> {
        let [ValueOrLambda::Value(collection), ValueOrLambda::Lambda(body)] = args.arg_fields else {
            return plan_err!("function FILTER takes an ARRAY or a MAP, and a lambda");
        };
        if !matches!(body.data_type(), DataType::Boolean | DataType::Null) {
            return plan_err!(
                "the lambda of function FILTER must give a BOOLEAN, not {}",
                body.data_type()
            );
        }
        Ok(Arc::new(Field::new("filter", canonical(collection.data_type()), true)))
    }

    fn invoke_with_args(&self, args: HigherOrderFunctionArgs) -> Result<ColumnarValue> {
        let collection = Collection::of(&args.args[0], args.number_rows)?;
        let mut failed = vec![false; collection.rows.len()];
        let lambdas = lambdas(&args)?;
        let [predicate] = lambdas.as_slice() else {
            return exec_err!("function FILTER takes one lambda");
        };
        let mapped = predicate.map(&collection, &mut failed, "filter")?;
        let keep = datafusion::arrow::compute::cast(&mapped.results, &DataType::Boolean)?;
        let keep = keep.as_boolean();
        let mut kept: Vec<Vec<usize>> = vec![Vec::new(); failed.len()];
        for (index, (at, row)) in mapped.elements.positions.iter().zip(&mapped.elements.rows).enumerate() {
            if keep.is_valid(index) && keep.value(index) {
                kept[*row as usize].push(*at as usize);
            }
        }
        let rows = (kept.into_iter().enumerate())
            .map(|(row, kept)| (collection.rows[row].is_some() && !failed[row]).then_some(kept));
        Ok(ColumnarValue::Array(rebuild(&collection.columns, rows)?))
    }
}

/// Arrays or maps of some of the elements that they had.
fn rebuild(columns: &[ArrayRef], rows: impl ExactSizeIterator<Item = Option<Vec<usize>>>) -> Result<ArrayRef> {
    match columns {
        [values] => {
            let mut lists = Picked::new(rows.len());
            rows.for_each(|row| lists.push(row.map(|row| row.into_iter().map(|at| (0, at)))));
            lists.finish(&[values])
        }
        [keys, values] => {
            let mut maps = PickedEntries::default();
            rows.for_each(|row| maps.push(row.map(|row| row.into_iter().map(|at| ((0, at), (0, at))).collect())));
            maps.finish(&[keys], &[values])
        }
        _ => exec_err!("a collection has elements, or keys and values"),
    }
}
