//! Reads a Parquet file: the declared columns by name, row group by row group.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{Int64Array, RecordBatch, RecordBatchOptions, new_empty_array};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};

use super::super::{ColumnBatch, Error, PartitionReader, PollLimits, Polled};
use super::conform::{conform, find_field};
use super::{failed, malformed};
use crate::types::Clock;
use crate::types::schema::{Column, arrow_schema};

/// A file whose columns were found to be the declared ones.
#[derive(Debug)]
pub(super) struct ParquetFile {
    path: PathBuf,
    metadata: ArrowReaderMetadata,
    schema: SchemaRef,
    /// For each declared column its place in the file.
    places: Vec<usize>,
}

impl ParquetFile {
    /// Reads the footer and matches the columns.
    pub(super) fn open(path: &Path, columns: &[Column]) -> Result<Self, Error> {
        let file = File::open(path).map_err(|error| failed(path, error))?;
        let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())
            .map_err(|error| malformed(path, format!("is not a readable Parquet file: {error}")))?;
        let schema = arrow_schema(columns);
        let fields = metadata.schema().fields();
        let mut places = Vec::with_capacity(columns.len());
        for wanted in schema.fields() {
            let names = fields.iter().map(|field| field.name().as_str());
            let place = find_field(wanted.name(), names).map_err(|reason| malformed(path, reason))?;
            // An empty column of the file's type shows now whether rows could be cast later.
            conform(
                &new_empty_array(fields[place].data_type()),
                wanted.data_type(),
                wanted.name(),
            )
            .map_err(|reason| malformed(path, reason))?;
            places.push(place);
        }
        Ok(Self {
            path: path.to_owned(),
            metadata,
            schema,
            places,
        })
    }

    /// A reader for share `share.start` of `share.end` shares of the row groups, from row `resume_row` of it on.
    pub(super) fn reader(
        &self,
        partition: i32,
        share: Range<i32>,
        resume_row: i64,
        clock: Arc<dyn Clock>,
    ) -> ParquetReader {
        let groups = self.metadata.metadata().row_groups();
        let bound = |number: i32| groups.len() * number.unsigned_abs() as usize / share.end.unsigned_abs() as usize;
        let row_groups: Vec<usize> = (bound(share.start)..bound(share.start + 1)).collect();
        let rows: i64 = row_groups.iter().map(|group| groups[*group].num_rows()).sum();
        let bytes: i64 = row_groups.iter().map(|group| groups[*group].total_byte_size()).sum();
        ParquetReader {
            path: self.path.clone(),
            metadata: self.metadata.clone(),
            schema: Arc::clone(&self.schema),
            places: self.places.clone(),
            partition,
            bytes_per_row: usize::try_from(bytes / rows.max(1)).unwrap_or(0).max(1),
            row_groups,
            rows,
            next_row: resume_row.clamp(0, rows),
            reader: None,
            held: None,
            clock,
        }
    }
}

/// One share of a file as one partition. Offsets are row numbers in the share.
#[derive(Debug)]
pub(super) struct ParquetReader {
    path: PathBuf,
    metadata: ArrowReaderMetadata,
    schema: SchemaRef,
    places: Vec<usize>,
    partition: i32,
    row_groups: Vec<usize>,
    rows: i64,
    /// Mean size of a decoded row, by the footer.
    bytes_per_row: usize,
    next_row: i64,
    reader: Option<ParquetRecordBatchReader>,
    /// Rows that were decoded and did not fit the last poll.
    held: Option<RecordBatch>,
    clock: Arc<dyn Clock>,
}

impl ParquetReader {
    fn open(&self, batch_rows: usize) -> Result<ParquetRecordBatchReader, Error> {
        let file = File::open(&self.path).map_err(|error| failed(&self.path, error))?;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
        let mask = ProjectionMask::roots(builder.parquet_schema(), self.places.iter().copied());
        builder
            .with_projection(mask)
            .with_row_groups(self.row_groups.clone())
            .with_offset(usize::try_from(self.next_row).unwrap_or(0))
            .with_batch_size(batch_rows)
            .build()
            .map_err(|error| malformed(&self.path, error.to_string()))
    }

    /// The next rows, as the declared columns.
    fn read(&mut self, batch_rows: usize) -> Result<Option<RecordBatch>, Error> {
        if self.reader.is_none() {
            self.reader = Some(self.open(batch_rows)?);
        }
        let Some(read) = self.reader.as_mut().and_then(Iterator::next) else {
            return Ok(None);
        };
        let at = |reason: String| malformed(&self.path, format!("rows from {} on: {reason}", self.next_row));
        let read = read.map_err(|error| at(error.to_string()))?;
        // The reader gives the projected columns in the order of the file, each once.
        let mut in_file = self.places.clone();
        in_file.sort_unstable();
        in_file.dedup();
        let columns = self
            .places
            .iter()
            .zip(self.schema.fields())
            .map(|(place, wanted)| {
                let position = in_file.partition_point(|other| other < place);
                conform(read.column(position), wanted.data_type(), wanted.name())
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(at)?;
        let options = RecordBatchOptions::new().with_row_count(Some(read.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .map(Some)
            .map_err(|error| at(error.to_string()))
    }
}

impl PartitionReader for ParquetReader {
    fn partition(&self) -> i32 {
        self.partition
    }

    fn poll(&mut self, limits: PollLimits) -> Result<Polled, Error> {
        if self.next_row >= self.rows {
            self.reader = None;
            return Ok(Polled::End);
        }
        let rows_max = limits.rows_max.min(limits.bytes_max / self.bytes_per_row).max(1);
        let batch = match self.held.take() {
            Some(held) => held,
            None => match self.read(rows_max)? {
                Some(read) => read,
                None => {
                    return Err(malformed(
                        &self.path,
                        format!("ends at row {} of {}", self.next_row, self.rows),
                    ));
                }
            },
        };
        let rows = batch.num_rows().min(rows_max);
        if rows < batch.num_rows() {
            self.held = Some(batch.slice(rows, batch.num_rows() - rows));
        }
        let first = self.next_row;
        self.next_row += rows as i64;
        Ok(Polled::Columns(ColumnBatch {
            partition: self.partition,
            records: batch.slice(0, rows),
            timestamps: Int64Array::from_value(self.clock.now_ms(), rows),
            offsets: Int64Array::from_iter_values(first..self.next_row),
        }))
    }

    fn lag(&self) -> Option<u64> {
        u64::try_from(self.rows - self.next_row).ok()
    }
}
