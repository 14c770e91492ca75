//! Random texts: slices of one long random text, because a copy costs less than a draw for each letter.

use std::fmt::Write as _;

use datafusion::arrow::array::StringBuilder;

use super::super::draws::{Draws, below};

/// Where slices may begin.
const STARTS: u64 = 1 << 16;
/// Length of the longest slice.
const SLICE_MAX: usize = 1_024;

/// The text that all are cut from.
#[derive(Debug)]
pub(super) struct Texts {
    letters: String,
}

impl Texts {
    pub(super) fn new(seed: u64) -> Self {
        let draws = Draws::new(seed, "letters");
        let letters = (0..STARTS.cast_signed() + SLICE_MAX as i64).map(|place| {
            let letter = b'a' + u8::try_from(below(draws.at(place), 26)).expect("less than 26");
            char::from(letter)
        });
        Self {
            letters: letters.collect(),
        }
    }

    /// `length` letters, at most [`SLICE_MAX`].
    #[inline]
    pub(super) fn letters(&self, draw: u64, length: usize) -> &str {
        let start = below(draw, STARTS) as usize;
        &self.letters[start..start + length.min(SLICE_MAX)]
    }

    /// What fills an event of `size` bytes up to about `average`: a fifth more or less of what is missing.
    #[inline]
    pub(super) fn extra(&self, draw: u64, size: usize, average: usize) -> &str {
        let missing = average.saturating_sub(size);
        let delta = (missing + 2) / 5;
        let more = match delta {
            0 => 0,
            // Other bits than those that choose the slice.
            _ => below(draw.rotate_left(32), 2 * delta as u64) as usize,
        };
        self.letters(draw, missing - delta + more)
    }
}

/// Adds to the text that a builder is at.
#[inline]
pub(super) fn push(out: &mut StringBuilder, text: &str) {
    out.write_str(text).expect("a builder takes every text");
}

/// Adds a number to the text that a builder is at.
#[inline]
pub(super) fn push_number(out: &mut StringBuilder, number: u64) {
    push(out, itoa::Buffer::new().format(number));
}
