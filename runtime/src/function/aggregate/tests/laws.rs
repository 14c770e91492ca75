//! What holds for every aggregate: it does not matter how rows are cut into batches, whether states were saved in between,
//! and which groups there are besides; merging is as seeing one after the other; taking back is as never having seen.

use super::{Call, call, same};

/// A call of every kernel of ksqlDB's functions.
pub(super) fn every_kernel() -> Vec<Call> {
    let ints = "[5, null, -3, 5, 12, 0, null, 7]";
    let bigints = "[5L, null, -3L, 5L, 12L, 0L, null, 7L]";
    let doubles = "[5e0, null, -3e0, 5e0, 12.5e0, 0e0, null, 7e0]";
    let decimals = "[15.00, null, -13.00, 15.00, 12.50, 10.00, null, 17.00]";
    let texts = "['b', null, 'a', 'b', 'dd', '', null, 'c']";
    let dates =
        "[date'2020-01-05', null, date'2019-01-01', date'2020-01-05', null, date'1960-01-01', null, date'2020-01-04']";
    let lists = "[[1], null, [2, null], [1], [], [3], null, [4]]";
    let flags = "[true, null, false, true, true, false, null, true]";
    let mut calls = Vec::new();
    for numbers in [ints, bigints, doubles] {
        for name in ["avg", "sum", "stddev_samp", "stddev_sample", "min", "max"] {
            calls.push(call(name, &[numbers], &[]));
        }
        calls.push(call("topk", &[numbers], &["3"]));
        calls.push(call("topkdistinct", &[numbers], &["3"]));
    }
    for column in [ints, doubles, decimals, texts, dates, lists, flags] {
        for name in ["count", "count_distinct", "collect_list", "collect_set", "attr"] {
            calls.push(call(name, &[column], &[]));
        }
        for name in ["latest_by_offset", "earliest_by_offset"] {
            calls.push(call(name, &[column], &[]));
            calls.push(call(name, &[column], &["false"]));
            calls.push(call(name, &[column], &["3"]));
            calls.push(call(name, &[column], &["3", "false"]));
        }
    }
    for column in [decimals, texts, dates, flags] {
        calls.push(call("min", &[column], &[]));
        calls.push(call("max", &[column], &[]));
        calls.push(call("topk", &[column, lists], &["4"]));
    }
    calls.push(call("sum", &[decimals], &[]));
    calls.push(call("sum_list", &[lists], &[]));
    calls.push(call("correlation", &[doubles, ints], &[]));
    calls.push(call("histogram", &[texts], &[]));
    calls.push(call("count", &[ints, texts], &[]).distinct());
    calls.push(call("sum", &[ints], &[]).distinct());
    calls
}

/// With those that can, once more over rows that are retracted.
pub(super) fn every_kernel_both_ways() -> Vec<Call> {
    let calls = every_kernel();
    let retracting = calls.iter().filter(|call| call.spec.retracts()).cloned();
    let retracting: Vec<Call> = retracting.map(Call::retracting).collect();
    calls.into_iter().chain(retracting).collect()
}

pub(super) fn check(calls: &[Call]) {
    for call in calls {
        batches_do_not_matter(call);
        saving_does_not_matter(call);
        merging_is_seeing_both(call);
        groups_are_apart(call);
        a_reset_group_is_new(call);
        if call.spec.retracting {
            taking_back_is_never_having_seen(call);
        }
    }
}

fn assert_same(call: &Call, found: &str, expected: &str, law: &str) {
    let name = call.spec.function.name();
    assert!(
        same(found, expected),
        "{name} of {:?}, {law}: {found} instead of {expected}",
        call.spec.types
    );
}

fn batches_do_not_matter(call: &Call) {
    let mut accumulator = call.accumulator();
    let empty = call.value(&mut *accumulator, 0);
    for row in 0..call.rows() {
        call.feed(&mut *accumulator, 0, row, row + 1, 1);
        // Asking changes nothing.
        let once = call.value(&mut *accumulator, 0);
        assert_same(call, &call.value(&mut *accumulator, 0), &once, "asked twice");
    }
    assert_same(call, &call.value(&mut *accumulator, 0), &call.result(), "row by row");
    call.feed(&mut *accumulator, 0, 0, 0, 1);
    assert_same(call, &call.value(&mut *accumulator, 1), &empty, "a group without rows");
}

fn saving_does_not_matter(call: &Call) {
    for at in 0..=call.rows() {
        let mut before = call.accumulator();
        call.feed(&mut *before, 1, 0, at, 1);
        let mut saved = Vec::new();
        before.save(1, &mut saved).unwrap();
        let mut after = call.accumulator();
        after.load(0, &saved).unwrap();
        assert_same(
            call,
            &call.value(&mut *after, 0),
            &call.value(&mut *before, 1),
            "loaded",
        );
        call.feed(&mut *after, 0, at, call.rows(), 1);
        assert_same(call, &call.value(&mut *after, 0), &call.result(), "saved in between");
        call.feed(&mut *before, 1, at, call.rows(), 1);
        assert_same(
            call,
            &call.value(&mut *before, 1),
            &call.result(),
            "goes on after saving",
        );
        saved.push(0);
        assert!(
            after.load(0, &saved).is_err(),
            "{:?}: too many bytes",
            call.spec.function.name()
        );
    }
}

fn merging_is_seeing_both(call: &Call) {
    for at in 0..=call.rows() {
        let mut accumulator = call.accumulator();
        call.feed(&mut *accumulator, 0, 0, at, 1);
        call.feed(&mut *accumulator, 1, at, call.rows(), 1);
        let second = call.value(&mut *accumulator, 1);
        accumulator.merge(0, 1).unwrap();
        assert_same(call, &call.value(&mut *accumulator, 0), &call.result(), "merged");
        assert_same(call, &call.value(&mut *accumulator, 1), &second, "the merged one stays");
        // An empty group adds nothing, and takes over what it is merged with.
        accumulator.merge(0, 2).unwrap();
        accumulator.merge(3, 0).unwrap();
        assert_same(
            call,
            &call.value(&mut *accumulator, 3),
            &call.result(),
            "merged with nothing",
        );
    }
}

fn groups_are_apart(call: &Call) {
    let mut accumulator = call.accumulator();
    let groups: Vec<u32> = (0..call.rows() as u32).map(|row| row % 3).collect();
    accumulator.update(&call.args, &groups, None, 3).unwrap();
    for group in 0..3 {
        let mut alone = call.accumulator();
        for row in (group as usize..call.rows()).step_by(3) {
            call.feed(&mut *alone, 0, row, row + 1, 1);
        }
        assert_same(
            call,
            &call.value(&mut *accumulator, group),
            &call.value(&mut *alone, 0),
            "among other groups",
        );
    }
    assert!(accumulator.state_bytes() > 0);
}

fn a_reset_group_is_new(call: &Call) {
    let mut accumulator = call.accumulator();
    call.feed(&mut *accumulator, 0, 0, call.rows(), 1);
    call.feed(&mut *accumulator, 1, 0, call.rows(), 1);
    accumulator.reset(0);
    accumulator.reset(9);
    let empty = call.value(&mut *call.accumulator(), 0);
    assert_same(call, &call.value(&mut *accumulator, 0), &empty, "after a reset");
    assert_same(
        call,
        &call.value(&mut *accumulator, 1),
        &call.result(),
        "beside a reset",
    );
    call.feed(&mut *accumulator, 0, 0, call.rows(), 1);
    assert_same(call, &call.value(&mut *accumulator, 0), &call.result(), "used again");
}

fn taking_back_is_never_having_seen(call: &Call) {
    for at in 0..=call.rows() {
        let mut accumulator = call.accumulator();
        call.feed(&mut *accumulator, 0, 0, call.rows(), 1);
        call.feed(&mut *accumulator, 0, at, call.rows(), -1);
        let mut expected = call.accumulator();
        call.feed(&mut *expected, 0, 0, at, 1);
        assert_same(
            call,
            &call.value(&mut *accumulator, 0),
            &call.value(&mut *expected, 0),
            "taken back",
        );
    }
}

#[test]
fn they_hold_for_ksqls_functions() {
    check(&every_kernel_both_ways());
}

#[test]
fn sessions_grow_together_in_the_order_in_which_rows_came() {
    // The later session holds the older row.
    for (name, literals, expected) in [
        ("latest_by_offset", &[][..], "1"),
        ("earliest_by_offset", &[], "2"),
        ("latest_by_offset", &["2"], "[3, 1]"),
        ("earliest_by_offset", &["2"], "[2, 3]"),
    ] {
        let call = call(name, &["[2, 3, 1]"], literals);
        let mut accumulator = call.accumulator();
        call.feed(&mut *accumulator, 1, 0, 1, 1);
        call.feed(&mut *accumulator, 0, 1, 3, 1);
        accumulator.merge(0, 1).unwrap();
        assert_eq!(call.value(&mut *accumulator, 0), expected, "{name}");
    }
    let call = call("collect_list", &["[1, 2, 3]"], &[]);
    let mut accumulator = call.accumulator();
    call.feed(&mut *accumulator, 1, 0, 2, 1);
    call.feed(&mut *accumulator, 0, 2, 3, 1);
    accumulator.merge(0, 1).unwrap();
    assert_eq!(call.value(&mut *accumulator, 0), "[3, 1, 2]");
}
