//! A file that appears under its name only when it is complete.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::super::Error;
use super::failed;

/// What unfinished files end in; sources leave such files out.
pub(super) const PARTIAL_SUFFIX: &str = ".partial";

/// A file being written. It is written as `NAME.partial` and gets its name in [`Output::finish`]; dropped before that,
/// the partial file stays for whoever wants to look.
#[derive(Debug)]
pub(super) struct Output {
    file: File,
    partial: PathBuf,
    path: PathBuf,
    fsync: bool,
    /// Whether its directory is known to be on the disk with the partial name.
    is_listed: bool,
}

impl Output {
    /// Starts the file; what an earlier run left under the partial name is overwritten.
    pub(super) fn create(path: &Path, fsync: bool) -> Result<Self, Error> {
        let mut partial = path.as_os_str().to_owned();
        partial.push(PARTIAL_SUFFIX);
        let partial = PathBuf::from(partial);
        let file = File::create(&partial).map_err(|error| failed(&partial, error))?;
        Ok(Self {
            file,
            partial,
            path: path.to_owned(),
            fsync,
            is_listed: false,
        })
    }

    /// Forces what was written to the disk, where that was asked for.
    pub(super) fn sync(&mut self) -> Result<(), Error> {
        if self.fsync {
            self.file.sync_data().map_err(|error| failed(&self.partial, error))?;
            if !self.is_listed {
                // A file is found again only when its directory is on the disk too.
                sync_directory(directory_of(&self.path))?;
                self.is_listed = true;
            }
        }
        Ok(())
    }

    /// Gives the file its name, in place of a file of that name.
    pub(super) fn finish(&mut self) -> Result<(), Error> {
        self.sync()?;
        fs::rename(&self.partial, &self.path).map_err(|error| failed(&self.path, error))?;
        if self.fsync {
            sync_directory(directory_of(&self.path))?;
        }
        Ok(())
    }

    /// Removes what was written.
    pub(super) fn discard(self) -> Result<(), Error> {
        fs::remove_file(&self.partial).map_err(|error| failed(&self.partial, error))
    }
}

/// The directory in which a file lies.
pub(super) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(directory: &Path) -> Result<(), Error> {
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| failed(directory, error))
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
