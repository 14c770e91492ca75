//! Which expression of a plan is the time of its rows, and whether rows of a plan can be retracted.

use datafusion::logical_expr::{Expr, LogicalPlan};

use super::names::SourceTable;
use super::table_function_node::TableFunctionNode;
use super::top_n::TopNNode;
use crate::types::schema::ROWTIME;
use crate::types::storage::SourceKind;

/// True where `expr` over the columns of `plan` is the event time of each row: ROWTIME, or the column that `TIMESTAMP` names.
pub(super) fn is_row_time(expr: &Expr, plan: &LogicalPlan) -> bool {
    match unaliased(expr) {
        Expr::Column(column) => plan
            .schema()
            .maybe_index_of_column(column)
            .is_some_and(|position| is_time_at(position, plan)),
        _ => false,
    }
}

fn is_time_at(position: usize, plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::TableScan(scan) => {
            let Some(table) = scan.source.downcast_ref::<SourceTable>() else {
                return false;
            };
            let name = scan.projected_schema.field(position).name();
            let event_time = table.definition.event_time.as_ref();
            name == ROWTIME || event_time.is_some_and(|time| time.column == *name)
        }
        LogicalPlan::Projection(projection) => is_row_time(&projection.expr[position], &projection.input),
        LogicalPlan::SubqueryAlias(alias) => is_time_at(position, &alias.input),
        LogicalPlan::Filter(filter) => is_time_at(position, &filter.input),
        LogicalPlan::Limit(limit) => is_time_at(position, &limit.input),
        LogicalPlan::Window(window) => is_in_input(position, &window.input),
        LogicalPlan::Extension(extension) => match extension.node.as_any() {
            node if node.is::<TableFunctionNode>() => node
                .downcast_ref::<TableFunctionNode>()
                .is_some_and(|node| is_in_input(position, &node.input)),
            _ => false,
        },
        LogicalPlan::Union(union) => union.inputs.iter().all(|input| is_time_at(position, input)),
        _ => false,
    }
}

/// For nodes that put columns of their own behind those of their input.
fn is_in_input(position: usize, input: &LogicalPlan) -> bool {
    position < input.schema().fields().len() && is_time_at(position, input)
}

/// True where rows that a plan gave can be taken back: it reads a table, groups, or is a Top-N.
pub(super) fn retracts(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::TableScan(scan) => scan
            .source
            .downcast_ref::<SourceTable>()
            .is_none_or(|table| table.definition.kind == SourceKind::Table),
        LogicalPlan::Aggregate(_) => true,
        // A table beside a stream is looked up, the stream's rows stay.
        LogicalPlan::Join(join) => retracts(&join.left),
        LogicalPlan::Extension(extension) if extension.node.as_any().is::<TopNNode>() => true,
        other => other.inputs().into_iter().any(retracts),
    }
}

pub(super) fn unaliased(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => unaliased(&alias.expr),
        other => other,
    }
}
