//! Stream functions: state per slot, its life over save, load and drop, constants at set-up, and how they end.

use datafusion::scalar::ScalarValue;

use super::*;
use crate::udf::StreamInstance;

/// `total(x BIGINT, start BIGINT constant)`: the running sum of x per slot, beginning at `start`. A slot's state is its
/// sum less `start`, 8 bytes at 65536 + 8 * slot; a fresh one is 0. x = -1 fails the row, -2 traps.
pub(super) const TOTAL: &str = r#"
(global $start (mut i64) (i64.const 0))
(global $reports (mut i32) (i32.const 0))
(data (i32.const 8192) "no minus one")
(func (export "ww_last_error") (result i64) (i64.or (i64.shl (i64.const 16384) (i64.const 32)) (i64.extend_i32_u (global.get $reports))))
(func $state (param $slots i32) (param $i i32) (result i32)
  (i32.add (i32.const 65536) (i32.shl (i32.load (i32.add (local.get $slots) (i32.shl (local.get $i) (i32.const 2)))) (i32.const 3))))
(func $report (param $row i32)
  (i32.store (i32.const 16384) (local.get $row)) (i32.store (i32.const 16388) (i32.const 8192)) (i32.store (i32.const 16392) (i32.const 12))
  (global.set $reports (i32.const 1)))
(func (export "total_new") (param $args i32) (result i32)
  ;; the first argument is ABSENT (flag 2, no rows), the second CONSTANT (flag 1, one row)
  (if (i32.or (i32.ne (i32.load offset=4 (local.get $args)) (i32.const 2)) (i32.load (local.get $args))) (then (return (i32.const 7))))
  (if (i32.ne (i32.load offset=36 (local.get $args)) (i32.const 1)) (then (return (i32.const 7))))
  (global.set $start (i64.load (i32.load offset=48 (local.get $args))))
  (if (i64.lt_s (global.get $start) (i64.const 0)) (then (call $report (i32.const -1)) (return (i32.const 2))))
  (i32.const 0))
(func (export "total_push") (param $slots i32) (param $args i32) (param $rows i32) (param $out i32) (result i32)
  (local $i i32) (local $s i32) (local $x i64) (local $status i32)
  (global.set $reports (i32.const 0))
  (loop $next
    (local.set $s (call $state (local.get $slots) (local.get $i)))
    (local.set $x (i64.load (i32.add (i32.load offset=16 (local.get $args)) (i32.shl (local.get $i) (i32.const 3)))))
    (if (i64.eq (local.get $x) (i64.const -2)) (then (unreachable)))
    (if (i64.eq (local.get $x) (i64.const -1))
      (then (call $report (local.get $i)) (local.set $status (i32.const 1)))
      (else (i64.store (local.get $s) (i64.add (i64.load (local.get $s)) (local.get $x)))))
    (i64.store (i32.add (i32.load offset=16 (local.get $out)) (i32.shl (local.get $i) (i32.const 3)))
      (i64.add (i64.load (local.get $s)) (global.get $start)))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $i) (local.get $rows))))
  (local.get $status))
(func (export "total_save") (param $slots i32) (param $count i32) (param $out i32) (result i32) (local $i i32)
  ;; values at 40960, offsets at 49152: room for 256 slots and more
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
  (global.set $reports (i32.const 0))
  (loop $next
    ;; exactly 8 bytes a row
    (if (i32.ne (i32.load (i32.add (i32.load offset=24 (local.get $states)) (i32.shl (local.get $i) (i32.const 2))))
          (i32.shl (local.get $i) (i32.const 3))) (then (call $report (i32.const -1)) (return (i32.const 2))))
    (i64.store (call $state (local.get $slots) (local.get $i))
      ;; version 1 kept halves
      (i64.mul (select (i64.const 2) (i64.const 1) (i32.eq (local.get $version) (i32.const 1)))
        (i64.load (i32.add (i32.load offset=16 (local.get $states)) (i32.shl (local.get $i) (i32.const 3))))))
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

fn total() -> Arc<dyn StreamFunction> {
    let more = r#","state_version":2,"reads_state_versions":[1]"#;
    stream(&guest(
        &[entry("total", "stream", &["BIGINT", "BIGINT constant"], "BIGINT", more)],
        TOTAL,
    ))
}

fn from(start: i64) -> Box<dyn StreamInstance> {
    total()
        .instance(&[None, Some(ScalarValue::Int64(Some(start)))])
        .unwrap()
}

fn push(instance: &mut dyn StreamInstance, slots: &[u32], x: &[Option<i64>], start: i64) -> Result<ArrayRef, Error> {
    let start = longs(vec![Some(start); slots.len()]);
    instance.push(slots, &[longs(x.iter().copied()), start])
}

#[test]
fn keeps_state_per_slot_in_order_of_rows() {
    let mut total = from(100);
    let got = push(&mut *total, &[0, 1, 0, 2, 1, 0], &[1, 10, 2, 5, 20, 3].map(Some), 100).unwrap();
    assert_eq!(&got, &longs([101, 110, 103, 105, 130, 106].map(Some)));
    let got = push(&mut *total, &[2, 0], &[1, 1].map(Some), 100).unwrap();
    assert_eq!(&got, &longs([106, 107].map(Some)));
    assert_eq!(push(&mut *total, &[], &[], 100).unwrap().len(), 0);
}

#[test]
fn instances_share_nothing() {
    let (mut a, mut b) = (from(0), from(50));
    push(&mut *a, &[0], &[Some(7)], 0).unwrap();
    assert_eq!(&push(&mut *b, &[0], &[Some(1)], 50).unwrap(), &longs([Some(51)]));
}

#[test]
fn null_rows_do_not_touch_the_state() {
    let mut total = from(0);
    let got = push(&mut *total, &[0, 0, 1, 0], &[Some(1), None, None, Some(2)], 0).unwrap();
    assert_eq!(&got, &longs([Some(1), None, None, Some(3)]));
}

#[test]
fn step_size_changes_nothing() {
    let rows = 20_000;
    let slots: Vec<u32> = (0..rows).map(|i| (i * 7 % 300) as u32).collect();
    let x: Vec<Option<i64>> = (0..rows).map(|i| (i % 11 != 0).then_some(i as i64)).collect();
    let mut whole = from(3);
    let expected = push(&mut *whole, &slots, &x, 3).unwrap();
    for step in [1, 100, 8_191] {
        let mut steps = from(3);
        let mut start = 0;
        while start < rows {
            let end = (start + step).min(rows);
            let got = push(&mut *steps, &slots[start..end], &x[start..end], 3).unwrap();
            assert_eq!(&got, &expected.slice(start, end - start), "step {step} at {start}");
            start = end;
        }
    }
}

#[test]
fn saved_state_goes_on_elsewhere() {
    let slots: Vec<u32> = (0..1_000).collect();
    let x: Vec<Option<i64>> = (0..1_000).map(|i| Some(i64::from(i) * 3)).collect();
    let mut before = from(1);
    push(&mut *before, &slots, &x, 1).unwrap();
    let states = before.save(&slots).unwrap();
    assert_eq!(states[7], 21_i64.to_le_bytes());
    assert_eq!(before.save(&[7, 7]).unwrap()[1], states[7], "saving changes nothing");

    // Elsewhere the slots have other numbers.
    let moved: Vec<u32> = slots.iter().rev().copied().collect();
    let mut after = from(1);
    after.load(&moved, &states).unwrap();
    let got = push(&mut *after, &moved, &x, 1).unwrap();
    assert_eq!(&got, &longs((0..1_000).map(|i| Some(i * 6 + 1))));
    assert!(before.save(&[]).unwrap().is_empty());
    after.load(&[], &[]).unwrap();
}

#[test]
fn older_state_is_read_where_the_plugin_says_so() {
    let total = total();
    assert_eq!(total.state_version(), 2);
    assert!(total.reads_state_version(1) && total.reads_state_version(2) && !total.reads_state_version(3));
    let mut instance = from(0);
    instance
        .load_version(&[0], &[21_i64.to_le_bytes().to_vec()], 1)
        .unwrap();
    assert_eq!(&push(&mut *instance, &[0], &[Some(0)], 0).unwrap(), &longs([Some(42)]));
    let error = instance.load_version(&[0], &[vec![0; 8]], 3).unwrap_err();
    assert!(
        error.to_string().contains("reads state of version 2, not of version 3"),
        "{error}"
    );
    assert_eq!(
        &push(&mut *instance, &[0], &[Some(0)], 0).unwrap(),
        &longs([Some(42)]),
        "and it goes on"
    );
}

#[test]
fn dropped_slots_start_fresh() {
    let mut total = from(0);
    push(&mut *total, &[0, 1], &[5, 6].map(Some), 0).unwrap();
    total.drop_slots(&[0]).unwrap();
    assert_eq!(
        &push(&mut *total, &[0, 1], &[1, 1].map(Some), 0).unwrap(),
        &longs([1, 7].map(Some))
    );
    total.drop_slots(&[]).unwrap();
}

#[test]
fn a_failed_row_leaves_its_state() {
    let mut total = from(0);
    let args = [longs([4, -1, 2].map(Some)), longs([0; 3].map(Some))];
    let outcome = total.push_rows(&[0, 0, 0], &args).unwrap();
    assert_eq!(&outcome.values, &longs([Some(4), None, Some(6)]));
    assert_eq!(
        (outcome.failed[0].row, outcome.failed[0].message.as_str()),
        (1, "no minus one")
    );
    let error = push(&mut *total, &[0], &[Some(-1)], 0).unwrap_err();
    assert!(matches!(error, Error::Row { row: 0, .. }));
    assert_eq!(&push(&mut *total, &[0], &[Some(1)], 0).unwrap(), &longs([Some(7)]));
}

#[test]
fn a_trap_ends_the_instance_and_no_other() {
    let mut other = from(0);
    let mut total = from(0);
    push(&mut *total, &[0], &[Some(5)], 0).unwrap();
    let error = push(&mut *total, &[0], &[Some(-2)], 0).unwrap_err();
    assert!(matches!(error, Error::Trap { row: None, .. }), "{error}");
    // Its state is in doubt, so it says the same from then on, and never goes on with half a batch.
    let again = push(&mut *total, &[0], &[Some(1)], 0).unwrap_err();
    assert_eq!(again.to_string(), error.to_string());
    assert!(total.save(&[0]).is_err() && total.drop_slots(&[0]).is_err());
    assert_eq!(&push(&mut *other, &[0], &[Some(1)], 0).unwrap(), &longs([Some(1)]));
}

#[test]
fn constants_are_checked_at_set_up() {
    let total = total();
    let start = |value| total.instance(&[None, value]).unwrap_err().to_string();
    assert!(start(None).contains("argument a1 must be a constant"));
    assert!(start(Some(ScalarValue::Int64(None))).contains("must be a constant and not NULL"));
    assert!(start(Some(ScalarValue::from("x"))).contains("argument a1 is Utf8, it takes Int64"));
    assert_eq!(
        start(Some(ScalarValue::Int64(Some(-1)))),
        "function total of plugin test failed: no minus one"
    );
    let error = total.instance(&[None]).unwrap_err();
    assert!(error.to_string().contains("1 arguments, it takes 2"));
}

#[test]
fn refused_state_is_the_guests_to_say() {
    let mut total = from(0);
    let error = total.load(&[0, 1], &[vec![1, 2, 3], vec![4]]).unwrap_err();
    assert_eq!(error.to_string(), "function total of plugin test failed: no minus one");
    let mut total = from(0);
    let error = total.load(&[0, 1], &[vec![0; 8]]).unwrap_err();
    assert!(error.to_string().contains("1 states for 2 slots"), "{error}");
    let error = push(&mut *total, &[0], &[Some(1), Some(2)], 0).unwrap_err();
    assert!(
        error.to_string().contains("argument a0 has 2 rows where 1 are due"),
        "{error}"
    );
    assert_eq!(&push(&mut *total, &[0], &[Some(1)], 0).unwrap(), &longs([Some(1)]));
}

#[test]
fn missing_exports_are_named() {
    let body = TOTAL.replace("total_drop", "total_forget");
    let reason = broken(
        &sandbox(),
        &guest(&[entry("total", "stream", &["BIGINT"], "BIGINT", "")], &body),
    );
    assert_eq!(
        reason,
        "function total: it has no export total_drop of type (i32, i32) -> i32"
    );
}
