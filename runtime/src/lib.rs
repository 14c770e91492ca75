//! Waterwheel: continuous SQL over Kafka, extended with functions in WebAssembly.
//!
//! Modules in the order of the floors; a module imports only lower ones.
#![cfg_attr(
    test,
    allow(
        clippy::too_many_lines,
        clippy::wrong_self_convention,
        reason = "tests are tables of cases"
    )
)]

pub mod types; // floor 0: change batch, raw records, types, clock, limits

pub mod catalog; // floor 1: definitions of streams, tables, types
pub mod format; // floor 1: bytes <-> columns
pub mod sql; // floor 1: text -> statements
pub mod state; // floor 1: durable state

pub mod connector; // floor 2: where records come from and go to
pub mod function; // floor 2: ksqlDB's functions, operators and casts
pub mod operator; // floor 2: the nodes of a dataflow
pub mod udf; // floor 2: functions from WebAssembly plugins

pub mod plan; // floor 3: statements -> dataflow

pub mod exec; // floor 4: dataflow -> running pipeline

pub mod engine; // floor 5: statement -> outcome

pub mod cli; // floor 6: commands and rendering
