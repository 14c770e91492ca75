//! Writes a Parquet file.
//!
//! A Parquet file is readable only when it is complete, so of a file for the whole query a flush makes nothing visible or durable; with a file for
//! each epoch, a flush completes it. Of an update only the new row is written, as to a topic; a delete cannot be written.

use std::sync::Arc;

use datafusion::arrow::array::{BooleanArray, Int8Array, RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::Compression;
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::properties::WriterProperties;
use hashbrown::HashSet;

use super::super::{ColumnSink, Error};
use super::malformed;
use super::output::Output;
use super::outputs::Outputs;
use crate::types::ChangeBatch;
use crate::types::schema::{Column, ColumnRole, arrow_schema};

/// Bytes of unwritten columns at which a row group is closed.
const ROW_GROUP_BYTES_MAX: usize = 64 << 20;

/// Files of declared columns.
#[derive(Debug)]
pub(super) struct ParquetSink {
    outputs: Outputs,
    schema: SchemaRef,
    properties: WriterProperties,
    /// Positions of the key columns.
    keys: Vec<usize>,
    /// `None` where an epoch has no rows yet, and once closed.
    writer: Option<ArrowWriter<Output>>,
    /// The complete file of an epoch that does not count yet.
    stored: Option<Output>,
    closed: bool,
}

impl ParquetSink {
    pub(super) fn new(outputs: Outputs, columns: &[Column], compression: Compression) -> Result<Self, Error> {
        let schema = arrow_schema(columns);
        let properties = WriterProperties::builder()
            .set_compression(compression)
            .set_created_by("waterwheel".to_owned())
            .build();
        // Whether these columns can be written is found out now, and not by the first row.
        ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties.clone()))
            .map_err(|error| unwritable(outputs.path(), &error))?;
        let keys = columns
            .iter()
            .enumerate()
            .filter(|(_, column)| column.role == ColumnRole::Key)
            .map(|(position, _)| position)
            .collect();
        let mut sink = Self {
            outputs,
            schema,
            properties,
            keys,
            writer: None,
            stored: None,
            closed: false,
        };
        if !sink.outputs.has_epochs() {
            // The file of a whole query is there even when it has no rows.
            sink.writer = Some(sink.begin()?);
        }
        Ok(sink)
    }

    fn begin(&self) -> Result<ArrowWriter<Output>, Error> {
        let (schema, properties) = (Arc::clone(&self.schema), self.properties.clone());
        ArrowWriter::try_new(self.outputs.create()?, schema, Some(properties))
            .map_err(|error| write_error(self.outputs.path(), error))
    }

    /// Completes the file that is being written.
    fn complete(&mut self) -> Result<Option<Output>, Error> {
        let complete = self.writer.take().map(ArrowWriter::into_inner).transpose();
        complete.map_err(|error| write_error(self.outputs.path(), error))
    }

    /// The rows to write: the inserted ones, where each retracted one is the old row of an update.
    fn inserted(&self, records: RecordBatch, weights: &Int8Array) -> Result<RecordBatch, Error> {
        if weights.values().iter().all(|weight| *weight > 0) {
            return Ok(records);
        }
        let bad = |reason: String| malformed(self.outputs.path(), reason);
        let fields = self
            .keys
            .iter()
            .map(|key| SortField::new(self.schema.field(*key).data_type().clone()))
            .collect();
        let keys: Vec<_> = self.keys.iter().map(|key| Arc::clone(records.column(*key))).collect();
        let rows = RowConverter::new(fields)
            .and_then(|converter| converter.convert_columns(&keys))
            .map_err(|error| bad(error.to_string()))?;
        let mut renewed = HashSet::new();
        for (row, weight) in weights.values().iter().enumerate().rev() {
            let is_known = !self.keys.is_empty();
            if *weight > 0 && is_known {
                renewed.insert(rows.row(row));
            } else if *weight <= 0 && !(is_known && renewed.contains(&rows.row(row))) {
                return Err(bad(
                    "a row was taken back, and a file cannot forget: send this table to a topic, or use EMIT FINAL"
                        .to_owned(),
                ));
            }
        }
        let mask: BooleanArray = weights.values().iter().map(|weight| Some(*weight > 0)).collect();
        filter_record_batch(&records, &mask).map_err(|error| bad(error.to_string()))
    }
}

impl ColumnSink for ParquetSink {
    fn write(&mut self, changes: &ChangeBatch) -> Result<(), Error> {
        // The columns are told by position; the plan may name them otherwise.
        let options = RecordBatchOptions::new().with_row_count(Some(changes.num_rows()));
        let records =
            RecordBatch::try_new_with_options(Arc::clone(&self.schema), changes.records.columns().to_vec(), &options)
                .map_err(|error| {
                malformed(
                    self.outputs.path(),
                    format!("rows do not fit the declared columns: {error}"),
                )
            })?;
        let records = match &changes.weights {
            Some(weights) => self.inserted(records, weights)?,
            None => records,
        };
        if self.closed {
            return Err(malformed(self.outputs.path(), "was closed already"));
        }
        if self.writer.is_none() {
            self.writer = Some(self.begin()?);
        }
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        writer
            .write(&records)
            .and_then(|()| {
                if writer.in_progress_size() > ROW_GROUP_BYTES_MAX {
                    writer.flush()
                } else {
                    Ok(())
                }
            })
            .map_err(|error| write_error(self.outputs.path(), error))
    }

    fn flush(&mut self) -> Result<(), Error> {
        if self.outputs.has_epochs()
            && let Some(mut output) = self.complete()?
        {
            output.sync()?;
            self.stored = Some(output);
        }
        Ok(())
    }

    fn publish(&mut self, epoch: u64) -> Result<(), Error> {
        if self.outputs.has_epochs() {
            self.outputs.publish(self.stored.take(), epoch)?;
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), Error> {
        self.closed = true;
        match (self.complete()?, self.outputs.has_epochs()) {
            (Some(mut output), false) => output.finish(),
            // What has not been published belongs to no epoch.
            (Some(output), true) => output.discard(),
            (None, _) => Ok(()),
        }
    }
}

fn unwritable(path: &std::path::Path, error: &ParquetError) -> Error {
    malformed(path, format!("these columns cannot be written as Parquet: {error}"))
}

/// A full disk is the disk's fault, all else the rows'.
fn write_error(path: &std::path::Path, error: ParquetError) -> Error {
    match error {
        ParquetError::External(cause) => match cause.downcast::<std::io::Error>() {
            Ok(error) => super::failed(path, *error),
            Err(cause) => malformed(path, cause.to_string()),
        },
        other => malformed(path, other.to_string()),
    }
}
