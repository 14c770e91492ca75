//! Defaults of arguments as SQL would write them: `ARRAY[1, 2]`, `STRUCT(A := 'x')`, `X'00FF'`.

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;

/// A default for people.
pub(super) fn default_text(value: &ScalarValue) -> String {
    match value {
        value if value.is_null() => "NULL".to_owned(),
        ScalarValue::Utf8(Some(text)) => format!("'{}'", text.replace('\'', "''")),
        ScalarValue::Date32(_) | ScalarValue::Time32Millisecond(_) | ScalarValue::TimestampMillisecond(..) => {
            format!("'{}'", plain(value))
        }
        ScalarValue::Binary(Some(bytes)) => {
            let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
            format!("X'{}'", digits.concat())
        }
        ScalarValue::List(list) => format!("ARRAY[{}]", all(&list.value(0)).join(", ")),
        ScalarValue::Map(map) => {
            let entries = map.value(0);
            let entries = all(entries.column(0)).into_iter().zip(all(entries.column(1)));
            let entries: Vec<String> = entries.map(|(key, value)| format!("{key} := {value}")).collect();
            format!("MAP({})", entries.join(", "))
        }
        ScalarValue::Struct(row) => {
            let fields = row.fields().iter().zip(row.columns());
            let fields = fields.map(|(field, column)| format!("{} := {}", field.name(), all(column).concat()));
            format!("STRUCT({})", fields.collect::<Vec<_>>().join(", "))
        }
        // A whole number without a point, as it is typed.
        ScalarValue::Float64(_) => value.to_string(),
        value => plain(value),
    }
}

/// As CAST to STRING would have it.
fn plain(value: &ScalarValue) -> String {
    match value.cast_to(&DataType::Utf8) {
        Ok(ScalarValue::Utf8(Some(text))) => text,
        _ => value.to_string(),
    }
}

fn all(values: &ArrayRef) -> Vec<String> {
    let one = |at| ScalarValue::try_from_array(values, at).map_or_else(|error| error.to_string(), |v| default_text(&v));
    (0..values.len()).map(one).collect()
}
