//! What is opened and made under which name, and what is refused.

use super::*;
use crate::connector::RecordSink;
use crate::format::{Format, FormatSpec};
use crate::types::{BytesColumn, RawRecords};

#[test]
fn wrong_paths_and_options_are_clear() {
    let directory = TempDir::new().unwrap();
    let json = file(&directory, "x.json", "{}");
    let at = |name: &str| directory.path().join(name);
    let failure = |path: &Path, options: &[(&str, &str)]| {
        open(&spec(path, &[], options))
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    };
    assert!(failure(&at("none.json"), &[]).contains("none.json: No such file"));
    assert!(failure(&at("*.jsonl"), &[]).contains("no file is there"));
    assert!(failure(&directory.path().join("a*/x.json"), &[]).contains("in the file name only"));
    file(&directory, "x.json.gz", "");
    assert!(failure(&at("x.json.gz"), &[("FORMAT", "json")]).contains("compressed files (.gz)"));
    assert!(failure(&at("x"), &[]).contains("does not tell its format"));
    assert!(failure(&json, &[("FORMAT", "avro")]).contains("json, delimited or parquet, not `avro`"));
    assert!(failure(&json, &[("FOLOW", "true")]).contains("did you mean `FOLLOW`?"));
    assert!(failure(&json, &[("FOLLOW", "maybe")]).contains("neither true nor false"));
    assert!(failure(&json, &[("HEADER", "true")]).contains("only a delimited file"));
    assert!(failure(&json, &[("COMPRESSION", "zstd")]).contains("only Parquet"));
    assert!(failure(&at("x.parquet"), &[("COMPRESSION", "rar")]).contains("`rar` is not one of none, snappy"));
    assert!(failure(&at("x.parquet"), &[("FOLLOW", "true")]).contains("cannot be followed"));
    assert!(failure(&json, &[("PARTITIONS", "0")]).contains("0 is not between 1"));
    let without_path = ConnectorSpec {
        options: BTreeMap::new(),
        ..spec(&json, &[], &[])
    };
    assert!(
        Files
            .check(&without_path)
            .unwrap_err()
            .to_string()
            .contains("needs the path")
    );
    let kafka_format = ConnectorSpec {
        value_format: Some(FormatSpec {
            format: Format::Kafka,
            delimiter: b',',
            wrap_single: true,
        }),
        ..spec(&at("x.bin"), &[], &[])
    };
    assert!(
        Files
            .check(&kafka_format)
            .unwrap_err()
            .to_string()
            .contains("not Kafka")
    );
    let headers = Column {
        role: ColumnRole::Headers,
        ..column("H", SqlType::Bytes)
    };
    assert!(
        Files
            .check(&spec(&json, &[headers], &[]))
            .unwrap_err()
            .to_string()
            .contains("files have none")
    );
}

#[cfg(unix)]
#[test]
fn a_pipe_is_refused_without_waiting_for_its_writer() {
    let directory = TempDir::new().unwrap();
    let socket = directory.path().join("x.json");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let error = open(&spec(&socket, &[], &[])).unwrap_err().to_string();
    assert!(error.contains("not a regular file"), "{error}");
}

#[test]
fn the_format_decides_what_rows_are_made_of() {
    let check = |path: &str, options: &[(&str, &str)]| Files.check(&spec(Path::new(path), &[], options)).unwrap();
    let format = |payload| match payload {
        Payload::Values(format) => Some(format.format),
        Payload::Columns => None,
    };
    assert_eq!(format(check("a.json", &[])), Some(Format::Json));
    assert_eq!(format(check("a.NDJSON", &[])), Some(Format::Json));
    assert_eq!(format(check("dir/*.csv", &[])), Some(Format::Delimited));
    assert_eq!(
        format(check("a.txt", &[("VALUE_FORMAT", "delimited")])),
        Some(Format::Delimited)
    );
    assert_eq!(format(check("a.parquet", &[])), None);
    assert_eq!(format(check("a.data", &[("FORMAT", "Parquet")])), None);
    let settled = ConnectorSpec {
        value_format: Some(FormatSpec {
            format: Format::Json,
            delimiter: b',',
            wrap_single: false,
        }),
        ..spec(Path::new("a.parquet"), &[], &[])
    };
    assert_eq!(Files.check(&settled).unwrap(), Payload::Columns);
    let Payload::Values(format) = Files
        .check(&ConnectorSpec {
            options: BTreeMap::from([("PATH".into(), "a.txt".into())]),
            ..settled
        })
        .unwrap()
    else {
        panic!("lines are expected")
    };
    assert!(!format.wrap_single, "what else was settled stays");
}

pub(super) fn lines(values: &[Option<&str>]) -> RawRecords {
    let column: BytesColumn = values.iter().map(|value| value.map(str::as_bytes)).collect();
    RawRecords {
        timestamps: vec![0; values.len()],
        offsets: vec![0; values.len()],
        keys: values.iter().map(|_| None).collect(),
        values: column,
        ..RawRecords::default()
    }
}

fn record_sink(spec: &ConnectorSpec, index: usize, count: usize) -> Box<dyn RecordSink> {
    match Files.open_sink(spec, ShardOf { index, count }, Writing::Anew).unwrap() {
        Sink::Records(sink) => sink,
        Sink::Columns(_) => panic!("records are expected"),
    }
}

#[test]
fn a_line_file_appears_only_when_it_is_complete() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("out.json");
    let spec_out = spec(&path, &[], &[("FSYNC", "true")]);
    let mut sink = record_sink(&spec_out, 0, 1);
    sink.write(&lines(&[Some("{\"a\":1}"), Some("")])).unwrap();
    sink.flush().unwrap();
    assert!(!path.exists());
    let partial = directory.path().join("out.json.partial");
    assert_eq!(fs::read_to_string(&partial).unwrap(), "{\"a\":1}\n\n");
    sink.write(&lines(&[Some("{\"a\":2}")])).unwrap();
    sink.close().unwrap();
    sink.close().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "{\"a\":1}\n\n{\"a\":2}\n");
    assert!(!partial.exists());
    assert_eq!(read(&path, &[], 10), ["{\"a\":1}", "{\"a\":2}"]);
    // A second run replaces the file, and one that is dropped leaves it alone.
    let mut sink = record_sink(&spec_out, 0, 1);
    sink.write(&lines(&[Some("new")])).unwrap();
    drop(sink);
    assert_eq!(fs::read_to_string(&path).unwrap(), "{\"a\":1}\n\n{\"a\":2}\n");
    let mut sink = record_sink(&spec_out, 0, 1);
    sink.close().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "");
}

#[test]
fn shards_write_files_of_their_own_and_headers_are_written() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("out.csv");
    let columns = [column("ID", SqlType::Integer), column("a,b", SqlType::String)];
    for index in 0..2 {
        let mut sink = record_sink(&spec(&path, &columns, &[("HEADER", "true")]), index, 2);
        sink.write(&lines(&[Some(&format!("{index},x"))])).unwrap();
        sink.close().unwrap();
    }
    let text = fs::read_to_string(directory.path().join("out-1.csv")).unwrap();
    assert_eq!(text, "ID,\"a,b\"\n1,x\n");
    assert_eq!(
        read(&directory.path().join("out-*.csv"), &[("HEADER", "true")], 9).len(),
        2
    );
}

#[test]
fn what_cannot_be_written_is_refused() {
    let directory = TempDir::new().unwrap();
    let shard = ShardOf { index: 0, count: 1 };
    let failure = |path: &Path, options: &[(&str, &str)]| {
        let columns = [column("A", SqlType::Integer)];
        Files
            .open_sink(&spec(path, &columns, options), shard, Writing::Anew)
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    };
    assert!(failure(directory.path(), &[("FORMAT", "json")]).contains("is a directory"));
    assert!(failure(&directory.path().join("*.json"), &[]).contains("without `*`"));
    assert!(failure(&directory.path().join("no/such/out.json"), &[]).contains("No such file or directory"));
    let mut sink = record_sink(&spec(&directory.path().join("out.json"), &[], &[]), 0, 1);
    let error = sink.write(&lines(&[Some("a"), None])).unwrap_err().to_string();
    assert!(error.contains("a delete has no line"), "{error}");
}
