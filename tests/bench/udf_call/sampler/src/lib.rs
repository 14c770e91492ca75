//! Times calls when it is asked to, so that several programs can take turns on a noisy machine.
//!
//! The program with the ways of calling reads requests from stdin and answers each with one line:
//!
//! | request | answer |
//! |---|---|
//! | `ways` | the names of its ways, separated by tabs |
//! | `values WAY ROWS` | the results of one call, so that all ways can be compared |
//! | `sample WAY ROWS` | nanoseconds per row of one sample of calls |
//!
//! WAY is a number from 0. Times are CPU time of the thread, which other programs of the machine disturb least.

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use cpu_time::ThreadTime;

/// A sample is so many calls that it lasts this long: far longer than it takes to read the clock, shorter than a time slice.
const SAMPLE: Duration = Duration::from_micros(300);

/// A way of calling a function with three numbers.
pub trait Way {
    /// Its name in the report, after the formula's: `mul_add, plain door`.
    fn name(&self) -> String;

    /// Makes a batch of arguments out of three columns of equal length.
    fn prepare(&self, columns: [Vec<f64>; 3]) -> Result<Box<dyn Call + '_>>;
}

/// A way with a batch of arguments.
pub trait Call {
    /// One call, from arrays of arguments to an array of results, which is thrown away.
    fn call(&self) -> Result<()>;

    /// One call's results.
    fn values(&self) -> Result<Vec<f64>>;
}

/// Answers requests until stdin ends.
pub fn serve(ways: &[Box<dyn Way>]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let mut prepared: HashMap<(usize, usize), (Box<dyn Call + '_>, u32)> = HashMap::new();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split(' ').collect();
        let [request, way, rows] = words[..] else {
            let names: Vec<String> = ways.iter().map(|way| way.name()).collect();
            writeln!(out, "{}", names.join("\t"))?;
            continue;
        };
        let (way, rows): (usize, usize) = (way.parse()?, rows.parse()?);
        if !prepared.contains_key(&(way, rows)) {
            let call = ways.get(way).context("no such way")?.prepare(columns(rows))?;
            let calls = calls_per_sample(call.as_ref())?;
            prepared.insert((way, rows), (call, calls));
        }
        let (call, calls) = &prepared[&(way, rows)];
        match request {
            "sample" => {
                let taken = sample(call.as_ref(), *calls)?;
                writeln!(out, "{}", taken.as_nanos() as f64 / (f64::from(*calls) * rows as f64))?;
            }
            "values" => {
                let values: Vec<String> = call.values()?.iter().map(f64::to_string).collect();
                writeln!(out, "{}", values.join(" "))?;
            }
            _ => bail!("no such request: {line}"),
        }
    }
    Ok(())
}

/// Prices, averages and volumes that take all branches of a risk score, in no order that a branch predictor could learn.
fn columns(rows: usize) -> [Vec<f64>; 3] {
    let column = |low: f64, high: f64, seed: u64| {
        let fraction = |row: u64| {
            let mixed = (row + seed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            (mixed >> 32) as f64 / (1u64 << 32) as f64
        };
        (0..rows as u64).map(|row| low + (high - low) * fraction(row)).collect()
    };
    [
        column(80.0, 120.0, 1_000_000),
        column(90.0, 110.0, 2_000_000),
        column(0.0, 5_000.0, 3_000_000),
    ]
}

/// Doubles the calls until they fill a sample, which warms everything up, too.
fn calls_per_sample(call: &dyn Call) -> Result<u32> {
    let mut calls = 1;
    while sample(call, calls)? < SAMPLE {
        calls *= 2;
    }
    Ok(calls)
}

fn sample(call: &dyn Call, calls: u32) -> Result<Duration> {
    let start = ThreadTime::now();
    for _ in 0..calls {
        call.call()?;
    }
    Ok(start.elapsed())
}
