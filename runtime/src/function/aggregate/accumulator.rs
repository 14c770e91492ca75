//! The one interface over all aggregates: ksqlDB's, DataFusion's and, later, those of plugins.

use std::fmt;

use datafusion::arrow::array::ArrayRef;
use datafusion::error::Result;

/// State of one aggregate call for many groups, addressed by dense group numbers that the operator hands out, and hands out
/// anew after [`Accumulator::reset`].
pub trait Accumulator: Send + fmt::Debug {
    /// Takes rows.
    ///
    /// `args` are the values of the call's inputs and `groups[i]` the group of row `i`, all of them below `group_count`.
    /// `weights` absent means all +1; a row of weight -1 is undone, which is only asked for where the call can retract. Rows
    /// of weight 0, and those that FILTER leaves out, do not come.
    ///
    /// # Errors
    /// When a result does not fit its type, or there is no memory for the state; the states are undefined then.
    fn update(&mut self, args: &[ArrayRef], groups: &[u32], weights: Option<&[i8]>, group_count: usize) -> Result<()>;

    /// The value of each of `groups` now, in that order; the states go on. A group that never saw a row gives the aggregate of
    /// nothing.
    ///
    /// # Errors
    /// When the column of results would be too large for Arrow.
    fn evaluate(&mut self, groups: &[u32]) -> Result<ArrayRef>;

    /// Adds what `from` has seen to what `into` has seen, for session windows that grow together; `from` stays as it is.
    ///
    /// Rows of `from` count as later than those of `into`, but for functions by offset, which remember when they saw a row.
    /// That is the order of ksqlDB's merges: `into` is what was merged so far, at first nothing, `from` the next session.
    ///
    /// # Errors
    /// As [`Accumulator::update`].
    fn merge(&mut self, into: u32, from: u32) -> Result<()>;

    /// Makes `group` empty, so that its number can be given out again.
    fn reset(&mut self, group: u32);

    /// Says that the states of `groups` are saved next: an accumulator whose states lie elsewhere fetches them together.
    ///
    /// # Errors
    /// As [`Accumulator::save`].
    fn begin_save(&mut self, _groups: &[u32]) -> Result<()> {
        Ok(())
    }

    /// Appends the state of `group`. The form is the accumulator's own; whoever keeps the bytes keeps a version beside them.
    ///
    /// # Errors
    /// When the state is of a type that cannot be kept.
    fn save(&mut self, group: u32, out: &mut Vec<u8>) -> Result<()>;

    /// Puts a saved state in place of that of `group`.
    ///
    /// # Errors
    /// When `bytes` are not what [`Accumulator::save`] gave.
    fn load(&mut self, group: u32, bytes: &[u8]) -> Result<()>;

    /// Says that no state follows for now: what was loaded is in its place, or refused, at the latest here.
    ///
    /// # Errors
    /// As [`Accumulator::load`].
    fn end_load(&mut self) -> Result<()> {
        Ok(())
    }

    /// Memory that is held for all groups, in bytes, roughly.
    fn state_bytes(&self) -> usize;
}
