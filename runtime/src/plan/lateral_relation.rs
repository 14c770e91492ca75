//! Table functions of FROM in DataFusion's planner: a relation of their own while names are resolved, a
//! [`TableFunctionNode`](super::table_function_node::TableFunctionNode) over the relations before them after that.
//!
//! DataFusion plans a relation that is LATERAL with the columns of those before it as outer references, and joins it to them. The
//! relation here is a projection of the calls over no row; [`settle`] makes the join a node that gives the rows of each row.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, DataFusionError, Diagnostic, JoinType, Result, Span};
use datafusion::functions::core::get_field;
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::logical_expr::{Expr, Extension, Join, LogicalPlan, LogicalPlanBuilder, Projection, lit};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{FunctionArg, FunctionArgExpr, TableAlias, TableFactor};

use super::table_function_node::{RowsOf, TableFunctionNode, name_of};

/// The name of the relation; no name of a user has the sign.
pub(super) const RELATION: &str = "lateral@";
/// The number of the row among those of its call, as the base of the relation has it.
const ORDINALITY: &str = "ordinality@";

/// Plans the relation.
#[derive(Debug)]
pub(super) struct LateralRelation;

impl RelationPlanner for LateralRelation {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let TableFactor::Function {
            name,
            args,
            alias: Some(alias),
            with_ordinality,
            ..
        } = &relation
        else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        if name.to_string() != RELATION {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        }
        let no_columns = DFSchema::empty();
        let mut base = Vec::new();
        for (number, arg) in args.iter().enumerate() {
            let FunctionArg::Unnamed(FunctionArgExpr::Expr(call)) = arg else {
                continue;
            };
            let call = context.sql_to_expr(call.clone(), &no_columns)?;
            refuse_more_than_a_row(&call)?;
            base.push(call.alias(format!("{RELATION}{number}")));
        }
        if *with_ordinality {
            base.push(lit(ScalarValue::Int64(None)).alias(ORDINALITY));
        }
        let plan = LogicalPlanBuilder::empty(true).project(base)?.build()?;
        let columns = columns(&plan, alias, *with_ordinality);
        check_count(alias, columns.len())?;
        let plan = LogicalPlanBuilder::from(plan).project(columns)?.build()?;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(
            plan,
            Some(alias.clone()),
        ))))
    }
}

/// What an argument may not be: it is computed for one row.
fn refuse_more_than_a_row(call: &Expr) -> Result<()> {
    let is_more = call.exists(|expr| {
        Ok(matches!(
            expr,
            Expr::AggregateFunction(_)
                | Expr::WindowFunction(_)
                | Expr::ScalarSubquery(_)
                | Expr::InSubquery(_)
                | Expr::Exists(_)
        ))
    })?;
    if is_more {
        return Err(DataFusionError::Plan(
            "a table function in FROM takes no aggregates, no OVER and no subqueries".to_owned(),
        ));
    }
    Ok(())
}

/// The columns of the relation: the fields where the function gives a STRUCT, unless it is given one name.
fn columns(base: &LogicalPlan, alias: &TableAlias, ordinality: bool) -> Vec<Expr> {
    let calls = base.schema().fields().len() - usize::from(ordinality);
    let mut columns = Vec::new();
    for (number, field) in base.schema().fields().iter().take(calls).enumerate() {
        let value = Expr::Column(Column::new_unqualified(field.name()));
        match field.data_type() {
            DataType::Struct(fields)
                if calls == 1 && (fields.len() == 1 || alias.columns.len() != 1 + usize::from(ordinality)) =>
            {
                for part in fields {
                    let part_of = get_field().call(vec![value.clone(), lit(part.name().as_str())]);
                    columns.push(part_of.alias(part.name()));
                }
            }
            _ if number == 0 => columns.push(value.alias(&alias.name.value)),
            _ => columns.push(value.alias(format!("{}_{number}", alias.name.value))),
        }
    }
    if ordinality {
        columns.push(Expr::Column(Column::new_unqualified(ORDINALITY)).alias("ORDINALITY"));
    }
    columns
}

fn check_count(alias: &TableAlias, columns: usize) -> Result<()> {
    if alias.columns.is_empty() || alias.columns.len() == columns {
        return Ok(());
    }
    let message = format!(
        "`{}` has {columns} columns and is given {} names",
        alias.name.value,
        alias.columns.len()
    );
    let diagnostic = Diagnostic::new_error(message.clone(), Span::try_from_sqlparser_span(alias.name.span));
    Err(DataFusionError::Plan(message).with_diagnostic(diagnostic))
}

/// Makes the joins with table functions nodes.
pub(super) fn settle(plan: LogicalPlan) -> Result<LogicalPlan> {
    let settled = plan.transform_down(|node| match &node {
        LogicalPlan::Join(join) => match (keeps_rows(join), relation(&join.right)) {
            (Some(keeps_rows), Some(found)) => {
                rows_of(join.left.as_ref().clone(), &found, keeps_rows, &join.right).map(Transformed::yes)
            }
            _ => Ok(Transformed::no(node)),
        },
        LogicalPlan::Projection(projection) => match base(projection) {
            Some(found) => rows_of(projection.input.as_ref().clone(), &found, false, &node).map(Transformed::yes),
            None => Ok(Transformed::no(node)),
        },
        _ => Ok(Transformed::no(node)),
    })?;
    Ok(settled.data)
}

/// Whether a join that could be one with a table function keeps rows without results.
fn keeps_rows(join: &Join) -> Option<bool> {
    let is_true = |filter: &Expr| matches!(filter, Expr::Literal(ScalarValue::Boolean(Some(true)), _));
    if !join.on.is_empty() || !join.filter.as_ref().is_none_or(is_true) {
        return None;
    }
    match join.join_type {
        JoinType::Inner => Some(false),
        JoinType::Left => Some(true),
        _ => None,
    }
}

/// A relation: the projection of its calls, and the projections above it from the bottom.
struct Found<'a> {
    base: &'a Projection,
    above: Vec<&'a Projection>,
}

fn base(projection: &Projection) -> Option<Found<'_>> {
    let is_empty = matches!(projection.input.as_ref(), LogicalPlan::EmptyRelation(_));
    let is_ours = matches!(projection.expr.first(), Some(Expr::Alias(alias)) if alias.name.starts_with(RELATION));
    (is_empty && is_ours).then_some(Found {
        base: projection,
        above: vec![],
    })
}

fn relation(plan: &LogicalPlan) -> Option<Found<'_>> {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => relation(&alias.input),
        LogicalPlan::Subquery(subquery) => relation(&subquery.subquery),
        LogicalPlan::Projection(projection) => base(projection).or_else(|| {
            let mut found = relation(&projection.input)?;
            found.above.push(projection);
            Some(found)
        }),
        _ => None,
    }
}

/// The rows of `left`, each with those of the calls of `found`, under the names that `right` has.
fn rows_of(left: LogicalPlan, found: &Found<'_>, keeps_rows: bool, right: &LogicalPlan) -> Result<LogicalPlan> {
    let first = left.schema().fields().len();
    let (mut calls, mut names, mut values) = (Vec::new(), Vec::new(), Vec::new());
    let mut ordinality = None;
    for (number, expr) in found.base.expr.iter().enumerate() {
        let name = match expr {
            Expr::Alias(alias) if alias.name == ORDINALITY => {
                ordinality.insert(format!("ordinality#{}", first + number)).clone()
            }
            other => {
                let call = other.clone().unalias().transform(|part| match part {
                    Expr::OuterReferenceColumn(_, column) => Ok(Transformed::yes(Expr::Column(column))),
                    part => Ok(Transformed::no(part)),
                })?;
                let name = format!("{}#{}", name_of(&call.data), first + number);
                calls.push(call.data);
                names.push(name.clone());
                name
            }
        };
        values.push(Expr::Column(Column::new_unqualified(name)));
    }
    let mut schema = &found.base.schema;
    for projection in &found.above {
        let over_values = |expr: &Expr| {
            let replaced = expr.clone().unalias().transform(|part| match &part {
                Expr::Column(column) => Ok(Transformed::yes(values[schema.index_of_column(column)?].clone())),
                _ => Ok(Transformed::no(part)),
            });
            replaced.map(|replaced| replaced.data)
        };
        values = projection.expr.iter().map(over_values).collect::<Result<_>>()?;
        schema = &projection.schema;
    }
    let own = left.schema().columns().into_iter().map(Expr::Column);
    let given = right.schema().iter().zip(values);
    let given = given.map(|((relation, field), value)| value.alias_qualified(relation.cloned(), field.name()));
    let exprs = own.chain(given).collect();
    let rows = RowsOf { keeps_rows, ordinality };
    let node = TableFunctionNode::try_new(left, calls, names, rows)?;
    let input = LogicalPlan::Extension(Extension { node: Arc::new(node) });
    Ok(LogicalPlan::Projection(Projection::try_new(exprs, Arc::new(input))?))
}
