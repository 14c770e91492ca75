//! Arguments that a call may leave out or give any number of times.

use datafusion::common::format::DEFAULT_CAST_OPTIONS;
use datafusion::scalar::ScalarValue;
use serde_json::Value;

use super::ArgSpec;
use crate::types::schema::SqlType;

/// The value of a default. Numbers, texts and booleans are written as such in JSON, dates and times as texts.
pub(super) fn default(value: &Value, sql_type: &SqlType) -> Result<ScalarValue, String> {
    let refused = || format!("{value} is no value of {sql_type}");
    let data_type = sql_type.to_arrow();
    let text = match (value, sql_type) {
        (Value::Null, _) => return ScalarValue::try_from(&data_type).map_err(|_| refused()),
        (Value::Bool(value), SqlType::Boolean) => return Ok(ScalarValue::Boolean(Some(*value))),
        (Value::Number(number), SqlType::Integer | SqlType::Bigint | SqlType::Double | SqlType::Decimal(..)) => {
            number.to_string()
        }
        (Value::String(text), SqlType::String) => return Ok(ScalarValue::Utf8(Some(text.clone()))),
        (Value::String(text), SqlType::Date | SqlType::Time | SqlType::Timestamp | SqlType::Decimal(..)) => {
            text.clone()
        }
        _ => return Err(refused()),
    };
    let options = DEFAULT_CAST_OPTIONS;
    match ScalarValue::Utf8(Some(text)).cast_to_with_options(&data_type, &options) {
        Ok(value) if !value.is_null() => Ok(value),
        _ => Err(refused()),
    }
}

/// What may stand after what: the arguments that a call may leave out are the last ones, and no other comes after a variadic one.
pub(super) fn check_order(place: &str, before: Option<&ArgSpec>, arg: &ArgSpec) -> Result<(), String> {
    let Some(before) = before else { return Ok(()) };
    if before.variadic {
        return Err(format!(
            "{place}: a variadic argument is the last one, and {} is not",
            before.name
        ));
    }
    if before.default.is_some() && arg.default.is_none() {
        return Err(format!(
            "{place}: {} has a default, so every argument after it has one; {} has none",
            before.name, arg.name
        ));
    }
    Ok(())
}
