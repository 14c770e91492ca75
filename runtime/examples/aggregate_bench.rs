//! How fast rows are taken into the states of aggregates, in rows per CPU-second.
//!
//! `cargo run --release -p waterwheel --example aggregate_bench [-- ROWS]`
//!
//! Batches of 8,192 rows over 10,000 groups in random order. All run in turn, several rounds, in one process, and the median
//! counts: on a shared machine only the ratios within a run mean something.

use std::hint::black_box;
use std::io::Write as _;
use std::sync::Arc;

use anyhow::Context as _;
use datafusion::arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::AggregateUDF;
use rand::{RngExt as _, SeedableRng as _};
use waterwheel::function::{AggregateLimits, AggregateSpec, SharedInstance, aggregate_functions};

const BATCH_ROWS: usize = 8_192;
const GROUPS: u32 = 10_000;
const ROUNDS: usize = 7;

/// Arguments and groups of one batch.
struct Batch {
    longs: ArrayRef,
    doubles: ArrayRef,
    texts: ArrayRef,
    groups: Vec<u32>,
}

fn main() -> anyhow::Result<()> {
    let rows: usize = match std::env::args().nth(1) {
        Some(text) => text.parse().context("the argument is the number of rows")?,
        None => 1_000_000,
    };
    let batches: Vec<Batch> = (0..rows.div_ceil(BATCH_ROWS) as u64).map(batch).collect();
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "batches of {BATCH_ROWS} rows, {GROUPS} groups; million rows per CPU-second"
    )?;
    let long = |batch: &Batch| vec![Arc::clone(&batch.longs)];
    let double = |batch: &Batch| vec![Arc::clone(&batch.doubles)];
    let text = |batch: &Batch| vec![Arc::clone(&batch.texts)];
    measure(&mut out, "count", &[], &batches, &|_| Vec::new())?;
    measure(&mut out, "count", &[DataType::Int64], &batches, &long)?;
    for name in [
        "sum",
        "avg",
        "max",
        "latest_by_offset",
        "count_distinct",
        "collect_list",
    ] {
        measure(&mut out, name, &[DataType::Int64], &batches, &long)?;
    }
    for name in ["sum", "avg", "max", "stddev_sample", "median"] {
        measure(&mut out, name, &[DataType::Float64], &batches, &double)?;
    }
    for name in ["max", "latest_by_offset", "count_distinct", "histogram"] {
        measure(&mut out, name, &[DataType::Utf8], &batches, &text)?;
    }
    Ok(())
}

fn batch(seed: u64) -> Batch {
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let longs: Vec<i64> = (0..BATCH_ROWS).map(|_| random.random_range(0..1_000)).collect();
    Batch {
        doubles: Arc::new(
            longs
                .iter()
                .map(|long| Some(*long as f64 / 10.0))
                .collect::<Float64Array>(),
        ),
        texts: Arc::new(StringArray::from_iter_values(
            longs.iter().map(|long| format!("text {long}")),
        )),
        longs: Arc::new(Int64Array::from(longs)),
        groups: (0..BATCH_ROWS).map(|_| random.random_range(0..GROUPS)).collect(),
    }
}

fn function(name: &str) -> anyhow::Result<Arc<AggregateUDF>> {
    aggregate_functions(AggregateLimits::default())
        .into_iter()
        .chain(SessionStateDefaults::default_aggregate_functions())
        .find(|function| function.name() == name)
        .with_context(|| format!("there is no function {name}"))
}

fn measure(
    out: &mut impl std::io::Write,
    name: &str,
    types: &[DataType],
    batches: &[Batch],
    args: &dyn Fn(&Batch) -> Vec<ArrayRef>,
) -> anyhow::Result<()> {
    let function = function(name)?;
    let fields: Vec<FieldRef> = types
        .iter()
        .map(|data_type| Arc::new(Field::new("a", data_type.clone(), true)))
        .collect();
    let spec = AggregateSpec {
        result: function.return_field(&fields)?.data_type().clone(),
        function,
        types: types.to_vec(),
        constants: vec![None; types.len()],
        order: Vec::new(),
        distinct: false,
        ignore_nulls: false,
        retracting: false,
        instance: SharedInstance::default(),
    };
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let mut accumulator = spec.accumulator()?;
        let start = cpu_time()?;
        for batch in batches {
            accumulator.update(&args(batch), &batch.groups, None, GROUPS as usize)?;
        }
        times.push(cpu_time()? - start);
        black_box(accumulator.evaluate(&[0])?);
    }
    times.sort_by(f64::total_cmp);
    let rows = (batches.len() * BATCH_ROWS) as f64;
    let types: Vec<String> = types.iter().map(ToString::to_string).collect();
    writeln!(
        out,
        "{:<28}{:>8.1}",
        format!("{name}({})", types.join(", ")),
        rows / times[ROUNDS / 2] / 1e6
    )?;
    Ok(())
}

/// Of this thread, in seconds. Linux tells it in the first number of `schedstat`, in nanoseconds.
fn cpu_time() -> anyhow::Result<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").context("this example needs Linux")?;
    let first = text.split_whitespace().next().context("schedstat is empty")?;
    Ok(first.parse::<u64>()? as f64 / 1e9)
}
