//! How fast joins are, in rows per CPU-second.
//!
//! `cargo run --release -p waterwheel --example join_bench [-- ROWS]`
//!
//! Batches of 8,192 rows, both sides in the order of time. All run in turn, several rounds, in one process, and the median counts:
//! on a shared machine only the ratios within a run mean something.

use std::hint::black_box;
use std::io::Write as _;
use std::sync::Arc;

use anyhow::Context as _;
use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::physical_plan::expressions::Column;
use rand::{RngExt as _, SeedableRng as _};
use waterwheel::operator::join::{
    JoinKind, StreamStreamJoin, StreamStreamJoinPlan, StreamTableJoin, StreamTableJoinPlan, TableTableJoin,
    TableTableJoinPlan, Unmatched,
};
use waterwheel::operator::{Expression, LateRowPolicy, LateRows, Operator, Progress, RowErrors};
use waterwheel::types::ChangeBatch;

const BATCH_ROWS: usize = 8_192;
const ROUNDS: usize = 5;
/// Rows of one side that come in one millisecond.
const ROWS_PER_MS: i64 = 10;

fn main() -> anyhow::Result<()> {
    let rows: usize = match std::env::args().nth(1) {
        Some(text) => text
            .parse()
            .context("the argument is the number of rows of each side")?,
        None => 1_000_000,
    };
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "batches of {BATCH_ROWS} rows; million rows of both sides per CPU-second"
    )?;
    // Each order is paid once, within a second; then keys that many rows share.
    let unique = [batches(rows, Keys::Unique), batches(rows, Keys::Unique)];
    let few = [batches(rows, Keys::OneOf(100_000)), batches(rows, Keys::OneOf(100_000))];
    for (name, sides, kind, grace) in [
        ("streams, each key once, INNER", &unique, JoinKind::Inner, None),
        (
            "streams, each key once, LEFT with grace",
            &unique,
            JoinKind::Left,
            Some(1_000),
        ),
        ("streams, 100,000 keys, INNER", &few, JoinKind::Inner, Some(1_000)),
    ] {
        measure(&mut out, name, sides, &mut || stream_stream(kind, grace))?;
    }
    measure(&mut out, "stream and table of 100,000 keys", &few, &mut stream_table)?;
    measure(&mut out, "tables of 100,000 keys", &few, &mut table_table)?;
    Ok(())
}

/// Which keys rows have.
#[derive(Clone, Copy)]
enum Keys {
    /// Each one once, in order but for some thousands.
    Unique,
    OneOf(i64),
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("ID", DataType::Int64, true),
        Field::new("AMOUNT", DataType::Int64, true),
        Field::new("NAME", DataType::Utf8, true),
    ]))
}

fn batches(rows: usize, keys: Keys) -> Vec<ChangeBatch> {
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(7);
    (0..rows.div_ceil(BATCH_ROWS))
        .map(|number| {
            let first = (number * BATCH_ROWS) as i64;
            let numbers: Vec<i64> = (first..first + BATCH_ROWS as i64).collect();
            let key = |number: i64, random: &mut rand_chacha::ChaCha8Rng| match keys {
                // The numbers of a thousand rows, mixed.
                Keys::Unique => number / 1_000 * 1_000 + (number * 617) % 1_000,
                Keys::OneOf(keys) => random.random_range(0..keys),
            };
            let ids: Int64Array = numbers.iter().map(|number| Some(key(*number, &mut random))).collect();
            let times: Int64Array = numbers.iter().map(|number| Some(number / ROWS_PER_MS)).collect();
            let names = StringArray::from_iter_values(numbers.iter().map(|number| format!("name {number}")));
            let columns: Vec<ArrayRef> = vec![Arc::new(ids), Arc::new(Int64Array::from(numbers)), Arc::new(names)];
            let records = RecordBatch::try_new(schema(), columns).expect("columns fit the schema");
            let mut changes = ChangeBatch::inserted(records, times.clone());
            changes.stream_times = Some(times);
            changes
        })
        .collect()
}

fn key() -> Vec<Expression> {
    vec![Expression::new(
        Arc::new(Column::new("ID", 0)),
        "ID".into(),
        DataType::Int64,
    )]
}

fn joined() -> SchemaRef {
    let schema = schema();
    Arc::new(Schema::new(
        schema
            .fields()
            .iter()
            .chain(schema.fields())
            .cloned()
            .collect::<Vec<_>>(),
    ))
}

fn stream_stream(kind: JoinKind, grace_ms: Option<i64>) -> anyhow::Result<Box<dyn Operator>> {
    let plan = StreamStreamJoinPlan {
        kind,
        left_keys: key(),
        right_keys: key(),
        filter: None,
        before_ms: 1_000,
        after_ms: 1_000,
        grace_ms,
        left_schema: schema(),
        right_schema: schema(),
        schema: joined(),
    };
    let late = Arc::new(LateRows::new("bench".into(), LateRowPolicy::Count));
    Ok(Box::new(StreamStreamJoin::new(
        plan,
        late,
        &Arc::new(RowErrors::default()),
    )?))
}

fn stream_table() -> anyhow::Result<Box<dyn Operator>> {
    let plan = StreamTableJoinPlan {
        unmatched: Unmatched::PadWithNulls,
        left_keys: key(),
        right_keys: key(),
        filter: None,
        left_schema: schema(),
        right_schema: schema(),
        schema: joined(),
    };
    Ok(Box::new(StreamTableJoin::new(plan, &Arc::new(RowErrors::default()))?))
}

fn table_table() -> anyhow::Result<Box<dyn Operator>> {
    let plan = TableTableJoinPlan {
        kind: JoinKind::Inner,
        left_keys: key(),
        right_keys: key(),
        filter: None,
        left_schema: schema(),
        right_schema: schema(),
        schema: joined(),
    };
    Ok(Box::new(TableTableJoin::new(plan, &Arc::new(RowErrors::default()))?))
}

fn measure(
    out: &mut impl std::io::Write,
    name: &str,
    sides: &[Vec<ChangeBatch>; 2],
    make: &mut dyn FnMut() -> anyhow::Result<Box<dyn Operator>>,
) -> anyhow::Result<()> {
    let rows: usize = sides.iter().flatten().map(ChangeBatch::num_rows).sum();
    let mut speeds = Vec::with_capacity(ROUNDS);
    let mut given = 0;
    for _ in 0..ROUNDS {
        let mut operator = make()?;
        let before = cpu_time()?;
        given = 0;
        for (left, right) in sides[0].iter().zip(&sides[1]) {
            let mut joined = Vec::new();
            operator.push(1, right.clone(), &mut joined)?;
            operator.push(0, left.clone(), &mut joined)?;
            let time = left.event_times.value(left.num_rows() - 1);
            let progress = Progress {
                watermark: time,
                shared_time: time,
                ..Progress::UNKNOWN
            };
            operator.advance(progress, &mut joined)?;
            given += joined.iter().map(ChangeBatch::num_rows).sum::<usize>();
            black_box(joined);
        }
        speeds.push(rows as f64 / 1e6 / (cpu_time()? - before));
    }
    speeds.sort_by(f64::total_cmp);
    writeln!(out, "{name:<42} {:>6.2}   {given} rows out", speeds[ROUNDS / 2])?;
    Ok(())
}

/// Of this thread, in seconds. Linux tells it in the first number of `schedstat`, in nanoseconds.
fn cpu_time() -> anyhow::Result<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").context("this example needs Linux")?;
    let first = text.split_whitespace().next().context("schedstat is empty")?;
    Ok(first.parse::<u64>()? as f64 / 1e9)
}
