//! Aggregates: one interface over the engine's own kernels, DataFusion's accumulators and, later, those of plugins.
//!
//! How an aggregate is computed is in [`crate::function::AggregateSpec`]. Which rows belong together is not decided here either:
//! whoever groups rows hands out dense group numbers.

mod call;
mod named;
#[cfg(test)]
mod tests;

use std::fmt::Debug;

use datafusion::arrow::array::ArrayRef;

pub use call::{AggregateCall, OrderBy};

use super::Error;

/// State of one aggregate call for many groups, addressed by dense group numbers that the operator hands out, and hands out
/// again after [`Accumulator::reset`].
pub trait Accumulator: Send + Debug {
    /// Takes rows: `args` are the evaluated arguments, `groups[i]` is the group of row i, all below `group_count`. `weights`
    /// absent means all +1; -1 rows are undone, and never come when [`AggregateCall::retracts`] is false. FILTER was applied.
    ///
    /// # Errors
    /// When a value cannot be aggregated (overflow, a limit).
    fn update(
        &mut self,
        args: &[ArrayRef],
        groups: &[u32],
        weights: Option<&[i8]>,
        group_count: usize,
    ) -> Result<(), Error>;

    /// The current value of each of `groups`, in that order; the state stays. A group without rows gives the empty aggregate.
    ///
    /// # Errors
    /// When a value cannot be represented in the result type.
    fn evaluate(&mut self, groups: &[u32]) -> Result<ArrayRef, Error>;

    /// Adds the state of group `from` to group `into`, as when two sessions become one. Rows of `into` count as the earlier ones,
    /// but for functions by offset, which remember when they saw a row.
    ///
    /// # Errors
    /// As [`Accumulator::update`].
    fn merge(&mut self, into: u32, from: u32) -> Result<(), Error>;

    /// Makes a group empty, so that its number can be used again.
    fn reset(&mut self, group: u32);

    /// Says that the states of `groups` are saved next: an accumulator whose states lie elsewhere fetches them together.
    ///
    /// # Errors
    /// As [`Accumulator::save`].
    fn begin_save(&mut self, groups: &[u32]) -> Result<(), Error>;

    /// Appends the state of a group to `out`.
    ///
    /// # Errors
    /// When a value cannot be written.
    fn save(&mut self, group: u32, out: &mut Vec<u8>) -> Result<(), Error>;

    /// Puts what [`Accumulator::save`] wrote in place of a group's state.
    ///
    /// # Errors
    /// When the bytes are not such a state.
    fn load(&mut self, group: u32, bytes: &[u8]) -> Result<(), Error>;

    /// Says that no state follows for now: what was loaded is in its place, or refused, at the latest here.
    ///
    /// # Errors
    /// As [`Accumulator::load`].
    fn end_load(&mut self) -> Result<(), Error>;

    /// Memory held, in bytes, roughly.
    fn state_bytes(&self) -> usize;
}
