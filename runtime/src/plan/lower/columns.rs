//! Nodes that put columns behind those of their input: what they have in common.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::DFSchemaRef;
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::expressions::Column;

use super::Lowering;
use super::stream_function::Extracted;
use crate::operator::Expression;
use crate::plan::{Distribution, Error, NodeId, NodeKind};

impl Lowering {
    /// Stream functions are taken out of several lists of expressions at once; the lists come back in their shape.
    pub(super) fn with_stream_functions(
        &mut self,
        node: NodeId,
        schema: &DFSchemaRef,
        lists: Vec<Vec<Expr>>,
    ) -> Result<(NodeId, DFSchemaRef, Vec<Vec<Expr>>), Error> {
        let lengths: Vec<usize> = lists.iter().map(Vec::len).collect();
        let mut exprs: Vec<Expr> = lists.into_iter().flatten().collect();
        let Extracted { node, schema, .. } =
            self.extract_stream_functions(Extracted::nothing(node, schema), &mut exprs)?;
        let mut exprs = exprs.into_iter();
        let lists = lengths.into_iter().map(|length| exprs.by_ref().take(length).collect());
        Ok((node, schema, lists.collect()))
    }

    /// An exchange so that all rows of a key meet in one shard.
    pub(super) fn gather_keys(&mut self, node: NodeId, keys: Vec<Expression>) -> NodeId {
        let schema = self.schema(node);
        let distribution = Distribution::by(&keys);
        self.dataflow.add(NodeKind::Exchange(distribution), vec![node], schema)
    }

    /// Adds a node that puts its columns behind those of `input`. `schema` is what the logical plan knows: without the last
    /// `hidden` columns of the input, which are there for the node's own expressions and are taken away again.
    pub(super) fn append(&mut self, input: NodeId, kind: NodeKind, schema: &SchemaRef, hidden: usize) -> NodeId {
        if hidden == 0 {
            return self.dataflow.add(kind, vec![input], Arc::clone(schema));
        }
        let before = self.schema(input);
        let shown = before.fields().len() - hidden;
        let fields: Vec<_> = before
            .fields()
            .iter()
            .chain(&schema.fields()[shown..])
            .cloned()
            .collect();
        let wide: SchemaRef = Arc::new(Schema::new(fields));
        let positions = (0..shown).chain(before.fields().len()..wide.fields().len());
        let expressions = positions.map(|position| {
            let field = wide.field(position);
            let column = Column::new(field.name(), position);
            Expression::new(Arc::new(column), field.name().clone(), field.data_type().clone())
        });
        let expressions = expressions.collect();
        let node = self.dataflow.add(kind, vec![input], wide);
        self.dataflow
            .add(NodeKind::Project(expressions), vec![node], Arc::clone(schema))
    }
}
