//! Logical plan to dataflow: each node that can be streamed becomes an operator, every other one a clear refusal.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, DFSchemaRef, DataFusionError};
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, ExprSchemable, FetchType, Limit, LogicalPlan, SkipType};
use datafusion::physical_expr::create_physical_expr;

use super::key::result_key;
use super::names::SourceTable;
use super::stream_marker::as_marker;
use super::{Dataflow, Distribution, Error, FunctionSet, NodeId, NodeKind, Scan};
use crate::operator::{Expression, StreamCall};

/// A query that can run.
#[derive(Debug, Clone)]
pub struct PlannedQuery {
    /// The plan graph.
    pub dataflow: Dataflow,
    /// Positions in the result of the key of the stream that the query makes; `Err`: the key columns of its source that
    /// are missing from the result.
    pub key: Result<Vec<usize>, Vec<String>>,
}

/// Lowers an analyzed plan.
pub(crate) fn lower(
    plan: &LogicalPlan,
    partition_by: Option<Vec<usize>>,
    functions: &Arc<FunctionSet>,
) -> Result<PlannedQuery, Error> {
    let mut lowering = Lowering {
        dataflow: Dataflow::default(),
        props: ExecutionProps::new(),
        functions: Arc::clone(functions),
    };
    lowering.node(plan)?;
    Ok(PlannedQuery {
        dataflow: lowering.dataflow,
        key: match partition_by {
            Some(positions) => Ok(positions),
            None => result_key(plan),
        },
    })
}

struct Lowering {
    dataflow: Dataflow,
    props: ExecutionProps,
    /// Kept so that a query's functions live as long as its plan.
    #[expect(dead_code, reason = "aggregates of plugins are looked up here when they come")]
    functions: Arc<FunctionSet>,
}

impl Lowering {
    fn node(&mut self, plan: &LogicalPlan) -> Result<NodeId, Error> {
        match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan),
            LogicalPlan::SubqueryAlias(alias) => self.node(&alias.input),
            LogicalPlan::Projection(projection) => self.projection(projection),
            LogicalPlan::Filter(filter) => self.filter(filter),
            LogicalPlan::Limit(limit) => self.limit(limit),
            LogicalPlan::Union(union) => self.union(union),
            LogicalPlan::EmptyRelation(empty) => self.rows(empty.produce_one_row, &empty.schema),
            LogicalPlan::Values(values) => self.values(values),
            other => Err(refusal(other)),
        }
    }

    fn expression(&self, expr: &Expr, schema: &DFSchema) -> Result<Expression, Error> {
        let physical = create_physical_expr(expr, schema, &self.props, &PhysicalPlanningContext::default())?;
        Ok(Expression::new(physical, label(expr), expr.get_type(schema)?))
    }

    fn scan(&mut self, scan: &datafusion::logical_expr::TableScan) -> Result<NodeId, Error> {
        let Some(table) = scan.source.downcast_ref::<SourceTable>() else {
            return Err(Error::new(
                "not-supported",
                format!("`{}` cannot be read", scan.table_name),
            ));
        };
        let columns = table.definition.query_schema().fields().len();
        let kind = NodeKind::Scan(Scan {
            definition: Arc::clone(&table.definition),
            projection: scan.projection.clone().unwrap_or_else(|| (0..columns).collect()),
        });
        let schema = arrow_schema(&scan.projected_schema);
        Ok(self.dataflow.add(kind, vec![], schema))
    }

    fn projection(&mut self, projection: &datafusion::logical_expr::Projection) -> Result<NodeId, Error> {
        let input = self.node(&projection.input)?;
        let mut exprs = projection.expr.clone();
        let (input, input_schema) = self.extract_stream_functions(input, projection.input.schema(), &mut exprs)?;
        let schema = arrow_schema(&projection.schema);
        let expressions = exprs
            .iter()
            .map(|expr| self.expression(expr, &input_schema))
            .collect::<Result<Vec<_>, Error>>()?;
        Ok(self.dataflow.add(NodeKind::Project(expressions), vec![input], schema))
    }

    fn filter(&mut self, filter: &datafusion::logical_expr::Filter) -> Result<NodeId, Error> {
        let input = self.node(&filter.input)?;
        let mut exprs = vec![filter.predicate.clone()];
        let (input, input_schema) = self.extract_stream_functions(input, filter.input.schema(), &mut exprs)?;
        let predicate = self.expression(&exprs[0], &input_schema)?;
        let filtered = Arc::clone(&self.dataflow.nodes[input].schema);
        let node = self.dataflow.add(NodeKind::Filter(predicate), vec![input], filtered);
        // Columns of stream functions in WHERE are not part of the result.
        self.keep_first_columns(node, filter.input.schema())
    }

    fn keep_first_columns(&mut self, node: NodeId, schema: &DFSchemaRef) -> Result<NodeId, Error> {
        let wanted = schema.fields().len();
        if self.dataflow.nodes[node].schema.fields().len() == wanted {
            return Ok(node);
        }
        let expressions = schema
            .columns()
            .iter()
            .map(|column| self.expression(&Expr::Column(column.clone()), schema))
            .collect::<Result<Vec<_>, Error>>()?;
        Ok(self
            .dataflow
            .add(NodeKind::Project(expressions), vec![node], arrow_schema(schema)))
    }

    /// Takes the calls of stream functions out of `exprs`, innermost first, and puts nodes with state below: one for each
    /// set of calls that share a key, with an exchange so that all rows of a key meet in one shard.
    fn extract_stream_functions(
        &mut self,
        mut input: NodeId,
        input_schema: &DFSchemaRef,
        exprs: &mut [Expr],
    ) -> Result<(NodeId, DFSchemaRef), Error> {
        let mut schema = Arc::clone(input_schema);
        loop {
            let calls = innermost_calls(exprs)?;
            let Some(keys) = calls.first().map(|call| call_parts(call).1) else {
                return Ok((input, schema));
            };
            let group: Vec<Expr> = calls.into_iter().filter(|call| call_parts(call).1 == keys).collect();
            (input, schema) = self.stream_function(input, &schema, &keys, &group)?;
            let first = schema.fields().len() - group.len();
            for expr in exprs.iter_mut() {
                *expr = replace_calls(expr.clone(), &group, &schema, first)?;
            }
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
            let Some(overload) = marker.and_then(|marker| marker.overload(&types)) else {
                return Err(Error::new("internal", format!("`{call}` lost its function")));
            };
            let name = format!("{}#{}", overload.info().name, fields.len());
            fields.push((None, Arc::new(Field::new(name, overload.info().returns.clone(), true))));
            planned.push(StreamCall {
                function: Arc::clone(overload),
                args,
            });
        }
        let distribution = if key_expressions.is_empty() {
            Distribution::Single
        } else {
            Distribution::Hash(key_expressions.clone())
        };
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

    fn limit(&mut self, limit: &Limit) -> Result<NodeId, Error> {
        let SkipType::Literal(0) = limit.get_skip_type()? else {
            return Err(Error::new("not-streamable", "OFFSET is not possible on a stream")
                .help("a stream has no first row to count from; leave OFFSET out"));
        };
        let FetchType::Literal(Some(fetch)) = limit.get_fetch_type()? else {
            return Err(Error::new("not-streamable", "LIMIT takes a number"));
        };
        let input = self.node(&limit.input)?;
        let schema = Arc::clone(&self.dataflow.nodes[input].schema);
        Ok(self.dataflow.add(NodeKind::Limit(fetch as u64), vec![input], schema))
    }

    fn union(&mut self, union: &datafusion::logical_expr::Union) -> Result<NodeId, Error> {
        let inputs = union
            .inputs
            .iter()
            .map(|input| self.node(input))
            .collect::<Result<Vec<_>, Error>>()?;
        Ok(self.dataflow.add(NodeKind::Union, inputs, arrow_schema(&union.schema)))
    }

    fn rows(&mut self, one_row: bool, schema: &DFSchemaRef) -> Result<NodeId, Error> {
        let schema = arrow_schema(schema);
        let options = datafusion::arrow::array::RecordBatchOptions::new().with_row_count(Some(usize::from(one_row)));
        let batch = datafusion::arrow::array::RecordBatch::try_new_with_options(
            Arc::clone(&schema),
            schema
                .fields()
                .iter()
                .map(|f| datafusion::arrow::array::new_null_array(f.data_type(), usize::from(one_row)))
                .collect(),
            &options,
        )
        .map_err(DataFusionError::from)?;
        Ok(self.dataflow.add(NodeKind::Rows(batch), vec![], schema))
    }

    fn values(&mut self, values: &datafusion::logical_expr::Values) -> Result<NodeId, Error> {
        let empty = DFSchema::empty();
        let one_row = datafusion::arrow::array::RecordBatch::try_new_with_options(
            Arc::new(Schema::empty()),
            vec![],
            &datafusion::arrow::array::RecordBatchOptions::new().with_row_count(Some(1)),
        )
        .map_err(DataFusionError::from)?;
        let schema = arrow_schema(&values.schema);
        let mut columns = Vec::new();
        for (index, field) in schema.fields().iter().enumerate() {
            let mut cells = Vec::new();
            for row in &values.values {
                let physical =
                    create_physical_expr(&row[index], &empty, &self.props, &PhysicalPlanningContext::default())?;
                let cell = physical.evaluate(&one_row)?.into_array(1)?;
                cells.push(datafusion::arrow::compute::cast(&cell, field.data_type()).map_err(DataFusionError::from)?);
            }
            let cells: Vec<_> = cells.iter().map(AsRef::as_ref).collect();
            columns.push(datafusion::arrow::compute::concat(&cells).map_err(DataFusionError::from)?);
        }
        let batch = datafusion::arrow::array::RecordBatch::try_new(Arc::clone(&schema), columns)
            .map_err(DataFusionError::from)?;
        Ok(self.dataflow.add(NodeKind::Rows(batch), vec![], schema))
    }
}

fn arrow_schema(schema: &DFSchemaRef) -> SchemaRef {
    // Fields lose their "not null" marks: outer joins, bad rows and failed expressions may bring NULL anywhere.
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .map(|field| Field::new(field.name(), field.data_type().clone(), true))
        .collect();
    Arc::new(Schema::new(fields))
}

/// An expression as people read it: without the marks that name its relation.
fn label(expr: &Expr) -> String {
    match expr {
        Expr::Alias(alias) => label(&alias.expr),
        other => other.human_display().to_string(),
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
            Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
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
fn replace_calls(expr: Expr, calls: &[Expr], schema: &DFSchemaRef, first: usize) -> Result<Expr, Error> {
    let replaced = expr.transform_up(|node| {
        Ok(match calls.iter().position(|call| *call == node) {
            Some(index) => {
                let (relation, field) = schema.qualified_field(first + index);
                Transformed::yes(Expr::Column(Column::new(relation.cloned(), field.name())))
            }
            None => Transformed::no(node),
        })
    })?;
    Ok(replaced.data)
}

/// Why a node cannot be streamed, and what to write instead.
fn refusal(plan: &LogicalPlan) -> Error {
    let (message, help) = match plan {
        LogicalPlan::Sort(_) => (
            "ORDER BY is not possible on a stream: it has no last row",
            "leave ORDER BY out; rows come in the order of their arrival",
        ),
        LogicalPlan::Aggregate(_) | LogicalPlan::Distinct(_) => (
            "GROUP BY, DISTINCT and aggregate functions are not supported yet",
            "select the rows themselves",
        ),
        LogicalPlan::Window(_) => (
            "OVER is supported for the stream functions of plugins only",
            "SHOW FUNCTIONS lists the stream functions",
        ),
        LogicalPlan::Join(_) => ("joins are not supported yet", "read the streams one by one"),
        LogicalPlan::Subquery(_) => (
            "subqueries inside of expressions are not supported yet",
            "use a subquery in FROM",
        ),
        LogicalPlan::Unnest(_) => ("UNNEST and EXPLODE are not supported yet", "use array subscripts"),
        other => {
            return Error::new(
                "not-supported",
                format!("`{}` is not supported on streams", other.display()),
            );
        }
    };
    Error::new("not-supported", message).help(help)
}
