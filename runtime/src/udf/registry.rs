//! The registry: which functions there are, from the plugin files of one directory.
//!
//! A value of one moment, that never changes under a query: `plugins` puts a new one in its place. A broken file never takes it
//! down; it is listed with its reason. Of several versions of a plugin the highest that can be loaded gives the functions. Two plugins with
//! one function: the first by file name gives it, and the other's is listed as shadowed. What CREATE FUNCTION made stands before all.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::coerce::signature;
use super::created::Created;
use super::plugin_file::{Loaded, load_all, load_file, plugin_files};
use super::used_function::Code;
use super::wasm::{LoadedPlugin, Sandbox};
use super::{
    AggregateFunction, CodeCacheCounts, CodeCachePlace, Error, FunctionInfo, FunctionSource, FunctionTotals, Limits,
    PluginInfo, ScalarFunction, SkipReason, SkippedFunction, StreamFunction, UsedFunction,
};

/// All functions of all plugins.
#[derive(Debug)]
pub struct Registry {
    sandbox: Sandbox,
    created: Vec<Created>,
    loaded: Vec<Arc<Loaded>>,
    plugins: Vec<PluginInfo>,
    scalars: HashMap<String, Vec<Arc<dyn ScalarFunction>>>,
    streams: HashMap<String, Vec<Arc<dyn StreamFunction>>>,
    aggregates: HashMap<String, Vec<Arc<dyn AggregateFunction>>>,
    tables: HashMap<String, Vec<Arc<dyn ScalarFunction>>>,
    /// Who gives a signature.
    owners: HashMap<String, Owner>,
}

/// Who gives a function.
#[derive(Debug)]
enum Owner {
    /// The plugin's file with this stem.
    Plugin(String),
    /// CREATE FUNCTION.
    Created,
}

impl Registry {
    /// A registry without plugins.
    ///
    /// # Errors
    /// When the sandbox cannot be made with these limits.
    pub fn new(limits: Limits) -> Result<Self, Error> {
        Ok(Self::of(Sandbox::new(limits)?, Vec::new(), Vec::new()))
    }

    /// Loads every `*.wasm` and `*.wat` of a directory, in the order of their names. Subdirectories are not searched.
    ///
    /// # Errors
    /// When the directory cannot be read or has too many plugins; a file that cannot be loaded is no error.
    pub fn scan(dir: &Path, limits: Limits) -> Result<Self, Error> {
        Self::new(limits)?.with_directory(dir)
    }

    /// The same registry, with compiled code kept there. To be said before files are added.
    #[must_use]
    pub fn with_code_cache(self, place: &CodeCachePlace) -> Self {
        let sandbox = self.sandbox.cached(place);
        Self { sandbox, ..self }
    }

    /// As [`Registry::scan`], with the sandbox of this registry, in its place.
    ///
    /// # Errors
    /// As [`Registry::scan`].
    pub fn with_directory(self, dir: &Path) -> Result<Self, Error> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let loaded = load_all(&self.sandbox, &plugin_files(dir)?, &[], threads);
        Ok(Self::of(self.sandbox, self.created, loaded))
    }

    /// What the cache of compiled code has done, where there is one.
    #[must_use]
    pub fn code_cache(&self) -> Option<CodeCacheCounts> {
        self.sandbox.code_cache().map(|cache| cache.counts())
    }

    /// The created functions, then those of these files, in this order.
    pub(super) fn of(sandbox: Sandbox, created: Vec<Created>, loaded: Vec<Arc<Loaded>>) -> Self {
        let mut registry = Self {
            sandbox,
            created: Vec::new(),
            loaded: Vec::new(),
            plugins: Vec::new(),
            scalars: HashMap::new(),
            streams: HashMap::new(),
            aggregates: HashMap::new(),
            tables: HashMap::new(),
            owners: HashMap::new(),
        };
        for function in &created {
            registry.add_created(function);
        }
        registry.created = created;
        let mut highest: HashMap<&str, &Loaded> = HashMap::new();
        for file in loaded.iter().filter(|file| file.plugin.is_some()) {
            let best = highest.entry(&file.info.name).or_insert(file);
            if file.version > best.version {
                *best = file;
            }
        }
        for file in &loaded {
            let best = highest.get(file.info.name.as_str());
            registry.add(file, best.filter(|best| best.version > file.version).copied());
        }
        registry.loaded = loaded;
        registry
    }

    /// Adds the functions of one more file; those that are there already keep theirs. A file that cannot be loaded is
    /// listed as broken.
    pub fn add_file(&mut self, path: &Path) -> &PluginInfo {
        let loaded = load_file(&self.sandbox, path, None);
        self.add(&loaded, None);
        self.loaded.push(loaded);
        self.plugins.last().expect("one was added just now")
    }

    pub(super) fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// The functions of CREATE FUNCTION.
    pub(super) fn created(&self) -> &[Created] {
        &self.created
    }

    /// Which plugin's file gives this function, of those that it has from files of the plugin directory.
    pub(super) fn owner(&self, signature: &str) -> Option<&str> {
        match self.owners.get(signature) {
            Some(Owner::Plugin(stem)) => Some(stem),
            Some(Owner::Created) | None => None,
        }
    }

    /// The files that it was made of.
    pub(super) fn loaded(&self) -> &[Arc<Loaded>] {
        &self.loaded
    }

    fn add_created(&mut self, created: &Created) {
        let mut info = created.loaded.info.clone();
        info.created = Some(created.signature());
        if let Some(plugin) = &created.loaded.plugin {
            self.give(plugin, &mut info);
        }
        self.plugins.push(info);
    }

    fn add(&mut self, loaded: &Loaded, superseded_by: Option<&Loaded>) {
        let mut info = loaded.info.clone();
        match (&loaded.plugin, superseded_by) {
            (Some(_), Some(by)) => info.superseded_by.clone_from(&by.info.version),
            (Some(plugin), None) => self.give(plugin, &mut info),
            (None, _) => {}
        }
        self.plugins.push(info);
    }

    /// Gives SQL the functions of a plugin.
    fn give(&mut self, plugin: &LoadedPlugin, info: &mut PluginInfo) {
        info.skipped.clone_from(&plugin.skipped);
        for function in &plugin.scalars {
            if self.claim(function.info(), info) {
                self.scalars
                    .entry(key(&function.info().name))
                    .or_default()
                    .push(Arc::clone(function));
            }
        }
        for function in &plugin.streams {
            if self.claim(function.info(), info) {
                self.streams
                    .entry(key(&function.info().name))
                    .or_default()
                    .push(Arc::clone(function));
            }
        }
        for function in &plugin.aggregates {
            if self.claim(function.info(), info) {
                self.aggregates
                    .entry(key(&function.info().name))
                    .or_default()
                    .push(Arc::clone(function));
            }
        }
        for function in &plugin.tables {
            if self.claim(function.info(), info) {
                self.tables
                    .entry(key(&function.info().name))
                    .or_default()
                    .push(Arc::clone(function));
            }
        }
    }

    /// The functions that `is_used` picks, with the hashes of their files.
    pub fn used(&self, is_used: &dyn Fn(&FunctionInfo) -> bool) -> Vec<UsedFunction> {
        let used = self.all().filter(|code| is_used(code.info()));
        let mut used: Vec<UsedFunction> = used
            .map(|code| {
                let file = |plugin: &&PluginInfo| {
                    let stem = plugin.path.file_stem().unwrap_or_default();
                    stem.to_string_lossy() == code.info().plugin.as_str()
                };
                let sha256 = self.plugins.iter().find(file).map(|plugin| plugin.sha256.clone());
                UsedFunction::new(code, sha256.unwrap_or_default())
            })
            .collect();
        used.sort_by_cached_key(|used| (key(&used.info().name), signature(used.info())));
        used
    }

    fn all(&self) -> impl Iterator<Item = Code> {
        let scalars = self.scalars.values().chain(self.tables.values()).flatten();
        let streams = self.streams.values().flatten();
        let aggregates = self.aggregates.values().flatten();
        let scalars = scalars.map(|function| Code::Scalar(Arc::clone(function)));
        let streams = streams.map(|function| Code::Stream(Arc::clone(function)));
        let aggregates = aggregates.map(|function| Code::Aggregate(Arc::clone(function)));
        scalars.chain(streams).chain(aggregates)
    }

    /// Whether `plugin` is the first to give this function; else it is noted as shadowed.
    fn claim(&mut self, function: &FunctionInfo, plugin: &mut PluginInfo) -> bool {
        let signature = signature(function);
        if let Some(owner) = self.owners.get(&signature) {
            let reason = match owner {
                Owner::Plugin(stem) => SkipReason::Shadowed { by: stem.clone() },
                Owner::Created => SkipReason::Created,
            };
            plugin.skipped.push(SkippedFunction { signature, reason });
            return false;
        }
        let owner = match &plugin.created {
            Some(_) => Owner::Created,
            None => Owner::Plugin(function.plugin.clone()),
        };
        self.owners.insert(signature, owner);
        plugin.functions += 1;
        true
    }
}

impl FunctionSource for Registry {
    fn functions(&self) -> Vec<FunctionInfo> {
        self.totals().into_iter().map(|(info, _)| info).collect()
    }

    fn totals(&self) -> Vec<(FunctionInfo, FunctionTotals)> {
        let mut all: Vec<_> = self.all().map(|code| (code.info().clone(), code.totals())).collect();
        all.sort_by_cached_key(|(function, _)| (key(&function.name), signature(function)));
        all
    }

    fn scalar(&self, name: &str) -> Vec<Arc<dyn ScalarFunction>> {
        self.scalars.get(&key(name)).cloned().unwrap_or_default()
    }

    fn stream(&self, name: &str) -> Vec<Arc<dyn StreamFunction>> {
        self.streams.get(&key(name)).cloned().unwrap_or_default()
    }

    fn aggregate(&self, name: &str) -> Vec<Arc<dyn AggregateFunction>> {
        self.aggregates.get(&key(name)).cloned().unwrap_or_default()
    }

    fn table(&self, name: &str) -> Vec<Arc<dyn ScalarFunction>> {
        self.tables.get(&key(name)).cloned().unwrap_or_default()
    }

    fn plugins(&self) -> Vec<PluginInfo> {
        self.plugins.clone()
    }
}

/// Function names are looked up without regard to case.
fn key(name: &str) -> String {
    name.to_ascii_uppercase()
}
