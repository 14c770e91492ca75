//! The plugins of the process: the registry of this moment, and how the next one takes its place.
//!
//! A registry is never changed, it is replaced whole: a query that runs keeps the functions that it started with, as it holds them. What a
//! change did is told as lines for people; who looks at the directory, and when, is not decided here.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use super::coerce::signature;
use super::created::Created;
use super::plugin_file::{Loaded, load_all, plugin_files};
use super::wasm::Sandbox;
use super::{CodeCachePlace, Error, FunctionSource, Limits, NewFunction, Registry};
use crate::types::limits::{PLUGIN_NEWS_FUNCTIONS_MAX, PLUGIN_NEWS_MAX};

/// One plugin file that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginChange {
    /// The plugin's name.
    pub plugin: String,
    /// Whether what is there now cannot be used.
    pub is_broken: bool,
    /// What happened, as a line for people.
    pub text: String,
}

/// The plugins of the process.
#[derive(Debug)]
pub struct Plugins {
    sandbox: Sandbox,
    directory: Option<PathBuf>,
    current: RwLock<Arc<Registry>>,
    /// Held while the directory is read, so that of two readers the later one has the last word.
    rescans: Mutex<()>,
    news: Mutex<VecDeque<PluginChange>>,
}

impl Plugins {
    /// Loads the plugins of a directory, if there is one.
    ///
    /// # Errors
    /// When the sandbox cannot be made with these limits, or the directory cannot be read.
    pub fn open(directory: Option<&Path>, limits: Limits, code_cache: &CodeCachePlace) -> Result<Self, Error> {
        let mut registry = Registry::new(limits)?.with_code_cache(code_cache);
        if let Some(directory) = directory {
            registry = registry.with_directory(directory)?;
        }
        Ok(Self {
            sandbox: registry.sandbox().clone(),
            directory: directory.map(Path::to_owned),
            current: RwLock::new(Arc::new(registry)),
            rescans: Mutex::new(()),
            news: Mutex::default(),
        })
    }

    /// The plugin directory.
    #[must_use]
    pub fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// The registry of this moment.
    #[must_use]
    pub fn current(&self) -> Arc<Registry> {
        Arc::clone(&self.current.read())
    }

    /// Reads the directory again; what is the same stays loaded as it is. Compiles on the calling thread.
    ///
    /// # Errors
    /// When the directory cannot be read; the functions then stay as they are.
    pub fn rescan(&self) -> Result<Vec<PluginChange>, Error> {
        let _alone = self.rescans.lock();
        let before = self.current();
        let created: Vec<Created> = before
            .created()
            .iter()
            .map(|function| function.again(&self.sandbox))
            .collect();
        let loaded = match &self.directory {
            Some(directory) => load_all(&self.sandbox, &plugin_files(directory)?, before.loaded(), 1),
            None => Vec::new(),
        };
        let registry = Registry::of(self.sandbox.clone(), created, loaded);
        let changes = changes(&before, &registry);
        if !changes.is_empty() {
            self.take(registry);
        }
        Ok(changes)
    }

    /// CREATE FUNCTION: the functions of the next statement have it.
    ///
    /// # Errors
    /// When the file has no such function, or there is one of this name and these argument types, unless it is to be replaced.
    pub fn create_function(&self, new: NewFunction, replace: bool) -> Result<(), Error> {
        let _alone = self.rescans.lock();
        let before = self.current();
        let signature = new.signature();
        if !replace && let Some(by) = giver(&before, &signature) {
            return Err(Error::Plugin {
                plugin: new.file.display().to_string(),
                reason: format!(
                    "there is a function {signature}, of {by}; CREATE OR REPLACE FUNCTION puts this one in its place"
                ),
            });
        }
        let function = Created::load(&self.sandbox, self.directory.as_deref(), new)?;
        let mut created = before.created().to_vec();
        created.retain(|other| other.signature() != signature);
        created.push(function);
        self.take(Registry::of(self.sandbox.clone(), created, before.loaded().to_vec()));
        Ok(())
    }

    /// Whether there is a function of this name and these argument types, as SQL writes them, from a plugin or CREATE FUNCTION.
    #[must_use]
    pub fn has_function(&self, signature: &str) -> bool {
        giver(&self.current(), signature).is_some()
    }

    /// DROP FUNCTION: takes all created functions of this name away, and gives how many they were.
    pub fn drop_function(&self, name: &str) -> usize {
        let _alone = self.rescans.lock();
        let before = self.current();
        let mut created = before.created().to_vec();
        created.retain(|function| !function.new.name.eq_ignore_ascii_case(name));
        let dropped = before.created().len() - created.len();
        if dropped > 0 {
            self.take(Registry::of(self.sandbox.clone(), created, before.loaded().to_vec()));
        }
        dropped
    }

    fn take(&self, registry: Registry) {
        *self.current.write() = Arc::new(registry);
    }

    /// Keeps lines about changes until somebody shows them.
    pub(super) fn tell(&self, changes: Vec<PluginChange>) {
        let mut news = self.news.lock();
        news.extend(changes);
        let too_many = news.len().saturating_sub(PLUGIN_NEWS_MAX);
        news.drain(..too_many);
    }

    /// What the watch has seen since the last time.
    #[must_use]
    pub fn take_news(&self) -> Vec<PluginChange> {
        self.news.lock().drain(..).collect()
    }
}

/// Who gives a function of this name and these argument types.
fn giver(registry: &Registry, signature: &str) -> Option<String> {
    if registry
        .created()
        .iter()
        .any(|function| function.signature() == signature)
    {
        return Some("CREATE FUNCTION".to_owned());
    }
    registry.owner(signature).map(|stem| format!("plugin {stem}"))
}

/// What is not the same in two registries, file by file.
fn changes(before: &Registry, after: &Registry) -> Vec<PluginChange> {
    let of = |registry: &Registry, file: &Loaded| -> Option<Arc<Loaded>> {
        let mut loaded = registry.loaded().iter();
        loaded.find(|other| other.info.path == file.info.path).cloned()
    };
    let gone = (before.loaded().iter()).filter(|file| of(after, file).is_none());
    let gone = gone.map(|file| PluginChange {
        plugin: file.info.name.clone(),
        is_broken: false,
        text: format!(
            "plugin {} is gone; queries that run keep its functions",
            file.info.file()
        ),
    });
    let there = after.loaded().iter().filter_map(|file| match of(before, file) {
        Some(old) if Arc::ptr_eq(&old, file) => None,
        old => Some(changed(after, old.is_some(), file)),
    });
    let created = after.created().iter().filter_map(|function| {
        let mut others = before.created().iter();
        let same = others.any(|other| Arc::ptr_eq(&other.loaded, &function.loaded));
        (!same).then(|| changed_function(function))
    });
    gone.chain(there).chain(created).collect()
}

fn changed_function(function: &Created) -> PluginChange {
    let info = &function.loaded.info;
    let signature = function.signature();
    let text = match &info.stale {
        Some(reason) => format!(
            "function {signature} stays as it was, as {} is broken now: {reason}",
            info.file()
        ),
        None => format!("function {signature} is replaced, as {} has changed", info.file()),
    };
    PluginChange {
        plugin: info.name.clone(),
        is_broken: info.stale.is_some(),
        text,
    }
}

fn changed(registry: &Registry, was_there: bool, file: &Loaded) -> PluginChange {
    let info = &file.info;
    let name = info.file();
    let text = match (&info.broken, &info.stale) {
        (Some(reason), _) => format!("plugin {name} is broken: {reason}"),
        (None, Some(reason)) => {
            format!("plugin {name} is broken now, and the one before goes on giving its functions: {reason}")
        }
        (None, None) => {
            let verb = if was_there { "is replaced" } else { "is loaded" };
            format!("plugin {name} {verb}: {}", given(registry, file))
        }
    };
    PluginChange {
        plugin: info.name.clone(),
        is_broken: info.broken.is_some() || info.stale.is_some(),
        text,
    }
}

/// The functions that SQL has from a file.
fn given(registry: &Registry, file: &Loaded) -> String {
    let plugins = registry.plugins();
    let Some(info) = plugins.iter().find(|info| info.path == file.info.path) else {
        return String::new();
    };
    if info.functions == 0 {
        return info.state();
    }
    let stem = super::version::stem(&info.path);
    let functions = registry.functions();
    let mut names: Vec<&str> = functions
        .iter()
        .filter(|function| registry.owner(&signature(function)) == Some(stem.as_str()))
        .map(|function| function.name.as_str())
        .collect();
    names.dedup();
    let more = names.len().saturating_sub(PLUGIN_NEWS_FUNCTIONS_MAX);
    names.truncate(PLUGIN_NEWS_FUNCTIONS_MAX);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("{}{more}", names.join(", "))
}
