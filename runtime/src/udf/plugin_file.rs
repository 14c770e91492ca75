//! One plugin file, read and compiled: what it gives, or why nothing.
//!
//! What a file was made from, its sidecar and assets included, is remembered by its hash, so that a file that is the same as before is not compiled again. Which of
//! its functions SQL gets is for the registry to say.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::manifest::cut;
use super::sidecar::Sidecar;
use super::terms::Pick;
use super::version::{FileName, Version, stem};
use super::wasm::{LoadedPlugin, Sandbox, load_on_terms};
use super::{Error, PluginInfo};
use crate::types::limits::PLUGIN_FILES_MAX;

/// A file after it was read and compiled, before its functions have a name in SQL.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) info: PluginInfo,
    pub(super) plugin: Option<Arc<LoadedPlugin>>,
    /// The version in the file's name.
    pub(super) version: Option<Version>,
    /// What it was made from; equal content is not loaded again.
    content: String,
}

/// The `*.wasm` and `*.wat` of a directory, by name. Subdirectories are not searched.
pub(super) fn plugin_files(dir: &Path) -> Result<Vec<PathBuf>, Error> {
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

/// Loads files side by side on at most `threads` threads, as compiling is nearly all of the work, and gives them in their order. What `before`
/// has of a file that is the same is taken from there.
pub(super) fn load_all(
    sandbox: &Sandbox,
    files: &[PathBuf],
    before: &[Arc<Loaded>],
    threads: usize,
) -> Vec<Arc<Loaded>> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Arc<Loaded>)>> = Mutex::new(Vec::with_capacity(files.len()));
    let work = || {
        while let Some((i, path)) = Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|i| Some((i, files.get(i)?))) {
            let before = before.iter().find(|loaded| loaded.info.path == *path);
            let loaded = load_file(sandbox, path, before);
            done.lock().push((i, loaded));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(files.len()) {
            scope.spawn(work);
        }
        work();
    });
    let mut done = done.into_inner();
    done.sort_by_key(|(i, _)| *i);
    done.into_iter().map(|(_, loaded)| loaded).collect()
}

/// Loads one file. One that is broken where it gave functions `before` keeps giving those.
pub(super) fn load_file(sandbox: &Sandbox, path: &Path, before: Option<&Arc<Loaded>>) -> Arc<Loaded> {
    load_any(sandbox, path, None, before)
}

/// As [`load_file`], of one of its functions.
pub(super) fn load_picked(sandbox: &Sandbox, path: &Path, pick: &Pick, before: Option<&Arc<Loaded>>) -> Arc<Loaded> {
    load_any(sandbox, path, Some(pick), before)
}

fn load_any(sandbox: &Sandbox, path: &Path, pick: Option<&Pick>, before: Option<&Arc<Loaded>>) -> Arc<Loaded> {
    let bytes = read(path, sandbox.limits().file_bytes);
    let sha256 = (bytes.as_ref()).map_or_else(|_| String::new(), |bytes| hexadecimal(&Sha256::digest(bytes)));
    let sidecar = Sidecar::of(path, sandbox.limits());
    // What differs here is to be loaded anew, the wrong sidecar that is now right included.
    let of_sidecar = match &sidecar {
        Ok(sidecar) => &sidecar.content,
        Err((_, content)) => content,
    };
    let content = match &bytes {
        Ok(_) => format!("{sha256}{of_sidecar}"),
        Err(reason) => format!("unread: {reason}"),
    };
    if let Some(before) = before.filter(|before| before.content == content) {
        return Arc::clone(before);
    }
    let mut info = PluginInfo::new(path, sha256);
    let mut version = None;
    let plugin = FileName::of(path).and_then(|name| {
        info.name = name.name;
        info.version = name.version.as_ref().map(|version| version.text().to_owned());
        version = name.version;
        let text = path.extension().is_some_and(|e| e == "wat");
        let bytes = bytes?;
        let mut sidecar = sidecar.map_err(|(reason, _)| reason)?;
        sidecar.check_hash(&info.sha256)?;
        info.grants = sidecar.terms.grants;
        sidecar.terms.pick = pick.cloned();
        load_on_terms(sandbox, &stem(path), &bytes, text, &sidecar.terms)
    });
    let plugin = match plugin {
        Ok(plugin) => Arc::new(plugin),
        Err(reason) => {
            // What a hostile file makes others say may be long and have control characters.
            let reason = cut(&reason, sandbox.limits().message_bytes);
            return Arc::new(broken(info, version, content, reason, before));
        }
    };
    info.version = info.version.or_else(|| plugin.version.clone());
    Arc::new(Loaded {
        info,
        plugin: Some(plugin),
        version,
        content,
    })
}

/// A file that cannot be loaded: what it gave before goes on giving its functions, where there is something.
fn broken(
    mut info: PluginInfo,
    version: Option<Version>,
    content: String,
    reason: String,
    before: Option<&Arc<Loaded>>,
) -> Loaded {
    if let Some((before, plugin)) = before.and_then(|before| Some((before, before.plugin.as_ref()?))) {
        let mut info = before.info.clone();
        info.stale = Some(reason);
        return Loaded {
            info,
            plugin: Some(Arc::clone(plugin)),
            version: before.version.clone(),
            content,
        };
    }
    info.broken = Some(reason);
    Loaded {
        info,
        plugin: None,
        version,
        content,
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
pub(super) fn read(path: &Path, bytes_max: usize) -> Result<Vec<u8>, String> {
    use std::io::Read;
    let file = std::fs::File::open(path).map_err(|e| format!("it cannot be opened: {e}"))?;
    // Room at once for what the file says that it has: a vector that grows is copied.
    let said = file
        .metadata()
        .map_or(0, |metadata| metadata.len())
        .min(bytes_max as u64);
    let mut bytes = Vec::with_capacity(usize::try_from(said).unwrap_or(0) + 1);
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
