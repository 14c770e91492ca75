//! `diff(price)`: how much a price changed since the row before.

use waterwheel_udf::{plugin, stream};

plugin!(diff);

/// the price less the price of the row before with the same key; NULL in a key's first row
#[stream]
fn diff(previous: &mut Option<f64>, price: f64) -> Option<f64> {
    previous.replace(price).map(|previous| price - previous)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_row_has_none_before() {
        let mut state = None;
        assert_eq!(diff(&mut state, 10.0), None);
        assert_eq!(diff(&mut state, 12.5), Some(2.5));
        assert_eq!(diff(&mut state, 12.0), Some(-0.5));
    }
}
