//! `forward_fill`, `interpolate`, `is_duplicate`: values that are missing, or come twice.

use std::collections::BTreeSet;

use waterwheel_udf::{Return, State, Timestamp, stream};

/// Points that one row gives at most; a longer gap fails the row.
const POINTS_MAX: i64 = 1_000;

/// the value, or the last one of the key that was not NULL
#[stream]
pub fn forward_fill(last: &mut Option<f64>, x: Option<f64>) -> Option<f64> {
    if x.is_some() {
        *last = x;
    }
    *last
}

/// A point of a filled series.
#[derive(Debug, PartialEq, Return)]
pub struct Point {
    at: Timestamp,
    x: f64,
}

/// The last point of one key, and the distance of points in milliseconds.
#[derive(Debug, Clone, State)]
pub struct Line {
    step: i64,
    last: Option<(i64, f64)>,
}

impl Line {
    fn new(step_ms: i64) -> Result<Line, String> {
        if step_ms < 1 {
            return Err(format!("step_ms is {step_ms}: it must be at least 1"));
        }
        Ok(Line {
            step: step_ms,
            last: None,
        })
    }
}

/// this point, and before it the points that are missing every `step_ms` since the key's last one, on the straight line between the two
#[stream(start = Line::new)]
pub fn interpolate(line: &mut Line, at: Timestamp, x: f64, #[constant] _step_ms: i64) -> Result<Vec<Point>, String> {
    let Some((from, start)) = line.last else {
        line.last = Some((at.millis(), x));
        return Ok(vec![Point { at, x }]);
    };
    let gap = at.millis().saturating_sub(from);
    if gap <= 0 {
        // Late, or the same time again: nothing to draw a line to.
        return Ok(vec![Point { at, x }]);
    }
    let missing = (gap - 1) / line.step;
    if missing >= POINTS_MAX {
        return Err(format!(
            "a gap of {gap} ms has {missing} points: at most {POINTS_MAX} can be filled"
        ));
    }
    line.last = Some((at.millis(), x));
    let filled = (1..=missing).map(|i| Point {
        at: Timestamp::from_millis(from + i * line.step),
        x: start + (x - start) * ((i * line.step) as f64 / gap as f64),
    });
    Ok(filled.chain([Point { at, x }]).collect())
}

/// The times of one key that were seen of late.
#[derive(Debug, Clone, State)]
pub struct Seen {
    within: i64,
    times: BTreeSet<i64>,
}

impl Seen {
    fn new(within_ms: i64) -> Result<Seen, String> {
        if within_ms < 0 {
            return Err(format!("within_ms is {within_ms}: it must not be negative"));
        }
        Ok(Seen {
            within: within_ms,
            times: BTreeSet::new(),
        })
    }
}

/// whether the key had a row of the very same time before; times older than `within_ms` before the newest are forgotten, and count as duplicates
#[stream(start = Seen::new)]
pub fn is_duplicate(seen: &mut Seen, at: Timestamp, #[constant] _within_ms: i64) -> bool {
    let newest = seen.times.last().copied().unwrap_or(at.millis()).max(at.millis());
    let oldest = newest.saturating_sub(seen.within);
    if at.millis() < oldest {
        return true;
    }
    seen.times = seen.times.split_off(&oldest);
    !seen.times.insert(at.millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_with_the_last_value() {
        let mut last = None;
        let filled = [None, Some(1.0), None, Some(3.0), None].map(|x| forward_fill(&mut last, x));
        assert_eq!(filled, [None, Some(1.0), Some(1.0), Some(3.0), Some(3.0)]);
    }

    #[test]
    fn draws_a_line_over_a_gap() {
        let mut line = Line::new(10).unwrap();
        let mut points = |at, x| -> Vec<(i64, f64)> {
            let points = interpolate(&mut line, Timestamp::from_millis(at), x, 10).unwrap();
            points.iter().map(|point| (point.at.millis(), point.x)).collect()
        };
        assert_eq!(points(0, 1.0), [(0, 1.0)]);
        assert_eq!(points(10, 2.0), [(10, 2.0)]);
        assert_eq!(points(40, 5.0), [(20, 3.0), (30, 4.0), (40, 5.0)]);
        assert_eq!(points(45, 6.0), [(45, 6.0)]);
        assert_eq!(points(45, 7.0), [(45, 7.0)]);
        assert_eq!(points(65, 8.0), [(55, 7.0), (65, 8.0)]);
    }

    #[test]
    fn a_gap_that_is_too_long_changes_nothing() {
        let mut line = Line::new(1).unwrap();
        interpolate(&mut line, Timestamp::from_millis(0), 1.0, 1).unwrap();
        assert!(interpolate(&mut line, Timestamp::from_millis(i64::MAX), 1.0, 1).is_err());
        assert_eq!(
            interpolate(&mut line, Timestamp::from_millis(2), 3.0, 1).unwrap().len(),
            2
        );
    }

    #[test]
    fn knows_times_for_a_while() {
        let mut seen = Seen::new(100).unwrap();
        let duplicates =
            [0, 50, 0, 50, 120, 10, 50, 120].map(|at| is_duplicate(&mut seen, Timestamp::from_millis(at), 100));
        assert_eq!(duplicates, [false, false, true, true, false, true, true, true]);
        assert_eq!(seen.times.len(), 2);
    }
}
