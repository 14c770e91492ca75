//! The formulas of the bench: the native loops and all plugins call these, so that only the way of calling differs.

/// Two operations: nearly all of the time is the call's.
#[inline]
pub fn mul_add(a: f64, b: f64, c: f64) -> f64 {
    a * b + c
}

/// A score as in a risk monitor: divisions, two logarithms, a square root, branches. From 0 (ordinary) to 1.
///
/// Each way of calling brings the logarithm that it has: `f64::ln`, or the one of the SDK.
#[inline]
pub fn risk_score(price: f64, average: f64, volume: f64, ln: impl Fn(f64) -> f64) -> f64 {
    if !(price > 0.0 && average > 0.0) {
        // No such price; hardly ever.
        core::hint::cold_path();
        return 1.0;
    }
    let distance = ln(price / average).abs();
    let direction = if price < average { 1.5 } else { 1.0 };
    let size = if volume > 1_000.0 { ln(volume / 1_000.0) } else { 0.0 };
    1.0 - 1.0 / (1.0 + (distance * direction + size).sqrt())
}

/// The sum of the elements of an array.
#[inline]
pub fn total(elements: impl IntoIterator<Item = f64>) -> f64 {
    elements.into_iter().sum()
}

/// Two numbers in order: what becomes a struct.
#[inline]
pub fn ordered(a: f64, b: f64) -> (f64, f64) {
    if b < a { (b, a) } else { (a, b) }
}

/// What a key had before goes, what it has now stays: the step from one to the other.
#[inline]
pub fn step(previous: &mut Option<f64>, x: f64) -> Option<f64> {
    previous.replace(x).map(|previous| x - previous)
}

/// Takes a number into a mean.
#[inline]
pub fn count_in(sum: &mut f64, rows: &mut f64, x: f64) {
    *sum += x;
    *rows += 1.0;
}

/// The rows that the table function of the bench gives for one.
pub const PARTS: usize = 3;

/// The rows of a table function: a number, its half, its quarter.
#[inline]
pub fn parts(x: f64) -> [f64; PARTS] {
    [x, x / 2.0, x / 4.0]
}
