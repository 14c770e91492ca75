//! What the registry says of a plugin file: for SHOW PLUGINS, `waterwheel udf list` and messages.

use std::fmt;
use std::path::{Path, PathBuf};

use super::Grants;
use super::version::stem;

/// A plugin file as the registry found it.
#[derive(Debug, Clone)]
pub struct PluginInfo {
    /// Its name: that of the file, without a version.
    pub name: String,
    /// The version in the file's name, or else the one that the plugin says.
    pub version: Option<String>,
    /// File path as given.
    pub path: PathBuf,
    /// SHA-256 of the file that its functions come from, hexadecimal.
    pub sha256: String,
    /// How many functions SQL has from it.
    pub functions: usize,
    /// Why it gives no functions, where it is broken.
    pub broken: Option<String>,
    /// Why the file that is there now is broken, where the functions are those of the file that was there before.
    pub stale: Option<String>,
    /// The higher version of the plugin that gives the functions instead.
    pub superseded_by: Option<String>,
    /// What its sidecar lets it ask of the process.
    pub grants: Grants,
    /// The function for which CREATE FUNCTION has loaded it, with the types of its arguments; nothing for a file of the plugin directory.
    pub created: Option<String>,
    /// Functions that it has and does not give, with the reason.
    pub skipped: Vec<SkippedFunction>,
}

impl PluginInfo {
    /// A file of which nothing is known but its hash.
    pub(super) fn new(path: &Path, sha256: String) -> Self {
        Self {
            name: stem(path),
            version: None,
            path: path.to_owned(),
            sha256,
            functions: 0,
            broken: None,
            stale: None,
            superseded_by: None,
            grants: Grants::default(),
            created: None,
            skipped: Vec::new(),
        }
    }

    /// The file's name.
    #[must_use]
    pub fn file(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// What became of it, for people.
    #[must_use]
    pub fn state(&self) -> String {
        if let Some(reason) = &self.broken {
            return format!("broken: {reason}");
        }
        if let Some(by) = &self.superseded_by {
            return format!("superseded by {by}");
        }
        let mut state = match self.functions {
            0 if self
                .skipped
                .iter()
                .any(|skipped| matches!(skipped.reason, SkipReason::Shadowed { .. })) =>
            {
                "shadowed".to_owned()
            }
            _ => "loaded".to_owned(),
        };
        if let Some(created) = &self.created {
            state.push_str(&format!(" by CREATE FUNCTION {created}"));
        }
        if self.grants != Grants::default() {
            state.push_str(&format!(", granted {}", self.grants));
        }
        if let Some(reason) = &self.stale {
            state.push_str(&format!(" from the file before; that of now is broken: {reason}"));
        }
        if !self.skipped.is_empty() {
            let skipped: Vec<String> = self.skipped.iter().map(ToString::to_string).collect();
            state.push_str(&format!(", without {}", skipped.join("; ")));
        }
        state
    }
}

/// A function of a plugin that SQL does not get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedFunction {
    /// Its name and argument types, `F(DOUBLE, BIGINT)`; the bare export name where the types are not known.
    pub signature: String,
    /// Why.
    pub reason: SkipReason,
}

/// Why a function of a plugin is not given to SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SkipReason {
    /// Another plugin, first by file name, gives a function of this name and these argument types.
    Shadowed {
        /// That plugin.
        by: String,
    },
    /// CREATE FUNCTION gives a function of this name and these argument types.
    Created,
    /// A kind of function that this version does not support yet.
    UnsupportedKind {
        /// The kind as the manifest names it.
        kind: String,
    },
    /// An export of a plain module whose name is no SQL identifier.
    NotAnIdentifier,
}

impl fmt::Display for SkippedFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.signature, self.reason)
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shadowed { by } => write!(
                f,
                "shadowed by the same function of plugin {by}, which comes first by file name"
            ),
            Self::Created => f.write_str("the function of CREATE FUNCTION stands before it"),
            Self::UnsupportedKind { kind } => write!(f, "{kind} functions are not supported yet"),
            Self::NotAnIdentifier => f.write_str("its name is not a SQL identifier"),
        }
    }
}
