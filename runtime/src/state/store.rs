//! The state of one query: epochs of changes, each of which counts wholly or not at all.
//!
//! An epoch is written in two steps around the commit of the topic log. `prepare` writes it down as *pending*, in one atomic batch; then the log
//! commits; `finish` says so, and the next batch moves the changes to their places. What a pending epoch is worth after a crash is for the
//! log to say ([`Store::settle`]). Where no log commits, `write` does both at once.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::backend::{Backend, Batch, MemoryBackend};
use super::form::{Epoch, FORMAT_VERSION, Form};
use super::pending::{self, Pending};
use super::slate::{self, SlateBackend};
use super::slate_reader::SlateReader;
use super::{Changes, Entry, Error, Location};

const FORM: &[u8] = b"\0form";
const EPOCH: &[u8] = b"\0epoch";
const PENDING: u8 = 1;
const ENTRIES: u8 = 2;

/// Changes of one operator in one shard.
#[derive(Debug, Clone)]
pub struct OperatorChanges {
    /// The operator's number in the store.
    pub operator: u16,
    /// The shard.
    pub shard: u16,
    /// What changed.
    pub changes: Changes,
}

/// The state of one query.
#[derive(Debug)]
pub struct Store {
    backend: Box<dyn Backend>,
    form: Option<Form>,
    /// The last epoch whose changes are in their places, or will be with the next batch.
    done: Epoch,
    /// An epoch that is written down and waits for the log's word.
    pending: Option<Pending>,
    /// Changes of `done` that are not in their places yet.
    unplaced: Option<Pending>,
}

impl Store {
    /// Opens the state at `location`, and fences whoever had it open.
    ///
    /// # Errors
    /// When it cannot be read, or a newer program has written it.
    pub fn open(location: &Location) -> Result<Self, Error> {
        Self::over(Box::new(SlateBackend::open(location)?))
    }

    /// Opens the state at `location` to look at it; whoever has it open goes on.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn inspect(location: &Location) -> Result<Self, Error> {
        Self::over(Box::new(SlateReader::open(location)?))
    }

    /// Removes the state at `location` for good; nothing must have it open.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(location: &Location) -> Result<(), Error> {
        slate::remove(location)
    }

    /// Entries and bytes of keys and values of each operator and shard.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn sizes(&self) -> Result<BTreeMap<(u16, u16), (usize, usize)>, Error> {
        let mut sizes: BTreeMap<(u16, u16), (usize, usize)> = BTreeMap::new();
        self.backend.scan(&[ENTRIES], &mut |entries| {
            for (key, value) in entries {
                let number = |at: usize| u16::from_be_bytes([key[at], key[at + 1]]);
                if key.len() < 5 {
                    return Err(Error::damaged("the store", "a key is too short"));
                }
                let (count, bytes) = sizes.entry((number(1), number(3))).or_default();
                *count += 1;
                *bytes += key.len() - 5 + value.len();
            }
            Ok(())
        })?;
        Ok(sizes)
    }

    /// The same in memory, for tests.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn in_memory(backend: &MemoryBackend) -> Result<Self, Error> {
        Self::over(Box::new(backend.reopen()))
    }

    /// A store over any storage.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn over(backend: Box<dyn Backend>) -> Result<Self, Error> {
        let unreadable = |reason: String| Error::Unreadable {
            url: backend.url().to_owned(),
            reason,
        };
        let form: Option<Form> = match backend.get(FORM)? {
            None => None,
            Some(text) => {
                let version: VersionOnly = read_json(&text, "the form of the store")?;
                if version.format_version != FORMAT_VERSION {
                    let reason = format!(
                        "it has version {} of the format, this program reads version {FORMAT_VERSION}; use the program that wrote it, or remove it, \
                         and the state is built again from the topics",
                        version.format_version
                    );
                    return Err(unreadable(reason));
                }
                Some(read_json(&text, "the form of the store")?)
            }
        };
        let done = match backend.get(EPOCH)? {
            None => Epoch::default(),
            Some(text) => read_json(&text, "the last epoch")?,
        };
        let pending = pending::read(&*backend, PENDING)?;
        Ok(Self {
            backend,
            form,
            done,
            pending,
            unplaced: None,
        })
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &str {
        self.backend.url()
    }

    /// What it says of itself; `None` for a new store.
    #[must_use]
    pub fn form(&self) -> Option<&Form> {
        self.form.as_ref()
    }

    /// The last epoch that counts.
    #[must_use]
    pub fn done(&self) -> &Epoch {
        &self.done
    }

    /// The epoch that waits for the log's word.
    #[must_use]
    pub fn pending(&self) -> Option<&Epoch> {
        self.pending.as_ref().map(|pending| &pending.epoch)
    }

    /// Writes down what the store says of itself.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn set_form(&mut self, form: Form) -> Result<(), Error> {
        if self.form.as_ref() == Some(&form) {
            return Ok(());
        }
        let mut batch = Batch::default();
        batch.writes.push((Bytes::from_static(FORM), Some(json(&form)?)));
        self.backend.write(batch)?;
        self.form = Some(form);
        Ok(())
    }

    /// After a start: keeps the pending epoch where the log has committed it, and drops it where the log has not. `committed` is the last epoch
    /// that the log knows, `None` where the log does not keep epochs.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn settle(&mut self, committed: Option<u64>) -> Result<(), Error> {
        let Some(pending) = self.pending.take() else {
            return Ok(());
        };
        let mut batch = Batch::default();
        if committed == Some(pending.epoch.number) {
            self.done = pending.epoch.clone();
            self.place(&pending, &mut batch)?;
        } else {
            pending.forget(PENDING, &mut batch);
        }
        self.backend.write(batch)
    }

    /// Throws all state away, epochs included; the form stays. For state that is built again.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn clear(&mut self) -> Result<(), Error> {
        let mut batch = Batch::default();
        batch.writes.push((Bytes::from_static(EPOCH), None));
        for prefix in [PENDING, ENTRIES] {
            self.backend.scan(&[prefix], &mut |entries| {
                batch.writes.extend(entries.iter().map(|(key, _)| (key.clone(), None)));
                Ok(())
            })?;
        }
        self.backend.write(batch)?;
        (self.done, self.pending, self.unplaced) = (Epoch::default(), None, None);
        Ok(())
    }

    /// Hands over the entries of an operator in a shard, in the order of their keys, in chunks.
    ///
    /// # Errors
    /// When they cannot be read, or `take` says so.
    pub fn load(
        &self,
        operator: u16,
        shard: u16,
        take: &mut dyn FnMut(&[Entry]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let prefix = entry_key(operator, shard, &[]);
        self.backend.scan(&prefix, &mut |entries| {
            let own: Vec<Entry> = entries
                .iter()
                .map(|(key, value)| (key.slice(prefix.len()..), value.clone()))
                .collect();
            take(&own)
        })
    }

    /// Writes an epoch down as pending; it is durable when this returns.
    ///
    /// # Errors
    /// When it cannot be written, or another process has taken over.
    pub fn prepare(&mut self, epoch: Epoch, changes: Vec<OperatorChanges>) -> Result<(), Error> {
        let mut batch = Batch::default();
        self.place_unplaced(&mut batch)?;
        let mut pending = Pending::new(epoch, changes);
        pending.write(PENDING, &mut batch)?;
        self.backend.write(batch)?;
        self.pending = Some(pending);
        Ok(())
    }

    /// The log has committed the pending epoch.
    pub fn finish(&mut self) {
        if let Some(pending) = self.pending.take() {
            self.done = pending.epoch.clone();
            self.unplaced = Some(pending);
        }
    }

    /// Writes an epoch at once, where no log has a say in it.
    ///
    /// # Errors
    /// When it cannot be written, or another process has taken over.
    pub fn write(&mut self, epoch: Epoch, changes: Vec<OperatorChanges>) -> Result<(), Error> {
        let mut batch = Batch::default();
        self.place_unplaced(&mut batch)?;
        let pending = Pending::new(epoch, changes);
        self.place(&pending, &mut batch)?;
        self.backend.write(batch)?;
        self.done = pending.epoch;
        Ok(())
    }

    /// Puts what is committed in its place and ends the store.
    ///
    /// # Errors
    /// When it cannot be written; it is not lost then, but put in place at the next start.
    pub fn close(&mut self) -> Result<(), Error> {
        let mut batch = Batch::default();
        self.place_unplaced(&mut batch)?;
        if !batch.writes.is_empty() {
            self.backend.write(batch)?;
        }
        self.backend.close()
    }

    fn place_unplaced(&mut self, batch: &mut Batch) -> Result<(), Error> {
        match self.unplaced.take() {
            Some(unplaced) => self.place(&unplaced, batch),
            None => Ok(()),
        }
    }

    /// Moves the changes of an epoch to their places.
    fn place(&self, pending: &Pending, batch: &mut Batch) -> Result<(), Error> {
        for OperatorChanges {
            operator,
            shard,
            changes,
        } in &pending.changes
        {
            batch.writes.extend(changes.iter().map(|(key, value)| {
                let key = entry_key(*operator, *shard, key).into();
                (key, value.map(Bytes::copy_from_slice))
            }));
        }
        batch
            .writes
            .push((Bytes::from_static(EPOCH), Some(json(&pending.epoch)?)));
        pending.forget(PENDING, batch);
        Ok(())
    }
}

fn entry_key(operator: u16, shard: u16, key: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(5 + key.len());
    bytes.push(ENTRIES);
    bytes.extend_from_slice(&operator.to_be_bytes());
    bytes.extend_from_slice(&shard.to_be_bytes());
    bytes.extend_from_slice(key);
    bytes
}

/// The one field that every version of the format has.
#[derive(serde::Deserialize)]
struct VersionOnly {
    format_version: u32,
}

pub(super) fn json(value: &impl serde::Serialize) -> Result<Bytes, Error> {
    let text = serde_json::to_vec(value).map_err(|error| Error::damaged("the store", error.to_string()))?;
    Ok(text.into())
}

pub(super) fn read_json<T: serde::de::DeserializeOwned>(text: &[u8], what: &str) -> Result<T, Error> {
    serde_json::from_slice(text).map_err(|error| Error::damaged(what, error.to_string()))
}
