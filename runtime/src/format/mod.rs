//! Floor 1: bytes to columns and back.
//!
//! A decoder turns one [`BytesColumn`] (the keys or the values of a batch) into Arrow columns; an encoder does the
//! reverse. Bad data is not an error: a row that cannot be decoded is named in [`Decoded::bad`] with its reason, and
//! the source's policy decides. Formats know neither topics nor operators.

mod append;
mod base64;
mod builder;
mod coerce;
mod columns;
mod delimited;
mod double;
mod excerpt;
pub mod json;
mod kafka;
mod name;
mod none;
mod number;

use std::fmt::Debug;

use datafusion::arrow::array::{ArrayRef, BooleanArray};

use self::delimited::{DelimitedDecoder, DelimitedEncoder};
use self::json::encode::JsonEncoder;
use self::json::{JsonDecoder, Speculation};
use self::kafka::{KafkaDecoder, KafkaEncoder};
pub use self::name::{BadDelimiter, UnknownFormat, delimiter_from_name};
use self::none::NoBytes;
pub use crate::types::storage::{Format, FormatSpec};

use crate::types::BytesColumn;
use crate::types::schema::Column;

/// What a decoder gives for a batch.
#[derive(Debug)]
pub struct Decoded {
    /// The projected columns in the asked order, each with exactly one row per input row.
    pub columns: Vec<ArrayRef>,
    /// Rows that could not be decoded, in growing order; their slots in `columns` are null.
    pub bad: Vec<BadRow>,
}

/// A row that could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// Row number in the batch.
    pub row: u32,
    /// Why, for people: field, what stood there, what was expected.
    pub reason: String,
}

impl BadRow {
    fn new(row: usize, reason: String) -> Self {
        Self {
            row: u32::try_from(row).expect("the records of a batch are addressed with 32 bits"),
            reason,
        }
    }
}

/// Turns encoded rows into columns. Keeps its buffers from batch to batch.
pub trait Decoder: Send + Debug {
    /// Decodes every row of `rows`. A null row gives null in every column and is not bad.
    fn decode(&mut self, rows: &BytesColumn) -> Decoded;
}

/// Turns columns into encoded rows. Keeps its buffers from batch to batch.
pub trait Encoder: Send + Debug {
    /// Appends one encoded row to `out` for each row of `columns` (all of `num_rows`); a row that is true in
    /// `null_rows` becomes null (a tombstone, or a null key).
    ///
    /// # Errors
    /// When a value cannot be written in this format; nothing may be assumed about `out` then.
    fn encode(
        &mut self,
        columns: &[ArrayRef],
        num_rows: usize,
        null_rows: Option<&BooleanArray>,
        out: &mut BytesColumn,
    ) -> Result<(), EncodeError>;
}

/// Why rows cannot be encoded, or a format cannot serve a schema.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The caller gave more or fewer columns than the encoder was made for.
    #[error("{given} columns were given to an encoder of {declared}")]
    Columns {
        /// Columns given.
        given: usize,
        /// Columns that the encoder was made for.
        declared: usize,
    },
    /// The caller gave a column of another type, or of another length, than the encoder was made for.
    #[error("column `{column}` is declared as {declared} and needs {num_rows} rows of that, but {given} were given")]
    Type {
        /// Column name.
        column: String,
        /// Its SQL type.
        declared: String,
        /// What was given.
        given: String,
        /// Rows to be encoded.
        num_rows: usize,
    },
    /// A value does not fit the format.
    #[error("row {row}: column `{column}` cannot be written as {format}: {reason}")]
    Value {
        /// Row number in the batch.
        row: usize,
        /// Column name.
        column: String,
        /// The format.
        format: Format,
        /// Why.
        reason: String,
    },
}

/// Why a format cannot serve a schema. The message is for the user who wrote the statement.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UnsupportedSchema(pub String);

/// The bytes that a text of Base64 stands for (RFC 4648's standard alphabet); `None` when it is no Base64.
#[must_use]
pub fn base64_bytes(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    base64::decode(text.as_bytes(), base64::Dialect::Json, &mut bytes)?;
    Some(bytes)
}

/// A decoder for `columns` (all columns of the key or of the value, in declared order) that gives only those at
/// `projection`, in that order.
///
/// # Errors
/// When the format cannot carry such columns (`KAFKA` with two columns, `DELIMITED` with an array, ...).
pub fn decoder(
    spec: &FormatSpec,
    columns: &[Column],
    projection: &[usize],
) -> Result<Box<dyn Decoder>, UnsupportedSchema> {
    if let Some(index) = projection.iter().find(|index| **index >= columns.len()) {
        return Err(UnsupportedSchema(format!(
            "column number {index} was asked for, but there are {}",
            columns.len()
        )));
    }
    Ok(match spec.format {
        Format::Json => Box::new(JsonDecoder::new(
            columns,
            projection,
            spec.wrap_single,
            Speculation::On,
        )?),
        Format::Delimited => Box::new(DelimitedDecoder::new(columns, projection, spec.delimiter)?),
        Format::Kafka => Box::new(KafkaDecoder::new(columns, projection)?),
        Format::None => Box::new(NoBytes::new(columns)?),
    })
}

/// An encoder for `columns`, in declared order.
///
/// # Errors
/// As [`decoder`].
pub fn encoder(spec: &FormatSpec, columns: &[Column]) -> Result<Box<dyn Encoder>, UnsupportedSchema> {
    Ok(match spec.format {
        Format::Json if columns.is_empty() && !spec.wrap_single => Box::new(NoBytes::new(columns)?),
        Format::Json => Box::new(JsonEncoder::new(columns, spec.wrap_single)?),
        Format::Delimited => Box::new(DelimitedEncoder::new(columns, spec.delimiter)?),
        Format::Kafka => Box::new(KafkaEncoder::new(columns)?),
        Format::None => Box::new(NoBytes::new(columns)?),
    })
}
