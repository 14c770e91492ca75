//! Lambdas as DataFusion plans and computes them, over rows of which some fail.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Int32Array, RecordBatch};
use datafusion::arrow::compute::concat;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::expr::{HigherOrderFunction, LambdaVariable, ScalarFunction};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, HigherOrderUDF, cast, col, lambda, lit};
use datafusion::physical_expr::create_physical_expr;

use super::functions;
use crate::function::cast::write_inside;
use crate::function::row_error::{RowErrors, collect};
use crate::function::test_values::{function, value};

fn udf(name: &str) -> Arc<HigherOrderUDF> {
    functions().into_iter().find(|f| f.name() == name).unwrap()
}

/// A lambda variable of the type that `like` has in the notation of tests.
fn var(name: &str, like: &str) -> Expr {
    let field = Field::new(name, value(like).data_type().clone(), true);
    Expr::LambdaVariable(LambdaVariable::new(name.into(), Some(Arc::new(field))))
}

fn call(name: &str, args: Vec<Expr>) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(function(name).unwrap(), args))
}

/// Computes `name(c, args...)`, where column C holds `rows`; column N counts rows from 10.
fn eval(name: &str, rows: &[&str], args: Vec<Expr>) -> Result<(Vec<String>, RowErrors)> {
    let values: Vec<ArrayRef> = rows.iter().map(|row| value(row)).collect();
    let column = concat(&values.iter().map(AsRef::as_ref).collect::<Vec<&dyn Array>>())?;
    let numbers = Int32Array::from_iter_values((10..).take(rows.len()));
    let schema = Arc::new(Schema::new(vec![
        Field::new("c", column.data_type().clone(), true),
        Field::new("n", numbers.data_type().clone(), true),
    ]));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![column, Arc::new(numbers)])?;
    let args = std::iter::once(col("c")).chain(args).collect();
    let expr = Expr::HigherOrderFunction(HigherOrderFunction::new(udf(name), args));
    let physical = create_physical_expr(
        &expr,
        &DFSchema::try_from(schema)?,
        &ExecutionProps::new(),
        &PhysicalPlanningContext::default(),
    )?;
    let (result, errors) = collect(|| physical.evaluate(&batch));
    let result = result?.into_array(rows.len())?;
    assert_eq!(result.data_type(), &physical.data_type(batch.schema_ref())?);
    let texts = (0..result.len()).map(|row| {
        let mut text = String::new();
        write_inside(&result, row, &mut text);
        text
    });
    Ok((texts.collect(), errors))
}

#[test]
fn transform_maps_elements_and_sees_columns() {
    let body = lambda(["x"], var("x", "1") + col("n"));
    let (rows, errors) = eval("transform", &["[3, 6]", "[]", "null<INTS>", "[1]"], vec![body]).unwrap();
    assert_eq!(rows, ["[13, 16]", "[]", "null", "[14]"]);
    assert_eq!(errors.count, 0);
    let constant = lambda(["x"], lit("a"));
    assert_eq!(eval("transform", &["[3, 6]"], vec![constant]).unwrap().0, ["[a, a]"]);
}

#[test]
fn an_element_that_fails_makes_its_row_null() {
    let body = lambda(["x"], call("parse_date", vec![var("x", "''"), lit("yyyy-MM-dd")]));
    let rows = ["['2020-01-02', null]", "['no date', '2020-01-02']", "['2020-01-03']"];
    let (rows, errors) = eval("transform", &rows, vec![body]).unwrap();
    assert_eq!(rows, ["[2020-01-02, null]", "null", "[2020-01-03]"]);
    assert_eq!(errors.count, 1);
    let divides = lambda(["x"], lit(12) / var("x", "1"));
    let (rows, errors) = eval("transform", &["[3, 0]", "[2]"], vec![divides]).unwrap();
    assert_eq!(rows, ["null", "[6]"]);
    assert_eq!(errors.count, 1);
}

#[test]
fn transform_of_maps_makes_keys_and_values() {
    let key = |body: Expr| lambda(["k", "v"], body);
    let upper = key(call("ucase", vec![var("k", "''")]));
    let plus = key(var("v", "1") + lit(1));
    let rows = ["{'a': 1, 'b': 2}", "null<MAP>", "{'a': null<INT>}"];
    let (result, errors) = eval("transform", &rows, vec![upper, plus.clone()]).unwrap();
    assert_eq!(result, ["{A=2, B=3}", "null", "null"]);
    assert_eq!(errors.first, ["transform: a key or value of the new map is NULL"]);
    let (result, errors) = eval(
        "transform",
        &["{'a': 1, 'b': 2}", "{'a': 1}"],
        vec![key(lit("k")), plus],
    )
    .unwrap();
    assert_eq!(result, ["null", "{k=2}"]);
    assert_eq!(errors.first, ["transform: two keys of the new map are equal"]);
}

#[test]
fn filter_keeps_what_is_true() {
    let body = lambda(["x"], var("x", "1").gt(lit(4)));
    let (rows, _) = eval("filter", &["[3, 6, null, 5]", "[]", "null<INTS>"], vec![body]).unwrap();
    assert_eq!(rows, ["[6, 5]", "[]", "null"]);
    let body = lambda(["k", "v"], call("len", vec![var("k", "''")]).gt(var("v", "1")));
    let (rows, _) = eval("filter", &["{'abc': 1, 'b': 2}", "null<MAP>"], vec![body]).unwrap();
    assert_eq!(rows, ["{abc=1}", "null"]);
    let body = lambda(["x"], var("x", "1") + lit(1));
    assert!(
        eval("filter", &["[1]"], vec![body])
            .unwrap_err()
            .to_string()
            .contains("must give a BOOLEAN")
    );
}

#[test]
fn reduce_goes_through_rows_of_different_lengths() {
    let body = lambda(["s", "x"], var("s", "1") + var("x", "1"));
    let rows = ["[3, 6]", "[]", "null<INTS>", "[1, 2, 3]"];
    let (result, _) = eval("reduce", &rows, vec![col("n"), body.clone()]).unwrap();
    assert_eq!(result, ["19", "11", "12", "19"]);
    let (result, _) = eval(
        "reduce",
        &rows,
        vec![lit(datafusion::scalar::ScalarValue::Int32(None)), body],
    )
    .unwrap();
    assert_eq!(result, ["null", "null", "null", "null"]);
    // The state takes the wider type of the body.
    let body = lambda(
        ["s", "x"],
        var("s", "1L") * lit(2_i64) + cast(var("x", "1"), DataType::Int64),
    );
    assert_eq!(eval("reduce", &["[1, 2]"], vec![lit(1), body]).unwrap().0, ["8"]);
}

#[test]
fn reduce_of_maps_follows_javas_order_and_fails_by_row() {
    let body = lambda(["s", "k", "v"], call("concat", vec![var("s", "''"), var("k", "''")]));
    let rows = ["{'yes, thanks': 1, 'nope': 2, 'sure, yeah': 3}"];
    assert_eq!(
        eval("reduce", &rows, vec![lit(""), body]).unwrap().0,
        ["yes, thankssure, yeahnope"]
    );
    let body = lambda(["s", "x"], var("s", "1") / var("x", "1"));
    let (result, errors) = eval("reduce", &["[2, 0, 1]", "[5]"], vec![lit(10), body]).unwrap();
    assert_eq!(result, ["null", "2"]);
    assert_eq!(errors.count, 1);
}

#[test]
fn calls_of_the_wrong_shape_are_refused() {
    let body = || lambda(["x"], var("x", "1"));
    for (name, args) in [
        ("transform", vec![]),
        ("transform", vec![body(), body()]),
        ("filter", vec![lit(1)]),
        ("reduce", vec![body()]),
    ] {
        let error = eval(name, &["[1]"], args).unwrap_err().to_string();
        assert!(error.contains(&name.to_uppercase()), "{error}");
    }
}
