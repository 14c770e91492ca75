//! The end of a pipeline in one shard: encodes rows and hands them to a connector, or gives them to a push query's reader.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, unbounded};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use datafusion::arrow::datatypes::Int64Type;

use super::Error;
use super::headers::headers_of;
use super::key_window::append_bounds;
use crate::catalog::Definition;
use crate::connector::{self, ColumnSink, Sink};
use crate::format::{self, Encoder};
use crate::types::limits::PUSH_QUERY_BATCHES_MAX;
use crate::types::schema::{Column, ColumnRole};
use crate::types::storage::{KeyWindow, SourceKind};
use crate::types::{BytesColumn, ChangeBatch, RawRecords};

/// The sink of one shard.
#[derive(Debug)]
pub enum ShardSink {
    /// Rows are encoded first.
    Records(RecordWriter),
    /// Rows are taken as columns.
    Columns(Box<dyn ColumnSink>),
}

/// What becomes of a key of which every column is NULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NullKeys {
    /// The record has no key, as the one that it came from.
    NoKey,
    /// A key of several columns is written with its NULLs: PARTITION BY has made one (ksqlDB: `PartitionByParamsFactory`).
    Written,
}

/// Encodes rows as records of a stream or table.
#[derive(Debug)]
pub struct RecordWriter {
    keys: (Vec<usize>, Box<dyn Encoder>),
    values: (Vec<usize>, Box<dyn Encoder>),
    sink: Box<dyn connector::RecordSink>,
    records: RawRecords,
    kind: SourceKind,
    /// What keys become of which every column is NULL.
    null_keys: NullKeys,
    /// The last column holds the headers of the records.
    has_headers: bool,
    /// The window of the key, whose bounds are the two columns from this position on.
    window: Option<(KeyWindow, usize)>,
}

impl ShardSink {
    /// A sink for rows whose columns are the definition's writable ones, in order.
    ///
    /// # Errors
    /// When a format cannot carry the columns.
    pub fn new(definition: &Definition, sink: Sink) -> Result<Self, Error> {
        let sink = match sink {
            Sink::Records(sink) => sink,
            Sink::Columns(sink) => return Ok(Self::Columns(sink)),
        };
        let columns: Vec<&Column> = definition.writable_columns().collect();
        let part = |role: &ColumnRole, spec| -> Result<(Vec<usize>, Box<dyn Encoder>), Error> {
            let positions: Vec<usize> = (0..columns.len())
                .filter(|i| definition.stored_role(columns[*i]) == *role)
                .collect();
            let own: Vec<Column> = positions.iter().map(|i| columns[*i].clone()).collect();
            Ok((positions, format::encoder(spec, &own)?))
        };
        Ok(Self::Records(RecordWriter {
            keys: part(&ColumnRole::Key, &definition.storage.key_format)?,
            values: part(&ColumnRole::Value, &definition.storage.value_format)?,
            sink,
            records: RawRecords::default(),
            kind: definition.kind,
            null_keys: NullKeys::NoKey,
            has_headers: false,
            window: definition.storage.key_window.map(|window| (window, columns.len())),
        }))
    }

    /// The same with another rule for keys of which every column is NULL.
    #[must_use]
    pub fn with_null_keys(mut self, null_keys: NullKeys) -> Self {
        if let Self::Records(writer) = &mut self {
            writer.null_keys = null_keys;
        }
        self
    }

    /// The same for rows whose last column holds the headers of the records.
    #[must_use]
    pub fn with_headers(mut self) -> Self {
        if let Self::Records(writer) = &mut self {
            writer.has_headers = true;
        }
        self
    }

    /// Writes a batch.
    ///
    /// # Errors
    /// When a value does not fit the format, or the sink refuses.
    pub fn write(&mut self, changes: &ChangeBatch) -> Result<(), Error> {
        match self {
            Self::Records(writer) => writer.write(changes),
            Self::Columns(sink) => Ok(sink.write(changes)?),
        }
    }

    /// Waits until all that was written is durable.
    ///
    /// # Errors
    /// When anything was not stored.
    pub fn flush(&mut self) -> Result<(), Error> {
        match self {
            Self::Records(writer) => Ok(writer.sink.flush()?),
            Self::Columns(sink) => Ok(sink.flush()?),
        }
    }

    /// What was flushed counts, as this epoch.
    ///
    /// # Errors
    /// When it cannot be made visible.
    pub fn publish(&mut self, epoch: u64) -> Result<(), Error> {
        match self {
            Self::Records(writer) => Ok(writer.sink.publish(epoch)?),
            Self::Columns(sink) => Ok(sink.publish(epoch)?),
        }
    }

    /// Flushes and ends the output.
    ///
    /// # Errors
    /// As [`ShardSink::flush`].
    pub fn close(&mut self) -> Result<(), Error> {
        match self {
            Self::Records(writer) => Ok(writer.sink.close()?),
            Self::Columns(sink) => Ok(sink.close()?),
        }
    }
}

impl RecordWriter {
    fn write(&mut self, changes: &ChangeBatch) -> Result<(), Error> {
        if self.kind == SourceKind::Table
            && changes.weights.is_some()
            && let Some(standing) = self.without_replaced_rows(changes)?
        {
            return self.write_records(&changes.filter(&standing)?);
        }
        self.write_records(changes)
    }

    /// The mask of the rows that become records of a table: not old rows that their new ones, which follow at once, replace under
    /// the same key. `None` where all rows do. A session's old row stays, for ksqlDB writes a tombstone for it even when the new
    /// one has the same bounds.
    fn without_replaced_rows(&mut self, changes: &ChangeBatch) -> Result<Option<BooleanArray>, Error> {
        if matches!(self.window, Some((KeyWindow::Session, _))) {
            return Ok(None);
        }
        let keys = self.encoded_keys(changes)?;
        let rows = changes.num_rows();
        let is_replaced = |row: usize| {
            row + 1 < rows
                && changes.weight(row) < 0
                && changes.weight(row + 1) > 0
                && keys.get(row) == keys.get(row + 1)
        };
        let standing: Vec<bool> = (0..rows).map(|row| !is_replaced(row)).collect();
        Ok(standing.contains(&false).then(|| standing.into()))
    }

    fn encoded_keys(&mut self, changes: &ChangeBatch) -> Result<BytesColumn, Error> {
        let rows = changes.num_rows();
        let columns: Vec<ArrayRef> = (self.keys.0.iter())
            .map(|i| Arc::clone(changes.records.column(*i)))
            .collect();
        let null_keys = all_null(&columns, rows, self.null_keys);
        let mut keys = BytesColumn::new();
        self.keys.1.encode(&columns, rows, null_keys.as_ref(), &mut keys)?;
        Ok(match self.window {
            None => keys,
            Some((window, first)) => {
                let bound = |position: usize| changes.records.column(position).as_primitive::<Int64Type>();
                append_bounds(&keys, window, bound(first), bound(first + 1))
            }
        })
    }

    fn write_records(&mut self, changes: &ChangeBatch) -> Result<(), Error> {
        let rows = changes.num_rows();
        let windowed_keys = match self.window {
            Some(_) => Some(self.encoded_keys(changes)?),
            None => None,
        };
        let pick = |positions: &[usize]| -> Vec<ArrayRef> {
            positions
                .iter()
                .map(|i| Arc::clone(changes.records.column(*i)))
                .collect()
        };
        let records = &mut self.records;
        records.keys.clear();
        records.values.clear();
        if let Some(keys) = windowed_keys {
            records.keys = keys;
        } else {
            let keys = pick(&self.keys.0);
            let null_keys = all_null(&keys, rows, self.null_keys);
            self.keys.1.encode(&keys, rows, null_keys.as_ref(), &mut records.keys)?;
        }
        let tombstones = changes.weights.as_ref().map(|weights| {
            weights
                .values()
                .iter()
                .map(|weight| Some(*weight <= 0))
                .collect::<BooleanArray>()
        });
        let values = pick(&self.values.0);
        self.values
            .1
            .encode(&values, rows, tombstones.as_ref(), &mut records.values)?;
        records.timestamps.clear();
        records.timestamps.extend_from_slice(changes.event_times.values());
        records.offsets.clear();
        records.offsets.resize(rows, -1);
        let headers = changes.records.columns().last().filter(|_| self.has_headers);
        records.headers = headers.and_then(headers_of);
        Ok(self.sink.write(records)?)
    }
}

/// True for rows in which every key column is null: their records have no key. `None` where there is no such row.
fn all_null(keys: &[ArrayRef], rows: usize, null_keys: NullKeys) -> Option<BooleanArray> {
    if null_keys == NullKeys::Written && keys.len() > 1 {
        return None;
    }
    if keys.is_empty() || keys.iter().any(|column| column.null_count() == 0) {
        return None;
    }
    let mask: BooleanArray = (0..rows)
        .map(|row| Some(keys.iter().all(|column| column.is_null(row))))
        .collect();
    (mask.true_count() > 0).then_some(mask)
}

/// What the reader of a push query holds.
#[derive(Debug, Clone)]
pub struct ChangeReceiver {
    /// The batches in the order in which the shards gave them; ends when the query has ended.
    pub batches: Receiver<ChangeBatch>,
}

/// The writing end of a push query; each shard has a clone.
#[derive(Debug, Clone)]
pub struct ChangeSender {
    batches: Sender<ChangeBatch>,
}

/// A pair for a push query.
#[must_use]
pub fn change_channel() -> (ChangeSender, ChangeReceiver) {
    // Not bounded by itself: a full channel would hold up a worker thread. The pipeline asks `is_full` before each step.
    let (sender, receiver) = unbounded();
    (ChangeSender { batches: sender }, ChangeReceiver { batches: receiver })
}

impl ChangeSender {
    /// True when the reader is so far behind that the pipeline must wait.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.batches.len() >= PUSH_QUERY_BATCHES_MAX
    }
}

impl ColumnSink for ChangeSender {
    fn write(&mut self, changes: &ChangeBatch) -> Result<(), connector::Error> {
        // Nobody reads any more: the query is about to be stopped.
        let _ = self.batches.send(changes.clone());
        Ok(())
    }

    fn flush(&mut self) -> Result<(), connector::Error> {
        Ok(())
    }

    fn close(&mut self) -> Result<(), connector::Error> {
        Ok(())
    }
}
