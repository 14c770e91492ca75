//! Functions of CREATE FUNCTION: one function of a plugin file, under a name and types of the statement.
//!
//! They stand before those of the plugin directory, and last as long as the process, as other definitions do. Their file is read again when
//! the directory is; one that is broken by then keeps what it gave.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Error;
use super::manifest::is_identifier;
use super::plugin_file::{Loaded, load_picked};
use super::terms::Pick;
use super::wasm::Sandbox;
use crate::types::limits::PLUGIN_NAME_CHARS_MAX;
use crate::types::schema::SqlType;

/// What CREATE FUNCTION says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFunction {
    /// Its name in SQL.
    pub name: String,
    /// The types of its arguments, with their names where there are some.
    pub args: Vec<(Option<String>, SqlType)>,
    /// Its result type; of a table function that of one row.
    pub returns: SqlType,
    /// The plugin's file: relative to the plugin directory, or without one to the working directory.
    pub file: PathBuf,
    /// What the function is called there; if nothing is said, as in SQL, or else the file has no other.
    pub export: Option<String>,
}

/// A created function as it is now.
#[derive(Debug, Clone)]
pub(super) struct Created {
    pub(super) new: NewFunction,
    path: PathBuf,
    pub(super) loaded: Arc<Loaded>,
}

impl Created {
    /// Loads the function.
    ///
    /// # Errors
    /// When its name is none, or the file has no such function of these types.
    pub(super) fn load(sandbox: &Sandbox, directory: Option<&Path>, new: NewFunction) -> Result<Self, Error> {
        let path = directory.map_or_else(|| new.file.clone(), |directory| directory.join(&new.file));
        let refused = |reason: String| Error::Plugin {
            plugin: new.file.display().to_string(),
            reason,
        };
        if !is_identifier(&new.name) || new.name.len() > PLUGIN_NAME_CHARS_MAX {
            return Err(refused(format!(
                "{:?} is no name for a function: a letter or _, then letters, digits, _, at most {PLUGIN_NAME_CHARS_MAX}",
                new.name
            )));
        }
        if path
            .extension()
            .is_none_or(|extension| extension != "wasm" && extension != "wat")
        {
            return Err(refused("a plugin is a .wasm or a .wat file".to_owned()));
        }
        let loaded = load_picked(sandbox, &path, &new.pick(), None);
        match &loaded.info.broken {
            Some(reason) => Err(refused(reason.clone())),
            None => Ok(Self { new, path, loaded }),
        }
    }

    /// The same function from its file as it is now.
    pub(super) fn again(&self, sandbox: &Sandbox) -> Self {
        Self {
            loaded: load_picked(sandbox, &self.path, &self.new.pick(), Some(&self.loaded)),
            ..self.clone()
        }
    }

    /// Name and argument types: what no two created functions share.
    pub(super) fn signature(&self) -> String {
        self.new.signature()
    }
}

impl NewFunction {
    fn pick(&self) -> Pick {
        Pick {
            name: self.name.clone(),
            export: self.export.clone(),
            args: self.args.clone(),
            returns: self.returns.clone(),
        }
    }

    /// Name and argument types, as SQL writes them.
    #[must_use]
    pub fn signature(&self) -> String {
        let args: Vec<String> = self.args.iter().map(|(_, sql_type)| sql_type.to_string()).collect();
        format!("{}({})", self.name.to_ascii_uppercase(), args.join(", "))
    }
}
