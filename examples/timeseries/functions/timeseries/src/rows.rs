//! Table functions: one row becomes several.

use waterwheel_udf::{Return, Timestamp, table};

/// Rows that one row may become.
const ROWS_MAX: i64 = 100_000;

/// the numbers from one to another, both included, in steps
#[table]
pub fn series(from: i64, to: i64, #[default(1)] step: i64) -> Result<Vec<i64>, String> {
    if step == 0 {
        return Err("step is 0".into());
    }
    let distance = i128::from(to) - i128::from(from);
    if distance.signum() * i128::from(step.signum()) < 0 {
        return Ok(Vec::new());
    }
    let count = distance / i128::from(step) + 1;
    if count > i128::from(ROWS_MAX) {
        return Err(format!("{count} numbers are more than {ROWS_MAX}"));
    }
    Ok((0..count)
        .map(|i| (i128::from(from) + i * i128::from(step)) as i64)
        .collect())
}

/// A bucket of time that an interval touches.
#[derive(Debug, PartialEq, Return)]
pub struct Bucket {
    /// When the bucket begins.
    start: Timestamp,
    /// Milliseconds of the interval in it.
    millis: i64,
    /// The part of the interval in it.
    share: f64,
}

/// the buckets of a size in milliseconds that an interval touches, with how much of it is in each
#[table]
pub fn buckets(from: Timestamp, until: Timestamp, size: i64) -> Result<Vec<Bucket>, String> {
    let (from, until) = (from.millis(), until.millis());
    if size <= 0 {
        return Err(format!("size is {size}: it must be more than 0"));
    }
    let total = i128::from(until) - i128::from(from);
    if total / i128::from(size) > i128::from(ROWS_MAX) {
        return Err(format!("the interval has more than {ROWS_MAX} buckets"));
    }
    let mut buckets = Vec::new();
    let mut at = from;
    while at < until {
        let start = at - at.rem_euclid(size);
        let end = start.saturating_add(size).min(until);
        let millis = end - at;
        buckets.push(Bucket {
            start: Timestamp::from_millis(start),
            millis,
            share: millis as f64 / total as f64,
        });
        at = end;
    }
    Ok(buckets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_has_both_ends() {
        assert_eq!(series(1, 7, 3), Ok(vec![1, 4, 7]));
        assert_eq!(series(2, -2, -2), Ok(vec![2, 0, -2]));
        assert_eq!(series(1, 0, 1), Ok(vec![]));
        assert_eq!(series(i64::MIN, i64::MAX, i64::MAX).map(|s| s.len()), Ok(3));
        assert!(series(0, 1, 0).is_err() && series(0, i64::MAX, 1).is_err());
    }

    #[test]
    fn an_interval_is_shared_among_its_buckets() {
        let at = Timestamp::from_millis;
        let given = buckets(at(-500), at(1_500), 1_000).unwrap();
        let parts: Vec<_> = given.iter().map(|b| (b.start.millis(), b.millis, b.share)).collect();
        assert_eq!(parts, [(-1_000, 500, 0.25), (0, 1_000, 0.5), (1_000, 500, 0.25)]);
        assert_eq!(buckets(at(5), at(5), 10), Ok(vec![]));
        assert!(buckets(at(0), at(1), 0).is_err() && buckets(at(0), at(i64::MAX), 1).is_err());
    }
}
