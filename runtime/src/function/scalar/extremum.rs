//! GREATEST and LEAST of a row's values. NULL is left out; all NULL is NULL.

use std::cmp::Ordering;

use datafusion::arrow::array::ArrayRef;
use datafusion::error::Result;

use crate::function::cast;
use crate::function::column::{Argument, Call, Date, Read, Time, Timestamp, Unscaled, Write};
use crate::function::definition::{Definition, define};
use crate::function::signature::wider;
use crate::types::schema::SqlType;

pub(super) fn functions() -> Vec<Definition> {
    vec![
        define("greatest", "the largest of the values that are not NULL")
            .on("(INT, INT...) -> INT", |c| {
                best::<i32, i32>(c, Ordering::Greater, Ord::cmp)
            })
            .on("(BIGINT, BIGINT...) -> BIGINT", |c| {
                best::<i64, i64>(c, Ordering::Greater, Ord::cmp)
            })
            .on_with("(DECIMAL, DECIMAL...) -> DECIMAL", widest, |c| {
                decimal(c, Ordering::Greater)
            })
            .on("(DOUBLE, DOUBLE...) -> DOUBLE", |c| {
                best::<f64, f64>(c, Ordering::Greater, f64::total_cmp)
            })
            .on("(STRING, STRING...) -> STRING", |c| {
                best::<&str, String>(c, Ordering::Greater, Ord::cmp)
            })
            .on("(BYTES, BYTES...) -> BYTES", |c| {
                best::<&[u8], Vec<u8>>(c, Ordering::Greater, Ord::cmp)
            })
            .on("(DATE, DATE...) -> DATE", |c| {
                best::<Date, Date>(c, Ordering::Greater, |a, b| a.0.cmp(&b.0))
            })
            .on("(TIME, TIME...) -> TIME", |c| {
                best::<Time, Time>(c, Ordering::Greater, |a, b| a.0.cmp(&b.0))
            })
            .on("(TIMESTAMP, TIMESTAMP...) -> TIMESTAMP", |c| {
                best::<Timestamp, Timestamp>(c, Ordering::Greater, |a, b| a.0.cmp(&b.0))
            }),
        define("least", "the smallest of the values that are not NULL")
            .on("(INT, INT...) -> INT", |c| {
                best::<i32, i32>(c, Ordering::Less, Ord::cmp)
            })
            .on("(BIGINT, BIGINT...) -> BIGINT", |c| {
                best::<i64, i64>(c, Ordering::Less, Ord::cmp)
            })
            .on_with("(DECIMAL, DECIMAL...) -> DECIMAL", widest, |c| {
                decimal(c, Ordering::Less)
            })
            .on("(DOUBLE, DOUBLE...) -> DOUBLE", |c| {
                best::<f64, f64>(c, Ordering::Less, f64::total_cmp)
            })
            .on("(STRING, STRING...) -> STRING", |c| {
                best::<&str, String>(c, Ordering::Less, Ord::cmp)
            })
            .on("(BYTES, BYTES...) -> BYTES", |c| {
                best::<&[u8], Vec<u8>>(c, Ordering::Less, Ord::cmp)
            })
            .on("(DATE, DATE...) -> DATE", |c| {
                best::<Date, Date>(c, Ordering::Less, |a, b| a.0.cmp(&b.0))
            })
            .on("(TIME, TIME...) -> TIME", |c| {
                best::<Time, Time>(c, Ordering::Less, |a, b| a.0.cmp(&b.0))
            })
            .on("(TIMESTAMP, TIMESTAMP...) -> TIMESTAMP", |c| {
                best::<Timestamp, Timestamp>(c, Ordering::Less, |a, b| a.0.cmp(&b.0))
            }),
    ]
}

/// The decimal that holds all arguments.
fn widest(arguments: &[SqlType]) -> Option<SqlType> {
    let (first, rest) = arguments.split_first()?;
    rest.iter().try_fold(first.clone(), |widest, next| wider(&widest, next))
}

fn decimal(call: &Call<'_>, wanted: Ordering) -> Result<ArrayRef> {
    let Some(common) = SqlType::from_arrow(call.return_type) else {
        unreachable!("the result is a decimal");
    };
    let args = call
        .args
        .iter()
        .map(|arg| {
            Ok(Argument {
                array: cast::widen(&arg.array, &common, call.function)?,
                constant: arg.constant,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let call = Call { args: &args, ..*call };
    best::<Unscaled, Unscaled>(&call, wanted, |a, b| a.0.cmp(&b.0))
}

fn best<'a, T, O>(call: &Call<'a>, wanted: Ordering, compare: fn(&T, &T) -> Ordering) -> Result<ArrayRef>
where
    T: Read<'a> + Into<O>,
    O: Write,
{
    let readers: Vec<_> = (0..call.args.len()).map(|index| call.reader::<T>(index)).collect();
    call.collect(|row| {
        let values = readers.iter().filter_map(|reader| reader.get(row));
        values
            .reduce(|best, next| if compare(&next, &best) == wanted { next } else { best })
            .map(Into::into)
    })
}
