//! Stream functions: what `#[stream]` makes a function into. State lives here, by slot.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Display;

use crate::argument::{Argument, Arguments, Column, Columns};
use crate::descriptor::{Descriptor, slice_at};
use crate::report::{self, NO_ROW};
use crate::returned::{Built, BytesBuilder, Outcome, Return, Store};
use crate::rows::each_row;
use crate::scalar::{CALL_FAILED, DONE, ROWS_FAILED, Scope};
use crate::state::State;

/// A running stream function: a state per slot, and the memory of its results.
#[derive(Debug)]
pub struct Instance<S, R> {
    pub(crate) states: Vec<Option<S>>,
    /// What a fresh slot begins with, where the function has a `start`.
    pub(crate) prototype: Option<S>,
    pub(crate) results: R,
    saved: Built<BytesBuilder>,
}

impl<S, R: Default> Default for Instance<S, R> {
    fn default() -> Self {
        Instance {
            states: Vec::new(),
            prototype: None,
            results: R::default(),
            saved: Built::default(),
        }
    }
}

/// What `start` may return: the state of a fresh slot, or why the constants are refused.
pub trait Started<S> {
    /// As a result.
    ///
    /// # Errors
    /// Why the constants are refused.
    fn started(self) -> Result<S, String>;
}

impl<S> Started<S> for S {
    fn started(self) -> Result<S, String> {
        Ok(self)
    }
}

impl<S, E: Display> Started<S> for Result<S, E> {
    fn started(self) -> Result<S, String> {
        self.map_err(|error| error.to_string())
    }
}

/// `NAME_new`: reads the constants and makes the state of a fresh slot of them. `constants` are the places and names of
/// those arguments that are constants, whose types are `C`.
///
/// # Safety
/// Called by the host as the ABI says; `arguments` has `count` descriptors.
pub unsafe fn new<'a, S, R, C>(
    _scope: &'a Scope,
    instance: &mut Instance<S, R>,
    (arguments, count): (usize, usize),
    constants: &[(usize, &str)],
    start: impl FnOnce(C) -> Result<Option<S>, String>,
) -> i32
where
    C: Arguments<'a>,
{
    // SAFETY: as the caller promises.
    let arguments = unsafe { slice_at::<Descriptor>(arguments, count) };
    let started = match constants
        .iter()
        .find(|(at, _)| arguments[*at].flags & Descriptor::ABSENT != 0)
    {
        Some((_, name)) => Err(alloc::format!("argument {name} must be a constant")),
        None => {
            let columns: Vec<Descriptor> = constants.iter().map(|(at, _)| arguments[*at]).collect();
            // SAFETY: these are the descriptors of the arguments that have these types; they live until `start` has returned.
            unsafe {
                let columns = slice_at(columns.as_ptr().expose_provenance(), columns.len());
                read_constants::<C>(columns, constants).and_then(start)
            }
        }
    };
    match started {
        Ok(prototype) => {
            instance.prototype = prototype;
            DONE
        }
        Err(message) => call_failed(NO_ROW, message),
    }
}

/// The values of the constants.
///
/// # Safety
/// `columns` are of the types `C` and have a value each.
unsafe fn read_constants<'a, C: Arguments<'a>>(
    columns: &'a [Descriptor],
    names: &[(usize, &str)],
) -> Result<C, String> {
    // SAFETY: as the caller promises; what cannot be read is not read.
    unsafe {
        let columns = C::Columns::open(columns);
        let bases = columns.bases(0);
        if columns.missing(bases, 0) || !columns.complete(bases, 0) {
            let names: Vec<&str> = names.iter().map(|(_, name)| *name).collect();
            return Err(alloc::format!(
                "a constant is null: {} must have values",
                names.join(", ")
            ));
        }
        Ok(columns.read::<true>(bases, 0))
    }
}

/// `NAME_push`: runs rows in order. `fresh` makes the state of a slot that has none, of the prototype if there is one.
///
/// # Safety
/// Called by the host as the ABI says of a function with these argument and result types.
pub unsafe fn push<'a, S, A, O>(
    _scope: &'a Scope,
    instance: &mut Instance<S, <O::Value as Return>::Store>,
    slots: usize,
    (arguments, rows): (usize, usize),
    out: usize,
    fresh: impl Fn(Option<&S>) -> Option<S>,
    mut f: impl FnMut(&mut S, A) -> O,
) -> i32
where
    A: Arguments<'a>,
    O: Outcome,
{
    let Some(first) = fresh(instance.prototype.as_ref()) else {
        return call_failed(NO_ROW, "not started: the constants were refused".to_string());
    };
    // SAFETY: as the caller promises: a slot for each row.
    let slots = unsafe { slice_at::<u32>(slots, rows) };
    let last = slots.iter().fold(0, |last, slot| last.max(*slot)) as usize;
    if instance.states.len() <= last {
        instance.states.resize_with(last + 1, || None);
    }
    let (states, prototype) = (&mut instance.states, instance.prototype.as_ref());
    // The fresh state that was made to see whether there is one is used for the first slot that asks.
    let mut first = Some(first);
    // SAFETY: as the caller promises. A slot is below the number of states: the greatest is.
    let done = unsafe {
        let columns = slice_at::<Descriptor>(arguments, A::COUNT);
        let out = &mut *core::ptr::with_exposed_provenance_mut::<Descriptor>(out);
        each_row(columns, rows, out, &mut instance.results, |row, arguments: A| {
            let state = states.get_unchecked_mut(*slots.get_unchecked(row) as usize);
            if state.is_none() {
                *state = first.take().or_else(|| fresh(prototype));
            }
            f(state.as_mut().unwrap_unchecked(), arguments)
        })
    };
    if done { DONE } else { ROWS_FAILED }
}

/// `NAME_save`: the bytes of the state of each slot; none for a slot without one.
///
/// # Safety
/// Called by the host as the ABI says.
pub unsafe fn save<S: State, R>(
    _scope: &Scope,
    instance: &mut Instance<S, R>,
    slots: usize,
    count: usize,
    out: usize,
) -> i32 {
    // SAFETY: as the caller promises.
    unsafe {
        let slots = slice_at::<u32>(slots, count);
        let out = &mut *core::ptr::with_exposed_provenance_mut::<Descriptor>(out);
        let saved: &mut dyn SavedStates = &mut instance.saved;
        saved.begin_states(out);
        let mut bytes = Vec::new();
        for slot in slots {
            bytes.clear();
            if let Some(Some(state)) = instance.states.get(*slot as usize) {
                state.save(&mut bytes);
            }
            saved.add_state(&bytes);
        }
        saved.end_states(out);
    }
    DONE
}

/// The store of saved states, by names that say for which of its types.
trait SavedStates {
    /// # Safety
    /// As for [`Store::begin`].
    unsafe fn begin_states(&mut self, out: &Descriptor);
    fn add_state(&mut self, bytes: &[u8]);
    fn end_states(&mut self, out: &mut Descriptor);
}

impl SavedStates for Built<BytesBuilder> {
    unsafe fn begin_states(&mut self, out: &Descriptor) {
        // SAFETY: as the caller promises.
        unsafe { Store::<&[u8]>::begin(self, out) }
    }

    fn add_state(&mut self, bytes: &[u8]) {
        self.add::<&[u8]>(Some(bytes));
    }

    fn end_states(&mut self, out: &mut Descriptor) {
        Store::<&[u8]>::end(self, out);
    }
}

/// `NAME_load`: gives slots the states that `save` once gave. `read` makes a state of bytes of a version.
///
/// # Safety
/// Called by the host as the ABI says.
pub unsafe fn load<S, R>(
    _scope: &Scope,
    instance: &mut Instance<S, R>,
    slots: usize,
    (count, states): (usize, usize),
    read: impl Fn(&[u8]) -> Result<S, String>,
) -> i32 {
    // SAFETY: as the caller promises: a BYTES column with a value for each slot.
    unsafe {
        let slots = slice_at::<u32>(slots, count);
        let column = <&[u8] as Argument>::Column::open(&slice_at::<Descriptor>(states, 1)[0]);
        for (i, slot) in slots.iter().enumerate() {
            let bytes = column.read::<false>(column.base(i));
            let state = match bytes {
                [] => None,
                bytes => match read(bytes) {
                    Ok(state) => Some(state),
                    Err(message) => return call_failed(i as u32, message),
                },
            };
            let slot = *slot as usize;
            if instance.states.len() <= slot {
                instance.states.resize_with(slot + 1, || None);
            }
            instance.states[slot] = state;
        }
    }
    DONE
}

/// `NAME_drop`: forgets slots.
///
/// # Safety
/// Called by the host as the ABI says.
pub unsafe fn drop<S, R>(_scope: &Scope, instance: &mut Instance<S, R>, slots: usize, count: usize) -> i32 {
    // SAFETY: as the caller promises.
    for slot in unsafe { slice_at::<u32>(slots, count) } {
        if let Some(state) = instance.states.get_mut(*slot as usize) {
            *state = None;
        }
    }
    DONE
}

/// A state of bytes of the format that the function writes now.
///
/// # Errors
/// When they are none.
pub fn read_state<S: State>(bytes: &[u8]) -> Result<S, String> {
    crate::state::load_state(bytes).map_err(|error| error.to_string())
}

/// A state of bytes of an older format, by way of what the state was then.
///
/// # Errors
/// When they are none.
pub fn upgrade_state<Old: State, S>(bytes: &[u8], upgrade: impl Fn(Old) -> S) -> Result<S, String> {
    read_state(bytes).map(upgrade)
}

/// The message for a version that the function does not read.
pub fn unknown_version(version: u32) -> String {
    alloc::format!("saved state has format {version}, which this version of the function does not read")
}

pub(crate) fn call_failed(row: u32, message: String) -> i32 {
    report::add(row, message);
    CALL_FAILED
}
