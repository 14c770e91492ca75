//! STRING and BYTES results.

use alloc::string::String;
use alloc::vec::Vec;

use super::validity::OwnValidity;
use super::{Builder, Built, Return};
use crate::descriptor::Descriptor;

macro_rules! bytes_return {
    ($([$($life:lifetime)?] $rust:ty => $sql:literal),*) => {$(
        impl<$($life)?> Return for $rust {
            type Base = Self;
            type Store = Built<BytesBuilder>;
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

/// Texts or byte strings, one after the other.
#[derive(Debug)]
pub struct BytesBuilder {
    bytes: Vec<u8>,
    offsets: Vec<i32>,
    validity: OwnValidity,
}

impl Default for BytesBuilder {
    fn default() -> Self {
        BytesBuilder {
            bytes: Vec::new(),
            offsets: alloc::vec![0],
            validity: OwnValidity::default(),
        }
    }
}

impl<T: AsRef<[u8]>> Builder<T> for BytesBuilder {
    fn clear(&mut self) {
        self.bytes.clear();
        self.offsets.truncate(1);
        self.validity.clear();
    }

    #[inline]
    fn push(&mut self, value: T) {
        self.bytes.extend_from_slice(value.as_ref());
        // Memory ends before 2^31 bytes do.
        self.offsets.push(self.bytes.len() as i32);
        self.validity.push(true);
    }

    #[inline]
    fn push_null(&mut self) {
        self.offsets.push(self.bytes.len() as i32);
        self.validity.push(false);
    }

    fn describe(&mut self) -> Descriptor {
        Descriptor {
            values: self.bytes.as_ptr().expose_provenance(),
            values_bytes: self.bytes.len(),
            offsets: self.offsets.as_ptr().expose_provenance(),
            ..self.validity.describe()
        }
    }
}
