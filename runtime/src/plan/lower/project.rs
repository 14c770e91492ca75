//! SELECT lists and WHERE.

use std::sync::Arc;

use datafusion::common::DFSchemaRef;
use datafusion::logical_expr::{Expr, LogicalPlan};

use super::stream_function::Extracted;
use super::{Lowering, Relation, arrow_schema};
use crate::operator::Expression;
use crate::plan::{Error, NodeId, NodeKind};

impl Lowering {
    pub(super) fn projection(&mut self, projection: &datafusion::logical_expr::Projection) -> Result<Relation, Error> {
        let (input, extracted) = match &*projection.input {
            LogicalPlan::Filter(filter) => self.filter_and_calls(filter)?,
            other => {
                let input = self.node(other)?;
                let extracted = Extracted::nothing(input.node, other.schema());
                (input, extracted)
            }
        };
        let key = input.projected_key(projection.input.schema(), &projection.expr);
        let window = input.projected_window(projection.input.schema(), &projection.expr);
        let mut exprs = projection.expr.clone();
        input.fill_key(projection.input.schema(), &mut exprs);
        let extracted = self.extract_subqueries(extracted, input.kind, &mut exprs)?;
        let extracted = self.extract_stream_functions(extracted, &mut exprs)?;
        let schema = arrow_schema(&projection.schema);
        let expressions = self.expressions(&exprs, &extracted.schema)?;
        let node = self
            .dataflow
            .add(NodeKind::Project(expressions), vec![extracted.node], schema);
        Ok(Relation {
            node,
            kind: input.kind,
            key_exprs: match key {
                Ok(_) => vec![],
                Err(_) => input.projected_key_exprs(&projection.expr),
            },
            key,
            window,
            equal: vec![],
        })
    }

    pub(super) fn filter(&mut self, filter: &datafusion::logical_expr::Filter) -> Result<Relation, Error> {
        let (relation, _) = self.filter_and_calls(filter)?;
        // Columns of stream functions in WHERE are not part of the result.
        let node = self.keep_first_columns(relation.node, filter.input.schema())?;
        Ok(Relation { node, ..relation })
    }

    /// A filter, with the columns of the stream functions in it behind its own: the SELECT list above may hold the same calls,
    /// and a call that is written twice has one state and one result per row.
    fn filter_and_calls(&mut self, filter: &datafusion::logical_expr::Filter) -> Result<(Relation, Extracted), Error> {
        let input = self.node(&filter.input)?;
        let mut exprs = vec![filter.predicate.clone()];
        let nothing = Extracted::nothing(input.node, filter.input.schema());
        let nothing = self.extract_subqueries(nothing, input.kind, &mut exprs)?;
        let extracted = self.extract_stream_functions(nothing, &mut exprs)?;
        let predicate = self.expression(&exprs[0], &extracted.schema)?;
        let filtered = self.schema(extracted.node);
        let node = self
            .dataflow
            .add(NodeKind::Filter(predicate), vec![extracted.node], filtered);
        Ok((Relation { node, ..input }, Extracted { node, ..extracted }))
    }

    fn keep_first_columns(&mut self, node: NodeId, schema: &DFSchemaRef) -> Result<NodeId, Error> {
        let wanted = schema.fields().len();
        if self.dataflow.nodes[node].schema.fields().len() == wanted {
            return Ok(node);
        }
        let columns: Vec<Expr> = schema.columns().into_iter().map(Expr::Column).collect();
        let expressions = self.expressions(&columns, schema)?;
        Ok(self
            .dataflow
            .add(NodeKind::Project(expressions), vec![node], arrow_schema(schema)))
    }

    /// Only the first `wanted` columns of a node.
    pub(super) fn first_columns(&mut self, node: NodeId, wanted: usize) -> NodeId {
        let schema = self.schema(node);
        if schema.fields().len() == wanted {
            return node;
        }
        let fields = schema.fields().iter().take(wanted);
        let expressions = fields.clone().enumerate().map(|(position, field)| {
            let column = datafusion::physical_expr::expressions::Column::new(field.name(), position);
            Expression::new(Arc::new(column), field.name().clone(), field.data_type().clone())
        });
        let expressions = expressions.collect();
        let kept = Arc::new(datafusion::arrow::datatypes::Schema::new(
            fields.map(Arc::clone).collect::<Vec<_>>(),
        ));
        self.dataflow.add(NodeKind::Project(expressions), vec![node], kept)
    }
}
