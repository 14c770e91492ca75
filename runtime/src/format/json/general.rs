//! The general way to read a record: any JSON, fields in any order, straight into the columns, no tree in between.
//!
//! Its rules are those of ksqlDB's JSON deserializer, stricter where that one changes data without a word: a number that
//! does not fit its column, and anything behind the record's value, make the record bad. Everything that is told about a
//! bad record is told by this module; the speculative way never gives a reason.

use super::escape::unescape;
use super::fault::{Fault, Outcome, number_excerpt, string_excerpt};
use super::plain::fill_plain;
use super::scan::{skip_digits, skip_space, string_stop};
use super::skip::{skip_literal, skip_number, skip_string, skip_value};
use super::text::{write_json, write_list};
use crate::format::base64;
use crate::format::builder::{ArrayBuilder, ColumnBuilder, Fit, MapBuilder, StructBuilder};
use crate::format::coerce;
use crate::format::number::{Number, parse_exponent};
use crate::types::limits::NESTING_DEPTH_MAX;

/// What reading needs beside the columns.
#[derive(Debug)]
pub(super) struct Reader {
    /// Take values in their plainest form by way of `plain`. Off, this module reads everything itself, which is how the
    /// two are compared.
    plain: bool,
    /// A string without its escapes.
    text: Vec<u8>,
}

impl Reader {
    pub(super) fn new(plain: bool) -> Self {
        Self {
            plain,
            text: Vec::new(),
        }
    }
}

/// Reads a record that is an object with a field a column. On an error the columns hold parts of the row.
pub(super) fn read_record(record: &[u8], columns: &mut StructBuilder, reader: &mut Reader) -> Outcome<()> {
    let pos = skip_space(record, 0);
    let (end, fault) = match record.get(pos) {
        Some(b'{') => match read_fields(record, pos, columns, 0, reader) {
            Ok(end) => (end, None),
            Err(fault) if fault.is_value() => (skip_value(record, pos, 0)?, Some(fault)),
            Err(fault) => return Err(fault),
        },
        Some(b'n') => {
            let end = skip_literal(record, pos, "null")?;
            columns.fits.fill(Fit::None);
            (end, None)
        }
        _ => {
            let end = skip_value(record, pos, 0)?;
            (end, Some(Fault::kind(describe(record, pos), "an object")))
        }
    };
    read_end(record, end)?;
    if let Some(fault) = fault {
        return Err(fault);
    }
    columns.close();
    Ok(())
}

/// Reads a record that is the value of `column` itself. On an error the column holds parts of the value.
pub(super) fn read_single(record: &[u8], column: &mut ColumnBuilder, reader: &mut Reader) -> Outcome<()> {
    let pos = skip_space(record, 0);
    match read_value(record, pos, column, 0, reader) {
        Ok(end) => read_end(record, end),
        Err(fault) if fault.is_value() => {
            let end = skip_value(record, pos, 0)?;
            read_end(record, end)?;
            Err(fault)
        }
        Err(fault) => Err(fault),
    }
}

/// Only white space may stand behind the record's value.
pub(super) fn read_end(record: &[u8], pos: usize) -> Outcome<()> {
    let end = skip_space(record, pos);
    if end == record.len() {
        Ok(())
    } else {
        Err(Fault::syntax(record, end, "the end of the record"))
    }
}

/// Reads the object at `pos` into the fields of `columns`, without closing the struct. `depth` counts the arrays and
/// objects around it.
fn read_fields(
    record: &[u8],
    pos: usize,
    columns: &mut StructBuilder,
    depth: usize,
    reader: &mut Reader,
) -> Outcome<usize> {
    if depth >= NESTING_DEPTH_MAX {
        return Err(Fault::depth(pos));
    }
    columns.fits.fill(Fit::None);
    let mut faults = Vec::new();
    let mut pos = skip_space(record, pos + 1);
    if record.get(pos) == Some(&b'}') {
        return Ok(pos + 1);
    }
    loop {
        pos = skip_space(
            record,
            read_member(record, pos, columns, depth + 1, reader, &mut faults)?,
        );
        match record.get(pos) {
            Some(b',') => pos = skip_space(record, pos + 1),
            Some(b'}') => break,
            _ => return Err(Fault::syntax(record, pos, "`,` or `}`")),
        }
    }
    // Of several wrong fields the first one in the declared order is told.
    match faults.into_iter().min_by_key(|(field, _)| *field) {
        Some((field, fault)) => Err(fault.inside_field(columns.names.name(field))),
        None => Ok(pos + 1),
    }
}

/// A field whose value did not suit it, until a later member of the object replaces the value.
type FieldFault = (usize, Box<Fault>);

/// Reads the name at `pos` and its value into the fields that the name fills.
fn read_member(
    record: &[u8],
    pos: usize,
    columns: &mut StructBuilder,
    depth: usize,
    reader: &mut Reader,
    faults: &mut Vec<FieldFault>,
) -> Outcome<usize> {
    let (raw, escaped, pos) = read_key(record, pos)?;
    let resolved = if escaped {
        reader.text.clear();
        unescape(raw, &mut reader.text);
        columns.names.resolve(&reader.text)
    } else {
        columns.names.resolve(raw)
    };
    let mut end = None;
    for (target, fit) in [(resolved.exact, Fit::Exact), (resolved.folded, Fit::Folded)] {
        let Some(target) = target else { continue };
        let target = target as usize;
        if columns.fits[target] > fit {
            continue;
        }
        let length = columns.len();
        let field = &mut columns.fields[target];
        if columns.fits[target] != Fit::None {
            field.truncate(length);
            faults.retain(|(faulty, _)| *faulty != target);
        }
        columns.fits[target] = fit;
        end = Some(match read_value(record, pos, field, depth, reader) {
            Err(fault) if fault.is_value() => {
                field.truncate(length);
                field.push_null();
                faults.push((target, fault));
                skip_value(record, pos, depth)?
            }
            outcome => outcome?,
        });
    }
    match end {
        Some(end) => Ok(end),
        None => skip_value(record, pos, depth),
    }
}

/// Reads the value at `pos` into `column`; gives where it ends. On an error the column may hold a part of the value.
pub(super) fn read_value(
    record: &[u8],
    pos: usize,
    column: &mut ColumnBuilder,
    depth: usize,
    reader: &mut Reader,
) -> Outcome<usize> {
    if reader.plain
        && let Some(end) = fill_plain(record, pos, column)
    {
        return Ok(end);
    }
    match record.get(pos) {
        Some(b'{') => match column {
            ColumnBuilder::Struct(builder) => {
                let end = read_fields(record, pos, builder, depth, reader)?;
                builder.close();
                Ok(end)
            }
            ColumnBuilder::Map(builder) => read_entries(record, pos, builder, depth, reader),
            ColumnBuilder::String(builder) => {
                let end = write_json(record, pos, depth, builder.buffer())?;
                builder.end_value();
                Ok(end)
            }
            _ => Err(mismatch(record, pos, column)),
        },
        Some(b'[') => match column {
            ColumnBuilder::Array(builder) => read_elements(record, pos, builder, depth, reader),
            ColumnBuilder::String(builder) => {
                let end = write_list(record, pos, depth, builder.buffer())?;
                builder.end_value();
                Ok(end)
            }
            _ => Err(mismatch(record, pos, column)),
        },
        _ => {
            let (token, end) = read_token(record, pos)?;
            match token {
                Token::Null => column.push_null(),
                Token::Boolean(value) => push_boolean(value, column)?,
                Token::Number(number) => push_number(number, column)?,
                Token::String(raw, false) => push_string(raw, column)?,
                Token::String(raw, true) => {
                    reader.text.clear();
                    unescape(raw, &mut reader.text);
                    push_string(&reader.text, column)?;
                }
            }
            Ok(end)
        }
    }
}

fn read_elements(
    record: &[u8],
    pos: usize,
    builder: &mut ArrayBuilder,
    depth: usize,
    reader: &mut Reader,
) -> Outcome<usize> {
    if depth >= NESTING_DEPTH_MAX {
        return Err(Fault::depth(pos));
    }
    let mut pos = skip_space(record, pos + 1);
    if record.get(pos) == Some(&b']') {
        builder.close();
        return Ok(pos + 1);
    }
    for index in 0_usize.. {
        pos = read_value(record, pos, &mut builder.element, depth + 1, reader)
            .map_err(|fault| fault.inside_element(&index.to_string()))?;
        pos = skip_space(record, pos);
        match record.get(pos) {
            Some(b',') => pos = skip_space(record, pos + 1),
            Some(b']') => break,
            _ => return Err(Fault::syntax(record, pos, "`,` or `]`")),
        }
    }
    builder.close();
    Ok(pos + 1)
}

fn read_entries(
    record: &[u8],
    pos: usize,
    builder: &mut MapBuilder,
    depth: usize,
    reader: &mut Reader,
) -> Outcome<usize> {
    if depth >= NESTING_DEPTH_MAX {
        return Err(Fault::depth(pos));
    }
    let mut faults: Vec<FieldFault> = Vec::new();
    let mut pos = skip_space(record, pos + 1);
    if record.get(pos) == Some(&b'}') {
        builder.close();
        return Ok(pos + 1);
    }
    loop {
        let (raw, escaped, value) = read_key(record, pos)?;
        if escaped {
            unescape(raw, builder.keys.buffer());
            builder.keys.end_value();
        } else {
            builder.keys.push(raw);
        }
        let entry = builder.values.len();
        pos = match read_value(record, value, &mut builder.values, depth + 1, reader) {
            Err(fault) if fault.is_value() => {
                builder.values.truncate(entry);
                builder.values.push_null();
                faults.push((entry, fault.inside_element(&String::from_utf8_lossy(raw))));
                skip_value(record, value, depth + 1)?
            }
            outcome => outcome?,
        };
        pos = skip_space(record, pos);
        match record.get(pos) {
            Some(b',') => pos = skip_space(record, pos + 1),
            Some(b'}') => break,
            _ => return Err(Fault::syntax(record, pos, "`,` or `}`")),
        }
    }
    // A value that a later entry of the same key replaces is not looked at, so it cannot be wrong.
    if let Some((_, fault)) = faults.into_iter().find(|(entry, _)| !builder.is_overwritten(*entry)) {
        return Err(fault);
    }
    builder.close();
    Ok(pos + 1)
}

/// A value that is neither array nor object.
pub(super) enum Token<'a> {
    Null,
    Boolean(bool),
    Number(Number<'a>),
    /// The inside of a string as it stands, and whether it has escapes.
    String(&'a [u8], bool),
}

/// Reads the token at `pos`; gives where it ends.
pub(super) fn read_token(record: &[u8], pos: usize) -> Outcome<(Token<'_>, usize)> {
    match record.get(pos) {
        Some(b'"') => {
            let (raw, escaped, end) = read_string(record, pos + 1)?;
            Ok((Token::String(raw, escaped), end))
        }
        Some(b'-' | b'0'..=b'9') => {
            let end = skip_number(record, pos)?;
            Ok((Token::Number(split_number(&record[pos..end])), end))
        }
        Some(b't') => Ok((Token::Boolean(true), skip_literal(record, pos, "true")?)),
        Some(b'f') => Ok((Token::Boolean(false), skip_literal(record, pos, "false")?)),
        Some(b'n') => Ok((Token::Null, skip_literal(record, pos, "null")?)),
        _ => Err(Fault::syntax(record, pos, "a value")),
    }
}

/// Takes a number apart whose form has been checked.
fn split_number(text: &[u8]) -> Number<'_> {
    let negative = text.first() == Some(&b'-');
    let unsigned = &text[usize::from(negative)..];
    let (whole, rest) = unsigned.split_at(skip_digits(unsigned, 0));
    let (fraction, rest) = match rest {
        [b'.', behind @ ..] => behind.split_at(skip_digits(behind, 0)),
        _ => (&rest[..0], rest),
    };
    let exponent = match rest {
        [_, exponent @ ..] => parse_exponent(exponent).unwrap_or(0),
        [] => 0,
    };
    Number {
        text: std::str::from_utf8(text).expect("a number is ASCII"),
        negative,
        whole,
        fraction,
        exponent,
        integral: whole.len() == unsigned.len(),
    }
}

/// Reads the string whose opening quote is before `pos`: its inside, whether it has escapes, and where it ends.
#[inline]
pub(super) fn read_string(record: &[u8], pos: usize) -> Outcome<(&[u8], bool, usize)> {
    let stop = string_stop(record, pos);
    if record.get(stop) == Some(&b'"') {
        return Ok((&record[pos..stop], false, stop + 1));
    }
    let end = skip_string(record, pos)?;
    Ok((&record[pos..end - 1], true, end))
}

/// Reads the field name at `pos`: its inside, whether it has escapes, and where the value starts.
#[inline]
pub(super) fn read_key(record: &[u8], pos: usize) -> Outcome<(&[u8], bool, usize)> {
    if record.get(pos) != Some(&b'"') {
        return Err(Fault::syntax(record, pos, "`\"` of a field name"));
    }
    let (raw, escaped, end) = read_string(record, pos + 1)?;
    let colon = skip_space(record, end);
    if record.get(colon) != Some(&b':') {
        return Err(Fault::syntax(record, colon, "`:`"));
    }
    Ok((raw, escaped, skip_space(record, colon + 1)))
}

fn push_boolean(value: bool, column: &mut ColumnBuilder) -> Outcome<()> {
    match column {
        ColumnBuilder::Boolean(builder) => builder.push(value),
        ColumnBuilder::String(builder) => builder.push(if value { b"true" } else { b"false" }),
        _ => return Err(Fault::kind(value.to_string(), &column.type_name())),
    }
    Ok(())
}

fn push_number(number: Number<'_>, column: &mut ColumnBuilder) -> Outcome<()> {
    let fits = match column {
        ColumnBuilder::Integer(builder) => number
            .to_i64()
            .and_then(|value| i32::try_from(value).ok())
            .map(|value| builder.push(value)),
        ColumnBuilder::Bigint(builder) | ColumnBuilder::Timestamp(builder) => {
            number.to_i64().map(|value| builder.push(value))
        }
        ColumnBuilder::Double(builder) => number.to_f64().map(|value| builder.push(value)),
        ColumnBuilder::Decimal(builder, precision, scale) => {
            number.to_decimal(*precision, *scale).map(|value| builder.push(value))
        }
        ColumnBuilder::Time(builder) => number
            .to_i64()
            .and_then(coerce::time_of_day)
            .map(|value| builder.push(value)),
        ColumnBuilder::Date(builder) => number.to_i64().and_then(coerce::date).map(|value| builder.push(value)),
        ColumnBuilder::String(builder) => number.write_text(builder.buffer()).then(|| builder.end_value()),
        ColumnBuilder::Boolean(_)
        | ColumnBuilder::Bytes(_)
        | ColumnBuilder::Array(_)
        | ColumnBuilder::Map(_)
        | ColumnBuilder::Struct(_) => {
            return Err(Fault::kind(number_excerpt(number.text.as_bytes()), &column.type_name()));
        }
    };
    fits.ok_or_else(|| Fault::unfit(number_excerpt(number.text.as_bytes()), &column.type_name()))
}

fn push_string(text: &[u8], column: &mut ColumnBuilder) -> Outcome<()> {
    if let ColumnBuilder::String(builder) = column {
        builder.push(text);
        return Ok(());
    }
    let str = || std::str::from_utf8(text).unwrap_or_default();
    let fits = match column {
        ColumnBuilder::Integer(builder) => coerce::integer(str()).map(|value| builder.push(value)),
        ColumnBuilder::Bigint(builder) | ColumnBuilder::Timestamp(builder) => {
            coerce::bigint(str()).map(|value| builder.push(value))
        }
        ColumnBuilder::Double(builder) => coerce::double(str()).map(|value| builder.push(value)),
        ColumnBuilder::Decimal(builder, precision, scale) => crate::format::number::parse(str())
            .and_then(|number| number.to_decimal(*precision, *scale))
            .map(|value| builder.push(value)),
        ColumnBuilder::Time(builder) => coerce::bigint(str())
            .and_then(coerce::time_of_day)
            .map(|value| builder.push(value)),
        ColumnBuilder::Date(builder) => coerce::bigint(str())
            .and_then(coerce::date)
            .map(|value| builder.push(value)),
        ColumnBuilder::Bytes(builder) => {
            base64::decode(text, base64::Dialect::Json, builder.buffer()).map(|()| builder.end_value())
        }
        _ => return Err(Fault::kind(string_excerpt(text), &column.type_name())),
    };
    fits.ok_or_else(|| Fault::unfit(string_excerpt(text), &column.type_name()))
}

/// What stands at `pos`, for a type that cannot take it.
#[cold]
#[expect(clippy::unnecessary_box_returns, reason = "as in `Fault`")]
fn mismatch(record: &[u8], pos: usize, column: &ColumnBuilder) -> Box<Fault> {
    Fault::kind(describe(record, pos), &column.type_name())
}

fn describe(record: &[u8], pos: usize) -> String {
    match record.get(pos) {
        Some(b'{') => "an object".into(),
        Some(b'[') => "an array".into(),
        Some(b'"') => string_excerpt(&record[pos + 1..skip_string(record, pos + 1).map_or(pos + 1, |end| end - 1)]),
        Some(b't') => "true".into(),
        Some(b'f') => "false".into(),
        Some(b'n') => "null".into(),
        _ => number_excerpt(&record[pos..skip_number(record, pos).unwrap_or(pos)]),
    }
}
