//! Record headers as columns: ksqlDB's `HEADERS` and `HEADER('key')`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BinaryBuilder, ListArray, StringBuilder, StructArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, Fields};

use crate::types::Headers;
use crate::types::schema::SqlType;

/// The type of a `HEADERS` column: `ARRAY<STRUCT<KEY STRING, VALUE BYTES>>` (ksqlDB: `SystemColumns.HEADERS_TYPE`).
#[must_use]
pub(crate) fn headers_type() -> SqlType {
    SqlType::Array(Box::new(SqlType::Struct(vec![
        ("KEY".into(), SqlType::String),
        ("VALUE".into(), SqlType::Bytes),
    ])))
}

/// All headers of each row.
pub(crate) fn all_headers(rows: &[Headers]) -> ArrayRef {
    let (mut keys, mut values) = (StringBuilder::new(), BinaryBuilder::new());
    for (key, value) in rows.iter().flatten() {
        keys.append_value(key);
        values.append_option(value.as_deref());
    }
    let fields = Fields::from(vec![
        Field::new("KEY", DataType::Utf8, true),
        Field::new("VALUE", DataType::Binary, true),
    ]);
    let entries = StructArray::new(fields, vec![Arc::new(keys.finish()), Arc::new(values.finish())], None);
    let offsets = OffsetBuffer::from_lengths(rows.iter().map(Vec::len));
    let DataType::List(item) = headers_type().to_arrow() else {
        unreachable!("headers are an array")
    };
    Arc::new(ListArray::new(item, offsets, Arc::new(entries), None))
}

/// The last header of that key in each row; null where a row has none.
pub(crate) fn last_header(rows: &[Headers], wanted: &str) -> ArrayRef {
    let mut values = BinaryBuilder::new();
    for row in rows {
        let last = row.iter().rev().find(|(key, _)| key == wanted);
        values.append_option(last.and_then(|(_, value)| value.as_deref()));
    }
    Arc::new(values.finish())
}
