//! Functions of one name in SQL: of several types by `types(...)`, and written one by one.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, Decimal128Array, Float64Array, Int64Array, ListArray, StringArray,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{Field, Float64Type, Int32Type, Int64Type};
use datafusion::common::ScalarValue;
use waterwheel::udf::FunctionSource;

use super::Guest;

fn texts(texts: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(texts.to_vec()))
}

/// Scalar functions: their types in the order in which they are written, and that each is its own.
pub(super) fn scalars(guest: &Guest) {
    let last_of = guest.0.scalar("last_of");
    let arguments: Vec<String> = last_of.iter().map(|function| function.info().arguments()).collect();
    let types = [
        "ARRAY<BIGINT>",
        "ARRAY<DOUBLE>",
        "ARRAY<STRING>",
        "ARRAY<ARRAY<BOOLEAN>>",
    ];
    assert_eq!(arguments, types.map(|list| format!("values {list}")));
    let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>([
        Some(vec![Some(1), Some(2)]),
        Some(vec![]),
    ]));
    let last = last_of[0]
        .call(&[Arc::clone(&lists)], &[false], 2)
        .expect("no row fails");
    let last: Vec<Option<i64>> = last.as_primitive::<Int64Type>().iter().collect();
    assert_eq!(last, [Some(2), None]);
    let words = guest.call("words", &[texts(&["a b c", ""])]);
    let last = last_of[2].call(&[words], &[false], 2).expect("no row fails");
    let last: Vec<Option<&str>> = last.as_string::<i32>().iter().collect();
    assert_eq!(last, [Some("c"), None]);

    let place_of = guest.0.scalar("place_of");
    let arguments: Vec<String> = place_of.iter().map(|function| function.info().arguments()).collect();
    let of = |element: &str, number: &str| format!("values ARRAY<{element}>, value {element}, not_before {number}");
    let decimal = "DECIMAL(20, 4)";
    let types = [
        ("BIGINT", "INTEGER"),
        ("BIGINT", "BIGINT"),
        (decimal, "INTEGER"),
        (decimal, "BIGINT"),
    ];
    assert_eq!(arguments, types.map(|(element, number)| of(element, number)));
    let decimals = |units: Vec<i128>| {
        let decimals = Decimal128Array::from(units).with_precision_and_scale(20, 4);
        decimals.expect("20 and 4 are allowed")
    };
    let field = Arc::new(Field::new_list_field(decimals(vec![]).data_type().clone(), true));
    let lists = ListArray::new(
        field,
        OffsetBuffer::from_lengths([3]),
        Arc::new(decimals(vec![5, 7, 5])),
        None,
    );
    let args: [ArrayRef; 3] = [
        Arc::new(lists),
        Arc::new(decimals(vec![5])),
        Arc::new(Int64Array::from(vec![1])),
    ];
    let place = place_of[3].call(&args, &[false; 3], 1).expect("it is there");
    assert_eq!(place.as_primitive::<Int64Type>().value(0), 2);
}

/// Table functions, and stream functions with a state and a start of several types.
pub(super) fn tables_and_streams(guest: &Guest) {
    let twice = guest.0.table("twice");
    assert_eq!(twice.len(), 2);
    let rows = twice[1].call(&[texts(&["a", "b"])], &[false], 2).expect("no row fails");
    let rows: Vec<&str> = rows
        .as_list::<i32>()
        .values()
        .as_string::<i32>()
        .iter()
        .flatten()
        .collect();
    assert_eq!(rows, ["a", "a", "b", "b"]);

    let before = guest.0.stream("before");
    assert_eq!(before.len(), 2);
    let first = ScalarValue::Utf8(Some("-".to_owned()));
    let mut texts_before = before[1].instance(&[None, Some(first)]).expect("it starts");
    let given = texts_before.push(&[0, 1, 0], &[texts(&["a", "b", "c"]), texts(&["-", "-", "-"])]);
    let given = given.expect("no row fails");
    let given: Vec<&str> = given.as_string::<i32>().iter().flatten().collect();
    assert_eq!(given, ["-", "-", "a"]);
}

/// Aggregate functions of several types, and two that are written one by one.
pub(super) fn aggregates(guest: &Guest) {
    let largest = guest.0.aggregate("largest");
    let arguments: Vec<String> = largest.iter().map(|function| function.info().arguments()).collect();
    assert_eq!(arguments, ["x BIGINT", "x DOUBLE", "x STRING"]);
    let mut of_texts = largest[2].instance(&[None]).expect("it starts");
    of_texts
        .update(&[0, 1, 0], &[texts(&["b", "z", "a"])])
        .expect("no row fails");
    of_texts.merge(&[0], &[1]).expect("both are there");
    let values = of_texts.finish(&[0, 1, 2]).expect("values are had");
    let values: Vec<Option<&str>> = values.as_string::<i32>().iter().collect();
    assert_eq!(values, [Some("z"), Some("z"), None]);
    let mut of_numbers = largest[1].instance(&[None]).expect("it starts");
    let numbers: ArrayRef = Arc::new(Float64Array::from(vec![1.0, f64::NAN, 3.0]));
    let failed = of_numbers.update_rows(&[0, 0, 0], &[numbers]).expect("one row fails");
    assert_eq!(failed.len(), 1);
    assert_eq!(
        (failed[0].row, failed[0].message.as_str()),
        (1, "NaN is larger than nothing")
    );
    let values = of_numbers.finish(&[0]).expect("values are had");
    assert_eq!(values.as_primitive::<Float64Type>().value(0), 3.0);

    let width = guest.0.aggregate("width");
    let arguments: Vec<String> = width.iter().map(|function| function.info().arguments()).collect();
    assert_eq!(arguments, ["x DOUBLE", "day DATE"]);
    let mut of_dates = width[1].instance(&[None]).expect("it starts");
    let days: ArrayRef = Arc::new(Date32Array::from(vec![100, 93, 98]));
    of_dates.update(&[0, 0, 0], &[days]).expect("no row fails");
    let values = of_dates.finish(&[0]).expect("values are had");
    assert_eq!(values.as_primitive::<Int32Type>().value(0), 7);
}
