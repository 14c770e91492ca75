//! Aggregate functions: rows into slots and back, slots that grow together, values, and how bad ones end.

use super::*;
use crate::udf::AggregateInstance;

/// `total(x BIGINT)`: the sum of x per slot, 8 bytes at 65536 + 8 * slot; a fresh one is 0. x = -1 fails the row, -2 traps.
const TOTAL: &str = r#"
(global $reports (mut i32) (i32.const 0))
(data (i32.const 8192) "no minus one")
(func (export "ww_last_error") (result i64) (i64.or (i64.shl (i64.const 16384) (i64.const 32)) (i64.extend_i32_u (global.get $reports))))
(func $state (param $slots i32) (param $i i32) (result i32)
  (i32.add (i32.const 65536) (i32.shl (i32.load (i32.add (local.get $slots) (i32.shl (local.get $i) (i32.const 2)))) (i32.const 3))))
(func (export "total_new") (param i32) (result i32) (i32.const 0))
(func $take (param $slots i32) (param $args i32) (param $rows i32) (param $sign i64) (result i32)
  (local $i i32) (local $s i32) (local $x i64) (local $status i32)
  (global.set $reports (i32.const 0))
  (loop $next
    (local.set $s (call $state (local.get $slots) (local.get $i)))
    (local.set $x (i64.load (i32.add (i32.load offset=16 (local.get $args)) (i32.shl (local.get $i) (i32.const 3)))))
    (if (i64.eq (local.get $x) (i64.const -2)) (then (unreachable)))
    (if (i64.eq (local.get $x) (i64.const -1))
      (then
        (i32.store (i32.const 16384) (local.get $i)) (i32.store (i32.const 16388) (i32.const 8192)) (i32.store (i32.const 16392) (i32.const 12))
        (global.set $reports (i32.const 1)) (local.set $status (i32.const 1)))
      (else (i64.store (local.get $s) (i64.add (i64.load (local.get $s)) (i64.mul (local.get $sign) (local.get $x))))))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $i) (local.get $rows))))
  (local.get $status))
(func (export "total_update") (param i32 i32 i32) (result i32) (call $take (local.get 0) (local.get 1) (local.get 2) (i64.const 1)))
(func (export "total_merge") (param $into i32) (param $from i32) (param $count i32) (result i32) (local $i i32) (local $s i32)
  (loop $next
    (local.set $s (call $state (local.get $into) (local.get $i)))
    (i64.store (local.get $s) (i64.add (i64.load (local.get $s)) (i64.load (call $state (local.get $from) (local.get $i)))))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $i) (local.get $count))))
  (i32.const 0))
(func $finish (export "total_finish") (param $slots i32) (param $count i32) (param $out i32) (result i32) (local $i i32)
  (loop $next
    (i64.store (i32.add (i32.load offset=16 (local.get $out)) (i32.shl (local.get $i) (i32.const 3))) (i64.load (call $state (local.get $slots) (local.get $i))))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $i) (local.get $count))))
  (i32.const 0))
(func (export "total_save") (param $slots i32) (param $count i32) (param $out i32) (result i32) (local $i i32)
  (i32.store offset=16 (local.get $out) (i32.const 40960))
  (i32.store offset=20 (local.get $out) (i32.shl (local.get $count) (i32.const 3)))
  (i32.store offset=24 (local.get $out) (i32.const 49152))
  (i32.store (i32.const 49152) (i32.const 0))
  (loop $next
    (i64.store (i32.add (i32.const 40960) (i32.shl (local.get $i) (i32.const 3))) (i64.load (call $state (local.get $slots) (local.get $i))))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (i32.store (i32.add (i32.const 49152) (i32.shl (local.get $i) (i32.const 2))) (i32.shl (local.get $i) (i32.const 3)))
    (br_if $next (i32.lt_u (local.get $i) (local.get $count))))
  (i32.const 0))
(func (export "total_load") (param $slots i32) (param $count i32) (param $states i32) (param $version i32) (result i32) (local $i i32)
  (loop $next
    (i64.store (call $state (local.get $slots) (local.get $i))
      (i64.load (i32.add (i32.load offset=16 (local.get $states)) (i32.shl (local.get $i) (i32.const 3)))))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $i) (local.get $count))))
  (i32.const 0))
(func (export "total_drop") (param $slots i32) (param $count i32) (result i32) (local $i i32)
  (loop $next
    (i64.store (call $state (local.get $slots) (local.get $i)) (i64.const 0))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $i) (local.get $count))))
  (i32.const 0))
"#;

const RETRACT: &str = r#"
(func (export "total_retract") (param i32 i32 i32) (result i32) (call $take (local.get 0) (local.get 1) (local.get 2) (i64.const -1)))
"#;

fn plugin(body: &str, more: &str) -> Result<LoadedPlugin, String> {
    let total = entry("total", "aggregate", &["BIGINT"], "BIGINT", more);
    load(&sandbox(), "test", guest(&[total], body).as_bytes(), true)
}

fn total(body: &str) -> Box<dyn AggregateInstance> {
    plugin(body, "").unwrap().aggregates[0].instance(&[None]).unwrap()
}

fn reason(result: Result<LoadedPlugin, String>) -> String {
    result.err().unwrap()
}

#[test]
fn rows_go_into_their_slots_and_back() {
    let plugin = plugin(&(TOTAL.to_owned() + RETRACT), "").unwrap();
    assert!(plugin.aggregates[0].retracts() && plugin.streams.is_empty());
    let mut total = plugin.aggregates[0].instance(&[None]).unwrap();
    total.update(&[0, 1, 0], &[longs([5, 10, 7].map(Some))]).unwrap();
    total.retract(&[0], &[longs([Some(5)])]).unwrap();
    assert_eq!(&total.finish(&[1, 0, 2]).unwrap(), &longs([10, 7, 0].map(Some)));
    total.merge(&[1, 2], &[0, 1]).unwrap();
    assert_eq!(&total.finish(&[0, 1, 2]).unwrap(), &longs([7, 17, 17].map(Some)));
    total.drop_slots(&[1]).unwrap();
    assert_eq!(&total.finish(&[1, 2]).unwrap(), &longs([0, 17].map(Some)));
    assert_eq!(total.finish(&[]).unwrap().len(), 0);
}

#[test]
fn nulls_are_left_out_and_large_batches_are_cut() {
    let mut total = total(TOTAL);
    total.update(&[0, 0, 1], &[longs([Some(1), None, None])]).unwrap();
    let many = 20_000;
    total.update(&vec![3; many], &[longs(vec![Some(2); many])]).unwrap();
    assert_eq!(&total.finish(&[0, 1, 3]).unwrap(), &longs([1, 0, 40_000].map(Some)));
    let slots: Vec<u32> = (0..1000).collect();
    assert_eq!(total.finish(&slots).unwrap().len(), 1000);
}

#[test]
fn what_was_saved_goes_on_in_another_instance() {
    let (mut one, mut other) = (total(TOTAL), total(TOTAL));
    one.update(&[0, 1], &[longs([5, 6].map(Some))]).unwrap();
    let states = one.save(&[0, 1]).unwrap();
    other.load(&[4, 2], &states, 1).unwrap();
    other.update(&[2], &[longs([Some(1)])]).unwrap();
    assert_eq!(&other.finish(&[4, 2]).unwrap(), &longs([5, 7].map(Some)));
    let error = other.load(&[0], &states[..1], 9).unwrap_err().to_string();
    assert!(error.contains("not of version 9"), "{error}");
}

#[test]
fn a_failed_row_is_named_and_the_others_are_taken() {
    let mut total = total(TOTAL);
    let error = total.update(&[0, 0, 0], &[longs([1, -1, 2].map(Some))]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "function total of plugin test failed at row 1: no minus one"
    );
    assert_eq!(&total.finish(&[0]).unwrap(), &longs([Some(3)]));
}

#[test]
fn a_trap_ends_the_instance() {
    let mut total = total(TOTAL);
    let trapped = total.update(&[0], &[longs([Some(-2)])]).unwrap_err().to_string();
    assert!(trapped.contains("trapped"), "{trapped}");
    assert_eq!(total.finish(&[0]).unwrap_err().to_string(), trapped);
}

#[test]
fn exports_are_checked_when_it_is_loaded() {
    let without = TOTAL.replace("\"total_merge\"", "\"other\"");
    assert!(reason(plugin(&without, "")).contains("no export total_merge"));
    let wrong = TOTAL.to_owned() + "(func (export \"total_retract\") (param i32) (result i32) (i32.const 0))";
    let found = reason(plugin(&wrong, ""));
    assert!(found.contains("total_retract is (i32) -> i32"), "{found}");
    let without = reason(plugin(TOTAL, r#","retracts":true"#));
    assert!(without.contains("no export total_retract"), "{without}");
    let volatile = reason(plugin(TOTAL, r#","volatility":"stable""#));
    assert!(volatile.contains("has no volatility"), "{volatile}");
}

#[test]
fn values_that_lie_are_found() {
    let lies = TOTAL.replace(
        "(func $finish (export \"total_finish\")",
        "(func (export \"total_finish\") (param i32 i32 i32) (result i32) (i32.store offset=16 (local.get 2) (i32.const 0x7ffffff8)) (i32.const 0))\n(func $finish",
    );
    let mut total = total(&lies);
    let error = total.finish(&[0]).unwrap_err().to_string();
    assert!(error.contains("bad result"), "{error}");
    assert!(
        total.update(&[0], &[longs([Some(1)])]).is_err(),
        "a lie ends the instance"
    );
}

#[test]
fn rows_cannot_be_taken_back_without_the_export() {
    let mut total = total(TOTAL);
    assert!(total.retract(&[0], &[longs([Some(1)])]).is_err());
}

#[test]
fn a_value_that_cannot_be_had_fails_the_call() {
    let reports: String = [(16384, 0), (16396, 1)]
        .iter()
        .map(|(at, row)| {
            format!(
                "(i32.store (i32.const {at}) (i32.const {row})) (i32.store offset=4 (i32.const {at}) (i32.const 8192)) (i32.store offset=8 (i32.const {at}) (i32.const 12))"
            )
        })
        .collect();
    let fails = TOTAL.replace(
        "(func $finish (export \"total_finish\")",
        &format!("(func (export \"total_finish\") (param i32 i32 i32) (result i32) {reports} (global.set $reports (i32.const 2)) (i32.const 1))\n(func $finish"),
    );
    let error = total(&fails).finish(&[0, 1]).unwrap_err().to_string();
    assert_eq!(error, "function total of plugin test failed: no minus one");
}
