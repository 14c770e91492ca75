//! `... WHERE rn <= n` over `ROW_NUMBER() OVER (PARTITION BY k ORDER BY v) AS rn`, as subquery or with QUALIFY.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::expr::{WindowFunction, WindowFunctionDefinition};
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{BinaryExpr, Expr, Filter, LogicalPlan, Operator, Projection, Window};

use super::{CountedBy, TopNNode, check_size, rebuilt, with_null_number};
use crate::plan::Error;
use crate::plan::row_time::{is_row_time, retracts, unaliased};

/// A projection over such a filter: its number is shown only if the projection reads it.
pub(super) fn projected(projection: &Projection) -> Result<Option<LogicalPlan>, Error> {
    let LogicalPlan::Filter(filter) = &*projection.input else {
        return Ok(None);
    };
    let Some(found) = find(filter)? else { return Ok(None) };
    let read = projection.expr.iter().flat_map(Expr::column_refs);
    let shows_number = read
        .into_iter()
        .any(|column| filter.input.schema().maybe_index_of_column(column) == Some(found.position))
        || found
            .rest
            .iter()
            .flat_map(Expr::column_refs)
            .any(|column| filter.input.schema().maybe_index_of_column(column) == Some(found.position));
    let input = found.plan(shows_number)?;
    let replaced =
        Projection::try_new_with_schema(projection.expr.clone(), Arc::new(input), Arc::clone(&projection.schema))?;
    Ok(Some(LogicalPlan::Projection(replaced)))
}

/// Such a filter alone.
pub(super) fn filtered(filter: &Filter) -> Result<Option<LogicalPlan>, Error> {
    match find(filter)? {
        Some(found) => Ok(Some(found.plan(true)?)),
        None => Ok(None),
    }
}

/// A filter on the number of a row within its key.
struct Found<'a> {
    /// Position of the number's column in the filter's input.
    position: usize,
    /// What else the filter asks for.
    rest: Vec<Expr>,
    /// The nodes between filter and window, outermost first.
    above: Vec<LogicalPlan>,
    window: &'a Window,
    call: &'a WindowFunction,
    counting: CountedBy,
    skip: u64,
    last: u64,
}

fn find(filter: &Filter) -> Result<Option<Found<'_>>, Error> {
    let schema = filter.input.schema();
    let conditions = split_conjunction(&filter.predicate);
    for condition in &conditions {
        let Some((column, ..)) = bounds(condition) else {
            continue;
        };
        let Some(position) = schema.maybe_index_of_column(column) else {
            continue;
        };
        let mut above = Vec::new();
        let Some((window, call)) = window_at(position, &filter.input, &mut above) else {
            continue;
        };
        let Some(counting) = counting(call) else { continue };
        let (mut low, mut high) = (1, u64::MAX);
        let mut rest = Vec::new();
        for condition in &conditions {
            match bounds(condition) {
                Some((other, from, to)) if schema.maybe_index_of_column(other) == Some(position) => {
                    (low, high) = (low.max(from), high.min(to));
                }
                _ => rest.push((*condition).clone()),
            }
        }
        // In the order of time rows only ever come behind, so the number stays and the filter is an ordinary one.
        let order = &call.params.order_by;
        let stays = match order.as_slice() {
            [] => true,
            [by] => by.asc && is_row_time(&by.expr, &window.input),
            _ => false,
        };
        if stays && !retracts(&window.input) {
            return Ok(None);
        }
        if high == u64::MAX || window.window_expr.len() != 1 {
            return Ok(None);
        }
        check_size(high)?;
        return Ok(Some(Found {
            position,
            rest,
            above,
            window,
            call,
            counting,
            skip: low.saturating_sub(1),
            last: high,
        }));
    }
    Ok(None)
}

impl Found<'_> {
    fn plan(self, shows_number: bool) -> Result<LogicalPlan, Error> {
        let input = self.window.input.as_ref().clone();
        let (_, number) = self.window.schema.qualified_field(input.schema().fields().len());
        let node = TopNNode {
            schema: Arc::clone(input.schema()),
            input: input.clone(),
            partition_by: self.call.params.partition_by.clone(),
            order_by: self.call.params.order_by.clone(),
            counting: self.counting,
            skip: self.skip,
            last: self.last,
            number: shows_number.then(|| Arc::clone(number)),
        }
        .with_input(input)?;
        let top = if shows_number {
            node.into_plan()
        } else {
            with_null_number(node, number)?
        };
        let plan = rebuilt(self.above, top)?;
        Ok(match conjunction(self.rest) {
            Some(rest) => LogicalPlan::Filter(Filter::try_new(rest, Arc::new(plan))?),
            None => plan,
        })
    }
}

/// The call with OVER that gives the column at `position` of `plan`, through nodes that only pass it on.
fn window_at<'a>(
    position: usize,
    plan: &'a LogicalPlan,
    above: &mut Vec<LogicalPlan>,
) -> Option<(&'a Window, &'a WindowFunction)> {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => {
            above.push(plan.clone());
            window_at(position, &alias.input, above)
        }
        LogicalPlan::Projection(projection) => {
            above.push(plan.clone());
            let Expr::Column(column) = unaliased(&projection.expr[position]) else {
                return None;
            };
            let position = projection.input.schema().maybe_index_of_column(column)?;
            window_at(position, &projection.input, above)
        }
        LogicalPlan::Window(window) => {
            let place = position.checked_sub(window.input.schema().fields().len())?;
            match unaliased(&window.window_expr[place]) {
                Expr::WindowFunction(call) => Some((window, call)),
                _ => None,
            }
        }
        _ => None,
    }
}

fn counting(call: &WindowFunction) -> Option<CountedBy> {
    let WindowFunctionDefinition::WindowUDF(function) = &call.fun else {
        return None;
    };
    match function.name() {
        "row_number" => Some(CountedBy::RowNumber),
        "rank" => Some(CountedBy::Rank),
        "dense_rank" => Some(CountedBy::DenseRank),
        _ => None,
    }
}

/// Where a condition compares a column with a whole number: the column, and from where to where it may be.
fn bounds(condition: &Expr) -> Option<(&Column, u64, u64)> {
    match condition {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let (column, op, number) = match (uncast(left), uncast(right)) {
                (Expr::Column(column), other) => (column, *op, whole_number(other)?),
                (other, Expr::Column(column)) => (column, op.swap()?, whole_number(other)?),
                _ => return None,
            };
            match op {
                Operator::LtEq => Some((column, 1, number)),
                Operator::Lt => Some((column, 1, number.saturating_sub(1))),
                Operator::Eq => Some((column, number, number)),
                Operator::GtEq => Some((column, number, u64::MAX)),
                Operator::Gt => Some((column, number.saturating_add(1), u64::MAX)),
                _ => None,
            }
        }
        Expr::Between(between) if !between.negated => match uncast(&between.expr) {
            Expr::Column(column) => Some((column, whole_number(&between.low)?, whole_number(&between.high)?)),
            _ => None,
        },
        _ => None,
    }
}

fn uncast(expr: &Expr) -> &Expr {
    match expr {
        Expr::Cast(cast) => uncast(&cast.expr),
        Expr::TryCast(cast) => uncast(&cast.expr),
        other => other,
    }
}

fn whole_number(expr: &Expr) -> Option<u64> {
    match uncast(expr) {
        Expr::Literal(value, _) if value.data_type().is_integer() => match value.cast_to(&DataType::Int64).ok()? {
            ScalarValue::Int64(Some(number)) => Some(u64::try_from(number).unwrap_or(0)),
            _ => None,
        },
        _ => None,
    }
}
