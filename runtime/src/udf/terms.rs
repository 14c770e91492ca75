//! On what terms a plugin is loaded: its limits, what it may ask of the process, its assets, the names of its functions.
//!
//! Without a sidecar these are the registry's limits and nothing else. What a grant means for the process is docs/adr/0009.

use std::fmt;
use std::sync::Arc;

use super::Limits;
use crate::types::schema::SqlType;

/// What a plugin may ask of the process beside what its calls give it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Grants {
    /// The time of now.
    pub clock: bool,
    /// Random bytes.
    pub random: bool,
    /// Lines in the log of the process.
    pub log: bool,
}

impl Grants {
    /// Their names, as a sidecar writes them.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        [("clock", self.clock), ("random", self.random), ("log", self.log)]
            .into_iter()
            .filter_map(|(name, granted)| granted.then_some(name))
            .collect()
    }

    /// Whether results may differ although arguments are equal.
    pub(super) fn are_volatile(self) -> bool {
        self.clock || self.random
    }
}

impl fmt::Display for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(", "))
    }
}

/// A file that a plugin can read, by its name in the sidecar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asset {
    pub(super) name: String,
    pub(super) content: Arc<[u8]>,
}

/// What a sidecar says of the name of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Renaming {
    /// SQL has it under this name.
    As(String),
    /// SQL does not have it.
    Hidden,
}

/// The one function that CREATE FUNCTION takes from a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pick {
    /// Its name in SQL.
    pub(super) name: String,
    /// What it is called in the plugin; if nothing is said, as in SQL, or else the plugin has no other.
    pub(super) export: Option<String>,
    /// The types of its arguments, with their names where there are some.
    pub(super) args: Vec<(Option<String>, SqlType)>,
    pub(super) returns: SqlType,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) limits: Limits,
    pub(super) grants: Grants,
    pub(super) assets: Arc<[Asset]>,
    /// Functions that SQL has under another name, or not at all; by their names in the plugin.
    pub(super) renamings: Vec<(String, Renaming)>,
    pub(super) pick: Option<Pick>,
    /// The sidecar that says so; where there is none, the one that could.
    pub(super) sidecar: String,
}

impl Terms {
    /// Those of a plugin without a sidecar, which would be called so.
    pub(super) fn of_limits(limits: &Limits, sidecar: String) -> Self {
        Self {
            limits: limits.clone(),
            grants: Grants::default(),
            assets: Arc::from([]),
            renamings: Vec::new(),
            pick: None,
            sidecar,
        }
    }
}
