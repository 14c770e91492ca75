//! The formulas as a plugin that is made with the SDK: one call per batch.

use waterwheel_udf::math::ln;
use waterwheel_udf::{Decimal, Return, State, Text, aggregate, plugin, scalar, stream, table};

plugin!(
    mul_add,
    risk_score,
    upper_text,
    add_decimals,
    total,
    ordered,
    step,
    running_mean,
    MeanOf,
    parts
);

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

/// a text in capitals, the letters of ASCII
#[scalar]
fn upper_text(text: &str, out: &mut Text) {
    out.push_ascii_uppercase(text);
}

/// a + b
#[scalar]
fn add_decimals(a: Decimal<18, 4>, b: Decimal<18, 4>) -> Option<Decimal<19, 4>> {
    Decimal::from_unscaled(a.unscaled() + b.unscaled())
}

/// the sum of the elements
#[scalar]
fn total(elements: &[f64]) -> f64 {
    bench_formulas::total(elements.iter().copied())
}

/// Two numbers, the lower one first.
#[derive(Debug, Return)]
struct Ordered {
    low: f64,
    high: f64,
}

/// two numbers in order
#[scalar]
fn ordered(a: f64, b: f64) -> Ordered {
    let (low, high) = bench_formulas::ordered(a, b);
    Ordered { low, high }
}

/// x less the x before
#[stream]
fn step(previous: &mut Option<f64>, x: f64) -> Option<f64> {
    bench_formulas::step(previous, x)
}

#[derive(Default, State)]
struct MeanOf {
    sum: f64,
    rows: f64,
}

/// the mean of the rows of a key so far
#[stream]
fn running_mean(mean: &mut MeanOf, x: f64) -> f64 {
    bench_formulas::count_in(&mut mean.sum, &mut mean.rows, x);
    mean.sum / mean.rows
}

/// what AVG gives
#[aggregate]
impl MeanOf {
    fn update(&mut self, x: f64) {
        bench_formulas::count_in(&mut self.sum, &mut self.rows, x);
    }

    fn merge(&mut self, other: &Self) {
        self.sum += other.sum;
        self.rows += other.rows;
    }

    fn finish(&self) -> Option<f64> {
        (self.rows > 0.0).then(|| self.sum / self.rows)
    }
}

/// a number, its half, its quarter
#[table]
fn parts(x: f64) -> Vec<f64> {
    bench_formulas::parts(x).to_vec()
}
