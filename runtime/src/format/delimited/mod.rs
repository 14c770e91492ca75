//! `DELIMITED`: one CSV line a record, no names, no nested types.
//!
//! Rules as ksqlDB's: the number of fields is the number of declared columns, an empty field is null, numbers and times
//! are read by Java's rules without white space, `BYTES` are Base64.

mod encode;
mod lexer;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub(super) use self::encode::DelimitedEncoder;
use self::lexer::Fields;
use super::builder::{BATCH_DECODED_BYTES_MAX, ColumnBuilder};
use super::excerpt::excerpt;
use super::{BadRow, Decoded, Decoder, UnsupportedSchema, base64, coerce, number};
use crate::types::BytesColumn;
use crate::types::schema::{Column, SqlType};

/// Reads `DELIMITED` records into columns.
#[derive(Debug)]
pub(super) struct DelimitedDecoder {
    delimiter: u8,
    /// Declared columns, which is how many fields a record must have.
    width: usize,
    /// The projected columns, each once.
    columns: Vec<Projected>,
    /// For each asked column its place in `columns`.
    places: Vec<usize>,
    fields: Fields,
}

#[derive(Debug)]
struct Projected {
    name: String,
    /// Which field of the record.
    field: usize,
    builder: ColumnBuilder,
}

impl DelimitedDecoder {
    /// A decoder of records with `columns` that gives those at `projection`.
    ///
    /// # Errors
    /// When a column is an array, a map or a struct.
    pub(super) fn new(columns: &[Column], projection: &[usize], delimiter: u8) -> Result<Self, UnsupportedSchema> {
        check_schema(columns)?;
        let mut wanted = projection.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        Ok(Self {
            delimiter,
            width: columns.len(),
            places: projection
                .iter()
                .map(|index| wanted.partition_point(|known| known < index))
                .collect(),
            columns: wanted
                .iter()
                .map(|index| {
                    Ok(Projected {
                        name: columns[*index].name.clone(),
                        field: *index,
                        builder: ColumnBuilder::new(&columns[*index].sql_type)?,
                    })
                })
                .collect::<Result<_, UnsupportedSchema>>()?,
            fields: Fields::default(),
        })
    }

    /// Reads a record into a new row; on an error the columns hold parts of it.
    fn read(&mut self, record: &[u8]) -> Result<(), String> {
        let text = simdutf8::compat::from_utf8(record)
            .map_err(|error| format!("not valid UTF-8 at byte {}", error.valid_up_to()))?;
        self.fields.cut(text.as_bytes(), self.delimiter)?;
        let found = self.fields.places.len();
        if found != self.width {
            return Err(match found {
                0 => "the record is empty, expected a line of fields".into(),
                _ => format!("found {found} fields, expected {}", self.width),
            });
        }
        for column in &mut self.columns {
            let field = self.fields.text(record, &self.fields.places[column.field]);
            if field.is_empty() {
                column.builder.push_null();
            } else if push_field(field, &mut column.builder).is_none() {
                return Err(format!(
                    "field {}: found \"{}\", which does not fit {}",
                    column.name,
                    excerpt(field),
                    column.builder.type_name()
                ));
            }
        }
        Ok(())
    }
}

/// Appends what `field`, which is not empty, stands for; `None` when it does not fit.
fn push_field(field: &[u8], column: &mut ColumnBuilder) -> Option<()> {
    let text = || std::str::from_utf8(field).unwrap_or_default();
    match column {
        ColumnBuilder::Boolean(builder) => builder.push(coerce::boolean(text())),
        ColumnBuilder::Integer(builder) => builder.push(coerce::integer(text())?),
        ColumnBuilder::Bigint(builder) | ColumnBuilder::Timestamp(builder) => builder.push(coerce::bigint(text())?),
        ColumnBuilder::Double(builder) => builder.push(coerce::double(text())?),
        ColumnBuilder::Decimal(builder, precision, scale) => {
            builder.push(number::parse(text())?.to_decimal(*precision, *scale)?);
        }
        ColumnBuilder::String(builder) => builder.push(field),
        ColumnBuilder::Bytes(builder) => {
            base64::decode(field, base64::Dialect::Delimited, builder.buffer())?;
            builder.end_value();
        }
        ColumnBuilder::Time(builder) => builder.push(coerce::bigint(text()).and_then(coerce::time_of_day)?),
        ColumnBuilder::Date(builder) => builder.push(coerce::bigint(text()).and_then(coerce::date)?),
        ColumnBuilder::Array(_) | ColumnBuilder::Map(_) | ColumnBuilder::Struct(_) => return None,
    }
    Some(())
}

impl Decoder for DelimitedDecoder {
    fn decode(&mut self, rows: &BytesColumn) -> Decoded {
        let mut bad = Vec::new();
        let mut taken = 0;
        for (row, record) in rows.iter().enumerate() {
            let Some(record) = record.filter(|_| self.width > 0) else {
                self.columns.iter_mut().for_each(|column| column.builder.push_null());
                continue;
            };
            taken += record.len();
            let outcome = if taken <= BATCH_DECODED_BYTES_MAX {
                self.read(record)
            } else {
                Err(format!("the batch holds more than {BATCH_DECODED_BYTES_MAX} bytes"))
            };
            if let Err(reason) = outcome {
                for column in &mut self.columns {
                    column.builder.truncate(row);
                    column.builder.push_null();
                }
                bad.push(BadRow::new(row, reason));
            }
        }
        let columns: Vec<_> = self.columns.iter_mut().map(|column| column.builder.finish()).collect();
        Decoded {
            columns: self.places.iter().map(|place| Arc::clone(&columns[*place])).collect(),
            bad,
        }
    }
}

/// Checks that a line of fields can carry `columns`.
fn check_schema(columns: &[Column]) -> Result<(), UnsupportedSchema> {
    for column in columns {
        let kind = match &column.sql_type {
            SqlType::Array(_) => "ARRAY",
            SqlType::Map(_, _) => "MAP",
            SqlType::Struct(_) => "STRUCT",
            _ => continue,
        };
        return Err(UnsupportedSchema(format!(
            "the DELIMITED format has no type {kind}, which column {} has; JSON has",
            column.name
        )));
    }
    Ok(())
}
