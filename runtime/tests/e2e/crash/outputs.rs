//! What the output topics hold, as the same texts as what they must hold.

use std::collections::BTreeMap;
use std::path::Path;

use super::expected::{Rows, number};
use super::topic::{Record, read};

/// Bytes that a window adds to a key: its start; of a session its end and start.
const WINDOW: usize = 8;
const SESSION: usize = 16;

/// Every output by its name, topics and the files in `directory`; sorted.
pub(super) fn all(brokers: &str, directory: &Path) -> BTreeMap<&'static str, Rows> {
    let outputs: [(&'static str, Read); 11] = [
        ("copied", |records| {
            every(records, |r| {
                format!("{} {} {}", r.key_text(0), r.int("N"), number(r.float("PRICE")))
            })
        }),
        ("changed", |records| every(records, changed)),
        ("ranked", |records| every(records, ranked)),
        ("joined", |records| {
            every(records, |r| format!("{} {} {}", r.key_text(0), r.int("O"), r.int("B")))
        }),
        ("enriched", enriched),
        ("tumbled", |records| last(records, windowed)),
        ("hopped", |records| last(records, windowed)),
        ("priced", |records| last(records, priced)),
        ("visits", |records| last(records, visits)),
        ("digits", |records| {
            last(records, |r| {
                format!("{} {} {}", r.key_text(0), r.int("C"), number(r.float("S")))
            })
        }),
        ("cities", |records| {
            last(records, |r| {
                format!("{} {} {}", r.key_text(0), r.int("C"), r.int("S")) + &weighted(r)
            })
        }),
    ];
    let rows = |(topic, rows): (&'static str, Read)| {
        let mut rows = rows(&read(brokers, topic));
        rows.sort();
        (topic, rows)
    };
    let mut all: BTreeMap<&'static str, Rows> = outputs.into_iter().map(rows).collect();
    all.insert("filed", filed(directory));
    all
}

/// The rows in the files of all epochs.
fn filed(directory: &Path) -> Rows {
    let row = |line: &String| {
        let row: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        let (key, n) = (row["K"].as_str(), row["N"].as_i64());
        let price = number(row["PRICE"].as_f64());
        format!("{} {} {price}", key.expect("a key"), n.expect("a number"))
    };
    let mut rows: Rows = crate::files::lines(directory, "filed").iter().map(row).collect();
    rows.sort();
    rows
}

type Read = fn(&[Record]) -> Rows;

/// A stream: each record.
fn every(records: &[Record], row: impl Fn(&Record) -> String) -> Rows {
    records.iter().map(row).collect()
}

/// A table: the last record of each key, unless that is a tombstone.
fn last(records: &[Record], row: impl Fn(&Record) -> String) -> Rows {
    let mut table: BTreeMap<&[u8], &Record> = BTreeMap::new();
    for record in records {
        table.insert(&record.key, record);
    }
    let there = table.values().filter(|record| record.value.is_some());
    there.map(|record| row(record)).collect()
}

fn changed(record: &Record) -> String {
    let (d, m) = (number(record.float("D")), number(record.float("M")));
    format!("{} {} {d} {m}", record.key_text(0), record.int("N"))
}

fn ranked(record: &Record) -> String {
    let sum = number(record.float("LAST_FIVE"));
    format!(
        "{} {} {} {sum}",
        record.key_text(0),
        record.int("N"),
        record.int("PLACE")
    )
}

/// Without the rows that asked whether users are known.
fn enriched(records: &[Record]) -> Rows {
    let counted = records.iter().filter(|record| record.int("N") >= 0);
    let town = |record: &Record| record.text("CITY").unwrap_or_else(|| "nowhere".to_owned());
    counted
        .map(|record| format!("{} {} {}", record.key_text(0), record.int("N"), town(record)))
        .collect()
}

fn windowed(record: &Record) -> String {
    priced(record) + &weighted(record)
}

fn priced(record: &Record) -> String {
    let (start, count) = (record.int("WS"), record.int("C"));
    let sum = number(record.float("S"));
    format!("{} {start} {count} {sum}", record.key_text(WINDOW))
}

/// What the aggregate of a plugin gave.
fn weighted(record: &Record) -> String {
    format!(" {}", number(record.float("W")))
}

fn visits(record: &Record) -> String {
    let (start, end, count) = (record.int("WS"), record.int("WE"), record.int("C"));
    format!("{} {start} {end} {count}{}", record.key_text(SESSION), weighted(record))
}

/// Whether users are known: how many keys came out with a town, of the last `keys` rows that asked.
pub(super) fn probes_answered(brokers: &str, round: i64) -> usize {
    let of_round = |record: &Record| {
        let n = record.int("N");
        n < 0 && (-1 - n) / 1_000 == round && record.text("CITY").is_some()
    };
    read(brokers, "enriched")
        .iter()
        .filter(|record| of_round(record))
        .count()
}
