//! How a function ends for one row: a value, a null or an error.

use alloc::string::{String, ToString};
use core::fmt::Display;

use super::Return;

/// What a function may return: a [`Return`] type `T`, `Option<T>`, `Result<T, E>` or `Result<Option<T>, E>`, where `E` can
/// be displayed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the result of a function",
    note = "a function returns T, Option<T>, Result<T, E> or Result<Option<T>, E>, where E implements Display and T is \
            bool, i32, i64, f64, Decimal<P, S>, Date, Time, Timestamp, &str, String, &[u8], Vec<u8>, Vec<T>, List<T>, \
            Map<K, V>, BTreeMap<K, V>, HashMap<K, V> or a struct with #[derive(Return)]"
)]
pub trait Outcome {
    /// The type of the column.
    type Value: Return;

    /// What it is for this row.
    fn answer(self) -> Answer<<Self::Value as Return>::Base>;
}

/// The result of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer<T> {
    /// A value, or null.
    Done(Option<T>),
    /// The row failed, and why.
    Failed(String),
}

impl<T: Return> Outcome for T {
    type Value = T;

    #[inline(always)]
    fn answer(self) -> Answer<T::Base> {
        Answer::Done(self.base())
    }
}

impl<T: Return, E: Display> Outcome for Result<T, E> {
    type Value = T;

    #[inline(always)]
    fn answer(self) -> Answer<T::Base> {
        match self {
            Ok(value) => Answer::Done(value.base()),
            Err(error) => Answer::Failed(error.to_string()),
        }
    }
}
