//! Native loops, `DataFusion`'s own functions and Waterwheel's doors, called as the engine calls them. `udf_call_waterwheel PLUGIN_DIR`,
//! then see `sampler`; `udf_call_waterwheel PLUGIN_DIR keys [KEYS]` measures a stream function with so many keys, see `keys`.
//!
//! The limits of plugins are the defaults, the time limit of a call among them.

mod arguments;
mod door;
mod keys;
mod native;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use sampler::Way;
use waterwheel::udf::Kind;

use door::Door;
use native::Native;

/// The product's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Functions of the plugins, with the makers of their arguments.
const CASES: [(&str, Kind, arguments::Make); 9] = [
    ("mul_add", Kind::Scalar, |rows| arguments::numbers(rows, 3)),
    ("risk_score", Kind::Scalar, |rows| arguments::numbers(rows, 3)),
    ("upper_text", Kind::Scalar, arguments::texts),
    ("add_decimals", Kind::Scalar, arguments::decimals),
    ("total", Kind::Scalar, arguments::lists),
    ("ordered", Kind::Scalar, |rows| arguments::numbers(rows, 2)),
    ("step", Kind::Stream, |rows| arguments::numbers(rows, 1)),
    ("mean_of", Kind::Aggregate, |rows| arguments::numbers(rows, 1)),
    ("parts", Kind::Table, |rows| arguments::numbers(rows, 1)),
];

fn main() -> Result<()> {
    let mut words = std::env::args_os().skip(1);
    let plugins = PathBuf::from(
        words
            .next()
            .context("usage: udf_call_waterwheel PLUGIN_DIR [keys [KEYS]]")?,
    );
    if words.next().is_some_and(|word| word == "keys") {
        let count = words
            .next()
            .map_or(Ok(100_000), |count| count.to_string_lossy().parse());
        return keys::report(&plugins.join("bench_columnar.wasm"), count?);
    }
    let mut ways: Vec<Box<dyn Way>> = Vec::new();
    for (case, kind, make) in CASES {
        ways.push(Box::new(Native::new(case, make)?));
        if case == "upper_text" {
            ways.push(Box::new(native::Upper { make }));
        }
        ways.push(Box::new(Door::new(
            case,
            "columnar door",
            kind,
            make,
            &plugins,
            "bench_columnar",
            "",
        )?));
        if matches!(case, "mul_add" | "risk_score") {
            ways.push(Box::new(Door::new(
                case,
                "plain door",
                kind,
                make,
                &plugins,
                "bench_plain",
                "plain_",
            )?));
        }
        if plugins.join("bench_component.wasm").exists() {
            let prefix = "component_";
            ways.push(Box::new(Door::new(
                case,
                "component door",
                kind,
                make,
                &plugins,
                "bench_component",
                prefix,
            )?));
        }
    }
    sampler::serve(&ways)
}
