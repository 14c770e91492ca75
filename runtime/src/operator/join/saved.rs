//! Rows and keys of a join as bytes, for a state table to keep.
//!
//! Not here: where they are kept. A key is bytes in which the key of the join stands, so that all of a key can be found together; a
//! value begins with the version of its form.

use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::row::{RowConverter, Rows, SortField};

/// What changed in the state of an operator: keys with their new values, `None` where there is nothing any more.
pub type Saved = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// Version of the form of values.
const VERSION: u8 = 1;

/// Rows of one schema to bytes and back.
#[derive(Debug)]
pub(crate) struct RowCodec {
    schema: SchemaRef,
    converter: RowConverter,
}

impl RowCodec {
    /// # Errors
    /// When Arrow's row format does not know a type.
    pub(crate) fn new(schema: SchemaRef) -> Result<Self, ArrowError> {
        let fields = schema
            .fields()
            .iter()
            .map(|field| SortField::new(field.data_type().clone()));
        Ok(Self {
            converter: RowConverter::new(fields.collect())?,
            schema,
        })
    }

    /// The rows of these columns.
    pub(crate) fn encode(&self, columns: &[datafusion::arrow::array::ArrayRef]) -> Result<Option<Rows>, ArrowError> {
        // Rows without columns have no bytes.
        if columns.is_empty() {
            return Ok(None);
        }
        self.converter.convert_columns(columns).map(Some)
    }

    /// The columns of rows.
    pub(crate) fn decode(&self, rows: &[&[u8]]) -> Result<RecordBatch, ArrowError> {
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
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn new() -> Self {
        Self(vec![VERSION])
    }

    pub(crate) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(crate) fn number(&mut self, number: i64) {
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).expect("a row is smaller than 4 GiB: records are limited");
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Reads what a [`Writer`] has written.
#[derive(Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// # Errors
    /// When the value is of another version.
    pub(crate) fn new(value: &'a [u8]) -> Result<Self, ArrowError> {
        match value.split_first() {
            Some((&VERSION, rest)) => Ok(Self(rest)),
            Some((version, _)) => Err(damaged(&format!(
                "is of version {version}, this program knows {VERSION}"
            ))),
            None => Err(damaged("is empty")),
        }
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], ArrowError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or_else(|| damaged("is too short"))?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, ArrowError> {
        Ok(self.take(1)?[0])
    }

    pub(crate) fn number(&mut self) -> Result<i64, ArrowError> {
        let bytes = self.take(8)?;
        Ok(i64::from_be_bytes(bytes.try_into().expect("eight bytes were taken")))
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], ArrowError> {
        let length = self.take(4)?;
        let length = u32::from_be_bytes(length.try_into().expect("four bytes were taken"));
        self.take(length as usize)
    }
}

/// The error for saved state that cannot be read.
pub(crate) fn damaged(what: &str) -> ArrowError {
    ArrowError::ParseError(format!("saved state of a join {what}"))
}
