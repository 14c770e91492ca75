//! Columns to `DELIMITED` records.
//!
//! Quotes go where commons-csv's "minimal" mode of ksqlDB's version puts them, odd as it is: around a field that holds the
//! delimiter, a quote or a line end, that starts with a character up to `#` or ends with one up to a space, and around
//! the first field of a line unless it starts with an ASCII letter or digit (so a negative number is quoted there).

use datafusion::arrow::array::{ArrayRef, BooleanArray};

use super::check_schema;
use crate::format::append::append_integer;
use crate::format::columns::{Kind, Values, is_marked, typed};
use crate::format::double::write_double;
use crate::format::number::write_decimal;
use crate::format::{EncodeError, Encoder, UnsupportedSchema, base64};
use crate::types::BytesColumn;
use crate::types::schema::Column;

/// Writes rows as `DELIMITED` records.
#[derive(Debug)]
pub(in crate::format) struct DelimitedEncoder {
    columns: Vec<Column>,
    delimiter: u8,
    field: Vec<u8>,
}

impl DelimitedEncoder {
    /// An encoder of `columns`.
    ///
    /// # Errors
    /// When a column is an array, a map or a struct.
    pub(in crate::format) fn new(columns: &[Column], delimiter: u8) -> Result<Self, UnsupportedSchema> {
        check_schema(columns)?;
        Ok(Self {
            columns: columns.to_vec(),
            delimiter,
            field: Vec::new(),
        })
    }
}

impl Encoder for DelimitedEncoder {
    fn encode(
        &mut self,
        columns: &[ArrayRef],
        num_rows: usize,
        null_rows: Option<&BooleanArray>,
        out: &mut BytesColumn,
    ) -> Result<(), EncodeError> {
        let columns = typed(&self.columns, columns, num_rows)?;
        for row in 0..num_rows {
            if is_marked(null_rows, row) || columns.is_empty() {
                out.push(None);
                continue;
            }
            let start = out.position();
            for (i, values) in columns.iter().enumerate() {
                if i > 0 {
                    out.buffer().push(self.delimiter);
                }
                if values.is_null(row) {
                    continue;
                }
                self.field.clear();
                write_field(values, row, &mut self.field);
                if needs_quotes(&self.field, i == 0, self.delimiter) {
                    write_quoted(&self.field, out.buffer());
                } else {
                    out.buffer().extend_from_slice(&self.field);
                }
            }
            out.end_row(start);
        }
        Ok(())
    }
}

fn write_field(values: &Values<'_>, row: usize, out: &mut Vec<u8>) {
    match &values.kind {
        Kind::Integer(values) => append_integer(out, i64::from(values[row])),
        Kind::Bigint(values) => append_integer(out, values[row]),
        Kind::Boolean(array) => out.extend_from_slice(if array.value(row) { b"true" } else { b"false" }),
        Kind::Double(values) => write_double(values[row], out),
        Kind::Decimal(values, scale) => write_decimal(values[row], *scale, out),
        Kind::String(array) => out.extend_from_slice(array.value(row).as_bytes()),
        Kind::Bytes(array) => base64::encode(array.value(row), out),
        Kind::Array(..) | Kind::Map(..) | Kind::Struct(..) => {
            unreachable!("check_schema refused nested columns when the encoder was made")
        }
    }
}

fn needs_quotes(field: &[u8], first: bool, delimiter: u8) -> bool {
    let (Some(start), Some(end)) = (field.first(), field.last()) else {
        // An empty first field without quotes could be read as an empty line.
        return first;
    };
    (first && !start.is_ascii_alphanumeric())
        || *start <= b'#'
        || *end <= b' '
        || field.contains(&delimiter)
        || memchr::memchr3(b'"', b'\r', b'\n', field).is_some()
}

fn write_quoted(field: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in field {
        if *byte == b'"' {
            out.push(b'"');
        }
        out.push(*byte);
    }
    out.push(b'"');
}
