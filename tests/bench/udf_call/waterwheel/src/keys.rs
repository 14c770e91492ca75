//! A stream function with many keys beside the same function in native Rust, both in the engine's operator, which finds the slots of the
//! keys and calls the function. Prints Markdown.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use arrow_array::cast::AsArray as _;
use arrow_array::types::Float64Type;
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use cpu_time::ThreadTime;
use datafusion::physical_plan::expressions::Column;
use datafusion::scalar::ScalarValue;
use waterwheel::operator::{Expression, Operator as _, RowErrorPolicy, RowErrors, StreamCall, StreamFunctionOperator};
use waterwheel::types::ChangeBatch;
use waterwheel::udf::{Error, FunctionInfo, FunctionSource as _, StreamFunction, StreamInstance};

use crate::door::load;

const BATCH_ROWS: usize = 8_192;
const BATCHES: usize = 100;
const ROUNDS: usize = 7;

/// Measures and prints.
pub fn report(plugin: &Path, keys: usize) -> Result<()> {
    println!(
        "{keys} keys in random order, batches of {BATCH_ROWS} rows; ns a row of CPU time, medians of {ROUNDS} rounds, taking turns.\n"
    );
    println!("| function | native | WebAssembly | ratio |\n|---|---|---|---|");
    let registry = load(plugin)?;
    for name in ["step", "running_mean"] {
        let wasm = registry
            .stream(name)
            .pop()
            .with_context(|| format!("the plugin has no {name}"))?;
        let native: Arc<dyn StreamFunction> = Arc::new(Native {
            info: wasm.info().clone(),
        });
        let (mut of_native, mut of_wasm) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let (native, native_results) = measure(&native, keys)?;
            let (wasm, wasm_results) = measure(&wasm, keys)?;
            anyhow::ensure!(native_results == wasm_results, "the two give different results");
            of_native.push(native);
            of_wasm.push(wasm);
        }
        let (native, wasm) = (median(of_native), median(of_wasm));
        println!("| {name} | {native:.1} | {wasm:.1} | {:.2} |", wasm / native);
    }
    Ok(())
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// ns a row in an operator whose keys are all known, and the sum of the results of the last batch.
fn measure(function: &Arc<dyn StreamFunction>, keys: usize) -> Result<(f64, f64)> {
    let input: SchemaRef = Arc::new(Schema::new(vec![
        Field::new("k", DataType::Int64, true),
        Field::new("x", DataType::Float64, true),
    ]));
    let mut fields: Vec<Field> = input.fields().iter().map(|field| field.as_ref().clone()).collect();
    fields.push(Field::new("y", DataType::Float64, true));
    let column = |place: usize| {
        let field = input.field(place);
        let column = Arc::new(Column::new(field.name(), place));
        Expression::new(column, field.name().clone(), field.data_type().clone())
    };
    let call = StreamCall {
        function: Arc::clone(function),
        args: vec![column(1)],
    };
    let output = Arc::new(Schema::new(fields));
    let errors = Arc::new(RowErrors::new("bench".to_owned(), RowErrorPolicy::Fail));
    let mut operator = StreamFunctionOperator::new(vec![column(0)], &[call], output, errors)?;
    let every: Vec<i64> = (0..keys as i64).collect();
    let mut out = Vec::new();
    for keys in every.chunks(BATCH_ROWS) {
        operator.push(0, batch(&input, keys.to_vec(), 0), &mut out)?;
    }
    let batches: Vec<ChangeBatch> = (1..=BATCHES)
        .map(|number| batch(&input, some(keys, number), number))
        .collect();
    let start = ThreadTime::now();
    for batch in batches {
        out.clear();
        operator.push(0, batch, &mut out)?;
    }
    let ns = start.elapsed().as_nanos() as f64 / (BATCHES * BATCH_ROWS) as f64;
    let last = out.pop().context("an operator gives what it got")?;
    let results = last
        .records
        .column(2)
        .as_primitive::<Float64Type>()
        .iter()
        .flatten()
        .sum();
    Ok((ns, results))
}

fn some(keys: usize, number: usize) -> Vec<i64> {
    let mixed = |row: usize| ((number * BATCH_ROWS + row) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    (0..BATCH_ROWS).map(|row| (mixed(row) % keys as u64) as i64).collect()
}

fn batch(schema: &SchemaRef, keys: Vec<i64>, number: usize) -> ChangeBatch {
    let x: Float64Array = keys
        .iter()
        .map(|key| Some((key % 100) as f64 + number as f64))
        .collect();
    let times = Int64Array::from(vec![number as i64; keys.len()]);
    let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(keys)), Arc::new(x)];
    let records = RecordBatch::try_new(Arc::clone(schema), columns).expect("the columns are of the schema");
    ChangeBatch::inserted(records, times)
}

/// The plugin's function without the plugin.
#[derive(Debug)]
struct Native {
    info: FunctionInfo,
}

#[derive(Debug)]
struct NativeInstance {
    run: fn(&mut (f64, f64), f64) -> Option<f64>,
    states: Vec<(f64, f64)>,
}

impl StreamFunction for Native {
    fn info(&self) -> &FunctionInfo {
        &self.info
    }

    fn instance(&self, _constants: &[Option<ScalarValue>]) -> Result<Box<dyn StreamInstance>, Error> {
        let run: fn(&mut (f64, f64), f64) -> Option<f64> = match self.info.name.as_str() {
            "step" => |(previous, rows), x| {
                let mut before = (*rows > 0.0).then_some(*previous);
                let step = bench_formulas::step(&mut before, x);
                (*previous, *rows) = (x, 1.0);
                step
            },
            _ => |(sum, rows), x| {
                bench_formulas::count_in(sum, rows, x);
                Some(*sum / *rows)
            },
        };
        Ok(Box::new(NativeInstance {
            run,
            states: Vec::new(),
        }))
    }
}

impl StreamInstance for NativeInstance {
    fn push(&mut self, slots: &[u32], args: &[ArrayRef]) -> Result<ArrayRef, Error> {
        let last = slots.iter().max().map_or(0, |last| *last as usize + 1);
        if self.states.len() < last {
            self.states.resize(last, (0.0, 0.0));
        }
        let (run, states) = (self.run, &mut self.states);
        let rows = slots.iter().zip(args[0].as_primitive::<Float64Type>().values());
        let results = rows.map(|(slot, x)| run(&mut states[*slot as usize], *x));
        Ok(Arc::new(results.collect::<Float64Array>()))
    }

    fn save(&mut self, _slots: &[u32]) -> Result<Vec<Vec<u8>>, Error> {
        unreachable!("nothing is saved here")
    }

    fn load(&mut self, _slots: &[u32], _states: &[Vec<u8>]) -> Result<(), Error> {
        unreachable!("nothing is loaded here")
    }

    fn drop_slots(&mut self, slots: &[u32]) -> Result<(), Error> {
        for slot in slots {
            self.states[*slot as usize] = (0.0, 0.0);
        }
        Ok(())
    }
}
