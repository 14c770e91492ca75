//! The formulas of the bench: the native loop and all plugins call these, so that only the way of calling differs.

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
