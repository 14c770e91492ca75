//! ARRAY results.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::validity::OwnValidity;
use super::{Builder, Built, Return};
use crate::argument::{Argument, List};
use crate::descriptor::Descriptor;

macro_rules! list_return {
    ([$($params:tt)*] $rust:ty) => {
        impl<$($params)*> Return for $rust {
            type Base = Self;
            type Store = Built<ListBuilder<T::Builder>>;
            type Builder = ListBuilder<T::Builder>;

            fn sql_type(out: &mut String) {
                out.push_str("ARRAY<");
                <T as Return>::sql_type(out);
                out.push_str(">");
            }

            #[inline(always)]
            fn base(self) -> Option<Self> {
                Some(self)
            }
        }

        impl<$($params)*> Rows for $rust {}
    };
}
list_return!([T: Return] Vec<T>);
list_return!(['a, T: Argument<'a> + Return] List<'a, T>);

/// What a table function can return: its elements are the rows.
#[diagnostic::on_unimplemented(
    message = "a table function cannot return `{Self}`",
    note = "it returns its rows: a Vec<T>, a List<T> or an iterator, maybe in an Option or a Result"
)]
pub trait Rows {}

impl<T: Rows> Rows for Option<T> {}

/// Arrays: their elements one after the other.
#[derive(Debug)]
pub struct ListBuilder<B> {
    elements: B,
    /// Where the host finds the description of the elements; boxed, so that it stays where it is.
    child: Box<Descriptor>,
    count: usize,
    offsets: Vec<i32>,
    validity: OwnValidity,
}

impl<B: Default> Default for ListBuilder<B> {
    fn default() -> Self {
        ListBuilder {
            elements: B::default(),
            child: Box::default(),
            count: 0,
            offsets: alloc::vec![0],
            validity: OwnValidity::default(),
        }
    }
}

impl<B> ListBuilder<B> {
    fn push_all<T>(&mut self, elements: impl Iterator<Item = T>)
    where
        B: Builder<T>,
    {
        for element in elements {
            self.elements.push(element);
            self.count += 1;
        }
        self.offsets.push(self.count as i32);
        self.validity.push(true);
    }

    fn add_null(&mut self) {
        self.offsets.push(self.count as i32);
        self.validity.push(false);
    }

    fn reset<T>(&mut self)
    where
        B: Builder<T>,
    {
        self.elements.clear();
        self.count = 0;
        self.offsets.truncate(1);
        self.validity.clear();
    }

    fn column<T>(&mut self) -> Descriptor
    where
        B: Builder<T>,
    {
        *self.child = self.elements.describe();
        Descriptor {
            offsets: self.offsets.as_ptr().expose_provenance(),
            children: core::ptr::from_ref::<Descriptor>(&self.child).expose_provenance(),
            ..self.validity.describe()
        }
    }
}

impl<T, B: Builder<T>> Builder<Vec<T>> for ListBuilder<B> {
    fn clear(&mut self) {
        self.reset();
    }

    fn push(&mut self, value: Vec<T>) {
        self.push_all(value.into_iter());
    }

    fn push_null(&mut self) {
        self.add_null();
    }

    fn describe(&mut self) -> Descriptor {
        self.column()
    }
}

impl<'a, T: Argument<'a>, B: Builder<T>> Builder<List<'a, T>> for ListBuilder<B> {
    fn clear(&mut self) {
        self.reset();
    }

    fn push(&mut self, value: List<'a, T>) {
        self.push_all(value.iter());
    }

    fn push_null(&mut self) {
        self.add_null();
    }

    fn describe(&mut self) -> Descriptor {
        self.column()
    }
}
