//! EXPLODE: rows of the elements of arrays.

use std::sync::Arc;

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::SchemaRef;

use super::{Error, Operator};
use crate::types::ChangeBatch;
use crate::types::limits::UNNEST_ROWS_MAX;

/// What a column of the result holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnnestColumn {
    /// The input's column at this position, once for each row that comes of a row.
    Repeated(usize),
    /// The elements of the array at this position, and NULL behind the last one while other arrays are longer.
    Elements(usize),
}

/// Gives for each row as many rows as its longest array has elements; none where all are empty or NULL. A row without a value
/// gives none (ksqlDB: `KudtfFlatMapper`).
#[derive(Debug)]
pub struct Unnest {
    columns: Vec<UnnestColumn>,
    schema: SchemaRef,
}

impl Unnest {
    /// One column for each field of `schema`, with its type.
    #[must_use]
    pub fn new(columns: Vec<UnnestColumn>, schema: SchemaRef) -> Self {
        Self { columns, schema }
    }

    fn lengths(&self, changes: &ChangeBatch) -> Vec<usize> {
        let mut lengths = vec![0; changes.num_rows()];
        for column in &self.columns {
            let UnnestColumn::Elements(position) = column else {
                continue;
            };
            let list = changes.records.column(*position).as_list::<i32>();
            for (row, length) in lengths.iter_mut().enumerate() {
                if list.is_valid(row) && changes.weight(row) != 0 {
                    *length = (*length).max(list.value_length(row) as usize);
                }
            }
        }
        lengths
    }

    /// The rows `from..to` of a batch, unnested.
    fn unnest(&self, changes: &ChangeBatch, lengths: &[usize]) -> Result<ChangeBatch, Error> {
        let rows: UInt32Array = (0_u32..)
            .zip(lengths)
            .flat_map(|(row, length)| std::iter::repeat_n(row, *length))
            .collect();
        let columns = self.columns.iter().map(|column| match column {
            UnnestColumn::Repeated(position) => take(changes.records.column(*position), &rows, None),
            UnnestColumn::Elements(position) => elements(changes.records.column(*position), lengths),
        });
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let taken = changes.take(&rows)?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        Ok(ChangeBatch {
            records: RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?,
            ..taken
        })
    }
}

impl Operator for Unnest {
    fn push(&mut self, _port: usize, changes: ChangeBatch, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        let lengths = self.lengths(&changes);
        let mut from = 0;
        while from < lengths.len() {
            // A few rows with long arrays would make one batch of gigabytes.
            let mut to = from;
            let mut total = 0;
            while to < lengths.len() && (to == from || total + lengths[to] <= UNNEST_ROWS_MAX) {
                total += lengths[to];
                to += 1;
            }
            if total > 0 {
                out.push(self.unnest(&changes.slice(from, to - from), &lengths[from..to])?);
            }
            from = to;
        }
        Ok(())
    }
}

/// The elements of each list, with NULLs up to the wanted length.
fn elements(list: &ArrayRef, lengths: &[usize]) -> Result<ArrayRef, datafusion::arrow::error::ArrowError> {
    let list = list.as_list::<i32>();
    let offsets = list.value_offsets();
    let places: UInt32Array = lengths
        .iter()
        .enumerate()
        .flat_map(|(row, length)| {
            let own = if list.is_valid(row) { list.value_length(row) } else { 0 };
            let own = usize::try_from(own).unwrap_or(0);
            let start = offsets[row];
            (0..*length).map(move |at| {
                let at = (at < own).then(|| i32::try_from(at).ok()).flatten()?;
                u32::try_from(start + at).ok()
            })
        })
        .collect();
    take(list.values(), &places, None)
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::types::Int32Type;
    use datafusion::arrow::array::{Int8Array, Int32Array, Int64Array, ListArray};
    use datafusion::arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    fn list(rows: Vec<Option<Vec<Option<i32>>>>) -> ArrayRef {
        Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(rows))
    }

    #[test]
    fn arrays_side_by_side_and_rows_without_elements() {
        let a = list(vec![
            Some(vec![Some(1), Some(2)]),
            Some(vec![]),
            Some(vec![Some(3)]),
            Some(vec![Some(4)]),
        ]);
        let b = list(vec![Some(vec![Some(7)]), None, Some(vec![None, Some(9)]), None]);
        let ids: ArrayRef = Arc::new(Int32Array::from(vec![10, 20, 30, 40]));
        let records = RecordBatch::try_from_iter([("a", a), ("b", b), ("id", ids)]).expect("a batch");
        let mut changes = ChangeBatch::inserted(records, Int64Array::from(vec![1, 2, 3, 4]));
        changes.weights = Some(Int8Array::from(vec![1, 1, 1, 0]));
        let schema = Schema::new(
            ["id", "a", "b"]
                .map(|name| Field::new(name, DataType::Int32, true))
                .to_vec(),
        );
        let columns = vec![
            UnnestColumn::Repeated(2),
            UnnestColumn::Elements(0),
            UnnestColumn::Elements(1),
        ];
        let mut unnest = Unnest::new(columns, Arc::new(schema));
        let mut out = Vec::new();
        unnest.push(0, changes, &mut out).expect("it runs");
        assert_eq!(out.len(), 1);
        let column =
            |at: usize| -> Vec<Option<i32>> { out[0].records.column(at).as_primitive::<Int32Type>().iter().collect() };
        assert_eq!(column(0), [Some(10), Some(10), Some(30), Some(30)]);
        assert_eq!(column(1), [Some(1), Some(2), Some(3), None]);
        assert_eq!(column(2), [Some(7), None, None, Some(9)]);
        assert_eq!(out[0].event_times.values(), &[1, 1, 3, 3]);
    }
}
