//! The loop over the rows of a call, in strips of 16: the host's time limit costs a check at each turn of a loop, which is
//! dearer than a multiply-add (ABI.md section 8).

use alloc::string::{String, ToString};

use crate::argument::{Arguments, Columns};
use crate::descriptor::Descriptor;
use crate::report;
use crate::returned::{Answer, LentValidity, Outcome, Return, Store};

/// Rows per turn of the loop.
pub const STRIP: usize = 16;

const INNER_NULL: &str = "a null inside of an argument, where the function's Rust type has no Option";

/// Calls `f` for each row and stores what it answers. True when all rows could be done.
///
/// `f` gets the row number beside the arguments.
///
/// # Safety
/// The descriptors are as the ABI says: `columns` of the types `A`, each with `rows` rows or a constant, `out` a lent
/// result of the type of `O`.
pub unsafe fn each_row<'a, A, O, S>(
    columns: &'a [Descriptor],
    rows: usize,
    out: &mut Descriptor,
    store: &mut S,
    mut f: impl FnMut(usize, A) -> O,
) -> bool
where
    A: Arguments<'a>,
    O: Outcome,
    S: Store<<O::Value as Return>::Base>,
{
    // SAFETY: as the caller promises; the columns are dropped after the last result was stored.
    unsafe {
        let columns = A::Columns::open(columns);
        let mut run = Run {
            validity: LentValidity::of(out),
            failed: false,
        };
        store.begin(out);
        // A function whose arguments have no room for nulls has no second loop: the host lets no null through.
        if !(A::Columns::NULLABLE || A::Columns::NESTED) || columns.plain() {
            run.all::<false, A, O, S>(&columns, rows, store, &mut f);
        } else {
            run.all::<true, A, O, S>(&columns, rows, store, &mut f);
        }
        store.end(out);
        !run.failed
    }
}

/// What the rows have in common.
struct Run {
    validity: LentValidity,
    failed: bool,
}

impl Run {
    /// All rows. With `NULLS` off there is no null to look for.
    ///
    /// # Safety
    /// As for [`each_row`]; the store has begun.
    #[inline(always)]
    unsafe fn all<'a, const NULLS: bool, A, O, S>(
        &mut self,
        columns: &A::Columns,
        rows: usize,
        store: &mut S,
        f: &mut impl FnMut(usize, A) -> O,
    ) where
        A: Arguments<'a>,
        O: Outcome,
        S: Store<<O::Value as Return>::Base>,
    {
        let in_strips = rows - rows % STRIP;
        let mut row = 0;
        while row < in_strips {
            let bases = columns.bases(row);
            let mut nulls = 0_u16;
            // SAFETY: there are 16 rows from `row` on.
            unsafe {
                store.strip(row, |i| {
                    let value = self.value::<NULLS, A, O>(columns, bases, i, row + i, f);
                    nulls |= u16::from(value.is_none()) << i;
                    value
                });
                self.validity.clear_strip(row, nulls);
            }
            row += STRIP;
        }
        while row < rows {
            // SAFETY: there is such a row.
            unsafe {
                let value = self.value::<NULLS, A, O>(columns, columns.bases(row), 0, row, f);
                if value.is_none() {
                    self.validity.clear(row);
                }
                store.one(row, value);
            }
            row += 1;
        }
    }

    /// The result of `row`, which is `offset` rows behind the bases.
    ///
    /// # Safety
    /// There is such a row.
    #[inline(always)]
    unsafe fn value<'a, const NULLS: bool, A, O>(
        &mut self,
        columns: &A::Columns,
        bases: <A::Columns as Columns<'a>>::Bases,
        offset: usize,
        row: usize,
        f: &mut impl FnMut(usize, A) -> O,
    ) -> Option<<O::Value as Return>::Base>
    where
        A: Arguments<'a>,
        O: Outcome,
    {
        // SAFETY: as the caller promises; what cannot be read is not read.
        unsafe {
            if NULLS {
                if columns.missing(bases, offset) {
                    return None;
                }
                if !columns.complete(bases, offset) {
                    self.fail(row, INNER_NULL.to_string());
                    return None;
                }
            }
            match f(row, columns.read::<NULLS>(bases, offset)).answer() {
                Answer::Done(value) => value,
                Answer::Failed(message) => {
                    self.fail(row, message);
                    None
                }
            }
        }
    }

    #[cold]
    fn fail(&mut self, row: usize, message: String) {
        self.failed = true;
        report::add(row as u32, message);
    }
}
