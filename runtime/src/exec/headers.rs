//! Record headers as columns: ksqlDB's `HEADERS` and `HEADER('key')`.

use std::sync::Arc;

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, ArrayRef, BinaryBuilder, ListArray, StringBuilder, StructArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, Fields};

use crate::types::Headers;
use crate::types::schema::headers_type;

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

/// The headers that a column holds, as [`all_headers`] made it; `None` where no row has one.
pub(crate) fn headers_of(column: &ArrayRef) -> Option<Vec<Headers>> {
    let lists = column.as_list::<i32>();
    let entries = lists.values().as_struct();
    if entries.is_empty() {
        return None;
    }
    let (keys, values) = (
        entries.column(0).as_string::<i32>(),
        entries.column(1).as_binary::<i32>(),
    );
    let header = |at: usize| {
        let value = values.is_valid(at).then(|| values.value(at).to_vec());
        (keys.value(at).to_owned(), value)
    };
    let row = |bounds: &[i32]| -> Headers {
        let at = |offset: i32| usize::try_from(offset).unwrap_or(0);
        (at(bounds[0])..at(bounds[1])).map(header).collect()
    };
    Some(lists.value_offsets().windows(2).map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_go_into_a_column_and_come_back() {
        let rows: Vec<Headers> = vec![
            vec![],
            vec![("a".into(), Some(b"1".to_vec())), ("a".into(), None)],
            vec![("b".into(), Some(vec![]))],
        ];
        let column = all_headers(&rows);
        assert_eq!(headers_of(&column), Some(rows.clone()));
        assert_eq!(headers_of(&column.slice(1, 1)), Some(rows[1..2].to_vec()));
        assert_eq!(headers_of(&all_headers(&[vec![], vec![]])), None);
    }
}
