//! The formulas as bare exports, without an SDK: the host makes the loop over the rows.
//!
//! The names differ from the columnar plugin's, so that both can lie in one directory of plugins.

/// a * b + c
#[unsafe(no_mangle)]
pub extern "C" fn plain_mul_add(a: f64, b: f64, c: f64) -> f64 {
    bench_formulas::mul_add(a, b, c)
}

/// How unusual a trade is, from 0 (ordinary) to 1.
#[unsafe(no_mangle)]
pub extern "C" fn plain_risk_score(price: f64, average: f64, volume: f64) -> f64 {
    bench_formulas::risk_score(price, average, volume, f64::ln)
}
