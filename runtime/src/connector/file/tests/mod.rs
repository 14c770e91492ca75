//! What file sources and sinks promise: every record once whatever the chunks and splits, exact values through Parquet,
//! complete files only, clear errors.

mod epochs;
mod lines;
mod names;
mod parquet;

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use tempfile::TempDir;

use super::super::{PollLimits, Polled, ReadOptions, StartAt};
use super::*;
use crate::types::Clock;
use crate::types::clock::ManualClock;
use crate::types::schema::SqlType;

const BIG: usize = 1 << 30;

fn column(name: &str, sql_type: SqlType) -> Column {
    Column {
        name: name.into(),
        sql_type,
        role: ColumnRole::Value,
    }
}

fn spec(path: &Path, columns: &[Column], options: &[(&str, &str)]) -> ConnectorSpec {
    let mut options: BTreeMap<String, String> = options.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
    options.insert("PATH".into(), path.display().to_string());
    ConnectorSpec {
        connector: "file".into(),
        topic: "F".into(),
        columns: columns.to_vec(),
        options,
        value_format: None,
    }
}

fn open_with(
    spec: &ConnectorSpec,
    stop_at: StopAt,
    next_offsets: &BTreeMap<i32, i64>,
) -> Result<Vec<Box<dyn PartitionReader>>, Error> {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(77));
    let read = ReadOptions {
        is_alone: false,
        group: "g".into(),
        start_at: StartAt::Latest,
        next_offsets: BTreeMap::new(),
        stop_at,
        headers: false,
    };
    let opening = Opening {
        read: &read,
        clock: &clock,
        next_offsets,
    };
    let mut source = Files.open_source(spec, opening)?;
    Ok(source.poll_assignment()?.expect("the readers come at once").added)
}

fn open(spec: &ConnectorSpec) -> Result<Vec<Box<dyn PartitionReader>>, Error> {
    open_with(spec, StopAt::Never, &BTreeMap::new())
}

fn limits(rows_max: usize) -> PollLimits {
    PollLimits {
        rows_max,
        bytes_max: BIG,
    }
}

/// The lines of a reader with their offsets, to its end.
fn drain(reader: &mut dyn PartitionReader, limits: PollLimits) -> Vec<(i64, String)> {
    let mut lines = Vec::new();
    loop {
        match reader.poll(limits).unwrap() {
            Polled::Records(records) => {
                assert!(!records.is_empty() && records.len() <= limits.rows_max);
                assert_eq!(records.partition, reader.partition());
                assert_eq!(records.timestamps, vec![77; records.len()]);
                assert_eq!(records.keys.len(), records.len());
                assert!(records.keys.iter().all(|key| key.is_none()));
                for (offset, value) in records.offsets.iter().zip(records.values.iter()) {
                    lines.push((*offset, String::from_utf8(value.unwrap().to_vec()).unwrap()));
                }
            }
            Polled::Idle { retry_after } => assert_eq!(retry_after, Some(Duration::ZERO)),
            Polled::End => return lines,
            Polled::Columns(_) => panic!("records are expected"),
        }
    }
}

fn texts(lines: Vec<(i64, String)>) -> Vec<String> {
    for (number, (offset, _)) in lines.iter().enumerate() {
        assert_eq!(*offset, number as i64);
    }
    lines.into_iter().map(|(_, text)| text).collect()
}

/// All lines of a file in the order of its partitions.
fn read(path: &Path, options: &[(&str, &str)], rows_max: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for reader in &mut open(&spec(path, &[], options)).unwrap() {
        lines.extend(texts(drain(&mut **reader, limits(rows_max))));
    }
    lines
}

fn file(directory: &TempDir, name: &str, content: &str) -> std::path::PathBuf {
    let path = directory.path().join(name);
    fs::write(&path, content).unwrap();
    path
}
