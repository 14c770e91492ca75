//! Files by epochs: visible when their epoch counts, and settled by the last epoch that counts after a start.

use datafusion::arrow::array::{ArrayRef, Int32Array};

use super::names::lines;
use super::parquet::changes;
use super::*;
use crate::connector::RecordSink;

fn sink(spec: &ConnectorSpec, counted: u64) -> Result<Sink, Error> {
    Files.open_sink(spec, ShardOf { index: 0, count: 1 }, Writing::From(counted))
}

fn line_sink(spec: &ConnectorSpec, counted: u64) -> Box<dyn RecordSink> {
    match sink(spec, counted).unwrap() {
        Sink::Records(sink) => sink,
        Sink::Columns(_) => panic!("records are expected"),
    }
}

/// Names and contents of the files that a reader sees.
fn visible(directory: &TempDir) -> Vec<(String, String)> {
    let names = fs::read_dir(directory.path()).unwrap();
    let mut names: Vec<String> = names
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| !name.ends_with(".partial") && !name.starts_with('.'))
        .collect();
    names.sort();
    let content = |name: &String| String::from_utf8_lossy(&fs::read(directory.path().join(name)).unwrap()).into_owned();
    names.iter().map(|name| (name.clone(), content(name))).collect()
}

fn named(files: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
    files.iter().map(owned).collect()
}

#[test]
fn lines_are_visible_when_their_epoch_counts() {
    let directory = TempDir::new().unwrap();
    let spec = spec(
        &directory.path().join("out.csv"),
        &[column("A", SqlType::Integer)],
        &[("HEADER", "true")],
    );
    let mut sink = line_sink(&spec, 0);
    sink.write(&lines(&[Some("1"), Some("2")])).unwrap();
    sink.flush().unwrap();
    assert_eq!(visible(&directory), []);
    sink.publish(1).unwrap();
    let first = ("out-000000000001.csv", "A\n1\n2\n");
    assert_eq!(visible(&directory), named(&[first]));
    // An epoch without rows has no file.
    sink.flush().unwrap();
    sink.publish(2).unwrap();
    sink.write(&lines(&[Some("3")])).unwrap();
    sink.flush().unwrap();
    sink.publish(3).unwrap();
    sink.close().unwrap();
    assert_eq!(visible(&directory), named(&[first, ("out-000000000003.csv", "A\n3\n")]));
    assert_eq!(
        read(&directory.path().join("out-*.csv"), &[("HEADER", "true")], 9).len(),
        3
    );
}

#[test]
fn a_crash_keeps_what_counts_and_nothing_else() {
    let directory = TempDir::new().unwrap();
    let spec = spec(&directory.path().join("out.json"), &[], &[]);
    // It dies when the epoch is stored, before or after it counts.
    let die_when_stored = |counted: u64, text: &str| {
        let mut sink = line_sink(&spec, counted);
        sink.write(&lines(&[Some(text)])).unwrap();
        sink.flush().unwrap();
    };
    die_when_stored(0, "lost");
    die_when_stored(0, "first");
    assert_eq!(visible(&directory), []);
    die_when_stored(1, "lost too");
    let first = ("out-000000000001.json", "first\n");
    assert_eq!(visible(&directory), named(&[first]));
    line_sink(&spec, 1).close().unwrap();
    assert_eq!(visible(&directory), named(&[first]));
    assert!(!directory.path().join("out-000000000002.json.partial").exists());
    // What was not stored in the end belongs to no epoch.
    let mut sink = line_sink(&spec, 1);
    sink.write(&lines(&[Some("never")])).unwrap();
    sink.close().unwrap();
    assert_eq!(visible(&directory), named(&[first]));
}

#[test]
fn files_of_epochs_that_the_state_does_not_know_are_left_alone() {
    let directory = TempDir::new().unwrap();
    let spec = spec(&directory.path().join("out.json"), &[], &[]);
    file(&directory, "out-000000000007.json", "theirs\n");
    file(&directory, "out-000000000008.json.partial", "theirs\n");
    let error = sink(&spec, 6).unwrap_err().to_string();
    assert!(
        error.contains("of epoch 7 of a query, and this query has come to epoch 6 only"),
        "{error}"
    );
    assert!(directory.path().join("out-000000000008.json.partial").exists());
    assert!(sink(&spec, 7).is_ok());
}

#[test]
fn parquet_files_are_complete_before_their_epoch_counts() {
    let directory = TempDir::new().unwrap();
    let columns = [column("A", SqlType::Integer)];
    let spec = spec(&directory.path().join("out.parquet"), &columns, &[]);
    let rows = |numbers: Vec<i32>| changes(&columns, vec![Arc::new(Int32Array::from(numbers)) as ArrayRef], None);
    let open = |counted| match sink(&spec, counted).unwrap() {
        Sink::Columns(sink) => sink,
        Sink::Records(_) => panic!("columns are expected"),
    };
    let mut first = open(0);
    first.write(&rows(vec![1, 2])).unwrap();
    first.flush().unwrap();
    assert_eq!(visible(&directory), []);
    first.publish(1).unwrap();
    first.write(&rows(vec![3])).unwrap();
    first.flush().unwrap();
    drop(first);
    // Epoch 2 had begun to count.
    let mut second = open(2);
    second.flush().unwrap();
    second.publish(3).unwrap();
    second.write(&rows(vec![4])).unwrap();
    second.close().unwrap();
    let names: Vec<String> = visible(&directory).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["out-000000000001.parquet", "out-000000000002.parquet"]);
    for (name, expected) in names.iter().zip([2, 1]) {
        let file = fs::File::open(directory.path().join(name)).unwrap();
        let reader = datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let rows: usize = reader.build().unwrap().map(|batch| batch.unwrap().num_rows()).sum();
        assert_eq!(rows, expected, "{name}");
    }
}

#[test]
fn a_full_disk_can_pass_and_a_missing_file_cannot() {
    let of = |code| Error::File {
        path: "x".into(),
        source: std::io::Error::from_raw_os_error(code),
    };
    // ENOSPC, EIO, EMFILE; ENOENT, EACCES.
    assert!(
        [28, 5, 24]
            .map(|code| of(code).retry())
            .iter()
            .all(|retry| *retry == crate::types::Retry::Backoff)
    );
    assert!(
        [2, 13]
            .map(|code| of(code).retry())
            .iter()
            .all(|retry| *retry == crate::types::Retry::Never)
    );
}
