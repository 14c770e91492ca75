//! Cases: statements, input records and the output records that they must give.
//!
//! Two forms, both ksqlDB's: its test files (JSON; see [`file`](load_json)) and SQL-only tests (`.sql`, [`load_sql`]). A case runs
//! in an engine of its own on embedded topics with one worker and one row in a step, so its changelog is exactly the one that
//! each record by itself gives.
//!
//! This module reads, runs and judges cases. It finds no files and prints nothing.

mod compare;
mod decimal;
mod encode;
mod expand;
mod json;
mod model;
mod records;
mod run;
mod script;
mod source;
mod sql_file;

#[cfg(test)]
mod tests;

pub use compare::Matching;
pub use expand::load_json;
pub use json::load_line;
pub use model::{Body, Case, ExpectedError, ExpectedSource, Record, TopicWish, Window};
pub use run::{Refusal, Runner, Verdict};
pub use sql_file::load_sql;

/// Why a file of cases cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadCase(pub String);
