//! Floor 1: text to statements.
//!
//! [`parse`] splits a script into statements with the place of each in the text. SELECTs stay in sqlparser's AST with
//! the streaming clauses (WINDOW, PARTITION BY, WITHIN, EMIT) beside them; nothing here knows which streams exist.

pub mod ast;
