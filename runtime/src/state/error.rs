//! Why state cannot be kept or read.

use crate::types::{Class, Retry};

/// An error of durable state.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An entry is not what was written.
    #[error("saved state of {what} is damaged: {reason}")]
    Damaged {
        /// What it belongs to.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The store cannot be read or written.
    #[error("state store {url}: {reason}")]
    Store {
        /// Where it is.
        url: String,
        /// What it said.
        reason: String,
        /// Whether trying again can help.
        retry: Retry,
    },
    /// Another process has taken the state over.
    #[error("state store {url}: another process has opened it since; this one may not write to it any more")]
    Fenced {
        /// Where it is.
        url: String,
    },
    /// The state was written by another program or for another query.
    #[error("state store {url}: {reason}")]
    Unreadable {
        /// Where it is.
        url: String,
        /// What does not fit, and what to do.
        reason: String,
    },
}

impl Error {
    /// An entry that cannot be read.
    pub fn damaged(what: &str, reason: impl Into<String>) -> Self {
        Self::Damaged {
            what: what.to_owned(),
            reason: reason.into(),
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Damaged { .. } | Self::Store { .. } => Class::External,
            Self::Fenced { .. } | Self::Unreadable { .. } => Class::User,
        }
    }

    /// Whether trying again can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Store { retry, .. } => *retry,
            _ => Retry::Never,
        }
    }
}
