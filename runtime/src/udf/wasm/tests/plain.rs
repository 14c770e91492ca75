//! The plain door: numbers in, numbers out, with no SDK and no memory of the guest's own.

use datafusion::arrow::datatypes::DataType;

use super::*;
use crate::udf::{SkipReason, Volatility};

#[test]
fn every_number_type_goes_through_every_strip_length() {
    let loaded = load_text(
        r#"(module
            (func (export "spread") (param f64 f64) (result f64) (f64.sub (local.get 0) (local.get 1)))
            (func (export "add32") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
            (func (export "add64") (param i64 i64) (result i64) (i64.add (local.get 0) (local.get 1)))
            (func (export "half") (param f32) (result f32) (f32.div (local.get 0) (f32.const 2)))
            (func (export "mix") (param i32 i64 f32 f64) (result f64)
              (f64.add (f64.add (f64.convert_i32_s (local.get 0)) (f64.convert_i64_s (local.get 1)))
                (f64.add (f64.promote_f32 (local.get 2)) (local.get 3))))
            (func (export "long_of") (param f64) (result i64) (i64.trunc_f64_s (local.get 0)))
            (func (export "int_of") (param i64) (result i32) (i32.wrap_i64 (local.get 0))))"#,
    );
    let functions = &loaded.scalars;
    for rows in [1_i32, 2, 7, 8, 9, 15, 16, 17, 63, 64, 65, 9_000] {
        let int = |scale: i32| ints((0..rows).map(|i| Some(i * scale)));
        let long = |scale: i64| longs((0..rows).map(|i| Some(i64::from(i) * scale)));
        let double = |scale: f64| doubles((0..rows).map(|i| Some(f64::from(i) * scale)));
        let run = |i: usize, args: &[ArrayRef]| call(&*functions[i], args).unwrap();
        assert_eq!(&run(0, &[double(2.5), double(0.5)]), &double(2.0));
        assert_eq!(&run(1, &[int(3), int(-5)]), &int(-2));
        assert_eq!(&run(2, &[long(1 << 40), long(1)]), &long((1 << 40) + 1));
        assert_eq!(&run(3, &[double(1.0)]), &double(0.5));
        assert_eq!(&run(4, &[int(1), long(2), double(0.5), double(0.25)]), &double(3.75));
        assert_eq!(&run(5, &[double(4.0)]), &long(4));
        assert_eq!(
            &run(6, &[long(1 << 31)]),
            &ints((0..rows).map(|i| Some(if i % 2 == 0 { 0 } else { i32::MIN })))
        );
    }
    let info = functions[4].info();
    let args: Vec<(&str, DataType)> = info.args.iter().map(|(name, ty)| (name.as_str(), ty.clone())).collect();
    let (int, long, double) = (DataType::Int32, DataType::Int64, DataType::Float64);
    assert_eq!(args, [("a", int), ("b", long), ("c", double.clone()), ("d", double)]);
    assert!(info.null_in_null_out);
    assert_eq!(info.volatility, Volatility::Immutable);
}

/// Bodies that stand in the loop: what depends on where they stand comes out as by a call.
#[test]
fn a_body_inside_of_the_loop_means_what_it_meant_in_its_function() {
    let loaded = load_text(
        r#"(module
            (func (export "clamp") (param f64) (result f64)
              (if (f64.gt (local.get 0) (f64.const 10)) (then (return (f64.const 10))))
              (block $out (block $low (br_table $low $out (f64.lt (f64.const 0) (local.get 0)))) (return (f64.const 0)))
              (local.get 0))
            (func (export "counts") (param i64) (result i64) (local $n i64) (local $half f32)
              ;; local variables begin as zeros in each row
              (loop $more
                (local.set $n (i64.add (local.get $n) (local.get 0)))
                (local.set $half (f32.add (local.get $half) (f32.const 0.5)))
                (br_if $more (f32.lt (local.get $half) (f32.const 1.5))))
              (local.get $n))
            (func (export "jump_to_the_end") (param i32) (result i32)
              (br_if 0 (i32.const 7) (i32.eqz (local.get 0)))
              (drop)
              (local.tee 0 (i32.add (local.get 0) (i32.const 1))))
            (func (export "shorter") (param f32) (result f32) (f32.mul (local.get 0) (f32.const 0.5)))
            (func $called (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
            (func (export "calls") (param i32) (result i32) (call $called (local.get 0))))"#,
    );
    let rows = -3_i32..40;
    let all = |f: &dyn Fn(i32) -> i64| longs(rows.clone().map(|i| Some(f(i))));
    let numbers = ints(rows.clone().map(Some));
    let run = |i: usize, arg: &ArrayRef| call(&*loaded.scalars[i], std::slice::from_ref(arg)).unwrap();
    let halves = doubles(rows.clone().map(|i| Some(f64::from(i) / 2.0)));
    assert_eq!(
        &run(0, &halves),
        &doubles(rows.clone().map(|i| Some((f64::from(i) / 2.0).clamp(0.0, 10.0))))
    );
    assert_eq!(&run(1, &all(&i64::from)), &all(&|i| i64::from(i) * 3));
    let jumped = |i: i32| Some(if i == 0 { 7 } else { i + 1 });
    assert_eq!(&run(2, &numbers), &ints(rows.clone().map(jumped)));
    let halved = |i: i32| Some(f64::from(i) / 4.0);
    assert_eq!(&run(3, &halves), &doubles(rows.clone().map(halved)));
    assert_eq!(&run(4, &numbers), &ints(rows.clone().map(|i| Some(i * 2))));
}

#[test]
fn an_endless_body_meets_the_time_limit() {
    let ever = r#"(module (func (export "f") (param i32) (result i32) (loop $ever (br $ever)) (i32.const 1)))"#;
    let loaded = load(&hasty(), "test", ever.as_bytes(), true).unwrap();
    let error = call(&*loaded.scalars[0], &[ints([Some(1)])]).unwrap_err();
    assert!(error.to_string().contains("limit: time 200 ms"), "{error}");
}

#[test]
fn nulls_are_not_shown_to_the_function() {
    let text = r#"(module (func (export "div") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1))))"#;
    let div = scalar(text);
    // What stands under a null is 0 here, and dividing by it would trap.
    let got = call(&*div, &[ints([Some(6), None, Some(9)]), ints([Some(2), None, Some(3)])]).unwrap();
    assert_eq!(&got, &ints([Some(3), None, Some(3)]));
    let error = call(&*div, &[ints([Some(6), Some(1)]), ints([Some(2), Some(0)])]).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("function div of plugin test trapped at row 1: integer divide by zero"),
        "{error}"
    );
    let got = div
        .call(&[ints([Some(8), Some(6)]), ints([Some(2)])], &[false, true], 2)
        .unwrap();
    assert_eq!(&got, &ints([Some(4), Some(3)]));
}

#[test]
fn what_can_remember_is_volatile() {
    let loaded = load_text(
        r#"(module (memory 1) (global $n (mut i32) (i32.const 0))
            (func (export "one") (result i32) (i32.const 1))
            (func (export "next") (result i32) (global.set $n (i32.add (global.get $n) (call $one))) (global.get $n))
            (func $one (result i32) (i32.const 1)))"#,
    );
    let volatility: Vec<Volatility> = loaded.scalars.iter().map(|f| f.info().volatility).collect();
    assert_eq!(volatility, [Volatility::Immutable, Volatility::Volatile]);
    let counter = scalar(
        r#"(module (global $n (mut i64) (i64.const 0))
            (func (export "next") (result i64)
              (global.set $n (i64.add (global.get $n) (i64.const 1))) (global.get $n)))"#,
    );
    assert_eq!(&counter.call(&[], &[], 3).unwrap(), &longs([1, 2, 3].map(Some)));
}

#[test]
fn only_functions_of_numbers_are_taken() {
    let loaded = load_text(
        r#"(module
            (memory (export "memory") 1)
            (global (export "g") i32 (i32.const 1))
            (func (export "good") (param f64) (result f64) (local.get 0))
            (func (export "no-name") (param f64) (result f64) (local.get 0))
            (func (export "_internal") (param i32) (result i32) (local.get 0))
            (func (export "nothing") (param f64))
            (func (export "two") (result i32 i32) (i32.const 1) (i32.const 2))
            (func (export "vector") (param v128) (result i32) (i32.const 1))
            (func (export "reference") (param funcref) (result i32) (i32.const 1)))"#,
    );
    let names: Vec<&str> = loaded
        .scalars
        .iter()
        .map(|function| function.info().name.as_str())
        .collect();
    assert_eq!(names, ["good"]);
    assert_eq!(loaded.skipped.len(), 1);
    assert_eq!(
        (loaded.skipped[0].signature.as_str(), &loaded.skipped[0].reason),
        ("no-name", &SkipReason::NotAnIdentifier)
    );
}

#[test]
fn many_arguments_have_names() {
    let params = "f64 ".repeat(32);
    let sum = scalar(&format!(
        r#"(module (func (export "last") (param {params}) (result f64) (f64.add (local.get 0) (local.get 31))))"#
    ));
    let info = sum.info();
    assert_eq!(
        (
            info.args[25].0.as_str(),
            info.args[26].0.as_str(),
            info.args[31].0.as_str()
        ),
        ("z", "a2", "f2")
    );
    let args: Vec<ArrayRef> = (0..32)
        .map(|i| doubles([Some(f64::from(i)), Some(f64::from(i * 2))]))
        .collect();
    assert_eq!(to_doubles(&call(&*sum, &args).unwrap()), [Some(31.0), Some(62.0)]);
}

#[test]
fn a_module_may_have_many_functions() {
    let functions = |count: usize| -> String {
        let one =
            |i| format!("(func (export \"f{i}\") (param i64) (result i64) (i64.add (local.get 0) (i64.const {i})))");
        format!("(module {})", (0..count).map(one).collect::<String>())
    };
    let loaded = load_text(&functions(256));
    let rows = || longs((0..100).map(Some));
    let got = call(&*loaded.scalars[255], &[rows()]).unwrap();
    assert_eq!(&got, &longs((255..355).map(Some)));
    assert_eq!(
        broken(&sandbox(), &functions(257)),
        "it exports more than 256 functions"
    );
}

#[test]
fn bad_plain_modules_say_why() {
    for (text, reason) in [
        ("(module)", "exports neither ww_abi nor a function of numbers"),
        (
            r#"(module (func (export "f") (result i32) (i32.const 1)) (func (export "F") (result i32) (i32.const 1)))"#,
            "two exports are the SQL function F()",
        ),
        (
            r#"(module (func $s unreachable) (start $s) (func (export "f") (result i32) (i32.const 1)))"#,
            "starting, it trapped: wasm `unreachable` instruction executed",
        ),
        (
            r#"(module (func (export "_initialize") (loop $ever (br $ever))) (func (export "f") (result i32) (i32.const 1)))"#,
            "starting, it met its limit: time 200 ms",
        ),
    ] {
        let error = broken(&hasty(), text);
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn the_initializer_runs_before_the_first_call() {
    let f = scalar(
        r#"(module (global $g (mut i32) (i32.const 0))
            (func (export "_initialize") (global.set $g (i32.const 42)))
            (func (export "f") (result i32) (global.get $g)))"#,
    );
    assert_eq!(&f.call(&[], &[], 2).unwrap(), &ints([Some(42); 2]));
}
