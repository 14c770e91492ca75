//! Times calls when it is asked to, so that several programs can take turns on a noisy machine.
//!
//! The program with the ways of calling reads requests from stdin and answers each with one line:
//!
//! | request | answer |
//! |---|---|
//! | `ways` | the names of its ways, each a case, a comma and how it is called, separated by tabs |
//! | `values WAY ROWS` | the results of the first call, separated by blanks, so that all ways can be compared |
//! | `sample WAY ROWS` | nanoseconds per row of one sample of calls |
//!
//! WAY is a number from 0. Times are CPU time of the thread, which other programs of the machine disturb least.

pub mod inputs;

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use cpu_time::ThreadTime;

/// A sample is so many calls that it lasts this long: far longer than it takes to read the clock, shorter than a time slice.
const SAMPLE: Duration = Duration::from_micros(300);

/// A way of calling a function.
pub trait Way {
    /// Its name in the report: the case, a comma, how it is called. `mul_add, plain door`.
    fn name(&self) -> String;

    /// Makes a batch of so many rows of arguments, out of [`inputs`].
    fn prepare(&self, rows: usize) -> Result<Box<dyn Call + '_>>;
}

/// A way with a batch of arguments.
pub trait Call {
    /// One call, from arrays of arguments to an array of results, which is thrown away.
    fn call(&mut self) -> Result<()>;

    /// One call's results as texts without blanks. A function with state is asked once, before anything else.
    fn values(&mut self) -> Result<Vec<String>>;
}

/// A way that was asked for.
struct Prepared<'a> {
    call: Box<dyn Call + 'a>,
    values: String,
    calls: u32,
}

impl<'a> Prepared<'a> {
    fn new(way: &'a dyn Way, rows: usize) -> Result<Self> {
        let mut call = way.prepare(rows)?;
        let values = call.values()?.join(" ");
        let calls = calls_per_sample(call.as_mut())?;
        Ok(Self { call, values, calls })
    }
}

/// Answers requests until stdin ends.
pub fn serve(ways: &[Box<dyn Way>]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let mut prepared: HashMap<(usize, usize), Prepared<'_>> = HashMap::new();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split(' ').collect();
        let [request, way, rows] = words[..] else {
            let names: Vec<String> = ways.iter().map(|way| way.name()).collect();
            writeln!(out, "{}", names.join("\t"))?;
            continue;
        };
        let key = (way.parse()?, rows.parse()?);
        if !prepared.contains_key(&key) {
            let way = ways.get(key.0).context("no such way")?;
            let made = Prepared::new(way.as_ref(), key.1).with_context(|| way.name())?;
            prepared.insert(key, made);
        }
        let way = prepared.get_mut(&key).context("it was just made")?;
        match request {
            "sample" => {
                let taken = sample(way.call.as_mut(), way.calls)?;
                writeln!(
                    out,
                    "{}",
                    taken.as_nanos() as f64 / (f64::from(way.calls) * key.1 as f64)
                )?;
            }
            "values" => writeln!(out, "{}", way.values)?,
            _ => bail!("no such request: {line}"),
        }
    }
    Ok(())
}

/// Doubles the calls until they fill a sample, which warms everything up, too.
fn calls_per_sample(call: &mut dyn Call) -> Result<u32> {
    let mut calls = 1;
    while sample(call, calls)? < SAMPLE {
        calls *= 2;
    }
    Ok(calls)
}

fn sample(call: &mut dyn Call, calls: u32) -> Result<Duration> {
    let start = ThreadTime::now();
    for _ in 0..calls {
        call.call()?;
    }
    Ok(start.elapsed())
}
