//! Bodies of plain functions that can stand inside of the loop over the rows: a call costs more than the few operations that
//! such a function often has.
//!
//! A body qualifies when it is short, calls nothing, and touches no memory, global or table: it then means the same in the
//! loop's module as in its own. Its instructions are taken as they are, but for the numbers of local variables and
//! `return`, which becomes a jump to the end of the body.

use std::collections::HashMap;

use wasmparser::{BlockType, FunctionBody, Operator, Parser, Payload, ValType};

use super::module_writer::op;
use super::purity::stays_inside;

/// Instructions of a body that is put into a loop. Longer ones gain little and make the loop long.
const INSTRUCTIONS_MAX: usize = 64;
/// Its local variables.
const LOCALS_MAX: u32 = 32;

/// A body that can stand in a loop.
#[derive(Debug)]
pub(super) struct Body<'a> {
    /// Types of its local variables other than parameters, as WebAssembly writes them.
    pub(super) locals: Vec<u8>,
    /// Its instructions, with the `end` of the function, which ends the block that the body becomes.
    pub(super) pieces: Vec<Piece<'a>>,
}

/// Part of a body.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    /// Instructions as they are.
    Code(&'a [u8]),
    /// `local.get`, `local.set` or `local.tee`, whichever the code says, of a variable.
    Local { opcode: u8, index: u32 },
    /// A jump out of so many blocks and of the body.
    Return { depth: u32 },
}

/// For each of these exports, its body when that can stand in a loop. The module is valid and has no imports.
pub(super) fn bodies<'a>(binary: &'a [u8], exports: &[&str]) -> Vec<Option<Body<'a>>> {
    let Ok((codes, indices)) = read(binary) else {
        // Not reached by a module that compiled; calls are right in any case.
        return exports.iter().map(|_| None).collect();
    };
    exports
        .iter()
        .map(|export| {
            let code = codes.get(*indices.get(*export)? as usize)?;
            body(binary, code).ok().flatten()
        })
        .collect()
}

type Functions<'a> = (Vec<FunctionBody<'a>>, HashMap<&'a str, u32>);

fn read(binary: &[u8]) -> Result<Functions<'_>, wasmparser::BinaryReaderError> {
    let mut codes = Vec::new();
    let mut indices = HashMap::new();
    for payload in Parser::new(0).parse_all(binary) {
        match payload? {
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    if export.kind == wasmparser::ExternalKind::Func {
                        indices.insert(export.name, export.index);
                    }
                }
            }
            Payload::CodeSectionEntry(body) => codes.push(body),
            _ => {}
        }
    }
    Ok((codes, indices))
}

/// The body of a function taken apart; `None` when it must stay where it is.
fn body<'a>(binary: &'a [u8], code: &FunctionBody<'a>) -> Result<Option<Body<'a>>, wasmparser::BinaryReaderError> {
    let Some(locals) = locals(code)? else {
        return Ok(None);
    };
    let mut pieces = Vec::new();
    let mut reader = code.get_operators_reader()?;
    let (mut depth, mut count) = (0_u32, 0);
    // Where the instructions begin that are not in a piece yet.
    let mut from = reader.original_position();
    while !reader.eof() {
        let at = reader.original_position();
        let operator = reader.read()?;
        let after = reader.original_position();
        count += 1;
        if count > INSTRUCTIONS_MAX || !stays_inside(&operator) {
            return Ok(None);
        }
        let changed = match operator {
            Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => {
                match blockty {
                    BlockType::Empty | BlockType::Type(ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64) => {}
                    // It names a type of the module.
                    _ => return Ok(None),
                }
                depth += 1;
                None
            }
            Operator::End => {
                depth = depth.saturating_sub(1);
                None
            }
            Operator::LocalGet { local_index: index } => Some(Piece::Local {
                opcode: op::LOCAL_GET,
                index,
            }),
            Operator::LocalSet { local_index: index } => Some(Piece::Local {
                opcode: op::LOCAL_SET,
                index,
            }),
            Operator::LocalTee { local_index: index } => Some(Piece::Local {
                opcode: op::LOCAL_TEE,
                index,
            }),
            Operator::Return => Some(Piece::Return { depth }),
            _ => None,
        };
        if let Some(piece) = changed {
            pieces.push(Piece::Code(&binary[from..at]));
            pieces.push(piece);
            from = after;
        }
    }
    pieces.push(Piece::Code(&binary[from..reader.original_position()]));
    Ok(Some(Body { locals, pieces }))
}

/// Types of the local variables, when they are numbers and few.
fn locals(code: &FunctionBody<'_>) -> Result<Option<Vec<u8>>, wasmparser::BinaryReaderError> {
    let mut types = Vec::new();
    for group in code.get_locals_reader()? {
        let (count, ty) = group?;
        let ty = match ty {
            ValType::I32 => op::I32,
            ValType::I64 => op::I64,
            ValType::F32 => op::F32,
            ValType::F64 => op::F64,
            _ => return Ok(None),
        };
        if count > LOCALS_MAX || types.len() + count as usize > LOCALS_MAX as usize {
            return Ok(None);
        }
        types.extend(std::iter::repeat_n(ty, count as usize));
    }
    Ok(Some(types))
}

#[cfg(test)]
mod tests {
    use super::bodies;

    fn fits(module: &str) -> bool {
        let binary = wat::parse_str(format!("(module {module})")).expect("the test's text is right");
        bodies(&binary, &["f"])[0].is_some()
    }

    #[test]
    fn short_arithmetic_fits() {
        assert!(fits(
            r#"(func (export "f") (param f64) (result f64) (f64.sqrt (local.get 0)))"#
        ));
        assert!(fits(
            r#"(func (export "f") (param i32) (result i32) (local i64 f32)
                (block (br_if 0 (local.get 0)) (return (i32.const 1)))
                (if (result i32) (local.get 0) (then (i32.const 2)) (else (i32.const 3))))"#
        ));
    }

    #[test]
    fn what_needs_its_module_does_not() {
        for module in [
            r#"(func (export "f") (result i32) (call $g)) (func $g (result i32) (i32.const 1))"#,
            r#"(memory 1) (func (export "f") (result i32) (i32.load (i32.const 0)))"#,
            r#"(memory 1) (func (export "f") (result i32) (memory.size))"#,
            r#"(global $g i32 (i32.const 1)) (func (export "f") (result i32) (global.get $g))"#,
            r#"(func (export "f") (result i32) (i32.const 1) (i32.const 2) (block (param i32 i32) (result i32) (i32.add)))"#,
            r#"(func (export "f") (result i32) (local funcref) (i32.const 1))"#,
            r#"(func (export "f") (result i32) (ref.is_null (ref.null func)))"#,
        ] {
            assert!(!fits(module), "{module}");
        }
    }

    #[test]
    fn what_is_long_does_not() {
        let long = |count| {
            let more = "(local.set 0 (f64.sqrt (local.get 0)))".repeat(count);
            format!(r#"(func (export "f") (param f64) (result f64) {more} (local.get 0))"#)
        };
        assert!(fits(&long(20)));
        assert!(!fits(&long(21)));
        let locals = "i32 ".repeat(33);
        assert!(!fits(&format!(
            r#"(func (export "f") (result i32) (local {locals}) (i32.const 1))"#
        )));
        assert!(bodies(b"garbage", &["f"])[0].is_none());
    }
}
