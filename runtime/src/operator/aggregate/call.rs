//! One call of an aggregate function as it was planned.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::AggregateUDF;

use super::Accumulator;
use crate::operator::{Error, Expression};

/// One call of an aggregate function.
#[derive(Debug, Clone)]
pub struct AggregateCall {
    /// The function.
    pub function: Arc<AggregateUDF>,
    /// Its arguments, each of the type that the function asked for.
    pub args: Vec<Expression>,
    /// Equal arguments count once.
    pub distinct: bool,
    /// Only rows for which this is true count.
    pub filter: Option<Expression>,
    /// Arrow type of the result.
    pub data_type: DataType,
    /// The call as people read it.
    pub label: String,
}

impl AggregateCall {
    /// An accumulator without groups.
    ///
    /// # Errors
    /// When the function cannot be run so.
    pub fn accumulator(&self) -> Result<Box<dyn Accumulator>, Error> {
        Err(Error::Expression {
            expression: self.label.clone(),
            reason: "the aggregate cannot be run".into(),
        })
    }

    /// Whether rows can be undone, which aggregates over tables need.
    #[must_use]
    pub fn retracts(&self) -> bool {
        false
    }

    /// Whether two groups can become one, which session windows need.
    #[must_use]
    pub fn merges(&self) -> bool {
        true
    }
}
