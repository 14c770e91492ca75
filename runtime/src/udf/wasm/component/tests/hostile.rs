//! Components that are bad ones: each ends with its reason, and the process goes on.

use super::*;

fn refused(text: &str, reason: &str) {
    let error = loaded(text).expect_err("must not load");
    assert!(error.contains(reason), "due: {reason}; is: {error}");
}

fn spec() -> String {
    function("f", "scalar", &["DOUBLE"], "DOUBLE", "")
}

/// The error of a call into a component with this `call`.
fn ends(body: &str, returns: &str) -> String {
    let spec = function("f", "scalar", &["DOUBLE"], returns, "");
    let plugin = loaded(&Text::new(&[&spec], body).build()).unwrap();
    let error = call(&*plugin.scalars[0], &[doubles(&[Some(1.0), Some(2.0)])]).unwrap_err();
    error.to_string()
}

fn body(code: &str) -> String {
    format!(
        "(func $call (param $f i32) (param $fb i32) (param $args i32) (param $n i32) (param $rows i32) (result i32) (local $level i32)
          (local.set $level (i32.load (local.get $args))) {code})"
    )
}

#[test]
fn imports_are_refused_by_name() {
    let spec = spec();
    let mut text = Text::new(&[&spec], ECHO);
    text.imports = r#"(import "wasi:cli/exit@0.2.0" (instance (export "exit" (func))))"#;
    refused(
        &text.build(),
        "it imports wasi:cli/exit@0.2.0; plugins get no imports: build it without a system interface",
    );
    text.imports = r#"(import "now" (func (result u64)))"#;
    refused(&text.build(), "it imports now;");
    // Types alone reach nothing.
    text.imports = r#"(import "a:b/types" (instance (type u32) (export "t" (type (eq 0)))))"#;
    loaded(&text.build()).unwrap();
}

#[test]
fn components_of_another_interface_are_refused() {
    let spec = spec();
    let mut text = Text::new(&[&spec], ECHO);
    text.interface = "some:other/functions";
    refused(
        &text.build(),
        "it is a component that does not export waterwheel:functions/functions@1.0.0",
    );
    refused("(component)", "does not export");
    let mut text = Text::new(&[&spec], "(func $call (param i32 i32 i32) (result i32) (call $no))");
    text.call = r#"(param "function" string) (param "rows" u32) (result (result (error string)))"#;
    refused(&text.build(), "its function call has the wrong type");
    let empty = r#"(component (component $C) (instance $i (instantiate $C))
        (export "waterwheel:functions/functions@1.0.0" (instance $i)))"#;
    refused(empty, "its interface has no function manifest");
    let binary = load(&sandbox(), "evil", b"\0asm\x0d\0\x01\0\xff\xff", false).expect_err("must not load");
    assert!(
        binary.starts_with("it is not a component that can run here"),
        "{binary}"
    );
}

#[test]
fn bad_manifests_are_refused() {
    let mut text = Text::new(&[], ECHO);
    refused(&text.build(), "the manifest lists no functions");
    text.manifest = "nonsense".to_owned();
    refused(&text.build(), "the manifest is not as it should be");
    let spec = spec();
    let mut text = Text::new(&[&spec], ECHO);
    text.manifest = " ".repeat(70_000);
    refused(
        &text
            .build()
            .replace("(memory (export \"memory\") 2)", "(memory (export \"memory\") 4)"),
        "manifest 64 KiB",
    );
    let huge = Text::new(&[&spec], ECHO).build().replace(
        "(i32.store (i32.const 12)",
        "(i32.store (i32.const 12) (i32.const -1)) (i32.store (i32.const 0)",
    );
    let error = loaded(&huge).expect_err("must not load");
    assert!(error.starts_with("describing itself, it "), "{error}");
}

#[test]
fn traps_name_the_row_and_limits_are_met() {
    let trap = body("(if (f64.eq (f64.load (i32.load offset=12 (local.get $level))) (f64.const 2)) (then (unreachable)))
        (if (i32.eq (local.get $rows) (i32.const 2)) (then (if (f64.eq (f64.load offset=8 (i32.load offset=12 (local.get $level))) (f64.const 2)) (then (unreachable)))))
        (call $ok)");
    assert!(ends(&trap, "DOUBLE").contains("trapped"));
    let spin = body("(loop $l (br $l)) (unreachable)");
    assert_eq!(
        ends(&spin, "DOUBLE"),
        "function f of plugin test met its limit: time 200 ms"
    );
    let deep = format!(
        "(func $deep (param i32) (result i32) (call $deep (i32.add (call $deep (local.get 0)) (i32.const 1)))) {}",
        body("(call $deep (i32.const 0))")
    );
    assert_eq!(
        ends(&deep, "DOUBLE"),
        "function f of plugin test met its limit: stack 512 KiB"
    );
    let hoard = body("(loop $l (br_if $l (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) (unreachable)");
    assert_eq!(
        ends(&hoard, "DOUBLE"),
        "function f of plugin test met its limit: memory 64 MiB"
    );
}

/// `call` that gives one level: the nulls (address, count), the case, and its list (address, count).
fn gives(nulls: (u32, u32), case: u32, list: (u32, u32)) -> String {
    body(&format!(
        "(drop (call $ok)) (i32.store (i32.const 36) (i32.const 128)) (i32.store (i32.const 40) (i32.const 1))
         (i32.store (i32.const 128) (i32.const {})) (i32.store (i32.const 132) (i32.const {}))
         (i32.store8 (i32.const 136) (i32.const {case})) (i32.store (i32.const 140) (i32.const {})) (i32.store (i32.const 144) (i32.const {}))
         (i32.const 32)",
        nulls.0, nulls.1, list.0, list.1
    ))
}

#[test]
fn lies_about_columns_are_found() {
    let lie = |body: &str, returns: &str, reason: &str| {
        let error = ends(body, returns);
        assert!(error.contains(reason), "due: {reason}; is: {error}");
    };
    lie(
        &gives((0, 0), 3, (256, 3)),
        "DOUBLE",
        "a column of 2 rows was due, one of 3 came",
    );
    lie(
        &gives((0, 0), 3, (256, 1)),
        "DOUBLE",
        "a column of 2 rows was due, one of 1 came",
    );
    lie(&gives((256, 1), 3, (256, 2)), "DOUBLE", "1 nulls for 2 rows");
    lie(
        &gives((0, 0), 5, (512, 2)),
        "DOUBLE",
        "strings came for a column of type Float64",
    );
    lie(
        &gives((0, 0), 9, (0, 0)),
        "DOUBLE",
        "structs came for a column of type Float64",
    );
    lie(&gives((0, 0), 7, (256, 2)), "ARRAY<DOUBLE>", "a column lacks a level");
    lie(&gives((0, 0), 3, (0xffff_fff0, 2)), "DOUBLE", "");
    lie(&gives((0, 0), 77, (256, 2)), "DOUBLE", "");
    // Half a million rows that all are one text of 64 KiB.
    let many = format!(
        "{} {}",
        "(func $fill (local $i i32) (drop (memory.grow (i32.const 64)))
          (loop $l (i32.store (i32.add (i32.const 131072) (i32.shl (local.get $i) (i32.const 3))) (i32.const 1024))
            (i32.store offset=4 (i32.add (i32.const 131072) (i32.shl (local.get $i) (i32.const 3))) (i32.const 65536))
            (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 500000)))))",
        gives((0, 0), 6, (131_072, 500_000)).replacen("(drop (call $ok))", "(call $fill) (drop (call $ok))", 1)
    );
    lie(&many, "BYTES", "met its limit: result 16 MiB");
    let times = format!(
        "(data (i32.const 256) \"\\ff\\ff\\ff\\ff\\00\\00\\00\\00\") {}",
        gives((0, 0), 1, (256, 2))
    );
    lie(&times, "TIME", "-1 is not a TIME");
    let decimals = format!(
        "(data (i32.const 256) \"\\10\\27\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\") {}",
        gives((0, 0), 4, (256, 2))
    );
    lie(&decimals, "DECIMAL(3, 0)", "10000");
    let text = format!(
        "(data (i32.const 256) \"\\20\\01\\00\\00\\01\\00\\00\\00\\20\\01\\00\\00\\01\\00\\00\\00\") (data (i32.const 288) \"\\ff\") {}",
        gives((0, 0), 5, (256, 2))
    );
    lie(&text, "STRING", "utf-8");
}

#[test]
fn reports_of_rows_that_are_not_there_are_a_lie() {
    let report = body(
        "(drop (call $ok)) (i32.store (i32.const 36) (i32.load (local.get $args))) (i32.store (i32.const 40) (i32.const 1))
         (i32.store (i32.const 36) (local.get $level))
         (i32.store (i32.const 44) (i32.const 128)) (i32.store (i32.const 48) (i32.const 1))
         (i32.store (i32.const 128) (i32.const 2)) (i32.const 32)",
    );
    let error = ends(&report, "DOUBLE");
    assert!(
        error.contains("row 2 is reported as failed in a call of 2 rows"),
        "{error}"
    );
}

#[test]
fn truncated_components_do_no_harm() {
    let spec = spec();
    let binary = wat::parse_str(Text::new(&[&spec], ECHO).build()).unwrap();
    let sandbox = sandbox();
    for end in (0..binary.len()).step_by(7) {
        let _ = load(&sandbox, "evil", &binary[..end], false);
    }
    for i in (8..binary.len()).step_by(5) {
        let mut flipped = binary.clone();
        flipped[i] ^= 0x11;
        if let Ok(plugin) = load(&sandbox, "evil", &flipped, false) {
            for function in &plugin.scalars {
                let _ = call(&**function, &[doubles(&[Some(1.0)])]);
            }
        }
    }
}
