//! State on SlateDB: a log-structured store on any object store, a local directory among them.
//!
//! SlateDB is asynchronous; it runs on a small runtime of its own, and callers wait for it on their own threads.

use std::future::Future;
use std::sync::{Arc, LazyLock, mpsc};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use slatedb::config::{
    CompactorOptions, GarbageCollectorDirectoryOptions, GarbageCollectorOptions, ScanOptions, Settings,
};
use slatedb::{CloseReason, Db, ErrorKind, WriteBatch};
use tokio::runtime::Runtime;

use super::backend::{Backend, Batch, SCAN_CHUNK};
use super::{Entry, Error, Location};
use crate::types::Retry;
use crate::types::limits::{STATE_READ_AHEAD_BYTES, STATE_RETRIES_MAX, STATE_RUNTIME_THREADS, STATE_TABLE_BYTES};

/// Blocks that a scan fetches at once.
const FETCH_TASKS: usize = 4;
/// How often a store that nobody writes to looks for news of other processes. A write finds out by itself.
const MANIFEST_POLL: Duration = Duration::from_secs(10);

/// How long files of the write-ahead log are kept that are no longer needed.
const LOG_KEPT: Duration = Duration::from_mins(1);

static RUNTIME: LazyLock<std::io::Result<Runtime>> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(STATE_RUNTIME_THREADS)
        .thread_name("state")
        .enable_all()
        .build()
});

/// An open SlateDB. Dropped without [`Backend::close`], it keeps what was written and loses nothing.
pub(super) struct SlateBackend {
    url: String,
    db: Arc<Db>,
}

impl std::fmt::Debug for SlateBackend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SlateBackend")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl SlateBackend {
    /// Opens the store, made where there is none, and fences whoever had it open.
    pub(super) fn open(location: &Location) -> Result<Self, Error> {
        let url = location.to_string();
        let (store, path) = object_store(location)?;
        let settings = Settings {
            // Writes are flushed by hand, once a commit.
            flush_interval: None,
            // Without it a commit on a full disk would wait without an end, and the query would look as if it ran.
            object_store_max_retries: Some(STATE_RETRIES_MAX),
            manifest_poll_interval: MANIFEST_POLL,
            l0_sst_size_bytes: STATE_TABLE_BYTES,
            max_unflushed_bytes: 8 * STATE_TABLE_BYTES,
            compactor_options: Some(CompactorOptions {
                poll_interval: MANIFEST_POLL,
                ..CompactorOptions::default()
            }),
            garbage_collector_options: Some(GarbageCollectorOptions {
                wal_options: Some(GarbageCollectorDirectoryOptions {
                    interval: Some(LOG_KEPT),
                    min_age: LOG_KEPT,
                    ..GarbageCollectorDirectoryOptions::default()
                }),
                ..GarbageCollectorOptions::default()
            }),
            ..Settings::default()
        };
        let opened = wait(&url, async move {
            Db::builder(path, store)
                .with_settings(settings)
                .with_db_cache_disabled()
                .build()
                .await
        })?;
        let db = opened.map_err(|error| store_error(&url, &error))?;
        Ok(Self { url, db: Arc::new(db) })
    }

    fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, slatedb::Error>> + Send + 'static,
    ) -> Result<T, Error> {
        wait(&self.url, work)?.map_err(|error| store_error(&self.url, &error))
    }
}

/// Removes the store at `location`, where there is one.
pub(super) fn remove(location: &Location) -> Result<(), Error> {
    let url = location.to_string();
    let failed = |reason: String| Error::Store {
        url: url.clone(),
        reason: format!("cannot be removed: {reason}"),
        retry: Retry::Backoff,
    };
    if let Location::Directory(directory) = location {
        return match std::fs::remove_dir_all(directory) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(error.to_string())),
            _ => Ok(()),
        };
    }
    let (store, path) = object_store(location)?;
    let removed = wait(&url, async move {
        let mut files = store.list(Some(&path));
        while let Some(file) = files.next().await {
            store.delete(&file?.location).await?;
        }
        Ok::<(), object_store::Error>(())
    })?;
    removed.map_err(|error| failed(error.to_string()))
}

impl Backend for SlateBackend {
    fn url(&self) -> &str {
        &self.url
    }

    fn write(&mut self, batch: Batch) -> Result<(), Error> {
        let mut writes = WriteBatch::new();
        for (key, value) in batch.writes {
            match value {
                Some(value) => writes.put_bytes(key, value),
                None => writes.delete(key),
            }
        }
        let db = Arc::clone(&self.db);
        self.run(async move {
            db.write(writes).await?;
            db.flush().await
        })
    }

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Error> {
        let (db, key) = (Arc::clone(&self.db), key.to_vec());
        self.run(async move { db.get(key).await })
    }

    fn scan(&self, prefix: &[u8], take: &mut dyn FnMut(&[Entry]) -> Result<(), Error>) -> Result<(), Error> {
        let runtime = runtime(&self.url)?;
        let (db, prefix) = (Arc::clone(&self.db), Bytes::copy_from_slice(prefix));
        // A chunk is fetched while the one before is taken.
        let (sender, chunks) = mpsc::sync_channel(2);
        let failed = sender.clone();
        runtime.spawn(async move {
            if let Err(error) = send_chunks(&db, &prefix, &sender).await {
                let _ = failed.send(Err(error));
            }
        });
        for chunk in chunks {
            take(&chunk.map_err(|error| store_error(&self.url, &error))?)?;
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), Error> {
        let db = Arc::clone(&self.db);
        self.run(async move { db.close().await })
    }
}

/// Sends all entries of a prefix; ends early where nobody takes them any more.
async fn send_chunks(
    db: &Db,
    prefix: &Bytes,
    chunks: &mpsc::SyncSender<Result<Vec<Entry>, slatedb::Error>>,
) -> Result<(), slatedb::Error> {
    let options = ScanOptions {
        read_ahead_bytes: STATE_READ_AHEAD_BYTES,
        max_fetch_tasks: FETCH_TASKS,
        ..ScanOptions::default()
    };
    let mut entries = match after(prefix) {
        Some(end) => db.scan_with_options(prefix.clone()..end, &options).await?,
        None => db.scan_with_options(prefix.clone().., &options).await?,
    };
    let mut chunk = Vec::with_capacity(SCAN_CHUNK);
    while let Some(entry) = entries.next().await? {
        chunk.push((entry.key, entry.value));
        if chunk.len() == SCAN_CHUNK {
            let full = std::mem::replace(&mut chunk, Vec::with_capacity(SCAN_CHUNK));
            if tokio::task::block_in_place(|| chunks.send(Ok(full))).is_err() {
                return Ok(());
            }
        }
    }
    if !chunk.is_empty() {
        let _ = tokio::task::block_in_place(|| chunks.send(Ok(chunk)));
    }
    Ok(())
}

/// The first key behind all that begin with `prefix`.
fn after(prefix: &Bytes) -> Option<Bytes> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Some(end.into());
        }
    }
    None
}

fn runtime(url: &str) -> Result<&'static Runtime, Error> {
    RUNTIME.as_ref().map_err(|error| Error::Store {
        url: url.to_owned(),
        reason: format!("the system gives no threads: {error}"),
        retry: Retry::Backoff,
    })
}

/// Runs `work` on the stores' own runtime and waits for it, whatever thread this is.
pub(super) fn wait<T: Send + 'static>(url: &str, work: impl Future<Output = T> + Send + 'static) -> Result<T, Error> {
    let (sender, result) = mpsc::sync_channel(1);
    runtime(url)?.spawn(async move {
        let _ = sender.send(work.await);
    });
    result.recv().map_err(|_| Error::Store {
        url: url.to_owned(),
        reason: "a task of the store has panicked".into(),
        retry: Retry::Never,
    })
}

/// The object store of a location and the path in it.
pub(super) fn object_store(location: &Location) -> Result<(Arc<dyn ObjectStore>, Path), Error> {
    let refused = |reason: String| Error::Store {
        url: location.to_string(),
        reason,
        retry: Retry::Never,
    };
    match location {
        Location::Directory(directory) => {
            std::fs::create_dir_all(directory).map_err(|error| Error::Store {
                url: location.to_string(),
                reason: format!("it cannot be made: {error}"),
                retry: match error.kind() {
                    std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Retry::Backoff,
                    _ => Retry::Never,
                },
            })?;
            let store = LocalFileSystem::new_with_prefix(directory).map_err(|error| refused(error.to_string()))?;
            Ok((Arc::new(store.with_fsync(true)), Path::default()))
        }
        Location::Url { root, path } => {
            // Credentials and endpoints of cloud stores come from the environment, in the names that their own tools use.
            let store = Db::resolve_object_store(root).map_err(|error| refused(error.to_string()))?;
            let path = Path::parse(path).map_err(|error| refused(error.to_string()))?;
            Ok((store, path))
        }
    }
}

pub(super) fn store_error(url: &str, error: &slatedb::Error) -> Error {
    let (url, reason) = (url.to_owned(), with_cause(error));
    let retry = match error.kind() {
        ErrorKind::Closed(CloseReason::Fenced) => return Error::Fenced { url },
        ErrorKind::Unavailable | ErrorKind::Transaction | ErrorKind::Closed(_) => Retry::Backoff,
        _ => Retry::Never,
    };
    Error::Store { url, reason, retry }
}

/// An error with what lies at its bottom: that the disk is full, and not only that something cannot be written.
fn with_cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut bottom = error;
    while let Some(source) = bottom.source() {
        bottom = source;
    }
    let cause = bottom.to_string();
    if !text.contains(&cause) {
        text = format!("{text}: {cause}");
    }
    text
}
