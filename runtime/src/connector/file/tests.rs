//! What file sources and sinks promise: every record once whatever the chunks and splits, exact values through Parquet,
//! complete files only, clear errors.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::time::Duration;

use datafusion::arrow::array::*;
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, Fields, Int32Type, Schema};
use datafusion::parquet::arrow::ArrowWriter;
use proptest::prelude::*;
use tempfile::TempDir;

use super::super::{ColumnBatch, PollLimits, Polled, ReadOptions, StartAt};
use super::*;
use crate::format::{Format, FormatSpec};
use crate::types::clock::ManualClock;
use crate::types::schema::{SqlType, arrow_schema};
use crate::types::{BytesColumn, ChangeBatch, Clock, RawRecords};

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
        group: "g".into(),
        start_at: StartAt::Latest,
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

#[test]
fn lines_end_in_many_ways() {
    let directory = TempDir::new().unwrap();
    for (content, lines) in [
        ("", &[][..]),
        ("\n", &[]),
        ("\r\n\n\r\n", &[]),
        ("a", &["a"]),
        ("a\n", &["a"]),
        ("a\nb", &["a", "b"]),
        ("a\r\nb\r\n", &["a", "b"]),
        ("a\r\nb\r", &["a", "b"]),
        ("\n\na\n\n\nb\n\n", &["a", "b"]),
        ("\u{feff}a\nb\n", &["a", "b"]),
        ("\u{feff}", &[]),
        ("a\rb\n", &["a\rb"]),
        ("é\nü", &["é", "ü"]),
    ] {
        let path = file(&directory, "x.json", content);
        for rows_max in [1, 2, 100] {
            assert_eq!(read(&path, &[], rows_max), lines, "{content:?}");
        }
    }
}

#[test]
fn csv_records_may_span_lines_and_have_a_header() {
    let directory = TempDir::new().unwrap();
    let path = file(
        &directory,
        "x.csv",
        "\u{feff}\"name\nof it\",size\r\n\"a\nb\",1\r\nc,\"\"\"q\"\"\"\r\n\r\n\"open\nend",
    );
    let records = ["\"a\nb\",1", "c,\"\"\"q\"\"\"", "\"open\nend"];
    for rows_max in [1, 100] {
        assert_eq!(read(&path, &[("HEADER", "true")], rows_max), records);
    }
    assert_eq!(read(&path, &[], 100)[0], "\"name\nof it\",size");
    assert_eq!(read(&path, &[("VALUE_FORMAT", "JSON")], 100)[1], "of it\",size");
    let semicolons = FormatSpec {
        format: Format::Delimited,
        delimiter: b';',
        wrap_single: true,
    };
    let path = file(&directory, "y.txt", "a;\"b\nc\"\nd,\"e\n");
    let spec = ConnectorSpec {
        value_format: Some(semicolons),
        ..spec(&path, &[], &[])
    };
    let lines = texts(drain(&mut *open(&spec).unwrap()[0], limits(10)));
    assert_eq!(lines, ["a;\"b\nc\"", "d,\"e"]);
}

#[test]
fn big_files_come_whole_whatever_the_limits() {
    let directory = TempDir::new().unwrap();
    // About 3 MB, lines of 0 to 40,000 bytes.
    let lines: Vec<String> = (0..2_000)
        .map(|n: usize| format!("{n}:{}", "x".repeat(if n % 100 == 0 { 40_000 } else { n % 997 })))
        .collect();
    let path = file(&directory, "x.json", &lines.join("\n"));
    for limits in [
        limits(1),
        limits(300),
        limits(1_000_000),
        PollLimits {
            rows_max: 1_000,
            bytes_max: 10_000,
        },
    ] {
        let mut reader = open(&spec(&path, &[], &[])).unwrap().remove(0);
        assert_eq!(texts(drain(&mut *reader, limits)), lines);
    }
    let mut reader = open(&spec(&path, &[], &[])).unwrap().remove(0);
    let small = PollLimits {
        rows_max: 1_000,
        bytes_max: 10_000,
    };
    while let Polled::Records(records) = reader.poll(small).unwrap() {
        let bytes: usize = records.values.iter().flatten().map(<[u8]>::len).sum();
        assert!(bytes <= 10_000 || records.len() == 1);
    }
}

#[test]
fn a_record_without_end_is_an_error_not_all_the_memory() {
    let directory = TempDir::new().unwrap();
    let path = file(&directory, "x.csv", &format!("a\n\"{}", "x\n".repeat(9 << 20)));
    let mut reader = open(&spec(&path, &[], &[])).unwrap().remove(0);
    let one = reader.poll(limits(1)).unwrap();
    assert!(matches!(one, Polled::Records(_)));
    let error = reader.poll(limits(1)).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("starts at byte 2 is longer than 16 MiB"), "{error}");
    let error = open(&spec(&path, &[], &[("PARTITIONS", "2")])).unwrap_err().to_string();
    assert!(error.contains("starts at byte 2 is longer"), "{error}");
}

#[test]
fn a_reader_resumes_at_a_row() {
    let directory = TempDir::new().unwrap();
    let lines: Vec<String> = (0..1_000).map(|n| format!("line {n}")).collect();
    let path = file(&directory, "x.json", &format!("\n{}\n", lines.join("\n\n")));
    for (resume, rows_max) in [(0, 10), (1, 10), (600, 7), (999, 1), (1_000, 10), (5_000, 10)] {
        let spec = spec(&path, &[], &[]);
        let mut reader = open_with(&spec, StopAt::Never, &BTreeMap::from([(0, resume)]))
            .unwrap()
            .remove(0);
        let rest = drain(&mut *reader, limits(rows_max));
        let expected: Vec<_> = (0_i64..).zip(lines.iter().cloned()).skip(resume as usize).collect();
        assert_eq!(rest, expected);
    }
}

fn split_covers_all(content: &str, name: &str, partitions: usize, rows_max: usize) -> Result<(), TestCaseError> {
    let directory = TempDir::new().unwrap();
    let path = file(&directory, name, content);
    let whole = read(&path, &[], 1_000);
    let count = partitions.to_string();
    let readers = open(&spec(&path, &[], &[("PARTITIONS", &count)])).unwrap();
    prop_assert_eq!(readers.len(), partitions);
    prop_assert_eq!(read(&path, &[("PARTITIONS", &count)], rows_max), whole);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn splits_cover_every_line_once(content in "[ab\r\n]{0,60}", partitions in 1..9_usize, rows_max in 1..4_usize) {
        split_covers_all(&content, "x.json", partitions, rows_max)?;
    }

    #[test]
    fn splits_cover_every_csv_record_once(content in "[a,\"\n]{0,60}", partitions in 1..9_usize, rows_max in 1..4_usize) {
        split_covers_all(&content, "x.csv", partitions, rows_max)?;
    }
}

#[test]
fn splits_share_a_big_file_evenly() {
    let directory = TempDir::new().unwrap();
    let lines: Vec<String> = (0..200_000).map(|n| format!("{{\"n\":{n}}}")).collect();
    let path = file(&directory, "x.json", &lines.join("\n"));
    let mut all = Vec::new();
    for reader in &mut open(&spec(&path, &[], &[("PARTITIONS", "4")])).unwrap() {
        let part = texts(drain(&mut **reader, limits(8_192)));
        assert!((45_000..55_000).contains(&part.len()), "{}", part.len());
        all.extend(part);
    }
    assert_eq!(all, lines);
    let csv: Vec<String> = (0..100_000).map(|n| format!("{n},\"a\nb\"")).collect();
    let path = file(&directory, "x.csv", &format!("h,i\n{}", csv.join("\n")));
    let all = read(&path, &[("PARTITIONS", "3"), ("HEADER", "true")], 8_192);
    assert_eq!(all, csv);
}

#[test]
fn directories_and_patterns_give_a_partition_a_file() {
    let directory = TempDir::new().unwrap();
    for (name, content) in [
        ("b.json", "b1\nb2\n"),
        ("a.json", "a1"),
        ("c.json.partial", "unfinished"),
        (".hidden.json", "hidden"),
    ] {
        file(&directory, name, content);
    }
    fs::create_dir(directory.path().join("deeper.json")).unwrap();
    let pattern = directory.path().join("*.json");
    for (path, options) in [(directory.path(), &[("FORMAT", "json")][..]), (pattern.as_path(), &[])] {
        let mut readers = open(&spec(path, &[], options)).unwrap();
        assert_eq!(
            readers.iter().map(|reader| reader.partition()).collect::<Vec<_>>(),
            [0, 1]
        );
        assert_eq!(texts(drain(&mut *readers[0], limits(9))), ["a1"]);
        assert_eq!(texts(drain(&mut *readers[1], limits(9))), ["b1", "b2"]);
    }
    let error = open(&spec(&pattern, &[], &[("PARTITIONS", "2")]))
        .unwrap_err()
        .to_string();
    assert!(error.contains("2 files, each a partition"), "{error}");
}

#[test]
fn a_followed_file_waits_for_whole_lines() {
    let directory = TempDir::new().unwrap();
    let path = file(&directory, "x.json", "a\nb");
    let mut writer = fs::OpenOptions::new().append(true).open(&path).unwrap();
    let spec = spec(&path, &[], &[("FOLLOW", "true")]);
    let mut reader = open(&spec).unwrap().remove(0);
    let mut poll = || match reader.poll(limits(10)) {
        Ok(Polled::Records(records)) => {
            let text = |value: Option<&[u8]>| String::from_utf8(value.unwrap().to_vec()).unwrap();
            Ok(records.values.iter().map(text).collect::<Vec<_>>())
        }
        Ok(Polled::Idle { retry_after }) => {
            assert!(retry_after.is_some_and(|pause| pause > Duration::ZERO));
            Ok(vec![])
        }
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.to_string()),
    };
    assert_eq!(poll().unwrap(), ["a"]);
    assert!(poll().unwrap().is_empty(), "`b` may go on");
    assert!(poll().unwrap().is_empty());
    writer.write_all(b"c\nd\n").unwrap();
    assert_eq!(poll().unwrap(), ["bc", "d"]);
    assert!(poll().unwrap().is_empty());
    // A pull query ends where the file ends now.
    let mut bounded = open_with(&spec, StopAt::CurrentEnd, &BTreeMap::new())
        .unwrap()
        .remove(0);
    writer.write_all(b"e\n").unwrap();
    assert_eq!(texts(drain(&mut *bounded, limits(10))), ["a", "bc", "d"]);
    assert_eq!(poll().unwrap(), ["e"]);
    writer.set_len(1).unwrap();
    let error = poll().unwrap_err();
    assert!(error.contains("was cut from 9 to 1 bytes"), "{error}");
}

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

fn lines(values: &[Option<&str>]) -> RawRecords {
    let column: BytesColumn = values.iter().map(|value| value.map(str::as_bytes)).collect();
    RawRecords {
        timestamps: vec![0; values.len()],
        offsets: vec![0; values.len()],
        keys: values.iter().map(|_| None).collect(),
        values: column,
        ..RawRecords::default()
    }
}

fn record_sink(spec: &ConnectorSpec, index: usize, count: usize) -> Box<dyn super::super::RecordSink> {
    match Files.open_sink(spec, ShardOf { index, count }).unwrap() {
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
            .open_sink(&spec(path, &columns, options), shard)
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

/// One column of every type with two rows, the second null.
fn every_type() -> Vec<(SqlType, ArrayRef)> {
    let list = |item: SqlType, values: ArrayRef| -> (SqlType, ArrayRef) {
        let sql_type = SqlType::Array(Box::new(item));
        let DataType::List(item) = sql_type.to_arrow() else {
            unreachable!()
        };
        let offsets = OffsetBuffer::from_lengths([values.len(), 0]);
        (
            sql_type,
            Arc::new(ListArray::new(item, offsets, values, Some(vec![true, false].into()))),
        )
    };
    let inner = SqlType::Struct(vec![("X".into(), SqlType::Double), ("y z".into(), SqlType::String)]);
    let DataType::Struct(fields) = inner.to_arrow() else {
        unreachable!()
    };
    let structs: ArrayRef = Arc::new(StructArray::new(
        fields,
        vec![
            Arc::new(Float64Array::from(vec![Some(f64::MIN_POSITIVE), None])),
            Arc::new(StringArray::from(vec![Some(""), None])),
        ],
        Some(vec![true, false].into()),
    ));
    let map_type = SqlType::Map(Box::new(SqlType::String), Box::new(inner.clone()));
    let DataType::Map(entries, _) = map_type.to_arrow() else {
        unreachable!()
    };
    let DataType::Struct(entry_fields) = entries.data_type().clone() else {
        unreachable!()
    };
    let keys: ArrayRef = Arc::new(StringArray::from(vec!["k1", "k2"]));
    let map: ArrayRef = Arc::new(MapArray::new(
        entries,
        OffsetBuffer::from_lengths([2, 0]),
        StructArray::new(entry_fields, vec![keys, Arc::clone(&structs)], None),
        Some(vec![true, false].into()),
        false,
    ));
    let decimals = Decimal128Array::from(vec![Some(-(10_i128.pow(38) - 1)), None]);
    vec![
        (SqlType::Boolean, Arc::new(BooleanArray::from(vec![Some(true), None]))),
        (SqlType::Integer, Arc::new(Int32Array::from(vec![Some(i32::MIN), None]))),
        (SqlType::Bigint, Arc::new(Int64Array::from(vec![Some(i64::MAX), None]))),
        (SqlType::Double, Arc::new(Float64Array::from(vec![Some(-0.1), None]))),
        (
            SqlType::Decimal(38, 10),
            Arc::new(decimals.with_precision_and_scale(38, 10).unwrap()),
        ),
        (
            SqlType::Decimal(4, 2),
            Arc::new(
                Decimal128Array::from(vec![Some(-1), None])
                    .with_precision_and_scale(4, 2)
                    .unwrap(),
            ),
        ),
        (SqlType::String, Arc::new(StringArray::from(vec![Some("é\n"), None]))),
        (
            SqlType::Bytes,
            Arc::new(BinaryArray::from(vec![Some(&b"\0\xff"[..]), None])),
        ),
        (
            SqlType::Time,
            Arc::new(Time32MillisecondArray::from(vec![Some(86_399_999), None])),
        ),
        (SqlType::Date, Arc::new(Date32Array::from(vec![Some(-1), None]))),
        (
            SqlType::Timestamp,
            Arc::new(TimestampMillisecondArray::from(vec![Some(-1), None])),
        ),
        list(SqlType::Date, Arc::new(Date32Array::from(vec![Some(1), None]))),
        list(inner.clone(), Arc::clone(&structs)),
        (inner, structs),
        (map_type, map),
    ]
}

fn changes(columns: &[Column], arrays: Vec<ArrayRef>, weights: Option<Vec<i8>>) -> ChangeBatch {
    let records = RecordBatch::try_new(arrow_schema(columns), arrays).unwrap();
    ChangeBatch {
        event_times: Int64Array::from(vec![0; records.num_rows()]),
        records,
        weights: weights.map(Int8Array::from),
    }
}

fn write_parquet(spec: &ConnectorSpec, batches: &[ChangeBatch]) -> Result<(), Error> {
    let Sink::Columns(mut sink) = Files.open_sink(spec, ShardOf { index: 0, count: 1 })? else {
        panic!("columns are expected")
    };
    for batch in batches {
        sink.write(batch)?;
        sink.flush()?;
    }
    sink.close()
}

fn drain_columns(reader: &mut dyn PartitionReader, rows_max: usize) -> Result<Vec<ColumnBatch>, Error> {
    let mut batches = Vec::new();
    loop {
        match reader.poll(limits(rows_max))? {
            Polled::Columns(batch) => {
                assert!(batch.records.num_rows() <= rows_max && batch.timestamps.values().iter().all(|t| *t == 77));
                batches.push(batch);
            }
            Polled::End => return Ok(batches),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn every_type_comes_back_from_parquet_as_it_was() {
    let directory = TempDir::new().unwrap();
    let (types, arrays): (Vec<_>, Vec<_>) = every_type().into_iter().unzip();
    let columns: Vec<Column> = types
        .into_iter()
        .enumerate()
        .map(|(number, ty)| column(&format!("C{number}"), ty))
        .collect();
    for compression in ["none", "snappy", "zstd", "gzip", "lz4", "brotli"] {
        let path = directory.path().join(format!("{compression}.parquet"));
        let spec = spec(&path, &columns, &[("COMPRESSION", compression)]);
        write_parquet(&spec, &[changes(&columns, arrays.clone(), None)]).unwrap();
        for rows_max in [1, 10] {
            let mut reader = open(&spec_without_compression(&spec)).unwrap().remove(0);
            assert_eq!(reader.lag(), Some(2));
            let batches = drain_columns(&mut *reader, rows_max).unwrap();
            assert_eq!(reader.lag(), Some(0));
            let offsets: Vec<i64> = batches.iter().flat_map(|b| b.offsets.values().to_vec()).collect();
            assert_eq!(offsets, [0, 1]);
            let records: Vec<_> = batches.iter().map(|batch| &batch.records).collect();
            let all = datafusion::arrow::compute::concat_batches(&arrow_schema(&columns), records).unwrap();
            for (read, written) in all.columns().iter().zip(&arrays) {
                assert_eq!(read, written);
            }
        }
    }
}

fn spec_without_compression(spec: &ConnectorSpec) -> ConnectorSpec {
    let mut spec = spec.clone();
    spec.options.remove("COMPRESSION");
    spec
}

/// Writes a file as another program would.
fn foreign(path: &Path, columns: Vec<(&str, ArrayRef)>, rows_per_group: usize) {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = datafusion::parquet::file::properties::WriterProperties::builder()
        .set_max_row_group_row_count(Some(rows_per_group))
        .build();
    let mut writer = ArrowWriter::try_new(fs::File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn read_columns(path: &Path, columns: &[Column]) -> Result<RecordBatch, String> {
    let mut readers = open(&spec(path, columns, &[])).map_err(|error| error.to_string())?;
    let batches = drain_columns(&mut *readers[0], 100).map_err(|error| error.to_string())?;
    let records: Vec<_> = batches.iter().map(|batch| &batch.records).collect();
    Ok(datafusion::arrow::compute::concat_batches(&arrow_schema(columns), records).unwrap())
}

#[test]
fn columns_of_foreign_files_are_found_by_name_and_cast() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("x.parquet");
    let dictionary: DictionaryArray<Int32Type> = vec!["a", "b"].into_iter().collect();
    let structs = StructArray::new(
        Fields::from(vec![
            Field::new("extra", DataType::Int8, true),
            Field::new("lat", DataType::Float32, true),
        ]),
        vec![
            Arc::new(Int8Array::from(vec![1, 2])),
            Arc::new(Float32Array::from(vec![1.5, 2.5])),
        ],
        None,
    );
    let micros = TimestampMicrosecondArray::from(vec![1_767_225_600_123_456, -1]).with_timezone("+02:00");
    foreign(
        &path,
        vec![
            ("unused", Arc::new(Int32Array::from(vec![9, 9])) as ArrayRef),
            ("Ts", Arc::new(micros.clone())),
            ("ts_big", Arc::new(micros)),
            ("small", Arc::new(Int16Array::from(vec![1, -2]))),
            ("Name", Arc::new(dictionary)),
            ("text", Arc::new(LargeStringArray::from(vec!["12.5", "-0.01"]))),
            ("place", Arc::new(structs)),
            (
                "price",
                Arc::new(
                    Decimal128Array::from(vec![1_234, -1])
                        .with_precision_and_scale(9, 3)
                        .unwrap(),
                ),
            ),
            ("float", Arc::new(Float32Array::from(vec![0.5, 1.0]))),
        ],
        100,
    );
    let columns = [
        column("FLOAT", SqlType::Double),
        column("TS", SqlType::Timestamp),
        column("TS_BIG", SqlType::Bigint),
        column("SMALL", SqlType::Bigint),
        column("NAME", SqlType::String),
        column("TEXT", SqlType::Decimal(5, 2)),
        column("PLACE", SqlType::Struct(vec![("LAT".into(), SqlType::Double)])),
        column("PRICE", SqlType::Decimal(9, 3)),
    ];
    let rows = read_columns(&path, &columns).unwrap();
    assert_eq!(rows.column(0).as_ref(), &Float64Array::from(vec![0.5, 1.0]));
    let millis = vec![1_767_225_600_123, 0];
    assert_eq!(
        rows.column(1).as_ref(),
        &TimestampMillisecondArray::from(millis.clone())
    );
    assert_eq!(rows.column(2).as_ref(), &Int64Array::from(millis));
    assert_eq!(rows.column(3).as_ref(), &Int64Array::from(vec![1, -2]));
    assert_eq!(rows.column(4).as_ref(), &StringArray::from(vec!["a", "b"]));
    let text = Decimal128Array::from(vec![1_250, -1])
        .with_precision_and_scale(5, 2)
        .unwrap();
    assert_eq!(rows.column(5).as_ref(), &text);
    assert_eq!(
        rows.column(6).as_struct().column(0).as_ref(),
        &Float64Array::from(vec![1.5, 2.5])
    );
    assert_eq!(
        read_columns(&path, &[])
            .unwrap_or_else(|_| RecordBatch::new_empty(Arc::new(Schema::empty())))
            .num_columns(),
        0
    );
}

#[test]
fn foreign_files_that_do_not_fit_are_refused() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("x.parquet");
    let nanos = Time64NanosecondArray::from(vec![1, 2]);
    foreign(
        &path,
        vec![
            ("price", Arc::new(Float64Array::from(vec![1.0, 2.5])) as ArrayRef),
            ("big", Arc::new(Int64Array::from(vec![1, 3_000_000_000]))),
            ("word", Arc::new(StringArray::from(vec!["7", "seven"]))),
            ("at", Arc::new(nanos)),
            ("x", Arc::new(Int32Array::from(vec![1, 2]))),
            ("X", Arc::new(Int32Array::from(vec![1, 2]))),
        ],
        100,
    );
    let failure = |name: &str, ty: SqlType| read_columns(&path, &[column(name, ty)]).unwrap_err();
    assert!(failure("PRCE", SqlType::Double).contains("has no column `PRCE`; did you mean `price`?"));
    assert!(failure("QUANTITY", SqlType::Double).contains("has no column `QUANTITY`; there are price, big"));
    assert!(
        failure("PRICE", SqlType::Bigint)
            .contains("column `PRICE` is Float64 in the file, which cannot be read as BIGINT")
    );
    assert!(failure("AT", SqlType::Timestamp).contains("cannot be read as TIMESTAMP"));
    assert!(failure("PRICE", SqlType::Array(Box::new(SqlType::Double))).contains("cannot be read as ARRAY<DOUBLE>"));
    let error = failure("BIG", SqlType::Integer);
    assert!(
        error.contains("column `BIG`, declared INTEGER") && error.contains("3000000000"),
        "{error}"
    );
    let error = failure("WORD", SqlType::Integer);
    assert!(error.contains("seven") && error.contains("rows from 0 on"), "{error}");
    read_columns(&path, &[column("x", SqlType::Integer), column("X", SqlType::Integer)]).unwrap();
    let lower_and_upper = directory.path().join("y.parquet");
    foreign(
        &lower_and_upper,
        vec![
            ("ab", Arc::new(Int32Array::from(vec![1])) as ArrayRef),
            ("aB", Arc::new(Int32Array::from(vec![1]))),
        ],
        100,
    );
    let error = read_columns(&lower_and_upper, &[column("AB", SqlType::Integer)]).unwrap_err();
    assert!(error.contains("differ only in case"), "{error}");
}

#[test]
fn broken_parquet_files_are_named() {
    let directory = TempDir::new().unwrap();
    let columns = [column("A", SqlType::Integer)];
    let numbers: ArrayRef = Arc::new(Int32Array::from_iter_values(0..10_000));
    let whole = directory.path().join("whole.parquet");
    foreign(&whole, vec![("a", numbers)], 10_000);
    let bytes = fs::read(&whole).unwrap();
    for (name, content) in [
        ("empty", Vec::new()),
        ("text", b"this is no parquet file".to_vec()),
        ("cut", bytes[..bytes.len() / 2].to_vec()),
    ] {
        let path = directory.path().join(format!("{name}.parquet"));
        fs::write(&path, content).unwrap();
        let error = read_columns(&path, &columns).unwrap_err();
        assert!(
            error.contains(&format!("{name}.parquet: is not a readable Parquet file")),
            "{error}"
        );
    }
    // The footer is whole, the pages are not.
    let path = directory.path().join("pages.parquet");
    let mut broken = bytes.clone();
    broken[4..64].fill(0xff);
    fs::write(&path, broken).unwrap();
    let error = read_columns(&path, &columns).unwrap_err();
    assert!(error.contains("pages.parquet: rows from 0 on"), "{error}");
}

#[test]
fn parquet_files_are_split_by_row_groups_and_resumed_by_row() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("x.parquet");
    let numbers: ArrayRef = Arc::new(Int32Array::from_iter_values(0..1_000));
    foreign(&path, vec![("n", numbers)], 100);
    let columns = [column("N", SqlType::Integer)];
    let value = |batches: &[ColumnBatch]| -> Vec<i32> {
        batches
            .iter()
            .flat_map(|b| b.records.column(0).as_primitive::<Int32Type>().values().to_vec())
            .collect()
    };
    for partitions in ["1", "3", "20"] {
        let mut all = Vec::new();
        for reader in &mut open(&spec(&path, &columns, &[("PARTITIONS", partitions)])).unwrap() {
            all.extend(value(&drain_columns(&mut **reader, 64).unwrap()));
        }
        assert_eq!(all, (0..1_000).collect::<Vec<_>>());
    }
    for resume in [0, 150, 999, 1_000, 2_000] {
        let next = BTreeMap::from([(0, resume)]);
        let mut reader = open_with(&spec(&path, &columns, &[]), StopAt::Never, &next)
            .unwrap()
            .remove(0);
        let batches = drain_columns(&mut *reader, 64).unwrap();
        assert_eq!(value(&batches), (resume as i32..1_000).collect::<Vec<_>>());
        if let Some(first) = batches.first() {
            assert_eq!(first.offsets.value(0), resume);
        }
    }
}

#[test]
fn parquet_updates_are_written_and_deletes_refused() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("x.parquet");
    let key = Column {
        role: ColumnRole::Key,
        ..column("K", SqlType::String)
    };
    let columns = [key, column("V", SqlType::Integer)];
    let batch = |rows: &[(&str, i32, i8)]| {
        changes(
            &columns,
            vec![
                Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.0))),
                Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| row.1))),
            ],
            Some(rows.iter().map(|row| row.2).collect()),
        )
    };
    let spec = spec(&path, &columns, &[]);
    let updates = [
        batch(&[("a", 1, 1), ("b", 1, 1)]),
        batch(&[("a", 1, -1), ("a", 2, 1), ("b", 1, -1), ("b", 7, 1)]),
    ];
    write_parquet(&spec, &updates).unwrap();
    let rows = read_columns(&path, &columns).unwrap();
    assert_eq!(rows.column(1).as_ref(), &Int32Array::from(vec![1, 1, 2, 7]));
    for deleted in [batch(&[("a", 1, -1), ("b", 2, 1)]), batch(&[("a", 1, 1), ("a", 1, -1)])] {
        let error = write_parquet(&spec, &[deleted]).unwrap_err().to_string();
        assert!(error.contains("a file cannot forget"), "{error}");
    }
    let stream = [column("K", SqlType::String), column("V", SqlType::Integer)];
    let error = write_parquet(&self::spec(&path, &stream, &[]), &[updates[1].clone()])
        .unwrap_err()
        .to_string();
    assert!(error.contains("a file cannot forget"), "{error}");
    let wrong = changes(
        &[column("K", SqlType::Integer)],
        vec![Arc::new(Int32Array::from(vec![1]))],
        None,
    );
    let error = write_parquet(&spec, &[wrong]).unwrap_err().to_string();
    assert!(error.contains("do not fit the declared columns"), "{error}");
}
