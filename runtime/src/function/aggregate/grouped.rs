//! From the aggregate of one group to an [`Accumulator`] over many: states in a vector, indexed by group.
//!
//! Everything here is generic and inlined, so that the loop over rows of a simple aggregate has no call in it.

use std::fmt;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::buffer::NullBuffer;
use datafusion::error::Result;

use super::accumulator::Accumulator;
use super::state_reader::{StateReader, damaged};

/// What an aggregate does with the state of a group.
pub(super) trait Aggregate: Send + fmt::Debug + 'static {
    /// What it keeps for a group; the default is that of a group without rows.
    type State: Default + Send + fmt::Debug + 'static;

    fn update(&mut self, states: &mut [Self::State], rows: &Rows<'_>) -> Result<()>;
    fn evaluate<'a>(&self, states: impl Iterator<Item = &'a Self::State>) -> Result<ArrayRef>;
    fn merge(&mut self, into: &mut Self::State, from: &Self::State) -> Result<()>;
    fn save(&self, state: &Self::State, out: &mut Vec<u8>) -> Result<()>;
    fn load(&mut self, reader: &mut StateReader<'_>) -> Result<Self::State>;

    /// Whether a state holds anything outside of itself.
    const HAS_HEAP: bool = false;

    /// How much, in bytes.
    fn heap_bytes(_state: &Self::State) -> usize {
        0
    }
}

/// The rows of one update.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) args: &'a [ArrayRef],
    pub(super) groups: &'a [u32],
    pub(super) weights: Option<&'a [i8]>,
}

impl Rows<'_> {
    /// Calls `f` with row, group and weight of each row that is not null.
    #[inline]
    pub(super) fn each(&self, nulls: Option<&NullBuffer>, mut f: impl FnMut(usize, usize, i8)) {
        let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
        let groups = self.groups.iter().map(|group| *group as usize).enumerate();
        match (self.weights, nulls) {
            (None, None) => groups.for_each(|(row, group)| f(row, group, 1)),
            (None, Some(nulls)) => groups.for_each(|(row, group)| {
                if nulls.is_valid(row) {
                    f(row, group, 1);
                }
            }),
            (Some(weights), None) => {
                groups
                    .zip(weights)
                    .for_each(|((row, group), weight)| f(row, group, *weight));
            }
            (Some(weights), Some(nulls)) => groups.zip(weights).for_each(|((row, group), weight)| {
                if nulls.is_valid(row) {
                    f(row, group, *weight);
                }
            }),
        }
    }

    /// As [`Rows::each`], up to the first error.
    #[inline]
    pub(super) fn try_each(
        &self,
        nulls: Option<&NullBuffer>,
        mut f: impl FnMut(usize, usize, i8) -> Result<()>,
    ) -> Result<()> {
        let mut outcome = Ok(());
        self.each(nulls, |row, group, weight| {
            if outcome.is_ok() {
                outcome = f(row, group, weight);
            }
        });
        outcome
    }

    /// Calls `f` with the state of each row's group, its value and its weight, where the value is not null.
    #[inline]
    pub(super) fn each_value<S, T: Copy>(
        &self,
        states: &mut [S],
        values: &[T],
        nulls: Option<&NullBuffer>,
        mut f: impl FnMut(&mut S, T, i8),
    ) {
        let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
        match (self.weights, nulls) {
            (None, None) => {
                for (group, value) in self.groups.iter().zip(values) {
                    f(&mut states[*group as usize], *value, 1);
                }
            }
            _ => self.each(nulls, |row, group, weight| f(&mut states[group], values[row], weight)),
        }
    }
}

/// An aggregate over many groups.
#[derive(Debug)]
pub(super) struct Grouped<A: Aggregate> {
    aggregate: A,
    states: Vec<A::State>,
}

impl<A: Aggregate> Grouped<A> {
    pub(super) fn boxed(aggregate: A) -> Box<dyn Accumulator> {
        Box::new(Self {
            aggregate,
            states: Vec::new(),
        })
    }

    /// Makes room for groups below `count`.
    fn grow(&mut self, count: usize) {
        if self.states.len() < count {
            self.states.resize_with(count, A::State::default);
        }
    }
}

impl<A: Aggregate> Accumulator for Grouped<A> {
    fn update(&mut self, args: &[ArrayRef], groups: &[u32], weights: Option<&[i8]>, group_count: usize) -> Result<()> {
        self.grow(group_count);
        let rows = Rows { args, groups, weights };
        self.aggregate.update(&mut self.states, &rows)
    }

    fn evaluate(&mut self, groups: &[u32]) -> Result<ArrayRef> {
        if let Some(last) = groups.iter().max() {
            self.grow(*last as usize + 1);
        }
        let states = &self.states;
        self.aggregate
            .evaluate(groups.iter().map(|group| &states[*group as usize]))
    }

    fn merge(&mut self, into: u32, from: u32) -> Result<()> {
        debug_assert_ne!(into, from, "a group is not merged with itself");
        self.grow(into.max(from) as usize + 1);
        let other = std::mem::take(&mut self.states[from as usize]);
        let outcome = self.aggregate.merge(&mut self.states[into as usize], &other);
        self.states[from as usize] = other;
        outcome
    }

    fn reset(&mut self, group: u32) {
        if let Some(state) = self.states.get_mut(group as usize) {
            *state = A::State::default();
        }
    }

    fn save(&mut self, group: u32, out: &mut Vec<u8>) -> Result<()> {
        self.grow(group as usize + 1);
        self.aggregate.save(&self.states[group as usize], out)
    }

    fn load(&mut self, group: u32, bytes: &[u8]) -> Result<()> {
        self.grow(group as usize + 1);
        let mut reader = StateReader::new(bytes);
        let state = self.aggregate.load(&mut reader)?;
        if !reader.is_empty() {
            return Err(damaged());
        }
        self.states[group as usize] = state;
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        let heap: usize = if A::HAS_HEAP {
            self.states.iter().map(A::heap_bytes).sum()
        } else {
            0
        };
        self.states.capacity() * size_of::<A::State>() + heap
    }
}
