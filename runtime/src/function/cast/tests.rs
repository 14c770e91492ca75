//! Casts: each line is a value, a type and the result.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::compute::concat;

use super::{cast, write_inside};
use crate::function::row_error::collect;
use crate::function::test_values::value;
use crate::sql::ast::TypeExpr;
use crate::sql::types::parse_type;
use crate::types::schema::SqlType;

fn plain(type_expr: TypeExpr) -> SqlType {
    match type_expr {
        TypeExpr::Sql(ty) => ty,
        TypeExpr::Array(element) => SqlType::Array(Box::new(plain(*element))),
        TypeExpr::Map(key, value) => SqlType::Map(Box::new(plain(*key)), Box::new(plain(*value))),
        TypeExpr::Struct(fields) => SqlType::Struct(fields.into_iter().map(|(name, ty)| (name, plain(ty))).collect()),
        TypeExpr::Custom(name) => panic!("no such type: {}", name.value),
    }
}

fn cast_to(given: &str, ty: &str) -> String {
    let ty = plain(parse_type(ty).unwrap());
    match cast(&value(given), &ty) {
        Ok(array) => {
            assert_eq!(*array.data_type(), ty.to_arrow(), "{given} as {ty}");
            let mut text = String::new();
            super::write_value(&array, 0, &mut text);
            text
        }
        Err(error) => format!("error: {}", error.strip_backtrace()),
    }
}

fn check(rows: &[(&str, &str, &str)]) {
    for (given, ty, expected) in rows {
        let result = cast_to(given, ty);
        match expected.strip_suffix('*') {
            Some(start) => assert!(result.starts_with(start), "{given} as {ty}: {result}"),
            None => assert_eq!(result, *expected, "{given} as {ty}"),
        }
    }
}

#[test]
fn numbers_to_numbers() {
    check(&[
        ("7", "BIGINT", "7"),
        ("7", "DOUBLE", "7.0"),
        ("7", "DECIMAL(4, 2)", "7.00"),
        ("100", "DECIMAL(4, 2)", "error: *"),
        ("4294967297L", "INT", "1"),
        ("-2147483649L", "INT", "2147483647"),
        ("9007199254740993L", "DOUBLE", "9.007199254740992E15"),
        ("1.9e0", "INT", "1"),
        ("-1.9e0", "BIGINT", "-1"),
        ("1e300", "INT", "2147483647"),
        ("NaN", "INT", "0"),
        ("1.25e0", "DECIMAL(3, 1)", "1.3"),
        ("-1.25e0", "DECIMAL(3, 1)", "-1.3"),
        ("NaN", "DECIMAL(3, 1)", "error: *"),
        ("1e5", "DECIMAL(3, 1)", "error: *"),
        ("12.99", "INT", "12"),
        ("-12.99", "BIGINT", "-12"),
        ("12.99", "DOUBLE", "12.99"),
        ("12.95", "DECIMAL(3, 1)", "13.0"),
        ("12.5", "DECIMAL(10, 4)", "12.5000"),
        ("112.5", "DECIMAL(3, 1)", "error: *"),
        ("null<INT>", "DECIMAL(3, 1)", "null"),
        ("null", "DECIMAL(3, 1)", "null"),
    ]);
}

#[test]
fn text_to_values() {
    check(&[
        ("' 12 '", "INT", "12"),
        ("'+12'", "BIGINT", "12"),
        ("'12.0'", "INT", "error: *"),
        ("''", "INT", "error: *"),
        ("'2147483648'", "INT", "error: *"),
        ("'2147483648'", "BIGINT", "2147483648"),
        ("'1e3'", "DOUBLE", "1000.0"),
        ("' -0.5 '", "DOUBLE", "-0.5"),
        ("'NaN'", "DOUBLE", "NaN"),
        ("'one'", "DOUBLE", "error: *"),
        ("'1.005'", "DECIMAL(4, 2)", "1.01"),
        ("'1e1'", "DECIMAL(4, 2)", "10.00"),
        ("'100'", "DECIMAL(4, 2)", "error: *"),
        ("'x'", "DECIMAL(4, 2)", "error: *"),
        ("'TRUE'", "BOOLEAN", "true"),
        ("'t'", "BOOLEAN", "true"),
        ("'Ye'", "BOOLEAN", "true"),
        ("'no'", "BOOLEAN", "false"),
        ("'maybe'", "BOOLEAN", "false"),
        ("'2021-02-03'", "DATE", "2021-02-03"),
        ("'2021-02'", "DATE", "2021-02-01"),
        ("'2021-02-30'", "DATE", "error: *"),
        ("'10:11:12'", "TIME", "10:11:12"),
        ("'10:11'", "TIME", "10:11*"),
        ("'25:00'", "TIME", "error: *"),
        ("'2021-02-03T10:11:12.5'", "TIMESTAMP", "2021-02-03T10:11:12.500"),
        ("'2021-02-03'", "TIMESTAMP", "2021-02-03T00:00:00.000"),
        ("'2021-02-03T10:00:00+0200'", "TIMESTAMP", "2021-02-03T08:00:00.000"),
        ("'soon'", "TIMESTAMP", "error: *"),
        ("null", "TIMESTAMP", "null"),
    ]);
}

#[test]
fn values_to_text() {
    check(&[
        ("true", "STRING", "true"),
        ("-5", "STRING", "-5"),
        ("5L", "STRING", "5"),
        ("1e0", "STRING", "1.0"),
        ("1e7", "STRING", "1.0E7"),
        ("1.25e-5", "STRING", "1.25E-5"),
        ("NaN", "STRING", "NaN"),
        ("12.50", "STRING", "12.50"),
        ("0.0000000001", "STRING", "0.0000000001"),
        ("date'2021-02-03'", "STRING", "2021-02-03"),
        ("time'10:11:12.345'", "STRING", "10:11:12.345"),
        ("time'10:00'", "STRING", "10:00"),
        (
            "timestamp'2021-02-03T10:11:12.345'",
            "STRING",
            "2021-02-03T10:11:12.345",
        ),
        ("timestamp'2021-02-03'", "STRING", "2021-02-03T00:00:00.000"),
        ("[1, null, 3]", "STRING", "[1, null, 3]"),
        ("{'a': 1, 'b': null}", "STRING", "{a=1, b=null}"),
        ("(F: 1, G: 'x', H: null<INT>)", "STRING", "Struct{F=1,G=x}"),
        ("null<STRINGS>", "STRING", "null"),
    ]);
}

#[test]
fn dates_and_times() {
    check(&[
        ("date'2021-02-03'", "TIMESTAMP", "2021-02-03T00:00:00.000"),
        ("timestamp'2021-02-03T10:11:12.345'", "DATE", "2021-02-03"),
        ("timestamp'1969-12-31T23:00:00'", "DATE", "1969-12-31"),
        ("timestamp'1969-12-31T23:00:00'", "TIME", "23:00"),
        ("timestamp'2021-02-03T10:11:12.345'", "TIME", "10:11:12.345"),
        ("date'2021-02-03'", "TIME", "error: *"),
        ("time'10:00'", "TIMESTAMP", "error: *"),
    ]);
}

#[test]
fn nested_values() {
    check(&[
        ("[1, null]", "ARRAY<STRING>", "[1, null]"),
        ("['1', 'x']", "ARRAY<INT>", "error: *"),
        ("[[1], [2, 3]]", "ARRAY<ARRAY<DOUBLE>>", "[[1.0], [2.0, 3.0]]"),
        ("{'1': '2'}", "MAP<INT, BIGINT>", "{1=2}"),
        ("{'1': 'a', '01': 'b'}", "MAP<INT, STRING>", "{1=b}"),
        ("{'x': '2'}", "MAP<INT, BIGINT>", "error: *"),
        (
            "(A: 1, B: 'x')",
            "STRUCT<`B` STRING, `A` DOUBLE, `C` INT>",
            "Struct{B=x,A=1.0}",
        ),
        ("(A: '1', B: 'x')", "STRUCT<`B` INT>", "error: *"),
        ("[1]", "INT", "error: *"),
        ("1", "ARRAY<INT>", "error: *"),
        ("true", "INT", "error: *"),
        ("x'00'", "STRING", "error: *"),
    ]);
}

#[test]
fn only_the_rows_that_cannot_be_cast_are_lost() {
    let parts: Vec<ArrayRef> = ["['1']", "['2', 'x', 'y']", "null<STRINGS>", "['3']"].map(value).into();
    let array = concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<&dyn Array>>()).unwrap();
    let ty = SqlType::Array(Box::new(SqlType::Integer));
    assert!(cast(&array, &ty).is_err());
    let (result, errors) = collect(|| cast(&Arc::clone(&array), &ty));
    let result = result.unwrap();
    let rows: Vec<String> = (0..4)
        .map(|at| {
            let mut text = String::new();
            write_inside(&result, at, &mut text);
            text
        })
        .collect();
    assert_eq!(rows, ["[1]", "null", "null", "[3]"]);
    assert_eq!(errors.count, 1);
}
