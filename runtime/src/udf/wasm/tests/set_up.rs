//! Scalar and table functions that are set up with constants: once in an instance, refused with words, and instances of several constants
//! beside each other.

use datafusion::scalar::ScalarValue;

use super::*;

/// `plus(x INTEGER, n INTEGER constant)`: x + n + 1000 times the number of set-ups that the instance saw. A negative n is refused; x = -2 traps. A guest
/// that was not set up gives -1.
const PLUS: &str = r#"
(global $n (mut i32) (i32.const -1))
(global $reports (mut i32) (i32.const 0))
(data (i32.const 8192) "n is negative")
(func (export "ww_last_error") (result i64) (i64.or (i64.shl (i64.const 16384) (i64.const 32)) (i64.extend_i32_u (global.get $reports))))
(func (export "plus_new") (param $args i32) (result i32)
  ;; the first argument is ABSENT (flag 2, no rows), the second CONSTANT (flag 1)
  (if (i32.or (i32.ne (i32.load offset=4 (local.get $args)) (i32.const 2)) (i32.load (local.get $args))) (then (return (i32.const 7))))
  (if (i32.ne (i32.load offset=36 (local.get $args)) (i32.const 1)) (then (return (i32.const 7))))
  (global.set $n (i32.add (i32.add (global.get $n) (i32.const 1001)) (i32.load (i32.load offset=48 (local.get $args)))))
  (if (i32.lt_s (i32.load (i32.load offset=48 (local.get $args))) (i32.const 0)) (then
    (i32.store (i32.const 16384) (i32.const -1)) (i32.store (i32.const 16388) (i32.const 8192)) (i32.store (i32.const 16392) (i32.const 13))
    (global.set $reports (i32.const 1)) (return (i32.const 2))))
  (i32.const 0))
(func (export "plus") (param $args i32) (param $rows i32) (param $out i32) (result i32)
  (local $i i32) (local $x i32)
  (loop $next
    (local.set $x (i32.load (i32.add (i32.load offset=16 (local.get $args)) (i32.shl (local.get $i) (i32.const 2)))))
    (if (i32.eq (local.get $x) (i32.const -2)) (then (unreachable)))
    (i32.store (i32.add (i32.load offset=16 (local.get $out)) (i32.shl (local.get $i) (i32.const 2)))
      (i32.add (local.get $x) (global.get $n)))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $i) (local.get $rows))))
  (i32.const 0))
"#;

fn plus() -> Arc<dyn ScalarFunction> {
    let entry = function("plus", &["INTEGER", "INTEGER constant"], "INTEGER", "");
    scalar(&guest(&[entry], PLUS))
}

fn with(function: &dyn ScalarFunction, x: &[Option<i32>], n: Option<i32>) -> Result<ArrayRef, Error> {
    function.call(&[ints(x.iter().copied()), ints([n])], &[false, true], x.len())
}

#[test]
fn an_instance_is_set_up_once_for_its_constants() {
    let plus = plus();
    assert_eq!(plus.info().constants, [1]);
    for _ in 0..3 {
        for n in [5, 7] {
            let given = with(&*plus, &[Some(1), None, Some(2)], Some(n)).unwrap();
            assert_eq!(&given, &ints([Some(1001 + n), None, Some(1002 + n)]));
        }
    }
    assert_eq!(plus.totals().instances, 2);
}

#[test]
fn constants_that_were_not_used_for_long_are_let_go() {
    let plus = plus();
    for n in 0..100 {
        assert_eq!(&with(&*plus, &[Some(1)], Some(n)).unwrap(), &ints([Some(1001 + n)]));
        // Used all the time, it stays.
        assert_eq!(&with(&*plus, &[Some(1)], Some(0)).unwrap(), &ints([Some(1001)]));
    }
    assert_eq!(plus.totals().instances, 32);
}

#[test]
fn what_is_no_constant_is_refused() {
    let plus = plus();
    let error = call(&*plus, &[ints([Some(1)]), ints([Some(2)])]).unwrap_err();
    assert!(error.to_string().contains("argument a1 must be a constant"), "{error}");
    let error = plus.set_up(&[None, None]).unwrap_err();
    assert!(error.to_string().contains("argument a1 must be a constant"), "{error}");
}

#[test]
fn the_guest_may_refuse_constants() {
    let plus = plus();
    let refused = "function plus of plugin test failed: n is negative";
    let error = plus.set_up(&[None, Some(ScalarValue::from(-1_i32))]).unwrap_err();
    assert_eq!(error.to_string(), refused);
    assert_eq!(with(&*plus, &[Some(1)], Some(-1)).unwrap_err().to_string(), refused);
    plus.set_up(&[Some(ScalarValue::from(9_i32)), Some(ScalarValue::from(1_i32))])
        .unwrap();
    assert_eq!(&with(&*plus, &[Some(1)], Some(1)).unwrap(), &ints([Some(1002)]));
}

#[test]
fn a_null_constant_makes_all_rows_null() {
    let plus = plus();
    plus.set_up(&[None, Some(ScalarValue::Int32(None))]).unwrap();
    assert_eq!(&with(&*plus, &[Some(1), Some(2)], None).unwrap(), &ints([None, None]));
}

#[test]
fn after_a_trap_another_instance_is_set_up() {
    let plus = plus();
    let error = with(&*plus, &[Some(1), Some(-2)], Some(3)).unwrap_err();
    assert!(matches!(error, Error::Trap { row: Some(1), .. }), "{error}");
    assert_eq!(&with(&*plus, &[Some(1)], Some(3)).unwrap(), &ints([Some(1004)]));
}

#[test]
fn the_export_is_asked_for() {
    let entry = function("plus", &["INTEGER", "INTEGER constant"], "INTEGER", "");
    let reason = broken(&sandbox(), &guest(&[entry], &PLUS.replace("plus_new", "plus_open")));
    assert_eq!(reason, "function plus: it has no export plus_new of type (i32) -> i32");
}
