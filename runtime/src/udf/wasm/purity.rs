//! Which functions of a plain module can remember: whether one call could leave something behind for the next.
//!
//! A plain function says nothing about itself, so its code is read. It is immutable when neither it nor what it calls writes
//! a memory, table or global, and it reads none that another function of the module writes. What cannot be followed
//! (calls through a table) counts as writing: the answer may be too careful, and never too bold.

use std::collections::HashMap;

use wasmparser::{Operator, Parser, Payload};

/// What one function does to the state of its module.
#[derive(Debug, Clone, Copy, Default)]
struct Touches {
    reads: bool,
    writes: bool,
}

impl Touches {
    fn and(self, other: Self) -> Self {
        Self {
            reads: self.reads || other.reads,
            writes: self.writes || other.writes,
        }
    }
}

/// One function's own code.
#[derive(Debug, Default)]
struct Code {
    touches: Touches,
    calls: Vec<u32>,
}

/// For each of these exports, whether it is immutable. The module is valid and has no imports.
pub(super) fn immutable(binary: &[u8], exports: &[&str]) -> Vec<bool> {
    let Ok((codes, indices)) = read(binary) else {
        // Not reached by a module that compiled; if it is, nothing is known of it.
        return vec![false; exports.len()];
    };
    let all = closures(&codes);
    let of = |export: &&str| {
        indices
            .get(*export)
            .and_then(|index| all.get(*index as usize))
            .copied()
            .unwrap_or(Touches {
                reads: true,
                writes: true,
            })
    };
    let touches: Vec<Touches> = exports.iter().map(of).collect();
    let written = touches.iter().any(|touches| touches.writes);
    touches
        .iter()
        .map(|touches| !(touches.writes || touches.reads && written))
        .collect()
}

type Functions = (Vec<Code>, HashMap<String, u32>);

fn read(binary: &[u8]) -> Result<Functions, wasmparser::BinaryReaderError> {
    let mut codes = Vec::new();
    let mut indices = HashMap::new();
    for payload in Parser::new(0).parse_all(binary) {
        match payload? {
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    if export.kind == wasmparser::ExternalKind::Func {
                        indices.insert(export.name.to_owned(), export.index);
                    }
                }
            }
            Payload::CodeSectionEntry(body) => {
                let mut code = Code::default();
                for operator in body.get_operators_reader()? {
                    note(&operator?, &mut code);
                }
                codes.push(code);
            }
            _ => {}
        }
    }
    Ok((codes, indices))
}

/// What each function does with all that it calls, found by going round until nothing is new.
fn closures(codes: &[Code]) -> Vec<Touches> {
    let mut all: Vec<Touches> = codes.iter().map(|code| code.touches).collect();
    let mut callers: Vec<Vec<usize>> = vec![Vec::new(); codes.len()];
    for (caller, code) in codes.iter().enumerate() {
        for callee in &code.calls {
            if let Some(callers) = callers.get_mut(*callee as usize) {
                callers.push(caller);
            }
        }
    }
    let mut changed: Vec<usize> = (0..codes.len()).collect();
    while let Some(callee) = changed.pop() {
        for caller in &callers[callee] {
            let (before, after) = (all[*caller], all[*caller].and(all[callee]));
            if (before.reads, before.writes) != (after.reads, after.writes) {
                all[*caller] = after;
                changed.push(*caller);
            }
        }
    }
    all
}

fn note(operator: &Operator<'_>, code: &mut Code) {
    if let Operator::Call { function_index } | Operator::ReturnCall { function_index } = operator {
        code.calls.push(*function_index);
        return;
    }
    let (proposal, name) = name(operator);
    if !KNOWN_PROPOSALS.contains(&proposal) || WRITING.contains(&name) || name.contains("Store") {
        code.touches.writes = true;
    } else if READING.contains(&name) || name.contains("Load") {
        code.touches.reads = true;
    }
}

/// Whether an instruction means the same in any module: it touches nothing but values and local variables, and calls nothing.
pub(super) fn stays_inside(operator: &Operator<'_>) -> bool {
    const PROPOSALS: &[&str] = &["mvp", "sign_extension", "saturating_float_to_int", "simd"];
    let mut code = Code::default();
    note(operator, &mut code);
    PROPOSALS.contains(&name(operator).0) && code.calls.is_empty() && !code.touches.reads && !code.touches.writes
}

/// Parts of the language of which all instructions are looked through here. Of the others any instruction counts as writing.
const KNOWN_PROPOSALS: &[&str] = &[
    "mvp",
    "sign_extension",
    "saturating_float_to_int",
    "simd",
    "reference_types",
    "tail_call",
    "wide_arithmetic",
];
/// Instructions that write, or may call what writes; and all whose name has `Store` in it.
const WRITING: &[&str] = &[
    "GlobalSet",
    "MemoryGrow",
    "TableSet",
    "TableGrow",
    "TableFill",
    "CallIndirect",
    "ReturnCallIndirect",
];
/// Instructions that read what can be written; and all whose name has `Load` in it.
const READING: &[&str] = &["GlobalGet", "MemorySize", "TableGet", "TableSize"];

macro_rules! define_name {
    ($( @$proposal:ident $op:ident $({ $($arg:ident: $type:ty),* })? => $visit:ident ($($arity:tt)*) )*) => {
        /// The proposal and the name of an instruction.
        fn name(operator: &Operator<'_>) -> (&'static str, &'static str) {
            match operator {
                $( Operator::$op { .. } => (stringify!($proposal), stringify!($op)), )*
                _ => ("unknown", "unknown"),
            }
        }
    };
}

wasmparser::for_each_operator!(define_name);

#[cfg(test)]
mod tests {
    use super::immutable;

    fn of(body: &str, exports: &[&str]) -> Vec<bool> {
        let binary = wat::parse_str(format!("(module {body})")).expect("the test's text is right");
        immutable(&binary, exports)
    }

    const STATE: &str = "(memory 1) (table 1 funcref) (global $g (mut i32) (i32.const 0)) (data $d \"x\") (type $t (func (result i32)))";

    #[test]
    fn arithmetic_is_immutable_whatever_else_the_module_has() {
        let body = format!(
            "{STATE} (func $helper (param f64) (result f64) (f64.sqrt (local.get 0)))
            (func (export \"f\") (param f64 f64) (result f64) (local f64)
              (local.set 2 (call $helper (local.get 0)))
              (block (br_if 0 (f64.lt (local.get 1) (f64.const 0))) (local.set 2 (f64.neg (local.get 2))))
              (f64.mul (local.get 2) (f64x2.extract_lane 0 (f64x2.splat (local.get 1)))))"
        );
        assert_eq!(of(&body, &["f"]), [true]);
    }

    #[test]
    fn every_way_to_write_is_found_through_calls() {
        for write in [
            "(global.set $g (i32.const 1))",
            "(i32.store8 (i32.const 0) (i32.const 1))",
            "(f64.store (i32.const 0) (f64.const 1))",
            "(v128.store (i32.const 0) (v128.const i32x4 0 0 0 0))",
            "(v128.store8_lane 0 (i32.const 0) (v128.const i32x4 0 0 0 0))",
            "(drop (memory.grow (i32.const 1)))",
            "(memory.fill (i32.const 0) (i32.const 0) (i32.const 1))",
            "(memory.copy (i32.const 0) (i32.const 1) (i32.const 1))",
            "(memory.init $d (i32.const 0) (i32.const 0) (i32.const 1))",
            "(data.drop $d)",
            "(table.set (i32.const 0) (ref.null func))",
            "(drop (table.grow (ref.null func) (i32.const 1)))",
            "(table.fill (i32.const 0) (ref.null func) (i32.const 1))",
            "(drop (call_indirect (type $t) (i32.const 0)))",
        ] {
            let body = format!(
                "{STATE} (func (export \"pure\") (result i32) (i32.const 1))
                (func (export \"reads\") (result i32) (i32.load (i32.const 0)))
                (func (export \"f\") (result i32) (call $a))
                (func $a (result i32) (if (i32.const 0) (then (call $b))) (i32.const 1))
                (func $b (drop (call $a)) {write})"
            );
            assert_eq!(of(&body, &["pure", "reads", "f"]), [true, false, false], "{write}");
        }
    }

    #[test]
    fn reading_what_nobody_writes_is_immutable() {
        for read in [
            "(i32.load8_u (i32.const 0))",
            "(global.get $g)",
            "(memory.size)",
            "(table.size)",
        ] {
            let body = format!("{STATE} (func (export \"f\") (result i32) {read})");
            assert_eq!(of(&body, &["f"]), [true], "{read}");
            // A writer that SQL cannot call does not count.
            let body = format!("{body} (func (export \"__w\") (global.set $g (i32.const 1)))");
            assert_eq!(of(&body, &["f"]), [true], "{read}");
            assert_eq!(of(&body, &["f", "__w"]), [false, false], "{read}");
        }
    }

    #[test]
    fn nothing_known_is_not_immutable() {
        assert_eq!(of("", &["f"]), [false]);
        assert_eq!(immutable(b"garbage", &["f", "g"]), [false, false]);
    }
}
