//! The formulas of the bench: the native loop and all plugins call these, so that only the way of calling differs.

/// Two operations: nearly all of the time is the call's.
#[inline]
pub fn mul_add(a: f64, b: f64, c: f64) -> f64 {
    a * b + c
}

/// A score as in a risk monitor: a division, two logarithms, a square root, branches. From 0 (ordinary) to 1.
#[inline]
pub fn risk_score(price: f64, average: f64, volume: f64) -> f64 {
    if !(price > 0.0 && average > 0.0) {
        return 1.0;
    }
    let distance = (price / average).ln().abs();
    let direction = if price < average { 1.5 } else { 1.0 };
    let size = if volume > 1_000.0 { (volume / 1_000.0).ln() } else { 0.0 };
    1.0 - 1.0 / (1.0 + (distance * direction + size).sqrt())
}
