//! Table functions: lists of rows, failed rows, results that are too large, and how bad ones end.

use datafusion::arrow::array::ListArray;
use datafusion::arrow::datatypes::{DataType, Int32Type};

use super::*;
use crate::udf::Kind;

/// `split(x INTEGER)`: the numbers from 0 to below x. -1 fails the row, -2 traps, -3 has offsets that fall, -4 has offsets beyond the rows, -5 wants
/// more memory than there is, and traps without it, -6 runs for ever.
const SPLIT: &str = r#"
(data (i32.const 2048) "less than nothing")
(global $reports (mut i32) (i32.const 0))
(func (export "ww_last_error") (result i64) (i64.or (i64.shl (i64.const 16384) (i64.const 32)) (i64.extend_i32_u (global.get $reports))))
(func (export "split") (param $args i32) (param $rows i32) (param $out i32) (result i32)
  (local $i i32) (local $v i32) (local $n i32) (local $k i32) (local $status i32) (local $lie i32)
  (global.set $reports (i32.const 0))
  (i32.store (i32.const 20480) (i32.const 0))
  (loop $next
    (local.set $v (i32.load (i32.add (i32.load offset=16 (local.get $args)) (i32.shl (local.get $i) (i32.const 2)))))
    (if (i32.eq (local.get $v) (i32.const -1)) (then
      (i32.store (i32.const 16384) (local.get $i)) (i32.store (i32.const 16388) (i32.const 2048)) (i32.store (i32.const 16392) (i32.const 17))
      (global.set $reports (i32.const 1)) (local.set $status (i32.const 1))))
    (if (i32.eq (local.get $v) (i32.const -2)) (then (unreachable)))
    (if (i32.eq (local.get $v) (i32.const -3)) (then (local.set $lie (i32.const -5))))
    (if (i32.eq (local.get $v) (i32.const -4)) (then (local.set $lie (i32.const 1000))))
    (if (i32.eq (local.get $v) (i32.const -5)) (then (if (i32.eq (memory.grow (i32.const 30000)) (i32.const -1)) (then (unreachable)))))
    (if (i32.eq (local.get $v) (i32.const -6)) (then (loop $ever (br $ever))))
    (local.set $k (i32.const 0))
    (block $done (loop $more
      (br_if $done (i32.ge_s (local.get $k) (local.get $v)))
      (i32.store (i32.add (i32.const 65536) (i32.shl (local.get $n) (i32.const 2))) (local.get $k))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (local.set $k (i32.add (local.get $k) (i32.const 1)))
      (br $more)))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (i32.store (i32.add (i32.const 20480) (i32.shl (local.get $i) (i32.const 2))) (i32.add (local.get $n) (local.get $lie)))
    (br_if $next (i32.lt_u (local.get $i) (local.get $rows))))
  (i32.store (i32.const 4096) (local.get $n))
  (i32.store (i32.const 4112) (i32.const 65536))
  (i32.store (i32.const 4116) (i32.shl (local.get $n) (i32.const 2)))
  (i32.store offset=24 (local.get $out) (i32.const 20480))
  (i32.store offset=28 (local.get $out) (i32.const 4096))
  (local.get $status))
"#;

fn split_within(limits: Limits) -> Arc<dyn ScalarFunction> {
    let text = guest(&[entry("split", "table", &["INTEGER"], "INTEGER", "")], SPLIT);
    let sandbox = Sandbox::new(limits).unwrap();
    let mut plugin = load(&sandbox, "test", text.as_bytes(), true).unwrap();
    assert!(plugin.scalars.is_empty());
    plugin.tables.remove(0)
}

fn split() -> Arc<dyn ScalarFunction> {
    split_within(Limits {
        call_ms: 200,
        ..Limits::default()
    })
}

/// The list 0 to below each number.
fn counted(counts: &[Option<i32>]) -> ArrayRef {
    let lists = counts.iter().map(|n| n.map(|n| (0..n).map(Some)));
    Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists))
}

fn still_works(split: &dyn ScalarFunction) {
    let given = ints([Some(2), None, Some(0), Some(3)]);
    assert_eq!(
        &call(split, &[given]).unwrap(),
        &counted(&[Some(2), None, Some(0), Some(3)])
    );
}

#[test]
fn gives_a_list_for_each_row() {
    let split = split();
    assert_eq!(split.info().kind, Kind::Table);
    assert_eq!(split.info().returns, DataType::Int32);
    still_works(&*split);
    let many = vec![Some(1); 9_000];
    assert_eq!(&call(&*split, &[ints(many.clone())]).unwrap(), &counted(&many));
}

#[test]
fn a_failed_row_is_null_and_named() {
    let split = split();
    let outcome = split
        .call_rows(&[ints([Some(2), None, Some(-1), Some(1)])], &[false], 4)
        .unwrap();
    assert_eq!(&outcome.values, &counted(&[Some(2), None, None, Some(1)]));
    assert_eq!(
        (outcome.failed[0].row, outcome.failed[0].message.as_str()),
        (2, "less than nothing")
    );
    let error = call(&*split, &[ints([Some(1), Some(-2)])]).unwrap_err();
    assert!(matches!(error, Error::Trap { row: Some(1), .. }), "{error}");
    still_works(&*split);
}

#[test]
fn lies_about_lists_are_found() {
    let split = split();
    for (value, reason) in [
        (-3, "offsets fall at row 1: 7 then 2"),
        (-4, "offsets reach to row 1007 of a child of 7 rows"),
    ] {
        let error = call(&*split, &[ints([Some(7), Some(value)])]).unwrap_err();
        assert!(
            matches!(&error, Error::BadResult { .. }) && error.to_string().contains(reason),
            "{error}"
        );
        still_works(&*split);
    }
    let error = call(&*split, &[ints([Some(-6)])]).unwrap_err();
    assert!(error.to_string().contains("time 200 ms"), "{error}");
    still_works(&*split);
}

#[test]
fn a_result_that_is_too_large_is_asked_for_in_pieces() {
    let split = split_within(Limits {
        result_bytes: 4_096,
        ..Limits::default()
    });
    let fits = vec![Some(700); 9];
    assert_eq!(&call(&*split, &[ints(fits.clone())]).unwrap(), &counted(&fits));
    // One row alone that does not fit has failed, and no other.
    let outcome = split
        .call_rows(&[ints([Some(3), Some(2_000), Some(4)])], &[false], 3)
        .unwrap();
    assert_eq!(&outcome.values, &counted(&[Some(3), None, Some(4)]));
    assert_eq!(outcome.failed.len(), 1);
    assert_eq!(
        (outcome.failed[0].row, outcome.failed[0].message.as_str()),
        (1, "it met its limit: result 4 KiB")
    );
    still_works(&*split);
}

#[test]
fn a_row_that_wants_too_much_memory_has_failed() {
    let split = split();
    let outcome = split
        .call_rows(&[ints([Some(1), Some(2), Some(-5), Some(3)])], &[false], 4)
        .unwrap();
    assert_eq!(&outcome.values, &counted(&[Some(1), Some(2), None, Some(3)]));
    assert_eq!(
        (outcome.failed[0].row, outcome.failed[0].message.as_str()),
        (2, "it met its limit: memory 16 MiB")
    );
}

#[test]
fn several_columns_are_a_struct() {
    let columns = r#"[{"name":"a","type":"INTEGER"},{"name":"b","type":"STRING"}]"#;
    let one = entry("pairs", "table", &["INTEGER"], "?", "").replace("\"?\"", columns);
    // Both columns are read where SPLIT has its numbers: as a column of texts these are no offsets.
    let body = SPLIT.replace("\"split\"", "\"pairs\"");
    let pairs = load_text(&guest(&[one], &body)).tables.remove(0);
    let DataType::Struct(fields) = &pairs.info().returns else {
        panic!("{}", pairs.info().returns)
    };
    let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["A", "B"]);
    let error = call(&*pairs, &[ints([Some(2)])]).unwrap_err();
    assert!(
        error.to_string().contains("the address of its children is 0"),
        "{error}"
    );
    // Without rows there is nothing to read.
    assert_eq!(call(&*pairs, &[ints([Some(0)])]).unwrap().len(), 1);
}

#[test]
fn exports_are_checked_when_it_is_loaded() {
    let text = guest(&[entry("other", "table", &["INTEGER"], "INTEGER", "")], SPLIT);
    assert!(broken(&sandbox(), &text).contains("it has no export other of type (i32, i32, i32) -> i32"));
}
