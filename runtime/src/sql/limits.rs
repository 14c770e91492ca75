//! Bounds of the parser, so that hostile SQL is an error and never a stack overflow.
//!
//! They were set by parsing, rewriting and dropping the worst statement that each allows on a thread of 2 MiB (the
//! default of Rust and tokio); `tests/hostile.rs` keeps doing so on less.

/// Bytes of one script.
pub const SCRIPT_BYTES_MAX: usize = 16 << 20;
/// Bytes of one statement.
pub const STATEMENT_BYTES_MAX: usize = 4 << 20;
/// How deep brackets may nest in one statement.
pub const BRACKET_DEPTH_MAX: usize = 64;
/// How many queries may stand inside of each other.
pub const QUERY_DEPTH_MAX: usize = 16;
/// sqlparser's own count of nested expressions, queries and table factors.
pub const EXPRESSION_DEPTH_MAX: usize = 96;
/// Operators in one unbracketed chain such as `a + b + c`. AND and OR have a bound of their own, because their chains
/// are turned into balanced trees.
pub const OPERATOR_CHAIN_MAX: usize = 200;
/// AND and OR in one unbracketed chain.
pub const LOGICAL_CHAIN_MAX: usize = 4_000;
/// How deep a type may nest.
pub const TYPE_DEPTH_MAX: usize = 32;
