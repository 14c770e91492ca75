//! What a state store needs of the storage below it: atomic, durable batches and ordered scans. SlateDB is one such storage, memory another.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::{Entry, Error};

/// Entries of a scan that are handed over together.
pub(super) const SCAN_CHUNK: usize = 8_192;

/// Writes that happen together or not at all.
#[derive(Debug, Default)]
pub struct Batch {
    /// Keys with their new values, `None` to delete; a later one of the same key wins.
    pub writes: Vec<(Bytes, Option<Bytes>)>,
}

/// Ordered keys and values on durable storage.
pub trait Backend: Send + Debug {
    /// Where it is, for people.
    fn url(&self) -> &str;

    /// Writes a batch; it is durable when this returns.
    ///
    /// # Errors
    /// When it cannot be written, or another process has taken over ([`Error::Fenced`]).
    fn write(&mut self, batch: Batch) -> Result<(), Error>;

    /// The value of a key.
    ///
    /// # Errors
    /// When it cannot be read.
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Error>;

    /// Hands over all entries whose keys begin with `prefix`, in the order of their keys, in chunks, until `take` fails.
    ///
    /// # Errors
    /// When they cannot be read, or `take` says so.
    fn scan(&self, prefix: &[u8], take: &mut dyn FnMut(&[Entry]) -> Result<(), Error>) -> Result<(), Error>;

    /// Ends it; what was written stays.
    ///
    /// # Errors
    /// When something of it could not be written down in the end.
    fn close(&mut self) -> Result<(), Error>;
}

/// Storage in memory, for tests: clones share what they hold, as processes share a directory.
#[derive(Debug, Clone, Default)]
pub struct MemoryBackend {
    entries: Arc<Mutex<BTreeMap<Bytes, Bytes>>>,
    /// Number of the newest opening; older ones are fenced.
    openings: Arc<Mutex<u64>>,
    opening: u64,
}

impl MemoryBackend {
    /// Opens the same storage again; all earlier openings are fenced.
    #[must_use]
    pub fn reopen(&self) -> Self {
        let mut openings = self.openings.lock();
        *openings += 1;
        Self {
            opening: *openings,
            ..self.clone()
        }
    }
}

impl Backend for MemoryBackend {
    fn url(&self) -> &'static str {
        "memory:"
    }

    fn write(&mut self, batch: Batch) -> Result<(), Error> {
        if *self.openings.lock() != self.opening {
            return Err(Error::Fenced {
                url: self.url().to_owned(),
            });
        }
        let mut entries = self.entries.lock();
        for (key, value) in batch.writes {
            match value {
                Some(value) => entries.insert(key, value),
                None => entries.remove(&key),
            };
        }
        Ok(())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Error> {
        Ok(self.entries.lock().get(key).cloned())
    }

    fn scan(&self, prefix: &[u8], take: &mut dyn FnMut(&[Entry]) -> Result<(), Error>) -> Result<(), Error> {
        let entries = self.entries.lock();
        let from = entries.range(Bytes::copy_from_slice(prefix)..);
        let found: Vec<Entry> = from
            .take_while(|(key, _)| key.starts_with(prefix))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        drop(entries);
        found.chunks(SCAN_CHUNK).try_for_each(take)
    }

    fn close(&mut self) -> Result<(), Error> {
        Ok(())
    }
}
