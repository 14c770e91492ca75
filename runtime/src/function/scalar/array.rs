//! Functions of arrays that look at elements one by one.

use std::cmp::Ordering;
use std::sync::Arc;

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, ArrayRef, ListArray, make_comparator};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::{SortOptions, interleave};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::error::Result;

use super::string::int;
use crate::function::cast::write_inside;
use crate::function::column::{Argument, Call, ListOf, rows2, rows3};
use crate::function::definition::{Definition, define};
use crate::function::row_error::Fault;
use crate::function::value_key::write_key;

/// Elements of one GENERATE_SERIES; more would be a mistake, and memory that nobody has.
const SERIES_ELEMENTS_MAX: i64 = 1 << 24;

pub(super) fn functions() -> Vec<Definition> {
    vec![
        define("array_length", "how many elements an array has").on("(ARRAY<T>) -> INT", |c| {
            c.collect(|row| ListArg::of(c, 0).range(row).map(|range| int(range.len())))
        }),
        define("array_contains", "whether an array has a value as an element").on("(ARRAY<T>, T) -> BOOLEAN", contains),
        define(
            "array_join",
            "the elements as text with a delimiter between them, a comma where none is given",
        )
        .on("(ARRAY<T>) -> STRING", |c| join(c, |_| ","))
        .on("(ARRAY<T>, STRING) -> STRING", |c| {
            let delimiter = c.reader::<&str>(1);
            join(c, move |row| delimiter.get(row).unwrap_or(""))
        }),
        define("array_max", "the largest element that is not NULL")
            .on("(ARRAY<T>) -> T", |c| extremum(c, Ordering::Greater)),
        define("array_min", "the smallest element that is not NULL")
            .on("(ARRAY<T>) -> T", |c| extremum(c, Ordering::Less)),
        define(
            "array_sort",
            "the elements in order, NULL last: ARRAY_SORT(array, 'ASC' | 'DESC')",
        )
        .on("(ARRAY<T>) -> ARRAY<T>", |c| sort(c, |_| Some(false)))
        .on("(ARRAY<T>, STRING) -> ARRAY<T>", |c| {
            let direction = c.reader::<&str>(1);
            sort(c, move |row| match direction.get(row)?.to_ascii_uppercase().as_str() {
                "ASC" | "ASCENDING" => Some(false),
                "DESC" | "DESCENDING" => Some(true),
                _ => None,
            })
        }),
        define("array_remove", "the elements that are not equal to a value").on("(ARRAY<T>, T) -> ARRAY<T>", remove),
        define(
            "slice",
            "the elements from one position to another, from 1 and inclusive: SLICE(array, from, to)",
        )
        .on("(ARRAY<T>, INT, INT) -> ARRAY<T>", slice),
        define(
            "generate_series",
            "the numbers from the first to the last, with a step between them",
        )
        .on("(INT, INT) -> ARRAY<INT>", |c| {
            rows2(c, |start: i32, end: i32| {
                ints(start, end, if end > start { 1 } else { -1 })
            })
        })
        .on("(INT, INT, INT) -> ARRAY<INT>", |c| rows3(c, ints))
        .on("(BIGINT, BIGINT) -> ARRAY<BIGINT>", |c| {
            rows2(c, |start: i64, end: i64| {
                series(start, end, if end > start { 1 } else { -1 }).map(|l| Some(ListOf(l)))
            })
        })
        .on("(BIGINT, BIGINT, INT) -> ARRAY<BIGINT>", |c| {
            rows3(c, |start: i64, end: i64, step: i32| {
                series(start, end, i64::from(step)).map(|l| Some(ListOf(l)))
            })
        }),
    ]
}

/// A list argument and its elements.
#[derive(Clone, Copy)]
pub(super) struct ListArg<'a> {
    argument: &'a Argument,
    list: &'a ListArray,
}

impl<'a> ListArg<'a> {
    pub(super) fn of(call: &Call<'a>, index: usize) -> Self {
        let argument = &call.args[index];
        Self {
            argument,
            list: argument.array.as_list(),
        }
    }

    /// Where the elements of a row stand in [`Self::values`]; `None` for NULL.
    pub(super) fn range(&self, row: usize) -> Option<std::ops::Range<usize>> {
        let at = self.argument.at(row);
        if self.list.is_null(at) {
            return None;
        }
        let offsets = self.list.value_offsets();
        let index = |offset: i32| usize::try_from(offset).expect("offsets are not negative");
        Some(index(offsets[at])..index(offsets[at + 1]))
    }

    pub(super) fn values(&self) -> &'a ArrayRef {
        self.list.values()
    }

    /// The keys of all elements.
    pub(super) fn keys(&self) -> Vec<Vec<u8>> {
        let values = self.values();
        (0..values.len())
            .map(|at| {
                let mut key = Vec::new();
                write_key(values, at, &mut key);
                key
            })
            .collect()
    }
}

/// Lists that are made of elements of other arrays.
pub(in crate::function) struct Picked {
    /// Source array and position in it.
    elements: Vec<(usize, usize)>,
    lengths: Vec<usize>,
    valid: Vec<bool>,
}

impl Picked {
    pub(in crate::function) fn new(rows: usize) -> Self {
        Self {
            elements: Vec::new(),
            lengths: Vec::with_capacity(rows),
            valid: Vec::with_capacity(rows),
        }
    }

    /// Adds a row; `None` is NULL.
    pub(in crate::function) fn push(&mut self, elements: Option<impl IntoIterator<Item = (usize, usize)>>) {
        let before = self.elements.len();
        self.valid.push(elements.is_some());
        self.elements.extend(elements.into_iter().flatten());
        self.lengths.push(self.elements.len() - before);
    }

    pub(in crate::function) fn finish(self, sources: &[&ArrayRef]) -> Result<ArrayRef> {
        let values = self.take(sources)?;
        let field = Arc::new(Field::new("item", values.data_type().clone(), true));
        let offsets = OffsetBuffer::from_lengths(self.lengths);
        let nulls = NullBuffer::from(self.valid);
        Ok(Arc::new(ListArray::try_new(field, offsets, values, Some(nulls))?))
    }

    fn take(&self, sources: &[&ArrayRef]) -> Result<ArrayRef> {
        let sources: Vec<&dyn Array> = sources.iter().map(AsRef::as_ref).collect();
        Ok(interleave(&sources, &self.elements)?)
    }
}

fn contains(call: &Call<'_>) -> Result<ArrayRef> {
    let list = ListArg::of(call, 0);
    let keys = list.keys();
    let wanted = &call.args[1];
    let mut key = Vec::new();
    call.collect(|row| {
        key.clear();
        write_key(&wanted.array, wanted.at(row), &mut key);
        Some(list.range(row).is_some_and(|range| keys[range].contains(&key)))
    })
}

fn join<'a>(call: &Call<'a>, delimiter: impl Fn(usize) -> &'a str) -> Result<ArrayRef> {
    let list = ListArg::of(call, 0);
    let values = list.values();
    let is_plain = !values.data_type().is_nested()
        && !matches!(
            values.data_type(),
            DataType::Binary | DataType::Date32 | DataType::Time32(_) | DataType::Timestamp(..)
        );
    call.collect_text(|row, out| {
        let Some(range) = list.range(row) else {
            return Ok(None);
        };
        for (position, at) in range.enumerate() {
            if !is_plain && values.is_valid(at) {
                return Err(Fault::from("only numbers, texts and booleans can be joined"));
            }
            if position > 0 {
                out.push_str(delimiter(row));
            }
            write_inside(values, at, out);
        }
        Ok(Some(()))
    })
}

fn extremum(call: &Call<'_>, wanted: Ordering) -> Result<ArrayRef> {
    let list = ListArg::of(call, 0);
    let values = list.values();
    let compare = make_comparator(values, values, SortOptions::default())?;
    let mut picked = Vec::with_capacity(call.rows);
    let null = datafusion::arrow::array::new_null_array(values.data_type(), 1);
    for row in 0..call.rows {
        let elements = list.range(row).into_iter().flatten().filter(|at| values.is_valid(*at));
        let best = elements.reduce(|best, next| if compare(next, best) == wanted { next } else { best });
        picked.push(best.map_or((1, 0), |at| (0, at)));
    }
    Ok(interleave(&[values.as_ref(), &null], &picked)?)
}

/// `descending` of a row; `None` gives NULL.
fn sort(call: &Call<'_>, descending: impl Fn(usize) -> Option<bool>) -> Result<ArrayRef> {
    let list = ListArg::of(call, 0);
    let values = list.values();
    let compare = make_comparator(values, values, SortOptions::default())?;
    let mut sorted = Picked::new(call.rows);
    for row in 0..call.rows {
        let elements = list.range(row).zip(descending(row)).map(|(range, descending)| {
            let mut elements: Vec<usize> = range.collect();
            elements.sort_by(|&a, &b| match (values.is_valid(a), values.is_valid(b)) {
                (true, true) if descending => compare(b, a),
                (true, true) => compare(a, b),
                (a, b) => b.cmp(&a),
            });
            elements.into_iter().map(|at| (0, at))
        });
        sorted.push(elements);
    }
    sorted.finish(&[values])
}

fn remove(call: &Call<'_>) -> Result<ArrayRef> {
    let list = ListArg::of(call, 0);
    let keys = list.keys();
    let unwanted = &call.args[1];
    let mut key = Vec::new();
    let mut kept = Picked::new(call.rows);
    for row in 0..call.rows {
        key.clear();
        write_key(&unwanted.array, unwanted.at(row), &mut key);
        let elements = list.range(row).map(|range| {
            let rest: Vec<_> = range.filter(|at| keys[*at] != key).map(|at| (0, at)).collect();
            rest
        });
        kept.push(elements);
    }
    kept.finish(&[list.values()])
}

fn slice(call: &Call<'_>) -> Result<ArrayRef> {
    let list = ListArg::of(call, 0);
    let (from, to) = (call.reader::<i32>(1), call.reader::<i32>(2));
    let mut slices = Picked::new(call.rows);
    for row in 0..call.rows {
        // Positions outside of the array give NULL, not a shorter array.
        let part = list.range(row).and_then(|range| {
            let start = from
                .get(row)
                .map_or(Some(0), |from| usize::try_from(i64::from(from) - 1).ok())?;
            let end = to.get(row).map_or(Some(range.len()), |to| usize::try_from(to).ok())?;
            (start <= end && end <= range.len()).then(|| (range.start + start..range.start + end).map(|at| (0, at)))
        });
        slices.push(part);
    }
    slices.finish(&[list.values()])
}

fn ints(start: i32, end: i32, step: i32) -> Result<Option<ListOf<i32>>, Fault> {
    let values = series(i64::from(start), i64::from(end), i64::from(step))?;
    let values = values
        .into_iter()
        .map(|v| i32::try_from(v).expect("it lies between two of its kind"));
    Ok(Some(ListOf(values.collect())))
}

fn series(start: i64, end: i64, step: i64) -> Result<Vec<i64>, Fault> {
    if step == 0 {
        return Err("the step of a series must not be zero".into());
    }
    let distance = i128::from(end) - i128::from(start);
    if distance != 0 && (distance > 0) != (step > 0) {
        return Err(format!("the step {step} leads away from the end of the series").into());
    }
    let count = distance / i128::from(step) + 1;
    if count > i128::from(SERIES_ELEMENTS_MAX) {
        return Err(format!("a series of {count} numbers is longer than {SERIES_ELEMENTS_MAX}").into());
    }
    Ok((0..count)
        .map(|n| i64::try_from(i128::from(start) + n * i128::from(step)).expect("it lies between start and end"))
        .collect())
}
