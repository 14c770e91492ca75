//! Rows to ask about: two streams and a table, with nulls, repeated keys and times out of order.

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

/// A row of table `c`, in the order of arrival.
#[derive(Debug, Clone)]
struct Entry {
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
}

const TEXTS: [&str; 4] = ["x", "y", "zz", ""];
/// Times lie within so many milliseconds.
const SPAN_MS: i64 = 60_000;
/// How far a row may lag behind the ones before it.
const DISORDER_MS: i64 = 8_000;

impl Data {
    pub(super) fn new(rng: &mut ChaCha8Rng) -> Self {
        let (a, b) = (rng.random_range(1..60), rng.random_range(1..40));
        let c = rng.random_range(1..30);
        Self {
            a: events(rng, a),
            b: events(rng, b),
            c: (0..c)
                .map(|_| Entry {
                    key: rng.random_range(0..8),
                    group: maybe(rng, |rng| rng.random_range(0..3)),
                    number: maybe(rng, |rng| rng.random_range(-50..50)),
                })
                .collect(),
        }
    }

    /// Declares the sources, of so many partitions, and fills them.
    pub(super) fn statements(&self, partitions: i32) -> String {
        let mut sql = String::new();
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
        let _ = writeln!(
            sql,
            "CREATE TABLE c (k INT PRIMARY KEY, g INT, n BIGINT) WITH (KAFKA_TOPIC = 'c', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON', PARTITIONS = {partitions});"
        );
        let rows: Vec<String> = self
            .c
            .iter()
            .enumerate()
            .map(|(time, entry)| format!("({time}, {}, {}, {})", entry.key, null(entry.group), null(entry.number)))
            .collect();
        let _ = writeln!(sql, "INSERT INTO c (ROWTIME, k, g, n) VALUES {};", rows.join(", "));
        sql
    }

    /// What DataFusion answers over the same rows: tables `a` and `b` (`rt`, `k`, `v`, `t`) and the final rows of `c`
    /// (`k`, `g`, `n`).
    pub(super) fn ask_datafusion(&self, sql: &str) -> Result<Vec<Row>, String> {
        let text = |error: datafusion::error::DataFusionError| error.to_string();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(|error| error.to_string())?;
        let context = SessionContext::new();
        for (name, batch) in [("a", stream(&self.a)), ("b", stream(&self.b)), ("c", self.table())] {
            let table = MemTable::try_new(batch.schema(), vec![vec![batch]]).map_err(text)?;
            context.register_table(name, Arc::new(table)).map_err(text)?;
        }
        let batches = runtime
            .block_on(async { context.sql(sql).await?.collect().await })
            .map_err(text)?;
        fold::rows_of_batches(&batches)
    }

    fn table(&self) -> RecordBatch {
        let last: std::collections::BTreeMap<i32, &Entry> = self.c.iter().map(|entry| (entry.key, entry)).collect();
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
}

fn events(rng: &mut ChaCha8Rng, count: usize) -> Vec<Event> {
    (0..count)
        .map(|number| {
            let in_order = SPAN_MS * number as i64 / count as i64;
            Event {
                time_ms: (in_order - rng.random_range(0..DISORDER_MS)).max(0),
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
    let columns: [(&str, ArrayRef); 4] = [
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
