//! State as bytes: what a stream function remembers per key, saved at commits and loaded after a restart.
//!
//! Little-endian, without field names or padding; lengths are 32 bits. Equal state gives equal bytes: maps and sets go in
//! the order of their saved keys. What a state looks like is part of its format: who changes it raises `state_version`.

mod collections;
mod numbers;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// A type that can be state, or part of it. `#[derive(State)]` makes a struct or an enum one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of the state of a stream function",
    note = "add `#[derive(State)]` to it, or write `impl waterwheel_udf::State` for it"
)]
pub trait State: Sized {
    /// Adds its bytes to `out`. Equal values add equal bytes.
    fn save(&self, out: &mut Vec<u8>);

    /// Takes its bytes from `input`: what [`State::save`] wrote.
    ///
    /// # Errors
    /// When the bytes are not what `save` writes.
    fn load(input: &mut StateReader<'_>) -> Result<Self, StateError>;
}

/// Why bytes are not a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateError(String);

impl StateError {
    /// With a message: lower case, no full stop.
    pub fn new(message: impl Into<String>) -> StateError {
        StateError(message.into())
    }
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "saved state cannot be read: {}", self.0)
    }
}

impl core::error::Error for StateError {}

/// The bytes of a state that are still to be read.
#[derive(Debug)]
pub struct StateReader<'a> {
    bytes: &'a [u8],
}

impl<'a> StateReader<'a> {
    /// Over all of `bytes`.
    pub fn new(bytes: &'a [u8]) -> StateReader<'a> {
        StateReader { bytes }
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// When there are not so many.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], StateError> {
        let (taken, rest) = self
            .bytes
            .split_at_checked(count)
            .ok_or_else(|| StateError(format!("{count} bytes wanted, {} are left", self.bytes.len())))?;
        self.bytes = rest;
        Ok(taken)
    }

    /// The next `N` bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], StateError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// A length, and how many items it is safe to make room for: no more than bytes are left.
    pub(crate) fn length(&mut self) -> Result<(usize, usize), StateError> {
        let length = u32::from_le_bytes(self.array()?) as usize;
        Ok((length, length.min(self.bytes.len())))
    }
}

/// The whole of a state from its bytes.
///
/// # Errors
/// When the bytes are not a state of this type, or more than that.
pub fn load_state<S: State>(bytes: &[u8]) -> Result<S, StateError> {
    let mut input = StateReader::new(bytes);
    let state = S::load(&mut input)?;
    match input.bytes.len() {
        0 => Ok(state),
        left => Err(StateError(format!("{left} bytes too many"))),
    }
}

/// The bytes of a state.
pub fn save_state<S: State>(state: &S) -> Vec<u8> {
    let mut bytes = Vec::new();
    state.save(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests;
