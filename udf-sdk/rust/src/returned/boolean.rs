//! BOOLEAN results: bitmaps.

use alloc::string::String;
use alloc::vec::Vec;

use super::validity::OwnValidity;
use super::{Builder, Return, Store};
use crate::STRIP;
use crate::descriptor::Descriptor;

impl Return for bool {
    type Base = Self;
    type Store = BooleanStore;
    type Builder = BooleanBuilder;

    fn sql_type(out: &mut String) {
        out.push_str("BOOLEAN");
    }

    #[inline(always)]
    fn base(self) -> Option<Self> {
        Some(self)
    }
}

/// A bitmap that the host lends with every bit clear.
#[derive(Debug)]
pub struct BooleanStore(*mut u8);

impl Default for BooleanStore {
    fn default() -> Self {
        BooleanStore(core::ptr::null_mut())
    }
}

impl Store<bool> for BooleanStore {
    #[inline(always)]
    unsafe fn begin(&mut self, out: &Descriptor) {
        self.0 = core::ptr::with_exposed_provenance_mut(out.values);
    }

    #[inline(always)]
    unsafe fn strip(&mut self, row: usize, mut next: impl FnMut(usize) -> Option<bool>) {
        let mut bits = 0_u16;
        for i in 0..STRIP {
            bits |= u16::from(next(i) == Some(true)) << i;
        }
        let [low, high] = bits.to_le_bytes();
        // SAFETY: the caller promises 16 rows from `row` on; a strip begins at a multiple of 16.
        unsafe {
            *self.0.add(row / 8) = low;
            *self.0.add(row / 8 + 1) = high;
        }
    }

    #[inline(always)]
    unsafe fn one(&mut self, row: usize, value: Option<bool>) {
        if value == Some(true) {
            // SAFETY: the caller promises that there is such a row.
            unsafe { *self.0.add(row / 8) |= 1 << (row % 8) };
        }
    }

    fn end(&mut self, _out: &mut Descriptor) {}
}

/// Booleans inside of a list, map or struct.
#[derive(Debug, Default)]
pub struct BooleanBuilder {
    bits: Vec<u8>,
    rows: usize,
    validity: OwnValidity,
}

impl BooleanBuilder {
    #[inline]
    fn add(&mut self, value: bool) {
        if self.rows % 8 == 0 {
            self.bits.push(0);
        }
        self.bits[self.rows / 8] |= u8::from(value) << (self.rows % 8);
        self.rows += 1;
    }
}

impl Builder<bool> for BooleanBuilder {
    fn clear(&mut self) {
        self.bits.clear();
        self.rows = 0;
        self.validity.clear();
    }

    fn push(&mut self, value: bool) {
        self.add(value);
        self.validity.push(true);
    }

    fn push_null(&mut self) {
        self.add(false);
        self.validity.push(false);
    }

    fn describe(&mut self) -> Descriptor {
        Descriptor {
            values: self.bits.as_ptr().expose_provenance(),
            values_bytes: self.bits.len(),
            ..self.validity.describe()
        }
    }
}
