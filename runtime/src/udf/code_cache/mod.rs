//! Compiled code on disk, so that a plugin is compiled once and not at every start.
//!
//! Here an entry is bytes under a key, in a directory that nobody else may write to. What is in it and why it may be run is for
//! `wasm/compiled.rs` to know. Nothing that goes wrong here is an error: without an entry the plugin is compiled anew.

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::limits::bytes_text;
use super::plugin_file::hexadecimal;
use crate::types::clock::{Clock, SystemClock};
use crate::types::limits::CODE_CACHE_BYTES_MAX;

#[cfg(test)]
mod tests;

/// What a file has behind its content, which begins with the file so that it can be mapped: whose it is and the version of this layout ...
const MAGIC: &[u8; 16] = b"waterwheel code2";
/// ... the key, the checksum of both and of the content.
const TRAILER_BYTES: usize = MAGIC.len() + 32 + 32;
/// Bytes that are read at once, fewer than a processor's nearest memory holds.
const BLOCK_BYTES: usize = 64 << 10;
/// The mode bits by which others than the owner may write.
const OTHERS_WRITE: u32 = 0o022;

/// What an entry is found by: a BLAKE3 hash of all that its content depends on.
pub(super) type Key = [u8; 32];

/// Where compiled code is kept between two runs of the process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CodeCachePlace {
    /// Nowhere: every start compiles.
    #[default]
    Off,
    /// In this directory, which is made where it is missing.
    Directory(PathBuf),
}

impl CodeCachePlace {
    /// `off`, or a directory.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "off" => Self::Off,
            directory => Self::Directory(directory.into()),
        }
    }

    /// `$XDG_CACHE_HOME/waterwheel/code`, `~/.cache/waterwheel/code` (XDG Base Directory Specification); off where there is no home.
    #[must_use]
    pub fn of_user() -> Self {
        let set = |name: &str| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let base = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
        base.map_or(Self::Off, |base| Self::Directory(base.join("waterwheel/code")))
    }
}

/// What a cache has done since the process began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CodeCacheCounts {
    /// Entries that were there.
    pub found: u64,
    /// Entries that were not there.
    pub missing: u64,
    /// Files that were there and not to be trusted: cut off, changed, of another owner.
    pub refused: u64,
    /// Entries written.
    pub written: u64,
    /// Entries removed because there was no room.
    pub removed: u64,
}

/// Compiled code in one directory. Processes may share it.
#[derive(Debug)]
pub(super) struct CodeCache {
    directory: PathBuf,
    bytes_max: u64,
    /// The owner of the directory, who must be this process; nothing where it cannot be used. Looked at when it is first needed.
    owner: OnceLock<Option<u32>>,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    found: AtomicU64,
    missing: AtomicU64,
    refused: AtomicU64,
    written: AtomicU64,
    removed: AtomicU64,
}

impl CodeCache {
    /// A cache in this directory, once it is needed.
    pub(super) fn new(directory: PathBuf) -> Self {
        Self::of_size(directory, CODE_CACHE_BYTES_MAX)
    }

    pub(super) fn of_size(directory: PathBuf, bytes_max: u64) -> Self {
        Self {
            directory,
            bytes_max,
            owner: OnceLock::new(),
            counts: Counts::default(),
        }
    }

    pub(super) fn counts(&self) -> CodeCacheCounts {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        CodeCacheCounts {
            found: of(&self.counts.found),
            missing: of(&self.counts.missing),
            refused: of(&self.counts.refused),
            written: of(&self.counts.written),
            removed: of(&self.counts.removed),
        }
    }

    /// A file that begins with what [`CodeCache::put`] was given under this key, byte for byte.
    pub(super) fn get(&self, key: &Key) -> Option<PathBuf> {
        let owner = self.owner()?;
        let path = self.path(key);
        match check_entry(&path, key, owner, self.bytes_max) {
            Ok(true) => {
                count(&self.counts.found);
                Some(path)
            }
            Ok(false) => {
                count(&self.counts.missing);
                None
            }
            Err(reason) => {
                self.refuse(key, &reason);
                None
            }
        }
    }

    /// Notes that what is under this key cannot be used, and removes it.
    pub(super) fn refuse(&self, key: &Key, reason: &str) {
        count(&self.counts.refused);
        let path = self.path(key);
        tracing::warn!(
            "compiled code in {} is not used: {reason}; the plugin is compiled anew",
            path.display()
        );
        // If it stays, the new entry takes its place.
        let _ = std::fs::remove_file(path);
    }

    /// Keeps `content` under the key. What was not used for longest makes room.
    pub(super) fn put(&self, key: &Key, content: &[u8]) {
        let Some(owner) = self.owner() else {
            return;
        };
        if (TRAILER_BYTES + content.len()) as u64 > self.bytes_max {
            return;
        }
        match self.write_entry(key, content) {
            Ok(()) => {
                count(&self.counts.written);
                self.make_room(owner, &self.path(key));
            }
            Err(error) => tracing::warn!("compiled code cannot be kept in {}: {error}", self.directory.display()),
        }
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.directory.join(format!("{}.code", hexadecimal(key)))
    }

    fn owner(&self) -> Option<u32> {
        *self.owner.get_or_init(|| match self.open() {
            Ok(owner) => Some(owner),
            Err(reason) => {
                tracing::warn!("no compiled code is kept in {}: {reason}", self.directory.display());
                None
            }
        })
    }

    /// Makes the directory where it is missing. Gives its owner, who is the one that this process runs as.
    fn open(&self) -> Result<u32, String> {
        let text = |error: io::Error| error.to_string();
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(&self.directory).map_err(text)?;
        let directory = self.directory.metadata().map_err(text)?;
        if directory.mode() & OTHERS_WRITE != 0 {
            return Err("others than its owner may write to it".to_owned());
        }
        // Whose files this process makes is what the system says of one that it makes.
        let (path, file) = self.temporary().map_err(text)?;
        let own = file.metadata();
        let _ = std::fs::remove_file(path);
        let own = own.map_err(text)?.uid();
        if own != directory.uid() {
            return Err("it belongs to another user".to_owned());
        }
        Ok(own)
    }

    /// A new file that nobody else may write to.
    fn temporary(&self) -> io::Result<(PathBuf, File)> {
        // Drawn, not counted: another cache of this process, or a process with the same number in another container, must never
        // take the name of a file that was removed to make room while this one writes it: the rename would move theirs.
        let path = self.directory.join(format!("{:032x}.tmp", rand::random::<u128>()));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        Ok((path, file))
    }

    /// Writes beside the entry and renames, so that there is no half of an entry. What a loss of power leaves has not its checksum.
    fn write_entry(&self, key: &Key, content: &[u8]) -> io::Result<()> {
        let (temporary, mut file) = self.temporary()?;
        let written = file
            .write_all(content)
            .and_then(|()| file.write_all(MAGIC))
            .and_then(|()| file.write_all(key))
            .and_then(|()| file.write_all(checksum(key).update(content).finalize().as_bytes()))
            .and_then(|()| std::fs::rename(&temporary, self.path(key)));
        if written.is_err() {
            let _ = std::fs::remove_file(temporary);
        }
        written
    }

    /// Removes the entries, and what broken-off writes left, that were not used for longest; not `new`.
    fn make_room(&self, owner: u32, new: &Path) {
        let Ok(entries) = std::fs::read_dir(&self.directory) else {
            return;
        };
        let mut files: Vec<(SystemTime, u64, PathBuf)> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let path = entry.path();
                let metadata = entry.metadata().ok()?;
                let ours = path.extension().is_some_and(|e| e == "code" || e == "tmp") && metadata.uid() == owner;
                (ours && metadata.is_file()).then(|| (metadata.modified().unwrap_or(UNIX_EPOCH), metadata.len(), path))
            })
            .collect();
        files.sort();
        let mut bytes: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, of_file, path) in files {
            if bytes <= self.bytes_max {
                break;
            }
            if path != new && std::fs::remove_file(&path).is_ok() {
                count(&self.counts.removed);
                bytes -= of_file;
            }
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// The checksum of an entry, before its content. As hard to forge as SHA-256, in a third of the time.
fn checksum(key: &Key) -> blake3::Hasher {
    let mut hash = blake3::Hasher::new();
    hash.update(MAGIC);
    hash.update(key);
    hash
}

/// Whether there is a file under this key, as `owner` wrote it; an error where it is not to be trusted.
fn check_entry(path: &Path, key: &Key, owner: u32, bytes_max: u64) -> Result<bool, String> {
    let text = |error: io::Error| error.to_string();
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(text(error)),
        Ok(metadata) => trusted(&metadata, owner)?,
    }
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        opened => opened.map_err(text)?,
    };
    // Again, of what is open now.
    let metadata = file.metadata().map_err(text)?;
    trusted(&metadata, owner)?;
    if metadata.len() > bytes_max {
        return Err(format!(
            "it is larger than {}",
            bytes_text(usize::try_from(bytes_max).unwrap_or(usize::MAX))
        ));
    }
    let Some(content_bytes) = metadata.len().checked_sub(TRAILER_BYTES as u64) else {
        return Err("it is cut off".to_owned());
    };
    // Block by block: what is not kept needs no memory of the size of the code.
    let mut content = (&mut file).take(content_bytes);
    let (mut hash, mut block) = (checksum(key), vec![0; BLOCK_BYTES]);
    loop {
        match content.read(&mut block).map_err(text)? {
            0 => break,
            bytes => hash.update(&block[..bytes]),
        };
    }
    let mut trailer = [0; TRAILER_BYTES];
    file.read_exact(&mut trailer).map_err(|_| "it is cut off".to_owned())?;
    let (magic, rest) = trailer.split_at(MAGIC.len());
    let (own_key, own_checksum) = rest.split_at(key.len());
    if magic != MAGIC || own_key != key {
        return Err("it is not an entry of this cache".to_owned());
    }
    if own_checksum != hash.finalize().as_bytes() {
        return Err("its checksum is wrong".to_owned());
    }
    // For the order in which room is made; where it cannot be set, the entry goes earlier.
    let now = u64::try_from(SystemClock.now_ms()).unwrap_or(0);
    let _ = file.set_modified(UNIX_EPOCH + Duration::from_millis(now));
    Ok(true)
}

fn trusted(metadata: &Metadata, owner: u32) -> Result<(), String> {
    if !metadata.is_file() {
        return Err("it is not a file".to_owned());
    }
    if metadata.uid() != owner {
        return Err("it belongs to another user".to_owned());
    }
    if metadata.mode() & OTHERS_WRITE != 0 {
        return Err("others than its owner may write to it".to_owned());
    }
    Ok(())
}
