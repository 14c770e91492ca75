//! Aggregates over the rows of a frame: DataFusion's accumulators, one for each key.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::Accumulator;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::scalar::ScalarValue;

use super::store::{RowRef, RowStore};
use crate::operator::Error;

/// An aggregate function as it was planned.
#[derive(Clone)]
pub struct FrameAggregate {
    expr: Arc<AggregateFunctionExpr>,
    /// Whether rows can be taken out again; otherwise the frame is computed anew for each row.
    slides: bool,
}

impl FrameAggregate {
    /// An aggregate over arguments that the caller evaluates.
    #[must_use]
    pub fn new(expr: Arc<AggregateFunctionExpr>) -> Self {
        let slides = expr
            .create_sliding_accumulator()
            .is_ok_and(|accumulator| accumulator.supports_retract_batch());
        Self { expr, slides }
    }

    /// Whether rows can be taken out again.
    pub(super) fn slides(&self) -> bool {
        self.slides
    }

    /// An accumulator that rows can be taken out of, in the order in which they came, where the function has one.
    pub(super) fn accumulator(&self, sliding: bool) -> Result<FrameAccumulator, Error> {
        let accumulator = if sliding && self.slides {
            self.expr.create_sliding_accumulator()
        } else {
            self.expr.create_accumulator()
        };
        Ok(FrameAccumulator(accumulator.map_err(|error| self.failed(&error))?))
    }

    /// The error of this function.
    pub(super) fn failed(&self, error: &DataFusionError) -> Error {
        Error::of_expression(self.expr.name(), error)
    }
}

impl fmt::Debug for FrameAggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FrameAggregate({})", self.expr.name())
    }
}

/// Columns of the store that an aggregate reads.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    /// The arguments.
    pub(super) args: std::ops::Range<usize>,
    /// The condition of FILTER, a BOOLEAN.
    pub(super) filter: Option<usize>,
}

impl Columns {
    /// Whether FILTER lets the row in.
    pub(super) fn admits(&self, store: &RowStore, row: RowRef) -> bool {
        self.filter.is_none_or(|column| {
            let (array, at) = store.place(row, column);
            let condition = array.as_boolean();
            condition.is_valid(at) && condition.value(at)
        })
    }

    fn values(&self, store: &RowStore, row: RowRef) -> Vec<ArrayRef> {
        self.args.clone().map(|column| store.value(row, column)).collect()
    }
}

/// The accumulator of one key, or of one frame.
#[derive(Debug)]
pub(super) struct FrameAccumulator(Box<dyn Accumulator>);

impl FrameAccumulator {
    /// Takes a row in.
    pub(super) fn add(&mut self, store: &RowStore, row: RowRef, columns: &Columns) -> Result<(), DataFusionError> {
        if columns.admits(store, row) {
            self.0.update_batch(&columns.values(store, row))?;
        }
        Ok(())
    }

    /// Takes many rows in.
    pub(super) fn add_all(
        &mut self,
        store: &RowStore,
        rows: impl Iterator<Item = RowRef>,
        columns: &Columns,
    ) -> Result<(), DataFusionError> {
        let rows: Vec<RowRef> = rows.filter(|row| columns.admits(store, *row)).collect();
        if rows.is_empty() {
            return Ok(());
        }
        let values = columns
            .args
            .clone()
            .map(|column| store.gather(&rows, column))
            .collect::<Result<Vec<_>, Error>>()
            .map_err(|error| DataFusionError::External(Box::new(error)))?;
        self.0.update_batch(&values)
    }

    /// Takes the oldest row out again.
    pub(super) fn remove(&mut self, store: &RowStore, row: RowRef, columns: &Columns) -> Result<(), DataFusionError> {
        if columns.admits(store, row) {
            self.0.retract_batch(&columns.values(store, row))?;
        }
        Ok(())
    }

    /// The value over the rows that are in.
    pub(super) fn value(&mut self) -> Result<ScalarValue, DataFusionError> {
        self.0.evaluate()
    }
}
