//! Functions of JSON texts.
//!
//! Numbers keep their digits; a text may go on after its first JSON value, which ksqlDB does not read either.

use std::fmt::Write;

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;
use serde_json::Value;

use super::json_path::JsonPath;
use super::string::int;
use crate::function::cast::write_value;
use crate::function::column::{Call, ListOf, Memo, TextMap, rows1};
use crate::function::definition::{Definition, define};
use crate::function::java_number::{Digits, write_big_decimal, write_decimal};
use crate::function::row_error::Fault;

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn functions() -> Vec<Definition> {
    vec![
        define(
            "extractjsonfield",
            "the value at a path of a JSON text, texts without quotes: EXTRACTJSONFIELD(json, '$.a.b[0]')",
        )
        .on("(STRING, STRING) -> STRING", extract_field),
        define("is_json_string", "whether a text is JSON").on("(STRING) -> BOOLEAN", |c| {
            let text = c.reader::<&str>(0);
            c.collect(|row| {
                let is_json = |text: &str| matches!(parse(text), Ok(Some(_)));
                Some(text.get(row).is_some_and(is_json))
            })
        }),
        define(
            "json_array_contains",
            "whether a JSON array has a value as an element: JSON_ARRAY_CONTAINS(json, value)",
        )
        .on("(STRING, T) -> BOOLEAN", array_contains),
        define(
            "json_array_length",
            "how many elements a JSON array has; NULL for other JSON",
        )
        .on("(STRING) -> INT", |c| {
            rows1(c, |text: &str| match parse(text)? {
                Some(Value::Array(elements)) => Ok::<_, Fault>(Some(int(elements.len()))),
                _ => Ok(None),
            })
        }),
        define(
            "json_concat",
            "JSON texts put together: objects merge, all else becomes one array",
        )
        .on("(STRING...) -> STRING", concat),
        define("json_items", "the elements of a JSON array, each as JSON").on("(STRING) -> ARRAY<STRING>", |c| {
            rows1(c, |text: &str| match parse(text)? {
                Some(Value::Array(elements)) => Ok(Some(ListOf(
                    elements.iter().map(|e| Some(to_text(e, Style::Exact))).collect(),
                ))),
                _ => Err(Fault::from("the JSON is not an array")),
            })
        }),
        define(
            "json_keys",
            "the names of the fields of a JSON object; NULL for other JSON",
        )
        .on("(STRING) -> ARRAY<STRING>", |c| {
            rows1(c, |text: &str| match parse(text)? {
                Some(Value::Object(fields)) => {
                    Ok::<_, Fault>(Some(ListOf(fields.into_iter().map(|(name, _)| Some(name)).collect())))
                }
                _ => Ok(None),
            })
        }),
        define(
            "json_records",
            "the fields of a JSON object by name, each as JSON without quotes; NULL for other JSON",
        )
        .on("(STRING) -> MAP<STRING, STRING>", |c| {
            rows1(c, |text: &str| match parse(text)? {
                Some(Value::Object(fields)) => Ok::<_, Fault>(Some(TextMap(
                    fields
                        .into_iter()
                        .map(|(name, value)| (name, unquoted(value)))
                        .collect(),
                ))),
                _ => Ok(None),
            })
        }),
        define("to_json_string", "any value as JSON").on("(T) -> STRING", |c| {
            let argument = &c.args[0];
            c.collect_text(|row, out| {
                write_json(&argument.array, argument.at(row), out);
                Some(())
            })
        }),
    ]
}

/// The first JSON value of a text; `None` where it has none.
fn parse(text: &str) -> Result<Option<Value>, Fault> {
    serde_json::Deserializer::from_str(text)
        .into_iter::<Value>()
        .next()
        .transpose()
        .map_err(|error| format!("invalid JSON: {error}").into())
}

fn extract_field(call: &Call<'_>) -> Result<ArrayRef> {
    let (text, path) = (call.reader::<&str>(0), call.reader::<&str>(1));
    let mut paths = Memo::new();
    call.collect_text(|row, out| {
        let (Some(text), Some(path)) = (text.get(row), path.get(row)) else {
            return Ok(None);
        };
        let path = paths.get(path, JsonPath::parse)?;
        let Some(root) = parse(text)? else {
            return Ok(None);
        };
        let found = path.steps.iter().try_fold(&root, |value, step| match value {
            Value::Array(elements) => elements.get(step.parse::<usize>().ok()?),
            Value::Object(fields) => fields.get(step),
            _ => None,
        });
        Ok::<_, Fault>(found.map(|value| match value {
            Value::String(text) => out.push_str(text),
            other => write_node(other, Style::Exact, out),
        }))
    })
}

fn unquoted(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => to_text(&other, Style::Exact),
    }
}

fn array_contains(call: &Call<'_>) -> Result<ArrayRef> {
    let text = call.reader::<&str>(0);
    let wanted = &call.args[1];
    call.collect(|row| {
        let Some(text) = text.get(row) else {
            return Ok(None);
        };
        // JSON that is none contains nothing.
        let Ok(Some(Value::Array(elements))) = parse(text) else {
            return Ok(Some(false));
        };
        let at = wanted.at(row);
        Ok::<_, Fault>(Some(elements.iter().any(|e| is_same(e, &wanted.array, at))))
    })
}

/// Whether a JSON value is the SQL value at `at`: whole numbers match INTEGER and BIGINT, others DOUBLE and DECIMAL.
fn is_same(value: &Value, array: &ArrayRef, at: usize) -> bool {
    if array.is_null(at) {
        return value.is_null();
    }
    let mut text = String::new();
    match (value, array.data_type()) {
        (Value::String(value), DataType::Utf8) => array.as_string::<i32>().value(at) == value,
        (Value::Bool(value), DataType::Boolean) => array.as_boolean().value(at) == *value,
        (Value::Number(number), DataType::Int32 | DataType::Int64) => {
            write_value(array, at, &mut text);
            number.as_i64().is_some_and(|number| text.parse() == Ok(number))
        }
        (Value::Number(number), DataType::Float64 | DataType::Decimal128(..)) => {
            let is_whole = number.as_i64().is_some();
            write_value(array, at, &mut text);
            !is_whole && number.as_f64().is_some_and(|number| text.parse() == Ok(number))
        }
        _ => false,
    }
}

fn concat(call: &Call<'_>) -> Result<ArrayRef> {
    let texts: Vec<_> = (0..call.args.len()).map(|index| call.reader::<&str>(index)).collect();
    call.collect_text(|row, out| {
        let mut values = Vec::with_capacity(texts.len());
        for text in &texts {
            let Some(text) = text.get(row) else {
                return Ok(None);
            };
            let Some(value) = parse(text)? else {
                return Ok(None);
            };
            values.push(value);
        }
        if values.is_empty() {
            return Ok(None);
        }
        let combined = if values.iter().all(Value::is_object) {
            let fields = values.into_iter().filter_map(|value| match value {
                Value::Object(fields) => Some(fields),
                _ => None,
            });
            Value::Object(fields.flatten().collect())
        } else if values.len() == 1 {
            values.remove(0)
        } else {
            let elements = values.into_iter().flat_map(|value| match value {
                Value::Array(elements) => elements,
                other => vec![other],
            });
            Value::Array(elements.collect())
        };
        write_node(&combined, Style::Plain, out);
        Ok::<_, Fault>(Some(()))
    })
}

/// How numbers with an exponent are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// As `BigDecimal.toString`.
    Exact,
    /// Without an exponent.
    Plain,
}

fn to_text(value: &Value, style: Style) -> String {
    let mut out = String::new();
    write_node(value, style, &mut out);
    out
}

/// Appends JSON without spaces.
fn write_node(value: &Value, style: Style, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => write_number(number.as_str(), style, out),
        Value::String(text) => write_quoted(text, out),
        Value::Array(elements) => {
            out.push('[');
            for (index, element) in elements.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                write_node(element, style, out);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            out.push('{');
            for (index, (name, value)) in fields.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                write_quoted(name, out);
                out.push(':');
                write_node(value, style, out);
            }
            out.push('}');
        }
    }
}

fn write_number(text: &str, style: Style, out: &mut String) {
    let digits = text.contains(['e', 'E']).then(|| Digits::parse(text)).flatten();
    let unscaled = digits.and_then(|digits| {
        let scale = i8::try_from(digits.scale()).ok()?;
        let unscaled = digits.unscaled(scale, crate::function::java_number::Rounding::Down)?;
        Some((unscaled, scale))
    });
    match (unscaled, style) {
        (Some((unscaled, scale)), Style::Exact) => write_big_decimal(unscaled, scale, out),
        (Some((unscaled, scale)), Style::Plain) => write_decimal(unscaled, scale, out),
        // Without an exponent, or with one beyond all decimals: as it stands.
        (None, _) => out.push_str(text),
    }
}

fn write_quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if c < ' ' => write!(out, "\\u{:04X}", u32::from(c)).expect("writing to a string does not fail"),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Appends a SQL value as JSON: dates and times as text, bytes in base 64, fields of structs and keys of maps sorted.
fn write_json(array: &dyn Array, at: usize, out: &mut String) {
    if array.is_null(at) {
        out.push_str("null");
        return;
    }
    match array.data_type() {
        DataType::Boolean | DataType::Int32 | DataType::Int64 | DataType::Decimal128(..) => write_value(array, at, out),
        DataType::Float64 => {
            let value = array
                .as_primitive::<datafusion::arrow::datatypes::Float64Type>()
                .value(at);
            let quote = if value.is_finite() { "" } else { "\"" };
            out.push_str(quote);
            write_value(array, at, out);
            out.push_str(quote);
        }
        DataType::Utf8 => write_quoted(array.as_string::<i32>().value(at), out),
        DataType::Binary => {
            out.push('"');
            super::string_bytes::push_base64(array.as_binary::<i32>().value(at), out);
            out.push('"');
        }
        DataType::List(_) => {
            let values = array.as_list::<i32>().value(at);
            out.push('[');
            for index in 0..values.len() {
                out.push_str(if index > 0 { "," } else { "" });
                write_json(&values, index, out);
            }
            out.push(']');
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(at);
            let mut fields: Vec<(String, usize)> = (0..entries.len())
                .map(|index| {
                    let mut key = String::new();
                    write_value(entries.column(0), index, &mut key);
                    (key, index)
                })
                .collect();
            fields.sort();
            write_fields(&fields, |index, out| write_json(entries.column(1), index, out), out);
        }
        DataType::Struct(declared) => {
            let columns = array.as_struct();
            let mut fields: Vec<(String, usize)> = (declared.iter().enumerate())
                .map(|(index, field)| (field.name().clone(), index))
                .collect();
            fields.sort();
            write_fields(&fields, |index, out| write_json(columns.column(index), at, out), out);
        }
        _ => {
            out.push('"');
            write_value(array, at, out);
            out.push('"');
        }
    }
}

fn write_fields(fields: &[(String, usize)], value: impl Fn(usize, &mut String), out: &mut String) {
    out.push('{');
    for (position, (name, index)) in fields.iter().enumerate() {
        out.push_str(if position > 0 { "," } else { "" });
        write_quoted(name, out);
        out.push(':');
        value(*index, out);
    }
    out.push('}');
}
