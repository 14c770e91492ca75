//! All arguments of a function, or all fields of a struct: a chain of pairs, `(A, (B, ()))`.
//!
//! Pairs instead of tuples, so that two implementations serve any number of them.

use alloc::string::String;

use super::{Argument, Column};
use crate::descriptor::Descriptor;

/// The types of a chain of values.
pub trait Arguments<'a>: Sized {
    /// Their columns, opened.
    type Columns: Columns<'a, Items = Self>;
    /// How many they are.
    const COUNT: usize;

    /// Calls `each` with the number of a type and a function that writes it.
    fn sql_types(index: usize, each: &mut dyn FnMut(usize, fn(&mut String)));
}

/// The columns of a chain of values.
pub trait Columns<'a>: Sized {
    /// What is read.
    type Items;
    /// The indices of the first of some rows, one for each column.
    type Bases: Copy;
    /// Whether a null among the values is a value like another.
    const NULLABLE: bool;
    /// Whether values have parts that could be null.
    const NESTED: bool;

    /// Opens them.
    ///
    /// # Safety
    /// As for [`Column::open`]; there are as many descriptors as columns.
    unsafe fn open(columns: &'a [Descriptor]) -> Self;

    /// As [`Column::base`].
    fn bases(&self, row: usize) -> Self::Bases;

    /// The same index for all columns.
    fn at(at: usize) -> Self::Bases;

    /// Whether all values can be read without looking for nulls.
    fn plain(&self) -> bool;

    /// Whether all values can be read.
    fn gapless(&self) -> bool;

    /// Whether a value `offset` rows behind the bases is null that must not be.
    ///
    /// # Safety
    /// There are such rows.
    unsafe fn missing(&self, bases: Self::Bases, offset: usize) -> bool;

    /// Whether all values `offset` rows behind the bases can be read.
    ///
    /// # Safety
    /// There are such rows.
    unsafe fn complete(&self, bases: Self::Bases, offset: usize) -> bool;

    /// The values `offset` rows behind the bases.
    ///
    /// # Safety
    /// There are such rows, and their values can be read.
    unsafe fn read<const NULLS: bool>(&self, bases: Self::Bases, offset: usize) -> Self::Items;
}

impl<'a> Arguments<'a> for () {
    type Columns = ();
    const COUNT: usize = 0;

    fn sql_types(_index: usize, _each: &mut dyn FnMut(usize, fn(&mut String))) {}
}

impl<'a> Columns<'a> for () {
    type Items = ();
    type Bases = ();
    const NULLABLE: bool = false;
    const NESTED: bool = false;

    unsafe fn open(_columns: &'a [Descriptor]) -> Self {}

    fn bases(&self, _row: usize) -> Self::Bases {}

    fn at(_at: usize) -> Self::Bases {}

    fn plain(&self) -> bool {
        true
    }

    fn gapless(&self) -> bool {
        true
    }

    unsafe fn missing(&self, _bases: Self::Bases, _offset: usize) -> bool {
        false
    }

    unsafe fn complete(&self, _bases: Self::Bases, _offset: usize) -> bool {
        true
    }

    unsafe fn read<const NULLS: bool>(&self, _bases: Self::Bases, _offset: usize) -> Self::Items {}
}

impl<'a, T: Argument<'a>, Rest: Arguments<'a>> Arguments<'a> for (T, Rest) {
    type Columns = (T::Column, Rest::Columns);
    const COUNT: usize = 1 + Rest::COUNT;

    fn sql_types(index: usize, each: &mut dyn FnMut(usize, fn(&mut String))) {
        each(index, T::sql_type);
        Rest::sql_types(index + 1, each);
    }
}

impl<'a, C: Column<'a>, Rest: Columns<'a>> Columns<'a> for (C, Rest) {
    type Items = (C::Item, Rest::Items);
    type Bases = (usize, Rest::Bases);
    const NULLABLE: bool = C::NULLABLE || Rest::NULLABLE;
    const NESTED: bool = C::NESTED || Rest::NESTED;

    #[inline(always)]
    unsafe fn open(columns: &'a [Descriptor]) -> Self {
        // SAFETY: as the caller promises.
        unsafe { (C::open(&columns[0]), Rest::open(&columns[1..])) }
    }

    #[inline(always)]
    fn bases(&self, row: usize) -> Self::Bases {
        (self.0.base(row), self.1.bases(row))
    }

    #[inline(always)]
    fn at(at: usize) -> Self::Bases {
        (at, Rest::at(at))
    }

    #[inline(always)]
    fn plain(&self) -> bool {
        self.0.plain() && self.1.plain()
    }

    #[inline(always)]
    fn gapless(&self) -> bool {
        self.0.gapless() && self.1.gapless()
    }

    #[inline(always)]
    unsafe fn missing(&self, bases: Self::Bases, offset: usize) -> bool {
        // SAFETY: as the caller promises.
        unsafe { (!C::NULLABLE && self.0.is_null(bases.0 + offset)) || self.1.missing(bases.1, offset) }
    }

    #[inline(always)]
    unsafe fn complete(&self, bases: Self::Bases, offset: usize) -> bool {
        // SAFETY: as the caller promises.
        unsafe { self.0.complete(bases.0 + offset) && self.1.complete(bases.1, offset) }
    }

    #[inline(always)]
    unsafe fn read<const NULLS: bool>(&self, bases: Self::Bases, offset: usize) -> Self::Items {
        // SAFETY: as the caller promises.
        unsafe {
            (
                self.0.read::<NULLS>(bases.0 + offset),
                self.1.read::<NULLS>(bases.1, offset),
            )
        }
    }
}
