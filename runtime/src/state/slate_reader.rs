//! A look into a SlateDB without opening it for writing, so that whoever has it open is not fenced.

use std::sync::Arc;

use bytes::Bytes;
use slatedb::{DbReader, DbReaderMode};

use super::backend::{Backend, Batch, SCAN_CHUNK};
use super::slate::{object_store, store_error, wait};
use super::{Entry, Error, Location};
use crate::types::Retry;

/// A store that is only read.
pub(super) struct SlateReader {
    url: String,
    reader: Arc<DbReader>,
}

impl std::fmt::Debug for SlateReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SlateReader")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl SlateReader {
    /// Opens what is there; makes nothing.
    pub(super) fn open(location: &Location) -> Result<Self, Error> {
        let url = location.to_string();
        let missing = |reason: &str| Error::Store {
            url: url.clone(),
            reason: reason.to_owned(),
            retry: Retry::Never,
        };
        if let Location::Directory(directory) = location
            && !directory.join("manifest").is_dir()
        {
            return Err(missing("there is no state here; stores lie at STATE/APPLICATION/QUERY"));
        }
        let (store, path) = object_store(location)?;
        let opened = wait(&url, async move {
            DbReader::builder(path, store)
                .with_reader_mode(DbReaderMode::FollowLatest)
                .build()
                .await
        })?;
        let reader = opened.map_err(|error| store_error(&url, &error))?;
        Ok(Self {
            url,
            reader: Arc::new(reader),
        })
    }
}

impl Backend for SlateReader {
    fn url(&self) -> &str {
        &self.url
    }

    fn write(&mut self, _batch: Batch) -> Result<(), Error> {
        Err(Error::Store {
            url: self.url.clone(),
            reason: "it was opened to be read".into(),
            retry: Retry::Never,
        })
    }

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Error> {
        let (reader, key) = (Arc::clone(&self.reader), key.to_vec());
        let found = wait(&self.url, async move { reader.get(key).await })?;
        found.map_err(|error| store_error(&self.url, &error))
    }

    fn scan(&self, prefix: &[u8], take: &mut dyn FnMut(&[Entry]) -> Result<(), Error>) -> Result<(), Error> {
        let (reader, from) = (Arc::clone(&self.reader), prefix.to_vec());
        let own = prefix.to_vec();
        let found = wait(&self.url, async move {
            let mut entries = reader.scan(from..).await?;
            let mut all: Vec<Entry> = Vec::new();
            while let Some(entry) = entries.next().await? {
                if !entry.key.starts_with(&own) {
                    break;
                }
                all.push((entry.key, entry.value));
            }
            Ok::<_, slatedb::Error>(all)
        })?;
        let all = found.map_err(|error| store_error(&self.url, &error))?;
        all.chunks(SCAN_CHUNK).try_for_each(take)
    }

    fn close(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_without_state_is_not_made() {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::Directory(directory.path().join("none"));
        let error = SlateReader::open(&location).unwrap_err().to_string();
        assert!(error.contains("there is no state here"), "{error}");
        assert!(!directory.path().join("none").exists());
    }
}
