//! TRANSFORM: every element, or every key and every value, replaced by what a lambda makes of it.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, ListArray};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, HigherOrderFunctionArgs, HigherOrderReturnFieldArgs, HigherOrderSignature, HigherOrderUDFImpl,
    LambdaParametersProgress, ValueOrLambda, Volatility,
};

use super::apply::{Mapped, lambdas};
use super::collection::Collection;
use super::{element_fields, lambda_count};
use crate::function::row_error::{Fault, report};
use crate::function::scalar::PickedEntries;
use crate::function::udf::canonical;
use crate::function::value_key::write_key;
use crate::types::schema::SqlType;

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Transform {
    signature: HigherOrderSignature,
}

impl Transform {
    pub(super) fn new() -> Self {
        Self {
            signature: HigherOrderSignature::user_defined(Volatility::Immutable),
        }
    }
}

impl HigherOrderUDFImpl for Transform {
    fn name(&self) -> &'static str {
        "transform"
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
        let [ValueOrLambda::Value(collection), ValueOrLambda::Lambda(_), ..] = fields else {
            return plan_err!("function TRANSFORM takes an ARRAY and a lambda, or a MAP and two lambdas");
        };
        let parameters = element_fields("TRANSFORM", collection.data_type())?;
        if fields.len() != parameters.len() + 1 || lambda_count(fields) != parameters.len() {
            return plan_err!("function TRANSFORM takes one lambda for an ARRAY and two for a MAP");
        }
        Ok(LambdaParametersProgress::Complete(vec![
            parameters.clone();
            parameters.len()
        ]))
    }

    fn return_field_from_args(&self, args: HigherOrderReturnFieldArgs<'_>) -> Result<FieldRef> {
        let result = match args.arg_fields {
            [ValueOrLambda::Value(_), ValueOrLambda::Lambda(body)] => {
                DataType::List(Arc::new(Field::new("item", canonical(body.data_type()), true)))
            }
            [
                ValueOrLambda::Value(_),
                ValueOrLambda::Lambda(key),
                ValueOrLambda::Lambda(value),
            ] => {
                let (key, value) = (
                    SqlType::from_arrow(key.data_type()),
                    SqlType::from_arrow(value.data_type()),
                );
                match (key, value) {
                    (Some(key), Some(value)) => SqlType::Map(Box::new(key), Box::new(value)).to_arrow(),
                    _ => return plan_err!("a lambda of function TRANSFORM gives a value of no SQL type"),
                }
            }
            _ => return plan_err!("function TRANSFORM takes an ARRAY and a lambda, or a MAP and two lambdas"),
        };
        Ok(Arc::new(Field::new("transform", result, true)))
    }

    fn invoke_with_args(&self, args: HigherOrderFunctionArgs) -> Result<ColumnarValue> {
        let collection = Collection::of(&args.args[0], args.number_rows)?;
        let mut failed = vec![false; collection.rows.len()];
        let result = match lambdas(&args)?.as_slice() {
            [body] => {
                let mapped = body.map(&collection, &mut failed, "transform")?;
                list(&collection, &failed, mapped, args.return_type())?
            }
            [key, value] => {
                let keys = key.map(&collection, &mut failed, "transform")?;
                let values = value.map(&collection, &mut failed, "transform")?;
                map(&collection, &mut failed, &keys, &values)?
            }
            _ => return exec_err!("function TRANSFORM takes one or two lambdas"),
        };
        Ok(ColumnarValue::Array(result))
    }
}

fn list(collection: &Collection, failed: &[bool], mapped: Mapped, return_type: &DataType) -> Result<ArrayRef> {
    let DataType::List(field) = return_type else {
        return exec_err!("TRANSFORM of an array gives an array");
    };
    let is_valid = |row: usize| collection.rows[row].is_some() && !failed[row];
    let lengths = (0..failed.len()).map(|row| match &collection.rows[row] {
        Some(elements) if !failed[row] => elements.len(),
        _ => 0,
    });
    let values = datafusion::arrow::compute::cast(&mapped.results, field.data_type())?;
    let list = ListArray::try_new(
        Arc::clone(field),
        OffsetBuffer::from_lengths(lengths),
        values,
        Some((0..failed.len()).map(is_valid).collect::<NullBuffer>()),
    )?;
    Ok(Arc::new(list))
}

/// Keys that become equal, or a key or value that becomes NULL, are errors of their row.
fn map(collection: &Collection, failed: &mut [bool], keys: &Mapped, values: &Mapped) -> Result<ArrayRef> {
    // The value lambda may have failed for rows that the key lambda served.
    let mut key_at = keys.elements.rows.iter().zip(0..).peekable();
    let mut value_at = values.elements.rows.iter().zip(0..).peekable();
    let mut entries = PickedEntries::default();
    for (row, has_failed) in failed.iter_mut().enumerate() {
        let mut own: Vec<(usize, usize)> = Vec::new();
        let mut own_keys = Vec::new();
        let mut own_values = Vec::new();
        while let Some((_, at)) = key_at.next_if(|(r, _)| **r as usize == row) {
            own_keys.push(at);
        }
        while let Some((_, at)) = value_at.next_if(|(r, _)| **r as usize == row) {
            own_values.push(at);
        }
        own.extend(own_keys.into_iter().zip(own_values));
        if collection.rows[row].is_none() || *has_failed {
            entries.push(None);
            continue;
        }
        if let Err(fault) = check_entries(&own, &keys.results, &values.results) {
            report("transform", &fault)?;
            *has_failed = true;
            entries.push(None);
            continue;
        }
        entries.push(Some(
            own.into_iter().map(|(key, value)| ((0, key), (0, value))).collect(),
        ));
    }
    entries.finish(&[&keys.results], &[&values.results])
}

fn check_entries(entries: &[(usize, usize)], keys: &ArrayRef, values: &ArrayRef) -> Result<(), Fault> {
    let mut seen = std::collections::HashSet::new();
    for &(key, value) in entries {
        if keys.is_null(key) || values.is_null(value) {
            return Err("a key or value of the new map is NULL".into());
        }
        let mut bytes = Vec::new();
        write_key(keys, key, &mut bytes);
        if !seen.insert(bytes) {
            return Err("two keys of the new map are equal".into());
        }
    }
    Ok(())
}
