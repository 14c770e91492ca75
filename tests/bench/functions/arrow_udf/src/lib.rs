//! The formulas for arrow-udf's runtime: one call per batch, which travels as Arrow IPC. It has no functions with state in WebAssembly.

use arrow_udf::function;
use arrow_udf::types::{Decimal, StructType};

#[function("mul_add(float64, float64, float64) -> float64")]
fn mul_add(a: f64, b: f64, c: f64) -> f64 {
    bench_formulas::mul_add(a, b, c)
}

#[function("risk_score(float64, float64, float64) -> float64")]
fn risk_score(price: f64, average: f64, volume: f64) -> f64 {
    bench_formulas::risk_score(price, average, volume, f64::ln)
}

#[function("upper_text(string) -> string")]
fn upper_text(text: &str) -> String {
    text.to_ascii_uppercase()
}

// Its decimals travel as texts.
#[function("add_decimals(decimal, decimal) -> decimal")]
fn add_decimals(a: Decimal, b: Decimal) -> Decimal {
    a + b
}

#[function("total(float64[]) -> float64")]
fn total(elements: &[f64]) -> f64 {
    bench_formulas::total(elements.iter().copied())
}

#[derive(StructType)]
struct Ordered {
    low: f64,
    high: f64,
}

#[function("ordered(float64, float64) -> struct Ordered")]
fn ordered(a: f64, b: f64) -> Ordered {
    let (low, high) = bench_formulas::ordered(a, b);
    Ordered { low, high }
}

#[function("parts(float64) -> setof float64")]
fn parts(x: f64) -> impl Iterator<Item = f64> {
    bench_formulas::parts(x).into_iter()
}
