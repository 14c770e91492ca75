//! What the records of a topic amount to: the final rows of a table, or all rows of a stream.
//!
//! A table is folded by the bytes of its keys: the last value counts, a tombstone deletes. Cells are brought to one
//! spelling, so that rows from topics and rows from Arrow can be compared.

use std::collections::BTreeMap;
use std::time::Duration;

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use serde_json::Value;
use waterwheel::connector::{PollLimits, Polled, ReadOptions, StartAt, StopAt};
use waterwheel::engine::Engine;
use waterwheel::exec::State;

/// A row: a cell for each column that was asked for.
pub(crate) type Row = Vec<String>;

/// One record of a topic.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
}

/// What a topic holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Stream,
    Table,
}

/// Ends the script and waits for its queries, each of which must come to its end by itself.
pub(crate) fn finish(engine: &Engine, timeout: Duration) -> Result<(), String> {
    engine.seal();
    for (info, pipeline) in engine.queries() {
        match pipeline.wait(timeout) {
            State::Finished => {}
            State::Failed(reason) => return Err(format!("query {} failed: {reason}", info.id)),
            other => return Err(format!("query {} is {other:?} after {timeout:?}", info.id)),
        }
    }
    Ok(())
}

/// All records of an embedded topic, partition by partition.
pub(crate) fn records(engine: &Engine, topic: &str) -> Result<Vec<Record>, String> {
    let options = ReadOptions {
        is_alone: false,
        group: "fold".into(),
        start_at: StartAt::Earliest,
        next_offsets: BTreeMap::new(),
        stop_at: StopAt::CurrentEnd,
        headers: false,
    };
    let log = engine.topics().log();
    let mut source = log.source(topic, &options).map_err(|error| error.to_string())?;
    let change = source.poll_assignment().map_err(|error| error.to_string())?;
    let mut found = Vec::new();
    for mut reader in change.ok_or("the topic gave no readers")?.added {
        let limits = PollLimits {
            rows_max: 1 << 16,
            bytes_max: 1 << 30,
        };
        loop {
            match reader.poll(limits).map_err(|error| error.to_string())? {
                Polled::Records(records) => {
                    for row in 0..records.len() {
                        found.push(Record {
                            key: records.keys.get(row).map(<[u8]>::to_vec),
                            value: records.values.get(row).map(<[u8]>::to_vec),
                        });
                    }
                }
                Polled::End => break,
                Polled::Idle { .. } => {}
                Polled::Columns(_) => return Err("a topic gives records".into()),
            }
        }
    }
    Ok(found)
}

/// The rows that `records` amount to, as the cells of `columns`, sorted. Keys and values must be JSON; a column that is
/// not in the value is looked for in the key, and a key without names is the one column that no value has.
pub(crate) fn rows(records: &[Record], kind: Kind, columns: &[String]) -> Result<Vec<Row>, String> {
    let mut last: BTreeMap<Option<&[u8]>, &Record> = BTreeMap::new();
    let kept: Vec<&Record> = match kind {
        Kind::Stream => records.iter().collect(),
        Kind::Table => {
            for record in records {
                last.insert(record.key.as_deref(), record);
            }
            last.into_values().collect()
        }
    };
    let mut rows = Vec::new();
    for record in kept {
        let Some(value) = &record.value else { continue };
        let value: BTreeMap<String, Value> =
            serde_json::from_slice(value).map_err(|error| format!("value: {error}"))?;
        let key = record.key.as_deref().map_or(Ok(Value::Null), key_of)?;
        let cell = |name: &String| -> Result<String, String> {
            if let Some(cell) = value.get(name) {
                return Ok(spelled(cell));
            }
            match &key {
                Value::Object(fields) => fields.get(name).map(spelled),
                bare => Some(spelled(bare)),
            }
            .ok_or_else(|| format!("no column {name} in {value:?} or key {key}"))
        };
        rows.push(columns.iter().map(cell).collect::<Result<Row, String>>()?);
    }
    rows.sort();
    Ok(rows)
}

/// A key of JSON, behind which a window's bounds may stand: 8 bytes, or 16 of a session.
fn key_of(bytes: &[u8]) -> Result<Value, String> {
    [0, 8, 16]
        .into_iter()
        .filter_map(|bounds| bytes.get(..bytes.len().checked_sub(bounds)?))
        .find_map(|key| serde_json::from_slice(key).ok())
        .ok_or_else(|| format!("key {:?} is not JSON", String::from_utf8_lossy(bytes)))
}

/// The rows of `batches`, sorted.
pub(crate) fn rows_of_batches(batches: &[RecordBatch]) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for batch in batches {
        let columns: Vec<Vec<String>> = batch
            .columns()
            .iter()
            .map(|column| cells(column))
            .collect::<Result<_, _>>()?;
        rows.extend((0..batch.num_rows()).map(|row| columns.iter().map(|column| column[row].clone()).collect::<Row>()));
    }
    rows.sort();
    Ok(rows)
}

fn cells(column: &dyn Array) -> Result<Vec<String>, String> {
    let text = |error: datafusion::arrow::error::ArrowError| error.to_string();
    Ok(match column.data_type() {
        kind if kind.is_integer() || matches!(kind, DataType::Timestamp(_, _)) => {
            let column = match kind {
                // As JSON has them: milliseconds.
                DataType::Timestamp(_, _) => cast(
                    &column.slice(0, column.len()),
                    &DataType::Timestamp(datafusion::arrow::datatypes::TimeUnit::Millisecond, None),
                )
                .map_err(text)?,
                _ => column.slice(0, column.len()),
            };
            let column = cast(&column, &DataType::Int64).map_err(text)?;
            let column = column.as_primitive::<Int64Type>();
            column
                .iter()
                .map(|cell| cell.map_or("NULL".into(), |cell| cell.to_string()))
                .collect()
        }
        kind if kind.is_floating() || kind.is_decimal() => {
            let column = cast(&column.slice(0, column.len()), &DataType::Float64).map_err(text)?;
            let column = column.as_primitive::<Float64Type>();
            column.iter().map(|cell| cell.map_or("NULL".into(), number)).collect()
        }
        _ => {
            let options = FormatOptions::default().with_null("NULL");
            let formatter = ArrayFormatter::try_new(column, &options).map_err(text)?;
            (0..column.len()).map(|row| formatter.value(row).to_string()).collect()
        }
    })
}

fn spelled(cell: &Value) -> String {
    match cell {
        Value::Null => "NULL".into(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(spelled).collect::<Vec<_>>().join(", ")),
        Value::Number(digits) => match digits.as_i64() {
            Some(whole) => whole.to_string(),
            None => digits.as_f64().map_or_else(|| digits.to_string(), number),
        },
        other => other.to_string(),
    }
}

/// Ten digits: sums of floating numbers depend on their order in the last ones.
fn number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        format!("{value:.0}")
    } else {
        format!("{value:.9e}")
    }
}

/// What differs between two sorted lists of rows, a few lines; `None` where nothing does.
pub(crate) fn difference(found: &[Row], expected: &[Row]) -> Option<String> {
    if found == expected {
        return None;
    }
    let count = |rows: &[Row]| {
        let mut counts: BTreeMap<Row, i64> = BTreeMap::new();
        for row in rows {
            *counts.entry(row.clone()).or_default() += 1;
        }
        counts
    };
    let (found_counts, expected_counts) = (count(found), count(expected));
    let only = |these: &BTreeMap<Row, i64>, those: &BTreeMap<Row, i64>| {
        let more = these
            .iter()
            .filter(|(row, count)| those.get(*row).copied().unwrap_or(0) < **count);
        more.take(5)
            .map(|(row, _)| format!("    {}\n", row.join(" | ")))
            .collect::<String>()
    };
    Some(format!(
        "{} rows, expected {}\n  only found:\n{}  only expected:\n{}",
        found.len(),
        expected.len(),
        only(&found_counts, &expected_counts),
        only(&expected_counts, &found_counts)
    ))
}
