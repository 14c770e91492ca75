//! Calls are built from planned expressions; errors name the call.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Int32Array, Int64Array, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::logical_expr::AggregateUDF;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::scalar::ScalarValue;

use super::AggregateCall;
use crate::function::{AggregateLimits, aggregate_functions};
use crate::operator::Expression;

fn function(name: &str) -> Arc<AggregateUDF> {
    aggregate_functions(AggregateLimits::default())
        .into_iter()
        .find(|function| function.name() == name)
        .unwrap()
}

fn column(index: usize) -> Expression {
    Expression::new(Arc::new(Column::new("x", index)), "x".into(), DataType::Int32)
}

fn literal(value: ScalarValue) -> Expression {
    let data_type = value.data_type();
    Expression::new(Arc::new(Literal::new(value)), "literal".into(), data_type)
}

fn int_list() -> DataType {
    DataType::List(Arc::new(Field::new("item", DataType::Int32, true)))
}

#[test]
fn constants_are_not_evaluated_for_each_row() {
    let count = AggregateCall::new(
        function("count"),
        vec![literal(ScalarValue::Int64(Some(1)))],
        DataType::Int64,
        "count(*)".into(),
    )
    .unwrap();
    assert!(count.args.is_empty() && count.filter.is_none());
    let top = AggregateCall::new(
        function("topk"),
        vec![column(0), literal(ScalarValue::Int32(Some(2)))],
        int_list(),
        "topk(x, 2)".into(),
    )
    .unwrap()
    .filtered(column(0));
    assert_eq!((top.args.len(), top.function_name().as_str()), (1, "TOPK"));
    assert!(top.filter.is_some() && top.retracts() && top.merges());

    let values: ArrayRef = Arc::new(Int32Array::from(vec![3, 9, 5, 1]));
    let mut state = top.accumulator(&Arc::default()).unwrap();
    state.update(&[Arc::clone(&values)], &[0, 0, 0, 1], None, 2).unwrap();
    let result = state.evaluate(&[1, 0]).unwrap();
    assert_eq!(result.data_type(), &int_list());
    let mut saved = Vec::new();
    state.save(0, &mut saved).unwrap();
    state.load(2, &saved).unwrap();
    state.merge(2, 1).unwrap();
    state.reset(0);
    assert!(state.state_bytes() > 0);
    let lists = state.evaluate(&[0, 2]).unwrap();
    assert_eq!(ScalarValue::try_from_array(&lists, 0).unwrap().to_string(), "[]");
    assert_eq!(ScalarValue::try_from_array(&lists, 1).unwrap().to_string(), "[9, 5]");
}

#[test]
fn what_cannot_be_computed_is_refused_when_it_is_planned() {
    let latest = |args| AggregateCall::new(function("latest_by_offset"), args, DataType::Int32, "l".into());
    let error = latest(vec![column(0), column(1)]).unwrap_err();
    assert!(error.to_string().contains("parameter 2 of LATEST_BY_OFFSET"), "{error}");
    let error = latest(vec![column(0)]).unwrap().retracting().unwrap_err();
    assert!(error.to_string().contains("cannot be applied to a table"), "{error}");
}

#[test]
fn errors_say_which_call_failed() {
    let decimal = DataType::Decimal128(2, 0);
    let argument = Expression::new(Arc::new(Column::new("x", 0)), "x".into(), decimal.clone());
    let sum = AggregateCall::new(function("sum"), vec![argument], decimal.clone(), "sum(x)".into()).unwrap();
    let values: ArrayRef = Arc::new(
        datafusion::arrow::array::Decimal128Array::from(vec![60, 60])
            .with_precision_and_scale(2, 0)
            .unwrap(),
    );
    let error = sum
        .accumulator(&Arc::default())
        .unwrap()
        .update(&[values], &[0, 0], None, 1)
        .unwrap_err();
    assert!(
        error.to_string().starts_with("`sum(x)`: numeric field overflow"),
        "{error}"
    );
}

#[test]
fn distinct_rows_count_once() {
    let batch = RecordBatch::try_new(
        Arc::new(Schema::new(vec![Field::new("x", DataType::Int32, true)])),
        vec![Arc::new(Int32Array::from(vec![4, 4, 5]))],
    )
    .unwrap();
    let count = AggregateCall::new(
        function("count"),
        vec![column(0)],
        DataType::Int64,
        "count(DISTINCT x)".into(),
    )
    .unwrap()
    .distinct()
    .unwrap();
    let mut state = count.accumulator(&Arc::default()).unwrap();
    state.update(batch.columns(), &[0, 0, 0], None, 1).unwrap();
    let counts = state.evaluate(&[0]).unwrap();
    assert_eq!(counts.as_ref(), &Int64Array::from(vec![2]) as &dyn Array);
}
