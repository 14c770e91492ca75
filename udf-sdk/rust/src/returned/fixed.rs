//! Results of fixed width.

use alloc::string::String;
use alloc::vec::Vec;

use super::validity::OwnValidity;
use super::{Builder, Return, Store};
use crate::STRIP;
use crate::argument::Fixed;
use crate::descriptor::Descriptor;

macro_rules! fixed_return {
    ([$($params:tt)*] $rust:ty) => {
        impl<$($params)*> Return for $rust {
            type Base = Self;
            type Store = FixedStore<$rust>;
            type Builder = FixedBuilder<$rust>;

            fn sql_type(out: &mut String) {
                <$rust as Fixed>::sql_type(out);
            }

            #[inline(always)]
            fn base(self) -> Option<Self> {
                Some(self)
            }
        }
    };
}
fixed_return!([] i32);
fixed_return!([] i64);
fixed_return!([] f64);
fixed_return!([] crate::Date);
fixed_return!([] crate::Time);
fixed_return!([] crate::Timestamp);
fixed_return!([const P: u8, const S: u8] crate::Decimal<P, S>);

/// Memory that the host lends for the values.
#[derive(Debug)]
pub struct FixedStore<T>(*mut T);

impl<T> Default for FixedStore<T> {
    fn default() -> Self {
        FixedStore(core::ptr::null_mut())
    }
}

impl<T: Fixed> Store<T> for FixedStore<T> {
    #[inline(always)]
    unsafe fn begin(&mut self, out: &Descriptor) {
        self.0 = core::ptr::with_exposed_provenance_mut(out.values);
    }

    #[inline(always)]
    unsafe fn strip(&mut self, row: usize, mut next: impl FnMut(usize) -> Option<T>) {
        // By way of an array: all 16 rows are read before one is written, so the compiler need not prove that the result
        // lies apart from the arguments before it uses SIMD.
        let mut values = [T::default(); STRIP];
        for (i, value) in values.iter_mut().enumerate() {
            *value = next(i).unwrap_or_default();
        }
        // SAFETY: the caller promises room for 16 values from `row` on.
        unsafe { self.0.add(row).cast::<[T; STRIP]>().write(values) };
    }

    #[inline(always)]
    unsafe fn one(&mut self, row: usize, value: Option<T>) {
        // SAFETY: the caller promises that there is such a row.
        unsafe { self.0.add(row).write(value.unwrap_or_default()) };
    }

    fn end(&mut self, _out: &mut Descriptor) {}
}

/// Values inside of a list, map or struct.
#[derive(Debug)]
pub struct FixedBuilder<T> {
    values: Vec<T>,
    validity: OwnValidity,
}

impl<T> Default for FixedBuilder<T> {
    fn default() -> Self {
        FixedBuilder {
            values: Vec::new(),
            validity: OwnValidity::default(),
        }
    }
}

impl<T: Fixed> Builder<T> for FixedBuilder<T> {
    fn clear(&mut self) {
        self.values.clear();
        self.validity.clear();
    }

    #[inline]
    fn push(&mut self, value: T) {
        self.values.push(value);
        self.validity.push(true);
    }

    #[inline]
    fn push_null(&mut self) {
        self.values.push(T::default());
        self.validity.push(false);
    }

    fn describe(&mut self) -> Descriptor {
        Descriptor {
            values: self.values.as_ptr().expose_provenance(),
            values_bytes: size_of_val(self.values.as_slice()),
            ..self.validity.describe()
        }
    }
}
