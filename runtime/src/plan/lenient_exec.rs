//! Projections and filters of a pull query that go on behind a row on which an expression fails, as those of a continuous query do
//! (`row.error.policy`).
//!
//! DataFusion's own end with the first error. They keep their place in its physical plan, and all that its rules must know of them; only how they
//! compute is another thing.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{BooleanArray, RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::{and, filter_record_batch};
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::config::ConfigOptions;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PhysicalExpr, PlanProperties};
use futures::StreamExt as _;

use crate::function;
use crate::operator::{Expression, RowErrors};

/// Puts lenient nodes into the places of DataFusion's. To be run before all other rules, so that none reasons with a number of rows that a failed
/// row makes smaller.
#[derive(Debug)]
pub(super) struct MakeLenient {
    pub(super) errors: Arc<RowErrors>,
}

impl PhysicalOptimizerRule for MakeLenient {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let lenient = plan.transform_up(|node| {
            if !node.is::<ProjectionExec>() && !node.is::<FilterExec>() {
                return Ok(Transformed::no(node));
            }
            Ok(Transformed::yes(Arc::new(LenientExec {
                plain: node,
                errors: Arc::clone(&self.errors),
            }) as _))
        });
        Ok(lenient?.data)
    }

    fn name(&self) -> &'static str {
        "make_lenient"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// A projection or a filter.
#[derive(Debug)]
struct LenientExec {
    /// DataFusion's own.
    plain: Arc<dyn ExecutionPlan>,
    errors: Arc<RowErrors>,
}

impl DisplayAs for LenientExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plain.fmt_as(format, f)
    }
}

impl ExecutionPlan for LenientExec {
    fn name(&self) -> &'static str {
        "LenientExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.plain.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        // A sort is put below a node of which this is true by the numbers of its columns, as if the node had those of its input: only a filter has.
        let filter = self.plain.downcast_ref::<FilterExec>();
        vec![filter.is_some_and(|filter| filter.projection().is_none())]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.plain.children()
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.plain.apply_expressions(f)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self {
            plain: Arc::clone(&self.plain).replace_children(children, options)?,
            errors: Arc::clone(&self.errors),
        }))
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let work = Work::of(&self.plain)?;
        let input = self
            .plain
            .children()
            .first()
            .map(|input| input.execute(partition, context));
        let input = input.unwrap_or_else(|| Err(DataFusionError::Internal("a node without an input".into())))?;
        let errors = Arc::clone(&self.errors);
        let rows = input.map(move |batch| work.rows(&batch?, &errors));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.plain.schema(), rows)))
    }
}

/// What is computed.
enum Work {
    Project {
        expressions: Vec<Expression>,
        /// The columns that are given. Any of them may be NULL where it failed.
        schema: SchemaRef,
    },
    Filter {
        predicate: Expression,
        /// The columns that are given, where not all are.
        columns: Option<Vec<usize>>,
    },
}

impl Work {
    fn of(plain: &Arc<dyn ExecutionPlan>) -> Result<Self> {
        let schema = plain.schema();
        if let Some(projection) = plain.downcast_ref::<ProjectionExec>() {
            let expressions = projection.expr().iter().zip(schema.fields());
            let expressions = expressions.map(|(one, field)| {
                Expression::new(Arc::clone(&one.expr), one.alias.clone(), field.data_type().clone())
            });
            let nullable = |field: &Arc<Field>| field.as_ref().clone().with_nullable(true);
            return Ok(Self::Project {
                expressions: expressions.collect(),
                schema: Arc::new(Schema::new(schema.fields().iter().map(nullable).collect::<Vec<_>>())),
            });
        }
        let Some(filter) = plain.downcast_ref::<FilterExec>() else {
            return Err(DataFusionError::Internal(format!("{} cannot be lenient", plain.name())));
        };
        let predicate = Arc::clone(filter.predicate());
        let data_type = predicate.data_type(&filter.input().schema())?;
        Ok(Self::Filter {
            predicate: Expression::new(predicate, "WHERE".to_owned(), data_type),
            columns: filter.projection().as_ref().map(|columns| columns.to_vec()),
        })
    }

    fn rows(&self, batch: &RecordBatch, errors: &RowErrors) -> Result<RecordBatch> {
        // Within the collection of the whole query a function would not fail, and which row it was would be lost.
        let evaluate = |expression: &Expression| {
            let values = function::without_collection(|| expression.evaluate(batch, errors));
            values.map_err(|error| DataFusionError::External(Box::new(error)))
        };
        match self {
            Self::Filter { predicate, columns } => {
                let values = evaluate(predicate)?.array;
                let Some(keep) = values.as_any().downcast_ref::<BooleanArray>() else {
                    return Err(DataFusionError::Internal("a predicate is no BOOLEAN".into()));
                };
                let kept = filter_record_batch(batch, keep)?;
                Ok(match columns {
                    Some(columns) => kept.project(columns)?,
                    None => kept,
                })
            }
            Self::Project { expressions, schema } => {
                let mut keep: Option<BooleanArray> = None;
                let mut columns = Vec::with_capacity(expressions.len());
                for expression in expressions {
                    let values = evaluate(expression)?;
                    columns.push(values.array);
                    keep = match (keep, values.keep) {
                        (Some(one), Some(other)) => Some(and(&one, &other)?),
                        (one, other) => one.or(other),
                    };
                }
                let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
                let all = RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?;
                Ok(match keep {
                    Some(keep) => filter_record_batch(&all, &keep)?,
                    None => all,
                })
            }
        }
    }
}
