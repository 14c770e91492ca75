//! What a columnar plugin gets of WASI: answers that never differ, and nothing of what is outside.

use super::*;

const IMPORTS: &str = r#"
(import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
(import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ (param i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
"#;

/// A plugin of one function `f() -> BIGINT` that gives what `code` leaves.
fn plugin(code: &str) -> Arc<dyn ScalarFunction> {
    let text = guest(
        &[function("f", &[], "BIGINT", r#","volatility":"volatile""#)],
        &format!(
            r#"(func (export "f") (param $args i32) (param $rows i32) (param $out i32) (result i32)
                 (i64.store (i32.load offset=16 (local.get $out)) {code}) (i32.const 0))"#
        ),
    );
    scalar(&text.replacen("(module", &format!("(module {IMPORTS}"), 1))
}

fn gives(code: &str) -> i64 {
    let given = plugin(code).call(&[], &[], 1).unwrap();
    given.as_primitive::<datafusion::arrow::datatypes::Int64Type>().value(0)
}

#[test]
fn answers_are_always_the_same() {
    let clock = "(block (result i64) (drop (call $clock (i32.const 0) (i64.const 0) (i32.const 65000))) (i64.load (i32.const 65000)))";
    assert_eq!(gives(clock), 1_000_000_000);
    let random =
        "(block (result i64) (drop (call $random (i32.const 65000) (i32.const 8))) (i64.load (i32.const 65000)))";
    assert_ne!(gives(random), 0);
    assert_eq!(gives(random), gives(random));
    let twice = plugin(random);
    assert_eq!(*twice.call(&[], &[], 1).unwrap(), *twice.call(&[], &[], 1).unwrap());
    let environ = "(block (result i64) (i32.store (i32.const 65000) (i32.const 7)) (drop (call $environ (i32.const 65000) (i32.const 65000))) (i64.load32_u (i32.const 65000)))";
    assert_eq!(gives(environ), 0);
}

#[test]
fn nothing_outside_is_there() {
    assert_eq!(
        gives("(i64.extend_i32_s (call $prestat (i32.const 3) (i32.const 65000)))"),
        8
    );
    assert_eq!(
        gives("(i64.extend_i32_s (call $poll (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))"),
        52
    );
    // Two pieces of 5 and 7 bytes are taken, and go nowhere.
    let write = "(block (result i64) (i32.store (i32.const 65004) (i32.const 5)) (i32.store (i32.const 65012) (i32.const 7))
        (drop (call $write (i32.const 1) (i32.const 65000) (i32.const 2) (i32.const 65020))) (i64.load32_u (i32.const 65020)))";
    assert_eq!(gives(write), 12);
    let error = plugin("(block (result i64) (call $exit (i32.const 3)) (i64.const 0))").call(&[], &[], 1);
    assert_eq!(
        error.unwrap_err().to_string(),
        "function f of plugin test trapped: it left with code 3"
    );
}

#[test]
fn addresses_outside_of_memory_are_refused() {
    for call in [
        "(call $clock (i32.const 0) (i64.const 0) (i32.const -4))",
        "(call $random (i32.const 16) (i32.const -1))",
        "(call $environ (i32.const -1) (i32.const -1))",
        "(call $write (i32.const 1) (i32.const -8) (i32.const 1) (i32.const 0))",
        "(call $write (i32.const 1) (i32.const 0) (i32.const -1) (i32.const 0))",
        "(call $write (i32.const 1) (i32.const 0) (i32.const 0) (i32.const -2))",
    ] {
        assert_eq!(gives(&format!("(i64.extend_i32_s {call})")), 21, "{call}");
    }
}
