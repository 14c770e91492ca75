//! Values of defaults, from the JSON of a manifest to a constant of the argument's type. What does not fit is refused, with the place inside of the value.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, MapArray, StructArray, new_empty_array};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Fields};
use datafusion::common::format::DEFAULT_CAST_OPTIONS;
use datafusion::scalar::ScalarValue;
use serde_json::{Map, Value};

use crate::types::schema::SqlType;

/// The value of a default. Numbers, texts and booleans are written as such in JSON, dates and times as texts, BYTES in hexadecimal digits, ARRAY as
/// an array, STRUCT and MAP as objects.
pub(super) fn default(value: &Value, sql_type: &SqlType) -> Result<ScalarValue, String> {
    read(value, sql_type).map_err(|Refused { place, reason }| match place.as_str() {
        "" => reason,
        place => format!("{place}: {reason}"),
    })
}

/// Why a value does not fit, and where in the default it stands: `[1].name`.
struct Refused {
    place: String,
    reason: String,
}

impl Refused {
    fn new(reason: impl Into<String>) -> Self {
        Self {
            place: String::new(),
            reason: reason.into(),
        }
    }

    fn inside(self, part: &str) -> Self {
        Self {
            place: format!("{part}{}", self.place),
            ..self
        }
    }
}

fn read(value: &Value, sql_type: &SqlType) -> Result<ScalarValue, Refused> {
    let refused = || Refused::new(format!("{value} is no value of {sql_type}"));
    let data_type = sql_type.to_arrow();
    match (value, sql_type) {
        (Value::Null, _) => ScalarValue::try_from(&data_type).map_err(|_| refused()),
        (Value::Bool(value), SqlType::Boolean) => Ok(ScalarValue::Boolean(Some(*value))),
        (Value::Number(number), SqlType::Integer | SqlType::Bigint | SqlType::Double | SqlType::Decimal(..)) => {
            cast(number.to_string(), &data_type).ok_or_else(refused)
        }
        (Value::String(text), SqlType::String) => Ok(ScalarValue::Utf8(Some(text.clone()))),
        (Value::String(text), SqlType::Date | SqlType::Time | SqlType::Timestamp | SqlType::Decimal(..)) => {
            cast(text.clone(), &data_type).ok_or_else(refused)
        }
        (Value::String(text), SqlType::Bytes) => match bytes(text) {
            Some(bytes) => Ok(ScalarValue::Binary(Some(bytes))),
            None => Err(Refused::new(format!(
                "{value} is no value of BYTES, which are written in hexadecimal digits, two for each byte"
            ))),
        },
        (Value::Array(values), SqlType::Array(element)) => {
            let values = values.iter().enumerate();
            let values =
                values.map(|(at, value)| read(value, element).map_err(|error| error.inside(&format!("[{at}]"))));
            let values = values.collect::<Result<Vec<_>, _>>()?;
            Ok(ScalarValue::List(ScalarValue::new_list_nullable(
                &values,
                &element.to_arrow(),
            )))
        }
        (Value::Object(entries), SqlType::Map(key, value)) => map(entries, (key, value), &data_type),
        (Value::Object(given), SqlType::Struct(fields)) => structure(given, fields, &data_type),
        _ => Err(refused()),
    }
}

fn cast(text: String, data_type: &DataType) -> Option<ScalarValue> {
    let value = ScalarValue::Utf8(Some(text)).cast_to_with_options(data_type, &DEFAULT_CAST_OPTIONS);
    value.ok().filter(|value| !value.is_null())
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = digits
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let pairs = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(pairs.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// JSON has texts for keys: those of other types are written in them as their values would be without quotes.
fn map(
    entries: &Map<String, Value>,
    (key_type, value_type): (&SqlType, &SqlType),
    data_type: &DataType,
) -> Result<ScalarValue, Refused> {
    let (mut keys, mut values) = (Vec::new(), Vec::new());
    for (key, value) in entries {
        let text = Value::String(key.clone());
        let bare = match key_type {
            SqlType::Boolean | SqlType::Integer | SqlType::Bigint | SqlType::Double => serde_json::from_str(key).ok(),
            _ => Some(text.clone()),
        };
        let refused = || Refused::new(format!("the key {text} is no value of {key_type}"));
        let bare = bare.filter(|bare| !bare.is_null()).ok_or_else(refused)?;
        keys.push(read(&bare, key_type).map_err(|_| refused())?);
        values.push(read(value, value_type).map_err(|error| error.inside(&format!("[{text}]")))?);
    }
    let DataType::Map(field, _) = data_type else {
        return Err(Refused::new(format!("{data_type} is no MAP")));
    };
    let DataType::Struct(parts) = field.data_type() else {
        return Err(Refused::new(format!("{data_type} has no entries")));
    };
    let columns = vec![column(keys, key_type)?, column(values, value_type)?];
    let rows = StructArray::try_new(parts.clone(), columns, None).map_err(|error| Refused::new(error.to_string()))?;
    let offsets = OffsetBuffer::from_lengths([entries.len()]);
    let map = MapArray::try_new(Arc::clone(field), offsets, rows, None, false);
    Ok(ScalarValue::Map(Arc::new(
        map.map_err(|error| Refused::new(error.to_string()))?,
    )))
}

fn column(values: Vec<ScalarValue>, sql_type: &SqlType) -> Result<ArrayRef, Refused> {
    if values.is_empty() {
        return Ok(new_empty_array(&sql_type.to_arrow()));
    }
    ScalarValue::iter_to_array(values).map_err(|error| Refused::new(error.to_string()))
}

/// A field that is left out is NULL. Names are those of the type, which has them in upper case unless they are in back-quotes there.
fn structure(
    given: &Map<String, Value>,
    fields: &[(String, SqlType)],
    data_type: &DataType,
) -> Result<ScalarValue, Refused> {
    let is_named = |key: &str, name: &str| key == name || key.to_ascii_uppercase() == name;
    let unknown = given
        .keys()
        .find(|key| !fields.iter().any(|(name, _)| is_named(key, name)));
    if let Some(unknown) = unknown {
        let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
        return Err(Refused::new(format!(
            "there is no field {unknown:?}; the fields are {}",
            names.join(", ")
        )));
    }
    let columns = fields.iter().map(|(name, sql_type)| {
        let mut own = given.iter().filter(|(key, _)| is_named(key, name));
        let value = own.next().map_or(&Value::Null, |(_, value)| value);
        if own.next().is_some() {
            return Err(Refused::new(format!("the field {name} is there twice")));
        }
        let value = read(value, sql_type).map_err(|error| error.inside(&format!(".{name}")))?;
        column(vec![value], sql_type)
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let DataType::Struct(parts) = data_type else {
        return Err(Refused::new(format!("{data_type} is no STRUCT")));
    };
    let parts: Fields = parts.clone();
    let row = StructArray::try_new(parts, columns, None).map_err(|error| Refused::new(error.to_string()))?;
    Ok(ScalarValue::Struct(Arc::new(row)))
}
