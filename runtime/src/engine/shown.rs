//! Changes as those who read a push query see them: an update is its new row, a deletion is its key.

use datafusion::arrow::array::{ArrayRef, BooleanArray, RecordBatch, UInt32Array, make_comparator};
use datafusion::arrow::compute::kernels::nullif::nullif;
use datafusion::arrow::compute::{SortOptions, take_record_batch};
use datafusion::arrow::error::ArrowError;

use crate::plan::PlannedQuery;
use crate::sql::ast::SourceKind;
use crate::types::ChangeBatch;
use crate::types::schema::{WINDOWEND, WINDOWSTART};

/// How the changes of a query are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownAs {
    /// Rows of a stream, or changes of a table.
    pub kind: SourceKind,
    /// Positions of the columns that stay when a row is deleted: the key, where it is among the columns.
    pub key: Vec<usize>,
}

/// Rows to be shown.
#[derive(Debug, Clone)]
pub struct ShownRows {
    /// The rows; of a deletion only the key is not NULL.
    pub records: RecordBatch,
    /// True for rows that say that the key's row is gone.
    pub deleted: BooleanArray,
}

impl ShownAs {
    /// Every row is a row.
    #[must_use]
    pub fn rows() -> Self {
        Self {
            kind: SourceKind::Stream,
            key: Vec::new(),
        }
    }

    pub(crate) fn of(planned: &PlannedQuery) -> Self {
        let mut key = planned.key.clone().unwrap_or_default();
        let fields = planned.dataflow.root().schema.fields().iter().enumerate();
        // Names of pseudo-columns cannot be given to others, so these are the window of the key.
        let bounds = fields.filter(|(_, field)| [WINDOWSTART, WINDOWEND].contains(&field.name().as_str()));
        for (bound, _) in bounds {
            if !key.contains(&bound) {
                key.push(bound);
            }
        }
        Self {
            kind: planned.kind,
            key,
        }
    }

    /// What is shown of a batch of changes: inserted rows; of an update the new row alone; of a table's deletion the key, marked; of a
    /// stream's record without a value the key, as any row.
    ///
    /// # Errors
    /// When Arrow cannot compare the key's columns.
    pub fn rows_of(&self, changes: &ChangeBatch) -> Result<ShownRows, ArrowError> {
        let rows = changes.num_rows();
        if changes.weights.is_none() {
            return Ok(ShownRows {
                records: changes.records.clone(),
                deleted: BooleanArray::from(vec![false; rows]),
            });
        }
        let same_key = self.neighbours(&changes.records)?;
        let is_replaced = |row: usize| {
            changes.weight(row) < 0 && row + 1 < rows && changes.weight(row + 1) > 0 && same_key(row, row + 1)
        };
        let (mut shown, mut empty, mut deleted) = (Vec::new(), Vec::new(), Vec::new());
        for row in (0..rows).filter(|row| !is_replaced(*row)) {
            let weight = changes.weight(row);
            shown.push(u32::try_from(row).expect("a batch has fewer rows than 4 billion"));
            empty.push(weight <= 0);
            deleted.push(weight < 0 || (weight == 0 && self.kind == SourceKind::Table));
        }
        let records = take_record_batch(&changes.records, &UInt32Array::from(shown))?;
        Ok(ShownRows {
            records: self.without_values(&records, &BooleanArray::from(empty))?,
            deleted: deleted.into(),
        })
    }

    /// Compares the keys of two rows of a batch.
    fn neighbours(&self, records: &RecordBatch) -> Result<impl Fn(usize, usize) -> bool, ArrowError> {
        let comparators = self.key.iter().map(|position| {
            let column = records.column(*position);
            make_comparator(column, column, SortOptions::default())
        });
        let comparators = comparators.collect::<Result<Vec<_>, ArrowError>>()?;
        Ok(move |a, b| comparators.iter().all(|compare| compare(a, b).is_eq()))
    }

    /// NULL in all columns but the key where `empty` is true.
    fn without_values(&self, records: &RecordBatch, empty: &BooleanArray) -> Result<RecordBatch, ArrowError> {
        if empty.true_count() == 0 {
            return Ok(records.clone());
        }
        let columns = records.columns().iter().enumerate().map(|(position, column)| {
            if self.key.contains(&position) {
                Ok(ArrayRef::clone(column))
            } else {
                nullif(column, empty)
            }
        });
        let fields = records
            .schema()
            .fields()
            .iter()
            .map(|field| field.as_ref().clone().with_nullable(true))
            .collect::<Vec<_>>();
        let schema = std::sync::Arc::new(datafusion::arrow::datatypes::Schema::new(fields));
        RecordBatch::try_new(schema, columns.collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{AsArray, Int8Array, Int64Array};
    use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema};

    use super::*;

    /// Shown keys, values and marks of rows of key, value and weight.
    fn shown(kind: SourceKind, key: &[usize], rows: &[(i64, i64, i8)]) -> Vec<(Option<i64>, Option<i64>, bool)> {
        let field = |name| Field::new(name, DataType::Int64, true);
        let column = |of: fn(&(i64, i64, i8)) -> i64| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values(rows.iter().map(of)))
        };
        let schema = Arc::new(Schema::new(vec![field("K"), field("V")]));
        let records = RecordBatch::try_new(schema, vec![column(|row| row.0), column(|row| row.1)]).unwrap();
        let changes = ChangeBatch {
            weights: Some(Int8Array::from_iter_values(rows.iter().map(|row| row.2))),
            ..ChangeBatch::inserted(records, vec![0; rows.len()].into())
        };
        let as_shown = ShownAs {
            kind,
            key: key.to_vec(),
        };
        let rows = as_shown.rows_of(&changes).unwrap();
        let column = |position: usize| -> Vec<Option<i64>> {
            rows.records
                .column(position)
                .as_primitive::<Int64Type>()
                .iter()
                .collect()
        };
        let cells = column(0).into_iter().zip(column(1)).enumerate();
        cells.map(|(row, (k, v))| (k, v, rows.deleted.value(row))).collect()
    }

    #[test]
    fn an_update_is_its_new_row_and_a_deletion_its_key() {
        let rows = [(1, 1, 1), (1, 1, -1), (1, 2, 1), (1, 2, -1), (2, 5, 1), (3, 0, 0)];
        assert_eq!(
            shown(SourceKind::Table, &[0], &rows),
            [
                (Some(1), Some(1), false),
                (Some(1), Some(2), false),
                (Some(1), None, true),
                (Some(2), Some(5), false),
                (Some(3), None, true),
            ]
        );
    }

    #[test]
    fn without_a_key_a_pair_is_an_update_and_a_deletion_shows_nothing() {
        let rows = [(1, 1, -1), (1, 2, 1), (1, 2, -1)];
        assert_eq!(
            shown(SourceKind::Table, &[], &rows),
            [(Some(1), Some(2), false), (None, None, true)]
        );
    }

    #[test]
    fn a_streams_record_without_value_is_no_deletion() {
        assert_eq!(
            shown(SourceKind::Stream, &[0], &[(1, 9, 0), (2, 3, 1)]),
            [(Some(1), None, false), (Some(2), Some(3), false)]
        );
    }
}
