//! Floor 1: durable state. What operators keep goes as changed entries into one atomic batch at each commit, and comes back at start.
//!
//! Operators say what changed ([`Changes`]) and take it back ([`Entry`]); they know neither the store nor the epoch. The form of all that
//! is stored is in `FORMAT.md` beside this file.

mod backend;
mod changes;
mod codec;
mod error;
mod form;
mod location;
mod note;
mod pending;
mod slate;
mod slate_reader;
mod store;
#[cfg(test)]
mod tests;

pub use backend::{Backend, Batch, MemoryBackend};
pub use changes::{Change, Changes};
pub use codec::{Reader, RowCodec, Writer};
pub use error::Error;
pub use form::{Epoch, FORMAT_VERSION, Form, OperatorForm, Position};
pub use location::Location;
pub use note::{read_note, remove_note, write_note};
pub use store::{OperatorChanges, Store};

use bytes::Bytes;

/// A saved entry: key and value, as an operator wrote them.
pub type Entry = (Bytes, Bytes);
