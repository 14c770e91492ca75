//! The key expressions of one side of a join.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::DataType;

use crate::operator::{Error, Expression, RowErrors};

/// What the rows of one side are joined by.
#[derive(Debug)]
pub(crate) struct KeyExpressions {
    expressions: Vec<Expression>,
    errors: Arc<RowErrors>,
}

/// The keys of a batch.
#[derive(Debug)]
pub(crate) struct KeyColumns {
    pub(crate) columns: Vec<ArrayRef>,
    /// Rows that have a null in their key; absent when no row has.
    nulls: Option<NullBuffer>,
}

impl KeyExpressions {
    pub(crate) fn new(expressions: Vec<Expression>, errors: Arc<RowErrors>) -> Self {
        Self { expressions, errors }
    }

    pub(crate) fn types(&self) -> impl Iterator<Item = &DataType> {
        self.expressions.iter().map(Expression::data_type)
    }

    /// The columns of the side that the key expressions are; `None` for one that computes something.
    pub(crate) fn column_indices(&self) -> Vec<Option<usize>> {
        self.expressions.iter().map(Expression::column_index).collect()
    }

    /// The keys of the rows. A row on which an expression fails has a null there, whatever the policy but to fail: it joins
    /// nothing.
    pub(crate) fn evaluate(&self, records: &RecordBatch) -> Result<KeyColumns, Error> {
        let mut columns = Vec::with_capacity(self.expressions.len());
        let mut nulls = None;
        for expression in &self.expressions {
            let array = expression.evaluate(records, &self.errors)?.array;
            nulls = NullBuffer::union(nulls.as_ref(), array.logical_nulls().as_ref());
            columns.push(array);
        }
        Ok(KeyColumns {
            columns,
            nulls: nulls.filter(|nulls| nulls.null_count() > 0),
        })
    }
}

impl KeyColumns {
    /// Whether a row's key has a null, so that it matches nothing.
    pub(crate) fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }
}
