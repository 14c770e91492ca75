//! Columns to JSON records, as ksqlDB writes them.
//!
//! An object with all columns in declared order, null ones included; or the bare value of a single column, a null value
//! then being a null record. `DOUBLE` as Java prints it, what is no number as a string; `DECIMAL` with all its digits;
//! `BYTES` as Base64; `TIME`, `DATE` and `TIMESTAMP` as numbers of milliseconds and days.

use datafusion::arrow::array::{ArrayRef, BooleanArray};

use super::check_schema;
use super::escape::{write_string, write_string_range};
use crate::format::append::{Run, append_integer};
use crate::format::columns::{Kind, Values, is_marked, typed};
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
    before: Run,
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
                    before: Run::new(before),
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
            names.before.append_to(out);
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
            if is_marked(null_rows, row) {
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
    match &values.kind {
        Kind::Bigint(values) => append_integer(out, values[row]),
        Kind::Integer(values) => append_integer(out, i64::from(values[row])),
        Kind::String(array) => {
            let offsets = array.value_offsets();
            write_string_range(
                array.value_data(),
                offsets[row] as usize,
                offsets[row + 1] as usize,
                out,
            );
        }
        Kind::Boolean(array) => out.extend_from_slice(if array.value(row) { b"true" } else { b"false" }),
        Kind::Double(values) if values[row].is_finite() => write_double(values[row], out),
        Kind::Double(values) => write_string(non_finite(values[row]).as_bytes(), out),
        Kind::Decimal(values, scale) => write_decimal(values[row], *scale, out),
        Kind::Bytes(array) => {
            out.push(b'"');
            base64::encode(array.value(row), out);
            out.push(b'"');
        }
        Kind::Array(array, elements) => {
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
        Kind::Map(array, keys, entries) => {
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
        Kind::Struct(fields) => {
            for (field, names) in fields.iter().zip(names) {
                names.before.append_to(out);
                write_value(field, row, &names.fields, out);
            }
            out.extend_from_slice(if fields.is_empty() { b"{}" } else { b"}" });
        }
    }
}
