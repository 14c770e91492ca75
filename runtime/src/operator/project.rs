//! SELECT: computes columns.

use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::and;
use datafusion::arrow::datatypes::SchemaRef;

use super::{Error, Expression, Operator, RowErrors};
use crate::types::ChangeBatch;

/// Gives for each row one row with the columns of `schema`.
#[derive(Debug)]
pub struct Project {
    expressions: Vec<Expression>,
    schema: SchemaRef,
    errors: Arc<RowErrors>,
}

impl Project {
    /// One expression for each field of `schema`, with its type.
    #[must_use]
    pub fn new(expressions: Vec<Expression>, schema: SchemaRef, errors: Arc<RowErrors>) -> Self {
        Self {
            expressions,
            schema,
            errors,
        }
    }
}

impl Operator for Project {
    fn push(&mut self, _port: usize, changes: ChangeBatch, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        let mut keep = None;
        let mut columns = Vec::with_capacity(self.expressions.len());
        for expression in &self.expressions {
            let values = expression.evaluate(&changes.records, &self.errors)?;
            keep = match (keep, values.keep) {
                (Some(before), Some(now)) => Some(and(&before, &now)?),
                (before, now) => before.or(now),
            };
            columns.push(values.array);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(changes.num_rows()));
        let projected = ChangeBatch {
            records: RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?,
            event_times: changes.event_times,
            weights: changes.weights,
            stream_times: changes.stream_times,
        };
        out.push(match keep {
            Some(mask) => projected.filter(&mask)?,
            None => projected,
        });
        Ok(())
    }
}
