//! Measures one function, `risk_score`, of the example plugins of all languages, and prints Markdown:
//!
//! ```text
//! udf-sdk/toolchain/build-large
//! cargo run --release --example udf_languages -- udf-sdk/conformance/built-examples/*.wasm udf-sdk/conformance/large/*-example.wasm
//! ```
//!
//! The shortest of several calls, as the machine is shared. Load is the time of the first load, compiling included; memory is how much the
//! process grows with the first instance and call.

#![expect(clippy::print_stdout, reason = "it is a command line tool")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use datafusion::arrow::array::{ArrayRef, Float64Array, Int64Array};
use waterwheel::udf::{FunctionSource as _, Limits, Registry, ScalarFunction};

const BATCHES: [usize; 3] = [1, 64, 8_192];
const CALLS: usize = 40;

fn main() -> anyhow::Result<()> {
    println!(
        "| plugin | KB | load, ms | first call: RSS grows, KB | ns a row: 1 | 64 | 8,192 rows |\n|---|---|---|---|---|---|---|"
    );
    for path in std::env::args_os().skip(1).map(PathBuf::from) {
        let mut registry = Registry::new(Limits::default())?;
        let start = Instant::now();
        let info = registry.add_file(&path);
        let load_ms = start.elapsed().as_millis();
        anyhow::ensure!(info.broken.is_none(), "{}: {:?}", path.display(), info.broken);
        let Some(function) = registry.scalar("risk_score").pop() else {
            continue;
        };
        let before_kb = rss_kb()?;
        time_ns(&*function, 1)?;
        let grown_kb = rss_kb()?.saturating_sub(before_kb);
        let mut figures = Vec::new();
        for rows in BATCHES {
            let mut best_ns = u64::MAX;
            for _ in 0..CALLS {
                best_ns = best_ns.min(time_ns(&*function, rows)?);
            }
            figures.push(format!("{:.1}", best_ns as f64 / rows as f64));
        }
        println!(
            "| {} | {} | {load_ms} | {grown_kb} | {} |",
            path.file_stem().unwrap_or_default().to_string_lossy(),
            std::fs::metadata(&path)?.len() / 1_000,
            figures.join(" | ")
        );
    }
    Ok(())
}

/// Time of one call of `rows` rows. Of short calls, many in a row.
fn time_ns(function: &dyn ScalarFunction, rows: usize) -> anyhow::Result<u64> {
    let row = |i: usize| f64::from(u32::try_from(i % 100).unwrap_or(0));
    let args: [ArrayRef; 3] = [
        Arc::new(Float64Array::from_iter_values((0..rows).map(|i| 100.0 + row(i)))),
        Arc::new(Float64Array::from_iter_values((0..rows).map(|i| 90.0 + row(i * 7)))),
        Arc::new(Int64Array::from_iter_values((0..rows).map(|i| i as i64))),
    ];
    let repeat = (1_024 / rows).max(1);
    let start = Instant::now();
    for _ in 0..repeat {
        function.call(&args, &[false; 3], rows)?;
    }
    Ok(u64::try_from(start.elapsed().as_nanos())? / repeat as u64)
}

fn rss_kb() -> anyhow::Result<u64> {
    let text = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = text.split(' ').nth(1).unwrap_or_default().parse()?;
    Ok(pages * 4)
}
