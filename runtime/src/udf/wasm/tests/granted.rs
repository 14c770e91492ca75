//! What a plugin may ask of the process where its sidecar grants it, and that it gets nothing where it does not.

use super::*;
use crate::udf::terms::{Asset, Grants, Terms};
use crate::udf::wasm::load_on_terms;

const IMPORTS: &str = r#"
(import "ww" "asset_bytes" (func $asset_bytes (param i32 i32) (result i64)))
(import "ww" "asset_read" (func $asset_read (param i32 i32 i64 i32 i32) (result i32)))
"#;

fn terms(grants: Grants) -> Terms {
    Terms {
        grants,
        assets: vec![Asset {
            name: "model".to_owned(),
            content: b"0123456789".as_slice().into(),
        }]
        .into(),
        ..Terms::of_limits(&Limits::default(), "test.toml".to_owned())
    }
}

const ALL: Grants = Grants {
    clock: true,
    random: true,
    log: true,
};

/// A plugin of one function `f() -> BIGINT` that gives what `code` leaves; `data` is at 60000.
fn plugin(imports: &str, code: &str, grants: Grants) -> Result<Arc<dyn ScalarFunction>, String> {
    let text = guest(
        &[function("f", &[], "BIGINT", r#","volatility":"volatile""#)],
        &format!(
            r#"(data (i32.const 60000) "model") (data (i32.const 60010) "first\0asecond")
               (func (export "f") (param $args i32) (param $rows i32) (param $out i32) (result i32)
                 (i64.store (i32.load offset=16 (local.get $out)) {code}) (i32.const 0))"#
        ),
    );
    let text = text.replacen("(module", &format!("(module {imports}"), 1);
    let mut plugin = load_on_terms(&sandbox(), "test", text.as_bytes(), true, &terms(grants))?;
    Ok(plugin.scalars.remove(0))
}

fn gives(imports: &str, code: &str, grants: Grants) -> i64 {
    let given = plugin(imports, code, grants).unwrap().call(&[], &[], 1).unwrap();
    given.as_primitive::<datafusion::arrow::datatypes::Int64Type>().value(0)
}

#[test]
fn assets_are_read_in_pieces() {
    let gives = |code: &str| gives(IMPORTS, code, Grants::default());
    assert_eq!(gives("(call $asset_bytes (i32.const 60000) (i32.const 5))"), 10);
    assert_eq!(
        gives("(call $asset_bytes (i32.const 60000) (i32.const 4))"),
        -1,
        "there is no asset mode"
    );
    let read = |from: u32, count: u32| {
        format!(
            "(i64.extend_i32_s (call $asset_read (i32.const 60000) (i32.const 5) (i64.const {from}) (i32.const 61000) (i32.const {count})))"
        )
    };
    assert_eq!(
        (
            gives(&read(0, 100)),
            gives(&read(7, 100)),
            gives(&read(2, 3)),
            gives(&read(99, 1))
        ),
        (10, 3, 3, 0)
    );
    let byte = format!(
        "(block (result i64) (drop {}) (i64.load8_u (i32.const 61001)))",
        read(7, 2)
    );
    assert_eq!(gives(&byte), i64::from(b'8'));
    let none = "(i64.extend_i32_s (call $asset_read (i32.const 60000) (i32.const 1) (i64.const 0) (i32.const 61000) (i32.const 1)))";
    assert_eq!(gives(none), -1);
}

#[test]
fn addresses_outside_end_the_call() {
    for code in [
        "(call $asset_bytes (i32.const -1) (i32.const 5))",
        "(i64.extend_i32_s (call $asset_read (i32.const 60000) (i32.const 5) (i64.const 0) (i32.const -8) (i32.const 100)))",
        "(i64.extend_i32_s (call $asset_read (i32.const 60000) (i32.const 5) (i64.const 0) (i32.const 61000) (i32.const -1)))",
    ] {
        let function = plugin(IMPORTS, code, Grants::default()).unwrap();
        let error = function.call(&[], &[], 1).unwrap_err().to_string();
        assert!(error.contains("outside of its memory"), "{error}");
    }
    let imports = r#"(import "ww" "random" (func $random (param i32 i32)))"#;
    let code = "(block (result i64) (call $random (i32.const 0) (i32.const 2000000)) (i64.const 1))";
    let error = plugin(imports, code, ALL)
        .unwrap()
        .call(&[], &[], 1)
        .unwrap_err()
        .to_string();
    assert!(error.contains("outside of its memory"), "{error}");
}

#[test]
fn each_grant_opens_one_thing() {
    let clock = r#"(import "ww" "now_ms" (func $now (result i64)))"#;
    let random = r#"(import "ww" "random" (func $random (param i32 i32)))"#;
    let log = r#"(import "ww" "log" (func $log (param i32 i32 i32)))"#;
    let random_code =
        "(block (result i64) (call $random (i32.const 61000) (i32.const 8)) (i64.load (i32.const 61000)))";
    let log_code = "(block (result i64) (call $log (i32.const 1) (i32.const 60010) (i32.const 12)) (i64.const 7))";
    let none = Grants::default();
    let cases = [
        (clock, "(call $now)", "now_ms", "clock", Grants { clock: true, ..none }),
        (random, random_code, "random", "random", Grants { random: true, ..none }),
        (log, log_code, "log", "log", Grants { log: true, ..none }),
    ];
    for (imports, code, name, grant, granted) in cases {
        plugin(imports, code, granted).unwrap().call(&[], &[], 1).unwrap();
        let others = Grants {
            clock: !granted.clock,
            random: !granted.random,
            log: !granted.log,
        };
        for missing in [none, others] {
            let reason = plugin(imports, code, missing).unwrap_err();
            let due =
                format!("it imports ww.{name}, which its sidecar does not grant: write {grant} = true under [grants]");
            assert!(reason.starts_with(&due), "{reason}");
        }
    }
    assert!(gives(clock, "(call $now)", ALL) > 1_700_000_000_000);
    assert_ne!(gives(random, random_code, ALL), gives(random, random_code, ALL));
    assert_eq!(gives(log, log_code, ALL), 7);
    let reason = plugin(r#"(import "ww" "files" (func))"#, "(i64.const 1)", ALL).unwrap_err();
    assert!(
        reason.starts_with("it imports ww.files; plugins get no imports"),
        "{reason}"
    );
}

#[test]
fn a_module_with_wasi_gets_the_real_ones() {
    let imports = r#"
        (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
        (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))"#;
    let clock = "(block (result i64) (drop (call $clock (i32.const 0) (i64.const 0) (i32.const 65000))) (i64.load (i32.const 65000)))";
    let random =
        "(block (result i64) (drop (call $random (i32.const 65000) (i32.const 8))) (i64.load (i32.const 65000)))";
    assert!(gives(imports, clock, ALL) > 1_700_000_000_000_000_000);
    assert_ne!(gives(imports, random, ALL), gives(imports, random, ALL));
    let only_random = Grants { clock: false, ..ALL };
    assert_eq!(
        gives(imports, clock, only_random),
        1_000_000_000,
        "not granted, it stands still"
    );
    assert_eq!(
        gives(imports, random, Grants::default()),
        gives(imports, random, Grants::default())
    );
    // Two pieces, one of which lies outside: nothing is written, and nothing breaks.
    let write = |second: &str| {
        format!(
            "(block (result i64) (i32.store (i32.const 65000) (i32.const 60010)) (i32.store (i32.const 65004) (i32.const 5))
               (i32.store (i32.const 65008) (i32.const {second})) (i32.store (i32.const 65012) (i32.const 7))
               (i64.extend_i32_s (call $write (i32.const 2) (i32.const 65000) (i32.const 2) (i32.const 65020))))"
        )
    };
    assert_eq!(gives(imports, &write("60015"), ALL), 0);
    assert_eq!(gives(imports, &write("-4"), ALL), 0);
}
