//! The formulas for arrow-udf's runtime: one call per batch, which travels as Arrow IPC.

use arrow_udf::function;

#[function("mul_add(float64, float64, float64) -> float64")]
fn mul_add(a: f64, b: f64, c: f64) -> f64 {
    bench_formulas::mul_add(a, b, c)
}

#[function("risk_score(float64, float64, float64) -> float64")]
fn risk_score(price: f64, average: f64, volume: f64) -> f64 {
    bench_formulas::risk_score(price, average, volume, f64::ln)
}
