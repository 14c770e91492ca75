//! The beginning of a pipeline in one shard: polls the partitions dealt to it and decodes what they give.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Int8Array, Int32Array, Int64Array, RecordBatch, RecordBatchOptions, new_null_array,
};
use datafusion::arrow::compute::nullif;
use datafusion::arrow::datatypes::SchemaRef;

use super::Error;
use super::decode_plan::{ColumnSource, DecodePlan};
use super::event_clock::NOT_WAITED_FOR;
use super::headers::{all_headers, last_header};
use super::key_window::WindowBounds;
use super::metrics::{Metrics, add};
use super::partition_clock::{PartitionClock, Waiting};
use crate::catalog::{BadRecordPolicy, Definition};
use crate::connector::{ColumnBatch, PartitionReader, PollLimits, Polled, RecordSink};
use crate::format::{self, BadRow, Decoder};
use crate::operator::EventTime;
use crate::plan;
use crate::types::limits::{BAD_RECORDS_LOGGED_PER_STEP_MAX, BATCH_BYTES_MAX, BATCH_ROWS_MAX, PARTITION_AHEAD_RETRY};
use crate::types::schema::Column;
use crate::types::storage::SourceKind;
use crate::types::{BytesColumn, ChangeBatch, Headers, RawRecords};

/// How many rows a step takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepRows {
    /// What is there, up to this many rows in each shard.
    UpTo(usize),
    /// One row in all, the earliest by append order where the source keeps one.
    One,
}

impl Default for StepRows {
    fn default() -> Self {
        Self::UpTo(BATCH_ROWS_MAX)
    }
}

/// What a scan needs besides its plan.
#[derive(Debug)]
pub struct ScanParts {
    /// Where bad records go under [`BadRecordPolicy::DeadLetter`]: one sink for each shard.
    pub dead_letters: Vec<Box<dyn RecordSink>>,
}

/// One scan in one shard.
#[derive(Debug)]
pub(crate) struct ScanShard {
    definition: Arc<Definition>,
    schema: SchemaRef,
    columns: Vec<(ColumnSource, usize)>,
    keys: Option<Box<dyn Decoder>>,
    values: Option<Box<dyn Decoder>>,
    event_time: Option<(ColumnSource, usize, EventTime)>,
    readers: Vec<(Box<dyn PartitionReader>, PartitionClock)>,
    /// Whether rows get their stream times.
    stream_times: bool,
    /// Rows are taken one by one in the order of all partitions.
    in_order: bool,
    next_reader: usize,
    next_offsets: BTreeMap<i32, i64>,
    dead_letters: Option<Box<dyn RecordSink>>,
}

/// What a poll of all readers gave.
#[derive(Debug, Default)]
pub(crate) struct Scanned {
    pub(crate) batches: Vec<ChangeBatch>,
    pub(crate) rows: usize,
    /// When it is worth asking again, where nothing came.
    pub(crate) retry_after: Option<Duration>,
    /// Some reader may have more right now.
    pub(crate) has_more: bool,
}

/// Decoded rows before they become the scan's columns.
struct Rows {
    count: usize,
    keys: Vec<ArrayRef>,
    values: Vec<ArrayRef>,
    timestamps: Int64Array,
    offsets: Int64Array,
    partition: i32,
    headers: Option<Vec<Headers>>,
    windows: Option<WindowBounds>,
    tombstones: Option<BooleanArray>,
    /// The encoded records, where a row may yet turn out to be bad.
    originals: Option<RawRecords>,
}

impl Rows {
    /// A pseudo-column, NULL in a stream's records without a value, where there is no row that it could belong to.
    fn null_where_gone(&self, column: ArrayRef, definition: &Definition) -> ArrayRef {
        match &self.tombstones {
            Some(gone) if definition.kind == SourceKind::Stream => nullif(&column, gone).unwrap_or(column),
            _ => column,
        }
    }
}

impl ScanShard {
    pub(crate) fn new(
        scan: &plan::Scan,
        schema: SchemaRef,
        dead_letters: Option<Box<dyn RecordSink>>,
    ) -> Result<Self, Error> {
        let definition = Arc::clone(&scan.definition);
        let query_schema = definition.query_schema();
        let mut plan = DecodePlan::new(&definition);
        let mut columns: Vec<(ColumnSource, usize)> = scan
            .projection
            .iter()
            .map(|position| (plan.source(*position, query_schema.field(*position).name()), *position))
            .collect();
        if scan.headers {
            columns.push((ColumnSource::AllHeaders, schema.fields().len() - 1));
        }
        let event_time = match &definition.event_time {
            None => None,
            Some(declared) => {
                let position = definition
                    .columns
                    .iter()
                    .position(|c| c.name == declared.column)
                    .unwrap_or(0);
                Some((
                    plan.source(position, &declared.column),
                    position,
                    EventTime::new(declared)?,
                ))
            }
        };
        let decoder = |own: &[Column], projection: &[usize], spec| {
            let wanted = !projection.is_empty();
            wanted.then(|| format::decoder(spec, own, projection)).transpose()
        };
        let keys = decoder(&plan.own_keys, &plan.keys, &definition.storage.key_format)?;
        let values = decoder(&plan.own_values, &plan.values, &definition.storage.value_format)?;
        Ok(Self {
            schema,
            columns,
            keys,
            values,
            event_time,
            readers: Vec::new(),
            stream_times: scan.stream_times,
            in_order: false,
            next_reader: 0,
            next_offsets: BTreeMap::new(),
            dead_letters,
            definition,
        })
    }

    /// Reads a partition from now on; `stream_time` is what its stream time was in an earlier life.
    pub(crate) fn add_reader(&mut self, reader: Box<dyn PartitionReader>, stream_time: Option<i64>) {
        self.readers.push((reader, PartitionClock::new(stream_time)));
    }

    /// The stream time of each partition that had a row, milliseconds since the epoch.
    pub(crate) fn stream_times(&self) -> impl Iterator<Item = (i32, i64)> {
        let known = self.readers.iter().filter(|_| self.stream_times);
        known.filter_map(|(reader, clock)| Some((reader.partition(), clock.stream_time()?)))
    }

    pub(crate) fn remove_partition(&mut self, partition: i32) {
        self.readers.retain(|(reader, _)| reader.partition() != partition);
        self.next_offsets.remove(&partition);
    }

    pub(crate) fn has_readers(&self) -> bool {
        !self.readers.is_empty()
    }

    /// Takes the offsets up to which rows were taken since the last call.
    pub(crate) fn take_next_offsets(&mut self) -> BTreeMap<i32, i64> {
        std::mem::take(&mut self.next_offsets)
    }

    pub(crate) fn lag(&self) -> u64 {
        self.readers.iter().filter_map(|(reader, _)| reader.lag()).sum()
    }

    /// Ends the dead letters of this shard, so that a reader of their topic sees the end.
    pub(crate) fn close_dead_letters(&mut self) -> Result<(), Error> {
        match self.dead_letters.take() {
            Some(mut sink) => Ok(sink.close()?),
            None => Ok(()),
        }
    }

    pub(crate) fn flush_dead_letters(&mut self) -> Result<(), Error> {
        match &mut self.dead_letters {
            Some(sink) => Ok(sink.flush()?),
            None => Ok(()),
        }
    }

    /// The append order of the earliest waiting row and the number of its reader.
    pub(crate) fn earliest(&mut self) -> Option<(u64, usize)> {
        let waiting = self.readers.iter_mut().enumerate();
        waiting
            .filter_map(|(number, (reader, _))| Some((reader.next_order()?, number)))
            .min()
    }

    /// The smallest stream time over its partitions, milliseconds since the epoch; what holds nobody back is left out.
    pub(crate) fn stream_time(&self) -> i64 {
        let times = self.readers.iter().map(|(reader, clock)| {
            if self.in_order {
                clock.waited_for_in_order(|| Waiting::of(reader.as_ref()))
            } else {
                clock.waited_for(|| Waiting::of(reader.as_ref()))
            }
        });
        times.min().unwrap_or(NOT_WAITED_FOR)
    }

    /// The largest stream time over its partitions, milliseconds since the epoch; `i64::MIN` before the first row.
    pub(crate) fn latest_time(&self) -> i64 {
        let times = self.readers.iter().filter_map(|(_, clock)| clock.stream_time());
        times.max().unwrap_or(i64::MIN)
    }

    /// From now on rows are taken one by one, in the order in which they were appended to all partitions of all topics.
    pub(crate) fn take_in_order(&mut self) {
        self.in_order = true;
    }

    /// Polls one reader for one row.
    pub(crate) fn scan_one(&mut self, reader: usize, metrics: &Metrics) -> Result<Scanned, Error> {
        self.in_order = true;
        let mut scanned = Scanned::default();
        let limits = PollLimits {
            rows_max: 1,
            bytes_max: BATCH_BYTES_MAX,
        };
        self.poll(reader, limits, metrics, &mut scanned)?;
        Ok(scanned)
    }

    /// Up to where it has read: the smallest stream time over its partitions that may have more to give at once. Where rows are
    /// taken in the order of all partitions, they are worked on in that order.
    pub(crate) fn read_until(&self) -> i64 {
        if self.in_order {
            return NOT_WAITED_FOR;
        }
        let times = self
            .readers
            .iter()
            .map(|(reader, clock)| clock.read_until(|| Waiting::of(reader.as_ref())));
        times.min().unwrap_or(NOT_WAITED_FOR)
    }

    /// Polls the readers in turn until `rows_max` rows came or all were asked; those that have read beyond `until` are left
    /// for later.
    pub(crate) fn scan(&mut self, rows_max: usize, until: i64, metrics: &Metrics) -> Result<Scanned, Error> {
        let mut scanned = Scanned::default();
        let mut asked = 0;
        let count = self.readers.len();
        while asked < count && scanned.rows < rows_max && !self.readers.is_empty() {
            let limits = PollLimits {
                rows_max: rows_max - scanned.rows,
                bytes_max: BATCH_BYTES_MAX,
            };
            let reader = self.next_reader % self.readers.len();
            if self.readers[reader].1.is_beyond(until) {
                scanned.retry_after = scanned
                    .retry_after
                    .min(Some(PARTITION_AHEAD_RETRY))
                    .or(Some(PARTITION_AHEAD_RETRY));
                self.next_reader = reader + 1;
                asked += 1;
                continue;
            }
            let removed = self.poll(reader, limits, metrics, &mut scanned)?;
            self.next_reader = if removed { reader } else { reader + 1 };
            asked += 1;
        }
        scanned.has_more |= asked < count;
        Ok(scanned)
    }

    /// Polls one reader; true when it had ended and was removed.
    fn poll(&mut self, reader: usize, limits: PollLimits, metrics: &Metrics, out: &mut Scanned) -> Result<bool, Error> {
        let rows = match self.readers[reader].0.poll(limits)? {
            Polled::Records(records) => self.decode(records, metrics)?,
            Polled::Columns(batch) => self.pick(batch),
            Polled::Idle { retry_after } => {
                self.readers[reader].1.observe_idle();
                out.retry_after = match (out.retry_after, retry_after) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                };
                return Ok(false);
            }
            Polled::End => {
                drop(self.readers.swap_remove(reader));
                return Ok(true);
            }
        };
        let Some((rows, bad)) = rows else { return Ok(false) };
        out.rows += rows.count;
        out.has_more = true;
        if let Some(last) = rows.offsets.values().last() {
            self.next_offsets.insert(rows.partition, last + 1);
        }
        let mut batch = self.batch(rows, bad, metrics)?;
        self.readers[reader].1.observe(&mut batch, self.stream_times);
        add(&metrics.rows_in, batch.num_rows());
        if !batch.is_empty() {
            out.batches.push(batch);
        }
        Ok(false)
    }

    fn decode(
        &mut self,
        mut records: RawRecords,
        metrics: &Metrics,
    ) -> Result<Option<(Rows, Option<BooleanArray>)>, Error> {
        if records.is_empty() {
            return Ok(None);
        }
        let mut bad = Vec::new();
        let window = self.definition.storage.key_window;
        let windows = window.map(|window| WindowBounds::cut_from(&mut records.keys, window, &mut bad));
        let mut decode = |decoder: &mut Option<Box<dyn Decoder>>, bytes: &BytesColumn| match decoder {
            Some(decoder) => {
                let decoded = decoder.decode(bytes);
                bad.extend(decoded.bad);
                decoded.columns
            }
            None => vec![],
        };
        let keys = decode(&mut self.keys, &records.keys);
        let values = decode(&mut self.values, &records.values);
        let keep = if bad.is_empty() {
            None
        } else {
            Some(self.report_bad(bad, &records, metrics)?)
        };
        // Which rows lack an event time is known later, and their letters hold the original bytes.
        let originals = (self.event_time.is_some() && self.dead_letters.is_some()).then(|| records.clone());
        let count = records.len();
        let may_be_gone = self.definition.kind == SourceKind::Table || self.has_value_columns();
        let any_tombstone = may_be_gone && (0..count).any(|row| records.values.is_null(row));
        let tombstones = any_tombstone.then(|| (0..count).map(|row| Some(records.values.is_null(row))).collect());
        let rows = Rows {
            count,
            keys,
            values,
            timestamps: records.timestamps.into(),
            offsets: records.offsets.into(),
            partition: records.partition,
            headers: records.headers,
            windows,
            tombstones,
            originals,
        };
        Ok(Some((rows, keep)))
    }

    fn has_value_columns(&self) -> bool {
        self.definition.value_columns().next().is_some()
    }

    /// Columns of a source that needs no decoding: dealt out to keys and values as the decoders would have done.
    fn pick(&self, batch: ColumnBatch) -> Option<(Rows, Option<BooleanArray>)> {
        let mut plan = DecodePlan::new(&self.definition);
        for (_, position) in &self.columns {
            plan.source(*position, self.definition.query_schema().field(*position).name());
        }
        if let Some((_, position, _)) = &self.event_time {
            plan.source(*position, "");
        }
        let columns = |places: &[usize], chosen: &[usize]| -> Vec<ArrayRef> {
            chosen
                .iter()
                .map(|i| Arc::clone(batch.records.column(places[*i])))
                .collect()
        };
        let rows = Rows {
            count: batch.records.num_rows(),
            keys: columns(&plan.key_places, &plan.keys),
            values: columns(&plan.value_places, &plan.values),
            timestamps: batch.timestamps,
            offsets: batch.offsets,
            partition: batch.partition,
            headers: None,
            windows: None,
            tombstones: None,
            originals: None,
        };
        (rows.count > 0).then_some((rows, None))
    }

    fn batch(&mut self, rows: Rows, keep: Option<BooleanArray>, metrics: &Metrics) -> Result<ChangeBatch, Error> {
        let (event_times, timeless) = match &self.event_time {
            None => (rows.timestamps.clone(), None),
            Some((source, position, event_time)) => {
                let column = self.column(source, *position, &rows, &rows.timestamps);
                event_time.of(&column, &rows.timestamps)?
            }
        };
        let columns = self
            .columns
            .iter()
            .map(|(source, position)| self.column(source, *position, &rows, &event_times))
            .collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.count));
        let weights = rows.tombstones.as_ref().map(|tombstones| {
            let weights = tombstones.iter().map(|dead| i8::from(dead != Some(true)));
            Int8Array::from_iter_values(weights)
        });
        let batch = ChangeBatch {
            records: RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?,
            event_times,
            weights,
            stream_times: None,
        };
        let timeless = timeless
            .map(|mask| self.report_timeless(mask, keep.as_ref(), &rows, metrics))
            .transpose()?;
        let keep = match (keep, timeless) {
            (Some(a), Some(b)) => Some(datafusion::arrow::compute::and(&a, &b)?),
            (a, b) => a.or(b),
        };
        Ok(match keep {
            Some(mask) => batch.filter(&mask)?,
            None => batch,
        })
    }

    fn column(&self, source: &ColumnSource, position: usize, rows: &Rows, event_times: &Int64Array) -> ArrayRef {
        let nulls = || {
            let schema = self.definition.query_schema();
            new_null_array(schema.field(position).data_type(), rows.count)
        };
        match source {
            ColumnSource::Key(number) => Arc::clone(&rows.keys[*number]),
            ColumnSource::Value(number) => Arc::clone(&rows.values[*number]),
            ColumnSource::RowTime => rows.null_where_gone(Arc::new(event_times.clone()), &self.definition),
            ColumnSource::RowPartition => {
                let partitions = Int32Array::from_value(rows.partition, rows.count);
                rows.null_where_gone(Arc::new(partitions), &self.definition)
            }
            ColumnSource::RowOffset => rows.null_where_gone(Arc::new(rows.offsets.clone()), &self.definition),
            ColumnSource::WindowStart => rows.windows.as_ref().map_or_else(nulls, WindowBounds::starts),
            ColumnSource::WindowEnd => rows.windows.as_ref().map_or_else(nulls, WindowBounds::ends),
            ColumnSource::AllHeaders => rows.headers.as_ref().map_or_else(
                || new_null_array(self.schema.field(position).data_type(), rows.count),
                |headers| all_headers(headers),
            ),
            ColumnSource::Headers => rows.headers.as_ref().map_or_else(nulls, |headers| all_headers(headers)),
            ColumnSource::Header(key) => rows
                .headers
                .as_ref()
                .map_or_else(nulls, |headers| last_header(headers, key)),
        }
    }

    /// Counts, logs and routes bad rows; gives the mask of the good ones.
    fn report_bad(
        &mut self,
        mut bad: Vec<BadRow>,
        records: &RawRecords,
        metrics: &Metrics,
    ) -> Result<BooleanArray, Error> {
        bad.sort_by_key(|row| row.row);
        bad.dedup_by_key(|row| row.row);
        let mut keep = vec![true; records.len()];
        for row in &bad {
            keep[row.row as usize] = false;
        }
        let place = |row: &BadRow| (records.partition, records.offsets[row.row as usize]);
        let letters = bad
            .iter()
            .map(|row| dead_letter(records, row, &self.definition.storage.topic));
        let letters: Vec<_> = if self.dead_letters.is_some() {
            letters.collect()
        } else {
            vec![]
        };
        self.bad_records(&bad, place, &letters, metrics)?;
        Ok(keep.into())
    }

    /// Rows without an event time (ksqlDB: a null or negative timestamp) are bad records too; those that `kept` leaves out
    /// were reported before.
    fn report_timeless(
        &mut self,
        keep: BooleanArray,
        kept: Option<&BooleanArray>,
        rows: &Rows,
        metrics: &Metrics,
    ) -> Result<BooleanArray, Error> {
        let reported = |row: usize| kept.is_some_and(|kept| !kept.value(row));
        let missing = (0..keep.len()).filter(|row| !keep.value(*row) && !reported(*row));
        let bad: Vec<BadRow> = missing
            .map(|row| BadRow {
                row: u32::try_from(row).unwrap_or(u32::MAX),
                reason: "the event time is null, negative or not in the declared format".into(),
            })
            .collect();
        let topic = &self.definition.storage.topic;
        let letters: Vec<_> = match &rows.originals {
            Some(originals) => bad.iter().map(|row| dead_letter(originals, row, topic)).collect(),
            None => vec![],
        };
        let place = |row: &BadRow| (rows.partition, rows.offsets.value(row.row as usize));
        let fails = self
            .definition
            .event_time
            .as_ref()
            .is_some_and(|declared| declared.fails);
        if let Some(first) = bad.first().filter(|_| fails) {
            let (partition, offset) = place(first);
            return Err(Error::BadRecord {
                topic: topic.clone(),
                partition,
                offset,
                reason: first.reason.clone(),
            });
        }
        self.bad_records(&bad, place, &letters, metrics)?;
        Ok(keep)
    }

    fn bad_records(
        &mut self,
        bad: &[BadRow],
        place: impl Fn(&BadRow) -> (i32, i64),
        letters: &[RawRecords],
        metrics: &Metrics,
    ) -> Result<(), Error> {
        let topic = &self.definition.storage.topic;
        if self.definition.bad_records == BadRecordPolicy::Fail
            && let Some(first) = bad.first()
        {
            let (partition, offset) = place(first);
            return Err(Error::BadRecord {
                topic: topic.clone(),
                partition,
                offset,
                reason: first.reason.clone(),
            });
        }
        add(&metrics.bad_records, bad.len());
        for row in bad.iter().take(BAD_RECORDS_LOGGED_PER_STEP_MAX) {
            let (partition, offset) = place(row);
            tracing::warn!(%topic, partition, offset, "bad record left out: {}", row.reason);
        }
        if bad.len() > BAD_RECORDS_LOGGED_PER_STEP_MAX {
            tracing::warn!(%topic, "and {} more bad records in the same batch", bad.len() - BAD_RECORDS_LOGGED_PER_STEP_MAX);
        }
        if let Some(sink) = &mut self.dead_letters {
            for letter in letters {
                sink.write(letter)?;
            }
            add(&metrics.dead_letters, letters.len());
        }
        Ok(())
    }
}

/// The original bytes of a bad record, with its place and the reason in headers.
fn dead_letter(records: &RawRecords, bad: &BadRow, topic: &str) -> RawRecords {
    let row = bad.row as usize;
    let mut headers = records
        .headers
        .as_ref()
        .map(|headers| headers[row].clone())
        .unwrap_or_default();
    let mut add_header =
        |name: &str, value: String| headers.push((format!("waterwheel.{name}"), Some(value.into_bytes())));
    add_header("topic", topic.to_owned());
    add_header("partition", records.partition.to_string());
    add_header("offset", records.offsets[row].to_string());
    add_header("reason", bad.reason.clone());
    RawRecords {
        partition: -1,
        keys: std::iter::once(records.keys.get(row)).collect(),
        values: std::iter::once(records.values.get(row)).collect(),
        timestamps: vec![records.timestamps[row]],
        offsets: vec![-1],
        headers: Some(vec![headers]),
    }
}
