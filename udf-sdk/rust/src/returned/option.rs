//! `Option`: results, elements and fields that may be null.

use alloc::string::String;

use super::{Builder, Return};
use crate::descriptor::Descriptor;

impl<T: Return<Base = T>> Return for Option<T> {
    type Base = T;
    type Store = T::Store;
    type Builder = OptionBuilder<T::Builder>;

    fn sql_type(out: &mut String) {
        T::sql_type(out);
    }

    #[inline(always)]
    fn base(self) -> Option<T> {
        self
    }
}

/// Elements or fields that may be null.
#[derive(Debug, Default)]
pub struct OptionBuilder<B>(B);

impl<T, B: Builder<T>> Builder<Option<T>> for OptionBuilder<B> {
    fn clear(&mut self) {
        self.0.clear();
    }

    #[inline]
    fn push(&mut self, value: Option<T>) {
        match value {
            Some(value) => self.0.push(value),
            None => self.0.push_null(),
        }
    }

    fn push_null(&mut self) {
        self.0.push_null();
    }

    fn describe(&mut self) -> Descriptor {
        self.0.describe()
    }
}
