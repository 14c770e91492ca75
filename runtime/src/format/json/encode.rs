//! Columns to JSON records, as ksqlDB writes them.
//!
//! An object with all columns in declared order, null ones included; or the bare value of a single column, a null value
//! then being a null record. `DOUBLE` as Java prints it, what is no number as a string; `DECIMAL` with all its digits;
//! `BYTES` as Base64; `TIME`, `DATE` and `TIMESTAMP` as numbers of milliseconds and days.

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray};

use super::check_schema;
use super::escape::{write_string, write_string_range};
use crate::format::columns::{Values, typed};
use crate::format::double::{non_finite, write_double};
use crate::format::number::write_decimal;
use crate::format::{EncodeError, Encoder, UnsupportedSchema, base64};
use crate::types::BytesColumn;
use crate::types::schema::{Column, SqlType};

/// Writes rows as JSON records.
#[derive(Debug)]
pub(in crate::format) struct JsonEncoder {
    columns: Vec<Column>,
    /// What is written before each column's value: `{"name":` for the first one, `,"name":` for the others.
    names: Vec<Names>,
    wrap: bool,
}

/// What is written before a value, and the same for the fields inside of it.
#[derive(Debug)]
struct Names {
    before: Vec<u8>,
    fields: Vec<Names>,
}

impl Names {
    fn of_fields<'a>(fields: impl Iterator<Item = (&'a str, &'a SqlType)>) -> Vec<Self> {
        fields
            .enumerate()
            .map(|(i, (name, sql_type))| {
                let mut before = vec![if i == 0 { b'{' } else { b',' }];
                write_string(name.as_bytes(), &mut before);
                before.push(b':');
                Self {
                    before,
                    fields: Self::inside(sql_type),
                }
            })
            .collect()
    }

    /// The fields of the struct that `sql_type` is, or that its elements are.
    fn inside(sql_type: &SqlType) -> Vec<Self> {
        match sql_type {
            SqlType::Struct(fields) => Self::of_fields(fields.iter().map(|(name, field)| (name.as_str(), field))),
            SqlType::Array(element) | SqlType::Map(_, element) => Self::inside(element),
            _ => Vec::new(),
        }
    }
}

impl JsonEncoder {
    /// An encoder of `columns`.
    ///
    /// # Errors
    /// When JSON cannot carry a column's type.
    pub(in crate::format) fn new(columns: &[Column], wrap_single: bool) -> Result<Self, UnsupportedSchema> {
        check_schema(columns)?;
        Ok(Self {
            columns: columns.to_vec(),
            names: Names::of_fields(columns.iter().map(|column| (column.name.as_str(), &column.sql_type))),
            wrap: wrap_single || columns.len() > 1,
        })
    }

    fn write_row(&self, columns: &[Values<'_>], row: usize, out: &mut Vec<u8>) {
        for (values, names) in columns.iter().zip(&self.names) {
            out.extend_from_slice(&names.before);
            write_value(values, row, &names.fields, out);
        }
        out.extend_from_slice(if columns.is_empty() { b"{}" } else { b"}" });
    }
}

impl Encoder for JsonEncoder {
    fn encode(
        &mut self,
        columns: &[ArrayRef],
        num_rows: usize,
        null_rows: Option<&BooleanArray>,
        out: &mut BytesColumn,
    ) -> Result<(), EncodeError> {
        let columns = typed(&self.columns, columns, num_rows)?;
        for row in 0..num_rows {
            if null_rows.is_some_and(|nulls| nulls.is_valid(row) && nulls.value(row)) {
                out.push(None);
                continue;
            }
            let start = out.position();
            if self.wrap {
                self.write_row(&columns, row, out.buffer());
            } else {
                match columns.first() {
                    Some(values) if !values.is_null(row) => {
                        write_value(values, row, &self.names[0].fields, out.buffer());
                    }
                    _ => {
                        out.push(None);
                        continue;
                    }
                }
            }
            out.end_row(start);
        }
        Ok(())
    }
}

fn write_value(values: &Values<'_>, row: usize, names: &[Names], out: &mut Vec<u8>) {
    if values.is_null(row) {
        out.extend_from_slice(b"null");
        return;
    }
    match values {
        Values::Boolean(array) => out.extend_from_slice(if array.value(row) { b"true" } else { b"false" }),
        Values::Integer(array) => write_integer(i64::from(array.value(row)), out),
        Values::Bigint(array) => write_integer(array.value(row), out),
        Values::Time(array) => write_integer(i64::from(array.value(row)), out),
        Values::Date(array) => write_integer(i64::from(array.value(row)), out),
        Values::Timestamp(array) => write_integer(array.value(row), out),
        Values::Double(array) => {
            let value = array.value(row);
            if value.is_finite() {
                write_double(value, out);
            } else {
                write_string(non_finite(value).as_bytes(), out);
            }
        }
        Values::Decimal(array, scale) => write_decimal(array.value(row), *scale, out),
        Values::String(array) => {
            let offsets = array.value_offsets();
            write_string_range(
                array.value_data(),
                offsets[row] as usize,
                offsets[row + 1] as usize,
                out,
            );
        }
        Values::Bytes(array) => {
            out.push(b'"');
            base64::encode(array.value(row), out);
            out.push(b'"');
        }
        Values::Array(array, elements) => {
            let offsets = array.value_offsets();
            out.push(b'[');
            for element in offsets[row]..offsets[row + 1] {
                if element > offsets[row] {
                    out.push(b',');
                }
                write_value(elements, element as usize, names, out);
            }
            out.push(b']');
        }
        Values::Map(array, keys, entries) => {
            let offsets = array.value_offsets();
            out.push(b'{');
            for entry in offsets[row]..offsets[row + 1] {
                if entry > offsets[row] {
                    out.push(b',');
                }
                write_string(keys.value(entry as usize).as_bytes(), out);
                out.push(b':');
                write_value(entries, entry as usize, names, out);
            }
            out.push(b'}');
        }
        Values::Struct(_, fields) => {
            for (field, names) in fields.iter().zip(names) {
                out.extend_from_slice(&names.before);
                write_value(field, row, &names.fields, out);
            }
            out.extend_from_slice(if fields.is_empty() { b"{}" } else { b"}" });
        }
    }
}

fn write_integer(value: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}
