//! `risk_score(price, average, change, volume)`: how unusual a trade is.

use waterwheel_udf::math::{ln, log10};
use waterwheel_udf::{plugin, scalar};

plugin!(risk_score);

/// Shares in an ordinary trade; ten times as many count as one step up.
const ORDINARY_VOLUME: f64 = 1_000.0;

/// how unusual a trade is, from 0 (ordinary) to 1: far from its average, changing fast, large
///
/// Without a change, as in the first row of a key, only the other two count.
#[scalar]
fn risk_score(price: f64, average: f64, change: Option<f64>, volume: i64) -> f64 {
    if !(price > 0.0 && average > 0.0) {
        // No such price, which is rare: nothing is more suspicious.
        core::hint::cold_path();
        return 1.0;
    }
    // How far the price is from its average. As a logarithm, half and double are equally far.
    let distance = ln(price / average).abs();
    let change = change.unwrap_or(0.0);
    let speed = change.abs() / average;
    let size = if volume as f64 > ORDINARY_VOLUME {
        log10(volume as f64 / ORDINARY_VOLUME)
    } else {
        0.0
    };
    // A fall is worse than a rise of the same size.
    let direction = if change < 0.0 { 1.5 } else { 1.0 };
    let strain = (distance * distance + direction * speed * speed).sqrt() * (1.0 + size);
    strain / (strain + 0.05)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_trade_scores_nothing() {
        assert_eq!(risk_score(100.0, 100.0, Some(0.0), 1_000_000), 0.0);
    }

    #[test]
    fn scores_stay_between_0_and_1() {
        for price in [1e-300, 0.01, 1.0, 99.0, 1e300] {
            for change in [None, Some(-1e3), Some(-0.1), Some(0.0), Some(1e3)] {
                for volume in [i64::MIN, -1, 0, 1, 1_000, 10_000, i64::MAX] {
                    let score = risk_score(price, 100.0, change, volume);
                    assert!((0.0..=1.0).contains(&score), "{price} {change:?} {volume}: {score}");
                }
            }
        }
    }

    #[test]
    fn rises_with_distance_speed_and_size() {
        let base = risk_score(101.0, 100.0, Some(1.0), 500);
        assert!(risk_score(105.0, 100.0, Some(1.0), 500) > base);
        assert!(risk_score(101.0, 100.0, Some(5.0), 500) > base);
        assert!(risk_score(101.0, 100.0, Some(1.0), 50_000) > base);
        assert!(risk_score(101.0, 100.0, Some(-1.0), 500) > base);
    }

    #[test]
    fn a_price_that_cannot_be_is_the_worst() {
        for price in [0.0, -1.0, f64::NAN] {
            assert_eq!(risk_score(price, 100.0, Some(0.0), 1), 1.0);
        }
    }
}
