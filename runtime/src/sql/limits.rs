//! Bounds of the parser, so that hostile SQL is an error and never a stack overflow.
//!
//! Threads of Rust and tokio have 2 MiB of stack by default. The worst statements that these bounds allow are parsed,
//! walked over, copied and dropped on half of that by the tests in `hostile`.

/// Bytes of one script.
pub const SCRIPT_BYTES_MAX: usize = 16 << 20;
/// Bytes of one statement.
pub const STATEMENT_BYTES_MAX: usize = 4 << 20;
/// How deep brackets may nest in one statement.
pub const BRACKET_DEPTH_MAX: usize = 48;
/// How many queries may stand inside of each other.
pub const QUERY_DEPTH_MAX: usize = 16;
/// sqlparser's own count of nested expressions, queries and table factors.
pub const EXPRESSION_DEPTH_MAX: usize = 50;
/// Operators in one unbracketed chain such as `a + b + c`. AND and OR have a bound of their own, because their chains
/// are turned into balanced trees.
pub const OPERATOR_CHAIN_MAX: usize = 200;
/// `->` and `::` in one chain: each is a call or cast around all before it.
pub const FIELD_CHAIN_MAX: usize = 50;
/// AND and OR in one unbracketed chain.
pub const LOGICAL_CHAIN_MAX: usize = 4_000;
/// How deep a type may nest.
pub const TYPE_DEPTH_MAX: usize = 32;
