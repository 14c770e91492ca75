//! Rows to ask about: two streams and two tables, with nulls, repeated keys and times out of order. The rows of table `c`
//! come before all others; those of `d` spread over the time of the streams.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::fold::{self, Row};

/// A row of stream `a` or `b`: event time, key, number, text.
#[derive(Debug, Clone)]
struct Event {
    time_ms: i64,
    key: Option<i32>,
    number: Option<i64>,
    text: Option<&'static str>,
}

/// A row of table `c` or `d`, in the order of arrival.
#[derive(Debug, Clone)]
struct Entry {
    time_ms: i64,
    key: i32,
    group: Option<i32>,
    number: Option<i64>,
}

/// All rows of a case.
#[derive(Debug)]
pub(super) struct Data {
    a: Vec<Event>,
    b: Vec<Event>,
    c: Vec<Entry>,
    d: Vec<Entry>,
}

const TEXTS: [&str; 4] = ["x", "y", "zz", ""];
/// Times lie within so many milliseconds.
const SPAN_MS: i64 = 60_000;
/// No row of a stream is before this, and all of table `c` are.
const FIRST_MS: i64 = 1_000;
/// How far a row may lag behind the ones before it.
const DISORDER_MS: i64 = 8_000;

impl Data {
    pub(super) fn new(rng: &mut ChaCha8Rng) -> Self {
        let (a, b) = (rng.random_range(1..60), rng.random_range(1..40));
        let (c, d) = (rng.random_range(1..30), rng.random_range(1..30));
        Self {
            a: events(rng, a),
            b: events(rng, b),
            c: entries(rng, c, 1),
            d: entries(rng, d, SPAN_MS / 30),
        }
    }

    /// Declares the sources, of so many partitions, and fills them, tables first.
    pub(super) fn statements(&self, partitions: i32) -> String {
        let mut sql = String::new();
        for (name, entries) in [("c", &self.c), ("d", &self.d)] {
            let _ = writeln!(
                sql,
                "CREATE TABLE {name} (k INT PRIMARY KEY, g INT, n BIGINT) WITH (KAFKA_TOPIC = '{name}', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON', PARTITIONS = {partitions});"
            );
            let rows = entries.iter().map(|entry| {
                format!(
                    "({}, {}, {}, {})",
                    entry.time_ms,
                    entry.key,
                    null(entry.group),
                    null(entry.number)
                )
            });
            let rows: Vec<String> = rows.collect();
            let _ = writeln!(sql, "INSERT INTO {name} (ROWTIME, k, g, n) VALUES {};", rows.join(", "));
        }
        for (name, events) in [("a", &self.a), ("b", &self.b)] {
            let _ = writeln!(
                sql,
                "CREATE STREAM {name} (k INT KEY, v BIGINT, t STRING) WITH (KAFKA_TOPIC = '{name}', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON', PARTITIONS = {partitions});"
            );
            let rows = events.iter().map(|event| {
                let text = event.text.map_or("NULL".into(), |text| format!("'{text}'"));
                format!(
                    "({}, {}, {}, {text})",
                    event.time_ms,
                    null(event.key),
                    null(event.number)
                )
            });
            let rows: Vec<String> = rows.collect();
            let _ = writeln!(sql, "INSERT INTO {name} (ROWTIME, k, v, t) VALUES {};", rows.join(", "));
        }
        sql
    }

    /// What DataFusion answers over the same rows: tables `a` and `b` (`o`, `rt`, `k`, `v`, `t`; `o` counts them in the order
    /// of arrival) and the final rows of `c` and `d` (`k`, `g`, `n`).
    pub(super) fn ask_datafusion(&self, sql: &str) -> Result<Vec<Row>, String> {
        let text = |error: datafusion::error::DataFusionError| error.to_string();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(|error| error.to_string())?;
        let context = SessionContext::new();
        let tables = [
            ("a", stream(&self.a)),
            ("b", stream(&self.b)),
            ("c", table(&self.c)),
            ("d", table(&self.d)),
        ];
        for (name, batch) in tables {
            let table = MemTable::try_new(batch.schema(), vec![vec![batch]]).map_err(text)?;
            context.register_table(name, Arc::new(table)).map_err(text)?;
        }
        let batches = runtime
            .block_on(async { context.sql(sql).await?.collect().await })
            .map_err(text)?;
        fold::rows_of_batches(&batches)
    }
}

fn table(entries: &[Entry]) -> RecordBatch {
    let last: BTreeMap<i32, &Entry> = entries.iter().map(|entry| (entry.key, entry)).collect();
    let columns: [(&str, ArrayRef); 3] = [
        ("k", Arc::new(last.keys().copied().collect::<Int32Array>())),
        (
            "g",
            Arc::new(last.values().map(|entry| entry.group).collect::<Int32Array>()),
        ),
        (
            "n",
            Arc::new(last.values().map(|entry| entry.number).collect::<Int64Array>()),
        ),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true)))
        .expect("columns are of one length")
}

/// `step_ms` lies between one entry and the next.
fn entries(rng: &mut ChaCha8Rng, count: usize, step_ms: i64) -> Vec<Entry> {
    (0..count)
        .map(|number| Entry {
            time_ms: number as i64 * step_ms,
            key: rng.random_range(0..6),
            group: maybe(rng, |rng| rng.random_range(0..5)),
            number: maybe(rng, |rng| rng.random_range(-50..50)),
        })
        .collect()
}

fn events(rng: &mut ChaCha8Rng, count: usize) -> Vec<Event> {
    (0..count)
        .map(|number| {
            let in_order = SPAN_MS * number as i64 / count as i64;
            Event {
                time_ms: (in_order - rng.random_range(0..DISORDER_MS)).max(FIRST_MS),
                key: maybe(rng, |rng| rng.random_range(0..5)),
                number: maybe(rng, |rng| rng.random_range(-20..20)),
                text: maybe(rng, |rng| TEXTS[rng.random_range(0..TEXTS.len())]),
            }
        })
        .collect()
}

/// One value in ten is missing.
fn maybe<T>(rng: &mut ChaCha8Rng, make: impl Fn(&mut ChaCha8Rng) -> T) -> Option<T> {
    let value = make(rng);
    rng.random_bool(0.9).then_some(value)
}

fn null<T: ToString>(value: Option<T>) -> String {
    value.map_or("NULL".into(), |value| value.to_string())
}

fn stream(events: &[Event]) -> RecordBatch {
    let columns: [(&str, ArrayRef); 5] = [
        (
            "o",
            Arc::new((0..events.len() as i64).map(Some).collect::<Int64Array>()),
        ),
        (
            "rt",
            Arc::new(events.iter().map(|event| Some(event.time_ms)).collect::<Int64Array>()),
        ),
        (
            "k",
            Arc::new(events.iter().map(|event| event.key).collect::<Int32Array>()),
        ),
        (
            "v",
            Arc::new(events.iter().map(|event| event.number).collect::<Int64Array>()),
        ),
        (
            "t",
            Arc::new(events.iter().map(|event| event.text).collect::<StringArray>()),
        ),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true)))
        .expect("columns are of one length")
}
