//! Puts joined rows together: left columns, then right columns, and what lies beside them.

use std::sync::Arc;

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, Int8Array, RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::interleave;
use datafusion::arrow::datatypes::SchemaRef;

use super::kept_rows::{KeptRows, RowRef, Times};
use crate::operator::{Error, Expression, RowErrors};
use crate::types::ChangeBatch;

/// What joined rows look like, and which of them count.
#[derive(Debug)]
pub(crate) struct Output {
    schema: SchemaRef,
    /// Beside equal keys this must be true for two rows to match.
    filter: Option<Expression>,
    errors: Arc<RowErrors>,
}

/// Pairs of rows of both sides; [`RowRef::NONE`] where a side has none.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    pub(crate) left: Vec<RowRef>,
    pub(crate) right: Vec<RowRef>,
}

impl Pairs {
    pub(crate) fn push(&mut self, left: RowRef, right: RowRef) {
        self.left.push(left);
        self.right.push(right);
    }

    pub(crate) fn len(&self) -> usize {
        self.left.len()
    }
}

impl Output {
    pub(crate) fn new(schema: SchemaRef, filter: Option<Expression>, errors: Arc<RowErrors>) -> Self {
        Self { schema, filter, errors }
    }

    /// Whether something beyond equal keys is asked for.
    pub(crate) fn has_filter(&self) -> bool {
        self.filter.is_some()
    }

    fn records(&self, mut left: Vec<ArrayRef>, right: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch, Error> {
        left.extend(right);
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(
            Arc::clone(&self.schema),
            left,
            &options,
        )?)
    }

    /// Which of the pairs match beyond their keys; `None` when all do. A pair on which the filter fails or is NULL does not.
    pub(crate) fn matches(
        &self,
        pairs: &Pairs,
        left: &mut KeptRows,
        right: &mut KeptRows,
    ) -> Result<Option<BooleanArray>, Error> {
        let Some(filter) = &self.filter else { return Ok(None) };
        if pairs.len() == 0 {
            return Ok(None);
        }
        let records = self.records(
            left.gather(&pairs.left, None)?,
            right.gather(&pairs.right, None)?,
            pairs.len(),
        )?;
        let values = filter.evaluate(&records, &self.errors)?.array;
        Ok(Some(values.as_boolean().clone()))
    }

    /// The pairs as inserted rows. The event time and the stream time of a row are the later ones of its sides.
    pub(crate) fn inserted(
        &self,
        pairs: &Pairs,
        left: &mut KeptRows,
        right: &mut KeptRows,
    ) -> Result<ChangeBatch, Error> {
        let mut times = Times::earliest(pairs.len());
        let columns = left.gather(&pairs.left, Some(&mut times))?;
        let others = right.gather(&pairs.right, Some(&mut times))?;
        Ok(ChangeBatch {
            records: self.records(columns, others, pairs.len())?,
            event_times: times.event.into(),
            weights: None,
            stream_times: Some(times.stream.into()),
        })
    }
}

/// Rows of a joined table under construction: a changelog.
#[derive(Debug, Default)]
pub(crate) struct Changelog {
    pub(crate) pairs: Pairs,
    weights: Vec<i8>,
    times: Times,
    /// Rows of weight 0, with the row of the batch in work whose key they have.
    tombstones: Vec<(usize, usize)>,
}

/// Where the key of a batch in work stands among the joined columns.
#[derive(Debug)]
pub(crate) struct KeyPlaces<'a> {
    /// The key columns of the batch.
    pub(crate) keys: &'a [ArrayRef],
    /// For each joined column that is a key column: it, and which one.
    pub(crate) places: &'a [(usize, usize)],
}

impl Changelog {
    /// Appends a row of weight `weight`, of these times in milliseconds.
    pub(crate) fn push(&mut self, (left, right): (RowRef, RowRef), weight: i8, (event, stream): (i64, i64)) {
        self.pairs.push(left, right);
        self.weights.push(weight);
        self.times.event.push(event);
        self.times.stream.push(stream);
    }

    /// Appends a row of weight 0 with the key of row `row` of the batch in work.
    pub(crate) fn push_tombstone(&mut self, pair: (RowRef, RowRef), row: usize, times: (i64, i64)) {
        self.tombstones.push((self.weights.len(), row));
        self.push(pair, 0, times);
    }

    /// The changelog as a batch; `None` when it is empty.
    pub(crate) fn finish(
        self,
        output: &Output,
        left: &mut KeptRows,
        right: &mut KeptRows,
        keys: &KeyPlaces<'_>,
        has_stream_times: bool,
    ) -> Result<Option<ChangeBatch>, Error> {
        let rows = self.pairs.len();
        if rows == 0 {
            return Ok(None);
        }
        let mut columns = left.gather(&self.pairs.left, None)?;
        columns.extend(right.gather(&self.pairs.right, None)?);
        if !self.tombstones.is_empty() {
            for (column, key) in keys.places {
                let keys = keys.keys[*key].as_ref();
                columns[*column] = with_keys(&columns[*column], keys, &self.tombstones)?;
            }
        }
        Ok(Some(ChangeBatch {
            records: output.records(columns, Vec::new(), rows)?,
            event_times: self.times.event.into(),
            weights: self
                .weights
                .iter()
                .any(|weight| *weight != 1)
                .then(|| Int8Array::from(self.weights)),
            stream_times: has_stream_times.then(|| self.times.stream.into()),
        }))
    }
}

/// `column` with values of `keys` at some rows: (row of the column, row of the keys).
fn with_keys(column: &ArrayRef, keys: &dyn Array, rows: &[(usize, usize)]) -> Result<ArrayRef, Error> {
    let mut places: Vec<(usize, usize)> = (0..column.len()).map(|row| (0, row)).collect();
    for (row, key) in rows {
        places[*row] = (1, *key);
    }
    Ok(interleave(&[column.as_ref(), keys], &places)?)
}
