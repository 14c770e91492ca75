//! Where the rows of a sink go: into one file for the whole query, or into one file for each epoch.
//!
//! A file of an epoch is `NAME-EPOCH.EXT`, EPOCH in twelve digits. It is complete, under its partial name, before the epoch counts, and gets its
//! name when the epoch counts; so a reader sees whole epochs that count and nothing else, and after a crash the number in the name says
//! whether a partial file is to be kept. That an epoch counts is decided elsewhere.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::super::Error;
use super::super::options::wrong;
use super::super::registry::{Claim, ClaimedOutput, Writing};
use super::output::{Output, PARTIAL_SUFFIX, directory_of, sync_directory};
use super::{failed, malformed};

/// Digits of an epoch in a name, so that names sort as epochs do.
const EPOCH_DIGITS: usize = 12;

/// The files of one sink.
#[derive(Debug)]
pub(super) struct Outputs {
    path: PathBuf,
    fsync: bool,
    /// The epoch that is being written; `None`: one file takes everything.
    epoch: Option<u64>,
}

impl Outputs {
    /// The files of a sink whose option `PATH` is `path`. `fsync`: what the user wants; epochs are forced to the disk unless told not to.
    pub(super) fn open(path: PathBuf, fsync: Option<bool>, writing: Writing) -> Result<Self, Error> {
        let epoch = match writing {
            Writing::Anew => None,
            Writing::From(counted) => {
                settle(&path, counted, fsync != Some(false))?;
                Some(counted + 1)
            }
        };
        Ok(Self {
            fsync: fsync.unwrap_or(epoch.is_some()),
            path,
            epoch,
        })
    }

    /// The path that the user has named.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether each epoch has a file of its own.
    pub(super) fn has_epochs(&self) -> bool {
        self.epoch.is_some()
    }

    /// Begins the file of the whole query, or of the epoch that is being written.
    pub(super) fn create(&self) -> Result<Output, Error> {
        match self.epoch {
            None => Output::create(&self.path, self.fsync),
            Some(epoch) => Output::create(&part_path(&self.path, epoch), self.fsync),
        }
    }

    /// The epoch counts: gives its file the name, and goes on with the next epoch.
    pub(super) fn publish(&mut self, output: Option<Output>, epoch: u64) -> Result<(), Error> {
        self.epoch = Some(epoch + 1);
        output.map_or(Ok(()), |mut output| output.finish())
    }
}

/// `dir/out-000000000007.json` for epoch 7 of `dir/out.json`.
fn part_path(path: &Path, epoch: u64) -> PathBuf {
    let (stem, extension) = name_parts(path);
    path.with_file_name(format!("{stem}-{epoch:0EPOCH_DIGITS$}{extension}"))
}

/// The name before its extension, and the extension with its dot.
fn name_parts(path: &Path) -> (String, String) {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let extension = path
        .extension()
        .map(|extension| format!(".{}", extension.to_string_lossy()));
    (stem.unwrap_or_default(), extension.unwrap_or_default())
}

/// The epoch of a file of `path`, by its name.
fn epoch_of(path: &Path, name: &str) -> Option<u64> {
    let (stem, extension) = name_parts(path);
    let digits = name.strip_prefix(&stem)?.strip_prefix('-')?.strip_suffix(&extension)?;
    let is_epoch = digits.len() >= EPOCH_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_epoch.then(|| digits.parse().ok()).flatten()
}

/// After a start: files of epochs that count get their names, those of later ones are removed.
fn settle(path: &Path, counted: u64, fsync: bool) -> Result<(), Error> {
    let directory = directory_of(path);
    let mut partial = Vec::new();
    for entry in fs::read_dir(directory).map_err(|error| failed(directory, error))? {
        let entry = entry.map_err(|error| failed(directory, error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(whole) = name.strip_suffix(PARTIAL_SUFFIX) {
            partial.extend(epoch_of(path, whole).map(|epoch| (epoch, entry.path(), whole.to_owned())));
        } else if let Some(epoch) = epoch_of(path, &name).filter(|epoch| *epoch > counted) {
            return Err(wrong(
                "PATH",
                format!(
                    "`{}` is there already, of epoch {epoch} of a query, and this query has come to epoch {counted} only: bring its state back, or \
                     remove the files of `{}`, or choose another PATH",
                    entry.path().display(),
                    path.display()
                ),
            ));
        }
    }
    for (epoch, file, name) in partial {
        let settled = if epoch <= counted {
            fs::rename(&file, path.with_file_name(name))
        } else {
            fs::remove_file(&file)
        };
        settled.map_err(|error| failed(&file, error))?;
    }
    if fsync {
        sync_directory(directory)?;
    }
    Ok(())
}

/// A lock that lasts as long as the process and this value live.
#[derive(Debug)]
struct Locked {
    /// Held for its lock.
    _file: File,
}

impl ClaimedOutput for Locked {}

/// Keeps other queries and processes from writing files of `path`.
pub(super) fn claim(path: &Path) -> Result<Claim, Error> {
    let (stem, extension) = name_parts(path);
    let lock = path.with_file_name(format!(".{stem}{extension}.lock"));
    let file = File::create(&lock).map_err(|error| failed(&lock, error))?;
    match file.try_lock() {
        Ok(()) => Ok(Box::new(Locked { _file: file })),
        Err(fs::TryLockError::WouldBlock) => Err(malformed(
            path,
            "another query or process is writing to it: stop that one, or choose another PATH",
        )),
        Err(fs::TryLockError::Error(error)) => Err(failed(&lock, error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_epochs_sort_and_are_known_again() {
        let path = Path::new("d/out.json");
        assert_eq!(part_path(path, 7), Path::new("d/out-000000000007.json"));
        assert_eq!(part_path(Path::new("plain"), 12), Path::new("plain-000000000012"));
        for (name, expected) in [
            ("out-000000000007.json", Some(7)),
            ("out-1234567890123.json", Some(1_234_567_890_123)),
            ("out-7.json", None),
            ("out-000000000007.csv", None),
            ("out-00000000000x.json", None),
            ("other-000000000007.json", None),
            ("out.json", None),
        ] {
            assert_eq!(epoch_of(path, name), expected, "{name}");
        }
    }

    #[test]
    fn one_writer_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out.json");
        let first = claim(&path).unwrap();
        let error = claim(&path).unwrap_err().to_string();
        assert!(error.contains("another query or process is writing to it"), "{error}");
        drop(first);
        claim(&path).unwrap();
    }
}
