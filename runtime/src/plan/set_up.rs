//! Scalar functions of plugins that take constants are set up when a query is planned: one whose constants are none, or are refused by the
//! function, ends with words and before its first row.
//!
//! Runs on a plan whose expressions are simplified: what has no column is a literal then. (Table functions are set up when their
//! operator is made.)

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Diagnostic, Result};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};
use datafusion::scalar::ScalarValue;

use crate::udf::OverloadedFunction;

/// Sets up all such functions in the plan.
pub(super) fn set_up(plan: &LogicalPlan) -> Result<()> {
    plan.apply_with_subqueries(|node| {
        // The expressions of a scan are over its own columns, which are not those of inputs; they are copies of a filter's.
        if matches!(node, LogicalPlan::TableScan(_)) {
            return Ok(TreeNodeRecursion::Continue);
        }
        let schema = merge_schema(&node.inputs());
        node.apply_expressions(|expression| {
            expression.apply(|part| {
                let Expr::ScalarFunction(call) = part else {
                    return Ok(TreeNodeRecursion::Continue);
                };
                let inner: &dyn std::any::Any = call.func.inner().as_ref();
                let Some(function) = inner.downcast_ref::<OverloadedFunction>() else {
                    return Ok(TreeNodeRecursion::Continue);
                };
                if function.infos().all(|info| info.constants.is_empty()) {
                    return Ok(TreeNodeRecursion::Continue);
                }
                // The variables of lambdas have no type here; they pass for NULL, which goes anywhere.
                let types: Vec<DataType> = (call.args.iter())
                    .map(|arg| arg.get_type(&schema).unwrap_or(DataType::Null))
                    .collect();
                let constants: Vec<Option<ScalarValue>> = call.args.iter().map(literal).collect();
                function.set_up(&types, &constants).map_err(|e| placed(e, &call.args))?;
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(())
}

/// The error at the first argument whose place is known.
fn placed(error: DataFusionError, args: &[Expr]) -> DataFusionError {
    match args.iter().find_map(|arg| arg.spans()?.first()) {
        Some(span) => {
            let diagnostic = Diagnostic::new_error(error.message().into_owned(), Some(span));
            error.with_diagnostic(diagnostic)
        }
        None => error,
    }
}

fn literal(expression: &Expr) -> Option<ScalarValue> {
    match expression {
        Expr::Literal(value, _) => Some(value.clone()),
        Expr::Alias(alias) => literal(&alias.expr),
        _ => None,
    }
}
