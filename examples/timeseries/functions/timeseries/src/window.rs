//! The last numbers of a key.

use std::collections::VecDeque;

use waterwheel_udf::State;

/// More rows than this are refused: each key of a query keeps so many numbers.
pub const ROWS_MAX: i64 = 10_000;

/// Checks a constant that says how many rows to keep.
///
/// # Errors
/// When it is not `min` to [`ROWS_MAX`].
pub fn rows_of(name: &str, rows: i64, min: i64) -> Result<usize, String> {
    if (min..=ROWS_MAX).contains(&rows) {
        Ok(rows as usize)
    } else {
        Err(format!("{name} is {rows}: it must be {min} to {ROWS_MAX}"))
    }
}

/// The last numbers of one key, oldest first.
#[derive(Debug, Clone, State)]
pub struct Window {
    /// The numbers.
    pub numbers: VecDeque<f64>,
    rows: u32,
}

impl Window {
    /// An empty window of `rows` numbers.
    pub fn of(rows: usize) -> Window {
        Window {
            numbers: VecDeque::new(),
            rows: rows as u32,
        }
    }

    /// Whether it holds as many numbers as it may.
    pub fn is_full(&self) -> bool {
        self.numbers.len() == self.rows as usize
    }

    /// Adds a number; gives the one that had to leave, the number `rows` rows before.
    pub fn push(&mut self, x: f64) -> Option<f64> {
        let left = if self.is_full() { self.numbers.pop_front() } else { None };
        self.numbers.push_back(x);
        left
    }

    /// Their mean; NaN of none.
    pub fn mean(&self) -> f64 {
        self.numbers.iter().sum::<f64>() / self.numbers.len() as f64
    }
}
