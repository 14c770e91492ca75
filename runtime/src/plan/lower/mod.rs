//! Logical plan to dataflow: each node that can be streamed becomes one or a few operators, every other one a clear refusal.

mod aggregate;
mod columns;
mod extension;
mod fragments;
mod join;
mod over;
mod project;
mod refusal;
mod relation;
mod stream_function;
mod subquery;
mod table_changes;
mod values;

use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, ExprSchemable, FetchType, Limit, LogicalPlan, SkipType};
use datafusion::physical_expr::create_physical_expr;

pub(crate) use fragments::Fragments;
pub(crate) use relation::Relation;

use super::names::SourceTable;
use super::{Dataflow, Error, FunctionSet, NodeKind, Scan};
use crate::operator::Expression;
use crate::operator::group_by::WindowEmit;
use crate::types::storage::{KeyWindow, SourceKind};
use refusal::refusal;

/// A query that can run.
#[derive(Debug, Clone)]
pub struct PlannedQuery {
    /// The plan graph.
    pub dataflow: Dataflow,
    /// What it gives: rows, or the changes of a table.
    pub kind: SourceKind,
    /// Positions in the result of the key of the stream or table that the query makes; `Err`: the key columns of its source that
    /// are missing from the result.
    pub key: Result<Vec<usize>, Vec<String>>,
    /// The window that is a part of the key. The last two columns of the result are then its start and end; they are no columns
    /// of the stream or table.
    pub window: Option<KeyWindow>,
    /// It has a PARTITION BY: a key of several columns is there even when all of them are NULL.
    pub is_partitioned: bool,
}

/// Lowers an analyzed plan.
pub(crate) fn lower(
    plan: &LogicalPlan,
    partition_by: Option<Vec<usize>>,
    window: Option<KeyWindow>,
    emit: WindowEmit,
    functions: &Arc<FunctionSet>,
) -> Result<PlannedQuery, Error> {
    let mut lowering = Lowering::new(plan, emit, functions)?;
    let relation = lowering.node(plan)?;
    let mut dataflow = lowering.dataflow;
    table_changes::settle(&mut dataflow);
    Ok(PlannedQuery {
        dataflow,
        kind: relation.kind,
        is_partitioned: partition_by.is_some(),
        key: match partition_by {
            Some(positions) => Ok(positions),
            // A sink takes the window from the last two columns.
            None if window.is_some() => relation.key_positions(),
            None => relation.row_key_positions(),
        },
        window,
    })
}

/// Cuts an analyzed plan of a batch query into what pipelines read and compute, and the rest.
pub(crate) fn fragments(plan: LogicalPlan, functions: &Arc<FunctionSet>) -> Result<Fragments, Error> {
    Lowering::new(&plan, WindowEmit::Changes, functions)?.fragments(plan)
}

pub(super) struct Lowering {
    dataflow: Dataflow,
    props: ExecutionProps,
    /// When windows give their results.
    emit: WindowEmit,
    /// Calls with `OVER` have different keys.
    over_in_one_shard: bool,
    /// Kept so that a query's functions live as long as its plan.
    #[expect(dead_code, reason = "aggregates of plugins are looked up here when they come")]
    functions: Arc<FunctionSet>,
}

impl Lowering {
    fn new(plan: &LogicalPlan, emit: WindowEmit, functions: &Arc<FunctionSet>) -> Result<Self, Error> {
        Ok(Self {
            dataflow: Dataflow::default(),
            props: ExecutionProps::new(),
            emit,
            over_in_one_shard: over::mixes_keys(plan)?,
            functions: Arc::clone(functions),
        })
    }

    fn node(&mut self, plan: &LogicalPlan) -> Result<Relation, Error> {
        match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan),
            LogicalPlan::SubqueryAlias(alias) => self.node(&alias.input),
            LogicalPlan::Projection(projection) => self.projection(projection),
            LogicalPlan::Filter(filter) => self.filter(filter),
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate),
            LogicalPlan::Join(join) => self.join(join),
            LogicalPlan::Window(window) => self.over(window),
            LogicalPlan::Distinct(distinct) => self.distinct(distinct),
            LogicalPlan::Extension(extension) => self.extension(extension),
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

    fn expressions(&self, exprs: &[Expr], schema: &DFSchema) -> Result<Vec<Expression>, Error> {
        exprs.iter().map(|expr| self.expression(expr, schema)).collect()
    }

    fn scan(&mut self, scan: &datafusion::logical_expr::TableScan) -> Result<Relation, Error> {
        let table = source_of(scan)?;
        let definition = &table.definition;
        let (node, read) = if definition.kind == SourceKind::Table {
            let (records, keys, read) = self.table_records(scan)?;
            let schema = self.schema(records);
            let changes = NodeKind::TableSource { keys, old_rows: true };
            let node = self.dataflow.add(changes, vec![records], schema);
            (self.first_columns(node, read.len()), read)
        } else {
            let read = scan.projection.clone().unwrap_or_else(|| all_columns(table));
            (self.records(table, read.clone())?, read)
        };
        Ok(Relation::of_source(node, definition, &read))
    }

    /// Reads the records of a table's topic: the wanted columns, then those of its key that are not wanted, for a table's rows are told
    /// apart by their keys, whether the query reads these or not. Gives the node, the positions of the key in it, and the wanted
    /// columns as positions in the definition's schema.
    fn table_records(
        &mut self,
        scan: &datafusion::logical_expr::TableScan,
    ) -> Result<(super::NodeId, Vec<usize>, Vec<usize>), Error> {
        let table = source_of(scan)?;
        let wanted = scan.projection.clone().unwrap_or_else(|| all_columns(table));
        let keys = table.definition.row_key();
        let mut projection = wanted.clone();
        projection.extend(keys.iter().copied().filter(|key| !wanted.contains(key)));
        let position = |key: usize| projection.iter().position(|column| *column == key);
        let keys = keys.into_iter().filter_map(position).collect();
        Ok((self.records(table, projection)?, keys, wanted))
    }

    fn records(&mut self, table: &SourceTable, projection: Vec<usize>) -> Result<super::NodeId, Error> {
        let schema = table.definition.query_schema();
        let read = schema
            .project(&projection)
            .map_err(datafusion::error::DataFusionError::from)?;
        let kind = NodeKind::Scan(Scan {
            definition: Arc::clone(&table.definition),
            projection,
            stream_times: false,
            headers: false,
        });
        Ok(self.dataflow.add(kind, vec![], Arc::new(read)))
    }

    fn limit(&mut self, limit: &Limit) -> Result<Relation, Error> {
        let SkipType::Literal(0) = limit.get_skip_type()? else {
            return Err(Error::new("not-streamable", "OFFSET is not possible on a stream")
                .help("a stream has no first row to count from; leave OFFSET out"));
        };
        let FetchType::Literal(Some(fetch)) = limit.get_fetch_type()? else {
            return Err(Error::new("not-streamable", "LIMIT takes a number"));
        };
        let input = self.node(&limit.input)?;
        let schema = self.schema(input.node);
        let node = self
            .dataflow
            .add(NodeKind::Limit(fetch as u64), vec![input.node], schema);
        Ok(Relation { node, ..input })
    }

    fn union(&mut self, union: &datafusion::logical_expr::Union) -> Result<Relation, Error> {
        let inputs = union
            .inputs
            .iter()
            .map(|input| self.node(input))
            .collect::<Result<Vec<_>, Error>>()?;
        let kind = if inputs.iter().any(|input| input.kind == SourceKind::Table) {
            SourceKind::Table
        } else {
            SourceKind::Stream
        };
        let nodes = inputs.iter().map(|input| input.node).collect();
        let node = self.dataflow.add(NodeKind::Union, nodes, arrow_schema(&union.schema));
        Ok(Relation {
            kind,
            ..Relation::stream(node)
        })
    }

    fn schema(&self, node: super::NodeId) -> SchemaRef {
        Arc::clone(&self.dataflow.nodes[node].schema)
    }
}

fn source_of(scan: &datafusion::logical_expr::TableScan) -> Result<&SourceTable, Error> {
    scan.source
        .downcast_ref::<SourceTable>()
        .ok_or_else(|| Error::new("not-supported", format!("`{}` cannot be read", scan.table_name)))
}

fn all_columns(table: &SourceTable) -> Vec<usize> {
    (0..table.definition.query_schema().fields().len()).collect()
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
        // Arithmetic that can fail is calls of functions, which nobody has written so.
        Expr::ScalarFunction(call) if is_operator(call.name()) && call.args.len() == 2 => {
            format!("{} {} {}", operand(&call.args[0]), call.name(), operand(&call.args[1]))
        }
        other => over::without_clause(&other.human_display().to_string()),
    }
}

fn is_operator(name: &str) -> bool {
    matches!(name, "+" | "-" | "*" | "/" | "%")
}

fn operand(expr: &Expr) -> String {
    match expr {
        Expr::ScalarFunction(call) if is_operator(call.name()) => format!("({})", label(expr)),
        Expr::BinaryExpr(_) => format!("({})", label(expr)),
        other => label(other),
    }
}
