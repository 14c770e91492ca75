//! Where the state of each slot is: in the guest, on the host, or nowhere yet.
//!
//! The engine numbers keys from zero without an end in sight; a guest, which keeps an array by slot, gets numbers of its own that stay as
//! small as the number of states in it. What is not in the guest is here as the bytes that it saved.

use std::collections::HashMap;

/// No slot of the guest.
const NONE: u32 = u32::MAX;

/// The bytes of a state, and the format that they are in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Saved {
    pub(super) version: u32,
    pub(super) bytes: Box<[u8]>,
}

/// The slots of one instance.
#[derive(Debug, Default)]
pub(super) struct Slots {
    /// By the engine's slot, that of the guest.
    inside: Vec<u32>,
    /// Slots of the guest below `next` that are not in use.
    free: Vec<u32>,
    next: u32,
    outside: HashMap<u32, Saved>,
    outside_bytes: usize,
}

impl Slots {
    /// How many states are in the guest.
    pub(super) fn inside_count(&self) -> usize {
        self.next as usize - self.free.len()
    }

    /// How many states there are.
    pub(super) fn count(&self) -> usize {
        self.inside_count() + self.outside.len()
    }

    /// Bytes of the states that are not in the guest, roughly.
    pub(super) fn outside_bytes(&self) -> usize {
        self.outside_bytes + self.outside.len() * size_of::<(u32, Saved)>()
    }

    /// The guest's slots, when all of these are in it.
    pub(super) fn all_inside(&self, slots: &[u32]) -> Option<Vec<u32>> {
        let mut found = Vec::with_capacity(slots.len());
        let mut all = true;
        for slot in slots {
            let inside = self.inside.get(*slot as usize).copied().unwrap_or(NONE);
            all &= inside != NONE;
            found.push(inside);
        }
        all.then_some(found)
    }

    /// The guest's slot of this one, where it is in the guest.
    pub(super) fn inside(&self, slot: u32) -> Option<u32> {
        let inside = self.inside.get(slot as usize).copied();
        inside.filter(|inside| *inside != NONE)
    }

    /// Which of these are not in the guest, each once.
    pub(super) fn missing(&self, slots: &[u32]) -> Vec<u32> {
        let mut missing: Vec<u32> = slots
            .iter()
            .copied()
            .filter(|slot| self.inside(*slot).is_none())
            .collect();
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    /// Gives a slot that is not in the guest one there, and its state if it has one.
    pub(super) fn enter(&mut self, slot: u32) -> (u32, Option<Saved>) {
        let inside = self.free.pop().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        });
        let place = slot as usize;
        if self.inside.len() <= place {
            self.inside.resize(place + 1, NONE);
        }
        self.inside[place] = inside;
        (inside, self.take(slot))
    }

    /// Frees the guest's slot of this one.
    pub(super) fn leave(&mut self, slot: u32) -> Option<u32> {
        let inside = self.inside(slot)?;
        self.inside[slot as usize] = NONE;
        self.free.push(inside);
        Some(inside)
    }

    /// All slots whose state is in the guest, and their slots there.
    pub(super) fn entered(&self) -> (Vec<u32>, Vec<u32>) {
        let inside = (0..).zip(&self.inside).filter(|(_, inside)| **inside != NONE);
        inside.map(|(slot, inside)| (slot, *inside)).unzip()
    }

    /// Nothing is in the guest any more.
    pub(super) fn clear_inside(&mut self) {
        self.inside.clear();
        self.free.clear();
        self.next = 0;
    }

    /// The state of a slot that is not in the guest.
    pub(super) fn outside(&self, slot: u32) -> Option<&Saved> {
        self.outside.get(&slot)
    }

    /// Keeps the state of a slot that is not in the guest. No bytes are a fresh state.
    pub(super) fn put(&mut self, slot: u32, saved: Saved) {
        self.take(slot);
        if !saved.bytes.is_empty() {
            self.outside_bytes += saved.bytes.len();
            self.outside.insert(slot, saved);
        }
    }

    /// Takes out the state of a slot that is not in the guest.
    pub(super) fn take(&mut self, slot: u32) -> Option<Saved> {
        let saved = self.outside.remove(&slot)?;
        self.outside_bytes -= saved.bytes.len();
        Some(saved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guests_slots_stay_dense() {
        let mut slots = Slots::default();
        assert_eq!(slots.missing(&[1_000_000, 5, 1_000_000]), [5, 1_000_000]);
        assert_eq!(slots.enter(1_000_000).0, 0);
        assert_eq!(slots.enter(5).0, 1);
        assert_eq!(slots.all_inside(&[5, 1_000_000, 5]), Some(vec![1, 0, 1]));
        assert_eq!(slots.all_inside(&[5, 6]), None);
        assert_eq!(slots.leave(1_000_000), Some(0));
        assert_eq!(slots.leave(1_000_000), None);
        assert_eq!(slots.enter(7).0, 0, "the number is used again");
        assert_eq!(slots.entered(), (vec![5, 7], vec![1, 0]));
        assert_eq!(slots.inside_count(), 2);
        slots.clear_inside();
        assert_eq!(slots.inside_count(), 0);
        assert_eq!(slots.enter(9).0, 0);
    }

    #[test]
    fn states_outside_are_counted() {
        let saved = |bytes: &[u8]| Saved {
            version: 1,
            bytes: bytes.into(),
        };
        let mut slots = Slots::default();
        slots.put(3, saved(b"abc"));
        slots.put(3, saved(b"abcd"));
        slots.put(4, saved(b""));
        assert_eq!(slots.outside_bytes, 4);
        assert_eq!(slots.outside(4), None, "no bytes are a fresh state");
        assert_eq!(slots.enter(3).1, Some(saved(b"abcd")));
        assert_eq!((slots.outside_bytes, slots.outside.len()), (0, 0));
    }
}
