//! Scalar calls: nulls, constants, failed rows, traps, and what becomes of the instance.

use super::*;
use crate::udf::{Kind, RowFailure, Volatility};

/// `f(a INTEGER) -> INTEGER`: twice the value; -1 fails the row, -2 traps, -3 fails the call, -4 runs for ever,
/// -5 fails the row with a report for a row that is not there, -6 says that rows failed and reports none, -7 panics
/// and leaves a message.
const MOODY: &str = r#"
(data (i32.const 8192) "negative numbers have no mood")
(data (i32.const 8256) "panicked: minus seven")
(global $reports (mut i32) (i32.const 0))
(func (export "ww_last_error") (result i64) (i64.or (i64.shl (i64.const 16384) (i64.const 32)) (i64.extend_i32_u (global.get $reports))))
(func $report (param $row i32)
  (local $at i32)
  (local.set $at (i32.add (i32.const 16384) (i32.mul (global.get $reports) (i32.const 12))))
  (i32.store (local.get $at) (local.get $row))
  (i32.store offset=4 (local.get $at) (i32.const 8192))
  (i32.store offset=8 (local.get $at) (i32.const 29))
  (global.set $reports (i32.add (global.get $reports) (i32.const 1))))
(func $f (export "f") (param $args i32) (param $rows i32) (param $out i32) (result i32)
  (local $i i32) (local $v i32) (local $status i32)
  (global.set $reports (i32.const 0))
  (loop $next
    (local.set $v (i32.load (i32.add (i32.load offset=16 (local.get $args)) (i32.shl (local.get $i) (i32.const 2)))))
    (if (i32.eq (local.get $v) (i32.const -1)) (then (call $report (local.get $i)) (local.set $status (i32.const 1))))
    (if (i32.eq (local.get $v) (i32.const -2)) (then (unreachable)))
    (if (i32.eq (local.get $v) (i32.const -3)) (then (call $report (i32.const -1)) (return (i32.const 2))))
    (if (i32.eq (local.get $v) (i32.const -4)) (then (loop $ever (br $ever))))
    (if (i32.eq (local.get $v) (i32.const -5)) (then (call $report (local.get $rows)) (local.set $status (i32.const 1))))
    (if (i32.eq (local.get $v) (i32.const -6)) (then (local.set $status (i32.const 1))))
    (if (i32.eq (local.get $v) (i32.const -7)) (then
      (call $report (i32.const -1))
      (i32.store (i32.const 16388) (i32.const 8256)) (i32.store (i32.const 16392) (i32.const 21))
      (unreachable)))
    (i32.store (i32.add (i32.load offset=16 (local.get $out)) (i32.shl (local.get $i) (i32.const 2))) (i32.shl (local.get $v) (i32.const 1)))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $i) (local.get $rows))))
  (local.get $status))
"#;

fn moody() -> Arc<dyn ScalarFunction> {
    let text = guest(&[function("f", &["INTEGER"], "INTEGER", "")], MOODY);
    load(&hasty(), "test", text.as_bytes(), true).unwrap().scalars.remove(0)
}

/// The function works now, whatever happened before.
fn still_works(function: &dyn ScalarFunction) {
    let twice = call(function, &[ints([Some(1), None, Some(3)])]).unwrap();
    assert_eq!(&twice, &ints([Some(2), None, Some(6)]));
}

#[test]
fn tells_what_it_is() {
    let loaded = load_text(&guest(
        &[function(
            "Risk",
            &["DOUBLE", "ARRAY<STRING>"],
            "BIGINT",
            r#","export":"f","doc":"how risky","volatility":"stable""#,
        )],
        MOODY,
    ));
    let info = loaded.scalars[0].info();
    assert_eq!(
        (info.name.as_str(), info.kind, info.plugin.as_str()),
        ("Risk", Kind::Scalar, "test")
    );
    assert_eq!(info.args[0].0, "a0");
    assert_eq!(
        (info.version.as_deref(), info.doc.as_deref()),
        (Some("1.0"), Some("how risky"))
    );
    assert!(info.null_in_null_out);
    assert_eq!(info.volatility, Volatility::Stable);
}

#[test]
fn failed_rows_are_reported_where_they_stand() {
    let f = moody();
    let given = ints([Some(5), None, Some(-1), Some(7), None, Some(-1)]);
    let outcome = f.call_rows(&[ArrayRef::clone(&given)], &[false], 6).unwrap();
    assert_eq!(&outcome.values, &ints([Some(10), None, None, Some(14), None, None]));
    let failure = |row| RowFailure {
        row,
        message: "negative numbers have no mood".to_owned(),
    };
    assert_eq!(outcome.failed, [failure(2), failure(5)]);
    let error = call(&*f, &[given]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "function f of plugin test failed at row 2: negative numbers have no mood"
    );
    still_works(&*f);
}

#[test]
fn failed_rows_are_counted_over_all_pieces() {
    let f = moody();
    let given = ints((0..20_000).map(|i| Some(if i % 9_999 == 1 { -1 } else { i })));
    let outcome = f.call_rows(&[given], &[false], 20_000).unwrap();
    let rows: Vec<u32> = outcome.failed.iter().map(|failure| failure.row).collect();
    assert_eq!(rows, [1, 10_000, 19_999]);
    assert_eq!(outcome.values.null_count(), 3);
    assert_eq!(outcome.values.len(), 20_000);
}

#[test]
fn a_failed_call_says_what_the_guest_says() {
    let f = moody();
    let error = call(&*f, &[ints([Some(1), Some(-3)])]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "function f of plugin test failed: negative numbers have no mood"
    );
    still_works(&*f);
}

#[test]
fn a_trap_names_its_row_and_spares_the_process() {
    let f = moody();
    for rows in [1_i32, 2, 3, 100, 9_000] {
        for trapping in [0, rows / 3, rows - 1] {
            let given = ints((0..rows).map(|i| if i == trapping { Some(-2) } else { Some(i) }));
            let error = call(&*f, &[given]).unwrap_err();
            let Error::Trap { row, reason, .. } = &error else {
                panic!("{error}")
            };
            assert_eq!(*row, Some(trapping.cast_unsigned()));
            assert_eq!(reason, "wasm `unreachable` instruction executed (in f)");
            still_works(&*f);
        }
    }
    // Null rows are not shown to the guest, and are counted all the same.
    let error = call(&*f, &[ints([None, Some(1), None, Some(-2)])]).unwrap_err();
    assert!(matches!(error, Error::Trap { row: Some(3), .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.starts_with("function f of plugin test trapped at row 3: "),
        "{text}"
    );
}

#[test]
fn the_last_words_of_a_panic_are_kept() {
    let f = moody();
    let error = call(&*f, &[ints([Some(-7)])]).unwrap_err();
    assert!(error.to_string().ends_with("(in f): panicked: minus seven"), "{error}");
    still_works(&*f);
}

#[test]
fn an_endless_call_ends_at_its_deadline() {
    let f = moody();
    let error = call(&*f, &[ints([Some(-4)])]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "function f of plugin test met its limit: time 200 ms"
    );
    still_works(&*f);
}

#[test]
fn lies_about_failed_rows_are_found() {
    let f = moody();
    for (value, reason) in [
        (-5, "row 2 is reported as failed in a call of 2 rows"),
        (-6, "none is reported"),
    ] {
        let error = call(&*f, &[ints([Some(1), Some(value)])]).unwrap_err();
        assert!(matches!(&error, Error::BadResult { .. }), "{error}");
        assert!(error.to_string().contains(reason), "{error}");
        still_works(&*f);
    }
}

#[test]
fn no_rows_and_only_nulls_need_no_call() {
    let f = moody();
    assert_eq!(call(&*f, &[ints([])]).unwrap().len(), 0);
    assert_eq!(&call(&*f, &[ints([None, None])]).unwrap(), &ints([None, None]));
    assert_eq!(&f.call(&[ints([None])], &[true], 3).unwrap(), &ints([None; 3]));
}

#[test]
fn constants_come_as_one_value_where_the_guest_asks() {
    // Gives for both arguments rows and flags, as `rows * 10 + flags`, the second times 1000.
    let text = guest(
        &[function(
            "shape",
            &["DOUBLE", "DOUBLE"],
            "INTEGER",
            r#","constants":"pass""#,
        )],
        r#"(func $shape (param $column i32) (result i32)
          (i32.add (i32.mul (i32.load (local.get $column)) (i32.const 10)) (i32.load offset=4 (local.get $column))))
        (func (export "shape") (param $args i32) (param $rows i32) (param $out i32) (result i32) (local $i i32)
          (loop $next
            (i32.store (i32.add (i32.load offset=16 (local.get $out)) (i32.shl (local.get $i) (i32.const 2)))
              (i32.add (call $shape (local.get $args)) (i32.mul (i32.const 1000) (call $shape (i32.add (local.get $args) (i32.const 32))))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $next (i32.lt_u (local.get $i) (local.get $rows))))
          (i32.const 0))"#,
    );
    let shape = scalar(&text);
    let column = doubles([Some(1.0), Some(2.0), None]);
    let constant = doubles([Some(0.5)]);
    let got = shape.call(&[column, constant], &[false, true], 3).unwrap();
    assert_eq!(&got, &ints([Some(11_020), Some(11_020), None]));
}

#[test]
fn arguments_that_do_not_fit_are_cut_into_calls_that_do() {
    let sandbox = Sandbox::new(Limits {
        memory_bytes: 1 << 20,
        ..Limits::default()
    })
    .unwrap();
    let text = guest(&[function("echo", &["STRING"], "STRING", "")], &echo("echo"));
    let echo = load(&sandbox, "test", text.as_bytes(), true).unwrap().scalars.remove(0);
    // 1,000 rows of 2 KB are 2 MB, and a quarter of the memory is 256 KB.
    let long = "x".repeat(2_000);
    let given = strings(&vec![Some(long.as_str()); 1_000]);
    assert_eq!(&call(&*echo, &[ArrayRef::clone(&given)]).unwrap(), &given);
    let longer = "x".repeat(300_000);
    let error = call(&*echo, &[strings(&[Some("a"), Some(longer.as_str())])]).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("function echo of plugin test met its limit: memory 1 MiB, of which arguments of"),
        "{error}"
    );
    assert_eq!(&call(&*echo, &[ArrayRef::clone(&given)]).unwrap(), &given);
}

#[test]
fn a_long_constant_is_expanded_in_pieces() {
    let text = guest(&[function("echo", &["STRING", "BIGINT"], "STRING", "")], &echo("echo"));
    let sandbox = Sandbox::new(Limits {
        batch_result_bytes: 20 << 20,
        ..Limits::default()
    })
    .unwrap();
    let echo = load(&sandbox, "test", text.as_bytes(), true).unwrap().scalars.remove(0);
    // 3 MB a row: one fits in the arena, two do not.
    let long = "x".repeat(3_000_000);
    let constant = strings(&[Some(long.as_str())]);
    let run = |rows: usize| {
        let numbers = longs((0..rows as i64).map(Some));
        echo.call(&[ArrayRef::clone(&constant), numbers], &[true, false], rows)
    };
    assert_eq!(&run(5).unwrap(), &strings(&[Some(long.as_str()); 5]));
    let error = run(8_000).unwrap_err();
    assert_eq!(
        error.to_string(),
        "function echo of plugin test met its limit: result 20 MiB for one batch"
    );
}

#[test]
fn many_threads_share_a_function() {
    let f = moody();
    std::thread::scope(|scope| {
        for seed in 0..4 {
            let f = &f;
            scope.spawn(move || {
                for round in 0..50 {
                    let values = || (0..100).map(move |i| Some(i + seed * 1_000 + round));
                    let twice = ints(values().map(|v| v.map(|v| v * 2)));
                    assert_eq!(&call(&**f, &[ints(values())]).unwrap(), &twice);
                    assert!(call(&**f, &[ints([Some(-2)])]).is_err());
                }
            });
        }
    });
}

#[test]
fn overloads_may_share_an_export() {
    let loaded = load_text(&guest(
        &[
            function("same", &["DOUBLE"], "DOUBLE", r#","export":"echo""#),
            function("same", &["STRING"], "STRING", r#","export":"echo""#),
        ],
        &echo("echo"),
    ));
    let given = doubles([Some(1.5), None]);
    assert_eq!(&call(&*loaded.scalars[0], &[ArrayRef::clone(&given)]).unwrap(), &given);
    let given = strings(&[Some("a"), None]);
    assert_eq!(&call(&*loaded.scalars[1], &[ArrayRef::clone(&given)]).unwrap(), &given);
}

#[test]
fn one_entry_with_types_is_an_overload_for_each() {
    let entry = function("same", &["T"], "T", r#","types":{"T":["INTEGER","STRING"]}"#);
    let body = echo("same_integer") + &echo("same_string");
    let functions = load_text(&guest(std::slice::from_ref(&entry), &body)).scalars;
    assert_eq!(functions.len(), 2);
    let whole = ints([Some(7), None]);
    assert_eq!(&call(functions[0].as_ref(), &[Arc::clone(&whole)]).unwrap(), &whole);
    let text = strings(&[Some("a"), None]);
    assert_eq!(&call(functions[1].as_ref(), &[Arc::clone(&text)]).unwrap(), &text);
    // A guest that lies about the types that it has.
    let error = broken(&sandbox(), &guest(&[entry], &echo("same_integer")));
    assert!(error.contains("same_string"), "{error}");
}
