//! Scalar functions: what `#[scalar]` makes a function into.

use alloc::string::ToString;

use crate::argument::Arguments;
use crate::descriptor::{Descriptor, slice_at};
use crate::report::{self, NO_ROW};
use crate::returned::{Outcome, Return};
use crate::rows::each_row;
use crate::stream::{Instance, call_failed};

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

/// As [`call`], of a function that was set up with constants: `found` says where what was made of them is, and `f` gets that, too.
///
/// # Safety
/// As for [`call`].
pub unsafe fn call_set_up<'a, S, A, O>(
    _scope: &'a Scope,
    instance: &mut Instance<S, <O::Value as Return>::Store>,
    (arguments, rows): (usize, usize),
    out: usize,
    found: impl for<'s> Fn(Option<&'s S>) -> Option<&'s S>,
    mut f: impl FnMut(&S, A) -> O,
) -> i32
where
    A: Arguments<'a>,
    O: Outcome,
{
    let Some(made) = found(instance.prototype.as_ref()) else {
        return call_failed(NO_ROW, "not set up: the constants were refused".to_string());
    };
    // SAFETY: as the caller promises.
    let done = unsafe {
        let columns = slice_at::<Descriptor>(arguments, A::COUNT);
        let out = &mut *core::ptr::with_exposed_provenance_mut::<Descriptor>(out);
        each_row(columns, rows, out, &mut instance.results, |_, arguments| {
            f(made, arguments)
        })
    };
    if done { DONE } else { ROWS_FAILED }
}

/// What the set-up made.
pub fn made<S>(prototype: Option<&S>) -> Option<&S> {
    prototype
}

/// What there is where the set-up makes nothing.
pub fn nothing<'s>(_: Option<&'s ()>) -> Option<&'s ()> {
    Some(&())
}
