//! A call of an aggregate function, whoever wrote the function, and how it is computed.

use std::sync::Arc;

use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::AggregateUDF;
use datafusion::scalar::ScalarValue;

use super::accumulator::Accumulator;
use super::counted::CountDistinct;
use super::definition::Undo;
use super::distinct::Distinct;
use super::grouped::Grouped;
use super::plugin::{PluginAccumulator, SharedInstance};
use super::replay::Replay;
use super::row_accumulators::{Call, Factory, RowAccumulators};
use super::udaf::KsqlAggregate;
use crate::udf::{AggregateFunction, OverloadedAggregate};

/// DataFusion's functions that take rows back one by one in any order, without a trace. Others that say they can mean the oldest rows of a
/// sliding frame.
const RETRACTING: &[&str] = &[
    "corr",
    "covar_pop",
    "covar_samp",
    "median",
    "regr_avgx",
    "regr_avgy",
    "regr_count",
    "regr_intercept",
    "regr_r2",
    "regr_slope",
    "regr_sxx",
    "regr_sxy",
    "regr_syy",
    "stddev",
    "stddev_pop",
    "var",
    "var_pop",
];

/// A call as it was planned.
#[derive(Debug, Clone)]
pub struct AggregateSpec {
    /// The function.
    pub function: Arc<AggregateUDF>,
    /// Types of the arguments, coerced to what the function takes; then those of what ORDER BY inside of the call names.
    pub types: Vec<DataType>,
    /// Values of those that are constants, one for each of `types`.
    pub constants: Vec<Option<ScalarValue>>,
    /// How to order, one for each type at the end of `types`.
    pub order: Vec<SortOptions>,
    /// Each different row of arguments counts once.
    pub distinct: bool,
    /// `IGNORE NULLS` of functions that know it.
    pub ignore_nulls: bool,
    /// Type of the result.
    pub result: DataType,
    /// Rows will be retracted: the input is a table's changes.
    pub retracting: bool,
    /// The instance of a plugin's function, which all accumulators of the call share.
    pub instance: SharedInstance,
}

impl AggregateSpec {
    /// Positions of the arguments whose values [`Accumulator::update`] wants, in that order. The others are constants that the
    /// accumulator knows.
    #[must_use]
    pub fn inputs(&self) -> Vec<usize> {
        match self.ksql() {
            Some(function) => function.inputs(&self.constants),
            None => (0..self.types.len()).collect(),
        }
    }

    /// Whether rows can be retracted.
    #[must_use]
    pub fn retracts(&self) -> bool {
        if self.plugin().is_some() {
            return self.plugin_function().is_some_and(|function| function.retracts());
        }
        self.ksql()
            .is_none_or(|function| function.definition.undo != Undo::Never)
    }

    /// Whether states can be merged, as session windows do.
    #[must_use]
    pub fn merges(&self) -> bool {
        true
    }

    /// An accumulator without groups.
    ///
    /// # Errors
    /// When the arguments do not suit the function, or it cannot be computed continuously.
    pub fn accumulator(&self) -> Result<Box<dyn Accumulator>> {
        let name = self.function.name();
        if self.retracting && !self.retracts() {
            return plan_err!(
                "the aggregate function {} cannot be applied to a table, only to a stream: it cannot take a row back",
                name.to_uppercase()
            );
        }
        if let Some(function) = self.ksql() {
            if !self.order.is_empty() {
                return plan_err!(
                    "ORDER BY inside of {} has no meaning: array_agg and first_value know it",
                    name.to_uppercase()
                );
            }
            return match (name, self.distinct, self.inputs().len()) {
                ("count", true, 1) => Ok(Grouped::boxed(CountDistinct)),
                _ => function.make(
                    &self.types,
                    &self.constants,
                    &self.result,
                    self.retracting,
                    // What is the largest does not depend on how often it is there.
                    self.distinct && !matches!(name, "min" | "max"),
                ),
            };
        }
        if let Some(function) = self.plugin() {
            if !self.order.is_empty() {
                return plan_err!("ORDER BY inside of {} has no meaning", name.to_uppercase());
            }
            let inner = PluginAccumulator::boxed(function, &self.types, &self.constants, &self.instance)?;
            return Ok(if self.distinct {
                Distinct::boxed(inner, self.types.clone())
            } else {
                inner
            });
        }
        if !self.order.is_empty() && self.function.order_sensitivity().hard_requires() {
            return plan_err!(
                "{} with ORDER BY needs its rows sorted beforehand, which a stream cannot do: array_agg and first_value order by themselves",
                name.to_uppercase()
            );
        }
        let factory = Factory::new(&Call {
            function: &self.function,
            types: &self.types,
            constants: &self.constants,
            order: &self.order,
            ignore_nulls: self.ignore_nulls,
            result: &self.result,
        });
        let inner: Box<dyn Accumulator> = if self.retracting && !RETRACTING.contains(&name) {
            Grouped::boxed(Replay::new(factory, self.types.clone())?)
        } else {
            Box::new(RowAccumulators::new(factory, self.retracting)?)
        };
        Ok(if self.distinct {
            Distinct::boxed(inner, self.types.clone())
        } else {
            inner
        })
    }

    /// The function of a plugin that it calls, where it is one's.
    #[must_use]
    pub fn plugin_function(&self) -> Option<&Arc<dyn AggregateFunction>> {
        self.plugin()?.choose(&self.types).ok()
    }

    fn plugin(&self) -> Option<&OverloadedAggregate> {
        self.function.inner().downcast_ref::<OverloadedAggregate>()
    }

    fn ksql(&self) -> Option<&KsqlAggregate> {
        self.function.inner().downcast_ref::<KsqlAggregate>()
    }
}
