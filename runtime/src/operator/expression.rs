//! A planned expression at run time: evaluates batches, and row by row where a batch fails.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, new_null_array};
use datafusion::arrow::compute::{cast, concat};
use datafusion::arrow::datatypes::DataType;
use datafusion::physical_plan::PhysicalExpr;

use super::{Error, RowErrorPolicy, RowErrors};
use crate::function;

/// A long-lived DataFusion expression with the name that its errors show.
#[derive(Clone)]
pub struct Expression {
    physical: Arc<dyn PhysicalExpr>,
    label: String,
    data_type: DataType,
    /// How many columns it was planned for, where batches have more.
    columns: Option<usize>,
}

/// The values of an expression, and which rows have none because it failed there.
#[derive(Debug)]
pub struct Values {
    /// One value a row; null where it failed.
    pub array: ArrayRef,
    /// True where the row is to be kept; absent when no row failed or failed rows stay as NULL.
    pub keep: Option<BooleanArray>,
}

impl Expression {
    /// `label` is the expression as people know it; `data_type` the Arrow type that its values get.
    #[must_use]
    pub fn new(physical: Arc<dyn PhysicalExpr>, label: String, data_type: DataType) -> Self {
        Self {
            physical,
            label,
            data_type,
            columns: None,
        }
    }

    /// The same for batches that have more columns behind the `columns` that it was planned for. Lambdas find their variables behind
    /// the columns, so others must not stand there.
    #[must_use]
    pub fn over_first(self, columns: usize) -> Self {
        Self {
            columns: Some(columns),
            ..self
        }
    }

    /// The Arrow type of its values.
    #[must_use]
    pub fn data_type(&self) -> &DataType {
        &self.data_type
    }

    /// The column that it is, where it is nothing but a column.
    #[must_use]
    pub fn column_index(&self) -> Option<usize> {
        self.physical
            .downcast_ref::<datafusion::physical_plan::expressions::Column>()
            .map(datafusion::physical_plan::expressions::Column::index)
    }

    /// Its value where it is a constant.
    #[must_use]
    pub fn constant(&self) -> Option<datafusion::scalar::ScalarValue> {
        self.physical
            .downcast_ref::<datafusion::physical_plan::expressions::Literal>()
            .map(|literal| literal.value().clone())
    }

    /// Evaluates all rows of `records`.
    ///
    /// # Errors
    /// When it fails for other reasons than a row's data, or the policy is to fail.
    pub fn evaluate(&self, records: &RecordBatch, errors: &RowErrors) -> Result<Values, Error> {
        // Under the policy `null` ksqlDB's functions give NULL for the part that failed and a note about it, at full speed;
        // for the other policies, and for other functions, the failing rows are searched.
        let (result, notes) = match errors.policy {
            RowErrorPolicy::Null => function::collect_row_errors(|| self.evaluate_all(records)),
            RowErrorPolicy::Skip | RowErrorPolicy::Fail => (self.evaluate_all(records), function::RowErrors::default()),
        };
        errors.note(&notes);
        match result {
            Ok(array) => Ok(Values { array, keep: None }),
            Err(error) if error.is_of_a_row() && errors.policy != RowErrorPolicy::Fail => {
                self.evaluate_each(records, errors)
            }
            Err(error) => Err(error),
        }
    }

    fn evaluate_all(&self, records: &RecordBatch) -> Result<ArrayRef, Error> {
        let narrowed;
        let records = match self.columns {
            Some(columns) if columns < records.num_columns() => {
                narrowed = records.project(&(0..columns).collect::<Vec<_>>())?;
                &narrowed
            }
            _ => records,
        };
        let array = self
            .physical
            .evaluate(records)
            .and_then(|value| value.into_array(records.num_rows()))
            .map_err(|error| Error::of_expression(&self.label, &error))?;
        if array.data_type() == &self.data_type {
            Ok(array)
        } else {
            Ok(cast(&array, &self.data_type)?)
        }
    }

    /// The slow way, for batches that hold a row on which the expression fails: halves the batch until the failing
    /// rows stand alone, so that one bad row costs a logarithm of evaluations and not one for each row.
    fn evaluate_each(&self, records: &RecordBatch, errors: &RowErrors) -> Result<Values, Error> {
        let mut parts = Vec::new();
        let mut keep = vec![true; records.num_rows()];
        let mut failures = Vec::new();
        let mut ranges = vec![(0, records.num_rows())];
        while let Some((start, length)) = ranges.pop() {
            match self.evaluate_all(&records.slice(start, length)) {
                Ok(array) => parts.push(array),
                Err(error) if !error.is_of_a_row() => return Err(error),
                Err(error) if length == 1 => {
                    parts.push(new_null_array(&self.data_type, 1));
                    keep[start] = false;
                    failures.push(error);
                }
                Err(_) => {
                    let half = length / 2;
                    ranges.push((start + half, length - half));
                    ranges.push((start, half));
                }
            }
        }
        errors.report(&failures);
        let array = concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<&dyn Array>>())?;
        Ok(Values {
            array,
            keep: (errors.policy == RowErrorPolicy::Skip && !failures.is_empty()).then(|| keep.into()),
        })
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({}: {})", self.label, self.data_type)
    }
}
