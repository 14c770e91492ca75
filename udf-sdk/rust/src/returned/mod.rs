//! What a function can return: Rust types that go into a result column.
//!
//! Numbers are written straight into memory that the host lends. Everything else is built in buffers of the plugin's own,
//! which stay until the function is called again.

mod boolean;
mod bytes;
mod fixed;
mod list;
mod map;
mod option;
mod outcome;
mod structure;
mod text;
mod validity;

use alloc::string::String;

pub use bytes::BytesBuilder;
pub use list::Rows;
pub use outcome::{Answer, Outcome};
pub use structure::{Parts, StructBuilder, StructParts};
pub use text::{Text, Written, Wrote, write_row, write_rows};
pub use validity::LentValidity;

use crate::STRIP;
use crate::descriptor::Descriptor;

/// A Rust type that a function can return. `#[derive(Return)]` makes a struct one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the result of a function",
    note = "results are bool, i32, i64, f64, Decimal<P, S>, Date, Time, Timestamp, &str, String, &[u8], Vec<u8>, Vec<T>, List<T>, \
            Map<K, V>, BTreeMap<K, V>, HashMap<K, V>, structs with #[derive(Return)], Option of these, and Result of these"
)]
pub trait Return: Sized {
    /// The type without an `Option` around it.
    type Base;
    /// Where the values of a result column go.
    type Store: Store<Self::Base>;
    /// Where the values inside of a list, map or struct go.
    type Builder: Builder<Self>;

    /// Adds the SQL type to `out`.
    fn sql_type(out: &mut String);

    /// The value; `None` where it is null.
    fn base(self) -> Option<Self::Base>;
}

/// The values of a result column; nulls are noted elsewhere ([`LentValidity`]).
pub trait Store<T>: Default {
    /// Begins a column.
    ///
    /// # Safety
    /// `out` is a result descriptor of this type as the host lends it, until [`Store::end`].
    unsafe fn begin(&mut self, out: &Descriptor);

    /// Stores the 16 values from `row` on, asking `next` for each in order; what stands for a null is not read.
    ///
    /// # Safety
    /// After `begin`; the rows before were stored, and there are 16 rows from `row` on.
    unsafe fn strip(&mut self, row: usize, next: impl FnMut(usize) -> Option<T>);

    /// Stores the value of `row`.
    ///
    /// # Safety
    /// After `begin`; the rows before were stored, and there is such a row.
    unsafe fn one(&mut self, row: usize, value: Option<T>);

    /// Ends the column: says where the values are.
    fn end(&mut self, out: &mut Descriptor);
}

/// A column of the plugin's own.
pub trait Builder<T>: Default {
    /// Forgets all values, keeps the memory.
    fn clear(&mut self);

    /// Adds a value.
    fn push(&mut self, value: T);

    /// Adds a null.
    fn push_null(&mut self);

    /// Describes the column; what it says is true until the builder is touched again.
    fn describe(&mut self) -> Descriptor;
}

/// The store of types that are not lent memory: a builder.
#[derive(Debug, Default)]
pub struct Built<B>(B);

impl<T, B: Builder<T>> Store<T> for Built<B> {
    unsafe fn begin(&mut self, _out: &Descriptor) {
        self.0.clear();
    }

    #[inline(always)]
    unsafe fn strip(&mut self, _row: usize, mut next: impl FnMut(usize) -> Option<T>) {
        for i in 0..STRIP {
            let value = next(i);
            self.add(value);
        }
    }

    #[inline(always)]
    unsafe fn one(&mut self, _row: usize, value: Option<T>) {
        self.add(value);
    }

    fn end(&mut self, out: &mut Descriptor) {
        let column = self.0.describe();
        // Rows, flags and validity are the host's.
        out.values = column.values;
        out.values_bytes = column.values_bytes;
        out.offsets = column.offsets;
        out.children = column.children;
    }
}

impl<B> Built<B> {
    #[inline(always)]
    pub(crate) fn add<T>(&mut self, value: Option<T>)
    where
        B: Builder<T>,
    {
        match value {
            Some(value) => self.0.push(value),
            None => self.0.push_null(),
        }
    }
}
