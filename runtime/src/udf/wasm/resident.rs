//! A guest with state, and what of its states is in it: more keys than its memory holds lose nothing.
//!
//! Linear memory never shrinks, and nobody outside of the guest knows what of it is free. So when it is nearly full, all
//! states are saved to the host, the guest begins anew, and each state comes back with the next row of its key. Hot keys are
//! back at once, cold ones stay where they are.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;

use super::batch::Batch;
use super::door::{Described, PluginCode, StreamCalls};
use super::fault::Fault;
use super::slots::{Saved, Slots};
use crate::types::limits::{PLUGIN_ROWS_PER_CALL_MAX, PLUGIN_SLOTS_PER_SAVE_MAX};
use crate::udf::Outcome;
use crate::udf::counters::Counters;
use crate::udf::limits::bytes_text;

/// Bytes of states that one call asks for, as far as their size is known: the guest needs as much memory to write them.
const SAVE_BYTES: usize = 256 << 10;
/// States of unknown size that the first call brings in; later ones four times as many as are there.
const FIRST_STATES: usize = 8;

/// One running guest and its states.
pub(super) struct Resident<D: PluginCode> {
    pub(super) code: Arc<D>,
    pub(super) function: Arc<Described>,
    /// The constant arguments, one value each; an empty column where the argument is none.
    pub(super) constants: Arc<[ArrayRef]>,
    pub(super) constant: Arc<[bool]>,
    calls: D::Stream,
    slots: Slots,
    growth: Growth,
    counters: Arc<Counters>,
}

/// What was seen of how the guest's memory grows with its states.
#[derive(Debug, Default)]
struct Growth {
    /// Bytes for each state when the guest was last full; zero before.
    per_state: usize,
    /// The largest step in which memory grew, and how many states were in the guest then. An array by slot grows to twice its length.
    step: usize,
    states: usize,
}

impl<D: PluginCode> Resident<D> {
    /// Starts a guest without states.
    pub(super) fn start(
        code: Arc<D>,
        function: Arc<Described>,
        counters: Arc<Counters>,
        constants: Vec<ArrayRef>,
        constant: Vec<bool>,
    ) -> Result<Self, Fault> {
        Ok(Self {
            calls: code.stream(&function, &constants, &constant)?,
            code,
            function,
            constants: constants.into(),
            constant: constant.into(),
            slots: Slots::default(),
            growth: Growth::default(),
            counters,
        })
    }

    /// Bytes of the guest's memory, number of states, bytes of those that are on the host.
    pub(super) fn footprint(&self) -> (usize, usize, usize) {
        let memory = self.calls.memory().bytes;
        (memory, self.slots.count(), self.slots.outside_bytes())
    }

    /// Calls the guest with the states of these rows in it.
    pub(super) fn call(
        &mut self,
        batch: &Batch<'_>,
        call: impl FnOnce(&mut D::Stream, &Described, &Batch<'_>) -> Result<Outcome, Fault>,
    ) -> Result<Outcome, Fault> {
        let before = self.slots.inside_count();
        let inside = self.bring_in(batch.slots)?;
        let outcome = call(
            &mut self.calls,
            &self.function,
            &Batch {
                slots: &inside,
                ..*batch
            },
        );
        self.see_growth(before);
        outcome
    }

    /// Adds states to others.
    pub(super) fn merge(&mut self, into: &[u32], from: &[u32]) -> Result<(), Fault> {
        // Both halves travel in one list of slots.
        for (into, from) in into
            .chunks(PLUGIN_ROWS_PER_CALL_MAX / 2)
            .zip(from.chunks(PLUGIN_ROWS_PER_CALL_MAX / 2))
        {
            self.merge_piece(into, from)?;
        }
        Ok(())
    }

    fn merge_piece(&mut self, into: &[u32], from: &[u32]) -> Result<(), Fault> {
        let before = self.slots.inside_count();
        let both: Vec<u32> = into.iter().chain(from).copied().collect();
        let one_pair = into.len() == 1;
        match self.bring_in_at_once(&both, one_pair) {
            Err(Fault::TooLarge(_)) if !one_pair => {
                let half = into.len() / 2;
                self.merge_piece(&into[..half], &from[..half])?;
                self.merge_piece(&into[half..], &from[half..])
            }
            Err(fault) => Err(fault),
            Ok(inside) => {
                let (into, from) = inside.split_at(into.len());
                let merged = self.calls.merge(into, from);
                self.see_growth(before);
                merged
            }
        }
    }

    /// The values of these slots, of at most [`PLUGIN_SLOTS_PER_SAVE_MAX`] each.
    pub(super) fn finish(&mut self, slots: &[u32]) -> Result<Vec<ArrayRef>, Fault> {
        let mut values = Vec::new();
        pieces(slots, PLUGIN_SLOTS_PER_SAVE_MAX, &mut |slots| {
            let inside = self.bring_in(slots)?;
            let piece = self.calls.finish(&self.function, &inside)?;
            if piece.len() != slots.len() {
                let (values, slots) = (piece.len(), slots.len());
                return Err(Fault::BadResult(format!("it gave {values} values of {slots} slots")));
            }
            values.push(piece);
            Ok(())
        })?;
        Ok(values)
    }

    /// The states of these slots, in the format of this version of the plugin. No bytes are a fresh state.
    pub(super) fn save(&mut self, slots: &[u32]) -> Result<Vec<Vec<u8>>, Fault> {
        let version = self.version();
        let is_older = |saved: &Saved| saved.version != version;
        let older = slots.iter().copied();
        let older: Vec<u32> = older
            .filter(|slot| self.slots.outside(*slot).is_some_and(is_older))
            .collect();
        let mut states = vec![Vec::new(); slots.len()];
        // What an older version wrote becomes this version's by going through the guest.
        pieces(&older, PLUGIN_SLOTS_PER_SAVE_MAX, &mut |piece| {
            let inside = self.bring_in(piece)?;
            let saved = self.save_inside(&inside)?;
            for (slot, bytes) in piece.iter().zip(saved) {
                self.forget(&[*slot])?;
                self.slots.put(
                    *slot,
                    Saved {
                        version,
                        bytes: bytes.into(),
                    },
                );
            }
            Ok(())
        })?;
        let (mut places, mut inside) = (Vec::new(), Vec::new());
        for (place, slot) in slots.iter().enumerate() {
            if let Some(slot) = self.slots.inside(*slot) {
                places.push(place);
                inside.push(slot);
            } else if let Some(saved) = self.slots.outside(*slot) {
                states[place] = saved.bytes.to_vec();
            }
        }
        for (place, state) in places.into_iter().zip(self.save_inside(&inside)?) {
            states[place] = state;
        }
        Ok(states)
    }

    /// Gives slots states that were saved in format `version`.
    pub(super) fn load(&mut self, slots: &[u32], states: &[Vec<u8>], version: u32) -> Result<(), Fault> {
        self.forget(slots)?;
        for (slot, state) in slots.iter().zip(states) {
            let bytes = state.as_slice().into();
            self.slots.put(*slot, Saved { version, bytes });
        }
        self.check_outside()?;
        // As many as it has room for go in now, so that a plugin that refuses them says so at the start.
        for slots in slots.chunks(PLUGIN_SLOTS_PER_SAVE_MAX) {
            let missing: Vec<u32> = slots
                .iter()
                .copied()
                .filter(|slot| self.slots.outside(*slot).is_some())
                .collect();
            if self.need(&missing) > self.room(missing.len()) {
                break;
            }
            let before = self.slots.inside_count();
            self.enter(&missing)?;
            self.see_growth(before);
        }
        Ok(())
    }

    /// Makes slots as if they had never been used.
    pub(super) fn forget(&mut self, slots: &[u32]) -> Result<(), Fault> {
        let mut inside = Vec::new();
        for slot in slots {
            self.slots.take(*slot);
            inside.extend(self.slots.leave(*slot));
        }
        let mut pieces = inside.chunks(PLUGIN_ROWS_PER_CALL_MAX);
        pieces.try_for_each(|inside| self.calls.forget(inside))
    }

    /// The guest's slots of these, with their states in it. [`Fault::TooLarge`] where there is not room for all of them at once.
    fn bring_in(&mut self, slots: &[u32]) -> Result<Vec<u32>, Fault> {
        self.bring_in_at_once(slots, slots.len() == 1)
    }

    /// As [`Resident::bring_in`]; `whole` when fewer cannot be asked for.
    fn bring_in_at_once(&mut self, slots: &[u32], whole: bool) -> Result<Vec<u32>, Fault> {
        if let Some(inside) = self.slots.all_inside(slots) {
            if self.room(0) > 0 || !self.can_evict() {
                return Ok(inside);
            }
            self.evict()?;
        }
        let mut missing = self.slots.missing(slots);
        if self.need(&missing) > self.room(missing.len()) && self.can_evict() {
            self.evict()?;
            missing = self.slots.missing(slots);
        }
        let most = match self.growth.per_state {
            0 => FIRST_STATES.max(4 * self.slots.inside_count()),
            _ => usize::MAX,
        };
        if !whole && missing.len() > 1 && (missing.len() > most || self.need(&missing) > self.room(missing.len())) {
            let memory = bytes_text(self.code.limits().memory_bytes);
            return Err(Fault::TooLarge(format!(
                "memory {memory}, for the states of {} keys",
                missing.len()
            )));
        }
        self.enter(&missing)?;
        Ok(slots.iter().filter_map(|slot| self.slots.inside(*slot)).collect())
    }

    /// Bytes that these states will take in the guest, as far as that is known.
    fn need(&self, missing: &[u32]) -> usize {
        let inside = self.slots.inside_count();
        let now = self.calls.memory().grown().checked_div(inside).unwrap_or(0);
        let per_state = self.growth.per_state.max(if inside < FIRST_STATES { 0 } else { now });
        let of = |slot: &u32| self.slots.outside(*slot).map_or(0, |saved| 2 * saved.bytes.len());
        missing.iter().map(|slot| per_state.max(of(slot))).sum()
    }

    /// Bytes that `more` states may take, with enough left for what calls need and for the next step of an array by slot.
    fn room(&self, more: usize) -> usize {
        let memory = self.calls.memory();
        let mut kept = memory.growable() / 8;
        if more > 0 && self.slots.inside_count() + more > 2 * self.growth.states {
            kept = kept.max(2 * self.growth.step);
        }
        memory.left().saturating_sub(kept)
    }

    fn see_growth(&mut self, states_before: usize) {
        let step = self.calls.memory().largest_step;
        if step > self.growth.step {
            self.growth.step = step;
            self.growth.states = states_before;
        }
    }

    /// Whether a new guest would have more room than this one.
    fn can_evict(&self) -> bool {
        self.slots.inside_count() > 0 && self.calls.memory().grown() > 0
    }

    /// Takes all states out, and a new guest.
    #[cold]
    fn evict(&mut self) -> Result<(), Fault> {
        let (slots, inside) = self.slots.entered();
        let states = self.save_inside(&inside)?;
        self.growth = Growth {
            per_state: (self.calls.memory().grown() / slots.len().max(1)).max(1),
            ..Growth::default()
        };
        self.calls = self.code.stream(&self.function, &self.constants, &self.constant)?;
        self.slots.clear_inside();
        self.counters.add_evicted(slots.len());
        let version = self.version();
        for (slot, state) in slots.into_iter().zip(states) {
            let bytes = state.into();
            self.slots.put(slot, Saved { version, bytes });
        }
        self.check_outside()
    }

    fn check_outside(&self) -> Result<(), Fault> {
        let bytes_max = self.code.limits().state_bytes;
        if self.slots.outside_bytes() > bytes_max {
            let limit = bytes_text(bytes_max);
            return Err(Fault::Limit(format!(
                "state {limit}, of keys whose state its memory does not hold"
            )));
        }
        Ok(())
    }

    /// Gives slots a place in the guest, and their states.
    fn enter(&mut self, slots: &[u32]) -> Result<(), Fault> {
        let mut versions: BTreeMap<u32, (Vec<u32>, Vec<Vec<u8>>)> = BTreeMap::new();
        for slot in slots {
            if let (inside, Some(saved)) = self.slots.enter(*slot) {
                let (slots, states) = versions.entry(saved.version).or_default();
                slots.push(inside);
                states.push(saved.bytes.into_vec());
            }
        }
        for (version, (slots, states)) in versions {
            let states = states.chunks(PLUGIN_SLOTS_PER_SAVE_MAX);
            for (slots, states) in slots.chunks(PLUGIN_SLOTS_PER_SAVE_MAX).zip(states) {
                load_piece(&mut self.calls, slots, states, version)?;
            }
        }
        Ok(())
    }

    /// The states of slots of the guest. Fewer at a time where they are large.
    fn save_inside(&mut self, mut inside: &[u32]) -> Result<Vec<Vec<u8>>, Fault> {
        let mut all: Vec<Vec<u8>> = Vec::with_capacity(inside.len());
        let mut bytes = 0;
        while !inside.is_empty() {
            let count = match all.len() {
                0 => FIRST_STATES,
                saved => (SAVE_BYTES * saved / (bytes + 1)).clamp(1, PLUGIN_SLOTS_PER_SAVE_MAX),
            };
            let (now, later) = inside.split_at(count.min(inside.len()));
            let states = self.calls.save(now)?;
            if states.len() != now.len() {
                let (states, slots) = (states.len(), now.len());
                return Err(Fault::BadResult(format!("it saved {states} states of {slots} slots")));
            }
            bytes += states.iter().map(Vec::len).sum::<usize>();
            all.extend(states);
            inside = later;
        }
        Ok(all)
    }

    fn version(&self) -> u32 {
        self.function.spec.state_version
    }
}

/// Gives slots to `work`, fewer at a time where these are too many.
fn pieces(slots: &[u32], most: usize, work: &mut impl FnMut(&[u32]) -> Result<(), Fault>) -> Result<(), Fault> {
    for piece in slots.chunks(most) {
        match work(piece) {
            Err(Fault::TooLarge(_)) if piece.len() > 1 => pieces(piece, piece.len().div_ceil(2), work)?,
            other => other?,
        }
    }
    Ok(())
}

/// Loads states, half of them at a time where all are too large.
fn load_piece<C: StreamCalls>(calls: &mut C, slots: &[u32], states: &[Vec<u8>], version: u32) -> Result<(), Fault> {
    match calls.load(slots, states, version) {
        Err(Fault::TooLarge(_)) if slots.len() > 1 => {
            let half = slots.len() / 2;
            load_piece(calls, &slots[..half], &states[..half], version)?;
            load_piece(calls, &slots[half..], &states[half..], version)
        }
        other => other,
    }
}
