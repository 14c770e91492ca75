//! `Option`: arguments, elements and fields that may be null.

use alloc::string::String;

use super::{Argument, Column};
use crate::descriptor::Descriptor;

impl<'a, T: Argument<'a>> Argument<'a> for Option<T> {
    type Column = OptionColumn<T::Column>;

    fn sql_type(out: &mut String) {
        T::sql_type(out);
    }
}

/// A column whose nulls are read as `None`.
#[derive(Debug)]
pub struct OptionColumn<C>(C);

impl<'a, C: Column<'a>> Column<'a> for OptionColumn<C> {
    type Item = Option<C::Item>;
    const NULLABLE: bool = true;
    const NESTED: bool = C::NESTED;

    #[inline(always)]
    unsafe fn open(column: &'a Descriptor) -> Self {
        // SAFETY: as the caller promises.
        OptionColumn(unsafe { C::open(column) })
    }

    #[inline(always)]
    fn base(&self, row: usize) -> usize {
        self.0.base(row)
    }

    #[inline(always)]
    fn has_nulls(&self) -> bool {
        self.0.has_nulls()
    }

    #[inline(always)]
    unsafe fn is_null(&self, at: usize) -> bool {
        // SAFETY: as the caller promises.
        unsafe { self.0.is_null(at) }
    }

    #[inline(always)]
    fn sound_below(&self) -> bool {
        self.0.sound_below()
    }

    #[inline(always)]
    unsafe fn complete_below(&self, at: usize) -> bool {
        // SAFETY: as the caller promises.
        unsafe { self.0.complete_below(at) }
    }

    #[inline(always)]
    unsafe fn read<const NULLS: bool>(&self, at: usize) -> Option<C::Item> {
        // SAFETY: as the caller promises; a null is not read.
        unsafe {
            if NULLS && self.0.is_null(at) {
                return None;
            }
            Some(self.0.read::<NULLS>(at))
        }
    }
}
