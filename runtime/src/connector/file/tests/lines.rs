//! Lines and CSV records: ends, chunks, splits, resuming, following.

use std::io::Write;

use proptest::prelude::{ProptestConfig, TestCaseError, prop_assert_eq, proptest};

use super::*;
use crate::format::{Format, FormatSpec};

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
        .map(|n: usize| {
            format!(
                "{n}:{}",
                "x".repeat(if n.is_multiple_of(100) { 40_000 } else { n % 997 })
            )
        })
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
        let expected: Vec<_> = (0_i64..)
            .zip(lines.iter().cloned())
            .skip(usize::try_from(resume).unwrap())
            .collect();
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
