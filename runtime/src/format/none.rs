//! `NONE`: no bytes and no columns, for topics whose records have no key.

use datafusion::arrow::array::{ArrayRef, BooleanArray};

use super::columns::typed;
use super::{Decoded, Decoder, EncodeError, Encoder, UnsupportedSchema};
use crate::types::BytesColumn;
use crate::types::schema::Column;

/// Gives no columns, and null records.
#[derive(Debug)]
pub(super) struct NoBytes;

impl NoBytes {
    /// For no columns.
    ///
    /// # Errors
    /// When there are columns.
    pub(super) fn new(columns: &[Column]) -> Result<Self, UnsupportedSchema> {
        if columns.is_empty() {
            return Ok(Self);
        }
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        Err(UnsupportedSchema(format!(
            "the NONE format holds no columns, but there are some: {}",
            names.join(", ")
        )))
    }
}

impl Decoder for NoBytes {
    fn decode(&mut self, _rows: &BytesColumn) -> Decoded {
        Decoded {
            columns: Vec::new(),
            bad: Vec::new(),
        }
    }
}

impl Encoder for NoBytes {
    fn encode(
        &mut self,
        columns: &[ArrayRef],
        num_rows: usize,
        _null_rows: Option<&BooleanArray>,
        out: &mut BytesColumn,
    ) -> Result<(), EncodeError> {
        typed(&[], columns, num_rows)?;
        for _ in 0..num_rows {
            out.push(None);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::schema::{ColumnRole, SqlType};

    #[test]
    fn no_columns_no_bytes() {
        let mut none = NoBytes::new(&[]).unwrap();
        let rows: BytesColumn = [Some(&b"x"[..])].into_iter().collect();
        assert!(none.decode(&rows).columns.is_empty());
        let mut out = BytesColumn::new();
        none.encode(&[], 3, None, &mut out).unwrap();
        assert_eq!(out.len(), 3);
        assert!(out.iter().all(|record| record.is_none()));
    }

    #[test]
    fn columns_are_refused() {
        let column = Column {
            name: "K".into(),
            sql_type: SqlType::String,
            role: ColumnRole::Key,
        };
        assert!(NoBytes::new(&[column]).unwrap_err().0.ends_with(": K"));
    }
}
