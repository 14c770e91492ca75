//! Aggregate functions of components: rows into slots and back, slots that grow together, values, failed rows, and bad ones.

use super::*;
use crate::udf::AggregateInstance;

/// The sum of the first argument for each slot, 8 bytes at 4096 + 8 * slot. A negative number fails its row.
const SUM: &str = r#"
(data (i32.const 96) "negative")
(func $open (param i32 i32 i32 i32) (result i32) (call $ok))
(func $state (param $slots i32) (param $i i32) (result i32)
  (i32.add (i32.const 4096) (i32.shl (i32.load (i32.add (local.get $slots) (i32.shl (local.get $i) (i32.const 2)))) (i32.const 3))))
(func $add (param $at i32) (param $x f64) (f64.store (local.get $at) (f64.add (f64.load (local.get $at)) (local.get $x))))
(func $take (param $slots i32) (param $n i32) (param $args i32) (param $sign f64) (result i32)
  (local $values i32) (local $i i32) (local $x f64) (local $failed i32)
  ;; The only level of the first argument: nulls at 0, the case at 8, the values at 12.
  (local.set $values (i32.load offset=12 (i32.load (local.get $args))))
  (loop $next
    (local.set $x (f64.load (i32.add (local.get $values) (i32.shl (local.get $i) (i32.const 3)))))
    (if (f64.lt (local.get $x) (f64.const 0))
      (then
        (i32.store (i32.const 128) (local.get $i)) (i32.store (i32.const 132) (i32.const 96)) (i32.store (i32.const 136) (i32.const 8))
        (local.set $failed (i32.const 1)))
      (else (call $add (call $state (local.get $slots) (local.get $i)) (f64.mul (local.get $sign) (local.get $x)))))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $i) (local.get $n))))
  (drop (call $ok))
  (i32.store (i32.const 36) (i32.const 128)) (i32.store (i32.const 40) (local.get $failed))
  (i32.const 32))
(func $update (param i32 i32 i32 i32) (result i32) (call $take (local.get 0) (local.get 1) (local.get 2) (f64.const 1)))
(func $retract (param i32 i32 i32 i32) (result i32) (call $take (local.get 0) (local.get 1) (local.get 2) (f64.const -1)))
(func $merge (param $into i32) (param $n i32) (param $from i32) (param i32) (result i32) (local $i i32)
  (loop $next
    (call $add (call $state (local.get $into) (local.get $i)) (f64.load (call $state (local.get $from) (local.get $i))))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $i) (local.get $n))))
  (call $ok))
;; The values go to 8192, their level to 160.
(func $finish (param $slots i32) (param $n i32) (result i32) (local $i i32)
  (loop $next
    (f64.store (i32.add (i32.const 8192) (i32.shl (local.get $i) (i32.const 3))) (f64.load (call $state (local.get $slots) (local.get $i))))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $i) (local.get $n))))
  (drop (call $ok))
  (i64.store (i32.const 160) (i64.const 0))
  (i32.store8 (i32.const 168) (i32.const 3)) (i32.store (i32.const 172) (i32.const 8192)) (i32.store (i32.const 176) (local.get $n))
  (i32.store (i32.const 36) (i32.const 160)) (i32.store (i32.const 40) (i32.const 1))
  (i32.const 32))
(func $forget (param $slots i32) (param $n i32) (result i32)
  (f64.store (call $state (local.get $slots) (i32.const 0)) (f64.const 0)) (call $ok))
"#;

fn plugin(body: &str, more: &str) -> Result<LoadedPlugin, String> {
    let spec = function("total", "aggregate", &["DOUBLE"], "DOUBLE", more);
    loaded(&Text::new(&[&spec], body).build())
}

fn total(body: &str) -> Box<dyn AggregateInstance> {
    plugin(body, "").unwrap().aggregates[0].instance(&[None]).unwrap()
}

#[test]
fn rows_go_into_their_slots_and_back() {
    let plugin = plugin(SUM, r#","retracts":true"#).unwrap();
    assert!(plugin.aggregates[0].retracts() && plugin.streams.is_empty());
    let mut total = plugin.aggregates[0].instance(&[None]).unwrap();
    let rows = doubles(&[Some(5.0), None, Some(10.0), Some(7.0)]);
    total.update(&[0, 0, 1, 0], &[rows]).unwrap();
    total.retract(&[0], &[doubles(&[Some(5.0)])]).unwrap();
    assert_eq!(
        *total.finish(&[1, 0, 2]).unwrap(),
        *doubles(&[Some(10.0), Some(7.0), Some(0.0)])
    );
    total.merge(&[1, 2], &[0, 1]).unwrap();
    assert_eq!(
        *total.finish(&[0, 1, 2]).unwrap(),
        *doubles(&[Some(7.0), Some(17.0), Some(17.0)])
    );
    total.drop_slots(&[1]).unwrap();
    assert_eq!(*total.finish(&[1]).unwrap(), *doubles(&[Some(0.0)]));
}

#[test]
fn only_the_manifest_says_that_rows_can_be_taken_back() {
    assert!(!plugin(SUM, "").unwrap().aggregates[0].retracts());
    let stream = function("total", "stream", &["DOUBLE"], "DOUBLE", r#","retracts":true"#);
    let refused = loaded(&Text::new(&[&stream], SUM).build()).err().unwrap();
    assert!(refused.contains("retracts is for aggregate functions"), "{refused}");
}

#[test]
fn a_failed_row_is_named_and_the_others_are_taken() {
    let mut total = total(SUM);
    let rows = doubles(&[Some(1.0), Some(-1.0), Some(2.0)]);
    let error = total.update(&[0, 0, 0], &[rows]).unwrap_err().to_string();
    assert_eq!(error, "function total of plugin test failed at row 1: negative");
    assert_eq!(*total.finish(&[0]).unwrap(), *doubles(&[Some(3.0)]));
}

#[test]
fn bad_ones_end_with_their_reason() {
    let without = SUM.replace("(func $update ", "(func $other ");
    let reason = plugin(&without, "").err().unwrap();
    assert!(reason.contains("its interface has no function update"), "{reason}");
    let ends = |body: &str, of: fn(&mut dyn AggregateInstance) -> Result<(), Error>| {
        let mut total = total(body);
        let error = of(&mut *total).unwrap_err().to_string();
        assert_eq!(total.save(&[0]).unwrap_err().to_string(), error, "the instance goes on");
        error
    };
    // One value where two are due.
    let short = SUM.replace(
        "(i32.store (i32.const 176) (local.get $n))",
        "(i32.store (i32.const 176) (i32.const 1))",
    );
    let error = ends(&short, |total| total.finish(&[0, 1]).map(drop));
    assert!(error.contains("a column of 2 rows was due, one of 1 came"), "{error}");
    // A failed row that is none of the call.
    let beyond = SUM.replace(
        "(i32.store (i32.const 128) (local.get $i))",
        "(i32.store (i32.const 128) (i32.const 9))",
    );
    let error = ends(&beyond, |total| total.update(&[0], &[doubles(&[Some(-1.0)])]));
    assert!(
        error.contains("row 9 is reported as failed in a call of 1 rows"),
        "{error}"
    );
    let traps = "(func $merge (param i32 i32 i32 i32) (result i32) unreachable) (func $unused ";
    let trap = SUM.replace("(func $merge ", traps);
    let error = ends(&trap, |total| total.merge(&[0], &[1]));
    assert!(error.contains("trapped"), "{error}");
}
