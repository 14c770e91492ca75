//! DataFusion's aggregates, computed continuously.

use datafusion::arrow::compute::SortOptions;

use super::laws::check;
use super::{Call, call};

fn calls() -> Vec<Call> {
    let doubles = "[5e0, null, -3e0, 5e0, 12.5e0, 0e0, null, 7e0]";
    let others = "[1e0, 2e0, 3e0, null, 5e0, 6e0, 7e0, 8e0]";
    let bigints = "[5L, null, 3L, 5L, 12L, 0L, null, 7L]";
    let texts = "['b', null, 'a', 'b', 'dd', '', null, 'c']";
    let flags = "[true, null, false, true, true, false, null, true]";
    let mut calls = vec![
        call("array_agg", &[bigints], &[]),
        call("array_agg", &[texts], &[]),
        call("bit_xor", &[bigints], &[]),
        call("bit_and", &[bigints], &[]),
        call("bit_or", &[bigints], &[]),
        call("bool_and", &[flags], &[]),
        call("bool_or", &[flags], &[]),
        call("first_value", &[texts], &[]),
        call("last_value", &[bigints], &[]),
        call("nth_value", &[bigints], &["2L"]),
        call("string_agg", &[texts], &["', '"]),
        call("approx_distinct", &[texts], &[]),
        call("median", &[doubles], &[]),
        call("var", &[doubles], &[]),
        call("var_pop", &[doubles], &[]),
        call("stddev", &[doubles], &[]),
        call("stddev_pop", &[doubles], &[]),
        call("corr", &[doubles, others], &[]),
        call("covar_pop", &[doubles, others], &[]),
        call("regr_slope", &[doubles, others], &[]),
    ];
    calls.push(call("median", &[doubles], &[]).distinct());
    calls
}

#[test]
fn the_laws_hold() {
    let calls = calls();
    check(&calls);
    assert!(calls.iter().all(|call| call.spec.retracts() && call.spec.merges()));
    let retracting: Vec<Call> = calls.into_iter().map(Call::retracting).collect();
    check(&retracting);
}

#[test]
fn results_are_datafusions() {
    for (call, expected) in [
        (call("median", &["[1e0, 5e0, 3e0]"], &[]), "3.0"),
        (call("stddev_pop", &["[1e0, 3e0]"], &[]), "1.0"),
        (call("bool_and", &["[true, false, null]"], &[]), "false"),
        (call("string_agg", &["['a', null, 'b']"], &["'-'"]), "a-b"),
        (call("array_agg", &["[2, null, 1]"], &[]), "[2, null, 1]"),
        (call("approx_distinct", &["['a', 'b', 'a']"], &[]), "2"),
    ] {
        assert_eq!(call.result(), expected, "{}", call.spec.function.name());
    }
}

/// The first column, ordered by the second.
fn ordered(name: &str, columns: &[&str]) -> Call {
    let mut call = call(name, &columns[..1], &[]);
    let by = super::column(columns[1]);
    call.spec.types.push(by.data_type().clone());
    call.spec.constants.push(None);
    call.spec.order.push(SortOptions::default());
    call.args.push(by);
    call
}

#[test]
fn rows_can_be_ordered_inside_of_a_call() {
    let columns = ["['c', 'a', 'b', 'd']", "[3, 1, 2, 4]"];
    for (name, expected) in [("array_agg", "[a, b, c, d]"), ("first_value", "a"), ("last_value", "d")] {
        let call = ordered(name, &columns);
        assert_eq!(call.result(), expected, "{name}");
        let mut accumulator = call.accumulator();
        call.feed(&mut *accumulator, 0, 0, 2, 1);
        let mut saved = Vec::new();
        accumulator.save(0, &mut saved).unwrap();
        let mut accumulator = call.accumulator();
        accumulator.load(0, &saved).unwrap();
        call.feed(&mut *accumulator, 0, 2, 4, 1);
        assert_eq!(call.value(&mut *accumulator, 0), expected, "{name}");
    }
    let error = ordered("collect_list", &columns).spec.accumulator().unwrap_err();
    assert!(error.to_string().contains("ORDER BY"), "{error}");
}
