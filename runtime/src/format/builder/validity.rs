//! Which slots of a column are null: a bitmap that exists only once there is a null.
//!
//! Most columns of most batches have no null at all, so that case must cost one branch a value and no memory.

use datafusion::arrow::buffer::{BooleanBuffer, Buffer, NullBuffer};

/// A validity bitmap under construction. Slots are named by their index; the owner counts them.
#[derive(Debug, Default)]
pub(super) struct Validity {
    /// One bit a slot, 1 is valid. Empty while every slot is valid.
    words: Vec<u64>,
    any_null: bool,
}

impl Validity {
    /// Slot `index`, the next one, is valid.
    #[inline]
    pub(super) fn push_valid(&mut self, index: usize) {
        if self.any_null {
            self.set(index, true);
        }
    }

    /// Slot `index`, the next one, is null.
    pub(super) fn push_null(&mut self, index: usize) {
        if !self.any_null {
            self.any_null = true;
            self.words.clear();
            self.words.resize(index / 64 + 1, u64::MAX);
        }
        self.set(index, false);
    }

    fn set(&mut self, index: usize, valid: bool) {
        if self.words.len() <= index / 64 {
            self.words.resize(index / 64 + 1, u64::MAX);
        }
        let bit = 1_u64 << (index % 64);
        if valid {
            self.words[index / 64] |= bit;
        } else {
            self.words[index / 64] &= !bit;
        }
    }

    /// Ends a column of `length` slots, and starts the next one. `None` when all slots are valid.
    pub(super) fn finish(&mut self, length: usize) -> Option<NullBuffer> {
        if !std::mem::take(&mut self.any_null) {
            return None;
        }
        let mut words = std::mem::take(&mut self.words);
        words.resize(length.div_ceil(64), u64::MAX);
        for word in &mut words {
            *word = word.to_le();
        }
        let nulls = NullBuffer::new(BooleanBuffer::new(Buffer::from(words), 0, length));
        // A null that was rolled back leaves an all-valid bitmap, which Arrow need not carry.
        (nulls.null_count() > 0).then_some(nulls)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(validity: &mut Validity, length: usize) -> Vec<bool> {
        match validity.finish(length) {
            None => vec![true; length],
            Some(nulls) => nulls.iter().collect(),
        }
    }

    #[test]
    fn no_null_gives_no_buffer() {
        let mut validity = Validity::default();
        for index in 0..100 {
            validity.push_valid(index);
        }
        assert!(validity.finish(100).is_none());
    }

    #[test]
    fn a_late_null_keeps_the_earlier_slots_valid() {
        let mut validity = Validity::default();
        for index in 0..130 {
            if index == 129 || index == 127 {
                validity.push_null(index);
            } else {
                validity.push_valid(index);
            }
        }
        let expected: Vec<bool> = (0..130).map(|i| i != 129 && i != 127).collect();
        assert_eq!(bits(&mut validity, 130), expected);
        validity.push_valid(0);
        assert!(validity.finish(1).is_none(), "the next column starts clean");
    }

    #[test]
    fn slots_are_written_again_after_a_rollback() {
        let mut validity = Validity::default();
        validity.push_valid(0);
        validity.push_null(1);
        validity.push_null(2);
        // Back to one slot, then other values.
        validity.push_valid(1);
        validity.push_null(2);
        assert_eq!(bits(&mut validity, 3), [true, true, false]);
        validity.push_null(0);
        assert_eq!(bits(&mut validity, 0), Vec::<bool>::new());
    }

    #[test]
    fn a_rolled_back_null_is_forgotten() {
        let mut validity = Validity::default();
        validity.push_null(0);
        validity.push_valid(0);
        assert!(validity.finish(1).is_none());
    }
}
