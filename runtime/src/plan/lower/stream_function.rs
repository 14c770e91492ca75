//! Calls of stream functions in expressions become nodes with state below the node that holds the expressions.

use std::sync::Arc;

use datafusion::arrow::datatypes::Field;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, DFSchemaRef, DataFusionError};
use datafusion::logical_expr::Expr;

use super::{Lowering, arrow_schema};
use crate::operator::StreamCall;
use crate::plan::stream_marker::as_marker;
use crate::plan::{Distribution, Error, NodeId, NodeKind};

/// A node with columns for calls of stream functions.
pub(super) struct Extracted {
    pub(super) node: NodeId,
    /// The columns that were there before, then one for each call.
    pub(super) schema: DFSchemaRef,
    /// The calls in the order in which they were taken out, with their columns. An outer call has the inner one's column in
    /// its place.
    pub(super) calls: Vec<(Expr, usize)>,
}

impl Extracted {
    /// A node before any call was taken out.
    pub(super) fn nothing(node: NodeId, schema: &DFSchemaRef) -> Self {
        Self {
            node,
            schema: Arc::clone(schema),
            calls: Vec::new(),
        }
    }
}

impl Lowering {
    /// Takes the calls of stream functions out of `exprs`, innermost first. Calls that have a column already get that one; for
    /// the others nodes with state are put on top: one for each set of calls that share a key, with an exchange so that
    /// all rows of a key meet in one shard.
    pub(super) fn extract_stream_functions(
        &mut self,
        mut extracted: Extracted,
        exprs: &mut [Expr],
    ) -> Result<Extracted, Error> {
        for (call, column) in &extracted.calls {
            replace_calls(exprs, std::slice::from_ref(call), &extracted.schema, *column)?;
        }
        loop {
            let calls = innermost_calls(exprs)?;
            let Some(keys) = calls.first().map(|call| call_parts(call).1) else {
                return Ok(extracted);
            };
            let group: Vec<Expr> = calls.into_iter().filter(|call| call_parts(call).1 == keys).collect();
            let first = extracted.schema.fields().len();
            let (node, schema) = self.stream_function(extracted.node, &extracted.schema, &keys, &group)?;
            replace_calls(exprs, &group, &schema, first)?;
            extracted.node = node;
            extracted.schema = schema;
            extracted.calls.extend(group.into_iter().zip(first..));
        }
    }

    fn stream_function(
        &mut self,
        input: NodeId,
        schema: &DFSchemaRef,
        keys: &[Expr],
        calls: &[Expr],
    ) -> Result<(NodeId, DFSchemaRef), Error> {
        let key_expressions = keys
            .iter()
            .map(|key| self.expression(key, schema))
            .collect::<Result<Vec<_>, Error>>()?;
        let mut fields: Vec<_> = schema.iter().map(|(q, f)| (q.cloned(), Arc::clone(f))).collect();
        let mut planned = Vec::with_capacity(calls.len());
        for call in calls {
            let (args, _) = call_parts(call);
            let args = args
                .iter()
                .map(|arg| self.expression(arg, schema))
                .collect::<Result<Vec<_>, Error>>()?;
            let types: Vec<_> = args.iter().map(|arg| arg.data_type().clone()).collect();
            let Expr::ScalarFunction(function) = call else {
                return Err(Error::new("internal", "a stream function is no function"));
            };
            let marker = as_marker(function.func.inner().as_ref());
            let Some(overload) = marker.and_then(|marker| marker.overload(&types).ok()) else {
                return Err(Error::new("internal", format!("`{call}` lost its function")));
            };
            let name = format!("{}#{}", overload.info().name, fields.len());
            fields.push((None, Arc::new(Field::new(name, overload.info().returns.clone(), true))));
            planned.push(StreamCall {
                function: Arc::clone(overload),
                args,
            });
        }
        let distribution = Distribution::by(&key_expressions);
        let before = Arc::clone(&self.dataflow.nodes[input].schema);
        let exchange = self.dataflow.add(NodeKind::Exchange(distribution), vec![input], before);
        let schema: DFSchemaRef = Arc::new(DFSchema::new_with_metadata(fields, schema.metadata().clone())?);
        let kind = NodeKind::StreamFunction {
            keys: key_expressions,
            calls: planned,
        };
        let node = self.dataflow.add(kind, vec![exchange], arrow_schema(&schema));
        Ok((node, schema))
    }
}

/// The calls of stream functions whose arguments hold no other such call, each once.
fn innermost_calls(exprs: &[Expr]) -> Result<Vec<Expr>, Error> {
    let mut found: Vec<Expr> = Vec::new();
    for expr in exprs {
        expr.apply(|node| {
            if is_call(node) && !holds_call_below(node)? && !found.contains(node) {
                found.push(node.clone());
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    Ok(found)
}

fn is_call(expr: &Expr) -> bool {
    matches!(expr, Expr::ScalarFunction(function) if as_marker(function.func.inner().as_ref()).is_some())
}

fn holds_call_below(expr: &Expr) -> Result<bool, DataFusionError> {
    let Expr::ScalarFunction(function) = expr else {
        return Ok(false);
    };
    for arg in &function.args {
        if arg.exists(|node| Ok(is_call(node)))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Own arguments and key of a marker call.
fn call_parts(call: &Expr) -> (Vec<Expr>, Vec<Expr>) {
    let Expr::ScalarFunction(function) = call else {
        return (vec![], vec![]);
    };
    let keys = as_marker(function.func.inner().as_ref()).map_or(0, |marker| marker.keys);
    let own = function.args.len().saturating_sub(keys);
    (function.args[..own].to_vec(), function.args[own..].to_vec())
}

/// Puts the columns from `first` on in place of `calls`.
fn replace_calls(exprs: &mut [Expr], calls: &[Expr], schema: &DFSchemaRef, first: usize) -> Result<(), Error> {
    for expr in exprs {
        let replaced = expr.clone().transform_up(|node| {
            Ok(match calls.iter().position(|call| *call == node) {
                Some(index) => {
                    let (relation, field) = schema.qualified_field(first + index);
                    Transformed::yes(Expr::Column(Column::new(relation.cloned(), field.name())))
                }
                None => Transformed::no(node),
            })
        })?;
        *expr = replaced.data;
    }
    Ok(())
}
