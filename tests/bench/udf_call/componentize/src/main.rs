//! `componentize MODULE.wasm COMPONENT.wasm`: makes a component of a module that was built with its interface in a section.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

fn main() -> Result<()> {
    let [module, component]: [PathBuf; 2] = std::env::args_os()
        .skip(1)
        .map(PathBuf::from)
        .collect::<Vec<_>>()
        .try_into()
        .ok()
        .context("usage: componentize MODULE.wasm COMPONENT.wasm")?;
    let bytes = std::fs::read(&module).with_context(|| format!("cannot read {}", module.display()))?;
    let encoded = wit_component::ComponentEncoder::default()
        .validate(true)
        .module(&bytes)?
        .encode()?;
    std::fs::write(&component, encoded).with_context(|| format!("cannot write {}", component.display()))
}
