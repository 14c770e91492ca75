//! SlateDB beside fjall on a local directory, as the engine uses a store: atomic durable batches of 64-byte values, and a scan of all at a start.
//!
//! `cargo run --release` in this directory prints a table: median of the commits in milliseconds, seconds of a reopening with a scan.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use fjall::{Database, KeyspaceCreateOptions, PersistMode};
use object_store::local::LocalFileSystem;
use slatedb::config::{ScanOptions, Settings};
use slatedb::{Db, WriteBatch};

const KEYS: u64 = 1_000_000;
const VALUE: [u8; 64] = [7; 64];

fn key(number: u64) -> [u8; 12] {
    let mut key = [0; 12];
    // Spread, as hashes of keys are.
    key[4..].copy_from_slice(&number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
    key
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1_000.0
}

/// Commits of `size` keys: the median of `count` of them.
fn commits(mut commit: impl FnMut(u64, u64) -> Result<()>, size: u64, count: u64) -> Result<f64> {
    let mut times = Vec::new();
    for number in 0..count {
        let begun = Instant::now();
        commit(number * size, size)?;
        times.push(begun.elapsed());
    }
    Ok(median(times))
}

fn slate() -> Result<[f64; 4]> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let directory = tempfile::tempdir()?;
    let open = || -> Result<Db> {
        let store = LocalFileSystem::new_with_prefix(directory.path())?.with_fsync(true);
        let settings = Settings {
            flush_interval: None,
            l0_sst_size_bytes: 16 << 20,
            ..Settings::default()
        };
        let builder = Db::builder("", Arc::new(store)).with_settings(settings).with_db_cache_disabled();
        Ok(runtime.block_on(builder.build())?)
    };
    let db = open()?;
    let commit = |from: u64, size: u64| -> Result<()> {
        let mut batch = WriteBatch::new();
        (from..from + size).for_each(|number| batch.put(key(number), VALUE));
        runtime.block_on(async { db.write(batch).await?; db.flush().await })?;
        Ok(())
    };
    let small = commits(commit, 100, 50)?;
    let middle = commits(commit, 10_000, 20)?;
    let large = commits(commit, 100_000, KEYS / 100_000)?;
    runtime.block_on(db.close())?;
    let begun = Instant::now();
    let db = open()?;
    let options = ScanOptions {
        read_ahead_bytes: 4 << 20,
        max_fetch_tasks: 4,
        ..ScanOptions::default()
    };
    let found = runtime.block_on(async {
        let (mut entries, mut found) = (db.scan_with_options(vec![0_u8].., &options).await?, 0);
        while entries.next().await?.is_some() {
            found += 1;
        }
        Ok::<u64, slatedb::Error>(found)
    })?;
    anyhow::ensure!(found == KEYS, "{found} keys");
    Ok([small, middle, large, begun.elapsed().as_secs_f64()])
}

fn fjall() -> Result<[f64; 4]> {
    let directory = tempfile::tempdir()?;
    let open = || -> Result<_> {
        let db = Database::builder(directory.path()).open()?;
        let entries = db.keyspace("entries", KeyspaceCreateOptions::default)?;
        Ok((db, entries))
    };
    let (db, entries) = open()?;
    let commit = |from: u64, size: u64| -> Result<()> {
        let mut batch = db.batch();
        (from..from + size).for_each(|number| batch.insert(&entries, key(number), VALUE));
        batch.commit()?;
        db.persist(PersistMode::SyncAll)?;
        Ok(())
    };
    let small = commits(commit, 100, 50)?;
    let middle = commits(commit, 10_000, 20)?;
    let large = commits(commit, 100_000, KEYS / 100_000)?;
    drop((db, entries));
    let begun = Instant::now();
    let (_db, entries) = open()?;
    let mut found = 0;
    for entry in entries.iter() {
        entry.into_inner()?;
        found += 1;
    }
    anyhow::ensure!(found == KEYS, "{found} keys");
    Ok([small, middle, large, begun.elapsed().as_secs_f64()])
}

fn main() -> Result<()> {
    println!("| store | commit of 100 keys | of 10,000 | of 100,000 | open and scan 1,000,000 |\n|---|---|---|---|---|");
    for _ in 0..3 {
        for (name, run) in [("SlateDB", slate as fn() -> Result<[f64; 4]>), ("fjall", fjall)] {
            let [small, middle, large, scan] = run()?;
            println!("| {name} | {small:.2} ms | {middle:.1} ms | {large:.0} ms | {scan:.2} s |");
        }
    }
    Ok(())
}
