//! Errors that concern one row: a text that is no date, a number that does not fit.
//!
//! Why: a column expression is computed for a whole batch, but one bad row must not spoil its neighbours. Inside of
//! [`collect`] a function that fails for a row gives NULL there and leaves a note; outside it fails as a whole, and the
//! caller may run the rows one by one. That is how ksqlDB behaves with functions inside of functions, arrays, maps and
//! structs: the failed part is NULL and the processing log has a line.
//! Not here: what is done about the notes (the query's error policy).

use std::borrow::Cow;
use std::cell::RefCell;

use datafusion::error::{DataFusionError, Result};

/// Notes that [`RowErrors`] keeps in full; further ones are only counted.
const NOTES_MAX: usize = 8;

/// Why a function gives no value for a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault(pub(crate) Cow<'static, str>);

impl From<String> for Fault {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&'static str> for Fault {
    fn from(text: &'static str) -> Self {
        Self(text.into())
    }
}

/// What happened to single rows while an expression was computed.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct RowErrors {
    /// How many times a function failed for a row.
    pub count: usize,
    /// The first of them, as `function: reason`.
    pub first: Vec<String>,
}

thread_local! {
    /// The innermost collection of this thread. Expressions are computed by one thread from start to end.
    static COLLECTING: RefCell<Option<RowErrors>> = const { RefCell::new(None) };
}

/// Runs `compute`; rows for which a function of this module fails are NULL in its result, and are counted.
pub fn collect<T>(compute: impl FnOnce() -> T) -> (T, RowErrors) {
    let outer = COLLECTING.replace(Some(RowErrors::default()));
    let restore = Restore(outer);
    let result = compute();
    let errors = COLLECTING.with_borrow_mut(Option::take).unwrap_or_default();
    drop(restore);
    (result, errors)
}

/// Puts the outer collection back, also when `compute` panics.
struct Restore(Option<RowErrors>);

impl Drop for Restore {
    fn drop(&mut self) {
        COLLECTING.set(self.0.take());
    }
}

/// Notes that `function` failed for a row, or fails where nobody collects.
pub(crate) fn report(function: &str, fault: &Fault) -> Result<()> {
    COLLECTING.with_borrow_mut(|collecting| match collecting {
        Some(errors) => {
            errors.count += 1;
            if errors.first.len() < NOTES_MAX {
                errors.first.push(format!("{function}: {}", fault.0));
            }
            Ok(())
        }
        None => Err(DataFusionError::Execution(format!("{function}: {}", fault.0))),
    })
}

/// Notes what a function said of a row; false where nobody collects.
pub(crate) fn note(text: String) -> bool {
    COLLECTING.with_borrow_mut(|collecting| match collecting {
        Some(errors) => {
            errors.count += 1;
            if errors.first.len() < NOTES_MAX {
                errors.first.push(text);
            }
            true
        }
        None => false,
    })
}

/// Hands notes of an inner collection to the outer one.
pub(crate) fn report_all(errors: RowErrors) -> Result<()> {
    if errors.count == 0 {
        return Ok(());
    }
    COLLECTING.with_borrow_mut(|collecting| match collecting {
        Some(outer) => {
            outer.count += errors.count;
            let room = NOTES_MAX.saturating_sub(outer.first.len());
            outer.first.extend(errors.first.into_iter().take(room));
            Ok(())
        }
        None => Err(DataFusionError::Execution(
            errors.first.into_iter().next().unwrap_or_default(),
        )),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_an_error_unless_somebody_collects() {
        assert!(report("f", &"bad".into()).is_err());
        let ((), errors) = collect(|| {
            for _ in 0..10 {
                report("f", &"bad".into()).unwrap();
            }
        });
        assert_eq!((errors.count, errors.first.len()), (10, NOTES_MAX));
        assert_eq!(errors.first[0], "f: bad");
        assert!(report("f", &"bad".into()).is_err());
    }

    #[test]
    fn collections_nest() {
        let (inner, outer) = collect(|| {
            report("f", &"outer".into()).unwrap();
            let ((), inner) = collect(|| report("f", &"inner".into()).unwrap());
            report("f", &"outer".into()).unwrap();
            inner
        });
        assert_eq!((inner.count, outer.count), (1, 2));
        let ((), all) = collect(|| report_all(inner).unwrap());
        assert_eq!(all.first, ["f: inner"]);
    }
}
