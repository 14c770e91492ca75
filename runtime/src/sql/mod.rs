//! Floor 1: text to statements.
//!
//! [`statements`] splits a script into statements with the place of each in the text, [`parse`] gives them at once.
//! SELECTs stay in sqlparser's AST with the streaming clauses (WINDOW, PARTITION BY, WITHIN, EMIT) beside them; nothing
//! here knows which streams exist. Every error is a [`Diagnostic`] over the text; the planner makes its own of the same
//! kind.
//!
//! The way of a statement: `lexer` cuts the text into tokens, `script` the tokens into statements, `variables` replaces
//! `${name}`, `bounds` refuses what is nested too deep, `statement` reads ours by recursive descent, `query` hands
//! SELECTs and expressions to sqlparser.

pub mod ast;
#[cfg(test)]
mod conformance;
mod bounds;
mod cursor;
mod diagnostic;
pub mod durations;
mod error;
mod lexer;
pub mod limits;
mod query;
mod script;
mod source;
mod statement;
pub mod types;
mod variables;
mod with;
mod words;

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod arbitrary;

pub use diagnostic::{Colours, Diagnostic};
pub use error::{Code, Error};
pub use script::{Completeness, Statements, completeness, parse, statements};
pub use source::Source;
pub use variables::Variables;
pub use words::nearest;
