//! The native loop and Waterwheel's two doors, called as the engine calls them. `udf_call_waterwheel PLUGIN_DIR`, then see `sampler`.
//!
//! The limits of plugins are the defaults, the time limit of a call among them.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use arrow_array::cast::AsArray as _;
use arrow_array::types::Float64Type;
use arrow_array::{Array as _, ArrayRef, Float64Array};
use sampler::{Call, Way};
use waterwheel::udf::{FunctionSource as _, Limits, Registry, ScalarFunction};

/// The product's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Formula = fn(&[ArrayRef]) -> Float64Array;

/// Names as the functions of the plugins are called.
const FORMULAS: [(&str, Formula); 2] = [
    ("mul_add", |columns| native(columns, bench_formulas::mul_add)),
    ("risk_score", |columns| {
        native(columns, |a, b, c| bench_formulas::risk_score(a, b, c, f64::ln))
    }),
];

fn main() -> Result<()> {
    let plugins = PathBuf::from(
        std::env::args_os()
            .nth(1)
            .context("usage: udf_call_waterwheel PLUGIN_DIR")?,
    );
    let mut ways: Vec<Box<dyn Way>> = Vec::new();
    for (formula, native) in FORMULAS {
        ways.push(Box::new(Native { formula, native }));
        ways.push(Box::new(Door::new(
            formula,
            "columnar door",
            &plugins.join("bench_columnar.wasm"),
            formula,
        )?));
        let plain = format!("plain_{formula}");
        ways.push(Box::new(Door::new(
            formula,
            "plain door",
            &plugins.join("bench_plain.wasm"),
            &plain,
        )?));
    }
    sampler::serve(&ways)
}

/// The loop that one would write by hand.
fn native(columns: &[ArrayRef], formula: impl Fn(f64, f64, f64) -> f64) -> Float64Array {
    let column = |number: usize| columns[number].as_primitive::<Float64Type>().values().iter();
    Float64Array::from_iter_values(
        column(0)
            .zip(column(1))
            .zip(column(2))
            .map(|((a, b), c)| formula(*a, *b, *c)),
    )
}

fn arrays(columns: [Vec<f64>; 3]) -> Vec<ArrayRef> {
    columns
        .into_iter()
        .map(|column| Arc::new(Float64Array::from(column)) as ArrayRef)
        .collect()
}

struct Native {
    formula: &'static str,
    native: Formula,
}

struct NativeCall {
    native: Formula,
    columns: Vec<ArrayRef>,
}

impl Way for Native {
    fn name(&self) -> String {
        format!("{}, native Rust loop", self.formula)
    }

    fn prepare(&self, columns: [Vec<f64>; 3]) -> Result<Box<dyn Call + '_>> {
        Ok(Box::new(NativeCall {
            native: self.native,
            columns: arrays(columns),
        }))
    }
}

impl Call for NativeCall {
    fn call(&self) -> Result<()> {
        black_box((self.native)(black_box(&self.columns)));
        Ok(())
    }

    fn values(&self) -> Result<Vec<f64>> {
        Ok((self.native)(&self.columns).values().to_vec())
    }
}

/// A function of a plugin.
struct Door {
    formula: &'static str,
    door: &'static str,
    function: Arc<dyn ScalarFunction>,
}

impl Door {
    fn new(formula: &'static str, door: &'static str, file: &Path, function: &str) -> Result<Self> {
        let mut registry = Registry::new(Limits::default())?;
        let plugin = registry.add_file(file).clone();
        if let Some(reason) = plugin.broken {
            anyhow::bail!("{}: {reason}", file.display());
        }
        let function = registry.scalar(function).pop();
        let function = function.with_context(|| format!("{} has no function of that name", file.display()))?;
        Ok(Self {
            formula,
            door,
            function,
        })
    }
}

struct DoorCall<'a> {
    function: &'a dyn ScalarFunction,
    columns: Vec<ArrayRef>,
}

impl Way for Door {
    fn name(&self) -> String {
        format!("{}, Waterwheel, {}", self.formula, self.door)
    }

    fn prepare(&self, columns: [Vec<f64>; 3]) -> Result<Box<dyn Call + '_>> {
        Ok(Box::new(DoorCall {
            function: self.function.as_ref(),
            columns: arrays(columns),
        }))
    }
}

impl DoorCall<'_> {
    fn run(&self) -> Result<ArrayRef> {
        Ok(self
            .function
            .call(black_box(&self.columns), &[false; 3], self.columns[0].len())?)
    }
}

impl Call for DoorCall<'_> {
    fn call(&self) -> Result<()> {
        black_box(self.run()?);
        Ok(())
    }

    fn values(&self) -> Result<Vec<f64>> {
        Ok(self.run()?.as_primitive::<Float64Type>().values().to_vec())
    }
}
