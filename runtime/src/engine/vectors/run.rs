//! Runs a vector against a plugin in the sandbox.

use datafusion::scalar::ScalarValue;
use serde_json::Value;

use super::arguments::{arguments, columns};
use super::compare::compare;
use super::{Step, Vector, column};
use crate::engine::function_signature;
use crate::udf::{
    AggregateFunction, AggregateInstance, Error, FunctionInfo, FunctionSource, Kind, Outcome, ScalarFunction,
    StreamFunction,
};

/// Runs the steps of a vector.
///
/// # Errors
/// Says what differs: the step, counted from 1, and the rows, counted from 0 as in `fails`.
pub fn run(functions: &dyn FunctionSource, vector: &Vector) -> Result<(), String> {
    let name = vector.function.split('(').next().unwrap_or_default();
    let there = functions.functions();
    let mut overloads = there.iter().filter(|info| info.name.eq_ignore_ascii_case(name));
    let Some(info) = overloads
        .clone()
        .find(|info| function_signature(info) == vector.function)
    else {
        let other = overloads.next().ok_or("the plugin does not have it")?;
        return Err(format!("the plugin has {}", function_signature(other)));
    };
    let is_it = |candidate: &FunctionInfo| function_signature(candidate) == vector.function;
    let gone = || "the plugin does not give it".to_owned();
    match info.kind {
        Kind::Scalar => {
            let mut overloads = functions.scalar(name).into_iter();
            run_scalar(&*overloads.find(|f| is_it(f.info())).ok_or_else(gone)?, vector)
        }
        Kind::Table => {
            let mut overloads = functions.table(name).into_iter();
            run_scalar(&*overloads.find(|f| is_it(f.info())).ok_or_else(gone)?, vector)
        }
        Kind::Stream => {
            let mut overloads = functions.stream(name).into_iter();
            run_stream(&*overloads.find(|f| is_it(f.info())).ok_or_else(gone)?, vector)
        }
        Kind::Aggregate => {
            let mut overloads = functions.aggregate(name).into_iter();
            run_aggregate(&*overloads.find(|f| is_it(f.info())).ok_or_else(gone)?, vector)
        }
    }
}

/// Runs the steps one by one, and names the one that fails.
fn each_step(vector: &Vector, mut run: impl FnMut(&Step) -> Result<(), String>) -> Result<(), String> {
    for (i, step) in vector.steps.iter().enumerate() {
        run(step).map_err(|e| format!("step {}: {e}", i + 1))?;
    }
    Ok(())
}

fn run_scalar(function: &dyn ScalarFunction, vector: &Vector) -> Result<(), String> {
    let info = function.info();
    let constants = constants(info, vector)?;
    if started(function.set_up(&constants), vector)?.is_none() {
        return Ok(());
    }
    let mut constant = vec![false; info.args.len()];
    each_step(vector, |step| {
        let (mut args, rows) = arguments(info, step)?;
        for place in &info.constants {
            if let Some(value) = &constants[*place] {
                args[*place] = value.to_array().map_err(|e| e.to_string())?;
                constant[*place] = true;
            }
        }
        compare(info, step, function.call_rows(&args, &constant, rows))
    })
}

fn run_stream(function: &dyn StreamFunction, vector: &Vector) -> Result<(), String> {
    let info = function.info();
    let constants = constants(info, vector)?;
    let start = || function.instance(&constants);
    let Some(mut instance) = started(start(), vector)? else {
        return Ok(());
    };
    each_step(vector, |step| {
        if let Some(slots) = &step.restart {
            let saved = instance.save(slots).map_err(text)?;
            instance = start().map_err(text)?;
            instance.load(slots, &saved).map_err(text)?;
            return same_state(&saved, &instance.save(slots).map_err(text)?);
        }
        if let Some(slots) = &step.drop {
            return instance.drop_slots(slots).map_err(text);
        }
        let outcome = instance.push_rows(&step.slots, &arguments(info, step)?.0);
        compare(info, step, outcome)
    })
}

fn run_aggregate(function: &dyn AggregateFunction, vector: &Vector) -> Result<(), String> {
    if function.retracts() != vector.retracts {
        let (can, says) = (function.retracts(), vector.retracts);
        return Err(format!("it can take rows back: {can}; the vector says: {says}"));
    }
    let info = function.info();
    let constants = constants(info, vector)?;
    let start = || function.instance(&constants);
    let Some(mut instance) = started(start(), vector)? else {
        return Ok(());
    };
    each_step(vector, |step| {
        let Some(slots) = &step.restart else {
            return aggregate_step(&mut *instance, info, step);
        };
        let saved = instance.save(slots).map_err(text)?;
        instance = start().map_err(text)?;
        let loaded = instance.load(slots, &saved, function.state_version());
        loaded.map_err(text)?;
        same_state(&saved, &instance.save(slots).map_err(text)?)
    })
}

fn aggregate_step(instance: &mut dyn AggregateInstance, info: &FunctionInfo, step: &Step) -> Result<(), String> {
    if let Some(slots) = &step.finish {
        return compare(info, step, instance.finish(slots).map(Outcome::from));
    }
    let done = if let Some([into, from]) = &step.merge {
        instance.merge(into, from)
    } else if let Some(slots) = &step.drop {
        instance.drop_slots(slots)
    } else if let Some(rows) = &step.update {
        instance.update(&step.slots, &columns(info, rows, step.slots.len(), 1)?)
    } else if let Some(rows) = &step.retract {
        instance.retract(&step.slots, &columns(info, rows, step.slots.len(), 1)?)
    } else {
        return Err("a step of an aggregate function is update, retract, merge, finish, restart or drop".into());
    };
    match (done, step.fails.first_key_value()) {
        (Ok(()), None) => Ok(()),
        // Of several rows that fail the first is told.
        (Err(Error::Row { row, message, .. }), Some((due, part))) if row == *due && message.contains(part) => Ok(()),
        (Ok(()), Some((row, part))) => Err(format!("row {row} should fail with '{part}' and did not")),
        (Err(e), None) => Err(e.to_string()),
        (Err(e), Some((row, part))) => Err(format!("row {row} should fail with '{part}', but: {e}")),
    }
}

/// The instance, unless the vector says that its constants are refused, and they are.
fn started<I>(instance: Result<I, Error>, vector: &Vector) -> Result<Option<I>, String> {
    match (instance, &vector.refused) {
        (Ok(instance), None) => Ok(Some(instance)),
        (Err(e), Some(message)) if e.to_string().contains(message) => Ok(None),
        (Err(e), Some(message)) => Err(format!("should refuse the constants with '{message}', but: {e}")),
        (Err(e), None) => Err(e.to_string()),
        (Ok(_), Some(_)) => Err("takes constants that it should refuse".into()),
    }
}

fn same_state(saved: &[Vec<u8>], again: &[Vec<u8>]) -> Result<(), String> {
    if saved == again {
        return Ok(());
    }
    Err("what was loaded is not saved with the same bytes".into())
}

fn constants(info: &FunctionInfo, vector: &Vector) -> Result<Vec<Option<ScalarValue>>, String> {
    let value = |i: usize, constant: &Value| {
        let column = column(std::slice::from_ref(constant), &info.args[i].1, 1)?;
        ScalarValue::try_from_array(&column, 0).map_err(|e| e.to_string())
    };
    let required = info.args.len() - info.defaults.len();
    (0..info.args.len())
        .map(|i| match vector.constants.get(i) {
            Some(constant) if !constant.is_null() => value(i, constant).map(Some),
            // Left out: a query gives the default, which is a constant.
            None => Ok(info.defaults.get(i.wrapping_sub(required)).cloned()),
            Some(_) => Ok(None),
        })
        .collect()
}

fn text(error: Error) -> String {
    error.to_string()
}
