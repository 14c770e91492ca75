//! Lets the rows of a stream and the changes of a table take effect in the order of their times, before they are joined.
//!
//! A row of the stream shall meet the table as it was at the row's time, whatever the size of a step, and whichever side was read
//! faster. So rows of both sides wait here until no earlier row of the other side can come:
//!
//! - The time of a row is its stream time: the largest event time of its partition up to it. So rows of a partition keep their
//!   order, and with it rows of one key. (Kafka Streams takes the partition whose next record is the earliest.)
//! - A change of the table goes before a row of the stream of the same time.
//! - A side whose partitions have nothing to give now is not waited for.
//!
//! Not here: the join itself, and that a side which is ahead is not read further meanwhile, which the scans see to.

use std::collections::VecDeque;
use std::sync::Arc;

use datafusion::arrow::array::{Int64Array, UInt32Array};
use datafusion::arrow::datatypes::SchemaRef;

use super::Side;
use super::durable::WAITING;
use super::stream_table::StreamTableJoin;
use crate::operator::{Error, Operator, Progress};
use crate::state::{Changes, Entry, Reader, RowCodec, Writer};
use crate::types::ChangeBatch;

/// A join of a stream (port 0) with a table (port 1), in the order of their times.
#[derive(Debug)]
pub struct InTime {
    join: StreamTableJoin,
    stream: Waiting,
    table: Waiting,
}

impl InTime {
    /// `stream` and `table` are the schemas of the inputs.
    #[must_use]
    pub fn new(join: StreamTableJoin, stream: SchemaRef, table: SchemaRef) -> Self {
        Self {
            join,
            stream: Waiting::new(stream),
            table: Waiting::new(table),
        }
    }

    /// The join itself.
    pub(super) fn join_mut(&mut self) -> &mut StreamTableJoin {
        &mut self.join
    }

    /// The rows of each side that wait, all of them again where any has changed.
    pub(super) fn save_sides(&mut self, changes: &mut Changes) -> Result<(), Error> {
        self.stream.save(0, changes)?;
        self.table.save(1, changes)
    }

    /// Takes back what [`InTime::save_sides`] gave of one side.
    pub(super) fn load_side(&mut self, (key, value): &Entry) -> Result<(), Error> {
        match key.get(1) {
            Some(0) => self.stream.load(value),
            _ => self.table.load(value),
        }
    }
}

impl Operator for InTime {
    fn push(&mut self, port: usize, changes: ChangeBatch, _out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        match Side::of_port(port) {
            Side::Left => self.stream.add(changes),
            Side::Right => self.table.add(changes),
        }
    }

    fn advance(&mut self, progress: Progress, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        loop {
            let (row, change) = (self.stream.first(), self.table.first());
            match (row, change) {
                // No row of the stream before the change can come any more.
                (_, Some(change)) if row.is_none_or(|row| change <= row) && change <= progress.left => {
                    let last = row.unwrap_or(i64::MAX).min(progress.left);
                    if let Some(changes) = self.table.take_until(last) {
                        self.join.push(1, changes, out)?;
                    }
                }
                // No change of the table up to the row's time can come any more.
                (Some(row), _) if change.is_none_or(|change| row < change) && row < progress.right => {
                    let end = change.unwrap_or(i64::MAX).min(progress.right);
                    if let Some(changes) = self.stream.take_until(end.saturating_sub(1)) {
                        self.join.push(0, changes, out)?;
                    }
                }
                _ => break,
            }
        }
        self.join.advance(progress, out)
    }

    fn state_bytes(&self) -> usize {
        self.join.state_bytes() + self.stream.bytes() + self.table.bytes()
    }
}

/// The rows of one side that wait, in the order of their times.
#[derive(Debug)]
struct Waiting {
    schema: SchemaRef,
    /// Each in order, none empty, and none begins before the one ahead of it ends.
    batches: VecDeque<ChangeBatch>,
    /// Whether rows were saved that may be here no more.
    was_saved: bool,
}

/// The times of a batch's rows. Rows of a source that has no stream times count by their own.
fn times(changes: &ChangeBatch) -> &Int64Array {
    changes.stream_times.as_ref().unwrap_or(&changes.event_times)
}

impl Waiting {
    fn new(schema: SchemaRef) -> Self {
        Self {
            schema,
            batches: VecDeque::new(),
            was_saved: false,
        }
    }

    fn add(&mut self, changes: ChangeBatch) -> Result<(), Error> {
        if changes.is_empty() {
            return Ok(());
        }
        let changes = in_order(changes)?;
        let first = times(&changes).value(0);
        let ends_before = |batch: &ChangeBatch| times(batch).value(batch.num_rows() - 1) <= first;
        let clear = self.batches.partition_point(ends_before);
        let mut overlapping: Vec<ChangeBatch> = self.batches.drain(clear..).collect();
        let merged = if overlapping.is_empty() {
            changes
        } else {
            overlapping.push(changes);
            in_order(ChangeBatch::concat(&self.schema, &overlapping)?)?
        };
        self.batches.push_back(merged);
        Ok(())
    }

    /// The time of the first row.
    fn first(&self) -> Option<i64> {
        self.batches.front().map(|batch| times(batch).value(0))
    }

    /// The first rows up to this time, as many as stand in one batch.
    fn take_until(&mut self, last: i64) -> Option<ChangeBatch> {
        let batch = self.batches.front_mut()?;
        let rows = times(batch).values().partition_point(|time| *time <= last);
        if rows == batch.num_rows() {
            return self.batches.pop_front();
        }
        let taken = batch.slice(0, rows);
        *batch = batch.slice(rows, batch.num_rows() - rows);
        (rows > 0).then_some(taken)
    }

    /// One entry: for each row its times (the stream time where there is one), its weight, and the row.
    fn save(&mut self, side: u8, changes: &mut Changes) -> Result<(), Error> {
        let key = [WAITING, side];
        if self.batches.is_empty() {
            if std::mem::take(&mut self.was_saved) {
                changes.delete(&key);
            }
            return Ok(());
        }
        let codec = RowCodec::new(Arc::clone(&self.schema))?;
        let mut value = Writer::new();
        for batch in &self.batches {
            let rows = codec.encode(batch.records.columns())?;
            for row in 0..batch.num_rows() {
                let stream_time = batch.stream_times.as_ref().map(|times| times.value(row));
                value.number(batch.event_times.value(row));
                value.byte(u8::from(stream_time.is_some()));
                value.number(stream_time.unwrap_or_default());
                value.number(i64::from(batch.weight(row)));
                value.bytes(rows.as_ref().map_or(&[], |rows| rows.row(row).data()));
            }
        }
        changes.put(&key, value.written());
        self.was_saved = true;
        Ok(())
    }

    fn load(&mut self, value: &[u8]) -> Result<(), Error> {
        let mut value = Reader::new(value)?;
        let (mut rows, mut times, mut stream_times, mut weights) = (vec![], vec![], vec![], vec![]);
        let mut has_stream_times = true;
        while !value.is_at_end() {
            times.push(value.number()?);
            has_stream_times &= value.byte()? == 1;
            stream_times.push(value.number()?);
            weights.push(i8::try_from(value.number()?).unwrap_or_default());
            rows.push(value.bytes()?);
        }
        let codec = RowCodec::new(Arc::clone(&self.schema))?;
        self.was_saved = true;
        self.add(ChangeBatch {
            records: codec.decode(&rows)?,
            event_times: times.into(),
            weights: Some(weights.into()),
            stream_times: has_stream_times.then(|| stream_times.into()),
        })
    }

    fn bytes(&self) -> usize {
        self.batches
            .iter()
            .map(|batch| batch.records.get_array_memory_size())
            .sum()
    }
}

/// The rows in the order of their times; rows of one time stay as they are.
fn in_order(changes: ChangeBatch) -> Result<ChangeBatch, Error> {
    let values = times(&changes).values();
    if values.is_sorted() {
        return Ok(changes);
    }
    let mut rows: Vec<u32> = (0u32..).take(changes.num_rows()).collect();
    rows.sort_by_key(|row| values[*row as usize]);
    Ok(changes.take(&UInt32Array::from(rows))?)
}
