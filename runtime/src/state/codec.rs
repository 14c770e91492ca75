//! Numbers, bytes and rows of columns as the value of a saved entry, and back. A value begins with the version of its form.

use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::row::{RowConverter, Rows, SortField};

use super::Error;

/// Version of the form of values.
const VERSION: u8 = 1;

/// Rows of one schema to bytes and back.
#[derive(Debug)]
pub struct RowCodec {
    schema: SchemaRef,
    converter: RowConverter,
}

impl RowCodec {
    /// For rows of this schema.
    ///
    /// # Errors
    /// When Arrow's row format does not know a type.
    pub fn new(schema: SchemaRef) -> Result<Self, ArrowError> {
        let fields = schema
            .fields()
            .iter()
            .map(|field| SortField::new(field.data_type().clone()));
        Ok(Self {
            converter: RowConverter::new(fields.collect())?,
            schema,
        })
    }

    /// How many columns a row has.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.schema.fields().len()
    }

    /// The rows of these columns; `None` where there are no columns.
    ///
    /// # Errors
    /// When the columns are not of the schema.
    pub fn encode(&self, columns: &[datafusion::arrow::array::ArrayRef]) -> Result<Option<Rows>, ArrowError> {
        // Rows without columns have no bytes.
        if columns.is_empty() {
            return Ok(None);
        }
        self.converter.convert_columns(columns).map(Some)
    }

    /// The columns of rows.
    ///
    /// # Errors
    /// When a row is not of the schema.
    pub fn decode(&self, rows: &[&[u8]]) -> Result<RecordBatch, ArrowError> {
        let columns = if self.schema.fields().is_empty() {
            Vec::new()
        } else {
            let parser = self.converter.parser();
            self.converter.convert_rows(rows.iter().map(|row| parser.parse(row)))?
        };
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
    }
}

/// Writes a value.
#[derive(Debug)]
pub struct Writer(Vec<u8>);

impl Default for Writer {
    fn default() -> Self {
        Self::new()
    }
}

impl Writer {
    /// A value with nothing but its version.
    #[must_use]
    pub fn new() -> Self {
        Self(vec![VERSION])
    }

    /// The same for the next value, in the same memory.
    pub fn restart(&mut self) {
        self.0.truncate(1);
    }

    /// Appends one byte.
    pub fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    /// Appends a number of eight bytes.
    pub fn number(&mut self, number: i64) {
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    /// Appends bytes with their length before them.
    pub fn bytes(&mut self, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).expect("a row is smaller than 4 GiB: records are limited");
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(bytes);
    }

    /// What was written so far.
    #[must_use]
    pub fn written(&self) -> &[u8] {
        &self.0
    }

    /// The value.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Reads what a [`Writer`] has written.
#[derive(Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Begins behind the version.
    ///
    /// # Errors
    /// When the value is of another version.
    pub fn new(value: &'a [u8]) -> Result<Self, Error> {
        match value.split_first() {
            Some((&VERSION, rest)) => Ok(Self(rest)),
            Some((version, _)) => Err(damaged(&format!(
                "is of version {version}, this program knows {VERSION}"
            ))),
            None => Err(damaged("is empty")),
        }
    }

    /// True when all was read.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or_else(|| damaged("is too short"))?;
        self.0 = rest;
        Ok(taken)
    }

    /// One byte.
    ///
    /// # Errors
    /// When the value has come to its end.
    pub fn byte(&mut self) -> Result<u8, Error> {
        Ok(self.take(1)?[0])
    }

    /// A number of eight bytes.
    ///
    /// # Errors
    /// As [`Reader::byte`].
    pub fn number(&mut self) -> Result<i64, Error> {
        let bytes = self.take(8)?;
        Ok(i64::from_be_bytes(bytes.try_into().expect("eight bytes were taken")))
    }

    /// Bytes with their length before them.
    ///
    /// # Errors
    /// As [`Reader::byte`].
    pub fn bytes(&mut self) -> Result<&'a [u8], Error> {
        let length = self.take(4)?;
        let length = u32::from_be_bytes(length.try_into().expect("four bytes were taken"));
        self.take(length as usize)
    }
}

fn damaged(reason: &str) -> Error {
    Error::damaged("an operator", format!("a value {reason}"))
}
