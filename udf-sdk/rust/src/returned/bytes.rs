//! STRING and BYTES results.

use alloc::string::String;
use alloc::vec::Vec;

use super::text::{Ends, Text};
use super::validity::OwnValidity;
use super::{Builder, Return, Store};
use crate::STRIP;
use crate::descriptor::Descriptor;

macro_rules! bytes_return {
    ($([$($life:lifetime)?] $rust:ty => $sql:literal),*) => {$(
        impl<$($life)?> Return for $rust {
            type Base = Self;
            type Store = BytesStore;
            type Builder = BytesBuilder;

            fn sql_type(out: &mut String) {
                out.push_str($sql);
            }

            #[inline(always)]
            fn base(self) -> Option<Self> {
                Some(self)
            }
        }
    )*};
}
bytes_return!(['a] &'a str => "STRING", [] String => "STRING", ['a] &'a [u8] => "BYTES", [] Vec<u8> => "BYTES");

/// A column of texts or byte strings, one after the other.
#[derive(Debug, Default)]
pub struct BytesStore {
    bytes: Text,
    ends: Ends,
}

impl<T: AsRef<[u8]>> Store<T> for BytesStore {
    unsafe fn begin(&mut self, out: &Descriptor) {
        self.bytes.clear_all();
        self.ends.begin(out.rows);
    }

    #[inline(always)]
    unsafe fn strip(&mut self, row: usize, mut next: impl FnMut(usize) -> Option<T>) {
        for i in 0..STRIP {
            // SAFETY: as the caller promises.
            unsafe { self.one(row + i, next(i)) };
        }
    }

    #[inline(always)]
    unsafe fn one(&mut self, row: usize, value: Option<T>) {
        if let Some(value) = value {
            self.bytes.append(value.as_ref());
        }
        // SAFETY: as the caller promises. Memory ends before 2^31 bytes do.
        unsafe { self.ends.set(row, self.bytes.end() as i32) };
    }

    fn end(&mut self, out: &mut Descriptor) {
        (out.values, out.values_bytes) = self.bytes.place();
        out.offsets = self.ends.place();
    }
}

/// Texts or byte strings inside of a list, map or struct, one after the other.
#[derive(Debug)]
pub struct BytesBuilder {
    bytes: Text,
    offsets: Vec<i32>,
    validity: OwnValidity,
}

impl Default for BytesBuilder {
    fn default() -> Self {
        BytesBuilder {
            bytes: Text::default(),
            offsets: alloc::vec![0],
            validity: OwnValidity::default(),
        }
    }
}

impl<T: AsRef<[u8]>> Builder<T> for BytesBuilder {
    fn clear(&mut self) {
        self.bytes.clear_all();
        self.offsets.truncate(1);
        self.validity.clear();
    }

    #[inline]
    fn push(&mut self, value: T) {
        self.bytes.append(value.as_ref());
        // Memory ends before 2^31 bytes do.
        self.offsets.push(self.bytes.end() as i32);
        self.validity.push(true);
    }

    #[inline]
    fn push_null(&mut self) {
        self.offsets.push(self.bytes.end() as i32);
        self.validity.push(false);
    }

    fn describe(&mut self) -> Descriptor {
        let (values, values_bytes) = self.bytes.place();
        Descriptor {
            values,
            values_bytes,
            offsets: self.offsets.as_ptr().expose_provenance(),
            ..self.validity.describe()
        }
    }
}
