//! From the bytes of a file to compiled code: what the file is, what it may not ask for, which door it takes.
//!
//! The code itself is made in `compiled`.

use std::borrow::Cow;

use wasmtime::{ExternType, FuncType, Module, ValType};

use super::compiled::code_of;
use super::engine::Sandbox;
use super::granted::Granted;
use super::wasi_stub;
use crate::udf::Kind;
use crate::udf::limits::bytes_text;
use crate::udf::manifest::FunctionSpec;

/// Imports that an error names one by one.
const IMPORTS_NAMED_MAX: usize = 5;

/// How a file's functions are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// By ABI 1.
    Columnar,
    /// Plain functions of numbers.
    Plain,
}

/// The binary form of a `.wasm` or `.wat` file. The error is a reason without the plugin's name.
pub(super) fn to_binary(bytes: &[u8], text: bool, bytes_max: usize) -> Result<Cow<'_, [u8]>, String> {
    if bytes.len() > bytes_max {
        return Err(format!(
            "it has {} bytes; the limit is {}",
            bytes.len(),
            bytes_text(bytes_max)
        ));
    }
    let binary = if text {
        wat::parse_bytes(bytes).map_err(|e| format!("it is not WebAssembly text: {e}"))?
    } else {
        Cow::Borrowed(bytes)
    };
    match *binary {
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => Ok(binary),
        _ if super::component::is_component(&binary) => Ok(binary),
        _ => Err("it is not a WebAssembly module".to_owned()),
    }
}

/// Compiles a module, and refuses one with imports; a columnar one may have those that `wasi_stub` answers.
pub(super) fn compile(sandbox: &Sandbox, binary: &[u8]) -> Result<Module, String> {
    let module: Module =
        code_of(sandbox, binary).map_err(|e| format!("it is not a module that can run here: {e:#}"))?;
    refuse_imports(&module, sandbox.granted())?;
    Ok(module)
}

/// A guest gets from outside what its sidecar grants, so one that asks for more cannot start.
fn refuse_imports(module: &Module, granted: &Granted) -> Result<(), String> {
    // The code of a plain module is read by function number, which imports would shift.
    let columnar = door(module) == Door::Columnar;
    let mut names = Vec::new();
    for import in module.imports() {
        let name = || format!("{}.{}", short(import.module()), short(import.name()));
        match granted.function(import.module(), import.name()) {
            _ if columnar && wasi_stub::gives(import.module(), import.name()) => {}
            Some(Ok(())) if columnar => {}
            Some(Err(grant)) if columnar => return Err(not_granted(&name(), grant)),
            _ => names.push(name()),
        }
    }
    refuse_named(&names)
}

/// The words for an import that exists and is not granted.
pub(super) fn not_granted(import: &str, grant: &str) -> String {
    format!(
        "it imports {import}, which its sidecar does not grant: write {grant} = true under [grants], if you trust it with that"
    )
}

/// Refuses these imports, the first few by name.
pub(super) fn refuse_named(imports: &[String]) -> Result<(), String> {
    if imports.is_empty() {
        return Ok(());
    }
    let mut names: Vec<String> = imports.iter().take(IMPORTS_NAMED_MAX).map(|name| short(name)).collect();
    if imports.len() > IMPORTS_NAMED_MAX {
        names.push(format!("{} more", imports.len() - IMPORTS_NAMED_MAX));
    }
    Err(format!(
        "it imports {}; plugins get no imports: build it without a system interface",
        names.join(", ")
    ))
}

fn short(name: &str) -> String {
    name.chars()
        .take(64)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// Which door the module takes: `ww_abi` is what makes it a columnar one.
pub(super) fn door(module: &Module) -> Door {
    if module.get_export("ww_abi").is_some() {
        Door::Columnar
    } else {
        Door::Plain
    }
}

/// Checks the exports that every columnar plugin has.
pub(super) fn check_exports(module: &Module) -> Result<(), String> {
    match module.get_export("memory") {
        Some(ExternType::Memory(_)) => {}
        _ => return Err("it exports no memory called memory".to_owned()),
    }
    let (int, long) = (ValType::I32, ValType::I64);
    let two = [int.clone(), int.clone()];
    let three = [int.clone(), int.clone(), int.clone()];
    check_export(module, "ww_abi", &[], std::slice::from_ref(&int))?;
    check_export(module, "ww_manifest", &[], std::slice::from_ref(&long))?;
    check_export(module, "ww_alloc", &two, &[int])?;
    check_export(module, "ww_free", &three, &[])?;
    if module.get_export("ww_last_error").is_some() {
        check_export(module, "ww_last_error", &[], &[long])?;
    }
    if module.get_export("_initialize").is_some() {
        check_export(module, "_initialize", &[], &[])?;
    }
    Ok(())
}

/// Checks the exports of one function of the manifest.
pub(super) fn check_function(module: &Module, function: &FunctionSpec) -> Result<(), String> {
    let exports: &[(&str, usize)] = match function.kind {
        Kind::Scalar | Kind::Table if function.is_set_up() => &[("_new", 1), ("", 3)],
        Kind::Scalar | Kind::Table => &[("", 3)],
        Kind::Stream => &[("_new", 1), ("_push", 4), ("_save", 3), ("_load", 4), ("_drop", 2)],
        Kind::Aggregate => &[
            ("_new", 1),
            ("_update", 3),
            ("_merge", 3),
            ("_finish", 3),
            ("_save", 3),
            ("_load", 4),
            ("_drop", 2),
        ],
    };
    let retract = format!("{}_retract", function.export);
    if function.kind == Kind::Aggregate && (function.retracts || module.get_export(&retract).is_some()) {
        check_export(module, &retract, &vec![ValType::I32; 3], &[ValType::I32])
            .map_err(|reason| format!("function {}: {reason}", function.name))?;
    }
    for (suffix, params) in exports {
        check_export(
            module,
            &format!("{}{suffix}", function.export),
            &vec![ValType::I32; *params],
            &[ValType::I32],
        )
        .map_err(|reason| format!("function {}: {reason}", function.name))?;
    }
    Ok(())
}

fn check_export(module: &Module, name: &str, params: &[ValType], results: &[ValType]) -> Result<(), String> {
    let due = || type_text(params.iter().cloned(), results.iter().cloned());
    match module.get_export(name) {
        Some(ExternType::Func(ty)) if is_type(&ty, params, results) => Ok(()),
        Some(ExternType::Func(ty)) => Err(format!(
            "its export {name} is {}; ABI 1 asks for {}",
            type_text(ty.params(), ty.results()),
            due()
        )),
        Some(_) => Err(format!("its export {name} is not a function")),
        None => Err(format!("it has no export {name} of type {}", due())),
    }
}

fn is_type(ty: &FuncType, params: &[ValType], results: &[ValType]) -> bool {
    let same = |a: &mut dyn Iterator<Item = ValType>, b: &[ValType]| {
        let a: Vec<ValType> = a.collect();
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| ValType::eq(a, b))
    };
    same(&mut ty.params(), params) && same(&mut ty.results(), results)
}

fn type_text(params: impl Iterator<Item = ValType>, results: impl Iterator<Item = ValType>) -> String {
    let list = |types: Vec<String>| types.join(", ");
    let results: Vec<String> = results.map(|ty| ty.to_string()).collect();
    let results = if results.is_empty() {
        "()".to_owned()
    } else {
        list(results)
    };
    format!("({}) -> {results}", list(params.map(|ty| ty.to_string()).collect()))
}
