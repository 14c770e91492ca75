//! Calls of plugins' functions get all arguments that the function declares: defaults where the call leaves the last ones out, one ARRAY where it gives
//! the elements of the last one.
//!
//! An analyzer rule, to be run before all others, on the plan as it comes from SQL: whatever is behind it, casts, lowering, the plugin, sees a call of
//! the plainest form.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, DataFusionError, Result};
use datafusion::functions_nested::make_array::make_array_udf;
use datafusion::logical_expr::expr::{Cast, ScalarFunction};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{AggregateUDF, Expr, ExprSchemable, LogicalPlan, ScalarUDF, WindowFunctionDefinition};
use datafusion::optimizer::AnalyzerRule;
use datafusion::scalar::ScalarValue;

use super::stream_marker::as_marker;
use super::table_marker::as_table_marker;
use crate::udf::{CallForm, FunctionInfo, OverloadedAggregate, OverloadedFunction, choose};

/// The analyzer rule; see the page.
#[derive(Debug, Clone, Copy)]
pub(super) struct CompleteCalls;

impl AnalyzerRule for CompleteCalls {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(apply).map(|result| result.data)
    }

    fn name(&self) -> &'static str {
        "complete_calls"
    }
}

fn apply(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    if matches!(plan, LogicalPlan::TableScan(_) | LogicalPlan::Limit(_)) {
        return Ok(Transformed::no(plan));
    }
    let schema = merge_schema(&plan.inputs());
    let names = NamePreserver::new(&plan);
    let changed = plan.map_expressions(|expr| {
        let name = names.save(&expr);
        expr.transform_up(|expr| complete_one(expr, &schema))
            .map(|result| result.update_data(|expr| name.restore(expr)))
    })?;
    if !changed.transformed {
        return Ok(changed);
    }
    changed.map_data(LogicalPlan::recompute_schema)
}

/// Completes the calls in an expression over `schema`.
pub(super) fn complete(expr: Expr, schema: &DFSchema) -> Result<Expr> {
    Ok(expr.transform_up(|expr| complete_one(expr, schema))?.data)
}

fn complete_one(mut expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let changed = match &mut expr {
        Expr::ScalarFunction(call) => complete_scalar(&call.func, &mut call.args, schema)?,
        Expr::AggregateFunction(call) => complete_aggregate(&call.func, &mut call.params.args, schema)?,
        Expr::WindowFunction(call) => match &call.fun {
            WindowFunctionDefinition::AggregateUDF(function) => {
                complete_aggregate(function, &mut call.params.args, schema)?
            }
            WindowFunctionDefinition::WindowUDF(_) => false,
        },
        _ => false,
    };
    Ok(if changed {
        Transformed::yes(expr)
    } else {
        Transformed::no(expr)
    })
}

fn complete_scalar(function: &ScalarUDF, args: &mut Vec<Expr>, schema: &DFSchema) -> Result<bool> {
    let inner = function.inner().as_ref();
    if let Some(marker) = as_marker(inner) {
        let Some(own) = args.len().checked_sub(marker.keys) else {
            return Ok(false);
        };
        let keys = args.split_off(own);
        let changed = complete_args(function.name(), marker.infos(), args, schema);
        args.extend(keys);
        return changed;
    }
    if let Some(table) = as_table_marker(inner).and_then(|marker| marker.function.plugin()) {
        return complete_args(table.name(), table.infos(), args, schema);
    }
    match (inner as &dyn std::any::Any).downcast_ref::<OverloadedFunction>() {
        Some(overloads) => complete_args(function.name(), overloads.infos(), args, schema),
        None => Ok(false),
    }
}

fn complete_aggregate(function: &AggregateUDF, args: &mut Vec<Expr>, schema: &DFSchema) -> Result<bool> {
    match function.inner().downcast_ref::<OverloadedAggregate>() {
        Some(overloads) => complete_args(function.name(), overloads.infos(), args, schema),
        None => Ok(false),
    }
}

/// Whether there was something to complete.
fn complete_args<'a>(
    name: &str,
    overloads: impl Iterator<Item = &'a FunctionInfo> + Clone,
    args: &mut Vec<Expr>,
    schema: &DFSchema,
) -> Result<bool> {
    if overloads.clone().all(|info| info.defaults.is_empty() && !info.variadic) {
        return Ok(false);
    }
    // The variables of lambdas have no type yet; they pass for NULL, which goes anywhere.
    let types: Vec<DataType> = args
        .iter()
        .map(|arg| arg.get_type(schema).unwrap_or(DataType::Null))
        .collect();
    let chosen = choose(name, overloads.clone(), &types).map_err(DataFusionError::Plan)?;
    let Some(info) = overloads.into_iter().nth(chosen.index) else {
        return Ok(false);
    };
    match chosen.form {
        CallForm::Whole => return Ok(false),
        CallForm::Short => {
            let given = info.defaults.len() - (info.args.len() - args.len());
            args.extend(
                info.defaults[given..]
                    .iter()
                    .map(|value| Expr::Literal(value.clone(), None)),
            );
        }
        CallForm::Spread => {
            let Some(element) = info.variadic_element() else {
                return Ok(false);
            };
            let elements = args.split_off(info.args.len() - 1);
            let types = types.split_at(args.len()).1;
            args.push(array_of(elements, types, &element));
        }
    }
    Ok(true)
}

/// The ARRAY of these values, each made one of its elements.
fn array_of(values: Vec<Expr>, types: &[DataType], element: &DataType) -> Expr {
    if values.is_empty() {
        let empty = ScalarValue::new_list_nullable(&[], element);
        return Expr::Literal(ScalarValue::List(empty), None);
    }
    let values = values
        .into_iter()
        .zip(types)
        .map(|(value, given)| {
            if given == element {
                value
            } else {
                Expr::Cast(Cast::new(Box::new(value), element.clone()))
            }
        })
        .collect();
    Expr::ScalarFunction(ScalarFunction::new_udf(make_array_udf(), values))
}
