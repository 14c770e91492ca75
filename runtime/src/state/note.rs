//! A small document that a query keeps beside its store, to be read while the store cannot be opened: what the query was, for the day on which
//! it cannot be planned. It has no part in epochs.

use bytes::Bytes;
use object_store::ObjectStoreExt as _;

use super::slate::{object_store, wait};
use super::{Error, Location};
use crate::types::Retry;

/// Its name in the directory of the store.
const NAME: &str = "query.json";

/// Writes the note of the store at `location`, in place of the one before.
///
/// # Errors
/// When it cannot be written.
pub fn write_note(location: &Location, text: Bytes) -> Result<(), Error> {
    let url = location.to_string();
    let (store, path) = object_store(location)?;
    let written = wait(&url, async move { store.put(&path.join(NAME), text.into()).await })?;
    written.map(drop).map_err(|error| failed(url, "written", &error))
}

/// Reads the note of the store at `location`; `None` where there is none. Makes nothing.
///
/// # Errors
/// When it cannot be read.
pub fn read_note(location: &Location) -> Result<Option<Bytes>, Error> {
    if let Location::Directory(directory) = location
        && !directory.is_dir()
    {
        return Ok(None);
    }
    let url = location.to_string();
    let (store, path) = object_store(location)?;
    let read = wait(&url, async move { store.get(&path.join(NAME)).await?.bytes().await })?;
    match read {
        Ok(text) => Ok(Some(text)),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(failed(url, "read", &error)),
    }
}

/// Removes the note of the store at `location`, where there is one.
///
/// # Errors
/// When it cannot be removed.
pub fn remove_note(location: &Location) -> Result<(), Error> {
    if let Location::Directory(directory) = location
        && !directory.join(NAME).exists()
    {
        return Ok(());
    }
    let url = location.to_string();
    let (store, path) = object_store(location)?;
    let removed = wait(&url, async move { store.delete(&path.join(NAME)).await })?;
    match removed {
        Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(failed(url, "removed", &error)),
    }
}

fn failed(url: String, what: &str, error: &object_store::Error) -> Error {
    Error::Store {
        url,
        reason: format!("{NAME} cannot be {what}: {error}"),
        retry: Retry::Backoff,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_as_it_was_written_and_goes_with_the_store() {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::Directory(directory.path().join("app/CSAS_A"));
        assert_eq!(read_note(&location).unwrap(), None);
        assert!(!directory.path().join("app").exists(), "reading has made a directory");
        for text in ["one", "another"] {
            write_note(&location, Bytes::from_static(text.as_bytes())).unwrap();
            assert_eq!(read_note(&location).unwrap().unwrap(), text);
        }
        remove_note(&location).unwrap();
        remove_note(&location).unwrap();
        assert_eq!(read_note(&location).unwrap(), None);
        write_note(&location, Bytes::from_static(b"x")).unwrap();
        super::super::Store::remove(&location).unwrap();
        assert_eq!(read_note(&location).unwrap(), None);
    }
}
