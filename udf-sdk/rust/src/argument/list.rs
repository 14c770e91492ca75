//! ARRAY arguments: a view (`List<T>`), a slice of numbers (`&[T]`), or owned (`Vec<T>`).

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use super::fixed::FixedColumn;
use super::{Argument, Column, Fixed};
use crate::descriptor::{Descriptor, Validity};

/// One ARRAY value: elements are read where they lie.
pub struct List<'a, T: Argument<'a>> {
    elements: &'a T::Column,
    from: usize,
    to: usize,
}

impl<'a, T: Argument<'a>> List<'a, T> {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.to - self.from
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.from == self.to
    }

    /// Element `index`, from 0; `None` behind the end.
    pub fn get(&self, index: usize) -> Option<T> {
        // SAFETY: the index is inside of this value, all elements of which can be read.
        (index < self.len()).then(|| unsafe { self.elements.read::<true>(self.from + index) })
    }

    /// The elements in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = T> + use<'a, T> {
        let elements = self.elements;
        // SAFETY: as in `get`.
        (self.from..self.to).map(move |at| unsafe { elements.read::<true>(at) })
    }
}

impl<'a, T: Argument<'a>> Clone for List<'a, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<'a, T: Argument<'a>> Copy for List<'a, T> {}

impl<'a, T: Argument<'a> + fmt::Debug> fmt::Debug for List<'a, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// What all readings of an ARRAY column share.
#[derive(Debug)]
struct ElementsColumn<'a, C> {
    /// Boxed so that a [`List`] can point at it.
    elements: Box<C>,
    offsets: &'a [i32],
    validity: Validity<'a>,
}

impl<'a, C: Column<'a>> ElementsColumn<'a, C> {
    /// Opens it.
    ///
    /// # Safety
    /// As for [`Column::open`].
    #[inline]
    unsafe fn open(column: &'a Descriptor) -> Self {
        // SAFETY: as the caller promises; an array has one child.
        unsafe {
            let elements = Box::new(C::open(&column.parts(1)[0]));
            ElementsColumn {
                elements,
                offsets: column.starts(),
                validity: Validity::open(column),
            }
        }
    }

    /// Where the elements of value `at` begin and end.
    ///
    /// # Safety
    /// As for [`Column::is_null`].
    #[inline(always)]
    unsafe fn range(&self, at: usize) -> (usize, usize) {
        let at = at & self.validity.mask;
        // SAFETY: as the caller promises; there is one more offset than values.
        unsafe {
            (
                *self.offsets.get_unchecked(at) as usize,
                *self.offsets.get_unchecked(at + 1) as usize,
            )
        }
    }

    /// Whether all elements of value `at` can be read.
    ///
    /// # Safety
    /// As for [`Column::is_null`].
    unsafe fn complete(&self, at: usize) -> bool {
        // SAFETY: as the caller promises; offsets are inside of the elements.
        unsafe {
            let (from, to) = self.range(at);
            (from..to).all(|element| self.elements.complete(element))
        }
    }
}

/// How one Rust type reads a value of an ARRAY column.
macro_rules! list_column {
    ([$($params:tt)*] $column:ty, $element:ty, $item:ty, |$list:ident, $from:ident, $to:ident| $read:expr) => {
        impl<'a, $($params)*> Column<'a> for $column {
            type Item = $item;
            const NESTED: bool = true;

            #[inline(always)]
            unsafe fn open(column: &'a Descriptor) -> Self {
                // SAFETY: as the caller promises.
                Self(unsafe { ElementsColumn::open(column) }, PhantomData)
            }

            #[inline(always)]
            fn base(&self, row: usize) -> usize {
                row & self.0.validity.mask
            }

            #[inline(always)]
            fn has_nulls(&self) -> bool {
                self.0.validity.has_nulls()
            }

            #[inline(always)]
            unsafe fn is_null(&self, at: usize) -> bool {
                self.0.validity.is_null(at)
            }

            #[inline(always)]
            fn sound_below(&self) -> bool {
                self.0.elements.gapless()
            }

            #[inline(always)]
            unsafe fn complete_below(&self, at: usize) -> bool {
                // SAFETY: as the caller promises.
                unsafe { self.0.complete(at) }
            }

            #[inline(always)]
            unsafe fn read<const NULLS: bool>(&self, at: usize) -> Self::Item {
                let $list = &self.0;
                // SAFETY: as the caller promises.
                let ($from, $to) = unsafe { $list.range(at) };
                $read
            }
        }
    };
}

/// An ARRAY column read as views.
#[derive(Debug)]
pub struct ListViewColumn<'a, T: Argument<'a>>(ElementsColumn<'a, T::Column>, PhantomData<T>);

list_column!([T: Argument<'a>] ListViewColumn<'a, T>, T, List<'a, T>, |list, from, to| {
    // SAFETY: the columns of a call outlive its values: a function sees a value only until it returns, and its result,
    // which may hold it, is copied out before the columns go.
    let elements: &'a T::Column = unsafe { &*core::ptr::from_ref::<T::Column>(&list.elements) };
    List { elements, from, to }
});

/// An ARRAY column read as slices of numbers.
#[derive(Debug)]
pub struct SliceColumn<'a, T: Fixed>(ElementsColumn<'a, FixedColumn<'a, T>>, PhantomData<T>);

list_column!([T: Fixed] SliceColumn<'a, T>, T, &'a [T], |list, from, to| {
    // SAFETY: offsets are inside of the elements.
    unsafe { list.elements.range(from, to) }
});

/// An ARRAY column read into vectors.
#[derive(Debug)]
pub struct VecColumn<'a, T: Argument<'a>>(ElementsColumn<'a, T::Column>, PhantomData<T>);

list_column!([T: Argument<'a>] VecColumn<'a, T>, T, Vec<T>, |list, from, to| {
    // SAFETY: offsets are inside of the elements, all of which can be read.
    (from..to).map(|at| unsafe { list.elements.read::<true>(at) }).collect()
});

macro_rules! list_argument {
    ($element:ident: [$($bound:tt)*], $rust:ty, $column:ty, $sql:path) => {
        impl<'a, $element: $($bound)*> Argument<'a> for $rust {
            type Column = $column;

            fn sql_type(out: &mut String) {
                out.push_str("ARRAY<");
                $sql(out);
                out.push_str(">");
            }
        }
    };
}
list_argument!(T: [Argument<'a>], List<'a, T>, ListViewColumn<'a, T>, T::sql_type);
list_argument!(T: [Argument<'a>], Vec<T>, VecColumn<'a, T>, T::sql_type);
list_argument!(T: [Fixed], &'a [T], SliceColumn<'a, T>, T::sql_type);
