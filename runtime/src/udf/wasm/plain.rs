//! The plain door: exported functions of numbers become SQL functions, without any SDK.
//!
//! Calling such a function from the host costs about 25 ns a row. So the host writes a small module that speaks ABI 1 on
//! one side and loops over the rows on the other; the loop and the function both run inside of the sandbox, and a batch is
//! one call. From then on a plain plugin is a columnar one.

use wasmtime::{ExternType, FuncType, Module, ValType};

use super::plain_loop::loop_export;
use super::purity;
use crate::types::schema::SqlType;
use crate::udf::manifest::{ArgSpec, FunctionSpec, Manifest, is_identifier};
use crate::udf::{Kind, Limits, SkipReason, SkippedFunction, Volatility};

/// One function behind the plain door.
pub(super) struct PlainFunction {
    /// Its export.
    pub(super) export: String,
    pub(super) params: Vec<Number>,
    pub(super) result: Number,
}

/// A number type of WebAssembly, as SQL sees it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Number {
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
    pub(super) fn width(self) -> u32 {
        match self {
            Self::I32 => 4,
            Self::I64 | Self::F32 | Self::F64 => 8,
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
        let spec = spec(name, number, &params, result);
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
    let exports: Vec<&str> = functions.iter().map(|function| function.export.as_str()).collect();
    for (spec, immutable) in manifest.functions.iter_mut().zip(purity::immutable(binary, &exports)) {
        if immutable {
            spec.volatility = Volatility::Immutable;
        }
    }
    Ok((functions, manifest))
}

fn numbers(ty: &FuncType, limits: &Limits) -> Option<(Vec<Number>, Number)> {
    let params: Vec<Number> = ty.params().map(|ty| Number::of(&ty)).collect::<Option<_>>()?;
    let mut results = ty.results();
    let result = Number::of(&results.next()?)?;
    (results.next().is_none() && params.len() <= limits.args).then_some((params, result))
}

fn spec(name: &str, number: usize, params: &[Number], result: Number) -> FunctionSpec {
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
                default: None,
                variadic: false,
                constant: false,
            })
            .collect(),
        returns: result.sql_type(),
        null_in_null_out: true,
        expand_constants: true,
        volatility: Volatility::Volatile,
        state_version: 1,
        reads_state_versions: Vec::new(),
        retracts: false,
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
