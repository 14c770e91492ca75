//! Guests in WebAssembly text: what good ones get, and how bad ones end.

#![allow(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::decimal_bitwise_operands,
    clippy::format_collect,
    clippy::from_iter_instead_of_collect,
    reason = "test data is small, and reads best as what it is"
)]

mod aggregate;
mod columns;
mod evict;
mod granted;
mod hostile;
mod hostile_files;
mod mutations;
mod plain;
mod scalar;
mod set_up;
mod stream;
mod stubs;
mod table;

use std::fmt::Write;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int32Array, Int64Array, StringArray};
use datafusion::arrow::datatypes::Float64Type;

use super::{LoadedPlugin, Sandbox, load};
use crate::udf::{Error, Limits, ScalarFunction, StreamFunction};

/// One function of a manifest: `more` is further keys, each with a comma before it.
fn function(name: &str, args: &[&str], returns: &str, more: &str) -> String {
    entry(name, "scalar", args, returns, more)
}

fn entry(name: &str, kind: &str, args: &[&str], returns: &str, more: &str) -> String {
    let args: Vec<String> = args
        .iter()
        .enumerate()
        .map(|(i, text)| {
            // `INTEGER constant` is an argument that must be a constant.
            let (sql_type, constant) = match text.strip_suffix(" constant") {
                Some(sql_type) => (sql_type, r#","constant":true"#),
                None => (*text, ""),
            };
            format!(r#"{{"name":"a{i}","type":"{sql_type}"{constant}}}"#)
        })
        .collect();
    format!(
        r#"{{"name":"{name}","kind":"{kind}","args":[{}],"returns":"{returns}"{more}}}"#,
        args.join(",")
    )
}

/// The text of a plugin with these functions: memory, allocator and manifest are there, `body` is the rest.
fn guest(functions: &[String], body: &str) -> String {
    guest_with(
        &format!("{{\"version\":\"1.0\",\"functions\":[{}]}}", functions.join(",")),
        body,
    )
}

/// As [`guest`], with any manifest. Addresses below 65536 are the manifest's and the body's, the arena is above.
fn guest_with(manifest: &str, body: &str) -> String {
    let pointer = (16_u64 << 32) | manifest.len() as u64;
    format!("(module {} {} {body})", abi(manifest, pointer), ALLOC)
}

const ALLOC: &str = r#"
(global $heap (mut i32) (i32.const 131072))
(func $alloc (export "ww_alloc") (param $bytes i32) (param $align i32) (result i32)
  (local $at i32) (local $pages i32)
  (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 15)) (i32.const -16)))
  (local.set $pages (i32.shr_u (i32.add (i32.add (local.get $at) (local.get $bytes)) (i32.const 65535)) (i32.const 16)))
  (if (i32.gt_u (local.get $pages) (memory.size)) (then
    (if (i32.eq (memory.grow (i32.sub (local.get $pages) (memory.size))) (i32.const -1)) (then (return (i32.const 0))))))
  (global.set $heap (i32.add (local.get $at) (local.get $bytes)))
  (local.get $at))
(func (export "ww_free") (param i32 i32 i32))
"#;

fn abi(manifest: &str, pointer: u64) -> String {
    let mut data = String::new();
    for byte in manifest.bytes() {
        write!(data, "\\{byte:02x}").unwrap();
    }
    format!(
        r#"(memory (export "memory") 4)
           (data (i32.const 16) "{data}")
           (func (export "ww_abi") (result i32) (i32.const 1))
           (func (export "ww_manifest") (result i64) (i64.const {pointer}))"#
    )
}

/// A function that gives its first argument back, whatever its type is.
fn echo(name: &str) -> String {
    let mut body =
        format!("(func (export \"{name}\") (param $args i32) (param $rows i32) (param $out i32) (result i32)");
    for field in [12, 16, 20, 24, 28] {
        write!(
            body,
            "(i32.store offset={field} (local.get $out) (i32.load offset={field} (local.get $args)))"
        )
        .unwrap();
    }
    body + "(i32.const 0))"
}

fn sandbox() -> Sandbox {
    Sandbox::new(Limits::default()).unwrap()
}

/// A sandbox in which what does not end ends soon.
fn hasty() -> Sandbox {
    Sandbox::new(Limits {
        call_ms: 200,
        start_ms: 200,
        ..Limits::default()
    })
    .unwrap()
}

fn load_text(text: &str) -> LoadedPlugin {
    load(&sandbox(), "test", text.as_bytes(), true).unwrap()
}

fn broken(sandbox: &Sandbox, text: &str) -> String {
    load(sandbox, "test", text.as_bytes(), true).expect_err("must not load")
}

fn scalar(text: &str) -> Arc<dyn ScalarFunction> {
    load_text(text).scalars.remove(0)
}

fn stream(text: &str) -> Arc<dyn StreamFunction> {
    load_text(text).streams.remove(0)
}

/// Calls with a value per row in every argument.
fn call(function: &dyn ScalarFunction, args: &[ArrayRef]) -> Result<ArrayRef, Error> {
    let rows = args.first().map_or(1, Array::len);
    function.call(args, &vec![false; args.len()], rows)
}

fn doubles(values: impl IntoIterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(Float64Array::from_iter(values))
}

fn ints(values: impl IntoIterator<Item = Option<i32>>) -> ArrayRef {
    Arc::new(Int32Array::from_iter(values))
}

fn longs(values: impl IntoIterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(Int64Array::from_iter(values))
}

fn strings(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn to_doubles(array: &ArrayRef) -> Vec<Option<f64>> {
    array.as_primitive::<Float64Type>().iter().collect()
}
