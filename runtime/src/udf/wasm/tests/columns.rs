//! Every SQL type both ways: with nulls, nested, sliced, as a constant; and guests that read the layout by themselves.

use datafusion::arrow::array::{
    BinaryArray, BooleanArray, Date32Array, Decimal128Array, ListArray, MapArray, StructArray, Time32MillisecondArray,
    TimestampMillisecondArray,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, Int32Type, Int64Type};

use super::*;
use crate::types::schema::SqlType;

/// Every third row is null, another rhythm per `seed`.
fn valid(i: usize, seed: usize) -> bool {
    !(i * 7 + seed).is_multiple_of(3)
}

fn nulls(rows: usize, seed: usize) -> NullBuffer {
    (0..rows).map(|i| valid(i, seed)).collect()
}

/// Offsets of rows with 0 to 4 values each.
fn offsets(rows: usize, seed: usize) -> OffsetBuffer<i32> {
    OffsetBuffer::from_lengths((0..rows).map(|i| (i * 5 + seed) % 5))
}

/// A column of `rows` rows with nulls on every level, deterministic in `seed`.
fn column(sql_type: &SqlType, rows: usize, seed: usize) -> ArrayRef {
    let number = |i: usize| (i * 31 + seed * 17) % 1000;
    let int = |i: usize| valid(i, seed).then(|| i32::try_from(number(i)).unwrap());
    let long = |i: usize| valid(i, seed).then(|| number(i) as i64 * 1_000_003);
    let text = |i: usize| valid(i, seed).then(|| format!("r\u{e9}{}", "x".repeat(number(i) % 11)));
    match sql_type {
        SqlType::Boolean => Arc::new(BooleanArray::from_iter((0..rows).map(|i| int(i).map(|n| n % 2 == 0)))),
        SqlType::Integer => Arc::new(Int32Array::from_iter((0..rows).map(int))),
        SqlType::Bigint => Arc::new(Int64Array::from_iter((0..rows).map(long))),
        SqlType::Double => Arc::new(Float64Array::from_iter(
            (0..rows).map(|i| int(i).map(|n| f64::from(n) / 8.0)),
        )),
        SqlType::Decimal(p, s) => Arc::new(
            Decimal128Array::from_iter((0..rows).map(|i| long(i).map(|n| i128::from(n) * -1_000_000_007)))
                .with_precision_and_scale(*p, *s)
                .unwrap(),
        ),
        SqlType::String => Arc::new(StringArray::from_iter((0..rows).map(text))),
        SqlType::Bytes => Arc::new(BinaryArray::from_iter(
            (0..rows).map(|i| text(i).map(|t| [t.as_bytes(), &[0xff]].concat())),
        )),
        SqlType::Time => Arc::new(Time32MillisecondArray::from_iter((0..rows).map(int))),
        SqlType::Date => Arc::new(Date32Array::from_iter((0..rows).map(|i| int(i).map(|n| n - 500)))),
        SqlType::Timestamp => Arc::new(TimestampMillisecondArray::from_iter((0..rows).map(long))),
        SqlType::Array(element) => {
            let offsets = offsets(rows, seed);
            let length = usize::try_from(*offsets.last().unwrap()).unwrap();
            let DataType::List(field) = sql_type.to_arrow() else {
                unreachable!()
            };
            let values = column(element, length, seed + 1);
            Arc::new(ListArray::new(field, offsets, values, Some(nulls(rows, seed))))
        }
        SqlType::Map(key, value) => {
            let offsets = offsets(rows, seed);
            let length = usize::try_from(*offsets.last().unwrap()).unwrap();
            let DataType::Map(entries, _) = sql_type.to_arrow() else {
                unreachable!()
            };
            let DataType::Struct(fields) = entries.data_type().clone() else {
                unreachable!()
            };
            // Keys are not null: the valid values of a longer column.
            let keys = column(key, length * 3 + 3, seed + 1);
            let some: Vec<u32> = (0..keys.len())
                .filter(|i| keys.is_valid(*i))
                .map(|i| i as u32)
                .take(length)
                .collect();
            let keys = take(&keys, &datafusion::arrow::array::UInt32Array::from(some), None).unwrap();
            let both = StructArray::new(fields, vec![keys, column(value, length, seed + 2)], None);
            Arc::new(MapArray::new(entries, offsets, both, Some(nulls(rows, seed)), false))
        }
        SqlType::Struct(fields) => {
            let DataType::Struct(arrow) = sql_type.to_arrow() else {
                unreachable!()
            };
            let columns = fields
                .iter()
                .enumerate()
                .map(|(i, (_, ty))| column(ty, rows, seed + i + 1))
                .collect();
            Arc::new(StructArray::new(arrow, columns, Some(nulls(rows, seed))))
        }
    }
}

const TYPES: &[&str] = &[
    "BOOLEAN",
    "INTEGER",
    "BIGINT",
    "DOUBLE",
    "DECIMAL(38, 3)",
    "STRING",
    "BYTES",
    "TIME",
    "DATE",
    "TIMESTAMP",
    "ARRAY<DOUBLE>",
    "ARRAY<BOOLEAN>",
    "ARRAY<ARRAY<STRING>>",
    "MAP<STRING, DECIMAL(38, 0)>",
    "MAP<INTEGER, ARRAY<BYTES>>",
    "STRUCT<A INTEGER, B STRING, C BOOLEAN>",
    "STRUCT<A STRUCT<B ARRAY<TIME>, C DATE>, D MAP<STRING, TIMESTAMP>>",
    "ARRAY<STRUCT<KEY STRING, VALUE BYTES>>",
];

/// One plugin with an echo of every type; returns the type and the function of each.
fn echoes(more: &str) -> Vec<(DataType, Arc<dyn ScalarFunction>)> {
    let functions: Vec<String> = TYPES
        .iter()
        .enumerate()
        .map(|(i, ty)| function(&format!("echo{i}"), &[ty], ty, &format!(r#","export":"echo"{more}"#)))
        .collect();
    load_text(&guest(&functions, &echo("echo")))
        .scalars
        .into_iter()
        .map(|function| (function.info().returns.clone(), function))
        .collect()
}

#[test]
fn every_type_goes_both_ways_sliced_and_with_nulls() {
    for (data_type, echo) in echoes(r#","nulls":"pass""#) {
        let sql_type = SqlType::from_arrow(&data_type).unwrap();
        for seed in 0..3 {
            let whole = column(&sql_type, 83, seed);
            assert_eq!(*whole.data_type(), data_type, "the test's columns are the engine's");
            for (start, rows) in [
                (0, 83),
                (0, 1),
                (1, 1),
                (3, 40),
                (7, 8),
                (8, 64),
                (9, 65),
                (13, 70),
                (82, 1),
                (5, 0),
            ] {
                let given = whole.slice(start, rows);
                let back = call(&*echo, &[ArrayRef::clone(&given)]).unwrap();
                assert_eq!(*back.data_type(), data_type);
                assert_eq!(&back, &given, "{sql_type} rows {start}+{rows}, seed {seed}");
                back.to_data().validate_full().unwrap();
            }
        }
    }
}

#[test]
fn strict_functions_see_no_nulls() {
    for (data_type, echo) in echoes("") {
        let sql_type = SqlType::from_arrow(&data_type).unwrap();
        let given = column(&sql_type, 50, 1);
        assert_eq!(&call(&*echo, &[ArrayRef::clone(&given)]).unwrap(), &given, "{sql_type}");
        let nothing = datafusion::arrow::array::new_null_array(&data_type, 9);
        assert_eq!(
            &call(&*echo, &[ArrayRef::clone(&nothing)]).unwrap(),
            &nothing,
            "{sql_type}"
        );
    }
}

#[test]
fn constants_are_expanded_for_guests_that_know_none() {
    for more in ["", r#","nulls":"pass""#] {
        for (data_type, echo) in echoes(more) {
            let sql_type = SqlType::from_arrow(&data_type).unwrap();
            let source = column(&sql_type, 9, 2);
            for row in 0..9 {
                let value = source.slice(row, 1);
                let all = take(
                    &source,
                    &datafusion::arrow::array::UInt32Array::from(vec![row as u32; 21]),
                    None,
                )
                .unwrap();
                let back = echo.call(&[value], &[true], 21).unwrap();
                assert_eq!(&back, &all, "{sql_type} row {row}");
            }
        }
    }
}

/// Small results are copied to other memory than large ones: 1 KiB of each width is the border.
#[test]
fn results_around_the_size_of_small_ones_are_whole() {
    for (data_type, echo) in echoes(r#","nulls":"pass""#) {
        let sql_type = SqlType::from_arrow(&data_type).unwrap();
        for rows in [63, 64, 65, 127, 128, 129, 255, 256, 257] {
            let given = column(&sql_type, rows, 1);
            let back = call(&*echo, &[ArrayRef::clone(&given)]).unwrap();
            assert_eq!(&back, &given, "{sql_type}, {rows} rows");
            back.to_data().validate_full().unwrap();
        }
    }
}

#[test]
fn large_batches_are_cut() {
    for (data_type, echo) in echoes(r#","nulls":"pass""#) {
        let sql_type = SqlType::from_arrow(&data_type).unwrap();
        let given = column(&sql_type, 20_011, 1);
        assert_eq!(&call(&*echo, &[ArrayRef::clone(&given)]).unwrap(), &given, "{sql_type}");
    }
}

/// The guest gets what ABI section 3 says, read by the guest's own code and not by the host's.
#[test]
fn guests_find_the_documented_layout() {
    let function_of = |name: &str, arg: &str, returns: &str| function(name, &[arg], returns, r#","nulls":"pass""#);
    let text = guest(
        &[
            function_of("bit_not", "BOOLEAN", "BOOLEAN"),
            function_of("bytes_of", "STRING", "INTEGER"),
            function_of("first_of", "ARRAY<BIGINT>", "BIGINT"),
            function_of("map_value", "MAP<STRING, INTEGER>", "INTEGER"),
            function_of("field_b", "STRUCT<A STRING, B DOUBLE>", "DOUBLE"),
            function_of("dec_low", "DECIMAL(20, 2)", "BIGINT"),
            function_of("nulls_of", "INTEGER", "INTEGER"),
        ],
        READERS,
    );
    let functions = load_text(&text).scalars;
    let run = |i: usize, arg: ArrayRef| call(&*functions[i], &[arg]).unwrap();

    let bits: Vec<bool> = (0..19).map(|i| i % 3 == 0).collect();
    let turned: Vec<bool> = bits.iter().map(|bit| !bit).collect();
    assert_eq!(*run(0, Arc::new(BooleanArray::from(bits))), BooleanArray::from(turned));
    let texts = strings(&[Some("a"), Some(""), Some("\u{20ac}uro"), Some("xyz")]).slice(1, 3);
    assert_eq!(*run(1, texts), Int32Array::from(vec![0, 6, 3]));
    let list = ListArray::from_iter_primitive::<Int64Type, _, _>(vec![
        Some(vec![Some(9)]),
        Some(vec![Some(5), Some(6)]),
        Some(vec![Some(7)]),
    ]);
    assert_eq!(*run(2, Arc::new(list.slice(1, 2))), Int64Array::from(vec![5, 7]));
    let map = column(
        &SqlType::Map(Box::new(SqlType::String), Box::new(SqlType::Integer)),
        40,
        0,
    );
    let filled: Vec<usize> = (0..40).filter(|i| map.as_map().value_length(*i) > 0).collect();
    let got = run(3, ArrayRef::clone(&map));
    for i in filled {
        let values = map.as_map().value(i);
        let first = values.column(1).as_primitive::<Int32Type>();
        if first.is_valid(0) {
            assert_eq!(got.as_primitive::<Int32Type>().value(i), first.value(0), "row {i}");
        }
    }
    let structs = column(
        &SqlType::Struct(vec![("A".into(), SqlType::String), ("B".into(), SqlType::Double)]),
        30,
        4,
    );
    let b = structs.as_struct().column(1).as_primitive::<Float64Type>().clone();
    let got = run(4, structs.slice(3, 20));
    for i in 0..20 {
        if b.is_valid(i + 3) {
            assert_eq!(
                got.as_primitive::<Float64Type>().value(i).to_bits(),
                b.value(i + 3).to_bits()
            );
        }
    }
    let decimals = Decimal128Array::from(vec![150, -1, i128::from(i64::MAX)])
        .with_precision_and_scale(20, 2)
        .unwrap();
    assert_eq!(*run(5, Arc::new(decimals)), Int64Array::from(vec![150, -1, i64::MAX]));
    assert_eq!(
        *run(6, ints([Some(1), None, None, Some(2)])),
        Int32Array::from(vec![2; 4])
    );
    assert_eq!(*run(6, ints([Some(1), Some(2)])), Int32Array::from(vec![0; 2]));
}

/// Bodies of the functions above. `$each` loops a row number over a block.
const READERS: &str = r#"
(func (export "bit_not") (param $args i32) (param $rows i32) (param $out i32) (result i32) (local $i i32)
  (loop $next
    (i32.store8 (i32.add (i32.load offset=16 (local.get $out)) (local.get $i))
      (i32.xor (i32.const 255) (i32.load8_u (i32.add (i32.load offset=16 (local.get $args)) (local.get $i)))))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $next (i32.lt_u (i32.shl (local.get $i) (i32.const 3)) (local.get $rows))))
  (i32.const 0))
(func $offset (param $column i32) (param $i i32) (result i32)
  (i32.load (i32.add (i32.load offset=24 (local.get $column)) (i32.shl (local.get $i) (i32.const 2)))))
(func (export "bytes_of") (param $args i32) (param $rows i32) (param $out i32) (result i32) (local $i i32)
  (loop $next
    (i32.store (i32.add (i32.load offset=16 (local.get $out)) (i32.shl (local.get $i) (i32.const 2)))
      (i32.sub (call $offset (local.get $args) (i32.add (local.get $i) (i32.const 1))) (call $offset (local.get $args) (local.get $i))))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $i) (local.get $rows))))
  (i32.const 0))
(func (export "first_of") (param $args i32) (param $rows i32) (param $out i32) (result i32) (local $i i32) (local $child i32)
  (local.set $child (i32.load offset=28 (local.get $args)))
  (loop $next
    (i64.store (i32.add (i32.load offset=16 (local.get $out)) (i32.shl (local.get $i) (i32.const 3)))
      (i64.load (i32.add (i32.load offset=16 (local.get $child)) (i32.shl (call $offset (local.get $args) (local.get $i)) (i32.const 3)))))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $i) (local.get $rows))))
  (i32.const 0))
(func (export "map_value") (param $args i32) (param $rows i32) (param $out i32) (result i32) (local $i i32) (local $child i32)
  ;; the second child: the values
  (local.set $child (i32.add (i32.load offset=28 (local.get $args)) (i32.const 32)))
  (loop $next
    (i32.store (i32.add (i32.load offset=16 (local.get $out)) (i32.shl (local.get $i) (i32.const 2)))
      (i32.load (i32.add (i32.load offset=16 (local.get $child)) (i32.shl (call $offset (local.get $args) (local.get $i)) (i32.const 2)))))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $i) (local.get $rows))))
  (i32.const 0))
(func (export "field_b") (param $args i32) (param $rows i32) (param $out i32) (result i32)
  (i32.store offset=16 (local.get $out) (i32.load offset=48 (i32.load offset=28 (local.get $args))))
  (i32.const 0))
(func (export "dec_low") (param $args i32) (param $rows i32) (param $out i32) (result i32) (local $i i32)
  (loop $next
    (i64.store (i32.add (i32.load offset=16 (local.get $out)) (i32.shl (local.get $i) (i32.const 3)))
      (i64.load (i32.add (i32.load offset=16 (local.get $args)) (i32.shl (local.get $i) (i32.const 4)))))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $i) (local.get $rows))))
  (i32.const 0))
(func (export "nulls_of") (param $args i32) (param $rows i32) (param $out i32) (result i32) (local $i i32)
  (loop $next
    (i32.store (i32.add (i32.load offset=16 (local.get $out)) (i32.shl (local.get $i) (i32.const 2))) (i32.load offset=8 (local.get $args)))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $i) (local.get $rows))))
  (i32.const 0))
"#;

#[test]
fn offsets_of_results_may_begin_anywhere() {
    // Offsets 2, 3, 6 into a text of 8 bytes at 8192; the offsets stand at 8224.
    let text = guest(
        &[function("words", &[], "STRING", "")],
        r#"(data (i32.const 8192) "..\e2\82\acxyz") (data (i32.const 8224) "\02\00\00\00\05\00\00\00\08\00\00\00")
        (func (export "words") (param $args i32) (param $rows i32) (param $out i32) (result i32)
          (i32.store offset=16 (local.get $out) (i32.const 8192))
          (i32.store offset=20 (local.get $out) (i32.const 8))
          (i32.store offset=24 (local.get $out) (i32.const 8224))
          (i32.const 0))"#,
    );
    let words = scalar(&text).call(&[], &[], 2).unwrap();
    assert_eq!(&words, &strings(&[Some("\u{20ac}"), Some("xyz")]));
}

#[test]
fn results_may_have_other_details_of_arrow_but_not_other_types() {
    let echo = scalar(&guest(
        &[function("echo", &["ARRAY<INTEGER>"], "ARRAY<INTEGER>", "")],
        &echo("echo"),
    ));
    let field = Arc::new(datafusion::arrow::datatypes::Field::new(
        "element",
        DataType::Int32,
        false,
    ));
    let offsets = OffsetBuffer::new(ScalarBuffer::from(vec![0, 2, 3]));
    let values: ArrayRef = ints([Some(1), Some(2), Some(3)]);
    let given: ArrayRef = Arc::new(ListArray::new(field, offsets, values, None));
    let back = call(&*echo, &[given]).unwrap();
    assert_eq!(*back.data_type(), echo.info().returns);
    assert_eq!(
        back.as_list::<i32>().value(0).as_primitive::<Int32Type>().values(),
        &[1, 2]
    );
    let error = call(&*echo, &[longs([Some(1)])]).unwrap_err();
    assert!(matches!(&error, Error::Arguments { .. }), "{error}");
    let error = echo.call(&[], &[], 1).unwrap_err();
    assert!(error.to_string().contains("0 arguments, it takes 1"), "{error}");
    let error = echo.call(&[ints([Some(1), None])], &[false], 3).unwrap_err();
    assert!(
        error.to_string().contains("argument a0 has 2 rows where 3 are due"),
        "{error}"
    );
}
