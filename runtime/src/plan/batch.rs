//! Pull queries: all of SQL, computed in one go by DataFusion over the rows that streams and tables have at the moment.
//!
//! The plan is cut in two ([`lower::fragments`]): a dataflow reads the topics and keeps their rows; the rest is an ordinary
//! DataFusion plan over them, with all of its optimizer rules. What only a stream can compute (windows, functions with state,
//! joins WITHIN) stays in the dataflow.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::MemTable;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, SessionState, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::SessionConfig;
use futures::FutureExt as _;

use super::lower::{self, Fragments};
use super::{Dataflow, Error, Planner, Purpose, explain, names, rewrite, target};
use crate::operator::Gathered;
use crate::sql::ast::Query;

/// A planned pull query.
pub struct BatchQuery {
    /// Reads what the query needs, to its present end.
    pub dataflow: Dataflow,
    /// The columns of the result, with SQL's types.
    pub schema: SchemaRef,
    gathered: Arc<Gathered>,
    tables: Vec<Arc<MemTable>>,
    plan: LogicalPlan,
    state: SessionState,
}

impl std::fmt::Debug for BatchQuery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BatchQuery")
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}

impl Drop for BatchQuery {
    /// The description of the query may live on; the rows need not.
    fn drop(&mut self) {
        self.gathered.clear();
    }
}

impl Planner<'_> {
    /// Plans a pull query.
    ///
    /// # Errors
    /// When a name or type is wrong, or a part that a pipeline must compute cannot be streamed.
    pub fn plan_batch(&self, query: &Query) -> Result<BatchQuery, Error> {
        let rewritten = rewrite::rewrite(query, self.catalog, self.functions, Purpose::Transient)?;
        if rewritten.partition_by.is_some() {
            return Err(Error::new(
                "pull-partition-by",
                "PARTITION BY has no meaning in a query whose result is only shown",
            )
            .help("leave it out, or write CREATE STREAM ... AS SELECT ... PARTITION BY"));
        }
        let analyzed = names::simplified_plan(rewritten.body, self.catalog, self.functions)?;
        let schema = target::event_time_only_types(analyzed.schema().inner())?;
        let Fragments {
            dataflow,
            gathered,
            tables,
            rest,
        } = lower::fragments(analyzed, self.functions)?;
        let state = session_state();
        let plan = state.optimizer().optimize(rest, &state, |_, _| {})?;
        let batch = BatchQuery {
            dataflow,
            schema,
            gathered,
            tables,
            plan,
            state,
        };
        // Planned over empty tables once, so that what DataFusion cannot run is known before anything is read.
        if let Some(physical) = batch.physical().now_or_never() {
            physical?;
        }
        Ok(batch)
    }
}

fn session_state() -> SessionState {
    let config = SessionConfig::new()
        .with_target_partitions(1)
        .with_collect_statistics(false);
    SessionStateBuilder::new().with_config(config).build()
}

impl BatchQuery {
    async fn physical(&self) -> Result<Arc<dyn datafusion::physical_plan::ExecutionPlan>, DataFusionError> {
        self.state
            .query_planner()
            .create_physical_plan(&self.plan, &self.state)
            .await
    }

    /// Begins to compute the result from the rows that the dataflow has gathered. To be called within a tokio runtime.
    ///
    /// # Errors
    /// When the plan cannot be run.
    pub async fn start(&self) -> Result<SendableRecordBatchStream, DataFusionError> {
        for (number, table) in self.tables.iter().enumerate() {
            let rows = self
                .gathered
                .take(number)
                .map_err(|error| DataFusionError::External(Box::new(error)))?;
            let schema = datafusion::catalog::TableProvider::schema(&**table);
            let mut stored = table.batches[0].write().await;
            for batch in rows.iter().filter(|batch| batch.num_rows() > 0) {
                stored.push(stored_as(batch, &schema)?);
            }
        }
        self.gathered.clear();
        execute_stream(self.physical().await?, self.state.task_ctx())
    }

    /// A batch of the result with the columns' SQL types.
    ///
    /// # Errors
    /// When a value does not fit.
    pub fn shown(&self, batch: &RecordBatch) -> Result<RecordBatch, DataFusionError> {
        stored_as(batch, &self.schema)
    }

    /// The plan as text, for EXPLAIN.
    #[must_use]
    pub fn explain(&self) -> String {
        format!("{}\n{}", self.plan.display_indent(), explain(&self.dataflow))
    }
}

/// The first columns of a batch under the names and types of `schema`.
fn stored_as(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, DataFusionError> {
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| {
        if column.data_type() == field.data_type() {
            Ok(Arc::clone(column))
        } else {
            cast(column, field.data_type())
        }
    });
    let options = datafusion::arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(
        Arc::clone(schema),
        columns.collect::<Result<Vec<_>, _>>()?,
        &options,
    )?)
}
