//! `ewma`, `lag_of`, `cumulative_sum`, `running_vwap`, `vwap`.

use waterwheel_udf::{State, aggregate, stream};

use crate::window::{Window, rows_of};

/// The average of one key.
#[derive(Debug, Clone, State)]
pub struct Ewma {
    alpha: f64,
    mean: Option<f64>,
}

impl Ewma {
    fn new(alpha: f64) -> Result<Ewma, String> {
        if !(alpha > 0.0 && alpha <= 1.0) {
            return Err(format!("alpha is {alpha}: it must be more than 0 and at most 1"));
        }
        Ok(Ewma { alpha, mean: None })
    }
}

/// the exponentially weighted moving average: each row counts `alpha`, all rows before it the rest
#[stream(start = Ewma::new)]
pub fn ewma(state: &mut Ewma, x: f64, #[constant] _alpha: f64) -> f64 {
    let mean = state.mean.map_or(x, |mean| mean + state.alpha * (x - mean));
    state.mean = Some(mean);
    mean
}

fn lag_window(rows: i64) -> Result<Window, String> {
    rows_of("rows", rows, 1).map(Window::of)
}

/// the value of the key `rows` rows before; NULL until there is one
#[stream(start = lag_window)]
pub fn lag_of(window: &mut Window, x: f64, #[constant] _rows: i64) -> Option<f64> {
    window.push(x)
}

/// A sum and what rounding has cut off from it (Neumaier's summation).
#[derive(Debug, Clone, Default, State)]
pub struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    fn add(&mut self, x: f64) {
        let sum = self.sum + x;
        self.lost += if self.sum.abs() >= x.abs() {
            (self.sum - sum) + x
        } else {
            (x - sum) + self.sum
        };
        self.sum = sum;
    }
}

/// the sum of the key's values so far, without piled-up rounding
#[stream]
pub fn cumulative_sum(state: &mut Sum, x: f64) -> f64 {
    state.add(x);
    state.sum + state.lost
}

/// What was traded of one key.
#[derive(Debug, Clone, Default, State)]
pub struct Traded {
    money: f64,
    volume: f64,
}

/// the volume-weighted average price of the rows; fails on a volume that is not positive
#[aggregate(name = "vwap")]
impl Traded {
    fn update(&mut self, price: f64, volume: f64) -> Result<(), String> {
        check_volume(volume)?;
        self.money += price * volume;
        self.volume += volume;
        Ok(())
    }

    fn retract(&mut self, price: f64, volume: f64) {
        self.money -= price * volume;
        self.volume -= volume;
    }

    fn merge(&mut self, other: &Self) {
        self.money += other.money;
        self.volume += other.volume;
    }

    fn finish(&self) -> Option<f64> {
        (self.volume > 0.0).then(|| self.money / self.volume)
    }
}

fn check_volume(volume: f64) -> Result<(), String> {
    if volume > 0.0 {
        Ok(())
    } else {
        Err(format!("volume is {volume}: it must be more than 0"))
    }
}

/// the volume-weighted average price of the key so far; fails on a volume that is not positive
#[stream]
pub fn running_vwap(traded: &mut Traded, price: f64, volume: f64) -> Result<f64, String> {
    traded.update(price, volume)?;
    Ok(traded.money / traded.volume)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ewma_begins_with_the_first_value() {
        let mut state = Ewma::new(0.5).unwrap();
        assert_eq!([4.0, 8.0, 0.0].map(|x| ewma(&mut state, x, 0.5)), [4.0, 6.0, 3.0]);
        assert!(Ewma::new(0.0).is_err() && Ewma::new(1.1).is_err() && Ewma::new(f64::NAN).is_err());
    }

    #[test]
    fn lag_is_null_until_there_are_enough_rows() {
        let mut window = lag_window(2).unwrap();
        let lags = [1.0, 2.0, 3.0, 4.0].map(|x| lag_of(&mut window, x, 2));
        assert_eq!(lags, [None, None, Some(1.0), Some(2.0)]);
    }

    #[test]
    fn sums_keep_what_rounding_takes() {
        let mut state = Sum::default();
        let sums = [1.0, 1e100, 1.0, -1e100].map(|x| cumulative_sum(&mut state, x));
        assert_eq!(sums[3], 2.0);
    }

    #[test]
    fn a_refused_volume_changes_nothing() {
        let mut state = Traded::default();
        assert_eq!(running_vwap(&mut state, 10.0, 1.0), Ok(10.0));
        assert!(running_vwap(&mut state, 99.0, 0.0).is_err());
        assert_eq!(running_vwap(&mut state, 20.0, 3.0), Ok(17.5));
    }

    #[test]
    fn a_group_takes_rows_back_and_grows_together_with_another() {
        let (mut state, mut other) = (Traded::default(), Traded::default());
        assert_eq!(state.finish(), None);
        state.update(10.0, 1.0).unwrap();
        state.update(99.0, 5.0).unwrap();
        state.retract(99.0, 5.0);
        other.update(20.0, 3.0).unwrap();
        state.merge(&other);
        assert_eq!(state.finish(), Some(17.5));
    }
}
