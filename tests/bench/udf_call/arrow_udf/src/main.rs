//! arrow-udf's runtime, which knows no time limit. `udf_call_arrow_udf PLUGIN_DIR`, then see `sampler`.

use std::collections::HashMap;
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use arrow_array::cast::AsArray as _;
use arrow_array::types::Float64Type;
use arrow_array::{ArrayRef, Float64Array, ListArray, RecordBatch, StringArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field, Fields, Schema};
use arrow_udf_runtime::wasm::{FunctionHandle, Runtime, TableFunctionHandle};
use sampler::{Call, Way, inputs};

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
    let low_high: Fields = ["low", "high"]
        .map(|name| Field::new(name, DataType::Float64, true))
        .into_iter()
        .collect();
    let double = || Field::new("", DataType::Float64, true);
    let cases: [(&str, Inputs, Field); 6] = [
        ("mul_add", |rows| numbers(rows, 3), double()),
        ("risk_score", |rows| numbers(rows, 3), double()),
        ("upper_text", texts, Field::new("", DataType::Utf8, true)),
        ("add_decimals", decimals, decimal("")),
        ("total", lists, double()),
        (
            "ordered",
            |rows| numbers(rows, 2),
            Field::new("", DataType::Struct(low_high), true),
        ),
    ];
    let mut ways: Vec<Box<dyn Way>> = Vec::new();
    for (case, inputs, returns) in cases {
        let runtime = Runtime::new(&bytes)?;
        let types: Vec<Field> = inputs(1).into_iter().map(|(field, _)| field).collect();
        let function = Function::Scalar(runtime.find_function(case, types, returns)?);
        ways.push(Box::new(ArrowUdf {
            case,
            inputs,
            runtime,
            function,
        }));
    }
    let runtime = Runtime::new(&bytes)?;
    let function = Function::Table(runtime.find_table_function("parts", vec![double()], double())?);
    let inputs: Inputs = |rows| numbers(rows, 1);
    ways.push(Box::new(ArrowUdf {
        case: "parts",
        inputs,
        runtime,
        function,
    }));
    sampler::serve(&ways)
}

/// Makes so many rows of arguments.
type Inputs = fn(usize) -> Vec<(Field, ArrayRef)>;

fn numbers(rows: usize, count: usize) -> Vec<(Field, ArrayRef)> {
    let columns = inputs::numbers(rows).into_iter().take(count);
    let field = || Field::new("x", DataType::Float64, true);
    columns
        .map(|column| (field(), Arc::new(Float64Array::from(column)) as ArrayRef))
        .collect()
}

fn texts(rows: usize) -> Vec<(Field, ArrayRef)> {
    let texts = StringArray::from_iter_values(inputs::texts(rows));
    vec![(Field::new("x", DataType::Utf8, true), Arc::new(texts))]
}

/// Its decimals are texts.
fn decimal(name: &str) -> Field {
    let extension = HashMap::from([("ARROW:extension:name".to_owned(), "arrowudf.decimal".to_owned())]);
    Field::new(name, DataType::Utf8, true).with_metadata(extension)
}

fn decimals(rows: usize) -> Vec<(Field, ArrayRef)> {
    let text = |unscaled: i128| format!("{}.{:04}", unscaled / 10_000, unscaled % 10_000);
    let columns = inputs::decimals(rows).map(|column| StringArray::from_iter_values(column.into_iter().map(text)));
    columns
        .map(|column| (decimal("x"), Arc::new(column) as ArrayRef))
        .into()
}

fn lists(rows: usize) -> Vec<(Field, ArrayRef)> {
    let elements = Arc::new(Float64Array::from(inputs::elements(rows)));
    let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(inputs::ELEMENTS, rows));
    // The name that arrow-udf gives to elements.
    let element = Arc::new(Field::new("item", DataType::Float64, true));
    let lists = ListArray::new(Arc::clone(&element), offsets, elements, None);
    vec![(Field::new("x", DataType::List(element), true), Arc::new(lists))]
}

enum Function {
    Scalar(FunctionHandle),
    Table(TableFunctionHandle),
}

struct ArrowUdf {
    case: &'static str,
    inputs: Inputs,
    runtime: Runtime,
    function: Function,
}

struct ArrowUdfCall<'a> {
    way: &'a ArrowUdf,
    batch: RecordBatch,
}

impl Way for ArrowUdf {
    fn name(&self) -> String {
        format!("{}, arrow-udf (no time limit)", self.case)
    }

    fn prepare(&self, rows: usize) -> Result<Box<dyn Call + '_>> {
        let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = (self.inputs)(rows).into_iter().unzip();
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?;
        Ok(Box::new(ArrowUdfCall { way: self, batch }))
    }
}

impl ArrowUdfCall<'_> {
    /// The batches that come back: of a table function as many as it gives.
    fn run(&self) -> Result<Vec<RecordBatch>> {
        let runtime = &self.way.runtime;
        match &self.way.function {
            Function::Scalar(function) => Ok(vec![runtime.call(function, black_box(&self.batch))?]),
            Function::Table(function) => runtime.call_table_function(function, black_box(&self.batch))?.collect(),
        }
    }
}

impl Call for ArrowUdfCall<'_> {
    fn call(&mut self) -> Result<()> {
        black_box(self.run()?);
        Ok(())
    }

    fn values(&mut self) -> Result<Vec<String>> {
        let mut values = Vec::new();
        for batch in self.run()? {
            // A table function's values stand behind the numbers of their rows.
            let column = match &self.way.function {
                Function::Scalar(_) => batch.column(0),
                Function::Table(_) => batch.column(1),
            };
            match column.data_type() {
                DataType::Utf8 => values.extend(column.as_string::<i32>().iter().flatten().map(str::to_owned)),
                DataType::Struct(_) => {
                    let pair = column.as_struct();
                    let part = |place: usize| pair.column(place).as_primitive::<Float64Type>().values().iter();
                    values.extend(
                        part(0)
                            .zip(part(1))
                            .flat_map(|(low, high)| [low.to_string(), high.to_string()]),
                    );
                }
                _ => values.extend(column.as_primitive::<Float64Type>().values().iter().map(f64::to_string)),
            }
        }
        Ok(values)
    }
}
