//! The sandbox: the only place that knows Wasmtime.
//!
//! A plugin file becomes a [`LoadedPlugin`] whose functions implement the traits of `udf`. How they talk to the guest is
//! `udf-sdk/ABI.md`: `columnar`; `guest` makes the calls, `columns_in` and `columns_out` carry the columns. Components, by
//! `udf-sdk/wit`, are in `component`. What both have in common is in `scalar` and `stream`, over what `door` asks of them.

mod aggregate;
mod arena;
mod batch;
mod columnar;
mod columns_in;
mod columns_out;
mod compiled;
mod component;
mod descriptor;
mod door;
mod engine;
mod fault;
mod frame;
pub mod fuzz;
mod granted;
mod guest;
mod inline;
mod limiter;
mod module;
mod module_writer;
mod plain;
mod plain_loop;
mod plugin;
mod purity;
mod reports;
mod resident;
mod scalar;
mod set_ups;
mod slots;
mod stream;
mod wasi_stub;

#[cfg(test)]
mod tests;

pub(super) use engine::Sandbox;
use plugin::load;
pub(super) use plugin::{LoadedPlugin, load_on_terms};
