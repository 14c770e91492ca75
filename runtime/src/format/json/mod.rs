//! JSON: one document a record.
//!
//! Decoding goes two ways with one result. The general way (`general`) reads any JSON and knows all rules; the speculative
//! way (`speculative`, `template`, `plain`) expects a record to have the shape of earlier ones and gives up at the first
//! surprise. Both push into the builders of `format::builder`. Encoding is in `encode`.
//!
//! Fields that no column wants are read over, but checked: a record that is no JSON is bad whatever is projected.

#[cfg(test)]
mod differential;
pub(super) mod encode;
mod escape;
mod fault;
mod general;
mod plain;
mod scan;
mod skip;
mod speculative;
mod template;
#[cfg(test)]
mod tests;
mod text;

use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Fields};

use self::fault::{Fault, Outcome};
use self::general::Reader;
use self::speculative::Speculator;
use super::builder::{BATCH_DECODED_BYTES_MAX, ColumnBuilder, StructBuilder};
use super::{BadRow, Decoded, Decoder, UnsupportedSchema};
use crate::types::BytesColumn;
use crate::types::schema::Column;

/// Whether a decoder may expect records to look alike. The result is the same; this is for comparing the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speculation {
    /// Expect the shapes of earlier records, and the plainest forms of values.
    On,
    /// Read everything the general way.
    Off,
}

/// Reads JSON records into columns, by ksqlDB's rules.
#[derive(Debug)]
pub struct JsonDecoder {
    /// The projected columns, each once.
    columns: StructBuilder,
    /// For each asked column its place in `columns`.
    places: Vec<usize>,
    layout: Layout,
    speculator: Option<Speculator>,
    reader: Reader,
}

/// What a record is, as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// An object with a field a column.
    Object,
    /// The value of the only column.
    Single,
    /// Nothing: no columns are declared and none are wrapped, so the bytes are not looked at.
    Nothing,
}

impl JsonDecoder {
    /// A decoder of records with `columns` (all that are declared) that gives those at `projection`.
    ///
    /// # Errors
    /// When JSON cannot carry a column's type.
    pub fn new(
        columns: &[Column],
        projection: &[usize],
        wrap_single: bool,
        speculation: Speculation,
    ) -> Result<Self, UnsupportedSchema> {
        check_schema(columns)?;
        let mut wanted: Vec<usize> = projection.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        let places = projection
            .iter()
            .map(|index| wanted.partition_point(|known| known < index))
            .collect();
        let fields: Fields = wanted
            .iter()
            .map(|index| Field::new(&columns[*index].name, columns[*index].sql_type.to_arrow(), true))
            .collect();
        let builders = wanted
            .iter()
            .map(|index| ColumnBuilder::new(&columns[*index].sql_type))
            .collect::<Result<_, _>>()?;
        let layout = match (columns.len(), wrap_single) {
            (0, false) => Layout::Nothing,
            (1, false) => Layout::Single,
            _ => Layout::Object,
        };
        Ok(Self {
            columns: StructBuilder::new(fields, builders),
            places,
            layout,
            speculator: (layout == Layout::Object && speculation == Speculation::On).then(Speculator::default),
            reader: Reader::new(speculation == Speculation::On),
        })
    }

    /// How many records were read the speculative way since the decoder was made.
    #[must_use]
    pub fn speculated_rows(&self) -> u64 {
        self.speculator.as_ref().map_or(0, Speculator::hits)
    }

    /// Reads the record that is the first `length` bytes of `buffer` into a new row. On an error the columns hold parts
    /// of it.
    #[inline]
    fn read(&mut self, buffer: &[u8], length: usize, is_text: bool) -> Outcome<()> {
        if is_text
            && let Some(speculator) = &mut self.speculator
            && speculator.read(buffer, length, &mut self.columns, &mut self.reader)
        {
            return Ok(());
        }
        self.read_generally(&buffer[..length], is_text)
    }

    fn read_generally(&mut self, record: &[u8], is_text: bool) -> Outcome<()> {
        if self.layout == Layout::Nothing {
            self.columns.close();
            return Ok(());
        }
        if !is_text && let Err(error) = simdutf8::compat::from_utf8(record) {
            return Err(Fault::text(error.valid_up_to()));
        }
        if self.layout == Layout::Object {
            general::read_record(record, &mut self.columns, &mut self.reader)?;
            if let Some(speculator) = &mut self.speculator {
                speculator.learn(record, &mut self.columns);
            }
            return Ok(());
        }
        match self.columns.fields.first_mut() {
            Some(column) => general::read_single(record, column, &mut self.reader)?,
            None => general::read_end(record, skip::skip_value(record, scan::skip_space(record, 0), 0)?)?,
        }
        self.columns.close();
        Ok(())
    }
}

impl Decoder for JsonDecoder {
    fn decode(&mut self, rows: &BytesColumn) -> Decoded {
        let data = rows.data();
        // One pass over everything is several times cheaper than one call a record.
        let all_text = simdutf8::basic::from_utf8(data).is_ok();
        self.columns.reserve(rows.len());
        let mut bad = Vec::new();
        let mut taken = 0;
        for row in 0..rows.len() {
            let Some((start, end)) = rows.range(row) else {
                self.columns.push_null();
                continue;
            };
            taken += end - start;
            let is_text = if all_text {
                starts_character(data, start) && starts_character(data, end)
            } else {
                simdutf8::basic::from_utf8(&data[start..end]).is_ok()
            };
            let outcome = if taken <= BATCH_DECODED_BYTES_MAX {
                self.read(&data[start..], end - start, is_text)
            } else {
                Err(Fault::batch())
            };
            if let Err(fault) = outcome {
                self.columns.truncate(row);
                self.columns.push_null();
                bad.push(BadRow::new(row, fault.reason()));
            }
        }
        let columns = self.columns.finish_fields();
        Decoded {
            columns: self.places.iter().map(|place| Arc::clone(&columns[*place])).collect(),
            bad,
        }
    }
}

/// True when the UTF-8 text `data` may be cut before the byte at `at`.
#[inline]
fn starts_character(data: &[u8], at: usize) -> bool {
    data.get(at).is_none_or(|byte| byte & 0xC0 != 0x80)
}

/// Checks that JSON can carry all `columns`, projected or not.
pub(super) fn check_schema(columns: &[Column]) -> Result<(), UnsupportedSchema> {
    for column in columns {
        ColumnBuilder::new(&column.sql_type)
            .map_err(|UnsupportedSchema(reason)| UnsupportedSchema(format!("column {}: {reason}", column.name)))?;
    }
    Ok(())
}
