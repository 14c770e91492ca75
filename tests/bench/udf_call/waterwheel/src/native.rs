//! What one would write by hand in Rust, and what `DataFusion` has.

use std::hint::black_box;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use arrow_array::cast::AsArray as _;
use arrow_array::types::{Decimal128Type, Float64Type};
use arrow_array::{ArrayRef, Decimal128Array, Float64Array, ListArray, StringArray, StructArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field, Fields};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};
use sampler::{Call, Way, inputs};

use crate::arguments::{Make, values};

/// One batch by a loop that may keep state by slot.
type Loop = fn(&[ArrayRef], &mut States, &[u32]) -> ArrayRef;

/// The states of the functions that have one.
#[derive(Default)]
pub struct States {
    steps: Vec<Option<f64>>,
    means: Vec<(f64, f64)>,
}

/// A loop of that case.
pub struct Native {
    case: &'static str,
    make: Make,
    run: Loop,
}

impl Native {
    /// The loop of the case.
    pub fn new(case: &'static str, make: Make) -> Result<Self> {
        let run: Loop = match case {
            "mul_add" => |args, _, _| of_three(args, bench_formulas::mul_add),
            "risk_score" => |args, _, _| of_three(args, |a, b, c| bench_formulas::risk_score(a, b, c, f64::ln)),
            "upper_text" => |args, _, _| {
                let texts = args[0].as_string::<i32>().iter().flatten();
                Arc::new(StringArray::from_iter_values(texts.map(str::to_ascii_uppercase)))
            },
            "add_decimals" => |args, _, _| add_decimals(args),
            "total" => |args, _, _| {
                let lists = args[0].as_list::<i32>();
                let elements = lists.values().as_primitive::<Float64Type>().values();
                let rows = lists.offsets().windows(2);
                let row = |pair: &[i32]| &elements[pair[0].cast_unsigned() as usize..pair[1].cast_unsigned() as usize];
                let totals = rows.map(|pair| bench_formulas::total(row(pair).iter().copied()));
                Arc::new(Float64Array::from_iter_values(totals))
            },
            "ordered" => |args, _, _| ordered(args),
            "step" => |args, states, slots| {
                let steps = numbers(args, 0).zip(slots);
                let steps = steps.map(|(x, slot)| bench_formulas::step(slot_of(&mut states.steps, *slot), *x));
                Arc::new(steps.collect::<Float64Array>())
            },
            "mean_of" => |args, states, slots| {
                for (x, slot) in numbers(args, 0).zip(slots) {
                    let (sum, rows) = slot_of(&mut states.means, *slot);
                    bench_formulas::count_in(sum, rows, *x);
                }
                // What a group's mean is, is asked of a few groups, not of each row.
                let mean = |(sum, rows): &(f64, f64)| if *rows > 0.0 { Some(sum / rows) } else { None };
                Arc::new(states.means.iter().take(1).map(mean).collect::<Float64Array>())
            },
            "parts" => |args, _, _| {
                let parts: Vec<f64> = numbers(args, 0).flat_map(|x| bench_formulas::parts(*x)).collect();
                let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(bench_formulas::PARTS, args[0].len()));
                let element = Arc::new(Field::new_list_field(DataType::Float64, true));
                Arc::new(ListArray::new(
                    element,
                    offsets,
                    Arc::new(Float64Array::from(parts)),
                    None,
                ))
            },
            other => anyhow::bail!("no loop for {other}"),
        };
        Ok(Self { case, make, run })
    }
}

fn numbers(columns: &[ArrayRef], number: usize) -> std::slice::Iter<'_, f64> {
    columns[number].as_primitive::<Float64Type>().values().iter()
}

fn of_three(columns: &[ArrayRef], formula: impl Fn(f64, f64, f64) -> f64) -> ArrayRef {
    let rows = numbers(columns, 0).zip(numbers(columns, 1)).zip(numbers(columns, 2));
    Arc::new(Float64Array::from_iter_values(
        rows.map(|((a, b), c)| formula(*a, *b, *c)),
    ))
}

fn add_decimals(columns: &[ArrayRef]) -> ArrayRef {
    let column = |number: usize| columns[number].as_primitive::<Decimal128Type>().values().iter();
    let sums = column(0).zip(column(1)).map(|(a, b)| a + b);
    let sums = Decimal128Array::from_iter_values(sums).with_precision_and_scale(19, 4);
    Arc::new(sums.expect("19 and 4 are allowed"))
}

fn ordered(columns: &[ArrayRef]) -> ArrayRef {
    let both = numbers(columns, 0).zip(numbers(columns, 1));
    let (low, high): (Vec<f64>, Vec<f64>) = both.map(|(a, b)| bench_formulas::ordered(*a, *b)).unzip();
    let fields: Fields = ["LOW", "HIGH"]
        .map(|name| Field::new(name, DataType::Float64, true))
        .into_iter()
        .collect();
    let columns = [low, high].map(|column| Arc::new(Float64Array::from(column)) as ArrayRef);
    Arc::new(StructArray::new(fields, columns.into(), None))
}

fn slot_of<T: Default + Clone>(states: &mut Vec<T>, slot: u32) -> &mut T {
    let slot = slot as usize;
    if states.len() <= slot {
        states.resize(slot + 1, T::default());
    }
    &mut states[slot]
}

struct NativeCall {
    run: Loop,
    columns: Vec<ArrayRef>,
    states: States,
    slots: Vec<u32>,
}

impl Way for Native {
    fn name(&self) -> String {
        format!("{}, native Rust loop", self.case)
    }

    fn prepare(&self, rows: usize) -> Result<Box<dyn Call + '_>> {
        Ok(Box::new(NativeCall {
            run: self.run,
            columns: (self.make)(rows),
            states: States::default(),
            slots: inputs::slots(rows),
        }))
    }
}

impl NativeCall {
    fn run(&mut self) -> ArrayRef {
        (self.run)(black_box(&self.columns), &mut self.states, &self.slots)
    }
}

impl Call for NativeCall {
    fn call(&mut self) -> Result<()> {
        black_box(self.run());
        Ok(())
    }

    fn values(&mut self) -> Result<Vec<String>> {
        values(&self.run())
    }
}

/// `DataFusion`'s `upper`.
pub struct Upper {
    /// Makes its arguments.
    pub make: Make,
}

struct UpperCall {
    function: Arc<ScalarUDF>,
    column: ArrayRef,
    config: Arc<ConfigOptions>,
}

impl Way for Upper {
    fn name(&self) -> String {
        "upper_text, DataFusion's upper".to_owned()
    }

    fn prepare(&self, rows: usize) -> Result<Box<dyn Call + '_>> {
        Ok(Box::new(UpperCall {
            function: datafusion::functions::string::upper(),
            column: (self.make)(rows).pop().context("it has an argument")?,
            config: Arc::default(),
        }))
    }
}

impl UpperCall {
    fn run(&self) -> Result<ArrayRef> {
        let rows = self.column.len();
        let args = ScalarFunctionArgs {
            args: vec![ColumnarValue::Array(Arc::clone(black_box(&self.column)))],
            arg_fields: vec![Arc::new(Field::new("x", DataType::Utf8, true))],
            number_rows: rows,
            return_field: Arc::new(Field::new("upper", DataType::Utf8, true)),
            config_options: Arc::clone(&self.config),
        };
        Ok(self.function.invoke_with_args(args)?.into_array(rows)?)
    }
}

impl Call for UpperCall {
    fn call(&mut self) -> Result<()> {
        black_box(self.run()?);
        Ok(())
    }

    fn values(&mut self) -> Result<Vec<String>> {
        values(&self.run()?)
    }
}
