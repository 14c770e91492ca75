//! The formulas as a plugin that is made with the SDK: one call per batch.

use waterwheel_udf::math::ln;
use waterwheel_udf::{State, aggregate, plugin, scalar};

plugin!(mul_add, risk_score, MeanOf);

/// a * b + c
#[scalar]
fn mul_add(a: f64, b: f64, c: f64) -> f64 {
    bench_formulas::mul_add(a, b, c)
}

/// how unusual a trade is, from 0 (ordinary) to 1
#[scalar]
fn risk_score(price: f64, average: f64, volume: f64) -> f64 {
    bench_formulas::risk_score(price, average, volume, ln)
}

#[derive(Default, State)]
struct MeanOf {
    sum: f64,
    rows: f64,
}

/// what AVG gives
#[aggregate]
impl MeanOf {
    fn update(&mut self, x: f64) {
        self.sum += x;
        self.rows += 1.0;
    }

    fn merge(&mut self, other: &Self) {
        self.sum += other.sum;
        self.rows += other.rows;
    }

    fn finish(&self) -> Option<f64> {
        (self.rows > 0.0).then(|| self.sum / self.rows)
    }
}
