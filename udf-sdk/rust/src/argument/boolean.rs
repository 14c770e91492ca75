//! BOOLEAN arguments: a bitmap.

use alloc::string::String;

use super::{Argument, Column};
use crate::descriptor::{Descriptor, Validity};

impl<'a> Argument<'a> for bool {
    type Column = BooleanColumn<'a>;

    fn sql_type(out: &mut String) {
        out.push_str("BOOLEAN");
    }
}

/// A BOOLEAN column.
#[derive(Debug)]
pub struct BooleanColumn<'a> {
    bits: &'a [u8],
    validity: Validity<'a>,
}

impl<'a> Column<'a> for BooleanColumn<'a> {
    type Item = bool;

    #[inline]
    unsafe fn open(column: &'a Descriptor) -> Self {
        // SAFETY: as the caller promises; the bitmap has a bit for each row.
        unsafe {
            let bits = crate::descriptor::slice_at(column.values, column.rows.div_ceil(8));
            BooleanColumn {
                bits,
                validity: Validity::open(column),
            }
        }
    }

    #[inline(always)]
    fn base(&self, row: usize) -> usize {
        row & self.validity.mask
    }

    #[inline(always)]
    fn has_nulls(&self) -> bool {
        self.validity.has_nulls()
    }

    #[inline(always)]
    unsafe fn is_null(&self, at: usize) -> bool {
        self.validity.is_null(at)
    }

    #[inline(always)]
    unsafe fn read<const NULLS: bool>(&self, at: usize) -> bool {
        let at = at & self.validity.mask;
        // SAFETY: the caller promises that there is such a value.
        unsafe { self.bits.get_unchecked(at / 8) >> (at % 8) & 1 != 0 }
    }
}
