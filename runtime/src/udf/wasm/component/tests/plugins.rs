//! What a component gives: its functions, their nulls, constants, failed rows, and state in slots.

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::scalar::ScalarValue;

use super::*;
use crate::udf::{Kind, RowFailure};

#[test]
fn a_component_gives_what_its_manifest_says() {
    let functions = [
        function("F", "scalar", &["DOUBLE"], "DOUBLE", r#","doc":"one line""#),
        function("G", "stream", &["DOUBLE"], "DOUBLE", ""),
    ];
    let functions: Vec<&str> = functions.iter().map(String::as_str).collect();
    let plugin = loaded(&Text::new(&functions, ECHO).build()).unwrap();
    let info = plugin.scalars[0].info();
    assert_eq!(
        (info.name.as_str(), info.kind, &info.returns),
        ("F", Kind::Scalar, &DataType::Float64)
    );
    assert_eq!(
        (info.version.as_deref(), info.doc.as_deref()),
        (Some("1.0"), Some("one line"))
    );
    assert_eq!(plugin.streams[0].info().kind, Kind::Stream);
}

#[test]
fn rows_with_nulls_are_not_shown_and_constants_come_once_per_row() {
    let spec = function("f", "scalar", &["DOUBLE", "DOUBLE"], "DOUBLE", "");
    let plugin = loaded(&Text::new(&[&spec], ECHO).build()).unwrap();
    let function = &plugin.scalars[0];
    let args = [doubles(&[Some(2.0)]), doubles(&[Some(1.0), None, Some(3.0)])];
    let given = function.call(&args, &[true, false], 3).unwrap();
    assert_eq!(*given, *doubles(&[Some(2.0), None, Some(2.0)]));
}

/// Fails row 1 of every call, and says so.
const FAILS: &str = r#"
(data (i32.const 96) "row one")
(func $call (param $f i32) (param $fb i32) (param $args i32) (param $n i32) (param $rows i32) (result i32)
  (drop (call $ok))
  (i32.store (i32.const 36) (i32.load (local.get $args)))
  (i32.store (i32.const 40) (i32.load offset=4 (local.get $args)))
  (i32.store (i32.const 44) (i32.const 128)) (i32.store (i32.const 48) (i32.const 1))
  (i32.store (i32.const 128) (i32.const 1)) (i32.store (i32.const 132) (i32.const 96)) (i32.store (i32.const 136) (i32.const 7))
  (i32.const 32))"#;

#[test]
fn failed_rows_are_null_and_named() {
    let spec = function("f", "scalar", &["DOUBLE"], "DOUBLE", "");
    let plugin = loaded(&Text::new(&[&spec], FAILS).build()).unwrap();
    let args = [doubles(&[None, Some(1.0), Some(2.0), Some(3.0)])];
    let outcome = plugin.scalars[0].call_rows(&args, &[false], 4).unwrap();
    assert_eq!(*outcome.values, *doubles(&[None, Some(1.0), None, Some(3.0)]));
    let message = "row one".to_owned();
    assert_eq!(outcome.failed, [RowFailure { row: 2, message }]);
    let error = plugin.scalars[0].call(&args, &[false], 4).unwrap_err().to_string();
    assert_eq!(error, "function f of plugin test failed at row 2: row one");
}

/// A running sum with one state for all slots, saved as 8 bytes.
const SUM: &str = r"
(global $sum (mut f64) (f64.const 0))
(func $open (param i32 i32 i32 i32) (result i32) (call $ok))
(func $push (param $slots i32) (param $n i32) (param $args i32) (param $count i32) (result i32)
  (local $level i32) (local $i i32) (local $at i32)
  ;; The only level of the first argument: nulls at 0, the case at 8, the values at 12.
  (local.set $level (i32.load (local.get $args)))
  (if (i32.ne (i32.load8_u offset=8 (local.get $level)) (i32.const 3)) (then (unreachable)))
  (loop $next
    (local.set $at (i32.add (i32.load offset=12 (local.get $level)) (i32.shl (local.get $i) (i32.const 3))))
    (global.set $sum (f64.add (global.get $sum) (f64.load (local.get $at))))
    (f64.store (local.get $at) (global.get $sum))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $i) (local.get $n))))
  (drop (call $ok))
  (i32.store (i32.const 36) (local.get $level)) (i32.store (i32.const 40) (i32.const 1))
  (i32.const 32))
(func $save (param i32 i32) (result i32)
  (drop (call $ok))
  (i32.store (i32.const 36) (i32.const 128)) (i32.store (i32.const 40) (i32.const 1))
  (i32.store (i32.const 128) (i32.const 136)) (i32.store (i32.const 132) (i32.const 8))
  (f64.store (i32.const 136) (global.get $sum))
  (i32.const 32))
(func $load (param $slots i32) (param i32) (param $states i32) (param i32) (param i32) (result i32)
  (global.set $sum (f64.load (i32.load (local.get $states)))) (call $ok))
(func $forget (param i32 i32) (result i32) (global.set $sum (f64.const 0)) (call $ok))
";

#[test]
fn state_is_kept_saved_loaded_and_forgotten() {
    let spec = function("total", "stream", &["DOUBLE"], "DOUBLE", "");
    let plugin = loaded(&Text::new(&[&spec], SUM).build()).unwrap();
    let stream = &plugin.streams[0];
    let mut instance = stream.instance(&[None]).unwrap();
    let sums = |array: ArrayRef| array.as_primitive::<Float64Type>().iter().collect::<Vec<_>>();
    let given = instance
        .push(&[0, 0, 0], &[doubles(&[Some(1.0), None, Some(2.0)])])
        .unwrap();
    assert_eq!(sums(given), [Some(1.0), None, Some(3.0)]);
    let saved = instance.save(&[0]).unwrap();
    assert_eq!(saved, [3.0_f64.to_le_bytes().to_vec()]);
    let mut again = stream.instance(&[None]).unwrap();
    again.load(&[0], &saved).unwrap();
    assert_eq!(sums(again.push(&[0], &[doubles(&[Some(4.0)])]).unwrap()), [Some(7.0)]);
    again.drop_slots(&[0]).unwrap();
    assert_eq!(sums(again.push(&[0], &[doubles(&[Some(4.0)])]).unwrap()), [Some(4.0)]);
    // A number of states that is not that of the slots.
    again.push(&[1], &[doubles(&[Some(4.0)])]).unwrap();
    let error = again.save(&[0, 1]).unwrap_err().to_string();
    assert!(error.contains("it saved 1 states of 2 slots"), "{error}");
}

/// The same function, which takes 6.5 MB more for each call and gives nothing back.
fn leaking(body: &str, function: &str) -> String {
    let at = body.find(&format!("(func ${function} ")).unwrap();
    let begin = at + body[at..].find("(drop (call $ok))").unwrap();
    format!(
        "{}(drop (memory.grow (i32.const 100))) {}",
        &body[..begin],
        &body[begin..]
    )
}

#[test]
fn an_instance_that_takes_more_and_more_memory_is_replaced() {
    let specs = [
        function("f", "scalar", &["DOUBLE"], "DOUBLE", ""),
        function("total", "stream", &["DOUBLE"], "DOUBLE", ""),
    ];
    let specs: Vec<&str> = specs.iter().map(String::as_str).collect();
    let body = format!("{} {}", leaking(ECHO, "call"), leaking(SUM, "push"));
    let plugin = loaded(&Text::new(&specs, &body).build()).unwrap();
    for _ in 0..30 {
        call(&*plugin.scalars[0], &[doubles(&[Some(1.0)])]).unwrap();
    }
    let mut instance = plugin.streams[0].instance(&[None]).unwrap();
    for _ in 0..30 {
        instance.push(&[0], &[doubles(&[Some(1.0)])]).unwrap();
    }
    assert_eq!(instance.save(&[0]).unwrap(), [30.0_f64.to_le_bytes().to_vec()]);
}

#[test]
fn a_component_may_refuse_constants() {
    let spec = function("total", "stream", &["DOUBLE"], "DOUBLE", "");
    let refusing = SUM.replace("(func $open (param i32 i32 i32 i32) (result i32) (call $ok))", "");
    let plugin = loaded(&Text::new(&[&spec], &refusing).build()).unwrap();
    let constant = Some(ScalarValue::Float64(Some(1.0)));
    let error = plugin.streams[0].instance(&[constant]).unwrap_err().to_string();
    assert_eq!(error, "function total of plugin test failed: not here");
}
