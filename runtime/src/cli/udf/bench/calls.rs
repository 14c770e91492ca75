//! Calls that are measured: arguments are made before, the clock stands around the call alone.

use std::time::{Duration, Instant};

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;
use serde_json::Value;

use super::values::{self, Numbers};
use crate::engine::vectors::column;
use crate::udf::{Error, FunctionInfo, FunctionSource, Kind};

/// Samples, of which the median counts.
const SAMPLES: usize = 21;
/// A sample is as many calls as take so long.
const SAMPLE: Duration = Duration::from_millis(4);
/// No more samples are taken after so long; a slow function gets fewer.
const LONGEST: Duration = Duration::from_secs(1);

/// What calls cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    pub(super) call_ns: f64,
    /// Made-up rows that the function refuses.
    pub(super) failed_rows: usize,
}

/// The values that constants of the query are given, by name; texts as they are typed.
#[derive(Debug)]
pub(super) struct Constants<'a>(&'a [(String, String)]);

impl<'a> Constants<'a> {
    pub(super) fn new(given: &'a [(String, String)]) -> Self {
        Self(given)
    }

    fn given(&self, name: &str) -> Option<Value> {
        let (_, text) = self.0.iter().find(|(given, _)| given.eq_ignore_ascii_case(name))?;
        Some(serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone())))
    }

    /// The constants of a function: what was given for an argument, and something likely for one that must be a constant.
    fn of(&self, info: &FunctionInfo) -> Result<Vec<Option<ScalarValue>>, String> {
        let value = |(i, (name, data_type)): (usize, &(String, DataType))| {
            let value = match self.given(name) {
                None if info.constants.contains(&i) => values::constant(data_type),
                given => given,
            };
            value.map(|value| scalar(name, &value, data_type)).transpose()
        };
        info.args.iter().enumerate().map(value).collect()
    }
}

/// Measures a function with so many rows in a call.
pub(super) fn measure(
    functions: &dyn FunctionSource,
    info: &FunctionInfo,
    rows: u32,
    keys: u32,
    constants: &Constants<'_>,
) -> Result<Measured, String> {
    let same = |other: &FunctionInfo| other.args == info.args;
    let args = arguments(info, rows)?;
    let slots: Vec<u32> = (0..rows).map(|row| row % keys).collect();
    let gone = || "the plugin does not give it".to_owned();
    match info.kind {
        Kind::Scalar | Kind::Table => {
            let overloads = match info.kind {
                Kind::Table => functions.table(&info.name),
                _ => functions.scalar(&info.name),
            };
            let function = overloads.into_iter().find(|f| same(f.info())).ok_or_else(gone)?;
            let given = constants.of(info)?;
            let (args, constant) = with_constants(args, &given)?;
            median(|| {
                let outcome = function.call_rows(&args, &constant, slots.len());
                outcome.map(|outcome| outcome.failed.len())
            })
        }
        Kind::Stream => {
            let mut overloads = functions.stream(&info.name).into_iter();
            let function = overloads.find(|f| same(f.info())).ok_or_else(gone)?;
            let mut instance = function.instance(&constants.of(info)?).map_err(refused)?;
            median(|| instance.push_rows(&slots, &args).map(|outcome| outcome.failed.len()))
        }
        Kind::Aggregate => {
            let mut overloads = functions.aggregate(&info.name).into_iter();
            let function = overloads.find(|f| same(f.info())).ok_or_else(gone)?;
            let mut instance = function.instance(&constants.of(info)?).map_err(refused)?;
            median(|| match instance.update(&slots, &args) {
                Ok(()) => Ok(0),
                // The first one is told; the others were taken in.
                Err(Error::Row { .. }) => Ok(1),
                Err(other) => Err(other),
            })
        }
    }
}

fn arguments(info: &FunctionInfo, rows: u32) -> Result<Vec<ArrayRef>, String> {
    let mut numbers = Numbers(42);
    let mut columns = Vec::new();
    for (name, data_type) in &info.args {
        let values: Option<Vec<Value>> = (0..rows).map(|_| values::value(&mut numbers, data_type)).collect();
        let values = values.ok_or_else(|| format!("no value can be made up for argument {name}"))?;
        columns.push(column(&values, data_type, 1).map_err(|e| format!("argument {name}: {e}"))?);
    }
    Ok(columns)
}

/// The arguments with one value in the place of each constant that the function asks for, and which these are.
fn with_constants(
    mut args: Vec<ArrayRef>,
    constants: &[Option<ScalarValue>],
) -> Result<(Vec<ArrayRef>, Vec<bool>), String> {
    for (arg, value) in args.iter_mut().zip(constants) {
        if let Some(value) = value {
            *arg = value.to_array().map_err(|e| e.to_string())?;
        }
    }
    Ok((args, constants.iter().map(Option::is_some).collect()))
}

fn refused(error: Error) -> String {
    format!("{error} (--constant NAME=VALUE says what a constant is)")
}

fn scalar(name: &str, value: &Value, data_type: &DataType) -> Result<ScalarValue, String> {
    let column = column(std::slice::from_ref(value), data_type, 1).map_err(|e| format!("constant {name}: {e}"))?;
    ScalarValue::try_from_array(&column, 0).map_err(|e| format!("constant {name}: {e}"))
}

/// The median time of a call that gives how many rows failed.
fn median(mut call: impl FnMut() -> Result<usize, Error>) -> Result<Measured, String> {
    // The first call starts instances and makes the states of keys; the second one tells how long one takes.
    let failed_rows = call().map_err(|e| e.to_string())?;
    let start = Instant::now();
    call().map_err(|e| e.to_string())?;
    let once = start.elapsed().max(Duration::from_nanos(50));
    let calls = (SAMPLE.as_nanos() / once.as_nanos()).clamp(1, 100_000);
    let mut samples_ns = Vec::with_capacity(SAMPLES);
    let begun = Instant::now();
    while samples_ns.len() < SAMPLES && (samples_ns.is_empty() || begun.elapsed() < LONGEST) {
        let start = Instant::now();
        for _ in 0..calls {
            call().map_err(|e| e.to_string())?;
        }
        samples_ns.push(start.elapsed().as_nanos() as f64 / calls as f64);
    }
    samples_ns.sort_by(f64::total_cmp);
    Ok(Measured {
        call_ns: samples_ns[samples_ns.len() / 2],
        failed_rows,
    })
}
