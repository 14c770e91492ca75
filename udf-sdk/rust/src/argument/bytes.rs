//! STRING and BYTES arguments: borrowed (`&str`, `&[u8]`) or owned (`String`, `Vec<u8>`).

use alloc::string::String;
use alloc::vec::Vec;
use core::marker::PhantomData;

use super::{Argument, Column};
use crate::descriptor::{Descriptor, Validity};

/// A type made from the bytes of one value.
pub trait FromBytes<'a>: Sized {
    /// Makes it.
    ///
    /// # Safety
    /// The bytes are a value of the SQL type that this Rust type stands for: UTF-8 for STRING.
    unsafe fn from_bytes(bytes: &'a [u8]) -> Self;
}

impl<'a> FromBytes<'a> for &'a [u8] {
    #[inline(always)]
    unsafe fn from_bytes(bytes: &'a [u8]) -> Self {
        bytes
    }
}

impl<'a> FromBytes<'a> for Vec<u8> {
    #[inline(always)]
    unsafe fn from_bytes(bytes: &'a [u8]) -> Self {
        bytes.to_vec()
    }
}

impl<'a> FromBytes<'a> for &'a str {
    #[inline(always)]
    unsafe fn from_bytes(bytes: &'a [u8]) -> Self {
        // SAFETY: the host sends only UTF-8 as STRING (ABI.md section 3).
        unsafe { core::str::from_utf8_unchecked(bytes) }
    }
}

impl<'a> FromBytes<'a> for String {
    #[inline(always)]
    unsafe fn from_bytes(bytes: &'a [u8]) -> Self {
        // SAFETY: as the caller promises.
        unsafe { <&str>::from_bytes(bytes) }.into()
    }
}

macro_rules! bytes_argument {
    ($($rust:ty => $sql:literal),*) => {$(
        impl<'a> Argument<'a> for $rust {
            type Column = BytesColumn<'a, $rust>;

            fn sql_type(out: &mut String) {
                out.push_str($sql);
            }
        }
    )*};
}
bytes_argument!(&'a str => "STRING", String => "STRING", &'a [u8] => "BYTES", Vec<u8> => "BYTES");

/// A STRING or BYTES column.
#[derive(Debug)]
pub struct BytesColumn<'a, T> {
    bytes: &'a [u8],
    offsets: &'a [i32],
    validity: Validity<'a>,
    item: PhantomData<T>,
}

impl<'a, T: FromBytes<'a>> Column<'a> for BytesColumn<'a, T> {
    type Item = T;

    #[inline]
    unsafe fn open(column: &'a Descriptor) -> Self {
        // SAFETY: as the caller promises.
        unsafe {
            let (bytes, offsets) = (column.bytes(), column.starts());
            BytesColumn {
                bytes,
                offsets,
                validity: Validity::open(column),
                item: PhantomData,
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
    unsafe fn read<const NULLS: bool>(&self, at: usize) -> T {
        let at = at & self.validity.mask;
        // SAFETY: the caller promises that there is such a value; offsets are in order and inside the bytes.
        unsafe {
            let (from, to) = (*self.offsets.get_unchecked(at), *self.offsets.get_unchecked(at + 1));
            T::from_bytes(self.bytes.get_unchecked(from as usize..to as usize))
        }
    }
}
