//! Table functions in a logical plan: a node of its own below the projection that calls them, or in FROM.
//!
//! DataFusion's rules take a projection to give as many rows as it gets, and leave out columns that nobody reads. A node that they
//! do not know keeps its calls, so that the number of rows stays right.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, DFSchemaRef, Result, internal_err};
use datafusion::logical_expr::{Expr, ExprSchemable, Extension, LogicalPlan, Projection, UserDefinedLogicalNodeCore};

use super::Error;
use super::table_marker::as_table_marker;

/// Gives for each row of `input` the rows of the table functions in `calls`, zipped; their columns come last.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct TableFunctionNode {
    pub(crate) input: LogicalPlan,
    /// Marker calls.
    pub(crate) calls: Vec<Expr>,
    names: Vec<String>,
    pub(crate) rows: RowsOf,
    schema: DFSchemaRef,
}

/// Which rows there are besides those of the calls, and what is told of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct RowsOf {
    /// A row without results stays, with NULL in their place.
    pub(crate) keeps_rows: bool,
    /// The name of a last column with the number of the row among those of its call, where there is one.
    pub(crate) ordinality: Option<String>,
}

impl TableFunctionNode {
    pub(super) fn try_new(input: LogicalPlan, calls: Vec<Expr>, names: Vec<String>, rows: RowsOf) -> Result<Self> {
        let own = input.schema();
        let mut fields: Vec<_> = own.iter().map(|(q, field)| (q.cloned(), Arc::clone(field))).collect();
        for (call, name) in calls.iter().zip(&names) {
            fields.push((None, Arc::new(Field::new(name, call.get_type(own)?, true))));
        }
        if let Some(name) = &rows.ordinality {
            fields.push((None, Arc::new(Field::new(name, DataType::Int64, true))));
        }
        let schema = Arc::new(DFSchema::new_with_metadata(fields, own.metadata().clone())?);
        Ok(Self {
            input,
            calls,
            names,
            rows,
            schema,
        })
    }
}

impl PartialOrd for TableFunctionNode {
    /// Plans have no order.
    fn partial_cmp(&self, _other: &Self) -> Option<Ordering> {
        None
    }
}

impl UserDefinedLogicalNodeCore for TableFunctionNode {
    fn name(&self) -> &'static str {
        "TableFunction"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        self.calls.clone()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TableFunction: {}", self.names.join(", "))
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        match inputs.pop() {
            Some(input) if inputs.is_empty() => {
                // Rules give an expression that they changed its old name as an alias.
                let calls = exprs.into_iter().map(Expr::unalias).collect();
                Self::try_new(input, calls, self.names.clone(), self.rows.clone())
            }
            _ => internal_err!("a table function has one input"),
        }
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let own = self.input.schema();
        let mut needed: Vec<usize> = output_columns
            .iter()
            .copied()
            .filter(|column| *column < own.fields().len())
            .collect();
        for column in self.calls.iter().flat_map(Expr::column_refs) {
            needed.push(own.maybe_index_of_column(column)?);
        }
        needed.sort_unstable();
        needed.dedup();
        Some(vec![needed])
    }
}

/// Puts a node with the calls of table functions below every projection that has some.
pub(super) fn take_out(plan: LogicalPlan) -> std::result::Result<LogicalPlan, Error> {
    let taken = plan.transform_up(|node| {
        let LogicalPlan::Projection(projection) = &node else {
            return Ok(Transformed::no(node));
        };
        let calls = calls(&projection.expr)?;
        if calls.is_empty() {
            return Ok(Transformed::no(node));
        }
        let input = projection.input.as_ref().clone();
        let first = input.schema().fields().len();
        let names: Vec<String> = calls
            .iter()
            .enumerate()
            .map(|(number, call)| format!("{}#{}", name_of(call), first + number))
            .collect();
        let exprs = projection
            .expr
            .iter()
            .map(|expr| with_columns(expr.clone(), &calls, &names))
            .collect::<Result<Vec<_>>>()?;
        let table = TableFunctionNode::try_new(input, calls, names, RowsOf::default())?;
        let input = LogicalPlan::Extension(Extension { node: Arc::new(table) });
        let schema = Arc::clone(&projection.schema);
        Ok(Transformed::yes(LogicalPlan::Projection(
            Projection::try_new_with_schema(exprs, Arc::new(input), schema)?,
        )))
    })?;
    refuse_left(&taken.data)?;
    Ok(taken.data)
}

/// Calls that are in no projection: in ON of a join, or in PARTITION BY of a window.
fn refuse_left(plan: &LogicalPlan) -> std::result::Result<(), Error> {
    let mut left = None;
    plan.apply(|node| {
        let is_own = matches!(node, LogicalPlan::Extension(extension) if extension.node.name() == "TableFunction");
        if !is_own {
            left = left.take().or(calls(&node.expressions())?.into_iter().next());
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    match left {
        None => Ok(()),
        Some(call) => Err(Error::new(
            "table-function-place",
            format!(
                "the table function {} stands only in the SELECT list and in FROM",
                name_of(&call).to_uppercase()
            ),
        )
        .help("put it into FROM, as in FROM s, LATERAL f(s.x) AS w, and use its column")),
    }
}

/// The calls in `exprs`, each once: equal calls have equal columns.
fn calls(exprs: &[Expr]) -> Result<Vec<Expr>> {
    let mut found = Vec::new();
    for expr in exprs {
        expr.apply(|expr| {
            if is_call(expr) && !found.contains(expr) {
                found.push(expr.clone());
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    Ok(found)
}

fn is_call(expr: &Expr) -> bool {
    matches!(expr, Expr::ScalarFunction(function) if as_table_marker(function.func.inner().as_ref()).is_some())
}

pub(super) fn name_of(call: &Expr) -> &str {
    match call {
        Expr::ScalarFunction(function) => function.func.name(),
        // DataFusion keeps the name under which SQL called it, where that is another one: UNNEST.
        Expr::Alias(alias) => name_of(&alias.expr),
        _ => "table function",
    }
}

fn with_columns(expr: Expr, calls: &[Expr], names: &[String]) -> Result<Expr> {
    let name = expr.schema_name().to_string();
    let replaced = expr.transform_up(|node| {
        Ok(match calls.iter().position(|call| *call == node) {
            Some(place) => Transformed::yes(Expr::Column(Column::new_unqualified(&names[place]))),
            None => Transformed::no(node),
        })
    })?;
    // The projection keeps the names of its columns.
    if replaced.transformed && !matches!(replaced.data, Expr::Alias(_)) {
        return Ok(replaced.data.alias(name));
    }
    Ok(replaced.data)
}
