//! The files of the project: paths as in the repository, with their text.

use std::collections::BTreeMap;
use std::io::{Error, Result};
use std::path::Path;
use std::process::Command;

/// All files of the project. A path has no text when it is not UTF-8: plugins, pictures.
pub(super) struct Tree {
    files: BTreeMap<String, Option<String>>,
}

impl Tree {
    /// The files that git tracks, and new ones that it does not ignore.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
        let listed = Command::new("git").arg("-C").arg(root).args(arguments).output()?;
        if !listed.status.success() {
            return Err(Error::other(format!(
                "git ls-files: {}",
                String::from_utf8_lossy(&listed.stderr).trim()
            )));
        }
        let mut files = BTreeMap::new();
        for path in String::from_utf8_lossy(&listed.stdout).split_terminator('\0') {
            // A file that was removed and is still listed is not there, nor is what a link to nowhere names.
            if let Ok(bytes) = std::fs::read(root.join(path)) {
                files.insert(path.to_owned(), String::from_utf8(bytes).ok());
            }
        }
        Ok(Self { files })
    }

    /// A small tree for the tests of the rules.
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let files = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), Some((*text).to_owned())));
        Self { files: files.collect() }
    }

    /// Paths and texts of the files that are text.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .filter_map(|(path, text)| Some((path.as_str(), text.as_deref()?)))
    }

    /// Whether there is a file or a directory of that path, which may end with a slash.
    pub(super) fn exists(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let directory = format!("{path}/");
        self.files.contains_key(path)
            || self
                .files
                .range(directory.clone()..)
                .next()
                .is_some_and(|(file, _)| file.starts_with(&directory))
    }

    /// Whether the text of that path is Rust.
    pub(super) fn is_rust(path: &str) -> bool {
        Path::new(path).extension().is_some_and(|extension| extension == "rs")
    }

    /// Whether some file, wherever it lies, has that name.
    pub(super) fn has_file_named(&self, name: &str) -> bool {
        self.files.keys().any(|path| path.rsplit('/').next() == Some(name))
    }
}

/// The number of the line, from 1, in which byte `at` of `text` lies.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}
