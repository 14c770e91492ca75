//! Writing one call's arguments into the arena, a piece of guest memory that is kept from call to call.
//!
//! A writer that runs out of room goes on counting without writing, so one pass either fills the arena or says how large
//! it must be.

use std::ops::Range;

/// Every buffer starts at a multiple of this, and is readable up to the next one (ABI section 3).
const ALIGN: usize = 16;

/// Hands out places in the arena, one after the other.
pub(super) struct Writer<'m> {
    memory: &'m mut [u8],
    start: usize,
    next: usize,
    end: usize,
}

impl<'m> Writer<'m> {
    /// A writer over `arena`, a range of `memory` that begins at a multiple of 16.
    pub(super) fn new(memory: &'m mut [u8], arena: Range<usize>) -> Self {
        debug_assert!(
            arena.end <= memory.len(),
            "the arena was checked when the guest gave it"
        );
        Self {
            memory,
            start: arena.start,
            next: arena.start,
            end: arena.end,
        }
    }

    /// Bytes that the call needs, where they are more than there are.
    pub(super) fn short_of(&self) -> Option<usize> {
        (self.next > self.end).then(|| self.next - self.start)
    }

    /// Bytes that are left.
    pub(super) fn room(&self) -> usize {
        self.end.saturating_sub(self.next)
    }

    /// The next place for `bytes` bytes: its address, and the bytes there unless there is no room.
    #[inline]
    pub(super) fn take(&mut self, bytes: usize) -> (u32, Option<&mut [u8]>) {
        let at = self.next;
        self.next = at.saturating_add(bytes).saturating_add(ALIGN - 1) & !(ALIGN - 1);
        let place = if self.next <= self.end {
            Some(&mut self.memory[at..at + bytes])
        } else {
            None
        };
        // An address that does not fit in 32 bits is beyond the end of the arena, and so never used.
        (u32::try_from(at).unwrap_or(u32::MAX), place)
    }

    /// Copies `bytes` to the next place.
    #[inline]
    pub(super) fn put(&mut self, bytes: &[u8]) -> u32 {
        let (address, place) = self.take(bytes.len());
        if let Some(place) = place {
            place.copy_from_slice(bytes);
        }
        address
    }

    /// Writes at a place that was taken before.
    #[inline]
    pub(super) fn write_at(&mut self, address: u32, bytes: &[u8]) {
        let at = address as usize;
        if self.next <= self.end {
            self.memory[at..at + bytes.len()].copy_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_aligned_and_apart() {
        let mut memory = vec![0; 256];
        let mut writer = Writer::new(&mut memory, 32..128);
        assert_eq!(writer.put(&[1; 3]), 32);
        assert_eq!(writer.put(&[]), 48);
        assert_eq!(writer.put(&[2; 17]), 48);
        assert_eq!(writer.put(&[3; 1]), 80);
        assert_eq!(writer.short_of(), None);
        assert_eq!(memory[32..36], [1, 1, 1, 0]);
        assert_eq!(memory[48..66], [[2; 17].as_slice(), &[0]].concat());
        assert_eq!(memory[80], 3);
    }

    #[test]
    fn counts_on_when_it_is_full_and_writes_nothing_outside() {
        let mut memory = vec![0; 128];
        let mut writer = Writer::new(&mut memory, 16..64);
        writer.put(&[1; 40]);
        let late = writer.put(&[2; 40]);
        writer.put(&[3; 8]);
        writer.write_at(late, &[4; 8]);
        assert_eq!(writer.short_of(), Some(48 + 48 + 16));
        assert!(memory[56..].iter().all(|&b| b == 0));
        let mut writer = Writer::new(&mut memory, 16..64);
        assert!(
            writer.take(usize::MAX).1.is_none(),
            "a size that overflows is only too large"
        );
        assert!(writer.short_of().is_some());
    }
}
