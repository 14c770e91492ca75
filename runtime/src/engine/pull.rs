//! Pull queries: a SELECT over what streams and tables hold at the moment when it starts.
//!
//! A pipeline reads the topics to the ends that they have now; then DataFusion computes the result on a thread of its own and hands
//! it to the reader batch by batch. No worker waits for it, and it waits for a slow reader.

use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::Int64Array;
use datafusion::error::DataFusionError;
use futures::StreamExt as _;

use super::durable_name::next_id;
use super::query_info::{functions_of, query_info};
use super::{Engine, Error, Outcome, PushQuery, QueryKind, Session, ShownAs};
use crate::connector::{ColumnSink as _, StopAt};
use crate::exec::{self, ChangeSender, Epilogue, Pipeline, ShardSink, change_channel};
use crate::function;
use crate::operator::{self, RowErrorPolicy};
use crate::plan::BatchQuery;
use crate::sql::ast::Query;
use crate::types::ChangeBatch;

/// How often a pull query looks whether it was told to stop, or its reader has room again.
const LOOK: Duration = Duration::from_millis(20);

impl Engine {
    pub(crate) fn pull(&self, session: &mut Session, query: &Query, text: &str) -> Result<Outcome, Error> {
        let planned = self.planner(session).plan_batch(query)?;
        self.settle_writers(session, &planned.dataflow);
        let id = next_id(session, "PULL");
        let (sender, receiver) = change_channel();
        let schema = Arc::clone(&planned.schema);
        // The dataflow gives no rows itself.
        let nowhere = || ShardSink::Columns(Box::new(change_channel().0));
        let sinks = (0..self.config.workers).map(|_| nowhere()).collect();
        let mut info = query_info(id.clone(), QueryKind::Pull, text, &planned.dataflow, None);
        info.functions = functions_of(&info.plan, &session.registry);
        let mut parts = self.parts(session, &info, planned.dataflow.clone(), sinks, StopAt::CurrentEnd)?;
        parts.epilogue = Some(Epilogue::new(move |pipeline| conclude(&planned, sender, pipeline)));
        let pipeline = self.start_transient(session, info, parts)?;
        Ok(Outcome::Query(PushQuery {
            id,
            kind: QueryKind::Pull,
            schema,
            shown: ShownAs::rows(),
            changes: receiver,
            pipeline,
        }))
    }
}

/// Computes the result and sends it.
fn conclude(query: &BatchQuery, sender: ChangeSender, pipeline: &Pipeline) -> Result<(), exec::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|error| exec::Error::Query(error.to_string()))?;
    let errors = &pipeline.metrics().row_errors;
    // Everything runs on this thread, so that a function that fails on a row finds where its note goes.
    let run = || runtime.block_on(send(query, sender, pipeline));
    let (result, notes) = match errors.policy {
        RowErrorPolicy::Null => function::collect_row_errors(run),
        RowErrorPolicy::Skip | RowErrorPolicy::Fail => (run(), function::RowErrors::default()),
    };
    errors.note(&notes);
    result.map_err(|error| exec::Error::Operator(operator::Error::of_expression("SELECT", &error)))
}

async fn send(query: &BatchQuery, mut sender: ChangeSender, pipeline: &Pipeline) -> Result<(), DataFusionError> {
    let mut batches = query.start().await?;
    loop {
        let next = tokio::time::timeout(LOOK, batches.next()).await;
        if pipeline.is_stop_asked() {
            return Ok(());
        }
        let batch = match next {
            Err(_) => continue,
            Ok(None) => return Ok(()),
            Ok(Some(batch)) => query.shown(&batch?)?,
        };
        while sender.is_full() {
            if pipeline.is_stop_asked() {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
        if batch.num_rows() == 0 {
            continue;
        }
        pipeline.metrics().add_rows_out(batch.num_rows());
        // A row of a computed result has no time of its own.
        let times = Int64Array::from(vec![0; batch.num_rows()]);
        sender
            .write(&ChangeBatch::inserted(batch, times))
            .map_err(|error| DataFusionError::External(Box::new(error)))?;
    }
}
