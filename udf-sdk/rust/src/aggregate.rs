//! Aggregate functions: what `#[aggregate]` makes a state into. The states live where those of stream functions do, by slot.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Display;

use crate::argument::Arguments;
use crate::descriptor::{Descriptor, slice_at};
use crate::report::NO_ROW;
use crate::returned::{Builder, Outcome, Return, Store};
use crate::rows::each_row;
use crate::scalar::{DONE, ROWS_FAILED, Scope};
use crate::stream::{Instance, call_failed};

/// What `update`, `retract` and `merge` may return: nothing, or why the row was not taken.
pub trait Taken {
    /// As a result.
    ///
    /// # Errors
    /// Why the row was not taken.
    fn taken(self) -> Result<(), String>;
}

impl Taken for () {
    fn taken(self) -> Result<(), String> {
        Ok(())
    }
}

impl<E: Display> Taken for Result<(), E> {
    fn taken(self) -> Result<(), String> {
        self.map_err(|error| error.to_string())
    }
}

/// The result of a row that has none.
#[derive(Debug)]
struct Nothing;

/// The column of such results.
#[derive(Debug, Default)]
struct NoColumn;

impl Return for Nothing {
    type Base = Nothing;
    type Store = NoColumn;
    type Builder = NoColumn;

    fn sql_type(_out: &mut String) {}

    fn base(self) -> Option<Nothing> {
        Some(self)
    }
}

impl Store<Nothing> for NoColumn {
    unsafe fn begin(&mut self, _out: &Descriptor) {}

    #[inline(always)]
    unsafe fn strip(&mut self, _row: usize, mut next: impl FnMut(usize) -> Option<Nothing>) {
        for i in 0..crate::STRIP {
            next(i);
        }
    }

    #[inline(always)]
    unsafe fn one(&mut self, _row: usize, _value: Option<Nothing>) {}

    fn end(&mut self, _out: &mut Descriptor) {}
}

impl Builder<Nothing> for NoColumn {
    fn clear(&mut self) {}

    fn push(&mut self, _value: Nothing) {}

    fn push_null(&mut self) {}

    fn describe(&mut self) -> Descriptor {
        Descriptor::default()
    }
}

/// `NAME_update` and `NAME_retract`: gives each row to the state of its slot. `fresh` makes the state of a slot that has none, of the
/// prototype if there is one.
///
/// # Safety
/// Called by the host as the ABI says of a function with these argument types.
pub unsafe fn take<'a, S, R, A, T>(
    _scope: &'a Scope,
    instance: &mut Instance<S, R>,
    slots: usize,
    (arguments, rows): (usize, usize),
    fresh: impl Fn(Option<&S>) -> Option<S>,
    f: impl Fn(&mut S, A) -> T,
) -> i32
where
    A: Arguments<'a>,
    T: Taken,
{
    let Some(first) = fresh(instance.prototype.as_ref()) else {
        return call_failed(NO_ROW, "not started: the constants were refused".to_string());
    };
    // SAFETY: as the caller promises: a slot for each row.
    let slots = unsafe { slice_at::<u32>(slots, rows) };
    make_room(&mut instance.states, slots);
    let (states, prototype) = (&mut instance.states, instance.prototype.as_ref());
    // The fresh state that was made to see whether there is one is used for the first slot that asks.
    let mut first = Some(first);
    // Failed rows are marked in a bitmap that nobody reads: there is no result.
    let mut validity: Vec<u16> = Vec::new();
    validity.resize(rows.div_ceil(16), u16::MAX);
    let mut out = Descriptor {
        rows,
        validity: validity.as_mut_ptr().expose_provenance(),
        ..Descriptor::default()
    };
    // SAFETY: as the caller promises. A slot is below the number of states: the greatest is.
    let done = unsafe {
        let columns = slice_at::<Descriptor>(arguments, A::COUNT);
        each_row(columns, rows, &mut out, &mut NoColumn, |row, arguments: A| {
            let state = states.get_unchecked_mut(*slots.get_unchecked(row) as usize);
            if state.is_none() {
                *state = first.take().or_else(|| fresh(prototype));
            }
            f(state.as_mut().unwrap_unchecked(), arguments)
                .taken()
                .map(|()| Nothing)
        })
    };
    if done { DONE } else { ROWS_FAILED }
}

/// `NAME_merge`: adds the states of the slots `from` to those of `into`.
///
/// # Safety
/// Called by the host as the ABI says.
pub unsafe fn merge<S, R, T: Taken>(
    _scope: &Scope,
    instance: &mut Instance<S, R>,
    (into, from, count): (usize, usize, usize),
    fresh: impl Fn(Option<&S>) -> Option<S>,
    f: impl Fn(&mut S, &S) -> T,
) -> i32 {
    // SAFETY: as the caller promises: so many slots each.
    let (into, from) = unsafe { (slice_at::<u32>(into, count), slice_at::<u32>(from, count)) };
    make_room(&mut instance.states, into);
    for (into, from) in into.iter().zip(from) {
        let Some(added) = instance.states.get_mut(*from as usize).and_then(Option::take) else {
            continue;
        };
        let state = &mut instance.states[*into as usize];
        if state.is_none() {
            *state = fresh(instance.prototype.as_ref());
        }
        let merged = state.as_mut().map_or(Ok(()), |state| f(state, &added).taken());
        instance.states[*from as usize] = Some(added);
        if let Err(message) = merged {
            return call_failed(NO_ROW, message);
        }
    }
    DONE
}

/// `NAME_finish`: the value of each slot.
///
/// # Safety
/// Called by the host as the ABI says of a function with this result type.
pub unsafe fn finish<S, O: Outcome>(
    _scope: &Scope,
    instance: &mut Instance<S, <O::Value as Return>::Store>,
    (slots, count): (usize, usize),
    out: usize,
    fresh: impl Fn(Option<&S>) -> Option<S>,
    f: impl Fn(&S) -> O,
) -> i32 {
    let Some(empty) = fresh(instance.prototype.as_ref()) else {
        return call_failed(NO_ROW, "not started: the constants were refused".to_string());
    };
    let Instance { states, results, .. } = instance;
    // SAFETY: as the caller promises: so many slots, and a result of this type.
    let done = unsafe {
        let slots = slice_at::<u32>(slots, count);
        let out = &mut *core::ptr::with_exposed_provenance_mut::<Descriptor>(out);
        each_row(&[], count, out, results, |row, (): ()| {
            let state = states.get(*slots.get_unchecked(row) as usize);
            f(state.and_then(Option::as_ref).unwrap_or(&empty))
        })
    };
    if done { DONE } else { ROWS_FAILED }
}

fn make_room<S>(states: &mut Vec<Option<S>>, slots: &[u32]) {
    let last = slots.iter().fold(0, |last, slot| last.max(*slot)) as usize;
    if states.len() <= last {
        states.resize_with(last + 1, || None);
    }
}
