//! Taking back rows, and what the builders hand over.

use datafusion::arrow::array::Array;
use datafusion::arrow::array::cast::AsArray;

use super::*;

fn nested() -> SqlType {
    SqlType::Array(Box::new(SqlType::Struct(vec![
        (
            "M".into(),
            SqlType::Map(Box::new(SqlType::String), Box::new(SqlType::Bigint)),
        ),
        ("S".into(), SqlType::String),
    ])))
}

/// Appends `[{M: {key: value}, S: text}]`, or a part of it.
fn push(column: &mut ColumnBuilder, key: &str, text: &str, whole: bool) {
    let ColumnBuilder::Array(array) = column else {
        panic!("an array")
    };
    let ColumnBuilder::Struct(element) = &mut array.element else {
        panic!("of structs")
    };
    let [ColumnBuilder::Map(map), ColumnBuilder::String(string)] = element.fields.as_mut_slice() else {
        panic!("of a map and a string")
    };
    map.keys.push(key.as_bytes());
    let ColumnBuilder::Bigint(values) = &mut map.values else {
        panic!("of numbers")
    };
    values.push(7);
    string.buffer().extend_from_slice(text.as_bytes());
    if whole {
        map.close();
        string.end_value();
        element.close();
        array.close();
    }
}

#[test]
fn rows_and_parts_of_rows_are_taken_back() {
    let mut column = ColumnBuilder::new(&nested()).unwrap();
    push(&mut column, "a", "one", true);
    column.push_null();
    push(&mut column, "b", "two", true);
    push(&mut column, "c", "part", false);
    column.truncate(3);
    push(&mut column, "d", "part", false);
    column.truncate(1);
    push(&mut column, "e", "three", true);
    assert_eq!(column.len(), 2);

    let array = column.finish();
    let list = array.as_list::<i32>();
    assert_eq!(list.null_count(), 0);
    let structs = list.values().as_struct();
    let texts: Vec<_> = structs.column(1).as_string::<i32>().iter().flatten().collect();
    assert_eq!(texts, ["one", "three"]);
    let keys: Vec<_> = structs
        .column(0)
        .as_map()
        .keys()
        .as_string::<i32>()
        .iter()
        .flatten()
        .collect();
    assert_eq!(keys, ["a", "e"]);
    assert_eq!(array.data_type(), &nested().to_arrow());
    assert_eq!(column.len(), 0, "the builder starts the next column");
    assert_eq!(column.finish().len(), 0);
}

#[test]
fn overwritten_entries_are_taken_back_too() {
    let map = SqlType::Map(Box::new(SqlType::String), Box::new(SqlType::Bigint));
    let mut column = ColumnBuilder::new(&map).unwrap();
    let fill = |column: &mut ColumnBuilder, entries: &[(&str, i64)]| {
        let ColumnBuilder::Map(map) = column else {
            panic!("a map")
        };
        for (key, value) in entries {
            map.keys.push(key.as_bytes());
            let ColumnBuilder::Bigint(values) = &mut map.values else {
                panic!("of numbers")
            };
            values.push(*value);
        }
        map.close();
    };
    fill(&mut column, &[("a", 1), ("a", 2)]);
    fill(&mut column, &[("x", 1), ("x", 2), ("x", 3)]);
    column.truncate(1);
    fill(&mut column, &[("b", 4), ("c", 5)]);
    let array = column.finish();
    let entries = array.as_map();
    let keys: Vec<_> = entries.keys().as_string::<i32>().iter().flatten().collect();
    assert_eq!(keys, ["a", "b", "c"]);
    assert_eq!(entries.value_offsets(), [0, 1, 3]);
}

#[test]
fn structs_fill_what_is_missing_with_nulls() {
    let sql_type = SqlType::Struct(vec![("A".into(), SqlType::Boolean), ("B".into(), SqlType::Date)]);
    let mut column = ColumnBuilder::new(&sql_type).unwrap();
    let ColumnBuilder::Struct(builder) = &mut column else {
        panic!("a struct")
    };
    if let ColumnBuilder::Boolean(field) = &mut builder.fields[0] {
        field.push(true);
    }
    builder.close();
    column.push_null();
    let array = column.finish();
    assert!(array.is_valid(0) && array.is_null(1));
    assert!(array.as_struct().column(1).is_null(0));
    assert_eq!(array.data_type(), &sql_type.to_arrow());
}

#[test]
fn every_type_gives_its_arrow_form() {
    for sql_type in [
        SqlType::Boolean,
        SqlType::Integer,
        SqlType::Bigint,
        SqlType::Double,
        SqlType::Decimal(38, 38),
        SqlType::String,
        SqlType::Bytes,
        SqlType::Time,
        SqlType::Date,
        SqlType::Timestamp,
        nested(),
    ] {
        let mut column = ColumnBuilder::new(&sql_type).unwrap();
        column.reserve(4);
        column.push_null();
        let array = column.finish();
        assert_eq!(array.data_type(), &sql_type.to_arrow());
        assert!(array.is_null(0));
    }
}

#[test]
fn decimals_have_bounds() {
    for (precision, scale) in [(0, 0), (39, 0), (4, 5), (4, -1)] {
        assert!(ColumnBuilder::new(&SqlType::Decimal(precision, scale)).is_err());
    }
}
