//! WHERE: keeps the rows for which a predicate is true.

use std::sync::Arc;

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::compute::and;

use super::{Error, Expression, Operator, RowErrors};
use crate::types::ChangeBatch;

/// Keeps the rows for which the predicate is true; NULL is not true (SQL standard, three-valued logic).
#[derive(Debug)]
pub struct Filter {
    predicate: Expression,
    errors: Arc<RowErrors>,
}

impl Filter {
    /// A filter with a predicate of type BOOLEAN.
    #[must_use]
    pub fn new(predicate: Expression, errors: Arc<RowErrors>) -> Self {
        Self { predicate, errors }
    }
}

impl Operator for Filter {
    fn push(&mut self, _port: usize, changes: ChangeBatch, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        let values = self.predicate.evaluate(&changes.records, &self.errors)?;
        // A record without a value is no row, so it does not pass (ksqlDB drops null rows in a filter).
        let mask = match changes.rows_mask() {
            Some(rows) => &and(values.array.as_boolean(), &rows)?,
            None => values.array.as_boolean(),
        };
        // Rows on which the predicate failed are null in the mask, so they go whatever the policy says.
        let kept = match mask.true_count() {
            0 => return Ok(()),
            all if all == changes.num_rows() => changes,
            _ => changes.filter(mask)?,
        };
        out.push(kept);
        Ok(())
    }
}
