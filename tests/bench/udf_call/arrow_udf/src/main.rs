//! arrow-udf's runtime, which knows no time limit. `udf_call_arrow_udf PLUGIN_DIR`, then see `sampler`.

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use arrow_array::cast::AsArray as _;
use arrow_array::types::Float64Type;
use arrow_array::{ArrayRef, Float64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use arrow_udf_runtime::wasm::{FunctionHandle, Runtime};
use sampler::{Call, Way};

/// The allocator that the other program has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    let plugins = PathBuf::from(
        std::env::args_os()
            .nth(1)
            .context("usage: udf_call_arrow_udf PLUGIN_DIR")?,
    );
    let file = plugins.join("bench_arrow_udf.wasm");
    let bytes = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut ways: Vec<Box<dyn Way>> = Vec::new();
    for formula in ["mul_add", "risk_score"] {
        let runtime = Runtime::new(&bytes)?;
        let function = runtime.find_function(formula, vec![DataType::Float64; 3], DataType::Float64)?;
        ways.push(Box::new(ArrowUdf {
            formula,
            runtime,
            function,
        }));
    }
    sampler::serve(&ways)
}

struct ArrowUdf {
    formula: &'static str,
    runtime: Runtime,
    function: FunctionHandle,
}

struct ArrowUdfCall<'a> {
    way: &'a ArrowUdf,
    batch: RecordBatch,
}

impl Way for ArrowUdf {
    fn name(&self) -> String {
        format!("{}, arrow-udf (no time limit)", self.formula)
    }

    fn prepare(&self, columns: [Vec<f64>; 3]) -> Result<Box<dyn Call + '_>> {
        let fields: Vec<Field> = ["a", "b", "c"]
            .map(|name| Field::new(name, DataType::Float64, true))
            .into();
        let arrays: Vec<ArrayRef> = columns
            .into_iter()
            .map(|column| Arc::new(Float64Array::from(column)) as ArrayRef)
            .collect();
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?;
        Ok(Box::new(ArrowUdfCall { way: self, batch }))
    }
}

impl ArrowUdfCall<'_> {
    fn run(&self) -> Result<RecordBatch> {
        Ok(self.way.runtime.call(&self.way.function, black_box(&self.batch))?)
    }
}

impl Call for ArrowUdfCall<'_> {
    fn call(&self) -> Result<()> {
        black_box(self.run()?);
        Ok(())
    }

    fn values(&self) -> Result<Vec<f64>> {
        Ok(self.run()?.column(0).as_primitive::<Float64Type>().values().to_vec())
    }
}
