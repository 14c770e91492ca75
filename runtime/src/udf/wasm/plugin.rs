//! A loaded plugin: compiled code, checked manifest, and how to start an instance.

use std::sync::Arc;

use wasmtime::{Extern, Instance, InstancePre, Linker, Module, TypedFunc};

use super::compiled::code_of;
use super::engine::Sandbox;
use super::fault::Fault;
use super::guest::{Guest, new_store, start_fault};
use super::limiter::Limiter;
use super::module::{self, Door};
use super::{component, door, granted, inline, plain, plain_loop, wasi_stub};
use crate::udf::booleans::with_booleans;
use crate::udf::manifest::{self, Manifest, Retyping};
use crate::udf::terms::Terms;
use crate::udf::{AggregateFunction, Limits, ScalarFunction, SkippedFunction, StreamFunction};

/// The code of one plugin and how it is started. Shared by its functions.
pub(super) struct Code {
    sandbox: Sandbox,
    plugin: String,
    pre: InstancePre<Limiter>,
    loops: Option<Loops>,
}

/// What stands between the host and a plain module.
struct Loops {
    module: Module,
    /// The functions that the loops import, in order.
    exports: Vec<String>,
}

/// A plugin's functions, ready to be called.
#[derive(Debug)]
pub(in crate::udf) struct LoadedPlugin {
    pub(in crate::udf) scalars: Vec<Arc<dyn ScalarFunction>>,
    pub(in crate::udf) streams: Vec<Arc<dyn StreamFunction>>,
    pub(in crate::udf) aggregates: Vec<Arc<dyn AggregateFunction>>,
    pub(in crate::udf) tables: Vec<Arc<dyn ScalarFunction>>,
    pub(in crate::udf) skipped: Vec<SkippedFunction>,
    /// The version that it says of itself.
    pub(in crate::udf) version: Option<String>,
}

/// Loads a plugin from the bytes of its file, as one without a sidecar. The error is a reason without the plugin's name.
pub(super) fn load(sandbox: &Sandbox, plugin: &str, bytes: &[u8], text: bool) -> Result<LoadedPlugin, String> {
    let terms = Terms::of_limits(sandbox.limits(), format!("{plugin}.toml"));
    load_on_terms(sandbox, plugin, bytes, text, &terms)
}

/// As [`load`], on the terms of its sidecar.
pub(in crate::udf) fn load_on_terms(
    sandbox: &Sandbox,
    plugin: &str,
    bytes: &[u8],
    text: bool,
    terms: &Terms,
) -> Result<LoadedPlugin, String> {
    let sandbox = &sandbox.on_terms(plugin, terms).map_err(|e| e.to_string())?;
    sandbox.start_clock().map_err(|e| e.to_string())?;
    let binary = module::to_binary(bytes, text, sandbox.limits().file_bytes)?;
    if component::is_component(&binary) {
        return component::load(sandbox, plugin, &binary, terms);
    }
    let compiled = module::compile(sandbox, &binary)?;
    let (code, manifest) = match module::door(&compiled) {
        Door::Columnar => {
            module::check_exports(&compiled)?;
            let code = Code::new(sandbox, plugin, &compiled, None)?;
            let mut manifest = code
                .describe()
                .map_err(|fault| format!("describing itself, it {fault}"))??;
            manifest::adapt(&mut manifest, terms, Retyping::Declared)?;
            for function in &manifest.functions {
                module::check_function(&compiled, function)?;
            }
            (code, manifest)
        }
        Door::Plain => {
            if !terms.assets.is_empty() {
                return Err(format!(
                    "{} names assets, and a plain module cannot read any",
                    terms.sidecar
                ));
            }
            let (functions, mut manifest) = plain::describe(&compiled, &binary, sandbox.limits())?;
            manifest::adapt(&mut manifest, terms, Retyping::Numbers)?;
            let exports: Vec<&str> = functions.iter().map(|function| function.export.as_str()).collect();
            let bodies = inline::bodies(&binary, &exports);
            let loops = plain_loop::loop_module(&functions, &bodies);
            let loops = Loops {
                module: code_of(sandbox, &loops).map_err(|e| format!("its loops do not compile: {e:#}"))?,
                exports: functions
                    .into_iter()
                    .zip(&bodies)
                    .filter_map(|(function, body)| body.is_none().then_some(function.export))
                    .collect(),
            };
            let code = Code::new(sandbox, plugin, &compiled, Some(loops))?;
            // Nothing to ask it, but one that cannot start should not wait for its first row to say so.
            code.start().map_err(|fault| format!("starting, it {fault}"))?;
            let mut plugin = door::functions(code, manifest);
            if let Some(pick) = &terms.pick {
                with_booleans(&mut plugin, pick);
            }
            return Ok(plugin);
        }
    };
    Ok(door::functions(code, manifest))
}

impl Code {
    fn new(sandbox: &Sandbox, plugin: &str, module: &Module, loops: Option<Loops>) -> Result<Self, String> {
        let mut linker = Linker::new(sandbox.engine());
        let mut sandbox = sandbox.clone();
        if wasi_stub::wanted(module) {
            // It brings the runtime of its language along.
            sandbox = sandbox.with_language_runtime();
            wasi_stub::link(&mut linker, sandbox.granted()).map_err(|e| format!("it cannot be linked: {e:#}"))?;
        }
        granted::link(&mut linker, sandbox.granted()).map_err(|e| format!("it cannot be linked: {e:#}"))?;
        let pre = linker
            .instantiate_pre(module)
            .map_err(|e| format!("it cannot be linked: {e:#}"))?;
        Ok(Self {
            sandbox,
            plugin: plugin.to_owned(),
            pre,
            loops,
        })
    }

    pub(super) fn plugin(&self) -> &str {
        &self.plugin
    }

    pub(super) fn limits(&self) -> &Limits {
        self.sandbox.limits()
    }

    /// Whether the module exports something of that name.
    pub(super) fn exports(&self, name: &str) -> bool {
        self.pre.module().get_export(name).is_some()
    }

    /// A new instance, under the deadline of starting up.
    pub(super) fn start(&self) -> Result<Guest, Fault> {
        let mut store = new_store(&self.sandbox);
        let limits = self.sandbox.limits();
        let guest = self
            .pre
            .instantiate(&mut store)
            .map_err(|e| start_fault(&mut store, limits, &e))?;
        let Some(loops) = &self.loops else {
            return Guest::new(store, guest, limits);
        };
        if guest.get_func(&mut store, "_initialize").is_some() {
            let initialize: TypedFunc<(), ()> = guest
                .get_typed_func(&mut store, "_initialize")
                .map_err(|e| Fault::BadResult(format!("its export _initialize has the wrong type: {e:#}")))?;
            initialize
                .call(&mut store, ())
                .map_err(|e| start_fault(&mut store, limits, &e))?;
        }
        let functions: Vec<Extern> = loops
            .exports
            .iter()
            .filter_map(|export| guest.get_export(&mut store, export))
            .collect();
        let looping =
            Instance::new(&mut store, &loops.module, &functions).map_err(|e| start_fault(&mut store, limits, &e))?;
        Guest::new(store, looping, limits)
    }

    /// Asks a throw-away instance for its manifest; start and answer share one deadline. The outer error is the guest's
    /// fault, the inner one the manifest's.
    fn describe(&self) -> Result<Result<Manifest, String>, Fault> {
        let mut guest = self.start()?;
        let limits = self.sandbox.limits();
        let abi = guest.export::<(), i32>("ww_abi")?;
        let abi = guest.call_starting(&abi)?;
        if abi != 1 {
            return Ok(Err(format!("it is made for ABI {abi}; this version knows ABI 1")));
        }
        let manifest = guest.export::<(), u64>("ww_manifest")?;
        let pointer = guest.call_starting(&manifest)?;
        let bytes = guest.bytes(pointer, limits.manifest_bytes, "manifest")?;
        Ok(manifest::parse(bytes, limits))
    }
}
