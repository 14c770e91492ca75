//! `zscore`, `zscore_flag`, `mad_flag`: values that are far from those before them.

use waterwheel_udf::stream;

use crate::window::{Window, rows_of};

/// Turns a median absolute deviation into the standard deviation of normal data.
const MAD_TO_SIGMA: f64 = 1.482_602_218_505_602;

fn window(rows: i64) -> Result<Window, String> {
    rows_of("rows", rows, 2).map(Window::of)
}

fn flag_window(rows: i64, limit: f64) -> Result<Window, String> {
    if limit.is_nan() || limit <= 0.0 {
        return Err(format!("limit is {limit}: it must be more than 0"));
    }
    window(rows)
}

/// How many standard deviations `x` is from the mean of the window; none before it has two values or where they are equal.
fn score(window: &Window, x: f64) -> Option<f64> {
    if window.numbers.len() < 2 {
        return None;
    }
    let mean = window.mean();
    let squares: f64 = window.numbers.iter().map(|n| (n - mean) * (n - mean)).sum();
    let sigma = (squares / (window.numbers.len() - 1) as f64).sqrt();
    (sigma > 0.0).then(|| (x - mean) / sigma)
}

/// how many standard deviations the value is from the mean of the `rows` values before it; NULL where these do not tell
#[stream(start = window)]
pub fn zscore(window: &mut Window, x: f64, #[constant] _rows: i64) -> Option<f64> {
    let score = score(window, x);
    window.push(x);
    score
}

/// whether the value is more than `limit` standard deviations from the mean of the `rows` values before it
#[stream(start = flag_window)]
pub fn zscore_flag(
    window: &mut Window,
    x: f64,
    #[constant] _rows: i64,
    #[constant]
    #[default(3.0)]
    limit: f64,
) -> bool {
    let flag = score(window, x).is_some_and(|score| score.abs() > limit);
    window.push(x);
    flag
}

fn median(numbers: &mut [f64]) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    if numbers.len().is_multiple_of(2) {
        f64::midpoint(numbers[middle - 1], numbers[middle])
    } else {
        numbers[middle]
    }
}

/// whether the value is far from the median of the `rows` values before it, measured by their median absolute deviation; outliers among them do not hide it
#[stream(start = flag_window)]
pub fn mad_flag(
    window: &mut Window,
    x: f64,
    #[constant] _rows: i64,
    #[constant]
    #[default(3.5)]
    limit: f64,
) -> bool {
    let mut numbers: Vec<f64> = window.numbers.iter().copied().collect();
    window.push(x);
    if numbers.len() < 3 {
        return false;
    }
    let middle = median(&mut numbers);
    for number in &mut numbers {
        *number = (*number - middle).abs();
    }
    let sigma = MAD_TO_SIGMA * median(&mut numbers);
    sigma > 0.0 && (x - middle).abs() > limit * sigma
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_by_the_values_before() {
        let mut state = window(3).unwrap();
        let scores = [1.0, 3.0, 2.0, 4.0].map(|x| zscore(&mut state, x, 3));
        assert_eq!(scores[..2], [None, None]);
        assert_eq!(scores[2], Some(0.0));
        assert_eq!(scores[3], Some(2.0));
    }

    #[test]
    fn equal_values_tell_nothing() {
        let mut state = window(3).unwrap();
        assert_eq!([5.0; 4].map(|x| zscore(&mut state, x, 3)), [None; 4]);
    }

    #[test]
    fn an_outlier_does_not_hide_the_next_from_mad() {
        let values = [10.0, 11.0, 10.0, 12.0, 11.0, 90.0, 95.0, 10.0];
        let mut state = flag_window(6, 3.0).unwrap();
        let mad = values.map(|x| mad_flag(&mut state, x, 6, 3.0));
        assert_eq!(mad, [false, false, false, false, false, true, true, false]);
        let mut state = flag_window(6, 3.0).unwrap();
        let z = values.map(|x| zscore_flag(&mut state, x, 6, 3.0));
        assert_eq!(z, [false, false, false, false, false, true, false, false]);
    }

    #[test]
    fn refuses_what_makes_no_sense() {
        assert!(window(1).is_err() && flag_window(5, 0.0).is_err() && flag_window(5, f64::NAN).is_err());
    }
}
