//! Bitmaps of what is not null: lent by the host, or the plugin's own.

use alloc::vec::Vec;

use crate::descriptor::Descriptor;

/// The bitmap of a result column, lent by the host with every bit set.
#[derive(Debug)]
pub struct LentValidity(*mut u8);

impl LentValidity {
    /// Takes it from a result descriptor.
    pub fn of(out: &Descriptor) -> LentValidity {
        LentValidity(core::ptr::with_exposed_provenance_mut(out.validity))
    }

    /// Makes `row` null.
    ///
    /// # Safety
    /// The descriptor is one that the host lent and still lends, and has such a row.
    #[inline(always)]
    pub unsafe fn clear(&self, row: usize) {
        // SAFETY: the bitmap has a bit for each row.
        unsafe { *self.0.add(row / 8) &= !(1 << (row % 8)) };
    }

    /// Makes null those of the 16 rows from `row` on whose bit is set in `nulls`.
    ///
    /// # Safety
    /// As for [`LentValidity::clear`]; `row` is a multiple of 16, and there are 16 rows from it on.
    #[inline(always)]
    pub unsafe fn clear_strip(&self, row: usize, nulls: u16) {
        if nulls != 0 {
            let [low, high] = (!nulls).to_le_bytes();
            // SAFETY: the bitmap has a bit for each row.
            unsafe {
                *self.0.add(row / 8) &= low;
                *self.0.add(row / 8 + 1) &= high;
            }
        }
    }
}

/// The bitmap of a column of the plugin's own. There are no bytes until there is a null.
#[derive(Debug, Default)]
pub(super) struct OwnValidity {
    bits: Vec<u8>,
    rows: usize,
    null_count: usize,
}

impl OwnValidity {
    pub(super) fn clear(&mut self) {
        self.bits.clear();
        self.rows = 0;
        self.null_count = 0;
    }

    #[inline]
    pub(super) fn push(&mut self, valid: bool) {
        if !valid || self.null_count != 0 {
            self.push_bit(valid);
        }
        self.rows += 1;
    }

    fn push_bit(&mut self, valid: bool) {
        // All that came before the first null was valid.
        self.bits.resize(self.rows / 8 + 1, u8::MAX);
        if !valid {
            self.null_count += 1;
            self.bits[self.rows / 8] &= !(1 << (self.rows % 8));
        }
    }

    /// A descriptor with the rows, nulls and validity of the column.
    pub(super) fn describe(&self) -> Descriptor {
        let validity = if self.null_count == 0 {
            0
        } else {
            self.bits.as_ptr().expose_provenance()
        };
        Descriptor {
            rows: self.rows,
            null_count: self.null_count,
            validity,
            ..Descriptor::default()
        }
    }
}
