//! STRUCT arguments: Rust structs with `#[derive(Argument)]`.

use core::marker::PhantomData;

use super::{Arguments, Column, Columns};
use crate::descriptor::{Descriptor, Validity};

/// What `#[derive(Argument)]` says of a struct.
pub trait Record<'a>: Sized {
    /// The types of its fields, in order.
    type Fields: Arguments<'a>;

    /// Makes it of its fields.
    fn join(fields: Self::Fields) -> Self;
}

/// A STRUCT column.
pub struct StructColumn<'a, R: Record<'a>> {
    fields: <R::Fields as Arguments<'a>>::Columns,
    validity: Validity<'a>,
    record: PhantomData<R>,
}

impl<'a, R: Record<'a>> Column<'a> for StructColumn<'a, R> {
    type Item = R;
    const NESTED: bool = true;

    #[inline]
    unsafe fn open(column: &'a Descriptor) -> Self {
        // SAFETY: as the caller promises; a struct has a child for each field.
        unsafe {
            let fields = Columns::open(column.parts(R::Fields::COUNT));
            StructColumn {
                fields,
                validity: Validity::open(column),
                record: PhantomData,
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

    fn sound_below(&self) -> bool {
        self.fields.gapless()
    }

    unsafe fn complete_below(&self, at: usize) -> bool {
        // SAFETY: as the caller promises; the fields have a value for each value of the struct.
        unsafe { self.fields.complete(Fields::<'a, R>::at(at & self.validity.mask), 0) }
    }

    #[inline]
    unsafe fn read<const NULLS: bool>(&self, at: usize) -> R {
        // SAFETY: as in `complete_below`.
        R::join(unsafe {
            self.fields
                .read::<true>(Fields::<'a, R>::at(at & self.validity.mask), 0)
        })
    }
}

type Fields<'a, R> = <<R as Record<'a>>::Fields as Arguments<'a>>::Columns;
