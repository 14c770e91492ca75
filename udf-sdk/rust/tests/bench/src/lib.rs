//! Functions that `runtime/examples/udf_bench.rs` measures: one that does almost nothing, and one each that waits for memory
//! for text. `risk_score` is measured as it is in the risk monitor.

use waterwheel_udf::{plugin, scalar};

plugin!(mul_add, char_count, upper);

#[scalar]
fn mul_add(a: f64, b: f64, c: f64) -> f64 {
    a * b + c
}

#[scalar]
fn char_count(text: &str) -> i32 {
    text.chars().count() as i32
}

#[scalar]
fn upper(text: &str) -> String {
    text.to_ascii_uppercase()
}
