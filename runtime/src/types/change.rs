//! The one thing that flows between operators: a batch of changes.
//!
//! An update of a table is two neighbouring rows: the old one with weight -1, then the new one with weight +1. A row of weight 0
//! is no row: a record whose value is null, of which only the key columns mean something.

use datafusion::arrow::array::{
    Array, BooleanArray, Int8Array, Int64Array, RecordBatch, RecordBatchOptions, UInt32Array,
};
use datafusion::arrow::compute::{concat, concat_batches, filter, filter_record_batch, take, take_record_batch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;

/// Rows with, beside them, their event times and weights.
///
/// `records` has the schema of the plan node that gave it. The event time travels beside the columns because every
/// sink needs it and no projection may lose it.
#[derive(Debug, Clone)]
pub struct ChangeBatch {
    /// The columns.
    pub records: RecordBatch,
    /// Event time of each row, milliseconds since the epoch (ksqlDB: `ROWTIME`). Never null.
    pub event_times: Int64Array,
    /// +1 inserted, -1 retracted, 0 no row (a null record); absent means all +1, the append-only fast path.
    pub weights: Option<Int8Array>,
    /// For each row the largest event time seen so far on the source partition that it came from, itself included, milliseconds
    /// since the epoch. Present when a window or a stream join of the dataflow asks for it. Never null.
    pub stream_times: Option<Int64Array>,
}

impl ChangeBatch {
    /// Rows that are all inserted.
    #[must_use]
    pub fn inserted(records: RecordBatch, event_times: Int64Array) -> Self {
        Self {
            records,
            event_times,
            weights: None,
            stream_times: None,
        }
    }

    /// The weight of a row.
    #[must_use]
    pub fn weight(&self, row: usize) -> i8 {
        self.weights.as_ref().map_or(1, |weights| weights.value(row))
    }

    /// Number of changes.
    #[must_use]
    pub fn num_rows(&self) -> usize {
        self.records.num_rows()
    }

    /// True when there is no change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.num_rows() == 0
    }

    /// The changes where `mask` is true; null counts as false.
    ///
    /// # Errors
    /// When `mask` is not as long as the batch.
    pub fn filter(&self, mask: &BooleanArray) -> Result<Self, ArrowError> {
        Ok(Self {
            records: filter_record_batch(&self.records, mask)?,
            event_times: cast(&*filter(&self.event_times, mask)?),
            weights: self
                .weights
                .as_ref()
                .map(|w| filter(w, mask))
                .transpose()?
                .map(|w| cast_weights(&*w)),
            stream_times: self
                .stream_times
                .as_ref()
                .map(|times| filter(times, mask))
                .transpose()?
                .map(|times| cast(&*times)),
        })
    }

    /// The changes at `rows`, in that order.
    ///
    /// # Errors
    /// When a row is out of range.
    pub fn take(&self, rows: &UInt32Array) -> Result<Self, ArrowError> {
        Ok(Self {
            records: take_rows(&self.records, rows)?,
            event_times: cast(&*take(&self.event_times, rows, None)?),
            weights: self
                .weights
                .as_ref()
                .map(|w| take(w, rows, None))
                .transpose()?
                .map(|w| cast_weights(&*w)),
            stream_times: self
                .stream_times
                .as_ref()
                .map(|times| take(times, rows, None))
                .transpose()?
                .map(|times| cast(&*times)),
        })
    }

    /// All changes of several batches of one schema, in order.
    ///
    /// # Errors
    /// When the batches have different schemas.
    pub fn concat(schema: &SchemaRef, batches: &[Self]) -> Result<Self, ArrowError> {
        let times: Vec<&dyn Array> = batches.iter().map(|batch| &batch.event_times as &dyn Array).collect();
        let weights = batches.iter().any(|batch| batch.weights.is_some()).then(|| {
            let rows = batches
                .iter()
                .flat_map(|batch| (0..batch.num_rows()).map(|row| batch.weight(row)));
            Int8Array::from_iter_values(rows)
        });
        let stream_times = batches
            .iter()
            .map(|batch| batch.stream_times.as_ref().map(|times| times as &dyn Array))
            .collect::<Option<Vec<_>>>();
        Ok(Self {
            records: concat_batches(schema, batches.iter().map(|batch| &batch.records))?,
            event_times: cast(&*concat(&times)?),
            weights,
            stream_times: match stream_times {
                Some(times) if !times.is_empty() => Some(cast(&*concat(&times)?)),
                _ => None,
            },
        })
    }

    /// True for real rows, false for rows of weight 0; `None` where all are real.
    #[must_use]
    pub fn rows_mask(&self) -> Option<BooleanArray> {
        let weights = self.weights.as_ref()?;
        weights
            .values()
            .contains(&0)
            .then(|| weights.values().iter().map(|weight| Some(*weight != 0)).collect())
    }

    /// The inserted rows alone.
    ///
    /// # Errors
    /// Never in practice: the mask is made for the batch.
    pub fn without_retractions(self) -> Result<Self, ArrowError> {
        let Some(weights) = &self.weights else { return Ok(self) };
        let inserted: BooleanArray = weights.values().iter().map(|weight| Some(*weight > 0)).collect();
        let mut kept = self.filter(&inserted)?;
        kept.weights = None;
        Ok(kept)
    }

    /// `length` changes from `offset` on, without copying.
    #[must_use]
    pub fn slice(&self, offset: usize, length: usize) -> Self {
        Self {
            records: self.records.slice(offset, length),
            event_times: self.event_times.slice(offset, length),
            weights: self.weights.as_ref().map(|w| w.slice(offset, length)),
            stream_times: self.stream_times.as_ref().map(|times| times.slice(offset, length)),
        }
    }
}

/// The rows of a batch, which need not have a column.
fn take_rows(records: &RecordBatch, rows: &UInt32Array) -> Result<RecordBatch, ArrowError> {
    if records.num_columns() > 0 {
        return take_record_batch(records, rows);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(records.schema(), vec![], &options)
}

fn cast(array: &dyn datafusion::arrow::array::Array) -> Int64Array {
    datafusion::arrow::array::cast::AsArray::as_primitive::<datafusion::arrow::datatypes::Int64Type>(array).clone()
}

fn cast_weights(array: &dyn datafusion::arrow::array::Array) -> Int8Array {
    datafusion::arrow::array::cast::AsArray::as_primitive::<datafusion::arrow::datatypes::Int8Type>(array).clone()
}
