//! Subqueries in expressions: `(SELECT MAX(x) FROM t)` becomes a join of the stream with the one row that the subquery keeps.

use std::sync::Arc;

use datafusion::arrow::datatypes::Field;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, DFSchemaRef};
use datafusion::logical_expr::{Expr, Subquery, lit};

use super::stream_function::Extracted;
use super::{Lowering, arrow_schema};
use crate::operator::join::{StreamTableJoinPlan, Unmatched};
use crate::plan::{Distribution, Error, JoinPlan, NodeId, NodeKind};
use crate::types::storage::SourceKind;

impl Lowering {
    /// Takes the scalar subqueries out of `exprs` and puts a join for each below.
    pub(super) fn extract_subqueries(
        &mut self,
        mut extracted: Extracted,
        kind: SourceKind,
        exprs: &mut [Expr],
    ) -> Result<Extracted, Error> {
        for subquery in scalar_subqueries(exprs)? {
            if kind == SourceKind::Table {
                return Err(Error::new(
                    "subquery-over-table",
                    "a subquery in an expression is possible over a stream only: each of its changes would change all rows of a table",
                )
                .help("join the tables, or ask by a SELECT without EMIT CHANGES"));
            }
            (extracted.node, extracted.schema) =
                self.join_with_one_row(extracted.node, &extracted.schema, &subquery)?;
            let (_, field) = extracted.schema.qualified_field(extracted.schema.fields().len() - 1);
            let column = Expr::Column(Column::new_unqualified(field.name()));
            let wanted = Expr::ScalarSubquery(subquery);
            for expr in exprs.iter_mut() {
                let replaced = expr.clone().transform_up(|node| {
                    Ok(if node == wanted {
                        Transformed::yes(column.clone())
                    } else {
                        Transformed::no(node)
                    })
                })?;
                *expr = replaced.data;
            }
        }
        Ok(extracted)
    }

    fn join_with_one_row(
        &mut self,
        node: NodeId,
        schema: &DFSchemaRef,
        subquery: &Subquery,
    ) -> Result<(NodeId, DFSchemaRef), Error> {
        if !subquery.outer_ref_columns.is_empty() {
            return Err(Error::new(
                "correlated-subquery",
                "a subquery that reads columns of the query around it is not possible on a stream",
            )
            .help("join with the table instead"));
        }
        if subquery.subquery.max_rows() != Some(1) {
            return Err(
                Error::new("subquery-rows", "a subquery in an expression must give one row")
                    .help("aggregate it: (SELECT MAX(column) FROM table)"),
            );
        }
        let rows = self.node(&subquery.subquery)?;
        let name = format!("subquery#{}", schema.fields().len());
        let value = subquery.subquery.schema().field(0);
        let mut fields: Vec<_> = schema.iter().map(|(q, f)| (q.cloned(), Arc::clone(f))).collect();
        fields.push((None, Arc::new(Field::new(name, value.data_type().clone(), true))));
        let joined: DFSchemaRef = Arc::new(DFSchema::new_with_metadata(fields, schema.metadata().clone())?);
        // All rows meet the one row, so both have the same constant key.
        let key = || self.expression(&lit(1_i64), &DFSchema::empty());
        let plan = StreamTableJoinPlan {
            unmatched: Unmatched::PadWithNulls,
            left_keys: vec![key()?],
            right_keys: vec![key()?],
            filter: None,
            left_schema: self.schema(node),
            right_schema: self.schema(rows.node),
            schema: arrow_schema(&joined),
        };
        let inputs = [node, rows.node].map(|side| {
            let columns = self.schema(side);
            self.dataflow
                .add(NodeKind::Exchange(Distribution::Single), vec![side], columns)
        });
        let kind = NodeKind::Join(Box::new(JoinPlan::StreamTable(plan)));
        let node = self.dataflow.add(kind, inputs.to_vec(), arrow_schema(&joined));
        Ok((node, joined))
    }
}

/// The scalar subqueries, each once. Other kinds are refused, for no expression can evaluate them.
fn scalar_subqueries(exprs: &[Expr]) -> Result<Vec<Subquery>, Error> {
    let mut found: Vec<Subquery> = Vec::new();
    let mut refused = None;
    for expr in exprs {
        expr.apply(|node| {
            match node {
                Expr::ScalarSubquery(subquery) if !found.contains(subquery) => found.push(subquery.clone()),
                Expr::InSubquery(_) => refused = Some("IN (SELECT ...)"),
                Expr::Exists(_) => refused = Some("EXISTS (SELECT ...)"),
                _ => {}
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    match refused {
        None => Ok(found),
        Some(what) => Err(Error::new(
            "subquery-in-expression",
            format!("{what} is not possible in a continuous query"),
        )
        .help("join with the table: FROM stream JOIN table ON stream.column = table.key")),
    }
}
