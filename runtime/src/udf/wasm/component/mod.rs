//! The component door: plugins whose languages give components of the Component Model, by `udf-sdk/wit`.
//!
//! The same manifest, kinds, limits and checks as behind the columnar door; columns travel as typed lists, which costs
//! a copy for each value. A component that imports a function that its sidecar does not grant is refused by name.

mod columns;
mod instance;
mod levels;
mod scalar;
mod stream;
mod types;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, UInt32Array};
use datafusion::arrow::compute::take;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Linker};

use super::batch::Batch;
use super::compiled::code_of;
use super::door::{self, Described, PluginCode};
use super::engine::Sandbox;
use super::fault::Fault;
use super::granted;
use super::guest::{new_store, start_fault};
use super::limiter::Limiter;
use super::module::{not_granted, refuse_named};
use super::plugin::LoadedPlugin;
use crate::udf::manifest::{self, FunctionSpec, Manifest, Retyping};
use crate::udf::terms::Terms;
use crate::udf::{Kind, Limits};
use instance::Running;
pub(super) use levels::read_levels;
use scalar::ComponentScalars;
use stream::ComponentStream;

/// The code of one component and how it is started. Shared by its functions.
pub(super) struct Code {
    sandbox: Sandbox,
    plugin: String,
    component: Component,
    pre: InstancePre<Limiter>,
    interface: ComponentExportIndex,
}

/// Whether a binary is a component: the layer in its header says so.
pub(super) fn is_component(binary: &[u8]) -> bool {
    matches!(binary, [0, b'a', b's', b'm', _, 0, 1, 0, ..])
}

/// Loads a component from its binary. The error is a reason without the plugin's name.
pub(super) fn load(sandbox: &Sandbox, plugin: &str, binary: &[u8], terms: &Terms) -> Result<LoadedPlugin, String> {
    let sandbox = sandbox.with_language_runtime();
    let component: Component =
        code_of(&sandbox, binary).map_err(|e| format!("it is not a component that can run here: {e:#}"))?;
    let code = Code::new(sandbox, plugin, component)?;
    let mut manifest = code
        .describe()
        .map_err(|fault| format!("describing itself, it {fault}"))??;
    manifest::adapt(&mut manifest, terms, Retyping::Declared)?;
    code.check_exports(&manifest)
        .map_err(|fault| format!("starting, it {fault}"))?;
    Ok(door::functions(code, manifest))
}

impl Code {
    fn new(sandbox: Sandbox, plugin: &str, component: Component) -> Result<Self, String> {
        refuse_imports(&sandbox, &component)?;
        let interface = component
            .get_export_index(None, types::INTERFACE)
            .ok_or_else(|| format!("it is a component that does not export {}", types::INTERFACE))?;
        let mut linker = Linker::new(sandbox.engine());
        granted::link_component(&mut linker, sandbox.granted()).map_err(|e| format!("it cannot be linked: {e:#}"))?;
        let pre = linker
            .instantiate_pre(&component)
            .map_err(|e| format!("it cannot be linked: {e:#}"))?;
        Ok(Self {
            sandbox,
            plugin: plugin.to_owned(),
            component,
            pre,
            interface,
        })
    }

    /// Where a function of the interface is.
    fn export(&self, name: &str) -> Option<ComponentExportIndex> {
        self.component.get_export_index(Some(&self.interface), name)
    }

    /// A new instance, under the deadline of starting up.
    fn start(&self) -> Result<Running, Fault> {
        let mut store = new_store(&self.sandbox);
        let limits = self.sandbox.limits();
        // What one call may give: without this a few bytes of a guest could stand for gigabytes of lists in lists.
        store.set_hostcall_fuel(limits.result_bytes);
        let instance = self
            .pre
            .instantiate(&mut store)
            .map_err(|e| start_fault(&mut store, limits, &e))?;
        Ok(Running::new(store, instance, limits))
    }

    /// Asks a throw-away instance for its manifest; start and answer share one deadline. The outer error is the
    /// component's fault, the inner one the manifest's.
    fn describe(&self) -> Result<Result<Manifest, String>, Fault> {
        let mut running = self.start()?;
        let export = running.export(self, "manifest")?;
        let text = running.manifest(&export)?;
        Ok(manifest::parse(text.as_bytes(), self.limits()))
    }

    /// Checks that the component has the functions that its kinds need, with the right types.
    fn check_exports(&self, manifest: &Manifest) -> Result<(), Fault> {
        let has = |kind| manifest.functions.iter().any(|function| function.kind == kind);
        if has(Kind::Scalar) || has(Kind::Table) {
            ComponentScalars::new(self, self.start()?)?;
        }
        if manifest.functions.iter().any(FunctionSpec::is_set_up) {
            stream::check_open(self, self.start()?)?;
        }
        for kind in [Kind::Stream, Kind::Aggregate] {
            if has(kind) {
                ComponentStream::new(self, self.start()?, kind)?;
            }
        }
        Ok(())
    }
}

impl PluginCode for Code {
    type Scalars = ComponentScalars;
    type Stream = ComponentStream;

    fn plugin(&self) -> &str {
        &self.plugin
    }

    fn limits(&self) -> &Limits {
        self.sandbox.limits()
    }

    fn scalars(&self) -> Result<ComponentScalars, Fault> {
        ComponentScalars::new(self, self.start()?)
    }

    fn set_up(&self, function: &Described, values: &[ArrayRef], constant: &[bool]) -> Result<ComponentScalars, Fault> {
        ComponentScalars::set_up(self, self.start()?, function, values, constant)
    }

    fn retracts(&self, function: &FunctionSpec) -> bool {
        function.retracts
    }

    fn stream(&self, function: &Described, values: &[ArrayRef], constant: &[bool]) -> Result<ComponentStream, Fault> {
        let mut stream = ComponentStream::new(self, self.start()?, function.spec.kind)?;
        stream.open(function, values, constant)?;
        Ok(stream)
    }
}

/// The arguments of a call: constants as one value each, or once per row for functions that know no constants.
fn expand(batch: &Batch<'_>, constants: bool) -> Result<Vec<ArrayRef>, Fault> {
    let rows = UInt32Array::from_value(0, batch.rows);
    (batch.args.iter().zip(batch.constant))
        .map(|(array, is_constant)| {
            if !is_constant || !constants {
                return Ok(Arc::clone(array));
            }
            // Measured before it is made: a long text times many rows is more than a column can hold.
            let bytes = array.to_data().get_slice_memory_size().unwrap_or(usize::MAX);
            if bytes.saturating_mul(batch.rows) > i32::MAX as usize {
                return Err(Fault::TooLarge("memory 2 GiB for one argument".to_owned()));
            }
            take(array, &rows, None).map_err(|e| Fault::Arguments(e.to_string()))
        })
        .collect()
}

/// A plugin gets from outside what its sidecar grants, so one that asks for more cannot start. Interfaces that only name types are no such thing.
fn refuse_imports(sandbox: &Sandbox, component: &Component) -> Result<(), String> {
    let engine = sandbox.engine();
    let is_type = |item: &ComponentItem| matches!(item, ComponentItem::Type(_));
    let mut names = Vec::new();
    for (name, import) in component.component_type().imports(engine) {
        let only_types = match &import.ty {
            ComponentItem::ComponentInstance(instance) => {
                instance.exports(engine).all(|(_, export)| is_type(&export.ty))
            }
            item => is_type(item),
        };
        match sandbox.granted().interface(name) {
            _ if only_types => {}
            Some(Ok(())) => {}
            Some(Err(grant)) => return Err(not_granted(name, grant)),
            None => names.push(name.to_owned()),
        }
    }
    refuse_named(&names)
}
