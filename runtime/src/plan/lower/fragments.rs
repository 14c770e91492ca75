//! The parts of a batch query's plan that pipelines read or compute: every scan of a stream or table, and the subtrees that have a meaning
//! on streams alone (windows, functions with state, joins WITHIN). The rest of the plan reads what these parts gave.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::catalog::MemTable;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableScan};

use super::{Lowering, arrow_schema, table_changes};
use crate::operator::{Gathered, Gathering};
use crate::plan::names::SourceTable;
use crate::plan::stream_marker::as_marker;
use crate::plan::table_function_node::TableFunctionNode;
use crate::plan::window_marker::as_window_bound;
use crate::plan::within_marker::as_within;
use crate::plan::{Dataflow, Error, NodeKind};
use crate::types::storage::SourceKind;

/// A plan cut in two.
pub(crate) struct Fragments {
    /// Reads and computes the parts and gathers their rows; it gives none itself.
    pub(crate) dataflow: Dataflow,
    /// Where the rows of the parts are, in the order of `tables`.
    pub(crate) gathered: Arc<Gathered>,
    /// What the rest reads, still empty.
    pub(crate) tables: Vec<Arc<MemTable>>,
    /// The rest of the plan.
    pub(crate) rest: LogicalPlan,
}

impl Lowering {
    /// Cuts the parts out of `plan`.
    pub(super) fn fragments(mut self, plan: LogicalPlan) -> Result<Fragments, Error> {
        let mut inputs: Vec<(usize, SchemaRef, Gathering)> = Vec::new();
        let mut tables = Vec::new();
        let mut failure = None;
        let stream_rows = if reads_plainly(&plan) {
            Gathering::Records
        } else {
            Gathering::All
        };
        let cut = plan.transform_down_with_subqueries(|node| {
            if !is_fragment(&node) {
                return Ok(Transformed::no(node));
            }
            let (input, gathering) = match self.fragment(&node, &stream_rows) {
                Ok(part) => part,
                Err(error) => {
                    failure = Some(error);
                    return Err(DataFusionError::Internal("see the failure".into()));
                }
            };
            let (table, read) = reading(node.schema(), inputs.len())?;
            inputs.push((input, self.schema(input), gathering));
            tables.push(table);
            Ok(Transformed::new(read, true, TreeNodeRecursion::Jump))
        });
        let cut = match (cut, failure) {
            (_, Some(error)) => return Err(error),
            (cut, None) => cut?.data,
        };
        // What is read may hold NULL anywhere, which the schemas above must know.
        let rest = cut.transform_up_with_subqueries(|node| node.recompute_schema().map(Transformed::yes))?;
        let of = inputs
            .iter()
            .map(|(_, schema, gathering)| (Arc::clone(schema), gathering.clone()));
        let gathered = Arc::new(Gathered::new(&of.collect::<Vec<_>>())?);
        let nodes = inputs.into_iter().map(|(input, _, _)| input).collect();
        let nothing = Arc::new(Schema::empty());
        self.dataflow
            .add(NodeKind::Gather(Arc::clone(&gathered)), nodes, nothing);
        table_changes::settle(&mut self.dataflow);
        Ok(Fragments {
            dataflow: self.dataflow,
            gathered,
            tables,
            rest: rest.data,
        })
    }

    fn fragment(&mut self, node: &LogicalPlan, stream_rows: &Gathering) -> Result<(usize, Gathering), Error> {
        if let LogicalPlan::TableScan(scan) = node
            && is_table(scan)
        {
            let (input, keys, _) = self.table_records(scan)?;
            return Ok((input, Gathering::LastOfKey(keys)));
        }
        let relation = self.node(node)?;
        let gathering = match relation.kind {
            SourceKind::Stream => stream_rows.clone(),
            SourceKind::Table => Gathering::Changes,
        };
        Ok((relation.node, gathering))
    }
}

fn is_table(scan: &TableScan) -> bool {
    let source = scan.source.downcast_ref::<SourceTable>();
    source.is_some_and(|source| source.definition.kind == SourceKind::Table)
}

/// Whether the rows of one stream are shown as they come. Only then are records without a value shown too, as rows of NULLs: filters,
/// joins and aggregates take them for no rows.
fn reads_plainly(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::TableScan(_) => true,
        LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_) | LogicalPlan::Sort(_) | LogicalPlan::Limit(_) => {
            plan.inputs().into_iter().all(reads_plainly) && !has_subquery(plan)
        }
        _ => false,
    }
}

fn has_subquery(plan: &LogicalPlan) -> bool {
    let is_subquery = |expr: &Expr| {
        Ok(matches!(
            expr,
            Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_)
        ))
    };
    plan.expressions()
        .iter()
        .any(|expr| expr.exists(is_subquery).unwrap_or(true))
}

/// Whether a pipeline must read or compute this node.
fn is_fragment(node: &LogicalPlan) -> bool {
    if let LogicalPlan::TableScan(scan) = node {
        return scan.source.downcast_ref::<SourceTable>().is_some();
    }
    if let LogicalPlan::Extension(extension) = node {
        return extension.node.as_any().is::<TableFunctionNode>();
    }
    let is_streaming = |expr: &Expr| {
        let is_stream_function =
            matches!(expr, Expr::ScalarFunction(call) if as_marker(call.func.inner().as_ref()).is_some());
        Ok(is_stream_function || as_window_bound(expr).is_some() || as_within(expr).is_some())
    };
    node.expressions()
        .iter()
        .any(|expr| expr.exists(is_streaming).unwrap_or(false))
}

/// An empty table for rows with the columns of `schema`, and the plan that reads them under the names that they have there.
fn reading(schema: &DFSchema, number: usize) -> Result<(Arc<MemTable>, LogicalPlan), DataFusionError> {
    let fields = arrow_schema(&Arc::new(schema.clone()));
    let name = |position: usize| format!("c{position}");
    let columns = fields
        .fields()
        .iter()
        .enumerate()
        .map(|(position, field)| Field::new(name(position), field.data_type().clone(), true));
    let stored: SchemaRef = Arc::new(Schema::new(columns.collect::<Vec<_>>()));
    let table = Arc::new(MemTable::try_new(Arc::clone(&stored), vec![vec![]])?);
    let of = TableReference::bare(format!("rows {number}"));
    let scan = LogicalPlanBuilder::scan(of.clone(), provider_as_source(Arc::clone(&table) as _), None)?;
    if fields.fields().is_empty() {
        return Ok((table, scan.build()?));
    }
    let renamed = schema.iter().enumerate().map(|(position, (relation, field))| {
        Expr::Column(Column::new(Some(of.clone()), name(position))).alias_qualified(relation.cloned(), field.name())
    });
    Ok((table, scan.project(renamed.collect::<Vec<_>>())?.build()?))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::DataType;

    use super::*;

    #[test]
    fn columns_of_one_name_under_two_relations_stay_apart() {
        let field = |name: &str| Arc::new(Field::new(name, DataType::Int64, true));
        let schema = DFSchema::new_with_metadata(
            vec![
                (Some(TableReference::bare("L")), field("ID")),
                (Some(TableReference::bare("R")), field("ID")),
            ],
            std::collections::HashMap::new(),
        )
        .unwrap();
        let (_, plan) = reading(&schema, 0).unwrap();
        assert_eq!(plan.schema().columns(), schema.columns());
    }
}
