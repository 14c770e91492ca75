//! Reads what a stream of events is out of its options and columns.

use datafusion::arrow::array::{
    Array, ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, TimestampMillisecondArray,
};
use datafusion::arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;

use std::sync::Arc;

use super::super::Error;
use super::super::key_partition::{check_no_headers, partitions_of};
use super::super::options::{Options, wrong};
use super::super::pace::take_rate;
use super::super::registry::ConnectorSpec;
use super::events::{EventKind, Sequence};
use super::fields::{Field, Make, fields};
use crate::catalog::nearest;
use crate::types::schema::{Column, ColumnRole, SqlType, arrow_schema};

/// The time of the first event where BASE_TIME says nothing: 2015-07-15T00:00:00Z.
const BASE_MS: i64 = 1_436_918_400_000;
/// Events in 1,000 seconds of event time where nothing is said.
const EVENTS_PER_1000_S: u64 = 10_000_000;
/// More events than any stream can give, and far from the end of 64 bits.
pub(super) const EVENTS_MAX: i64 = 1 << 56;

/// One declared column.
#[derive(Debug)]
struct Chosen {
    field: &'static Field,
    is_timestamp: bool,
}

/// Whose time the records carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowTime {
    /// When the event happened.
    Event,
    /// When it is read.
    Processing,
}

/// One stream of events.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) kind: EventKind,
    /// Rows of all partitions together; `None`: no end.
    pub(super) rows: Option<i64>,
    /// Events of all kinds in 1,000 seconds of processing time; `None`: as fast as asked.
    pub(super) events_per_1000_s: Option<u64>,
    pub(super) partitions: i32,
    pub(super) row_time: RowTime,
    /// About how many bytes a row takes.
    pub(super) bytes_per_row: usize,
    sequence: Sequence,
    schema: SchemaRef,
    chosen: Vec<Chosen>,
    /// Positions of the key columns.
    keys: Vec<usize>,
}

impl Settings {
    /// Reads and checks all; `now_ms` is what `BASE_TIME = 'now'` stands for.
    pub(super) fn read(spec: &ConnectorSpec, now_ms: i64) -> Result<Self, Error> {
        check_no_headers("nexmark", &spec.columns)?;
        let mut options = Options::new(&spec.options);
        // The rows need no decoding, so a format that stands there anyway has no effect.
        for format in ["FORMAT", "VALUE_FORMAT"] {
            let _ = options.take(format);
        }
        let kind = options.take("EVENT");
        let rows = count(&mut options, "ROWS")?;
        let events = count(&mut options, "EVENTS")?;
        let events_per_1000_s = take_rate(&mut options, "RATE")?;
        let event_time_rate = take_rate(&mut options, "EVENT_TIME_RATE")?;
        let base_ms = base_time(&mut options, now_ms)?;
        let group = options
            .take_parsed("OUT_OF_ORDER", "a whole number from 1 on")?
            .unwrap_or(1);
        if !(1..=EVENTS_MAX).contains(&group) || group % 953 == 0 {
            return Err(wrong(
                "OUT_OF_ORDER",
                format!("{group} is no group: it must be 1 or more and no multiple of 953"),
            ));
        }
        let row_time = row_time(&mut options)?;
        let seed = options.take_parsed("SEED", "a whole number from 0 on")?.unwrap_or(0);
        let partitions = options.take_partitions()?;
        options.finish("nexmark")?;
        let kind = event_kind(kind)?;
        let rows = match (rows, events) {
            (Some(_), Some(_)) => return Err(wrong("ROWS", "stands beside EVENTS; only one of them can hold")),
            (Some(rows), None) => Some(rows),
            (None, events) => events.map(|events| kind.rows_before(events)),
        };
        let chosen = spec
            .columns
            .iter()
            .map(|column| choose(kind, column))
            .collect::<Result<Vec<_>, _>>()?;
        let keys = spec
            .columns
            .iter()
            .enumerate()
            .filter(|(_, column)| column.role == ColumnRole::Key);
        let time_rate = event_time_rate.or(events_per_1000_s).unwrap_or(EVENTS_PER_1000_S);
        Ok(Self {
            kind,
            rows,
            events_per_1000_s,
            partitions,
            row_time,
            bytes_per_row: chosen.iter().map(|chosen| chosen.field.bytes).sum::<usize>().max(8),
            sequence: Sequence::new(seed, base_ms, time_rate.cast_signed().max(1), group),
            schema: arrow_schema(&spec.columns),
            keys: keys.map(|(position, _)| position).collect(),
            chosen,
        })
    }

    /// The declared columns of `rows` of this stream.
    pub(super) fn records(&self, rows: &[i64]) -> Result<RecordBatch, Error> {
        let events = self.events(rows);
        let columns = (0..self.chosen.len())
            .map(|position| self.column(position, &events))
            .collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options).map_err(|error: ArrowError| {
            wrong("CONNECTOR", format!("generated rows do not fit their columns: {error}"))
        })
    }

    /// When the events of `rows` happened.
    pub(super) fn event_times(&self, rows: &[i64]) -> Int64Array {
        let times = rows.iter().map(|row| self.sequence.time_ms(self.kind.event_of(*row)));
        Int64Array::from_iter_values(times)
    }

    /// The rows from `start` to before `end` that belong to `partition`, no more than `rows_max`.
    pub(super) fn rows_of(&self, partition: i32, start: i64, end: i64, rows_max: usize) -> Vec<i64> {
        let count = i64::from(self.partitions);
        if self.keys.is_empty() || count == 1 {
            let first = start + (i64::from(partition) - start).rem_euclid(count);
            let step = self.partitions.unsigned_abs() as usize;
            return (first..end).step_by(step).take(rows_max).collect();
        }
        let all: Vec<i64> = (start..end).collect();
        let events = self.events(&all);
        let keys: Vec<ArrayRef> = self.keys.iter().map(|key| self.column(*key, &events)).collect();
        let partitions = partitions_of(self.partitions, &keys, &all);
        let own = all.iter().zip(partitions).filter(|(_, other)| *other == partition);
        own.map(|(row, _)| *row).take(rows_max).collect()
    }

    fn events(&self, rows: &[i64]) -> Vec<i64> {
        rows.iter().map(|row| self.kind.event_of(*row)).collect()
    }

    fn column(&self, position: usize, events: &[i64]) -> ArrayRef {
        let chosen = &self.chosen[position];
        match chosen.field.make {
            Make::Number(make) => Arc::new(make(&self.sequence, events)),
            Make::Time(make) if chosen.is_timestamp => {
                let (_, millis, _) = make(&self.sequence, events).into_parts();
                Arc::new(TimestampMillisecondArray::new(millis, None)) as Arc<dyn Array>
            }
            Make::Time(make) => Arc::new(make(&self.sequence, events)),
            Make::Text(make) => Arc::new(make(&self.sequence, events)),
        }
    }
}

fn event_kind(text: Option<&str>) -> Result<EventKind, Error> {
    let Some(text) = text else {
        return Err(wrong("EVENT", "is missing: 'person', 'auction' or 'bid'"));
    };
    let found = EventKind::ALL
        .iter()
        .find(|kind| kind.name().eq_ignore_ascii_case(text.trim()));
    found.copied().ok_or_else(|| {
        let names = EventKind::ALL.iter().map(|kind| kind.name());
        match nearest(text, names) {
            Some(near) => wrong("EVENT", format!("there is no event `{text}`; did you mean `{near}`?")),
            None => wrong(
                "EVENT",
                format!("there is no event `{text}`; there are person, auction and bid"),
            ),
        }
    })
}

/// The field that `column` names, whose type it must have.
fn choose(kind: EventKind, column: &Column) -> Result<Chosen, Error> {
    let fields = fields(kind);
    let Some(field) = fields
        .iter()
        .find(|field| field.name.eq_ignore_ascii_case(&column.name))
    else {
        let names = fields.iter().map(|field| field.name);
        let hint = match nearest(&column.name, names.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", names.collect::<Vec<_>>().join(", ")),
        };
        return Err(wrong(
            "EVENT",
            format!("a {} has no `{}`; {hint}", kind.name(), column.name),
        ));
    };
    let (fits, expected) = match field.make {
        Make::Number(_) => (column.sql_type == SqlType::Bigint, "BIGINT"),
        Make::Time(_) => (
            matches!(column.sql_type, SqlType::Timestamp | SqlType::Bigint),
            "TIMESTAMP or BIGINT",
        ),
        Make::Text(_) => (column.sql_type == SqlType::String, "STRING"),
    };
    if !fits {
        return Err(wrong(
            "EVENT",
            format!(
                "`{}` of a {} is {expected}, not {}",
                field.name,
                kind.name(),
                column.sql_type
            ),
        ));
    }
    Ok(Chosen {
        field,
        is_timestamp: column.sql_type == SqlType::Timestamp,
    })
}

fn count(options: &mut Options<'_>, name: &str) -> Result<Option<i64>, Error> {
    match options.take_parsed::<i64>(name, "a whole number from 0 on")? {
        Some(count) if !(0..=EVENTS_MAX).contains(&count) => {
            Err(wrong(name, format!("{count} is not between 0 and {EVENTS_MAX}")))
        }
        count => Ok(count),
    }
}

fn row_time(options: &mut Options<'_>) -> Result<RowTime, Error> {
    match options
        .take("ROWTIME")
        .map(|text| text.trim().to_ascii_lowercase())
        .as_deref()
    {
        None | Some("event") => Ok(RowTime::Event),
        Some("processing") => Ok(RowTime::Processing),
        Some(other) => Err(wrong(
            "ROWTIME",
            format!("`{other}` is neither 'event' nor 'processing'"),
        )),
    }
}

fn base_time(options: &mut Options<'_>, now_ms: i64) -> Result<i64, Error> {
    let Some(text) = options.take("BASE_TIME").map(str::trim) else {
        return Ok(BASE_MS);
    };
    if text.eq_ignore_ascii_case("now") {
        return Ok(now_ms);
    }
    if let Ok(millis) = text.parse() {
        return Ok(millis);
    }
    string_to_timestamp_nanos(text)
        .map(|nanos| nanos.div_euclid(1_000_000))
        .map_err(|_| {
            wrong(
                "BASE_TIME",
                format!("`{text}` is no time; write '2015-07-15T00:00:00Z', milliseconds since the epoch, or 'now'"),
            )
        })
}
