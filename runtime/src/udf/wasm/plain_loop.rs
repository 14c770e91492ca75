//! The text of the module that stands between the host and a plain module: ABI 1 outside, one call per row inside.

use std::fmt::Write;

use super::plain::{Number, PlainFunction};

/// Rows per turn of a loop: the deadline's check is paid once for them.
const ROWS_PER_TURN: usize = 16;
/// The same for a module of so many functions that compiling long loops for each would take longer than they save.
const ROWS_PER_TURN_OF_MANY: usize = 2;
/// How many functions are many.
const MANY_FUNCTIONS: usize = 32;

/// The module that loops over rows.
pub(super) fn loop_module(functions: &[PlainFunction]) -> String {
    let mut text = String::from("(module\n");
    for (number, function) in functions.iter().enumerate() {
        line(
            &mut text,
            format_args!("(import \"guest\" \"{number}\" (func $g{number}"),
        );
        for param in &function.params {
            line(&mut text, format_args!("(param {})", param.name()));
        }
        line(&mut text, format_args!("(result {})))", function.result.name()));
    }
    text.push_str(ARENA);
    let rows_per_turn = if functions.len() < MANY_FUNCTIONS {
        ROWS_PER_TURN
    } else {
        ROWS_PER_TURN_OF_MANY
    };
    for (number, function) in functions.iter().enumerate() {
        loop_function(&mut text, number, function, rows_per_turn);
    }
    text.push(')');
    text
}

/// The memory of the loop module holds nothing but the one arena of the host.
const ARENA: &str = r#"
(memory (export "memory") 1)
(func (export "ww_alloc") (param $bytes i32) (param $align i32) (result i32)
  (local $pages i32)
  ;; from address 16 on, as address 0 stands for none
  (local.set $pages (i32.shr_u (i32.add (local.get $bytes) (i32.const 65551)) (i32.const 16)))
  (if (i32.gt_u (local.get $pages) (memory.size))
    (then (if (i32.eq (memory.grow (i32.sub (local.get $pages) (memory.size))) (i32.const -1))
      (then (return (i32.const 0))))))
  (i32.const 16))
(func (export "ww_free") (param i32 i32 i32))
"#;

/// The export of the loop over function `number`.
pub(super) fn loop_export(number: usize) -> String {
    format!("f{number}")
}

fn loop_function(text: &mut String, number: usize, function: &PlainFunction, rows_per_turn: usize) {
    line(text, format_args!("(func (export \"{}\")", loop_export(number)));
    text.push_str("(param $args i32) (param $rows i32) (param $out i32) (result i32) (local $o i32)\n");
    for i in 0..function.params.len() {
        line(text, format_args!("(local $p{i} i32)"));
    }
    for i in 0..function.params.len() {
        let values_at = i * 32 + 16;
        line(
            text,
            format_args!("(local.set $p{i} (i32.load offset={values_at} (local.get $args)))"),
        );
    }
    text.push_str("(local.set $o (i32.load offset=16 (local.get $out)))\n");
    for (label, rows) in [("strips", rows_per_turn), ("rest", 1)] {
        line(text, format_args!("(block $end_{label} (loop ${label}"));
        line(
            text,
            format_args!("(br_if $end_{label} (i32.lt_u (local.get $rows) (i32.const {rows})))"),
        );
        for row in 0..rows {
            call_row(text, number, function, row);
        }
        for (i, param) in function.params.iter().enumerate() {
            advance(text, &format!("$p{i}"), rows * param.width());
        }
        advance(text, "$o", rows * function.result.width());
        line(
            text,
            format_args!("(local.set $rows (i32.sub (local.get $rows) (i32.const {rows})))"),
        );
        line(text, format_args!("(br ${label})))"));
    }
    text.push_str("(i32.const 0))\n");
}

/// Loads the arguments of a row, calls the function, stores its result.
fn call_row(text: &mut String, number: usize, function: &PlainFunction, row: usize) {
    let (store, close) = match function.result {
        Number::F32 => ("f64.store", ")))"),
        Number::I32 => ("i32.store", "))"),
        Number::I64 => ("i64.store", "))"),
        Number::F64 => ("f64.store", "))"),
    };
    let widen = if matches!(function.result, Number::F32) {
        "(f64.promote_f32"
    } else {
        ""
    };
    let offset = row * function.result.width();
    line(
        text,
        format_args!("({store} offset={offset} (local.get $o) {widen} (call $g{number}"),
    );
    for (i, param) in function.params.iter().enumerate() {
        let offset = row * param.width();
        let (load, close) = match param {
            Number::F32 => ("(f32.demote_f64 (f64.load", "))"),
            Number::I32 => ("(i32.load", ")"),
            Number::I64 => ("(i64.load", ")"),
            Number::F64 => ("(f64.load", ")"),
        };
        line(text, format_args!("{load} offset={offset} (local.get $p{i}){close}"));
    }
    line(text, format_args!("{close}"));
}

fn advance(text: &mut String, local: &str, bytes: usize) {
    line(
        text,
        format_args!("(local.set {local} (i32.add (local.get {local}) (i32.const {bytes})))"),
    );
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("a String can be written");
    text.push('\n');
}
