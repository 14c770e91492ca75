//! STRUCT results: Rust structs with `#[derive(Return)]`.

use alloc::vec::Vec;

use super::validity::OwnValidity;
use super::{Builder, Return};
use crate::descriptor::Descriptor;

/// What `#[derive(Return)]` says of a struct.
pub trait StructParts: Sized {
    /// The types of its fields, in order, as a chain of pairs.
    type Fields: Parts;

    /// Takes it apart.
    fn split(self) -> Self::Fields;
}

/// A chain of values: `(A, (B, ()))`.
pub trait Parts: Sized {
    /// The builders of their columns.
    type Builders: Builders<Self>;
}

/// The columns of a chain of values.
pub trait Builders<P>: Default {
    /// As [`Builder::clear`].
    fn clear(&mut self);
    /// As [`Builder::push`].
    fn push(&mut self, parts: P);
    /// As [`Builder::push_null`].
    fn push_null(&mut self);
    /// Adds the descriptions of the columns to `out`.
    fn describe(&mut self, out: &mut Vec<Descriptor>);
}

impl Parts for () {
    type Builders = ();
}

impl Builders<()> for () {
    fn clear(&mut self) {}
    fn push(&mut self, (): ()) {}
    fn push_null(&mut self) {}
    fn describe(&mut self, _out: &mut Vec<Descriptor>) {}
}

impl<T: Return, Rest: Parts> Parts for (T, Rest) {
    type Builders = (T::Builder, Rest::Builders);
}

impl<T, Rest, B: Builder<T>, Bs: Builders<Rest>> Builders<(T, Rest)> for (B, Bs) {
    fn clear(&mut self) {
        self.0.clear();
        self.1.clear();
    }

    #[inline]
    fn push(&mut self, parts: (T, Rest)) {
        self.0.push(parts.0);
        self.1.push(parts.1);
    }

    fn push_null(&mut self) {
        self.0.push_null();
        self.1.push_null();
    }

    fn describe(&mut self, out: &mut Vec<Descriptor>) {
        out.push(self.0.describe());
        self.1.describe(out);
    }
}

/// Structs: a column for each field.
#[derive(Debug)]
pub struct StructBuilder<B> {
    fields: B,
    children: Vec<Descriptor>,
    validity: OwnValidity,
}

impl<B: Default> Default for StructBuilder<B> {
    fn default() -> Self {
        StructBuilder {
            fields: B::default(),
            children: Vec::new(),
            validity: OwnValidity::default(),
        }
    }
}

impl<S: StructParts, B: Builders<S::Fields>> Builder<S> for StructBuilder<B> {
    fn clear(&mut self) {
        self.fields.clear();
        self.validity.clear();
    }

    #[inline]
    fn push(&mut self, value: S) {
        self.fields.push(value.split());
        self.validity.push(true);
    }

    fn push_null(&mut self) {
        self.fields.push_null();
        self.validity.push(false);
    }

    fn describe(&mut self) -> Descriptor {
        self.children.clear();
        self.fields.describe(&mut self.children);
        Descriptor {
            children: self.children.as_ptr().expose_provenance(),
            ..self.validity.describe()
        }
    }
}
