//! `moving_avg(price, rows)`: the mean of a key's last prices.

use waterwheel_udf::{State, plugin, stream};

plugin!(moving_avg);

/// More rows than this are refused: each key of a query keeps so many prices.
const ROWS_MAX: i64 = 10_000;

/// The last prices of one key, in a ring.
#[derive(State, Clone)]
struct Window {
    prices: Vec<f64>,
    /// Prices it may hold.
    rows: u32,
    /// The oldest price, which the next one replaces when the ring is full.
    oldest: u32,
    sum: f64,
}

impl Window {
    fn new(rows: i64) -> Result<Window, String> {
        if !(1..=ROWS_MAX).contains(&rows) {
            return Err(format!("rows is {rows}: it must be 1 to {ROWS_MAX}"));
        }
        Ok(Window {
            prices: Vec::new(),
            rows: rows as u32,
            oldest: 0,
            sum: 0.0,
        })
    }
}

/// the mean of the last `rows` prices of the key, this row's included
#[stream(start = Window::new)]
fn moving_avg(window: &mut Window, price: f64, #[constant] _rows: i64) -> f64 {
    if window.prices.len() < window.rows as usize {
        window.prices.push(price);
        window.sum += price;
    } else {
        let oldest = std::mem::replace(&mut window.prices[window.oldest as usize], price);
        window.sum += price - oldest;
        window.oldest += 1;
        if window.oldest == window.rows {
            window.oldest = 0;
            // Once around: adds up anew, so that rounding does not pile up over the life of a key.
            window.sum = window.prices.iter().sum();
        }
    }
    window.sum / window.prices.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn averages(rows: i64, prices: &[f64]) -> Vec<f64> {
        let mut window = Window::new(rows).unwrap();
        prices
            .iter()
            .map(|price| moving_avg(&mut window, *price, rows))
            .collect()
    }

    #[test]
    fn averages_what_there_is_until_the_window_is_full() {
        assert_eq!(averages(3, &[3.0, 5.0, 10.0, 6.0, 2.0]), [3.0, 4.0, 6.0, 7.0, 6.0]);
        assert_eq!(averages(1, &[3.0, 5.0, 10.0]), [3.0, 5.0, 10.0]);
    }

    #[test]
    fn rounding_does_not_pile_up() {
        // A huge price makes the running sum forget the small ones; when it has left the window, so has its error.
        let mut prices = vec![0.1; 10];
        prices[3] = 1e17;
        prices.extend([0.1; 20]);
        let last = averages(4, &prices).pop().unwrap();
        assert!((last - 0.1).abs() < 1e-12, "{last}");
    }

    #[test]
    fn one_infinite_price_does_not_poison_the_key() {
        let mut prices = vec![1.0, f64::INFINITY];
        prices.extend([2.0; 8]);
        assert_eq!(averages(2, &prices).pop(), Some(2.0));
    }

    #[test]
    fn refuses_windows_that_make_no_sense() {
        for rows in [0, -1, 10_001, i64::MAX] {
            assert!(Window::new(rows).is_err(), "{rows}");
        }
    }
}
