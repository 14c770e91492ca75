//! The plugins of the process: the registry of this moment, and how the next one takes its place.
//!
//! A registry is never changed, it is replaced whole: a query that runs keeps the functions that it started with, as it holds them. What a
//! change did is told as lines for people; who looks at the directory, and when, is not decided here.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use super::plugin_file::{Loaded, load_all, plugin_files};
use super::wasm::Sandbox;
use super::{CodeCachePlace, Error, FunctionSource, Limits, Registry};
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
        let Some(directory) = &self.directory else {
            return Ok(Vec::new());
        };
        let before = self.current();
        let loaded = load_all(&self.sandbox, &plugin_files(directory)?, before.loaded(), 1);
        let registry = Registry::of(self.sandbox.clone(), loaded);
        let changes = changes(&before, &registry);
        if !changes.is_empty() {
            *self.current.write() = Arc::new(registry);
        }
        Ok(changes)
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
    gone.chain(there).collect()
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
        .filter(|function| function.plugin == stem)
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
