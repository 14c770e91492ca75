//! One call of an aggregate function as it was planned.

use std::sync::Arc;

use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::AggregateUDF;

use super::Accumulator;
use super::named::NamedAccumulator;
use crate::function::{AggregateSpec, SharedInstance};
use crate::operator::{Error, Expression, PluginState, RowErrors};

/// `ORDER BY` inside of a call: `array_agg(x ORDER BY y DESC)`.
#[derive(Debug, Clone)]
pub struct OrderBy {
    /// What to order by.
    pub expression: Expression,
    /// How.
    pub options: SortOptions,
}

/// A call of an aggregate function.
#[derive(Debug, Clone)]
pub struct AggregateCall {
    /// What the operator evaluates for each row and hands to [`Accumulator::update`]. Arguments that are part of the call (the K of
    /// TOPK), and those that do not matter (the 1 of COUNT(1)), are not among them.
    pub args: Vec<Expression>,
    /// `FILTER (WHERE ...)`: only rows for which it is true are handed over, inserted and retracted ones alike.
    pub filter: Option<Expression>,
    /// Type of the result.
    pub data_type: DataType,
    /// The call as people know it.
    pub label: String,
    spec: AggregateSpec,
}

impl AggregateCall {
    /// A call of `function`. The types of `args` are those that the function coerces to, `data_type` what it returns for them:
    /// what DataFusion's analyzed plan has.
    ///
    /// # Errors
    /// When a parameter that must be a literal is none or has a wrong value, or the aggregate cannot be computed continuously.
    pub fn new(function: Arc<AggregateUDF>, args: Vec<Expression>, data_type: DataType, label: String) -> Result<Self> {
        let spec = AggregateSpec {
            function,
            types: args.iter().map(|arg| arg.data_type().clone()).collect(),
            constants: args.iter().map(Expression::constant).collect(),
            order: Vec::new(),
            distinct: false,
            ignore_nulls: false,
            result: data_type.clone(),
            retracting: false,
            instance: SharedInstance::default(),
        };
        spec.accumulator()?;
        Ok(Self {
            args: spec.inputs().into_iter().map(|input| args[input].clone()).collect(),
            filter: None,
            data_type,
            label,
            spec,
        })
    }

    /// `DISTINCT`: each different row of arguments counts once.
    ///
    /// # Errors
    /// When the arguments are of types that cannot be remembered.
    pub fn distinct(mut self) -> Result<Self> {
        self.spec.distinct = true;
        self.spec.accumulator()?;
        Ok(self)
    }

    /// `FILTER (WHERE predicate)`.
    #[must_use]
    pub fn filtered(mut self, predicate: Expression) -> Self {
        self.filter = Some(predicate);
        self
    }

    /// `IGNORE NULLS`.
    #[must_use]
    pub fn ignoring_nulls(mut self) -> Self {
        self.spec.ignore_nulls = true;
        self
    }

    /// `ORDER BY` inside of the call.
    ///
    /// # Errors
    /// When the function cannot order its rows.
    pub fn ordered(mut self, order_by: Vec<OrderBy>) -> Result<Self> {
        for OrderBy { expression, options } in order_by {
            self.spec.types.push(expression.data_type().clone());
            self.spec.constants.push(None);
            self.spec.order.push(options);
            self.args.push(expression);
        }
        self.spec.accumulator()?;
        Ok(self)
    }

    /// Rows will be retracted, as the rows of a table are: the accumulators keep what that takes.
    ///
    /// # Errors
    /// When the function cannot take rows back.
    pub fn retracting(mut self) -> Result<Self> {
        self.spec.retracting = true;
        self.spec.accumulator()?;
        Ok(self)
    }

    /// The call in a shard of its own: its accumulators share nothing with those of other shards.
    #[must_use]
    pub fn for_shard(&self) -> Self {
        let mut call = self.clone();
        call.spec.instance = SharedInstance::default();
        call
    }

    /// The function's name, in upper case.
    #[must_use]
    pub fn function_name(&self) -> String {
        self.spec.function.name().to_uppercase()
    }

    /// Which formats of state the function writes and reads, where a plugin gives it.
    #[must_use]
    pub fn plugin_state(&self) -> Option<PluginState> {
        let function = self.spec.plugin_function()?;
        Some(PluginState::of_aggregate(&**function))
    }

    /// Whether rows can be retracted, if [`AggregateCall::retracting`] asks for it.
    #[must_use]
    pub fn retracts(&self) -> bool {
        self.spec.retracts()
    }

    /// Whether groups can be merged, as session windows are.
    #[must_use]
    pub fn merges(&self) -> bool {
        self.spec.merges()
    }

    /// An accumulator without groups. Rows that the function says have failed are left out, or are errors, as `errors` wants it.
    ///
    /// # Errors
    /// Never for a call that was planned.
    pub fn accumulator(&self, errors: &Arc<RowErrors>) -> std::result::Result<Box<dyn Accumulator>, Error> {
        let inner = self
            .spec
            .accumulator()
            .map_err(|error| Error::of_expression(&self.label, &error))?;
        Ok(Box::new(NamedAccumulator {
            inner,
            label: self.label.clone(),
            errors: Arc::clone(errors),
        }))
    }
}
