//! Every SQL type to a component and back.

use datafusion::arrow::array::{
    BinaryArray, BooleanArray, Date32Array, Decimal128Array, Int32Array, Int32Builder, Int64Array, ListBuilder,
    MapBuilder, StringBuilder, StructArray, Time32MillisecondArray, TimestampMillisecondArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;

use super::*;

/// What comes back is what went in, also of a piece of a longer array.
fn same(sql_type: &str, array: ArrayRef) {
    let function = echo(sql_type);
    let array = cast(&array, &function.info().returns).unwrap();
    assert_eq!(*call(&*function, &[Arc::clone(&array)]).unwrap(), *array, "{sql_type}");
    let piece = array.slice(1, array.len() - 1);
    assert_eq!(*call(&*function, &[Arc::clone(&piece)]).unwrap(), *piece, "{sql_type}");
}

#[test]
fn types_of_one_level() {
    same(
        "BOOLEAN",
        Arc::new(BooleanArray::from(vec![Some(true), None, Some(false), Some(true)])),
    );
    same(
        "INTEGER",
        Arc::new(Int32Array::from(vec![Some(i32::MIN), None, Some(7)])),
    );
    same(
        "BIGINT",
        Arc::new(Int64Array::from(vec![Some(i64::MAX), None, Some(-7)])),
    );
    same("DOUBLE", doubles(&[Some(0.5), None, Some(f64::NEG_INFINITY)]));
    let decimals = Decimal128Array::from(vec![Some(-15), None, Some(10_i128.pow(37))]);
    same(
        "DECIMAL(38, 2)",
        Arc::new(decimals.with_precision_and_scale(38, 2).unwrap()),
    );
    same("STRING", strings(&[Some("grün"), None, Some(""), Some("x")]));
    same(
        "BYTES",
        Arc::new(BinaryArray::from_opt_vec(vec![Some(b"\x00\xff"), None, Some(b"")])),
    );
    same("DATE", Arc::new(Date32Array::from(vec![Some(-1), None, Some(20_000)])));
    same(
        "TIME",
        Arc::new(Time32MillisecondArray::from(vec![Some(86_399_999), None, Some(0)])),
    );
    same(
        "TIMESTAMP",
        Arc::new(TimestampMillisecondArray::from(vec![Some(-1), None, Some(1)])),
    );
}

#[test]
fn nested_types() {
    let mut lists = ListBuilder::new(ListBuilder::new(Int32Builder::new()));
    lists.append_value([Some(vec![Some(1), None]), None, Some(vec![])]);
    lists.append_null();
    lists.append_value([] as [Option<Vec<Option<i32>>>; 0]);
    lists.append_value([Some(vec![Some(2)])]);
    let lists: ArrayRef = Arc::new(lists.finish());
    same("ARRAY<ARRAY<INTEGER>>", Arc::clone(&lists));

    let mut maps = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    for row in [
        Some(vec![("a", Some(1)), ("b", None)]),
        None,
        Some(vec![]),
        Some(vec![("c", Some(3))]),
    ] {
        for (key, value) in row.iter().flatten() {
            maps.keys().append_value(key);
            maps.values().append_option(*value);
        }
        maps.append(row.is_some()).unwrap();
    }
    let maps: ArrayRef = Arc::new(maps.finish());
    let function = echo("MAP<STRING, INTEGER>");
    let DataType::Map(entries, _) = &function.info().returns else {
        unreachable!()
    };
    let given = datafusion::arrow::array::AsArray::as_map(&maps);
    let DataType::Struct(fields) = entries.data_type() else {
        unreachable!()
    };
    let both = StructArray::new(
        fields.clone(),
        vec![Arc::clone(given.keys()), Arc::clone(given.values())],
        None,
    );
    let map = datafusion::arrow::array::MapArray::new(
        Arc::clone(entries),
        given.offsets().clone(),
        both,
        given.nulls().cloned(),
        false,
    );
    same("MAP<STRING, INTEGER>", Arc::new(map));

    let function = echo("STRUCT<A ARRAY<ARRAY<INTEGER>>, B DOUBLE>");
    let DataType::Struct(fields) = &function.info().returns else {
        unreachable!()
    };
    let columns = vec![
        cast(&lists, fields[0].data_type()).unwrap(),
        doubles(&[None, Some(1.0), Some(2.0), None]),
    ];
    let nulls = Some(vec![true, false, true, true].into());
    same(
        "STRUCT<A ARRAY<ARRAY<INTEGER>>, B DOUBLE>",
        Arc::new(StructArray::new(fields.clone(), columns, nulls)),
    );
}

#[test]
fn more_rows_than_one_call_takes() {
    let values: Vec<Option<f64>> = (0..20_000).map(|i| (i % 7 > 0).then_some(f64::from(i))).collect();
    same("DOUBLE", doubles(&values));
    let long = "x".repeat(900);
    let texts: Vec<Option<&str>> = (0..20_000).map(|i| (i % 7 > 0).then_some(long.as_str())).collect();
    same("STRING", strings(&texts[..12_000]));
}
