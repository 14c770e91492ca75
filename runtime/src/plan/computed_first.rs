//! In the plan of a pull query: what aggregates, sorts and the conditions of joins compute from a row is computed by projections and filters
//! below or above them, which know what to do with a row on which it fails ([`super::lenient_exec`]). Not what stands in OVER and FILTER: with a
//! projection of its own below each window DataFusion loses the order that another one asks for.

use std::sync::Arc;

use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::{
    Aggregate, Expr, Filter, JoinType, LogicalPlan, Projection, Sort, SortExpr, Window,
};

/// Rewrites an optimized plan; no rule is to be run on it after that.
pub(super) fn computed_first(plan: LogicalPlan) -> Result<LogicalPlan> {
    let rewritten = plan.transform_up(|node| match node {
        LogicalPlan::Aggregate(aggregate) => of_aggregate(aggregate),
        LogicalPlan::Sort(sort) => of_sort(sort),
        LogicalPlan::Join(mut join) if join.join_type == JoinType::Inner => {
            match join.filter.take_if(|filter| is_computed(filter)) {
                None => Ok(Transformed::no(LogicalPlan::Join(join))),
                Some(filter) => {
                    let filter = Filter::try_new(filter, Arc::new(LogicalPlan::Join(join)))?;
                    Ok(Transformed::yes(LogicalPlan::Filter(filter)))
                }
            }
        }
        other => Ok(Transformed::no(other)),
    });
    Ok(rewritten?.data)
}

/// Whether a condition does more than to compare columns.
fn is_computed(condition: &Expr) -> bool {
    let computes = condition.exists(|part| {
        Ok(!matches!(
            part,
            Expr::Column(_)
                | Expr::Literal(..)
                | Expr::BinaryExpr(_)
                | Expr::IsNull(_)
                | Expr::IsNotNull(_)
                | Expr::Not(_)
        ))
    });
    computes.unwrap_or(true)
}

/// Expressions that a projection below a node computes.
struct Computed {
    /// All columns of the input, then what is computed.
    exprs: Vec<Expr>,
    columns: usize,
    found: Vec<Expr>,
}

impl Computed {
    fn over(input: &LogicalPlan) -> Self {
        let exprs: Vec<Expr> = input.schema().columns().into_iter().map(Expr::Column).collect();
        Self {
            columns: exprs.len(),
            exprs,
            found: Vec::new(),
        }
    }

    /// The column in which the projection has this expression.
    fn column(&mut self, expr: Expr) -> Expr {
        let expr = match expr {
            Expr::Alias(alias) => *alias.expr,
            expr => expr,
        };
        if matches!(expr, Expr::Column(_) | Expr::Literal(..)) {
            return expr;
        }
        let name = |at: usize| format!("computed@{at}");
        let at = match self.found.iter().position(|other| *other == expr) {
            Some(at) => at,
            None => {
                self.found.push(expr.clone());
                self.exprs.push(expr.alias(name(self.found.len() - 1)));
                self.found.len() - 1
            }
        };
        Expr::Column(Column::new_unqualified(name(at)))
    }

    fn columns_of(&mut self, exprs: Vec<Expr>) -> Vec<Expr> {
        exprs.into_iter().map(|expr| self.column(expr)).collect()
    }

    fn sorted(&mut self, exprs: Vec<SortExpr>) -> Vec<SortExpr> {
        let column = |sort: SortExpr| SortExpr {
            expr: self.column(sort.expr),
            ..sort
        };
        exprs.into_iter().map(column).collect()
    }

    fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    fn project(self, input: Arc<LogicalPlan>) -> Result<Arc<LogicalPlan>> {
        Ok(Arc::new(LogicalPlan::Projection(Projection::try_new(
            self.exprs, input,
        )?)))
    }
}

/// The columns of `plan` at these places, under the names that `like` has.
fn named_as(plan: LogicalPlan, places: impl Iterator<Item = usize>, like: &LogicalPlan) -> Result<LogicalPlan> {
    let columns = plan.schema().columns();
    let named = places.zip(like.schema().iter()).map(|(place, (relation, field))| {
        Expr::Column(columns[place].clone()).alias_qualified(relation.cloned(), field.name())
    });
    let named: Vec<Expr> = named.collect();
    Ok(LogicalPlan::Projection(Projection::try_new(named, Arc::new(plan))?))
}

fn of_aggregate(aggregate: Aggregate) -> Result<Transformed<LogicalPlan>> {
    let mut computed = Computed::over(&aggregate.input);
    let groups = aggregate.group_expr.iter().cloned().map(|group| match group {
        Expr::GroupingSet(_) => {
            let columns = group.map_children(|part| Ok(Transformed::yes(computed.column(part))));
            columns.map(|columns| columns.data)
        }
        group => Ok(computed.column(group)),
    });
    let groups = groups.collect::<Result<Vec<_>>>()?;
    let of_call = |part: Expr, computed: &mut Computed| match part {
        Expr::AggregateFunction(mut call) => {
            let params = &mut call.params;
            params.args = computed.columns_of(std::mem::take(&mut params.args));
            params.order_by = computed.sorted(std::mem::take(&mut params.order_by));
            Transformed::yes(Expr::AggregateFunction(call))
        }
        part => Transformed::no(part),
    };
    let calls = aggregate.aggr_expr.iter().cloned();
    let calls = calls.map(|call| Ok(call.transform_up(|part| Ok(of_call(part, &mut computed)))?.data));
    let calls = calls.collect::<Result<Vec<_>>>()?;
    let old = LogicalPlan::Aggregate(aggregate.clone());
    if computed.is_empty() {
        return Ok(Transformed::no(old));
    }
    let new = LogicalPlan::Aggregate(Aggregate::try_new(computed.project(aggregate.input)?, groups, calls)?);
    let all = 0..new.schema().fields().len();
    named_as(new, all, &old).map(Transformed::yes)
}

fn of_sort(sort: Sort) -> Result<Transformed<LogicalPlan>> {
    let mut computed = Computed::over(&sort.input);
    let by = computed.sorted(sort.expr.clone());
    let old = LogicalPlan::Sort(sort.clone());
    if computed.is_empty() {
        return Ok(Transformed::no(old));
    }
    let own = computed.columns;
    let new = LogicalPlan::Sort(Sort {
        expr: by,
        input: computed.project(sort.input)?,
        fetch: sort.fetch,
    });
    named_as(new, 0..own, &old).map(Transformed::yes)
}
