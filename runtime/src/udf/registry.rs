//! The registry: which functions there are, from the plugin files of one directory.
//!
//! A broken file never takes it down; it is listed with its reason. Two plugins with one function: the first by file name
//! gives it, and the other's is listed as shadowed. Watching the directory is not here.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::coerce::signature;
use super::manifest::cut;
use super::wasm::{LoadedPlugin, Sandbox, load};
use super::{
    AggregateFunction, CodeCacheCounts, CodeCachePlace, Error, FunctionInfo, FunctionSource, FunctionTotals, Limits,
    PluginInfo, ScalarFunction, SkipReason, SkippedFunction, StreamFunction,
};
use crate::types::limits::PLUGIN_FILES_MAX;

/// All functions of all plugins.
#[derive(Debug)]
pub struct Registry {
    sandbox: Sandbox,
    plugins: Vec<PluginInfo>,
    scalars: HashMap<String, Vec<Arc<dyn ScalarFunction>>>,
    streams: HashMap<String, Vec<Arc<dyn StreamFunction>>>,
    aggregates: HashMap<String, Vec<Arc<dyn AggregateFunction>>>,
    tables: HashMap<String, Vec<Arc<dyn ScalarFunction>>>,
    /// Which plugin gives a signature.
    owners: HashMap<String, String>,
}

/// A file after it was read and compiled, before its functions have a name in SQL.
struct Loaded {
    info: PluginInfo,
    plugin: Option<LoadedPlugin>,
}

impl Registry {
    /// A registry without plugins.
    ///
    /// # Errors
    /// When the sandbox cannot be made with these limits.
    pub fn new(limits: Limits) -> Result<Self, Error> {
        Ok(Self {
            sandbox: Sandbox::new(limits)?,
            plugins: Vec::new(),
            scalars: HashMap::new(),
            streams: HashMap::new(),
            aggregates: HashMap::new(),
            tables: HashMap::new(),
            owners: HashMap::new(),
        })
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

    /// As [`Registry::scan`], into this registry.
    ///
    /// # Errors
    /// As [`Registry::scan`].
    pub fn with_directory(mut self, dir: &Path) -> Result<Self, Error> {
        let files = plugin_files(dir)?;
        for loaded in load_all(&self.sandbox, &files) {
            self.add(loaded);
        }
        Ok(self)
    }

    /// What the cache of compiled code has done, where there is one.
    #[must_use]
    pub fn code_cache(&self) -> Option<CodeCacheCounts> {
        self.sandbox.code_cache().map(|cache| cache.counts())
    }

    /// Adds the functions of one more file; those that are there already keep theirs. A file that cannot be loaded is
    /// listed as broken.
    pub fn add_file(&mut self, path: &Path) -> &PluginInfo {
        let loaded = load_file(&self.sandbox, path);
        self.add(loaded);
        self.plugins.last().expect("one was added just now")
    }

    fn add(&mut self, loaded: Loaded) {
        let Loaded { mut info, plugin } = loaded;
        if let Some(plugin) = plugin {
            info.skipped = plugin.skipped;
            for function in plugin.scalars {
                if self.claim(function.info(), &mut info) {
                    self.scalars
                        .entry(key(&function.info().name))
                        .or_default()
                        .push(function);
                }
            }
            for function in plugin.streams {
                if self.claim(function.info(), &mut info) {
                    self.streams
                        .entry(key(&function.info().name))
                        .or_default()
                        .push(function);
                }
            }
            for function in plugin.aggregates {
                if self.claim(function.info(), &mut info) {
                    self.aggregates
                        .entry(key(&function.info().name))
                        .or_default()
                        .push(function);
                }
            }
            for function in plugin.tables {
                if self.claim(function.info(), &mut info) {
                    self.tables
                        .entry(key(&function.info().name))
                        .or_default()
                        .push(function);
                }
            }
        }
        self.plugins.push(info);
    }

    /// Whether `plugin` is the first to give this function; else it is noted as shadowed.
    fn claim(&mut self, function: &FunctionInfo, plugin: &mut PluginInfo) -> bool {
        let signature = signature(function);
        if let Some(owner) = self.owners.get(&signature) {
            plugin.skipped.push(SkippedFunction {
                reason: SkipReason::Shadowed { by: owner.clone() },
                signature,
            });
            return false;
        }
        self.owners.insert(signature, plugin.name.clone());
        true
    }
}

impl FunctionSource for Registry {
    fn functions(&self) -> Vec<FunctionInfo> {
        self.totals().into_iter().map(|(info, _)| info).collect()
    }

    fn totals(&self) -> Vec<(FunctionInfo, FunctionTotals)> {
        let scalars = self.scalars.values().flatten().map(|f| (f.info(), f.totals()));
        let streams = self.streams.values().flatten().map(|f| (f.info(), f.totals()));
        let aggregates = self.aggregates.values().flatten().map(|f| (f.info(), f.totals()));
        let tables = self.tables.values().flatten().map(|f| (f.info(), f.totals()));
        let all = scalars.chain(streams).chain(aggregates).chain(tables);
        let mut all: Vec<_> = all.map(|(info, totals)| (info.clone(), totals)).collect();
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

fn plugin_files(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |reason: String| Error::Directory {
        path: dir.to_owned(),
        reason,
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(|e| unreadable(e.to_string()))? {
        let path = entry.map_err(|e| unreadable(e.to_string()))?.path();
        if path.extension().is_some_and(|e| e == "wasm" || e == "wat") && path.is_file() {
            files.push(path);
        }
    }
    if files.len() > PLUGIN_FILES_MAX {
        return Err(unreadable(format!(
            "it has {} plugins; the limit is {PLUGIN_FILES_MAX}",
            files.len()
        )));
    }
    files.sort();
    Ok(files)
}

/// Loads files side by side, as compiling is nearly all of the work, and gives them in their order.
fn load_all(sandbox: &Sandbox, files: &[PathBuf]) -> Vec<Loaded> {
    let threads = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(files.len());
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Loaded)>> = Mutex::new(Vec::with_capacity(files.len()));
    let work = || {
        while let Some((i, path)) = Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|i| Some((i, files.get(i)?))) {
            let loaded = load_file(sandbox, path);
            done.lock().push((i, loaded));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    let mut done = done.into_inner();
    done.sort_by_key(|(i, _)| *i);
    done.into_iter().map(|(_, loaded)| loaded).collect()
}

fn load_file(sandbox: &Sandbox, path: &Path) -> Loaded {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut info = PluginInfo {
        name,
        path: path.to_owned(),
        sha256: String::new(),
        broken: None,
        skipped: Vec::new(),
    };
    let bytes = match read(path, sandbox.limits().file_bytes) {
        Ok(bytes) => bytes,
        Err(reason) => {
            info.broken = Some(reason);
            return Loaded { info, plugin: None };
        }
    };
    info.sha256 = hexadecimal(&Sha256::digest(&bytes));
    let text = path.extension().is_some_and(|e| e == "wat");
    match load(sandbox, &info.name, &bytes, text) {
        Ok(plugin) => Loaded {
            info,
            plugin: Some(plugin),
        },
        Err(reason) => {
            // What a hostile file makes others say may be long and have control characters.
            info.broken = Some(cut(&reason, sandbox.limits().message_bytes));
            Loaded { info, plugin: None }
        }
    }
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |n: u8| char::from_digit(u32::from(n), 16).expect("half a byte is a digit");
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

/// Reads a file that is not larger than `bytes_max`, without reading more than that.
fn read(path: &Path, bytes_max: usize) -> Result<Vec<u8>, String> {
    use std::io::Read;
    let file = std::fs::File::open(path).map_err(|e| format!("it cannot be opened: {e}"))?;
    let mut bytes = Vec::new();
    file.take(bytes_max as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| format!("it cannot be read: {e}"))?;
    if bytes.len() > bytes_max {
        return Err(format!(
            "the file is larger than its limit of {}",
            super::limits::bytes_text(bytes_max)
        ));
    }
    Ok(bytes)
}
