//! The module that stands between the host and a plain module: ABI 1 outside, one row after the other inside.
//!
//! A short function becomes part of the loop ([`inline`](super::inline)); any other is called for each row.

use super::inline::{Body, Piece};
use super::module_writer::{Bytes, ModuleWriter, op};
use super::plain::{Number, PlainFunction};

/// Rows per turn of a loop: the deadline's check is paid once for them.
const ROWS_PER_TURN: u32 = 16;
/// The same for a module of so many functions that compiling long loops for each would take longer than they save.
const ROWS_PER_TURN_OF_MANY: u32 = 2;
/// How many functions are many.
const MANY_FUNCTIONS: usize = 32;

// Parameters and local variables of a loop. Then come an address per argument, and the variables of a body.
const ARGS: u32 = 0;
const ROWS: u32 = 1;
const OUT: u32 = 2;
const RESULTS: u32 = 3;
const FIRST_COLUMN: u32 = 4;

/// The module that loops over rows. It imports, in order, the functions that have no body here.
pub(super) fn loop_module(functions: &[PlainFunction], bodies: &[Option<Body<'_>>]) -> Vec<u8> {
    let mut module = ModuleWriter::default();
    let loop_type = module.function_type(&[op::I32; 3], &[op::I32]);
    let imports: Vec<Option<u32>> = functions
        .iter()
        .zip(bodies)
        .enumerate()
        .map(|(number, (function, body))| {
            if body.is_some() {
                return None;
            }
            let params: Vec<u8> = function.params.iter().map(|param| param.value_type()).collect();
            let function_type = module.function_type(&params, &[function.result.value_type()]);
            Some(module.import("guest", &number.to_string(), function_type))
        })
        .collect();
    write_arena(&mut module);
    let rows_per_turn = if functions.len() < MANY_FUNCTIONS {
        ROWS_PER_TURN
    } else {
        ROWS_PER_TURN_OF_MANY
    };
    for (number, (function, (body, import))) in functions.iter().zip(bodies.iter().zip(imports)).enumerate() {
        let row = match (body, import) {
            (Some(body), _) => Row::Inline(body),
            (None, Some(import)) => Row::Call(import),
            (None, None) => unreachable!("what has no body was imported above"),
        };
        let (locals, code) = Loop { function, row }.write(rows_per_turn);
        module.function(&loop_export(number), loop_type, &locals, &code);
    }
    module.finish()
}

/// The export of the loop over function `number`.
pub(super) fn loop_export(number: usize) -> String {
    format!("f{number}")
}

/// Allocator of a memory that holds nothing but the one arena of the host.
fn write_arena(module: &mut ModuleWriter) {
    const BYTES: u32 = 0;
    const PAGES: u32 = 2;
    /// The arena's address, as 0 stands for none.
    const START: i32 = 16;
    let alloc = module.function_type(&[op::I32; 2], &[op::I32]);
    let mut code = Bytes::default();
    // pages = (bytes + START + 65535) / 65536
    code.with(op::LOCAL_GET, BYTES)
        .i32_const(65_535 + START)
        .byte(op::I32_ADD);
    code.i32_const(16).byte(op::I32_SHR_U).with(op::LOCAL_TEE, PAGES);
    code.with(op::MEMORY_SIZE, 0)
        .byte(op::I32_GT_U)
        .byte(op::IF)
        .byte(op::NOTHING);
    code.with(op::LOCAL_GET, PAGES)
        .with(op::MEMORY_SIZE, 0)
        .byte(op::I32_SUB);
    code.with(op::MEMORY_GROW, 0)
        .i32_const(-1)
        .byte(op::I32_EQ)
        .byte(op::IF)
        .byte(op::NOTHING);
    code.i32_const(0).byte(op::RETURN).byte(op::END).byte(op::END);
    code.i32_const(START);
    module.function("ww_alloc", alloc, &[op::I32], &code);
    let free = module.function_type(&[op::I32; 3], &[]);
    module.function("ww_free", free, &[], &Bytes::default());
}

/// How a row's result is made from its arguments.
enum Row<'a> {
    /// By a call of the function of this number.
    Call(u32),
    /// By the function's instructions.
    Inline(&'a Body<'a>),
}

/// The loop over one function.
struct Loop<'a> {
    function: &'a PlainFunction,
    row: Row<'a>,
}

impl Loop<'_> {
    /// Local variables and instructions.
    fn write(&self, rows_per_turn: u32) -> (Vec<u8>, Bytes) {
        let mut locals = vec![op::I32; 1 + self.function.params.len()];
        if let Row::Inline(body) = &self.row {
            locals.extend(self.function.params.iter().map(|param| param.value_type()));
            locals.extend(&body.locals);
        }
        let mut code = Bytes::default();
        for (column, _) in (0..).zip(&self.function.params) {
            let values_at = column * 32 + 16;
            code.with(op::LOCAL_GET, ARGS).memory(op::I32_LOAD, values_at);
            code.with(op::LOCAL_SET, FIRST_COLUMN + column);
        }
        code.with(op::LOCAL_GET, OUT)
            .memory(op::I32_LOAD, 16)
            .with(op::LOCAL_SET, RESULTS);
        for rows in [rows_per_turn, 1] {
            code.byte(op::BLOCK).byte(op::NOTHING).byte(op::LOOP).byte(op::NOTHING);
            code.with(op::LOCAL_GET, ROWS).i32_const(rows.cast_signed());
            code.byte(op::I32_LT_U).with(op::BR_IF, 1);
            for row in 0..rows {
                self.write_row(&mut code, row);
            }
            for (column, param) in (FIRST_COLUMN..).zip(&self.function.params) {
                advance(&mut code, column, rows * param.width());
            }
            advance(&mut code, RESULTS, rows * self.function.result.width());
            code.with(op::LOCAL_GET, ROWS).i32_const(rows.cast_signed());
            code.byte(op::I32_SUB).with(op::LOCAL_SET, ROWS);
            code.with(op::BR, 0).byte(op::END).byte(op::END);
        }
        code.i32_const(0);
        (locals, code)
    }

    /// Loads the arguments of row `row` of the turn, makes the result and stores it.
    fn write_row(&self, code: &mut Bytes, row: u32) {
        let result = self.function.result;
        code.with(op::LOCAL_GET, RESULTS);
        let first_variable = FIRST_COLUMN + self.function.params.len() as u32;
        for (column, param) in (0..).zip(&self.function.params) {
            code.with(op::LOCAL_GET, FIRST_COLUMN + column);
            param.load(code, row * param.width());
            if let Row::Inline(_) = self.row {
                code.with(op::LOCAL_SET, first_variable + column);
            }
        }
        match &self.row {
            Row::Call(number) => {
                code.with(op::CALL, *number);
            }
            Row::Inline(body) => {
                let first_local = first_variable + self.function.params.len() as u32;
                // Each call of the function would have found zeros.
                for (local, value_type) in (first_local..).zip(&body.locals) {
                    zero(code, *value_type);
                    code.with(op::LOCAL_SET, local);
                }
                code.byte(op::BLOCK).byte(result.value_type());
                for piece in &body.pieces {
                    match piece {
                        Piece::Code(bytes) => code.raw(bytes),
                        Piece::Local { opcode, index } => code.with(*opcode, first_variable + index),
                        Piece::Return { depth } => code.with(op::BR, *depth),
                    };
                }
            }
        }
        result.store(code, row * result.width());
    }
}

impl Number {
    /// Its type in WebAssembly.
    fn value_type(self) -> u8 {
        match self {
            Self::I32 => op::I32,
            Self::I64 => op::I64,
            Self::F32 => op::F32,
            Self::F64 => op::F64,
        }
    }

    /// Loads a value of its column.
    fn load(self, code: &mut Bytes, offset: u32) {
        match self {
            Self::I32 => code.memory(op::I32_LOAD, offset),
            Self::I64 => code.memory(op::I64_LOAD, offset),
            Self::F32 => code.memory(op::F64_LOAD, offset).byte(op::F32_DEMOTE_F64),
            Self::F64 => code.memory(op::F64_LOAD, offset),
        };
    }

    /// Stores a value into its column.
    fn store(self, code: &mut Bytes, offset: u32) {
        match self {
            Self::I32 => code.memory(op::I32_STORE, offset),
            Self::I64 => code.memory(op::I64_STORE, offset),
            Self::F32 => code.byte(op::F64_PROMOTE_F32).memory(op::F64_STORE, offset),
            Self::F64 => code.memory(op::F64_STORE, offset),
        };
    }
}

/// A zero of the type.
fn zero(code: &mut Bytes, value_type: u8) {
    match value_type {
        op::I32 => code.i32_const(0),
        op::I64 => code.byte(op::I64_CONST).byte(0),
        op::F32 => code.byte(op::F32_CONST).raw(&[0; 4]),
        _ => code.byte(op::F64_CONST).raw(&[0; 8]),
    };
}

/// Adds a number of bytes to an address.
fn advance(code: &mut Bytes, local: u32, bytes: u32) {
    code.with(op::LOCAL_GET, local).i32_const(bytes.cast_signed());
    code.byte(op::I32_ADD).with(op::LOCAL_SET, local);
}
