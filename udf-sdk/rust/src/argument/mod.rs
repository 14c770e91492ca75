//! What a function can take: Rust types that read one value of an argument column.
//!
//! A column is opened once per call and then read by index without checks. Two things can stand in the way of a read:
//! the value is null (the row's result is null then, unless the argument is an `Option`), or something inside of it is
//! null where the Rust type has no room for it (the row fails). Both are looked for only in batches that have nulls.

mod boolean;
mod bytes;
mod fixed;
mod list;
mod many;
mod map;
mod option;
mod structure;

use alloc::string::String;

pub use fixed::Fixed;
pub use list::List;
pub use many::{Arguments, Columns};
pub use map::Map;
pub(crate) use map::map_sql_type;
pub use structure::{Record, StructColumn};

use crate::descriptor::Descriptor;

/// A Rust type that an argument can have. `#[derive(Argument)]` makes a struct one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a function",
    note = "arguments are bool, i32, i64, f64, Decimal<P, S>, Date, Time, Timestamp, &str, String, &[u8], Vec<u8>, List<T>, \
            &[T] of numbers, Vec<T>, Map<K, V>, BTreeMap<K, V>, HashMap<K, V>, structs with #[derive(Argument)], and Option of these"
)]
pub trait Argument<'a>: Sized + 'a {
    /// Its column, opened.
    type Column: Column<'a, Item = Self>;

    /// Adds the SQL type to `out`.
    fn sql_type(out: &mut String);
}

/// An argument column, opened for reading.
///
/// Indices count values, not rows: where one value stands for all rows, [`Column::base`] says which index to read.
pub trait Column<'a>: Sized {
    /// What is read.
    type Item;
    /// Whether a null is a value like another (`Option`).
    const NULLABLE: bool = false;
    /// Whether values have parts that could be null.
    const NESTED: bool = false;

    /// Opens a column.
    ///
    /// # Safety
    /// The descriptor is of the SQL type that the Rust type stands for, and its buffers live for `'a` unchanged.
    unsafe fn open(column: &'a Descriptor) -> Self;

    /// The index of the first of 16 rows from `row` on, which has 15 more values behind it; or of `row` alone.
    fn base(&self, row: usize) -> usize;

    /// Whether some value is null.
    fn has_nulls(&self) -> bool;

    /// Whether value `at` is null.
    ///
    /// # Safety
    /// `at` comes from [`Column::base`], or is below the number of values.
    unsafe fn is_null(&self, at: usize) -> bool;

    /// Whether no value has a part that cannot be read.
    fn sound_below(&self) -> bool {
        true
    }

    /// Whether all parts of value `at`, which is not null, can be read.
    ///
    /// # Safety
    /// As for [`Column::is_null`].
    unsafe fn complete_below(&self, _at: usize) -> bool {
        true
    }

    /// The value. With `NULLS` off the caller knows that no value of this column is null.
    ///
    /// # Safety
    /// As for [`Column::is_null`], and [`Column::complete`] is true of it.
    unsafe fn read<const NULLS: bool>(&self, at: usize) -> Self::Item;

    /// Whether all values can be read without looking for nulls.
    #[inline(always)]
    fn plain(&self) -> bool {
        !self.has_nulls() && self.sound_below()
    }

    /// Whether all values can be read.
    #[inline(always)]
    fn gapless(&self) -> bool {
        (Self::NULLABLE || !self.has_nulls()) && self.sound_below()
    }

    /// Whether value `at` can be read.
    ///
    /// # Safety
    /// As for [`Column::is_null`].
    #[inline(always)]
    unsafe fn complete(&self, at: usize) -> bool {
        // SAFETY: as the caller promises; parts are asked for only of a value that is not null.
        unsafe {
            if self.is_null(at) {
                Self::NULLABLE
            } else {
                self.complete_below(at)
            }
        }
    }
}
