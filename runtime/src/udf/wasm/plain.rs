//! The plain door: exported functions of numbers become SQL functions, without any SDK.
//!
//! Calling such a function from the host costs about 25 ns a row. So the host writes a small module that speaks ABI 1 on
//! one side and loops over the rows on the other; the loop and the function both run inside of the sandbox, and a batch is
//! one call. From then on a plain plugin is a columnar one.

use std::fmt::Write;

use wasmtime::{ExternType, FuncType, Module, ValType};

use crate::types::schema::SqlType;
use crate::udf::manifest::{ArgSpec, FunctionSpec, Manifest, is_identifier};
use crate::udf::{Kind, Limits, SkipReason, SkippedFunction, Volatility};

/// Rows per turn of a loop: the deadline's check is paid once for them.
const ROWS_PER_TURN: usize = 16;
/// The same for a module of so many functions that compiling long loops for each would take longer than they save.
const ROWS_PER_TURN_OF_MANY: usize = 2;
/// How many functions are many.
const MANY_FUNCTIONS: usize = 32;

/// One function behind the plain door.
pub(super) struct PlainFunction {
    /// Its export.
    pub(super) export: String,
    params: Vec<Number>,
    result: Number,
}

/// A number type of WebAssembly, as SQL sees it.
#[derive(Debug, Clone, Copy)]
enum Number {
    I32,
    I64,
    F32,
    F64,
}

impl Number {
    fn of(ty: &ValType) -> Option<Self> {
        match ty {
            ValType::I32 => Some(Self::I32),
            ValType::I64 => Some(Self::I64),
            ValType::F32 => Some(Self::F32),
            ValType::F64 => Some(Self::F64),
            _ => None,
        }
    }

    fn sql_type(self) -> SqlType {
        match self {
            Self::I32 => SqlType::Integer,
            Self::I64 => SqlType::Bigint,
            Self::F32 | Self::F64 => SqlType::Double,
        }
    }

    /// Bytes of one value in its column.
    fn width(self) -> usize {
        match self {
            Self::I32 => 4,
            Self::I64 | Self::F32 | Self::F64 => 8,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F32 => "f32",
            Self::F64 => "f64",
        }
    }
}

/// The functions of a plain module, and its manifest as if it had written one.
pub(super) fn describe(
    module: &Module,
    binary: &[u8],
    limits: &Limits,
) -> Result<(Vec<PlainFunction>, Manifest), String> {
    let mut functions = Vec::new();
    let mut manifest = Manifest {
        version: None,
        functions: Vec::new(),
        skipped: Vec::new(),
    };
    let volatility = volatility(module, binary);
    for export in module.exports() {
        let ExternType::Func(ty) = export.ty() else {
            continue;
        };
        let name = export.name();
        // Of the toolchain, and of a columnar plugin that lost its ww_abi.
        if name.starts_with('_') || name.starts_with("ww_") {
            continue;
        }
        let Some((params, result)) = numbers(&ty, limits) else {
            continue;
        };
        if !is_identifier(name) || name.len() > limits.name_chars {
            manifest.skipped.push(SkippedFunction {
                signature: name.chars().take(limits.name_chars).collect(),
                reason: SkipReason::NotAnIdentifier,
            });
            continue;
        }
        let number = functions.len();
        if number == limits.functions {
            return Err(format!("it exports more than {} functions", limits.functions));
        }
        let spec = spec(name, number, &params, result, volatility);
        // Exports may differ in case alone, SQL names may not.
        if manifest
            .functions
            .iter()
            .any(|other| other.signature() == spec.signature())
        {
            return Err(format!("two exports are the SQL function {}", spec.signature()));
        }
        manifest.functions.push(spec);
        functions.push(PlainFunction {
            export: name.to_owned(),
            params,
            result,
        });
    }
    if functions.is_empty() {
        return Err(
            "it exports neither ww_abi nor a function of numbers (i32, i64, f32, f64) with one result".to_owned(),
        );
    }
    Ok((functions, manifest))
}

fn numbers(ty: &FuncType, limits: &Limits) -> Option<(Vec<Number>, Number)> {
    let params: Vec<Number> = ty.params().map(|ty| Number::of(&ty)).collect::<Option<_>>()?;
    let mut results = ty.results();
    let result = Number::of(&results.next()?)?;
    (results.next().is_none() && params.len() <= limits.args).then_some((params, result))
}

fn spec(name: &str, number: usize, params: &[Number], result: Number, volatility: Volatility) -> FunctionSpec {
    FunctionSpec {
        name: name.to_owned(),
        kind: Kind::Scalar,
        export: loop_export(number),
        args: params
            .iter()
            .enumerate()
            .map(|(i, param)| ArgSpec {
                name: arg_name(i),
                sql_type: param.sql_type(),
                constant: false,
            })
            .collect(),
        returns: result.sql_type(),
        null_in_null_out: true,
        expand_constants: true,
        volatility,
        state_version: 1,
        reads_state_versions: Vec::new(),
        doc: None,
    }
}

/// `a`, `b`, ... `z`, `a2`, `b2`, ...
fn arg_name(i: usize) -> String {
    let letter = char::from(b'a' + u8::try_from(i % 26).unwrap_or(0));
    match i / 26 {
        0 => letter.to_string(),
        round => format!("{letter}{}", round + 1),
    }
}

fn loop_export(number: usize) -> String {
    format!("f{number}")
}

/// Immutable where there is nothing in which one call could leave something for the next.
fn volatility(module: &Module, binary: &[u8]) -> Volatility {
    let resources = module.resources_required();
    if resources.num_memories == 0 && resources.num_tables == 0 && !has_globals(binary) {
        Volatility::Immutable
    } else {
        Volatility::Volatile
    }
}

/// Whether a valid module defines globals: whether one of its sections is number 6.
fn has_globals(binary: &[u8]) -> bool {
    const GLOBALS: u8 = 6;
    let mut rest = binary.get(8..).unwrap_or_default();
    while let Some((&id, after)) = rest.split_first() {
        let (size, bytes) = leb128(after);
        if id == GLOBALS && after.get(bytes) != Some(&0) {
            return true;
        }
        rest = after.get(bytes.saturating_add(size)..).unwrap_or_default();
    }
    false
}

/// An unsigned number as WebAssembly writes it, and the bytes it takes.
fn leb128(bytes: &[u8]) -> (usize, usize) {
    let mut value = 0;
    for (i, byte) in bytes.iter().take(5).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return (value, i + 1);
        }
    }
    (value, bytes.len())
}

/// The text of the module that loops over rows: ABI 1 outside, one call per row inside.
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
