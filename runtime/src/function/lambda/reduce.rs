//! REDUCE: a state that a lambda takes from element to element.
//!
//! All rows go step by step together: the first elements of all, then the second ones, and so on.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, UInt32Array};
use datafusion::arrow::compute::{concat, interleave, nullif, take};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, HigherOrderFunctionArgs, HigherOrderReturnFieldArgs, HigherOrderSignature, HigherOrderUDFImpl,
    LambdaParametersProgress, ValueOrLambda, Volatility,
};

use super::apply::{Lambda, lambdas, row_result};
use super::collection::{Collection, position};
use super::element_fields;
use crate::function::cast;
use crate::function::row_error::collect;
use crate::function::signature::wider;
use crate::function::udf::canonical;
use crate::types::schema::SqlType;

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Reduce {
    signature: HigherOrderSignature,
}

impl Reduce {
    pub(super) fn new() -> Self {
        Self {
            signature: HigherOrderSignature::user_defined(Volatility::Immutable),
        }
    }
}

const USAGE: &str = "function REDUCE takes an ARRAY or a MAP, a first state, and a lambda";

/// The type of the state, from that of the first state and that of the lambda's body.
///
/// Decimals get room, because a sum of decimals needs a digit more with every step.
fn state_type(first: &DataType, body: &DataType) -> Result<SqlType> {
    let (first, body) = match (SqlType::from_arrow(first), SqlType::from_arrow(body)) {
        (_, body) if *first == DataType::Null => (body.clone(), body),
        (first, _) if *body == DataType::Null => (first.clone(), first),
        types => types,
    };
    match (first, body) {
        (Some(first), Some(body)) if first == body => Ok(first),
        (Some(SqlType::Decimal(_, scale)), Some(SqlType::Decimal(..) | SqlType::Integer | SqlType::Bigint))
        | (Some(SqlType::Integer | SqlType::Bigint), Some(SqlType::Decimal(_, scale))) => {
            Ok(SqlType::Decimal(38, scale))
        }
        (Some(first), Some(body)) => match wider(&first, &body) {
            Some(common) => Ok(common),
            None => plan_err!("the lambda of function REDUCE gives {body}, its first state is {first}"),
        },
        _ => plan_err!("a state of function REDUCE has no SQL type"),
    }
}

impl HigherOrderUDFImpl for Reduce {
    fn name(&self) -> &'static str {
        "reduce"
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
        let [
            ValueOrLambda::Value(collection),
            ValueOrLambda::Value(first),
            ValueOrLambda::Lambda(body),
        ] = fields
        else {
            return plan_err!("{USAGE}");
        };
        let elements = element_fields("REDUCE", collection.data_type())?;
        let parameters = |state: DataType| {
            let state = Arc::new(Field::new("s", state, true));
            std::iter::once(state).chain(elements.iter().cloned()).collect()
        };
        match body {
            // The body's type depends on the state's: first as if the state kept its first type.
            None => Ok(LambdaParametersProgress::Partial(vec![Some(parameters(
                first.data_type().clone(),
            ))])),
            Some(body) => {
                let state = state_type(first.data_type(), body.data_type())?;
                Ok(LambdaParametersProgress::Complete(vec![parameters(state.to_arrow())]))
            }
        }
    }

    fn return_field_from_args(&self, args: HigherOrderReturnFieldArgs<'_>) -> Result<FieldRef> {
        let [
            ValueOrLambda::Value(_),
            ValueOrLambda::Value(first),
            ValueOrLambda::Lambda(body),
        ] = args.arg_fields
        else {
            return plan_err!("{USAGE}");
        };
        let state = state_type(first.data_type(), body.data_type())?;
        Ok(Arc::new(Field::new("reduce", state.to_arrow(), true)))
    }

    fn invoke_with_args(&self, args: HigherOrderFunctionArgs) -> Result<ColumnarValue> {
        let Some(state_type) = SqlType::from_arrow(args.return_type()) else {
            return exec_err!("a state of function REDUCE has no SQL type");
        };
        let collection = Collection::of(&args.args[0], args.number_rows)?;
        let ValueOrLambda::Value(first) = &args.args[1] else {
            return exec_err!("{USAGE}");
        };
        let first = cast::widen(&first.to_array(args.number_rows)?, &state_type, "reduce")?;
        let lambdas = lambdas(&args)?;
        let [body] = lambdas.as_slice() else {
            return exec_err!("{USAGE}");
        };
        let run = Run {
            collection: &collection,
            body,
            state_type: &state_type,
        };
        Ok(ColumnarValue::Array(run.finish(first)?))
    }
}

struct Run<'a> {
    collection: &'a Collection,
    body: &'a Lambda<'a>,
    state_type: &'a SqlType,
}

impl Run<'_> {
    fn finish(&self, mut state: ArrayRef) -> Result<ArrayRef> {
        let rows = &self.collection.rows;
        // A row whose first state is NULL stays NULL.
        let mut running: Vec<usize> = (0..rows.len()).filter(|row| state.is_valid(*row)).collect();
        let mut failed = vec![false; rows.len()];
        for step in 0.. {
            running.retain(|row| !failed[*row] && rows[*row].as_ref().is_some_and(|e| e.len() > step));
            if running.is_empty() {
                break;
            }
            state = self.step(step, &state, &running, &mut failed)?;
        }
        if failed.contains(&true) {
            state = nullif(&state, &BooleanArray::from(failed))?;
        }
        Ok(state)
    }

    /// The states after element `step` of the running rows.
    fn step(&self, step: usize, state: &ArrayRef, running: &[usize], failed: &mut [bool]) -> Result<ArrayRef> {
        let (results, errors) = collect(|| self.call(step, state, running));
        let results = match results {
            Ok(results) if errors.count == 0 => results,
            _ => self.step_row_by_row(step, state, running, failed)?,
        };
        let mut sources: Vec<(usize, usize)> = (0..state.len()).map(|row| (0, row)).collect();
        for (index, row) in running.iter().enumerate() {
            sources[*row] = (1, index);
        }
        Ok(interleave(&[state.as_ref(), results.as_ref()], &sources)?)
    }

    fn step_row_by_row(
        &self,
        step: usize,
        state: &ArrayRef,
        running: &[usize],
        failed: &mut [bool],
    ) -> Result<ArrayRef> {
        let mut parts = Vec::with_capacity(running.len());
        for row in running {
            let (result, errors) = collect(|| self.call(step, state, &[*row]));
            parts.push(match row_result(result, errors, "reduce")? {
                Some(result) => result,
                None => {
                    failed[*row] = true;
                    state.slice(*row, 1)
                }
            });
        }
        Ok(concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<&dyn Array>>())?)
    }

    fn call(&self, step: usize, state: &ArrayRef, running: &[usize]) -> Result<ArrayRef> {
        let rows: Vec<u32> = running.iter().map(|row| position(*row)).collect();
        let positions: Vec<u32> = (running.iter())
            .filter_map(|row| self.collection.rows[*row].as_ref())
            .map(|elements| elements[step])
            .collect();
        let mut arguments = vec![take(state, &UInt32Array::from(rows.clone()), None)?];
        arguments.extend(self.collection.take(&positions)?);
        let result = self.body.call(&arguments, &rows)?;
        cast::widen(&result, self.state_type, "reduce")
    }
}
