//! Nodes that planning puts into the logical plan: table functions and Top-N. Also DISTINCT.

use datafusion::logical_expr::{Distinct, Expr, Extension, UserDefinedLogicalNodeCore};

use super::relation::all_or_missing;
use super::{Lowering, Relation, arrow_schema};
use crate::operator::table_function::{TableCall, TableCalls};
use crate::operator::top_n::{Counting, Retractions, Ties, TopNSpec};
use crate::plan::row_time::is_row_time;
use crate::plan::table_function_node::TableFunctionNode;
use crate::plan::table_marker::as_table_marker;
use crate::plan::top_n::TopNNode;
use crate::plan::{Error, NodeKind};
use crate::types::storage::SourceKind;

impl Lowering {
    pub(super) fn extension(&mut self, extension: &Extension) -> Result<Relation, Error> {
        let node = extension.node.as_any();
        if let Some(table) = node.downcast_ref::<TableFunctionNode>() {
            return self.table_function(table);
        }
        if let Some(top_n) = node.downcast_ref::<TopNNode>() {
            return self.top_n(top_n);
        }
        let name = extension.node.name();
        Err(Error::new(
            "internal",
            format!("the plan has a node {name} that is not known"),
        ))
    }

    fn table_function(&mut self, table: &TableFunctionNode) -> Result<Relation, Error> {
        let input = self.node(&table.input)?;
        if input.kind == SourceKind::Table {
            return Err(Error::new(
                "table-function-over-table",
                "a table source is not supported with table functions",
            )
            .help("declare the table's topic as a stream, or select from the stream that the table is made from"));
        }
        let mut calls = Vec::with_capacity(table.calls.len());
        let mut args: Vec<Vec<Expr>> = Vec::with_capacity(table.calls.len());
        for call in &table.calls {
            let Expr::ScalarFunction(function) = call else {
                return Err(Error::new("internal", format!("`{call}` is no table function")));
            };
            let Some(marker) = as_table_marker(function.func.inner().as_ref()) else {
                return Err(Error::new("internal", format!("`{call}` lost its function")));
            };
            calls.push(std::sync::Arc::clone(&marker.function));
            args.push(function.args.clone());
        }
        let (node, schema, args) = self.with_stream_functions(input.node, table.input.schema(), args)?;
        let calls = calls
            .into_iter()
            .zip(&args)
            .map(|(function, args)| {
                Ok(TableCall {
                    function,
                    args: self.expressions(args, &schema)?,
                })
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let given = schema.fields().len() - table.input.schema().fields().len();
        let node = self.append(
            node,
            NodeKind::TableFunction(TableCalls {
                calls,
                keeps_rows: table.rows.keeps_rows,
                ordinality: table.rows.ordinality.is_some(),
            }),
            &arrow_schema(table.schema()),
            given,
        );
        Ok(Relation { node, ..input })
    }

    fn top_n(&mut self, top_n: &TopNNode) -> Result<Relation, Error> {
        let input = self.node(&top_n.input)?;
        let own = top_n.input.schema();
        let order: Vec<Expr> = top_n.order_by.iter().map(|sort| sort.expr.clone()).collect();
        let parts = vec![top_n.partition_by.clone(), order];
        let (node, schema, parts) = self.with_stream_functions(input.node, own, parts)?;
        let keys = self.expressions(&parts[0], &schema)?;
        let order = self.expressions(&parts[1], &schema)?;
        let options = top_n
            .order_by
            .iter()
            .map(|sort| datafusion::arrow::compute::SortOptions {
                descending: !sort.asc,
                nulls_first: sort.nulls_first,
            });
        let counting = Counting::from(top_n.counting);
        let keeps_latest = top_n
            .order_by
            .first()
            .is_some_and(|by| !by.asc && is_row_time(&by.expr, &top_n.input));
        let spec = TopNSpec {
            order: order.into_iter().zip(options).collect(),
            counting,
            skip: top_n.skip,
            last: top_n.last,
            shows_number: top_n.number.is_some(),
            ties: if keeps_latest {
                Ties::NewestFirst
            } else {
                Ties::OldestFirst
            },
            input: match input.kind {
                SourceKind::Stream => Retractions::Never,
                SourceKind::Table => Retractions::Possible,
            },
            keys: keys.clone(),
        };
        let (key, key_exprs, window) = match top_n_key(top_n, counting, &input) {
            Some((key, exprs)) => (key, exprs, Ok(vec![])),
            None => (input.key.clone(), vec![], input.window.clone()),
        };
        let node = self.gather_keys(node, keys);
        let given = schema.fields().len() - own.fields().len();
        let node = self.append(
            node,
            NodeKind::TopN(Box::new(spec)),
            &arrow_schema(top_n.schema()),
            given,
        );
        Ok(Relation {
            node,
            kind: SourceKind::Table,
            key,
            window,
            equal: vec![],
            key_exprs,
        })
    }

    pub(super) fn distinct(&mut self, distinct: &Distinct) -> Result<Relation, Error> {
        let Distinct::All(plan) = distinct else {
            return Err(Error::new("not-supported", "DISTINCT ON is not possible on a stream").help(
                "write SELECT ... FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY key ORDER BY ROWTIME) AS rn FROM s) \
                 WHERE rn = 1",
            ));
        };
        let input = self.node(plan)?;
        let schema = arrow_schema(plan.schema());
        let columns: Vec<Expr> = plan.schema().columns().into_iter().map(Expr::Column).collect();
        let keys = self.expressions(&columns, plan.schema())?;
        let node = self.gather_keys(input.node, keys);
        let node = self.dataflow.add(NodeKind::Distinct, vec![node], schema);
        let key = match input.kind {
            SourceKind::Stream => input.key,
            // Rows of different keys may be equal, so a distinct row is its own key.
            SourceKind::Table => Ok((0..columns.len()).map(|position| vec![position]).collect()),
        };
        Ok(Relation {
            node,
            kind: input.kind,
            key,
            window: Ok(vec![]),
            equal: vec![],
            key_exprs: vec![],
        })
    }
}

/// Positions that hold each column of a key, or the names of those that are nowhere, as in [`Relation`].
type Key = Result<Vec<Vec<usize>>, Vec<String>>;

/// What tells the rows of a Top-N apart, as positions and where that is none as expressions: their places, where these are shown; the key, where it has one row; the key of the
/// rows themselves, where they come from a table: `None`.
fn top_n_key(top_n: &TopNNode, counting: Counting, input: &Relation) -> Option<(Key, Vec<Expr>)> {
    let is_place = counting == Counting::RowNumber && top_n.number.is_some();
    let has_one_row = counting == Counting::RowNumber && top_n.last.saturating_sub(top_n.skip) <= 1;
    if !is_place && !has_one_row {
        let missing = match (input.kind, top_n.number.is_some()) {
            (SourceKind::Table, _) => return None,
            (SourceKind::Stream, false) => "the number of the row",
            (SourceKind::Stream, true) => "ROW_NUMBER in place of RANK",
        };
        return Some((Err(vec![missing.into()]), vec![]));
    }
    let schema = top_n.schema();
    let number = is_place.then(|| schema.columns().pop().map(Expr::Column)).flatten();
    let parts: Vec<Expr> = top_n.partition_by.iter().cloned().chain(number).collect();
    let key = all_or_missing(parts.iter().map(|part| {
        let place = match part {
            Expr::Column(column) => schema.maybe_index_of_column(column),
            _ => None,
        };
        place.map(|place| vec![place]).ok_or_else(|| super::label(part))
    }));
    let exprs = if key.is_ok() { vec![] } else { parts };
    Some((key, exprs))
}
