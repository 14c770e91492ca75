//! The formulas as a component, by `udf-sdk/wit`: one call per batch, whose columns travel as typed lists.
//!
//! `udf_call/componentize` makes the component of the module. The names differ from the columnar plugin's, so that both can lie in one
//! directory of plugins.

use std::cell::RefCell;

#[allow(missing_docs, clippy::pedantic, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({ path: "../../../../udf-sdk/wit", world: "plugin", pub_export_macro: true });
}

use bindings::exports::waterwheel::functions::functions::{Column, Failure, Guest, Level, Outcome, Values};

struct Plugin;

bindings::export!(Plugin with_types_in bindings);

const MANIFEST: &str = r#"{ "functions": [
  { "name": "component_mul_add", "kind": "scalar", "export": "mul_add", "returns": "DOUBLE",
    "args": [ {"name": "a", "type": "DOUBLE"}, {"name": "b", "type": "DOUBLE"}, {"name": "c", "type": "DOUBLE"} ] },
  { "name": "component_risk_score", "kind": "scalar", "export": "risk_score", "returns": "DOUBLE",
    "args": [ {"name": "price", "type": "DOUBLE"}, {"name": "average", "type": "DOUBLE"}, {"name": "volume", "type": "DOUBLE"} ] },
  { "name": "component_upper_text", "kind": "scalar", "export": "upper_text", "returns": "STRING",
    "args": [ {"name": "text", "type": "STRING"} ] },
  { "name": "component_add_decimals", "kind": "scalar", "export": "add_decimals", "returns": "DECIMAL(19, 4)",
    "args": [ {"name": "a", "type": "DECIMAL(18, 4)"}, {"name": "b", "type": "DECIMAL(18, 4)"} ] },
  { "name": "component_total", "kind": "scalar", "export": "total", "returns": "DOUBLE",
    "args": [ {"name": "elements", "type": "ARRAY<DOUBLE>"} ] },
  { "name": "component_ordered", "kind": "scalar", "export": "ordered", "returns": "STRUCT<low DOUBLE, high DOUBLE>",
    "args": [ {"name": "a", "type": "DOUBLE"}, {"name": "b", "type": "DOUBLE"} ] },
  { "name": "component_step", "kind": "stream", "export": "step", "returns": "DOUBLE", "args": [ {"name": "x", "type": "DOUBLE"} ] },
  { "name": "component_mean_of", "kind": "aggregate", "export": "mean_of", "returns": "DOUBLE", "args": [ {"name": "x", "type": "DOUBLE"} ] },
  { "name": "component_parts", "kind": "table", "export": "parts", "returns": "DOUBLE", "args": [ {"name": "x", "type": "DOUBLE"} ] } ] }"#;

/// By slot: the number before of `step`, sum and rows of `mean_of`.
#[derive(Default)]
struct States {
    steps: Vec<Option<f64>>,
    means: Vec<(f64, f64)>,
}

thread_local! {
    static STATES: RefCell<States> = RefCell::default();
}

fn level(values: Values) -> Level {
    Level {
        nulls: Vec::new(),
        values,
    }
}

fn doubles(column: &Column) -> Result<&[f64], String> {
    match column.first() {
        Some(Level {
            values: Values::Doubles(values),
            ..
        }) => Ok(values),
        _ => Err("a column of DOUBLE was due".to_owned()),
    }
}

fn outcome(levels: Vec<Level>) -> Result<Outcome, String> {
    Ok(Outcome {
        values: levels,
        failed: Vec::new(),
    })
}

/// The results of a function of three numbers.
fn of_three(args: &[Column], f: impl Fn(f64, f64, f64) -> f64) -> Result<Outcome, String> {
    let (a, b, c) = (doubles(&args[0])?, doubles(&args[1])?, doubles(&args[2])?);
    let values = a.iter().zip(b).zip(c).map(|((a, b), c)| f(*a, *b, *c));
    outcome(vec![level(Values::Doubles(values.collect()))])
}

fn whole((low, high): &(u64, i64)) -> i128 {
    i128::from(*high) << 64 | i128::from(*low)
}

fn add_decimals(args: &[Column]) -> Result<Outcome, String> {
    let (Values::Decimals(a), Values::Decimals(b)) = (&args[0][0].values, &args[1][0].values) else {
        return Err("columns of DECIMAL were due".to_owned());
    };
    let sums = a.iter().zip(b).map(|(a, b)| whole(a) + whole(b));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the halves of a number"
    )]
    let halves = sums.map(|sum| (sum as u64, (sum >> 64) as i64));
    outcome(vec![level(Values::Decimals(halves.collect()))])
}

fn total(args: &[Column]) -> Result<Outcome, String> {
    let Values::Arrays(lengths) = &args[0][0].values else {
        return Err("a column of ARRAY was due".to_owned());
    };
    let mut elements = match &args[0][1].values {
        Values::Doubles(elements) => elements.as_slice(),
        _ => return Err("elements of DOUBLE were due".to_owned()),
    };
    let totals = lengths.iter().map(|length| {
        let (row, rest) = elements.split_at(*length as usize);
        elements = rest;
        bench_formulas::total(row.iter().copied())
    });
    outcome(vec![level(Values::Doubles(totals.collect()))])
}

fn ordered(args: &[Column]) -> Result<Outcome, String> {
    let both = doubles(&args[0])?.iter().zip(doubles(&args[1])?);
    let (low, high) = both.map(|(a, b)| bench_formulas::ordered(*a, *b)).unzip();
    outcome(vec![
        level(Values::Structs),
        level(Values::Doubles(low)),
        level(Values::Doubles(high)),
    ])
}

#[expect(clippy::cast_possible_truncation, reason = "three rows")]
fn parts(args: &[Column]) -> Result<Outcome, String> {
    let numbers = doubles(&args[0])?;
    let lengths = vec![bench_formulas::PARTS as u32; numbers.len()];
    let elements = numbers.iter().flat_map(|x| bench_formulas::parts(*x)).collect();
    outcome(vec![level(Values::Arrays(lengths)), level(Values::Doubles(elements))])
}

impl Guest for Plugin {
    fn manifest() -> String {
        MANIFEST.to_owned()
    }

    fn call(function: String, args: Vec<Column>, _rows: u32) -> Result<Outcome, String> {
        match function.as_str() {
            "mul_add" => of_three(&args, bench_formulas::mul_add),
            "risk_score" => of_three(&args, |a, b, c| bench_formulas::risk_score(a, b, c, f64::ln)),
            "upper_text" => match args.into_iter().flatten().next() {
                Some(Level {
                    values: Values::Strings(mut texts),
                    ..
                }) => {
                    texts.iter_mut().for_each(|text| text.make_ascii_uppercase());
                    outcome(vec![level(Values::Strings(texts))])
                }
                _ => Err("a column of STRING was due".to_owned()),
            },
            "add_decimals" => add_decimals(&args),
            "total" => total(&args),
            "ordered" => ordered(&args),
            "parts" => parts(&args),
            other => Err(format!("there is no function {other}")),
        }
    }

    fn open(_function: String, _constants: Vec<Option<Column>>) -> Result<(), String> {
        Ok(())
    }

    fn push(slots: Vec<u32>, args: Vec<Column>) -> Result<Outcome, String> {
        let numbers = doubles(&args[0])?;
        STATES.with_borrow_mut(|states| {
            let steps: Vec<Option<f64>> = slots
                .iter()
                .zip(numbers)
                .map(|(slot, x)| bench_formulas::step(slot_of(&mut states.steps, *slot), *x))
                .collect();
            let nulls = steps.iter().map(Option::is_none).collect();
            let values = Values::Doubles(steps.into_iter().map(Option::unwrap_or_default).collect());
            outcome(vec![Level { nulls, values }])
        })
    }

    fn update(slots: Vec<u32>, args: Vec<Column>) -> Result<Vec<Failure>, String> {
        let numbers = doubles(&args[0])?;
        STATES.with_borrow_mut(|states| {
            for (slot, x) in slots.iter().zip(numbers) {
                let (sum, rows) = slot_of(&mut states.means, *slot);
                bench_formulas::count_in(sum, rows, *x);
            }
        });
        Ok(Vec::new())
    }

    fn retract(_slots: Vec<u32>, _args: Vec<Column>) -> Result<Vec<Failure>, String> {
        Err("no function takes rows back".to_owned())
    }

    fn merge(into: Vec<u32>, from: Vec<u32>) -> Result<(), String> {
        STATES.with_borrow_mut(|states| {
            for (into, from) in into.into_iter().zip(from) {
                let (sum, rows) = *slot_of(&mut states.means, from);
                let to = slot_of(&mut states.means, into);
                *to = (to.0 + sum, to.1 + rows);
            }
        });
        Ok(())
    }

    fn finish(slots: Vec<u32>) -> Result<Outcome, String> {
        STATES.with_borrow_mut(|states| {
            let groups: Vec<(f64, f64)> = slots.iter().map(|slot| *slot_of(&mut states.means, *slot)).collect();
            let nulls = groups.iter().map(|(_, rows)| *rows == 0.0).collect();
            let values = Values::Doubles(groups.iter().map(|(sum, rows)| sum / rows).collect());
            outcome(vec![Level { nulls, values }])
        })
    }

    fn save(_slots: Vec<u32>) -> Result<Vec<Vec<u8>>, String> {
        Err("the bench saves no states".to_owned())
    }

    fn load(_slots: Vec<u32>, _states: Vec<Vec<u8>>, _version: u32) -> Result<(), String> {
        Err("the bench saves no states".to_owned())
    }

    fn forget(slots: Vec<u32>) -> Result<(), String> {
        STATES.with_borrow_mut(|states| {
            for slot in slots {
                *slot_of(&mut states.steps, slot) = None;
                *slot_of(&mut states.means, slot) = (0.0, 0.0);
            }
        });
        Ok(())
    }
}

fn slot_of<T: Default + Clone>(states: &mut Vec<T>, slot: u32) -> &mut T {
    let slot = slot as usize;
    if states.len() <= slot {
        states.resize(slot + 1, T::default());
    }
    &mut states[slot]
}
