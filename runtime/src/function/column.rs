//! Reading arguments row by row and writing results, with their Arrow types in one place.
//!
//! A function of one row becomes a function of columns through [`rows1`] to [`rows4`] (values) and [`text1`] to
//! [`text3`] (text, appended to one buffer). A NULL argument gives NULL without a call; functions that want to see NULL
//! read their arguments themselves.

use std::sync::Arc;

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, BooleanBuilder, Decimal128Array, Decimal128Builder, GenericByteBuilder,
    ListBuilder, MapBuilder, MapFieldNames, PrimitiveArray, PrimitiveBuilder, StringArray, StringBuilder,
};
use datafusion::arrow::datatypes::{
    BinaryType, DataType, Date32Type, Float64Type, Int32Type, Int64Type, Time32MillisecondType,
    TimestampMillisecondType,
};
use datafusion::error::Result;

use super::row_error::{self, Fault};
use crate::types::Clock;

/// One call of a function on a batch. Arguments have the types that the chosen overload wants.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// The function's name, for messages.
    pub(crate) function: &'a str,
    pub(crate) args: &'a [Argument],
    /// Rows of the result.
    pub(crate) rows: usize,
    pub(crate) return_type: &'a DataType,
    pub(crate) clock: &'a dyn Clock,
}

/// An argument column, or a single value for all rows.
#[derive(Debug, Clone)]
pub(crate) struct Argument {
    pub(crate) array: ArrayRef,
    /// `array` holds one value that stands for every row.
    pub(crate) constant: bool,
}

impl Argument {
    /// Where the value of `row` stands in the array.
    #[inline]
    pub(crate) fn at(&self, row: usize) -> usize {
        if self.constant { 0 } else { row }
    }

    /// Whether `row` is NULL.
    #[inline]
    pub(crate) fn is_null(&self, row: usize) -> bool {
        self.array.is_null(self.at(row))
    }
}

impl<'a> Call<'a> {
    /// Argument `index` as a reader of `T`.
    pub(crate) fn reader<T: Read<'a>>(&self, index: usize) -> Reader<'a, T> {
        let argument = &self.args[index];
        Reader {
            column: T::column(&argument.array),
            argument,
        }
    }

    /// The outcome of a row: its value, or NULL with a note where it failed.
    pub(crate) fn settle<T>(&self, outcome: Result<Option<T>, Fault>) -> Result<Option<T>> {
        match outcome {
            Ok(value) => Ok(value),
            Err(fault) => {
                row_error::report(self.function, &fault)?;
                Ok(None)
            }
        }
    }

    /// Collects one outcome per row.
    pub(crate) fn collect<T: Write, O: Outcome<T>>(&self, mut row: impl FnMut(usize) -> O) -> Result<ArrayRef> {
        let mut builder = T::builder(self.rows, self.return_type);
        for index in 0..self.rows {
            let value = self.settle(row(index).outcome())?;
            T::append(&mut builder, value);
        }
        Ok(T::finish(builder))
    }

    /// Collects text that `row` appends to the buffer that it is given.
    pub(crate) fn collect_text<O: Outcome<()>>(
        &self,
        mut row: impl FnMut(usize, &mut String) -> O,
    ) -> Result<ArrayRef> {
        let mut builder = StringBuilder::with_capacity(self.rows, self.rows * 16);
        let mut buffer = String::new();
        for index in 0..self.rows {
            buffer.clear();
            match self.settle(row(index, &mut buffer).outcome())? {
                Some(()) => builder.append_value(&buffer),
                None => builder.append_null(),
            }
        }
        Ok(Arc::new(builder.finish()))
    }
}

/// What a function says about a row: a value, NULL, or why there is none.
pub(crate) trait Outcome<T> {
    fn outcome(self) -> Result<Option<T>, Fault>;
}

impl<T> Outcome<T> for Option<T> {
    fn outcome(self) -> Result<Option<T>, Fault> {
        Ok(self)
    }
}

impl<T> Outcome<T> for Result<Option<T>, Fault> {
    fn outcome(self) -> Result<Option<T>, Fault> {
        self
    }
}

impl Outcome<Self> for () {
    fn outcome(self) -> Result<Option<Self>, Fault> {
        Ok(Some(self))
    }
}

/// A column of `T` that knows whether it is constant.
pub(crate) struct Reader<'a, T: Read<'a>> {
    column: T::Column,
    argument: &'a Argument,
}

impl<'a, T: Read<'a>> Reader<'a, T> {
    /// The value of `row`, `None` for NULL.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<T> {
        let at = self.argument.at(row);
        self.argument.array.is_valid(at).then(|| T::read(self.column, at))
    }
}

/// A value that a column holds.
pub(crate) trait Read<'a>: Sized {
    type Column: Copy;
    /// Panics when the array has another type: overloads are chosen by type.
    fn column(array: &'a ArrayRef) -> Self::Column;
    fn read(column: Self::Column, at: usize) -> Self;
}

/// A value that a result column takes.
pub(crate) trait Write: Sized {
    type Builder;
    fn builder(rows: usize, data_type: &DataType) -> Self::Builder;
    fn append(builder: &mut Self::Builder, value: Option<Self>);
    fn finish(builder: Self::Builder) -> ArrayRef;
}

/// Days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Date(pub(crate) i32);
/// Milliseconds since midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Time(pub(crate) i32);
/// Milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timestamp(pub(crate) i64);
/// The digits of a decimal; its scale is the column's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unscaled(pub(crate) i128);

macro_rules! primitive {
    ($value:ty, $arrow:ty, $wrap:expr, $unwrap:expr) => {
        impl<'a> Read<'a> for $value {
            type Column = &'a PrimitiveArray<$arrow>;
            fn column(array: &'a ArrayRef) -> Self::Column {
                array.as_primitive()
            }
            #[inline]
            fn read(column: Self::Column, at: usize) -> Self {
                $wrap(column.value(at))
            }
        }
        impl Write for $value {
            type Builder = PrimitiveBuilder<$arrow>;
            fn builder(rows: usize, _: &DataType) -> Self::Builder {
                PrimitiveBuilder::with_capacity(rows)
            }
            #[inline]
            fn append(builder: &mut Self::Builder, value: Option<Self>) {
                builder.append_option(value.map($unwrap));
            }
            fn finish(mut builder: Self::Builder) -> ArrayRef {
                Arc::new(builder.finish())
            }
        }
    };
}

primitive!(i32, Int32Type, |v| v, |v| v);
primitive!(i64, Int64Type, |v| v, |v| v);
primitive!(f64, Float64Type, |v| v, |v| v);
primitive!(Date, Date32Type, Date, |v: Date| v.0);
primitive!(Time, Time32MillisecondType, Time, |v: Time| v.0);
primitive!(Timestamp, TimestampMillisecondType, Timestamp, |v: Timestamp| v.0);

impl<'a> Read<'a> for Unscaled {
    type Column = &'a Decimal128Array;
    fn column(array: &'a ArrayRef) -> Self::Column {
        array.as_primitive()
    }
    #[inline]
    fn read(column: Self::Column, at: usize) -> Self {
        Self(column.value(at))
    }
}

impl Write for Unscaled {
    type Builder = Decimal128Builder;
    fn builder(rows: usize, data_type: &DataType) -> Self::Builder {
        Decimal128Builder::with_capacity(rows).with_data_type(data_type.clone())
    }
    #[inline]
    fn append(builder: &mut Self::Builder, value: Option<Self>) {
        builder.append_option(value.map(|v| v.0));
    }
    fn finish(mut builder: Self::Builder) -> ArrayRef {
        Arc::new(builder.finish())
    }
}

impl<'a> Read<'a> for bool {
    type Column = &'a BooleanArray;
    fn column(array: &'a ArrayRef) -> Self::Column {
        array.as_boolean()
    }
    #[inline]
    fn read(column: Self::Column, at: usize) -> Self {
        column.value(at)
    }
}

impl Write for bool {
    type Builder = BooleanBuilder;
    fn builder(rows: usize, _: &DataType) -> Self::Builder {
        BooleanBuilder::with_capacity(rows)
    }
    #[inline]
    fn append(builder: &mut Self::Builder, value: Option<Self>) {
        builder.append_option(value);
    }
    fn finish(mut builder: Self::Builder) -> ArrayRef {
        Arc::new(builder.finish())
    }
}

impl<'a> Read<'a> for &'a str {
    type Column = &'a StringArray;
    fn column(array: &'a ArrayRef) -> Self::Column {
        array.as_string()
    }
    #[inline]
    fn read(column: Self::Column, at: usize) -> Self {
        column.value(at)
    }
}

impl Write for String {
    type Builder = StringBuilder;
    fn builder(rows: usize, _: &DataType) -> Self::Builder {
        StringBuilder::with_capacity(rows, rows * 16)
    }
    #[inline]
    fn append(builder: &mut Self::Builder, value: Option<Self>) {
        builder.append_option(value);
    }
    fn finish(mut builder: Self::Builder) -> ArrayRef {
        Arc::new(builder.finish())
    }
}

impl<'a> Read<'a> for &'a [u8] {
    type Column = &'a BinaryArray;
    fn column(array: &'a ArrayRef) -> Self::Column {
        array.as_binary()
    }
    #[inline]
    fn read(column: Self::Column, at: usize) -> Self {
        column.value(at)
    }
}

impl Write for Vec<u8> {
    type Builder = GenericByteBuilder<BinaryType>;
    fn builder(rows: usize, _: &DataType) -> Self::Builder {
        GenericByteBuilder::with_capacity(rows, rows * 16)
    }
    #[inline]
    fn append(builder: &mut Self::Builder, value: Option<Self>) {
        builder.append_option(value);
    }
    fn finish(mut builder: Self::Builder) -> ArrayRef {
        Arc::new(builder.finish())
    }
}

/// An `ARRAY` of numbers, texts or bytes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ListOf<T>(pub(crate) Vec<T>);

macro_rules! list {
    ($value:ty, $builder:ty) => {
        impl Write for ListOf<$value> {
            type Builder = ListBuilder<$builder>;
            fn builder(rows: usize, _: &DataType) -> Self::Builder {
                ListBuilder::with_capacity(<$builder>::new(), rows)
            }
            fn append(builder: &mut Self::Builder, value: Option<Self>) {
                let valid = value.is_some();
                for element in value.into_iter().flat_map(|list| list.0) {
                    builder.values().append_value(element);
                }
                builder.append(valid);
            }
            fn finish(mut builder: Self::Builder) -> ArrayRef {
                Arc::new(builder.finish())
            }
        }
    };
}

list!(i32, PrimitiveBuilder<Int32Type>);
list!(i64, PrimitiveBuilder<Int64Type>);
list!(Vec<u8>, GenericByteBuilder<BinaryType>);

/// An `ARRAY<STRING>` whose elements may be NULL.
impl Write for ListOf<Option<String>> {
    type Builder = ListBuilder<StringBuilder>;
    fn builder(rows: usize, _: &DataType) -> Self::Builder {
        ListBuilder::with_capacity(StringBuilder::new(), rows)
    }
    fn append(builder: &mut Self::Builder, value: Option<Self>) {
        let valid = value.is_some();
        for element in value.into_iter().flat_map(|list| list.0) {
            builder.values().append_option(element);
        }
        builder.append(valid);
    }
    fn finish(mut builder: Self::Builder) -> ArrayRef {
        Arc::new(builder.finish())
    }
}

/// A `MAP<STRING, STRING>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TextMap(pub(crate) Vec<(String, String)>);

impl Write for TextMap {
    type Builder = MapBuilder<StringBuilder, StringBuilder>;
    fn builder(_: usize, _: &DataType) -> Self::Builder {
        let names = MapFieldNames {
            entry: "entries".into(),
            key: "key".into(),
            value: "value".into(),
        };
        MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new())
    }
    fn append(builder: &mut Self::Builder, value: Option<Self>) {
        let valid = value.is_some();
        for (key, text) in value.into_iter().flat_map(|map| map.0) {
            builder.keys().append_value(key);
            builder.values().append_value(text);
        }
        builder.append(valid).expect("keys and values are appended together");
    }
    fn finish(mut builder: Self::Builder) -> ArrayRef {
        Arc::new(builder.finish())
    }
}

/// A function of no argument, computed for each row.
pub(crate) fn rows0<T: Write>(call: &Call<'_>, mut f: impl FnMut() -> T) -> Result<ArrayRef> {
    call.collect(|_| Some(f()))
}

/// A function of one argument.
pub(crate) fn rows1<'a, A, T, O>(call: &Call<'a>, mut f: impl FnMut(A) -> O) -> Result<ArrayRef>
where
    A: Read<'a>,
    T: Write,
    O: Outcome<T>,
{
    let a = call.reader::<A>(0);
    call.collect(|row| match a.get(row) {
        Some(a) => f(a).outcome(),
        None => Ok(None),
    })
}

/// A function of two arguments.
pub(crate) fn rows2<'a, A, B, T, O>(call: &Call<'a>, mut f: impl FnMut(A, B) -> O) -> Result<ArrayRef>
where
    A: Read<'a>,
    B: Read<'a>,
    T: Write,
    O: Outcome<T>,
{
    let (a, b) = (call.reader::<A>(0), call.reader::<B>(1));
    call.collect(|row| match (a.get(row), b.get(row)) {
        (Some(a), Some(b)) => f(a, b).outcome(),
        _ => Ok(None),
    })
}

/// A function of three arguments.
pub(crate) fn rows3<'a, A, B, C, T, O>(call: &Call<'a>, mut f: impl FnMut(A, B, C) -> O) -> Result<ArrayRef>
where
    A: Read<'a>,
    B: Read<'a>,
    C: Read<'a>,
    T: Write,
    O: Outcome<T>,
{
    let (a, b, c) = (call.reader::<A>(0), call.reader::<B>(1), call.reader::<C>(2));
    call.collect(|row| match (a.get(row), b.get(row), c.get(row)) {
        (Some(a), Some(b), Some(c)) => f(a, b, c).outcome(),
        _ => Ok(None),
    })
}

/// A function of one argument that appends text.
pub(crate) fn text1<'a, A, O>(call: &Call<'a>, mut f: impl FnMut(A, &mut String) -> O) -> Result<ArrayRef>
where
    A: Read<'a>,
    O: Outcome<()>,
{
    let a = call.reader::<A>(0);
    call.collect_text(|row, out| match a.get(row) {
        Some(a) => f(a, out).outcome(),
        None => Ok(None),
    })
}

/// A function of two arguments that appends text.
pub(crate) fn text2<'a, A, B, O>(call: &Call<'a>, mut f: impl FnMut(A, B, &mut String) -> O) -> Result<ArrayRef>
where
    A: Read<'a>,
    B: Read<'a>,
    O: Outcome<()>,
{
    let (a, b) = (call.reader::<A>(0), call.reader::<B>(1));
    call.collect_text(|row, out| match (a.get(row), b.get(row)) {
        (Some(a), Some(b)) => f(a, b, out).outcome(),
        _ => Ok(None),
    })
}

/// A function of three arguments that appends text.
pub(crate) fn text3<'a, A, B, C, O>(call: &Call<'a>, mut f: impl FnMut(A, B, C, &mut String) -> O) -> Result<ArrayRef>
where
    A: Read<'a>,
    B: Read<'a>,
    C: Read<'a>,
    O: Outcome<()>,
{
    let (a, b, c) = (call.reader::<A>(0), call.reader::<B>(1), call.reader::<C>(2));
    call.collect_text(|row, out| match (a.get(row), b.get(row), c.get(row)) {
        (Some(a), Some(b), Some(c)) => f(a, b, c, out).outcome(),
        _ => Ok(None),
    })
}

/// What was made of the last key: patterns, zones and paths rarely change from row to row.
#[derive(Debug)]
pub(crate) struct Memo<T> {
    last: Option<(String, T)>,
}

impl<T> Memo<T> {
    pub(crate) fn new() -> Self {
        Self { last: None }
    }

    /// The value made of `key`.
    pub(crate) fn get<E>(&mut self, key: &str, make: impl FnOnce(&str) -> Result<T, E>) -> Result<&T, E> {
        if self.last.as_ref().is_none_or(|(last, _)| last != key) {
            self.last = Some((key.to_owned(), make(key)?));
        }
        Ok(&self.last.as_ref().expect("set above").1)
    }
}
