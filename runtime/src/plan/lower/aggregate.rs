//! GROUP BY, with and without a window.

use std::sync::Arc;

use datafusion::arrow::compute::SortOptions;
use datafusion::common::DFSchema;
use datafusion::logical_expr::expr::{AggregateFunction, NullTreatment};
use datafusion::logical_expr::{Aggregate, Expr, ExprSchemable};

use super::stream_function::Extracted;
use super::{Lowering, Relation, arrow_schema, label};
use crate::operator::aggregate::{AggregateCall, OrderBy};
use crate::operator::group_by::{GroupBy, GroupColumn, Window, WindowEmit, WindowShape};
use crate::plan::window_marker::{Bound, as_window_bound};
use crate::plan::{Distribution, Error, NodeKind};
use crate::types::storage::SourceKind;

impl Lowering {
    pub(super) fn aggregate(&mut self, aggregate: &Aggregate) -> Result<Relation, Error> {
        let input = self.node(&aggregate.input)?;
        let mut exprs: Vec<Expr> = aggregate
            .group_expr
            .iter()
            .chain(&aggregate.aggr_expr)
            .cloned()
            .collect();
        let nothing = Extracted::nothing(input.node, aggregate.input.schema());
        let extracted = self.extract_stream_functions(nothing, &mut exprs)?;
        let (node, input_schema) = (extracted.node, extracted.schema);
        let (groups, calls) = exprs.split_at(aggregate.group_expr.len());
        let mut keys = Vec::new();
        let mut columns = Vec::new();
        let mut window: Option<Window> = None;
        for expr in groups {
            if matches!(expr, Expr::GroupingSet(_)) {
                return Err(Error::new(
                    "not-supported",
                    "GROUPING SETS, CUBE and ROLLUP are not possible on a stream",
                )
                .help("write one query for each grouping"));
            }
            columns.push(match as_window_bound(expr) {
                Some((bound, of)) => {
                    window = Some(of);
                    match bound {
                        Bound::Start => GroupColumn::WindowStart,
                        Bound::End => GroupColumn::WindowEnd,
                    }
                }
                None => {
                    keys.push(self.expression(expr, &input_schema)?);
                    GroupColumn::Key(keys.len() - 1)
                }
            });
        }
        let calls = calls
            .iter()
            .map(|call| self.call(call, &input_schema, input.kind))
            .collect::<Result<Vec<_>, Error>>()?;
        columns.extend((0..calls.len()).map(GroupColumn::Call));
        let places = |wanted: fn(&GroupColumn) -> bool| -> Vec<Vec<usize>> {
            let found = (0..columns.len()).filter(|position| wanted(&columns[*position]));
            found.map(|position| vec![position]).collect()
        };
        let key = places(|column| matches!(column, GroupColumn::Key(_)));
        let bounds = match window.map(|window| window.shape) {
            Some(WindowShape::Session { .. }) => {
                places(|column| matches!(column, GroupColumn::WindowStart | GroupColumn::WindowEnd))
            }
            _ => places(|column| matches!(column, GroupColumn::WindowStart)),
        };
        let distribution = Distribution::by(&keys);
        let before = self.schema(node);
        let exchange = self.dataflow.add(NodeKind::Exchange(distribution), vec![node], before);
        let group_by = GroupBy {
            keys,
            window,
            calls,
            columns,
            emit: window.map_or(WindowEmit::Changes, |_| self.emit),
            old_rows: true,
        };
        let kind = NodeKind::GroupBy(Box::new(group_by));
        let node = self.dataflow.add(kind, vec![exchange], arrow_schema(&aggregate.schema));
        Ok(Relation::grouped(node, key, bounds))
    }

    fn call(&self, expr: &Expr, schema: &DFSchema, over: SourceKind) -> Result<AggregateCall, Error> {
        let data_type = expr.get_type(schema)?;
        let Expr::AggregateFunction(AggregateFunction { func, params }) = unaliased(expr) else {
            return Err(Error::new("internal", format!("`{expr}` is no aggregate")));
        };
        let args = self.expressions(&params.args, schema)?;
        let mut call = AggregateCall::new(Arc::clone(func), args, data_type, label(expr))?;
        if let Some(filter) = &params.filter {
            call = call.filtered(self.expression(filter, schema)?);
        }
        if params.null_treatment == Some(NullTreatment::IgnoreNulls) {
            call = call.ignoring_nulls();
        }
        if !params.order_by.is_empty() {
            let order_by = params.order_by.iter().map(|sort| {
                Ok(OrderBy {
                    expression: self.expression(&sort.expr, schema)?,
                    options: SortOptions {
                        descending: !sort.asc,
                        nulls_first: sort.nulls_first,
                    },
                })
            });
            call = call.ordered(order_by.collect::<Result<_, Error>>()?)?;
        }
        if params.distinct {
            call = call.distinct()?;
        }
        if over == SourceKind::Table {
            if !call.retracts() {
                return Err(Error::new(
                    "aggregate-over-table",
                    format!(
                        "{} cannot be used over a table: it cannot take back a row that changed",
                        call.function_name()
                    ),
                )
                .help("aggregate the stream that the table is made from, or use COUNT, SUM or AVG"));
            }
            call = call.retracting()?;
        }
        Ok(call)
    }
}

fn unaliased(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => unaliased(&alias.expr),
        other => other,
    }
}
