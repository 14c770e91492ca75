//! Top-N in a logical plan: a filter on the number of a row within its key, or ORDER BY with LIMIT, becomes one node.
//!
//! Only as a whole is such a query possible on a stream: the number of a row changes with every better row, but which rows are
//! the first ones can be kept.

mod pattern;

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::Field;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, DFSchemaRef, Result, ScalarValue, internal_err};
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::{
    Expr, Extension, FetchType, Limit, LogicalPlan, Projection, SkipType, UserDefinedLogicalNodeCore,
};

use super::Error;
use crate::operator::top_n::Counting;
use crate::types::limits::TOP_N_ROWS_MAX;

/// The first rows of each key of `input` by an order.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct TopNNode {
    pub(crate) input: LogicalPlan,
    pub(crate) partition_by: Vec<Expr>,
    pub(crate) order_by: Vec<Sort>,
    pub(crate) counting: CountedBy,
    /// Rows before the first one shown.
    pub(crate) skip: u64,
    /// The number of the last row shown.
    pub(crate) last: u64,
    /// The column of the number, where the result has it.
    pub(crate) number: Option<Arc<Field>>,
    schema: DFSchemaRef,
}

/// [`Counting`], comparable as a plan must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum CountedBy {
    RowNumber,
    Rank,
    DenseRank,
}

impl From<CountedBy> for Counting {
    fn from(counted: CountedBy) -> Self {
        match counted {
            CountedBy::RowNumber => Self::RowNumber,
            CountedBy::Rank => Self::Rank,
            CountedBy::DenseRank => Self::DenseRank,
        }
    }
}

impl TopNNode {
    fn with_input(self, input: LogicalPlan) -> Result<Self> {
        let own = input.schema();
        let mut fields: Vec<_> = own.iter().map(|(q, field)| (q.cloned(), Arc::clone(field))).collect();
        fields.extend(self.number.iter().map(|number| (None, Arc::clone(number))));
        let schema = Arc::new(DFSchema::new_with_metadata(fields, own.metadata().clone())?);
        Ok(Self { input, schema, ..self })
    }

    fn into_plan(self) -> LogicalPlan {
        LogicalPlan::Extension(Extension { node: Arc::new(self) })
    }
}

impl PartialOrd for TopNNode {
    /// Plans have no order.
    fn partial_cmp(&self, _other: &Self) -> Option<Ordering> {
        None
    }
}

impl UserDefinedLogicalNodeCore for TopNNode {
    fn name(&self) -> &'static str {
        "TopN"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        let order = self.order_by.iter().map(|sort| sort.expr.clone());
        self.partition_by.iter().cloned().chain(order).collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TopN: {}", self.last)
    }

    fn with_exprs_and_inputs(&self, mut exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        let (Some(input), true) = (inputs.pop(), inputs.is_empty()) else {
            return internal_err!("a Top-N has one input");
        };
        exprs = exprs.into_iter().map(Expr::unalias).collect();
        let ordered = exprs.split_off(self.partition_by.len());
        let order_by = self.order_by.iter().zip(ordered);
        Self {
            input: input.clone(),
            partition_by: exprs,
            order_by: order_by.map(|(sort, expr)| sort.with_expr(expr)).collect(),
            counting: self.counting,
            skip: self.skip,
            last: self.last,
            number: self.number.clone(),
            schema: Arc::clone(&self.schema),
        }
        .with_input(input)
    }
}

/// Puts a Top-N in place of everything in an optimized plan that amounts to one.
pub(super) fn find(plan: LogicalPlan) -> std::result::Result<LogicalPlan, Error> {
    let mut refused = None;
    let found = plan.transform_down(|node| {
        let replaced = match &node {
            LogicalPlan::Projection(projection) => pattern::projected(projection),
            LogicalPlan::Filter(filter) => pattern::filtered(filter),
            LogicalPlan::Limit(limit) => sorted(limit),
            _ => return Ok(Transformed::no(node)),
        };
        Ok(match replaced {
            Ok(Some(plan)) => Transformed::yes(plan),
            Ok(None) => Transformed::no(node),
            Err(error) => {
                refused.get_or_insert(error);
                Transformed::no(node)
            }
        })
    })?;
    match refused {
        Some(error) => Err(error),
        None => Ok(found.data),
    }
}

/// ORDER BY ... LIMIT n [OFFSET m], where projections may stand between the two.
fn sorted(limit: &Limit) -> std::result::Result<Option<LogicalPlan>, Error> {
    let (SkipType::Literal(skip), FetchType::Literal(Some(fetch))) = (limit.get_skip_type()?, limit.get_fetch_type()?)
    else {
        return Ok(None);
    };
    let (skip, fetch) = (skip as u64, fetch as u64);
    let mut above = Vec::new();
    let mut plan = &*limit.input;
    let sort = loop {
        match plan {
            LogicalPlan::Sort(sort) => break sort,
            LogicalPlan::Projection(projection) => {
                above.push(plan.clone());
                plan = &projection.input;
            }
            LogicalPlan::SubqueryAlias(alias) => {
                above.push(plan.clone());
                plan = &alias.input;
            }
            _ => return Ok(None),
        }
    };
    let last = skip.saturating_add(fetch);
    check_size(last)?;
    let input = sort.input.as_ref().clone();
    let node = TopNNode {
        schema: Arc::clone(input.schema()),
        input,
        partition_by: vec![],
        order_by: sort.expr.clone(),
        counting: CountedBy::RowNumber,
        skip,
        last,
        number: None,
    };
    Ok(Some(rebuilt(above, node.into_plan())?))
}

/// The nodes of `above`, outermost first, on top of `plan`.
fn rebuilt(above: Vec<LogicalPlan>, mut plan: LogicalPlan) -> Result<LogicalPlan> {
    for node in above.into_iter().rev() {
        plan = node.with_new_exprs(node.expressions(), vec![plan])?;
    }
    Ok(plan)
}

fn check_size(last: u64) -> std::result::Result<(), Error> {
    if last > TOP_N_ROWS_MAX {
        return Err(Error::new(
            "top-n-size",
            format!("the first {last} rows are more than a query keeps; at most {TOP_N_ROWS_MAX}"),
        )
        .help("keep fewer rows, or make the order a part of what reads the result"));
    }
    Ok(())
}

/// `node` with NULL in place of the number, for plans above that have its column and do not read it.
fn with_null_number(node: TopNNode, number: &Field) -> Result<LogicalPlan> {
    let plan = node.into_plan();
    let null = Expr::Literal(ScalarValue::try_from(number.data_type())?, None).alias(number.name());
    let mut exprs: Vec<Expr> = plan.schema().columns().into_iter().map(Expr::Column).collect();
    exprs.push(null);
    Ok(LogicalPlan::Projection(Projection::try_new(exprs, Arc::new(plan))?))
}
