//! Windows of a GROUP BY: which windows a row falls into, and when they close.

use std::fmt;

/// The shape of a window, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WindowShape {
    /// `TUMBLING (SIZE n)`: every row is in one window.
    Tumbling {
        /// Length.
        size_ms: i64,
    },
    /// `HOPPING (SIZE n, ADVANCE BY m)`: windows overlap.
    Hopping {
        /// Length.
        size_ms: i64,
        /// Distance between two starts.
        advance_ms: i64,
    },
    /// `SESSION (gap)`: rows of a key that are near to each other.
    Session {
        /// The longest pause inside of a session.
        gap_ms: i64,
    },
}

/// A window with how long it lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// Its shape.
    pub shape: WindowShape,
    /// How long after its end late rows still count.
    pub grace_ms: i64,
    /// How long after its start its result is kept for reading, where that is longer than size and grace.
    pub retention_ms: i64,
}

impl Window {
    /// The starts of the windows that hold a row of this time, the earliest first (Kafka Streams: `TimeWindows.windowsFor`).
    /// Windows begin at multiples of the advance, never before the epoch.
    pub(crate) fn starts(&self, time: i64) -> impl Iterator<Item = i64> + use<> {
        let (size, advance) = self.size_and_advance();
        let first = (time - size + advance).max(0) / advance * advance;
        (0..)
            .map(move |number| first + number * advance)
            .take_while(move |start| *start <= time)
    }

    /// The end of a window, exclusive.
    pub(crate) fn end(&self, start: i64) -> i64 {
        start.saturating_add(self.size_and_advance().0)
    }

    /// From which stream time on a window takes no more rows.
    pub(crate) fn closes_at(&self, start: i64) -> i64 {
        self.end(start).saturating_add(self.grace_ms)
    }

    /// From which stream time on a window is forgotten.
    pub(crate) fn expires_at(&self, start: i64) -> i64 {
        self.closes_at(start).max(start.saturating_add(self.retention_ms))
    }

    fn size_and_advance(&self) -> (i64, i64) {
        match self.shape {
            WindowShape::Tumbling { size_ms } => (size_ms, size_ms),
            WindowShape::Hopping { size_ms, advance_ms } => (size_ms, advance_ms),
            WindowShape::Session { gap_ms } => (gap_ms, gap_ms),
        }
    }
}

impl fmt::Display for Window {
    /// As SQL writes it, in milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.shape {
            WindowShape::Tumbling { size_ms } => write!(f, "TUMBLING (SIZE {size_ms} MILLISECONDS")?,
            WindowShape::Hopping { size_ms, advance_ms } => write!(
                f,
                "HOPPING (SIZE {size_ms} MILLISECONDS, ADVANCE BY {advance_ms} MILLISECONDS"
            )?,
            WindowShape::Session { gap_ms } => write!(f, "SESSION ({gap_ms} MILLISECONDS")?,
        }
        write!(f, ", GRACE PERIOD {} MILLISECONDS)", self.grace_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(shape: WindowShape, time: i64) -> Vec<i64> {
        let window = Window {
            shape,
            grace_ms: 0,
            retention_ms: 0,
        };
        window.starts(time).collect()
    }

    #[test]
    fn a_row_is_in_every_window_that_covers_it() {
        let hopping = WindowShape::Hopping {
            size_ms: 10,
            advance_ms: 4,
        };
        assert_eq!(starts(hopping, 12), [4, 8, 12]);
        assert_eq!(starts(hopping, 3), [0]);
        assert_eq!(starts(WindowShape::Tumbling { size_ms: 10 }, 29), [20]);
        let gaps = WindowShape::Hopping {
            size_ms: 2,
            advance_ms: 10,
        };
        assert_eq!(starts(gaps, 11), [10]);
    }
}
