//! Watches the plugin directory: what is added, replaced or removed there takes effect for the next statement.
//!
//! The system says that something has changed; what, is found out by reading the directory again, once it lies still, so that a file that is
//! being written is not taken for a broken one. Compiling is done on the watch's own thread, beside the queries that run.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use super::{Error, PluginChange, Plugins};
use crate::types::limits::{PLUGIN_POLL, PLUGIN_QUIET, PLUGIN_QUIET_MAX};

/// A watch over the plugin directory; it ends when this is dropped.
#[derive(Debug)]
pub struct Watch {
    _until_dropped: Sender<()>,
}

/// Names, sizes and times of what lies in a directory; `None`: it cannot be read.
type Look = Option<Vec<(std::ffi::OsString, u64, Option<SystemTime>)>>;

impl Watch {
    /// Begins to watch the directory of these plugins, if they have one.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(plugins: &Arc<Plugins>) -> Result<Option<Self>, Error> {
        let Some(directory) = plugins.directory().map(Path::to_owned) else {
            return Ok(None);
        };
        let (until_dropped, end) = crossbeam_channel::bounded(0);
        let plugins = Arc::clone(plugins);
        std::thread::Builder::new()
            .name("plugin-watch".to_owned())
            .spawn(move || follow(&plugins, &directory, &end))
            .map_err(|error| Error::Sandbox {
                reason: format!("the watch over the plugin directory does not start: {error}"),
            })?;
        Ok(Some(Self {
            _until_dropped: until_dropped,
        }))
    }
}

fn follow(plugins: &Plugins, directory: &Path, end: &Receiver<()>) {
    let (changed, changes) = crossbeam_channel::bounded(1);
    // Without it the directory is looked at from time to time, which is slower, and no less sure.
    let _watcher = watcher(directory, changed).inspect_err(|error| {
        tracing::warn!(
            "the system does not tell of changes in {}: {error}",
            directory.display()
        );
    });
    let mut seen: Look = None;
    loop {
        let told = crossbeam_channel::select! {
            recv(end) -> _ => return,
            recv(changes) -> message => match message {
                Ok(()) => true,
                // There is no watcher.
                Err(_) if wait(end, PLUGIN_POLL).is_none() => return,
                Err(_) => false,
            },
            default(PLUGIN_POLL) => false,
        };
        if !told && look(directory) == seen {
            continue;
        }
        let Some(still) = until_still(directory, end) else {
            return;
        };
        seen = still;
        let news = plugins.rescan().unwrap_or_else(|error| {
            vec![PluginChange {
                plugin: String::new(),
                is_broken: true,
                text: format!("{error}; functions of plugins stay as they are"),
            }]
        });
        for change in &news {
            tracing::info!("{}", change.text);
        }
        plugins.tell(news);
    }
}

fn watcher(directory: &Path, changed: Sender<()>) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Who reads the files is told of, too, and that is mostly the watch itself.
        if !event.is_ok_and(|event| event.kind.is_access()) {
            // One that waits stands for all.
            let _ = changed.try_send(());
        }
    })?;
    watcher.watch(directory, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

/// Waits until the directory does not change any more; `None`: the watch has ended meanwhile.
fn until_still(directory: &Path, end: &Receiver<()>) -> Option<Look> {
    let begun = Instant::now();
    let mut before = look(directory);
    loop {
        wait(end, PLUGIN_QUIET)?;
        let now = look(directory);
        if now == before || begun.elapsed() > PLUGIN_QUIET_MAX {
            return Some(now);
        }
        before = now;
    }
}

/// Waits; `None`: the watch has ended meanwhile.
fn wait(end: &Receiver<()>, length: Duration) -> Option<()> {
    matches!(end.recv_timeout(length), Err(RecvTimeoutError::Timeout)).then_some(())
}

fn look(directory: &Path) -> Look {
    let mut seen = Vec::new();
    for entry in std::fs::read_dir(directory).ok()? {
        let entry = entry.ok()?;
        // Through links, as the files are read.
        if let Ok(data) = std::fs::metadata(entry.path()) {
            seen.push((entry.file_name(), data.len(), data.modified().ok()));
        }
    }
    seen.sort();
    Some(seen)
}
