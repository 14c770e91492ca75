//! Files that are no plugins, or are bad ones: each refused with its reason before any row.

use super::*;

fn echo_guest() -> String {
    guest(&[function("f", &["BIGINT"], "BIGINT", "")], &echo("f"))
}

fn refuse(sandbox: &Sandbox, text: &str, reason: &str) {
    let error = broken(sandbox, text);
    assert!(error.contains(reason), "due: {reason}; is: {error}");
}

/// The good guest with one piece of its text replaced.
fn changed(from: &str, to: &str) -> String {
    let text = echo_guest();
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

#[test]
fn files_that_are_no_modules() {
    let sandbox = sandbox();
    let load = |bytes: &[u8], text| load(&sandbox, "evil", bytes, text).expect_err("must not load");
    assert_eq!(load(b"", false), "it is not a WebAssembly module");
    assert_eq!(load(b"\x7fELF garbage", false), "it is not a WebAssembly module");
    assert_eq!(load(b"(module)", false), "it is not a WebAssembly module");
    let empty = load(b"\0asm\x0d\0\x01\0", false);
    assert!(empty.starts_with("it is a component that does not export"), "{empty}");
    assert_eq!(load(b"\0asm\x02\0\0\0", false), "it is not a WebAssembly module");
    assert!(load(b"\0asm\x01\0\0\0\xff\xff\xff", false).starts_with("it is not a module that can run here"));
    assert!(load(b"(module", true).starts_with("it is not WebAssembly text"));
    assert!(load(b"\xff\xfe", true).starts_with("it is not WebAssembly text"));
    assert!(load("(".repeat(100_000).as_bytes(), true).starts_with("it is not WebAssembly text"));
    let small = Sandbox::new(Limits {
        file_bytes: 100,
        ..Limits::default()
    })
    .unwrap();
    assert_eq!(
        broken(&small, &echo_guest()).split("; ").nth(1),
        Some("the limit is 100 bytes")
    );
}

#[test]
fn truncated_and_flipped_files_do_no_harm() {
    let binary = wat::parse_str(echo_guest()).unwrap();
    let sandbox = hasty();
    // All that may be missing is the last section, the names for debuggers.
    let whole = (0..binary.len()).filter(|end| load(&sandbox, "evil", &binary[..*end], false).is_ok());
    assert_eq!(whole.count(), 1);
    let mut loaded = 0;
    for i in 8..binary.len() {
        for flip in [0x01, 0x80] {
            let mut flipped = binary.clone();
            flipped[i] ^= flip;
            if let Ok(plugin) = load(&sandbox, "evil", &flipped, false) {
                loaded += 1;
                for function in &plugin.scalars {
                    let args: Vec<ArrayRef> = function
                        .info()
                        .args
                        .iter()
                        .map(|(_, ty)| datafusion::arrow::array::new_null_array(ty, 3))
                        .collect();
                    let _ = call(&**function, &args);
                    let _ = call(&**function, &[longs([Some(1), None, Some(3)])]);
                }
            }
        }
    }
    assert!(loaded > 0, "some flips hurt nothing");
}

#[test]
fn imports_are_refused_by_name() {
    let sandbox = sandbox();
    let import = |text: &str| changed("(module", &format!("(module {text}"));
    refuse(
        &sandbox,
        &import(r#"(import "wasi_snapshot_preview1" "path_open" (func (param i32 i32 i32 i32) (result i32)))"#),
        "it imports wasi_snapshot_preview1.path_open; plugins get no imports",
    );
    refuse(
        &sandbox,
        &import(r#"(import "env" "memory2" (global i32))"#),
        "it imports env.memory2",
    );
    let many: String = (0..9).map(|i| format!("(import \"env\" \"f{i}\" (func))")).collect();
    refuse(
        &sandbox,
        &import(&many),
        "it imports env.f0, env.f1, env.f2, env.f3, env.f4, 4 more;",
    );
    let long = format!("(import \"env\" \"{}\\0a\" (func))", "n".repeat(10_000));
    assert!(broken(&sandbox, &import(&long)).len() < 300);
    // The plain door is no way around.
    let plain =
        r#"(module (import "env" "now" (func $now (result i64))) (func (export "f") (result i64) (call $now)))"#;
    refuse(&sandbox, plain, "it imports env.now");
    let plain = r#"(module (import "wasi_snapshot_preview1" "sched_yield" (func $f (result i32)))
        (func (export "f") (result i32) (call $f)))"#;
    refuse(&sandbox, plain, "it imports wasi_snapshot_preview1.sched_yield");
}

#[test]
fn what_is_not_available_is_refused() {
    let sandbox = sandbox();
    for (text, reason) in [
        ("(module (memory 1) (memory 1))", "multi"),
        ("(module (memory i64 1))", "memory64"),
        ("(module (memory 1 2 shared))", "threads"),
        ("(module (type (struct)))", "gc"),
        ("(module (tag))", "exceptions"),
        (
            "(module (func (param v128 v128 v128) (result v128) (f32x4.relaxed_madd (local.get 0) (local.get 1) (local.get 2))))",
            "relaxed",
        ),
    ] {
        let error = broken(&sandbox, text);
        assert!(error.starts_with("it is not a module that can run here"), "{error}");
        assert!(error.to_lowercase().contains(reason), "{reason}: {error}");
    }
}

#[test]
fn starting_is_bounded() {
    let sandbox = hasty();
    let describing = |what: &str| format!("describing itself, it met its limit: {what}");
    let add = |text: &str| changed("(module", &format!("(module {text}"));
    let forever = "(loop $ever (br $ever))";
    refuse(
        &sandbox,
        &add(&format!("(func $s {forever}) (start $s)")),
        &describing("time 200 ms"),
    );
    refuse(
        &sandbox,
        &add(&format!("(func (export \"_initialize\") {forever})")),
        &describing("time 200 ms"),
    );
    refuse(
        &sandbox,
        &changed("(i64.const", &format!("{forever} (i64.const")),
        &describing("time 200 ms"),
    );
    refuse(
        &sandbox,
        &changed("(i32.const 1))", &format!("{forever} (i32.const 1))")),
        &describing("time 200 ms"),
    );
    refuse(
        &sandbox,
        &add("(func $s (unreachable)) (start $s)"),
        "describing itself, it trapped: wasm `unreachable`",
    );
    refuse(
        &sandbox,
        &add("(func $s (call $s)) (start $s)"),
        &describing("stack 512 KiB"),
    );
    refuse(
        &sandbox,
        &changed("\"memory\") 4)", "\"memory\") 257)"),
        &describing("memory 16 MiB"),
    );
    refuse(
        &sandbox,
        &changed("\"memory\") 4)", "\"memory\") 65536)"),
        &describing("memory 16 MiB"),
    );
    refuse(
        &sandbox,
        &add("(table 100000 funcref)"),
        &describing("table of 65536 elements"),
    );
    refuse(
        &sandbox,
        &add("(table 4000000000 funcref)"),
        &describing("table of 65536 elements"),
    );
    refuse(
        &sandbox,
        &add(&"(table 1 funcref)".repeat(5)),
        &describing("table count too high at 5"),
    );
    refuse(
        &sandbox,
        &add("(data (i32.const 262140) \"12345\")"),
        "describing itself, it trapped: out of bounds memory access",
    );
    refuse(
        &sandbox,
        &add("(data (i32.const -1) \"1\")"),
        "out of bounds memory access",
    );
    refuse(
        &sandbox,
        &add("(table 2 funcref) (elem (i32.const 2) $alloc)"),
        "out of bounds table access",
    );
}

#[test]
fn manifests_are_bounded_and_checked() {
    let sandbox = sandbox();
    let pointer = |pointer: u64| {
        let text = echo_guest();
        let start = text.find("(i64.const ").unwrap();
        let end = start + text[start..].find(')').unwrap();
        format!("{}(i64.const {pointer}{}", &text[..start], &text[end..])
    };
    let describing = "describing itself, it ";
    refuse(
        &sandbox,
        &pointer(16 << 32 | 65_537),
        &format!("{describing}met its limit: manifest 64 KiB; it has 65537 bytes"),
    );
    refuse(
        &sandbox,
        &pointer(16 << 32 | 0xffff_ffff),
        "met its limit: manifest 64 KiB",
    );
    refuse(
        &sandbox,
        &pointer(0xffff_ff00 << 32 | 200),
        "manifest, 200 bytes at 0xffffff00, is outside of its memory",
    );
    refuse(&sandbox, &pointer(0), "the manifest is not as it should be");
    refuse(&sandbox, &pointer(10), "the address of its manifest is 0");
    refuse(&sandbox, &pointer(17 << 32 | 60), "the manifest is not as it should be");
    refuse(
        &sandbox,
        &guest_with("not json", ""),
        "the manifest is not as it should be: expected",
    );
    refuse(&sandbox, &guest_with("", ""), "the manifest is not as it should be");
    let name = "n".repeat(60_000);
    let huge = guest(&[function(&name, &[], "BIGINT", "")], "").replace("131072", "196608");
    let error = broken(&sandbox, &huge);
    assert!(
        error.contains("longer than 64 characters") && error.len() < 300,
        "{error}"
    );
    let twice = [
        function("f", &["BIGINT"], "BIGINT", ""),
        function("F", &["BIGINT"], "DOUBLE", ""),
    ];
    refuse(
        &sandbox,
        &guest(&twice, &echo("f")),
        "functions[1] (F): F(BIGINT) is there twice",
    );
}

#[test]
fn exports_are_checked() {
    let sandbox = sandbox();
    for (from, to, reason) in [
        ("\"memory\"", "\"m\"", "it exports no memory called memory"),
        (
            "\"ww_alloc\"",
            "\"x\"",
            "it has no export ww_alloc of type (i32, i32) -> i32",
        ),
        (
            "\"ww_free\") (param i32 i32 i32)",
            "\"ww_free\") (param i32)",
            "its export ww_free is (i32) -> (); ABI 1 asks for (i32, i32, i32) -> ()",
        ),
        (
            "\"ww_manifest\"",
            "\"x\"",
            "it has no export ww_manifest of type () -> i64",
        ),
        (
            "(i32.const 1))",
            "(i32.const 2))",
            "it is made for ABI 2; this version knows ABI 1",
        ),
        (
            "\"f\"",
            "\"g\"",
            "function f: it has no export f of type (i32, i32, i32) -> i32",
        ),
        ("\"ww_abi\"", "\"ww_free2\"", "plugin"),
    ] {
        if reason == "plugin" {
            // Without ww_abi it is a plain module, of which ww_alloc and its like are no functions to offer.
            let loaded = load(&sandbox, "evil", changed(from, to).as_bytes(), true);
            let names: Vec<String> = loaded.unwrap().scalars.iter().map(|f| f.info().name.clone()).collect();
            assert_eq!(names, ["f"]);
        } else {
            refuse(&sandbox, &changed(from, to), reason);
        }
    }
    refuse(
        &sandbox,
        &changed(
            "(module",
            r#"(module (func (export "ww_last_error") (result i32) (i32.const 0))"#,
        ),
        "its export ww_last_error is () -> i32; ABI 1 asks for () -> i64",
    );
    refuse(
        &sandbox,
        &changed("(module", r#"(module (func (export "_initialize") (param i32))"#),
        "its export _initialize is (i32) -> ()",
    );
}
