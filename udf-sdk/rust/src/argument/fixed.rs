//! Arguments of fixed width: INTEGER, BIGINT, DOUBLE, DECIMAL, TIME, DATE, TIMESTAMP.

use alloc::boxed::Box;
use alloc::string::String;

use super::{Argument, Column};
use crate::STRIP;
use crate::descriptor::{Descriptor, Validity};

/// A type whose bytes in memory are its value in a column.
///
/// # Safety
/// Any bytes that the host sends as the SQL type are a valid value, and the value's bytes are a valid value of the SQL type.
pub unsafe trait Fixed: Copy + Default + 'static {
    /// Adds the SQL type to `out`.
    fn sql_type(out: &mut String);
}

macro_rules! fixed {
    ($($rust:ty => $sql:literal),*) => {$(
        // SAFETY: a plain number.
        unsafe impl Fixed for $rust {
            fn sql_type(out: &mut String) {
                out.push_str($sql);
            }
        }
    )*};
}
fixed!(i32 => "INTEGER", i64 => "BIGINT", f64 => "DOUBLE");

macro_rules! fixed_argument {
    ([$($params:tt)*] $rust:ty) => {
        impl<'a, $($params)*> Argument<'a> for $rust {
            type Column = FixedColumn<'a, $rust>;

            fn sql_type(out: &mut String) {
                <$rust as Fixed>::sql_type(out);
            }
        }
    };
}
fixed_argument!([] i32);
fixed_argument!([] i64);
fixed_argument!([] f64);
fixed_argument!([] crate::Date);
fixed_argument!([] crate::Time);
fixed_argument!([] crate::Timestamp);
fixed_argument!([const P: u8, const S: u8] crate::Decimal<P, S>);

/// A column of fixed width.
#[derive(Debug)]
pub struct FixedColumn<'a, T> {
    /// The values of all rows; of a constant, so often the same one that a strip of rows can be read from it.
    values: &'a [T],
    validity: Validity<'a>,
    /// Owns `values` of a constant.
    _fill: Option<Box<[T; STRIP]>>,
}

impl<'a, T: Fixed> FixedColumn<'a, T> {
    /// The values `from..to`.
    ///
    /// # Safety
    /// They are below the number of values.
    #[inline]
    pub(super) unsafe fn range(&self, from: usize, to: usize) -> &'a [T] {
        // SAFETY: as the caller promises.
        unsafe { self.values.get_unchecked(from..to) }
    }
}

impl<'a, T: Fixed> Column<'a> for FixedColumn<'a, T> {
    type Item = T;

    #[inline]
    unsafe fn open(column: &'a Descriptor) -> Self {
        // SAFETY: as the caller promises.
        let (values, validity) = unsafe { (column.fixed::<T>(), Validity::open(column)) };
        if !column.is_constant() {
            return FixedColumn {
                values,
                validity,
                _fill: None,
            };
        }
        let fill = Box::new([values[0]; STRIP]);
        // SAFETY: the box lives in the column, is never written, and its content does not move.
        let values = unsafe { core::slice::from_raw_parts(fill.as_ptr(), STRIP) };
        FixedColumn {
            values,
            validity,
            _fill: Some(fill),
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
        debug_assert!(at < self.values.len());
        // SAFETY: the caller promises that there is such a value.
        unsafe { *self.values.get_unchecked(at) }
    }
}
