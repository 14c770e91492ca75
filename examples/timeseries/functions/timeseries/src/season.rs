//! `seasonal_diff`, `decompose`: series that repeat every so many rows.

use waterwheel_udf::{Return, State, stream};

use crate::window::{Window, rows_of};

fn season_window(season: i64) -> Result<Window, String> {
    rows_of("season", season, 1).map(Window::of)
}

/// the value less the value one season, `season` rows, before; NULL in the first season
#[stream(start = season_window)]
pub fn seasonal_diff(window: &mut Window, x: f64, #[constant] _season: i64) -> Option<f64> {
    window.push(x).map(|before| x - before)
}

/// What a value is made of.
#[derive(Debug, PartialEq, Return)]
pub struct Parts {
    trend: f64,
    season: f64,
    residual: f64,
}

/// The last season of one key, and what each place in the season adds to the trend.
#[derive(Debug, Clone, State)]
pub struct Decomposition {
    last: Window,
    /// Mean of value less trend at each place, and how many values it is of.
    places: Vec<(f64, u32)>,
    next: u32,
}

impl Decomposition {
    fn new(season: i64) -> Result<Decomposition, String> {
        let rows = rows_of("season", season, 2)?;
        Ok(Decomposition {
            last: Window::of(rows),
            places: vec![(0.0, 0); rows],
            next: 0,
        })
    }
}

/// the value as trend (the mean of the last `season` rows), season (what this place of the season has added to the trend so far) and residual; NULL until a season is full
#[stream(start = Decomposition::new)]
pub fn decompose(state: &mut Decomposition, x: f64, #[constant] _season: i64) -> Option<Parts> {
    state.last.push(x);
    let at = state.next as usize;
    state.next = if at + 1 == state.places.len() {
        0
    } else {
        state.next + 1
    };
    if !state.last.is_full() {
        return None;
    }
    let trend = state.last.mean();
    let place = &mut state.places[at];
    place.1 = place.1.saturating_add(1);
    place.0 += (x - trend - place.0) / f64::from(place.1);
    Some(Parts {
        trend,
        season: place.0,
        residual: x - trend - place.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differs_from_the_season_before() {
        let mut window = season_window(2).unwrap();
        let diffs = [1.0, 5.0, 2.0, 7.0].map(|x| seasonal_diff(&mut window, x, 2));
        assert_eq!(diffs, [None, None, Some(1.0), Some(2.0)]);
    }

    #[test]
    fn a_pure_season_leaves_no_residual() {
        let mut state = Decomposition::new(4).unwrap();
        let season = [-3.0, 1.0, 4.0, -2.0];
        for i in 0..40 {
            let parts = decompose(&mut state, 100.0 + season[i % 4], 4);
            match parts {
                None => assert!(i < 3),
                Some(parts) => {
                    assert_eq!((parts.trend, parts.residual), (100.0, 0.0), "row {i}");
                    assert_eq!(parts.season, season[i % 4], "row {i}");
                }
            }
        }
    }

    #[test]
    fn a_jump_is_in_the_residual() {
        let mut state = Decomposition::new(2).unwrap();
        for _ in 0..50 {
            decompose(&mut state, 9.0, 2);
            decompose(&mut state, 11.0, 2);
        }
        let parts = decompose(&mut state, 29.0, 2).unwrap();
        assert!(parts.residual > 9.0, "{parts:?}");
        assert!((parts.trend + parts.season + parts.residual - 29.0).abs() < 1e-9);
    }
}
