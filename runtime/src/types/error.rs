//! What every error can say about itself: whose fault it is, and whether a retry can help.
//!
//! Each module has an error enum of its own; the data plane reads only `class()` and `retry()`.

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The statement, the configuration or the data is wrong; the user can mend it.
    User,
    /// Something outside of the process failed: a broker, a disk, the network.
    External,
    /// A fault of Waterwheel itself.
    Internal,
}

/// Whether doing the same thing again can succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same input fails again.
    Never,
    /// It may pass later: try again with growing pauses.
    Backoff,
}
