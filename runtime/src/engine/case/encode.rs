//! Keys and values of cases, which are JSON, as the bytes of a topic, and back.

use serde_json::{Number, Value};

use super::compare::Numbers;
use crate::types::schema::{Column, SqlType};
use crate::types::storage::{Format, FormatSpec};

/// The key or the value of a topic's records.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Side {
    pub(super) format: FormatSpec,
    pub(super) columns: Vec<Column>,
}

impl Side {
    /// The bytes of a JSON value; null is no bytes.
    ///
    /// # Errors
    /// When the value does not fit the format and type.
    pub(super) fn encode(&self, value: &Value) -> Result<Option<Vec<u8>>, String> {
        if value.is_null() {
            return Ok(None);
        }
        match self.format.format {
            Format::None => Ok(None),
            Format::Json => serde_json::to_vec(value).map(Some).map_err(|error| error.to_string()),
            Format::Delimited => match value {
                Value::Object(_) | Value::Array(_) => Err(format!("DELIMITED is given as text, not as {value}")),
                value => Ok(Some(super::expand::text_of(value).into_bytes())),
            },
            Format::Kafka => self.encode_kafka(value).map(Some),
        }
    }

    fn encode_kafka(&self, value: &Value) -> Result<Vec<u8>, String> {
        let text = super::expand::text_of(value);
        let wrong = |what: &str| format!("{value} is no {what}");
        match self.columns.first().map(|column| &column.sql_type) {
            Some(SqlType::Integer) => match text.parse::<i32>() {
                Ok(number) => Ok(number.to_be_bytes().to_vec()),
                Err(_) => Err(wrong("INTEGER")),
            },
            Some(SqlType::Bigint) => match text.parse::<i64>() {
                Ok(number) => Ok(number.to_be_bytes().to_vec()),
                Err(_) => Err(wrong("BIGINT")),
            },
            Some(SqlType::Double) => match text.parse::<f64>() {
                Ok(number) => Ok(number.to_be_bytes().to_vec()),
                Err(_) => Err(wrong("DOUBLE")),
            },
            _ => Ok(text.into_bytes()),
        }
    }

    /// Bytes as JSON; no bytes are null.
    ///
    /// # Errors
    /// When the bytes are not of the format and type.
    pub(super) fn decode(&self, bytes: Option<&[u8]>) -> Result<Value, String> {
        let Some(bytes) = bytes else { return Ok(Value::Null) };
        let text = || String::from_utf8(bytes.to_vec()).map_err(|_| format!("{} bytes are no text", bytes.len()));
        match self.format.format {
            Format::None => Ok(Value::Null),
            Format::Json => serde_json::from_slice(bytes)
                .map_err(|error| format!("{} is no JSON: {error}", String::from_utf8_lossy(bytes))),
            Format::Delimited => text().map(Value::String),
            Format::Kafka => match self.columns.first().map(|column| &column.sql_type) {
                Some(SqlType::Integer) => Ok(Value::from(i32::from_be_bytes(exact(bytes)?))),
                Some(SqlType::Bigint) => Ok(Value::from(i64::from_be_bytes(exact(bytes)?))),
                Some(SqlType::Double) => {
                    let number = f64::from_be_bytes(exact(bytes)?);
                    Ok(Number::from_f64(number).map_or_else(|| Value::String(number.to_string()), Value::Number))
                }
                _ => text().map(Value::String),
            },
        }
    }

    /// How its numbers are compared: what JSON writes to the letter, Kafka's doubles nearly.
    pub(super) fn numbers(&self) -> Numbers {
        let is_double = self
            .columns
            .first()
            .is_some_and(|column| column.sql_type == SqlType::Double);
        if self.format.format == Format::Kafka && is_double {
            Numbers::Near
        } else {
            Numbers::Exact
        }
    }
}

fn exact<const N: usize>(bytes: &[u8]) -> Result<[u8; N], String> {
    bytes
        .try_into()
        .map_err(|_| format!("{} bytes where {N} are expected", bytes.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::schema::ColumnRole;

    fn side(format: Format, sql_type: SqlType) -> Side {
        Side {
            format: FormatSpec {
                format,
                delimiter: b',',
                wrap_single: false,
            },
            columns: vec![Column {
                name: "A".into(),
                sql_type,
                role: ColumnRole::Value,
            }],
        }
    }

    fn round_trip(side: &Side, json: &str, bytes: &[u8]) {
        let value: Value = serde_json::from_str(json).expect("JSON");
        assert_eq!(side.encode(&value).expect("it fits").as_deref(), Some(bytes), "{json}");
        assert_eq!(side.decode(Some(bytes)).expect("it is of the format"), value);
    }

    #[test]
    fn each_format_there_and_back() {
        round_trip(&side(Format::Kafka, SqlType::Integer), "5", &[0, 0, 0, 5]);
        round_trip(&side(Format::Kafka, SqlType::Bigint), "-1", &[255; 8]);
        round_trip(&side(Format::Kafka, SqlType::Double), "0.5", &0.5_f64.to_be_bytes());
        round_trip(&side(Format::Kafka, SqlType::String), "\"a\"", b"a");
        round_trip(&side(Format::Delimited, SqlType::String), "\"1,a\"", b"1,a");
        round_trip(
            &side(Format::Json, SqlType::String),
            r#"{"B":1.10,"A":[null]}"#,
            br#"{"B":1.10,"A":[null]}"#,
        );
        let none = side(Format::None, SqlType::String);
        assert_eq!(none.encode(&Value::from(1)), Ok(None));
        assert_eq!(side(Format::Json, SqlType::String).encode(&Value::Null), Ok(None));
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let integer = side(Format::Kafka, SqlType::Integer);
        assert_eq!(integer.encode(&Value::from("x")), Err("\"x\" is no INTEGER".into()));
        assert_eq!(integer.decode(Some(b"abc")), Err("3 bytes where 4 are expected".into()));
        assert!(
            side(Format::Delimited, SqlType::String)
                .encode(&serde_json::json!({}))
                .is_err()
        );
        assert!(side(Format::Json, SqlType::String).decode(Some(b"{")).is_err());
    }
}
