//! TRANSFORM, FILTER and REDUCE: functions that take a lambda, over arrays and maps.
//!
//! A lambda is computed for the elements of all rows at once. Where it fails for an element, ksqlDB gives NULL for the
//! whole row; so then the rows are computed one by one to find which.

mod apply;
mod collection;
mod filter;
mod reduce;
mod transform;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::{HigherOrderUDF, ValueOrLambda};

use super::definition::FunctionDoc;
use super::udf::canonical;

/// The functions, under their lower-case names.
pub(super) fn functions() -> Vec<Arc<HigherOrderUDF>> {
    vec![
        Arc::new(HigherOrderUDF::new_from_impl(transform::Transform::new())),
        Arc::new(HigherOrderUDF::new_from_impl(filter::Filter::new())),
        Arc::new(HigherOrderUDF::new_from_impl(reduce::Reduce::new())),
    ]
}

/// Their documentation.
pub(super) fn docs() -> Vec<FunctionDoc> {
    let doc = |name: &str, doc: &str, signatures: [&str; 2]| FunctionDoc {
        name: name.into(),
        signatures: signatures.map(str::to_owned).to_vec(),
        doc: doc.into(),
    };
    vec![
        doc(
            "TRANSFORM",
            "the elements changed by a lambda, or the keys and values of a map each by one",
            [
                "TRANSFORM(ARRAY<T>, x => R) -> ARRAY<R>",
                "TRANSFORM(MAP<K, V>, (k, v) => R, (k, v) => S) -> MAP<R, S>",
            ],
        ),
        doc(
            "FILTER",
            "the elements, or the entries of a map, for which a lambda is true",
            [
                "FILTER(ARRAY<T>, x => BOOLEAN) -> ARRAY<T>",
                "FILTER(MAP<K, V>, (k, v) => BOOLEAN) -> MAP<K, V>",
            ],
        ),
        doc(
            "REDUCE",
            "a state taken from element to element by a lambda, from the state given first",
            [
                "REDUCE(ARRAY<T>, S, (state, x) => S) -> S",
                "REDUCE(MAP<K, V>, S, (state, k, v) => S) -> S",
            ],
        ),
    ]
}

/// The types of the elements of an array (one) or of the entries of a map (key and value).
fn element_fields(function: &str, collection: &DataType) -> Result<Vec<FieldRef>> {
    let field = |name: &str, ty: &DataType| Arc::new(Field::new(name, ty.clone(), true));
    match canonical(collection) {
        DataType::List(element) => Ok(vec![field("x", element.data_type())]),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(parts) => Ok(vec![field("k", parts[0].data_type()), field("v", parts[1].data_type())]),
            other => plan_err!("function {function} does not accept a map of {other}"),
        },
        _ => plan_err!("function {function} takes an ARRAY or a MAP as its first argument"),
    }
}

/// How many arguments are lambdas; the message for a call that is wrong.
fn lambda_count<V, L>(fields: &[ValueOrLambda<V, L>]) -> usize {
    fields.iter().filter(|f| matches!(f, ValueOrLambda::Lambda(_))).count()
}
