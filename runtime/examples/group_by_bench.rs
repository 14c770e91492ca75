//! A tumbling count per key from columns, without decoding: the engine's operator beside DataFusion's batch GROUP BY, in rows per
//! CPU-second of one thread.
//!
//! `cargo run --release -p waterwheel --example group_by_bench [-- ROWS]`
//!
//! Rows as those of the bids of tests/bench: integer keys, half of them hot, 10,000 rows for each second of event time, windows of 10
//! seconds. Both take turns, several rounds, in one process, and the median counts.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::datasource::MemTable;
use datafusion::execution::SessionStateDefaults;
use datafusion::physical_expr::expressions::Column;
use datafusion::prelude::{SessionConfig, SessionContext};
use rand::{RngExt as _, SeedableRng as _};
use waterwheel::operator::aggregate::AggregateCall;
use waterwheel::operator::group_by::{GroupBy, GroupColumn, Window, WindowEmit, WindowShape};
use waterwheel::operator::{Expression, LateRows, Progress, RowErrors};
use waterwheel::types::ChangeBatch;

const BATCH_ROWS: usize = 8_192;
const ROUNDS: usize = 7;
const WINDOW_MS: i64 = 10_000;

fn main() -> anyhow::Result<()> {
    let rows: usize = match std::env::args().nth(1) {
        Some(text) => text.parse().context("the argument is the number of rows")?,
        None => 4_000_000,
    };
    let schema = Arc::new(Schema::new(vec![
        Field::new("K", DataType::Int64, false),
        Field::new("TS", DataType::Int64, false),
    ]));
    let batches = batches(rows, &schema)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let (mut own, mut own_changes, mut batch_engine) = (Vec::new(), Vec::new(), Vec::new());
    let mut groups = (0, 0);
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        groups.0 = operator_groups(&batches, WindowEmit::Final)?;
        own.push(begun.elapsed().as_secs_f64());
        let begun = Instant::now();
        operator_groups(&batches, WindowEmit::Changes)?;
        own_changes.push(begun.elapsed().as_secs_f64());
        let begun = Instant::now();
        groups.1 = runtime.block_on(datafusion_groups(&batches, &schema))?;
        batch_engine.push(begun.elapsed().as_secs_f64());
    }
    anyhow::ensure!(groups.0 == groups.1, "{} groups, DataFusion has {}", groups.0, groups.1);
    let speed = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        rows as f64 / times[times.len() / 2] / 1e6
    };
    let (own, changes, batch_engine) = (speed(&mut own), speed(&mut own_changes), speed(&mut batch_engine));
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{rows} rows, {} groups, one thread, million rows per second",
        groups.0
    )?;
    writeln!(
        out,
        "tumbling count, EMIT FINAL    {own:6.1}   {:.2} of DataFusion",
        own / batch_engine
    )?;
    writeln!(
        out,
        "tumbling count, EMIT CHANGES  {changes:6.1}   {:.2} of DataFusion",
        changes / batch_engine
    )?;
    writeln!(out, "DataFusion, batch GROUP BY    {batch_engine:6.1}")?;
    Ok(())
}

fn batches(rows: usize, schema: &SchemaRef) -> anyhow::Result<Vec<RecordBatch>> {
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(42);
    let mut all = Vec::new();
    for start in (0..rows).step_by(BATCH_ROWS) {
        let numbers = start..(start + BATCH_ROWS).min(rows);
        let key = |number: usize| {
            let newest = number / 17;
            let back = if random.random_bool(0.5) {
                0
            } else {
                random.random_range(0..100)
            };
            i64::try_from(newest.saturating_sub(back)).unwrap_or(0)
        };
        let keys: ArrayRef = Arc::new(Int64Array::from_iter_values(numbers.clone().map(key)));
        let times = numbers.map(|number| i64::try_from(number / 10).unwrap_or(0));
        let times: ArrayRef = Arc::new(Int64Array::from_iter_values(times));
        all.push(RecordBatch::try_new(Arc::clone(schema), vec![keys, times])?);
    }
    Ok(all)
}

/// Runs the operator over the batches, gives how many final rows it gave.
fn operator_groups(batches: &[RecordBatch], emit: WindowEmit) -> anyhow::Result<usize> {
    let functions = SessionStateDefaults::default_aggregate_functions();
    let count = functions
        .into_iter()
        .find(|f| f.name() == "count")
        .context("there is COUNT")?;
    let one = datafusion::physical_expr::expressions::lit(1_i64);
    let argument = Expression::new(one, "1".into(), DataType::Int64);
    let call = AggregateCall::new(count, vec![argument], DataType::Int64, "count(*)".into())?;
    let plan = GroupBy {
        keys: vec![Expression::new(
            Arc::new(Column::new("K", 0)),
            "K".into(),
            DataType::Int64,
        )],
        window: Some(Window {
            shape: WindowShape::Tumbling { size_ms: WINDOW_MS },
            grace_ms: 0,
            retention_ms: 0,
        }),
        calls: vec![call],
        columns: vec![
            GroupColumn::Key(0),
            GroupColumn::WindowStart,
            GroupColumn::WindowEnd,
            GroupColumn::Call(0),
        ],
        emit,
        old_rows: false,
    };
    let fields = ["K", "WS", "WE", "N"].map(|name| Field::new(name, DataType::Int64, true));
    let schema = Arc::new(Schema::new(fields.to_vec()));
    let mut operator = plan.operator(schema, Arc::new(RowErrors::default()), Arc::new(LateRows::default()))?;
    let mut out = Vec::new();
    let mut given = 0;
    for batch in batches {
        let times = batch
            .column(1)
            .as_any()
            .downcast_ref::<Int64Array>()
            .context("TS is BIGINT")?;
        let watermark = times.values().last().copied().unwrap_or(0);
        let mut changes = ChangeBatch::inserted(batch.clone(), times.clone());
        changes.stream_times = Some(times.clone());
        operator.push(0, changes, &mut out)?;
        let progress = Progress {
            watermark,
            shared_time: watermark,
            ..Progress::UNKNOWN
        };
        operator.advance(progress, &mut out)?;
        given += out.drain(..).map(|batch| batch.num_rows()).sum::<usize>();
    }
    operator.advance(Progress::ENDED, &mut out)?;
    Ok(given + out.iter().map(ChangeBatch::num_rows).sum::<usize>())
}

async fn datafusion_groups(batches: &[RecordBatch], schema: &SchemaRef) -> anyhow::Result<usize> {
    let session = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
    let table = MemTable::try_new(Arc::clone(schema), vec![batches.to_vec()])?;
    session.register_table("bids", Arc::new(table))?;
    let sql = format!(
        "SELECT \"K\", \"TS\" / {WINDOW_MS} AS w, COUNT(*) AS n FROM bids GROUP BY \"K\", \"TS\" / {WINDOW_MS}"
    );
    let frame = session.sql(&sql).await?;
    let plan = frame.create_physical_plan().await?;
    let result = datafusion::physical_plan::collect(plan, session.task_ctx()).await?;
    Ok(result.iter().map(RecordBatch::num_rows).sum())
}
