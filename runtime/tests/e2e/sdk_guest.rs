//! The Rust SDK against the host: the functions of `udf-sdk/rust/tests/guest`, built now and called through the registry.
//!
//! Every SQL type both ways with nulls on every level, constants, failing rows, panics, state of many shapes saved and loaded.
//! Skipped, loudly, where no toolchain for plugins is there.

mod columns;
mod overloads;
mod scalars;
mod streams;
mod tables;

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use waterwheel::udf::{FunctionSource, Limits, Registry, ScalarFunction, StreamFunction};

use crate::plugins_match;

/// Builds the guest and calls all of its functions.
pub(crate) fn check() -> Result<(), String> {
    if let Err(reason) = plugins_match::toolchain() {
        println!("SKIPPED the functions of the SDK's guest: {reason}");
        return Ok(());
    }
    let dir = tempfile::tempdir().map_err(|e| e.to_string())?;
    let file = dir.path().join("guest.wasm");
    plugins_match::build("udf-sdk/rust/tests/guest", &file)?;
    let mut registry = Registry::new(Limits::default()).map_err(|e| e.to_string())?;
    let plugin = registry.add_file(&file);
    if let Some(reason) = &plugin.broken {
        return Err(format!("the guest is broken: {reason}"));
    }
    if !plugin.skipped.is_empty() {
        return Err(format!("functions of the guest are skipped: {:?}", plugin.skipped));
    }
    let guest = Guest(registry);
    scalars::echo(&guest);
    scalars::echo_without_options(&guest);
    scalars::constants(&guest);
    scalars::set_up(&guest);
    scalars::described(&guest);
    scalars::optional(&guest);
    overloads::scalars(&guest);
    overloads::tables_and_streams(&guest);
    overloads::aggregates(&guest);
    scalars::nulls(&guest);
    scalars::failures(&guest);
    scalars::panics(&guest);
    scalars::texts_and_lists(&guest);
    scalars::written(&guest);
    scalars::volatile(&guest);
    tables::iterators(&guest);
    tables::structs(&guest);
    tables::nulls(&guest);
    tables::set_up(&guest);
    streams::slots(&guest);
    streams::written(&guest);
    streams::constants_and_failures(&guest);
    streams::save_and_load(&guest);
    streams::refused_constants(&guest);
    streams::older_format(&guest);
    Ok(())
}

/// The functions of the guest.
struct Guest(Registry);

impl Guest {
    fn scalar(&self, name: &str) -> Arc<dyn ScalarFunction> {
        let mut functions = self.0.scalar(name);
        assert_eq!(functions.len(), 1, "scalar functions {name}");
        functions.remove(0)
    }

    fn stream(&self, name: &str) -> Arc<dyn StreamFunction> {
        let mut functions = self.0.stream(name);
        assert_eq!(functions.len(), 1, "stream functions {name}");
        functions.remove(0)
    }

    /// Calls a scalar function without constants.
    fn call(&self, name: &str, args: &[ArrayRef]) -> ArrayRef {
        let constant = vec![false; args.len()];
        self.scalar(name)
            .call(args, &constant, args[0].len())
            .unwrap_or_else(|e| panic!("{name}: {e}"))
    }
}
