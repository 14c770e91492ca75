//! Scalar functions: what `#[scalar]` makes a function into.

use crate::argument::Arguments;
use crate::descriptor::{Descriptor, slice_at};
use crate::report;
use crate::returned::{Outcome, Return};
use crate::rows::each_row;

/// Status: all rows done.
pub const DONE: i32 = 0;
/// Status: some rows failed.
pub const ROWS_FAILED: i32 = 1;
/// Status: the call failed.
pub const CALL_FAILED: i32 = 2;

/// The time of one call: what a function borrows from its arguments lives no longer. A local variable of the caller, so that
/// no function can ask for `'static` arguments.
#[derive(Debug)]
pub struct Scope(());

impl Scope {
    /// Begins a call.
    pub fn enter() -> Scope {
        report::clear();
        Scope(())
    }
}

/// Runs a scalar function on a batch; gives the status.
///
/// # Safety
/// Called by the host as the ABI says of a function with these argument and result types. `store` is the one that was
/// given the time before, so that what it built stays until now.
pub unsafe fn call<'a, A, O>(
    _scope: &'a Scope,
    arguments: usize,
    rows: usize,
    out: usize,
    store: &mut <O::Value as Return>::Store,
    mut f: impl FnMut(A) -> O,
) -> i32
where
    A: Arguments<'a>,
    O: Outcome,
{
    // SAFETY: as the caller promises.
    let done = unsafe {
        let columns = slice_at::<Descriptor>(arguments, A::COUNT);
        let out = &mut *core::ptr::with_exposed_provenance_mut::<Descriptor>(out);
        each_row(columns, rows, out, store, |_, arguments| f(arguments))
    };
    if done { DONE } else { ROWS_FAILED }
}
