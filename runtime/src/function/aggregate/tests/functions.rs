//! The results of ksqlDB's aggregates, NULLs, limits and wrong arguments among them.

use datafusion::arrow::array::Array;

use super::{call, call_of, column, function, try_call};
use crate::function::aggregate::AggregateLimits;

fn check(rows: &[(&str, &[&str], &[&str], &str)]) {
    for (name, columns, literals, expected) in rows {
        assert_eq!(
            call(name, columns, literals).result(),
            *expected,
            "{name} {columns:?} {literals:?}"
        );
    }
}

#[test]
fn sums_and_counts() {
    check(&[
        ("count", &["[1, null, 3]"], &[], "2"),
        ("count", &["[1, null, 3]", "['a', 'b', null]"], &[], "1"),
        ("count", &["[null<INT>]"], &[], "0"),
        ("sum", &["[1, null, 3]"], &[], "4"),
        ("sum", &["[null<INT>]"], &[], "0"),
        ("sum", &["[2147483647, 1]"], &[], "-2147483648"),
        ("sum", &["[2147483648L, 100L]"], &[], "2147483748"),
        ("sum", &["[5.4e0, 100.1e0]"], &[], "105.5"),
        ("sum", &["[55.4, 10.1]"], &[], "65.5"),
        ("sum", &["[null<DECIMAL>]"], &[], "0.00"),
        ("sum_list", &["[[1L, 2L, null], null, [3L]]"], &[], "6"),
        ("sum_list", &["[[1, 2], [3]]"], &[], "6"),
        ("sum_list", &["[[0.5e0], [1.5e0]]"], &[], "2.0"),
        ("avg", &["[1, 2, 2, null]"], &[], "1.6666666666666667"),
        (
            "avg",
            &["[-1L, 9223372036854775807L, 1L]"],
            &[],
            "3.0744573456182584E18",
        ),
        (
            "avg",
            &["[9223372036854775807L, 9223372036854775807L]"],
            &[],
            "9.223372036854776E18",
        ),
        ("avg", &["[2147483647, 2147483647]"], &[], "2.147483647E9"),
        ("avg", &["[1.5, 2.5]"], &[], "2.0"),
        ("avg", &["[null<DOUBLE>]"], &[], "0.0"),
        ("count_distinct", &["['one', 'two', 'one', null]"], &[], "2"),
        ("count_distinct", &["[[1], [1], [2]]"], &[], "2"),
    ]);
}

#[test]
fn spreads() {
    check(&[
        ("stddev_sample", &["[7]"], &[], "0.0"),
        ("stddev_sample", &["[0, 10, null]"], &[], "7.0710678118654755"),
        ("stddev_sample", &["[0, 10, 7, 6]"], &[], "4.193248541803041"),
        ("stddev_sample", &["[-1.8e0, 2.3e0]"], &[], "2.899137802864845"),
        ("stddev_samp", &["[500L, 100L, 0L]"], &[], "70000.0"),
        ("stddev_samp", &["[2147483648L, 100L]"], &[], "2.3058427944653343E18"),
        ("stddev_samp", &["[-1.8e0, 2.3e0]"], &[], "8.405"),
        ("correlation", &["[1.5e0]", "[8e0]"], &[], "NaN"),
        ("correlation", &["[1.5e0, -1e0]", "[8e0, -2e0]"], &[], "1.0"),
        (
            "correlation",
            &["[1L, -1L, -4L, 5L]", "[8L, -2L, -1L, null]"],
            &[],
            "0.7455284088780169",
        ),
    ]);
}

#[test]
fn extremes() {
    check(&[
        ("min", &["[3, null, -1]"], &[], "-1"),
        ("max", &["[3, null, -1]"], &[], "3"),
        ("max", &["[null<INT>]"], &[], "null"),
        ("max", &["[-2147483647]"], &[], "-2147483647"),
        ("max", &["[NaN, 1e0]"], &[], "NaN"),
        ("min", &["[NaN, 1e0]"], &[], "1.0"),
        ("min", &["[0e0, -0e0]"], &[], "-0.0"),
        ("max", &["[1.50, 2.50]"], &[], "2.50"),
        ("max", &["['a', 'b', '']"], &[], "b"),
        ("min", &["['a', 'b', '']"], &[], ""),
        ("max", &["[x'00', x'ff']"], &[], "FF"),
        ("min", &["[date'2020-01-02', date'2020-01-01']"], &[], "2020-01-01"),
        ("max", &["[time'10:00', time'09:00']"], &[], "10:00"),
        (
            "max",
            &["[timestamp'2020-01-01T00:00:00', null]"],
            &[],
            "2020-01-01T00:00:00.000",
        ),
        ("max", &["[false, true]"], &[], "true"),
    ]);
}

#[test]
fn by_offset() {
    check(&[
        ("latest_by_offset", &["[1, 2, null]"], &[], "2"),
        ("latest_by_offset", &["[1, 2, null]"], &["true"], "2"),
        ("latest_by_offset", &["[1, 2, null]"], &["false"], "null"),
        ("latest_by_offset", &["[1, 2, null, 3]"], &["2"], "[2, 3]"),
        ("latest_by_offset", &["[1, 2, null, 3]"], &["2", "false"], "[null, 3]"),
        ("latest_by_offset", &["[null<INT>]"], &["2"], "[]"),
        ("latest_by_offset", &["[null<INT>]"], &[], "null"),
        ("latest_by_offset", &["[[1], [2, 3]]"], &[], "[2, 3]"),
        ("earliest_by_offset", &["[null, 13]"], &[], "13"),
        ("earliest_by_offset", &["[null, 13]"], &["false"], "null"),
        ("earliest_by_offset", &["[null, 13, 14, 15]"], &["2"], "[13, 14]"),
        ("earliest_by_offset", &["[null, 13, 14]"], &["2", "false"], "[null, 13]"),
        ("earliest_by_offset", &["[{'a': 1}, {'b': 2}]"], &[], "{a=1}"),
    ]);
}

#[test]
fn collections() {
    check(&[
        ("collect_list", &["['b', 'a', null, 'b']"], &[], "[b, a, null, b]"),
        ("collect_list", &["[(A: 1), (A: 2)]"], &[], "[Struct{A=1}, Struct{A=2}]"),
        ("collect_set", &["['b', 'a', null, 'b', null]"], &[], "[b, a, null]"),
        (
            "collect_set",
            &["[{'a': 1, 'b': 2}, {'b': 2, 'a': 1}]"],
            &[],
            "[{a=1, b=2}]",
        ),
        ("histogram", &["['foo', 'bar', 'foo', null]"], &[], "{bar=1, foo=2}"),
        ("attr", &["['a', 'a']"], &[], "a"),
        ("attr", &["['a', 'b']"], &[], "null"),
        ("attr", &["['a', null]"], &[], "null"),
        ("attr", &["[null<STRING>, null]"], &[], "null"),
        ("topk", &["[0, 100, 99, 7, 100]"], &["3"], "[100, 100, 99]"),
        ("topk", &["['a', 'c', null, 'b']"], &["2"], "[c, b]"),
        ("topk", &["[null<INT>]"], &["2"], "[]"),
        (
            "topk",
            &["[0, 100, 99, null, 100]", "['zero', 'one', 'two', 'three', null]"],
            &["3"],
            "[Struct{sort_col=100,col0=one}, Struct{sort_col=100}, Struct{sort_col=99,col0=two}]",
        ),
        ("topkdistinct", &["[0, 100, 99, 7, 100]"], &["3"], "[100, 99, 7]"),
        (
            "topkdistinct",
            &["[9.8, 8.9, null, 7.8, 6.5, 9.9]"],
            &["3"],
            "[9.9, 9.8, 8.9]",
        ),
    ]);
}

#[test]
fn a_table_is_aggregated_by_taking_rows_back() {
    // Retracted are the first two rows; the results are those of the others.
    for (name, columns, literals, expected) in [
        ("count", &["[1, null, 3, 4]"][..], &[][..], "2"),
        ("sum", &["[1, 2, 3, 4]"], &[], "7"),
        ("avg", &["[1, 2, 3, 4]"], &[], "3.5"),
        ("min", &["[1, 1, 3, 1]"], &[], "1"),
        ("min", &["[1, 1, 3, 4]"], &[], "3"),
        ("max", &["['b', 'c', 'a', null]"], &[], "a"),
        ("topk", &["[9, 8, 7, 6]"], &["3"], "[7, 6]"),
        ("topkdistinct", &["[9, 8, 9, 6]"], &["3"], "[9, 6]"),
        ("count_distinct", &["[1, 2, 1, null]"], &[], "1"),
        ("attr", &["['a', 'b', 'a', 'a']"], &[], "a"),
        ("histogram", &["['a', 'b', 'a', 'c']"], &[], "{a=1, c=1}"),
        ("collect_list", &["['a', 'b', 'c', 'b']"], &[], "[b, c]"),
        ("sum_list", &["[[1], [2, 3], [4], null]"], &[], "4"),
        ("stddev_sample", &["[5, 100, 0, 10]"], &[], "7.0710678118654755"),
    ] {
        let call = call(name, columns, literals).retracting();
        let mut accumulator = call.accumulator();
        call.feed(&mut *accumulator, 0, 0, 4, 1);
        call.feed(&mut *accumulator, 0, 0, 2, -1);
        assert_eq!(call.value(&mut *accumulator, 0), expected, "{name} {columns:?}");
    }
    for name in ["latest_by_offset", "earliest_by_offset", "collect_set"] {
        let spec = call(name, &["[1]"], &[]).retracting().spec;
        let error = spec.accumulator().unwrap_err().to_string();
        assert!(!spec.retracts() && error.contains(&name.to_uppercase()), "{error}");
    }
}

#[test]
fn distinct_counts_each_row_of_arguments_once() {
    for (name, columns, expected) in [
        ("count", &["[1, 2, 1, null, null]"][..], "2"),
        ("sum", &["[1, 2, 1, null]"], "3"),
        ("avg", &["[1, 2, 1, 6]"], "3.0"),
        ("max", &["[1, 2, 1]"], "2"),
        ("collect_list", &["[1, 2, 1, null, null]"], "[1, 2, null]"),
        ("count", &["[1, 1, 1]", "['a', 'a', 'b']"], "2"),
    ] {
        let plain = call(name, columns, &[]).distinct();
        assert_eq!(plain.result(), expected, "{name}");
        let call = plain.retracting();
        let mut accumulator = call.accumulator();
        call.feed(&mut *accumulator, 0, 0, call.rows(), 1);
        call.feed(&mut *accumulator, 0, 0, 1, 1);
        call.feed(&mut *accumulator, 0, 0, 1, -1);
        assert_eq!(call.value(&mut *accumulator, 0), expected, "{name}");
    }
}

#[test]
fn limits_leave_out_what_is_beyond() {
    let limits = AggregateLimits {
        collect_list: 2,
        collect_set: 3,
    };
    let rows = [column("[1, 1, 2, 3, 4, 5]")];
    let list = call_of(&function("collect_list", limits), &rows, &[]).unwrap();
    assert_eq!(list.result(), "[1, 1]");
    let set = call_of(&function("collect_set", limits), &rows, &[]).unwrap();
    assert_eq!(set.result(), "[1, 2, 3]");

    let texts: Vec<String> = (0..1_200).map(|number| format!("'{number}'")).collect();
    let many = call("histogram", &[&format!("[{}, '0', '1100']", texts.join(", "))], &[]);
    let result = many.result();
    assert_eq!(result.matches('=').count(), 1_000);
    assert!(result.contains("{0=2, "));
    let set = call("collect_set", &[&format!("[{}]", texts.join(", "))], &[]).result();
    assert_eq!(set.matches(',').count(), 999);
}

#[test]
fn a_decimal_sum_that_does_not_fit_is_an_error() {
    let call = call("sum", &["[50.9, 30.8, 40.8]"], &[]);
    assert_eq!(call.spec.result.to_string(), "Decimal128(3, 1)");
    let mut accumulator = call.accumulator();
    call.feed(&mut *accumulator, 0, 0, 2, 1);
    assert_eq!(call.value(&mut *accumulator, 0), "81.7");
    let error = accumulator.update(&call.slice(2, 1), &[0], None, 1).unwrap_err();
    assert!(error.to_string().contains("numeric field overflow"), "{error}");
}

#[test]
fn wrong_arguments_are_refused() {
    let error = |name: &str, columns: &[&str], literals: &[&str]| {
        let columns: Vec<_> = columns.iter().map(|text| column(text)).collect();
        try_call(name, &columns, literals).unwrap_err().to_string()
    };
    for (name, columns, literals, part) in [
        (
            "sum",
            &["['a']"][..],
            &[][..],
            "SUM does not accept parameters (STRING); it takes SUM(INTEGER)",
        ),
        ("avg", &["[true]"], &[], "AVG does not accept parameters (BOOLEAN)"),
        (
            "max",
            &["[[1]]"],
            &[],
            "MAX does not accept parameters (ARRAY<INTEGER>)",
        ),
        (
            "histogram",
            &["[1]"],
            &[],
            "HISTOGRAM does not accept parameters (INTEGER)",
        ),
        ("topk", &["[1]", "[1]"], &[], "parameter 2 of TOPK must be a literal"),
        ("topk", &["[1]"], &["0"], "parameter 2 of TOPK must be 1 or greater"),
        ("topk", &["[1]"], &["'a'"], "TOPK does not accept parameters"),
        (
            "topkdistinct",
            &["[1]", "[1]"],
            &["1"],
            "TOPKDISTINCT does not accept parameters",
        ),
        (
            "latest_by_offset",
            &["[1]", "[1]"],
            &[],
            "parameter 2 of LATEST_BY_OFFSET must be a literal",
        ),
        (
            "latest_by_offset",
            &["[1]"],
            &["-1"],
            "parameter 2 of LATEST_BY_OFFSET must be 1 or greater",
        ),
        (
            "correlation",
            &["[1]"],
            &[],
            "CORRELATION does not accept parameters (INTEGER)",
        ),
    ] {
        let message = error(name, columns, literals);
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn rows_are_counted_without_looking_at_them() {
    let call = call("count", &[], &["1L"]);
    assert!(call.spec.inputs().is_empty());
    let mut accumulator = call.accumulator();
    accumulator.update(&[], &[0, 2, 2], None, 3).unwrap();
    accumulator.update(&[], &[2, 0], Some(&[-1, 1]), 3).unwrap();
    let counts = accumulator.evaluate(&[2, 1, 0, 7]).unwrap();
    let counts: Vec<String> = (0..counts.len()).map(|row| super::text(&counts, row)).collect();
    assert_eq!(counts, ["1", "0", "2", "0"]);
}
