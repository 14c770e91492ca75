//! Components in WebAssembly text: what good ones get, and how bad ones end.

#![allow(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

mod aggregate;
mod columns;
mod granted;
mod hostile;
mod plugins;

use std::fmt::Write;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Float64Array, StringArray};

use crate::udf::wasm::{LoadedPlugin, Sandbox, load};
use crate::udf::{Error, Limits, ScalarFunction};

/// What the text of a component is made of.
pub(super) struct Text<'a> {
    pub(super) manifest: String,
    /// Core functions beside those that every one has: `$call`, `$open`, `$push`, `$save`, `$load`, `$forget`. One
    /// with `$update` has those of aggregates, too; without it is as one from before there were any.
    pub(super) body: &'a str,
    /// Imports of the component.
    pub(super) imports: &'a str,
    /// The type of the function `call`.
    pub(super) call: &'a str,
    /// The name of the interface.
    pub(super) interface: &'a str,
}

/// The types of the interface; `$level` and so on are their names in the component.
const TYPES: &str = r#"
(type $values' (variant (case "booleans" (list bool)) (case "integers" (list s32)) (case "bigints" (list s64))
  (case "doubles" (list float64)) (case "decimals" (list (tuple u64 s64))) (case "strings" (list string))
  (case "bytes" (list (list u8))) (case "arrays" (list u32)) (case "maps" (list u32)) (case "structs")))
"#;

pub(super) const CALL: &str = r#"(param "function" string) (param "args" (list (list $level))) (param "rows" u32) (result (result $outcome (error string)))"#;

/// `manifest` and what every component has: an allocator that grows, and functions that say "not here".
const CORE: &str = r#"
(global $heap (mut i32) (i32.const 65536))
(func $realloc (export "realloc") (param $old i32) (param $had i32) (param $align i32) (param $bytes i32) (result i32)
  (local $at i32) (local $pages i32)
  (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 15)) (i32.const -16)))
  (local.set $pages (i32.shr_u (i32.add (i32.add (local.get $at) (local.get $bytes)) (i32.const 65535)) (i32.const 16)))
  (if (i32.gt_u (local.get $pages) (memory.size)) (then
    (if (i32.eq (memory.grow (i32.sub (local.get $pages) (memory.size))) (i32.const -1)) (then (unreachable)))))
  (global.set $heap (i32.add (local.get $at) (local.get $bytes)))
  (local.get $at))
(func (export "manifest") (result i32)
  (i32.store (i32.const 8) (i32.const 1024)) (i32.store (i32.const 12) (i32.const MANIFEST_BYTES)) (i32.const 8))
;; What a result without rows looks like: ok at 32, an error with a message at 48.
(func $ok (result i32) (i64.store (i32.const 32) (i64.const 0)) (i64.store (i32.const 40) (i64.const 0))
  (i32.store (i32.const 48) (i32.const 0)) (i32.const 32))
(func $no (result i32) (i32.store (i32.const 32) (i32.const 1)) (i32.store (i32.const 36) (i32.const 64))
  (i32.store (i32.const 40) (i32.const 8)) (i32.const 32))
(data (i32.const 64) "not here")
"#;

const FUNCTIONS: &[(&str, &str, &str)] = &[
    ("call", "(param i32 i32 i32 i32 i32) (result i32)", ""),
    (
        "open",
        "(param i32 i32 i32 i32) (result i32)",
        r#"(param "function" string) (param "constants" (list (option (list $level)))) (result (result (error string)))"#,
    ),
    (
        "push",
        "(param i32 i32 i32 i32) (result i32)",
        r#"(param "slots" (list u32)) (param "args" (list (list $level))) (result (result $outcome (error string)))"#,
    ),
    (
        "save",
        "(param i32 i32) (result i32)",
        r#"(param "slots" (list u32)) (result (result (list (list u8)) (error string)))"#,
    ),
    (
        "load",
        "(param i32 i32 i32 i32 i32) (result i32)",
        r#"(param "slots" (list u32)) (param "states" (list (list u8))) (param "version" u32) (result (result (error string)))"#,
    ),
    (
        "forget",
        "(param i32 i32) (result i32)",
        r#"(param "slots" (list u32)) (result (result (error string)))"#,
    ),
];

/// Those that only aggregate functions have.
const AGGREGATE_FUNCTIONS: &[(&str, &str, &str)] = &[
    (
        "update",
        "(param i32 i32 i32 i32) (result i32)",
        r#"(param "slots" (list u32)) (param "args" (list (list $level))) (result (result (list $failure) (error string)))"#,
    ),
    (
        "retract",
        "(param i32 i32 i32 i32) (result i32)",
        r#"(param "slots" (list u32)) (param "args" (list (list $level))) (result (result (list $failure) (error string)))"#,
    ),
    (
        "merge",
        "(param i32 i32 i32 i32) (result i32)",
        r#"(param "into" (list u32)) (param "from" (list u32)) (result (result (error string)))"#,
    ),
    (
        "finish",
        "(param i32 i32) (result i32)",
        r#"(param "slots" (list u32)) (result (result $outcome (error string)))"#,
    ),
];

impl<'a> Text<'a> {
    pub(super) fn new(functions: &[&str], body: &'a str) -> Self {
        Self {
            manifest: format!("{{\"version\":\"1.0\",\"functions\":[{}]}}", functions.join(",")),
            body,
            imports: "",
            call: CALL,
            interface: super::types::INTERFACE,
        }
    }

    /// The text of the whole component.
    pub(super) fn build(&self) -> String {
        let mut core = CORE.replace("MANIFEST_BYTES", &self.manifest.len().to_string());
        let mut lifts = String::from(
            r#"(func $manifest (result string) (canon lift (core func $m "manifest") (memory (core memory $m "memory")) string-encoding=utf8))"#,
        );
        let mut shim_imports = String::from(r#"(import "f-manifest" (func $manifest (result string)))"#);
        let mut with = String::from(r#"(with "f-manifest" (func $manifest))"#);
        let aggregates = if self.body.contains("(func $update ") {
            AGGREGATE_FUNCTIONS
        } else {
            &[]
        };
        let functions = || FUNCTIONS.iter().chain(aggregates);
        for (name, core_type, ty) in functions() {
            if !self.body.contains(&format!("(func ${name} ")) {
                write!(core, "(func ${name} {core_type} (call $no))").unwrap();
            }
            write!(core, "(export \"{name}\" (func ${name}))").unwrap();
            let ty = if *name == "call" { self.call } else { ty };
            write!(
                lifts,
                "(func ${name} {ty} (canon lift (core func $m \"{name}\") (memory (core memory $m \"memory\")) (realloc (core func $m \"realloc\")) string-encoding=utf8))"
            )
            .unwrap();
            write!(shim_imports, "(import \"f-{name}\" (func ${name} {ty}))").unwrap();
            write!(with, "(with \"f-{name}\" (func ${name}))").unwrap();
        }
        let data: String = self.manifest.bytes().fold(String::new(), |mut text, byte| {
            write!(text, "\\{byte:02x}").unwrap();
            text
        });
        let level = r#"(record (field "nulls" (list bool)) (field "values" $values))"#;
        let failure = r#"(record (field "row" u32) (field "message" string))"#;
        let outcome = r#"(record (field "values" (list $level)) (field "failed" (list $failure)))"#;
        let named = [
            ("values", ""),
            ("level", level),
            ("failure", failure),
            ("outcome", outcome),
        ];
        // The types of the component itself, those that the shim imports, and those that it exports.
        let (mut outer_types, mut shim_types) = (TYPES.replace("$values'", "$values"), TYPES.to_owned());
        let (mut exports, mut with_types) = (TYPES.replace("$values'", "$values2"), String::new());
        for (name, ty) in named {
            if !ty.is_empty() {
                write!(outer_types, "(type ${name} {ty})").unwrap();
                write!(shim_types, "(type ${name}' {ty})").unwrap();
                write!(exports, "(type ${name}2 {})", on_exports(ty)).unwrap();
            }
            write!(shim_types, "(import \"t-{name}\" (type ${name} (eq ${name}')))").unwrap();
            write!(exports, "(export ${name}x \"{name}\" (type ${name}2))").unwrap();
            write!(with_types, "(with \"t-{name}\" (type ${name}))").unwrap();
        }
        // Functions of the interface are in terms of its exported types.
        let mut ascribed = String::new();
        for (name, _, ty) in functions() {
            let ty = on_exports(if *name == "call" { self.call } else { ty });
            write!(ascribed, "(export \"{name}\" (func ${name}) (func {ty}))").unwrap();
        }
        ascribed.push_str(r#"(export "manifest" (func $manifest))"#);
        format!(
            r#"(component {imports}
              (core module $M (memory (export "memory") 2) (data (i32.const 1024) "{data}") {core} {body})
              (core instance $m (instantiate $M))
              {outer_types} {lifts}
              (component $Shim {shim_types} {shim_imports} {exports} {ascribed})
              (instance $shim (instantiate $Shim {with_types} {with}))
              (export "{interface}" (instance $shim)))"#,
            imports = self.imports,
            body = self.body,
            interface = self.interface,
        )
    }
}

/// `call` gives its first argument back.
pub(super) const ECHO: &str = r"
(func $call (param $f i32) (param $fb i32) (param $args i32) (param $n i32) (param $rows i32) (result i32)
  (drop (call $ok))
  (i32.store (i32.const 36) (i32.load (local.get $args)))
  (i32.store (i32.const 40) (i32.load offset=4 (local.get $args)))
  (i32.const 32))";

pub(super) fn function(name: &str, kind: &str, args: &[&str], returns: &str, more: &str) -> String {
    let args: Vec<String> = (args.iter().enumerate())
        .map(|(i, ty)| format!(r#"{{"name":"a{i}","type":"{ty}"}}"#))
        .collect();
    format!(
        r#"{{"name":"{name}","kind":"{kind}","args":[{}],"returns":"{returns}"{more}}}"#,
        args.join(",")
    )
}

/// A sandbox in which what does not end ends soon.
pub(super) fn sandbox() -> Sandbox {
    Sandbox::new(Limits {
        call_ms: 200,
        ..Limits::default()
    })
    .unwrap()
}

pub(super) fn loaded(text: &str) -> Result<LoadedPlugin, String> {
    load(&sandbox(), "test", text.as_bytes(), true)
}

pub(super) fn echo(ty: &str) -> Arc<dyn ScalarFunction> {
    let spec = function("echo", "scalar", &[ty], ty, r#","nulls":"pass""#);
    loaded(&Text::new(&[&spec], ECHO).build()).unwrap().scalars.remove(0)
}

pub(super) fn call(function: &dyn ScalarFunction, args: &[ArrayRef]) -> Result<ArrayRef, Error> {
    let rows = args.first().map_or(1, Array::len);
    function.call(args, &vec![false; args.len()], rows)
}

pub(super) fn doubles(values: &[Option<f64>]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

pub(super) fn strings(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

/// A type in terms of the types that the shim exports.
fn on_exports(ty: &str) -> String {
    ["values", "level", "failure", "outcome"]
        .iter()
        .fold(ty.to_owned(), |ty, name| {
            ty.replace(&format!("${name}"), &format!("${name}x"))
        })
}
