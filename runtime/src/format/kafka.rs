//! `KAFKA`: the serializers that come with Kafka's own client, one column a record.
//!
//! `INTEGER` is 4 bytes big-endian, `BIGINT` and `DOUBLE` are 8, `STRING` is UTF-8, `BYTES` stay as they are. Null is a
//! null record.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray};

use super::builder::{BATCH_DECODED_BYTES_MAX, ColumnBuilder};
use super::columns::{Kind, is_marked, typed};
use super::{BadRow, Decoded, Decoder, EncodeError, Encoder, UnsupportedSchema};
use crate::types::BytesColumn;
use crate::types::schema::{Column, SqlType};

/// Reads `KAFKA` records.
#[derive(Debug)]
pub(super) struct KafkaDecoder {
    /// The column, when it is projected.
    column: Option<ColumnBuilder>,
    name: String,
    /// How often the column is asked for.
    copies: usize,
}

impl KafkaDecoder {
    /// A decoder of the single column of `columns`.
    ///
    /// # Errors
    /// When there are several columns, or the one has a type that Kafka's serializers do not know.
    pub(super) fn new(columns: &[Column], projection: &[usize]) -> Result<Self, UnsupportedSchema> {
        check_schema(columns)?;
        let column = match columns.first() {
            Some(column) if !projection.is_empty() => Some(ColumnBuilder::new(&column.sql_type)?),
            _ => None,
        };
        Ok(Self {
            column,
            name: columns.first().map(|column| column.name.clone()).unwrap_or_default(),
            copies: projection.len(),
        })
    }
}

impl Decoder for KafkaDecoder {
    fn decode(&mut self, rows: &BytesColumn) -> Decoded {
        let Some(column) = &mut self.column else {
            return Decoded {
                columns: Vec::new(),
                bad: Vec::new(),
            };
        };
        column.reserve(rows.len());
        let mut bad = Vec::new();
        let mut taken = 0;
        for (row, record) in rows.iter().enumerate() {
            let Some(record) = record else {
                column.push_null();
                continue;
            };
            taken += record.len();
            let outcome = if taken <= BATCH_DECODED_BYTES_MAX {
                push(record, column)
            } else {
                Err(format!("the batch holds more than {BATCH_DECODED_BYTES_MAX} bytes"))
            };
            if let Err(problem) = outcome {
                column.push_null();
                bad.push(BadRow::new(row, format!("field {}: {problem}", self.name)));
            }
        }
        let column = column.finish();
        Decoded {
            columns: (0..self.copies).map(|_| Arc::clone(&column)).collect(),
            bad,
        }
    }
}

/// Appends what `record` stands for, or says why it stands for nothing.
fn push(record: &[u8], column: &mut ColumnBuilder) -> Result<(), String> {
    match column {
        ColumnBuilder::Integer(builder) => builder.push(i32::from_be_bytes(exact(record, "INTEGER")?)),
        ColumnBuilder::Bigint(builder) => builder.push(i64::from_be_bytes(exact(record, "BIGINT")?)),
        ColumnBuilder::Double(builder) => builder.push(f64::from_be_bytes(exact(record, "DOUBLE")?)),
        ColumnBuilder::Bytes(builder) => builder.push(record),
        ColumnBuilder::String(builder) => {
            let text = simdutf8::compat::from_utf8(record)
                .map_err(|error| format!("not valid UTF-8 at byte {}", error.valid_up_to()))?;
            builder.push(text.as_bytes());
        }
        other => unreachable!("check_schema refused {} when the decoder was made", other.type_name()),
    }
    Ok(())
}

fn exact<const N: usize>(record: &[u8], type_name: &str) -> Result<[u8; N], String> {
    record
        .try_into()
        .map_err(|_| format!("found {} bytes, expected the {N} of {type_name}", record.len()))
}

/// Writes `KAFKA` records.
#[derive(Debug)]
pub(super) struct KafkaEncoder {
    columns: Vec<Column>,
}

impl KafkaEncoder {
    /// An encoder of the single column of `columns`; without one every record is null.
    ///
    /// # Errors
    /// As [`KafkaDecoder::new`].
    pub(super) fn new(columns: &[Column]) -> Result<Self, UnsupportedSchema> {
        check_schema(columns)?;
        Ok(Self {
            columns: columns.to_vec(),
        })
    }
}

impl Encoder for KafkaEncoder {
    fn encode(
        &mut self,
        columns: &[ArrayRef],
        num_rows: usize,
        null_rows: Option<&BooleanArray>,
        out: &mut BytesColumn,
    ) -> Result<(), EncodeError> {
        let columns = typed(&self.columns, columns, num_rows)?;
        for row in 0..num_rows {
            match columns.first() {
                Some(values) if !is_marked(null_rows, row) && !values.is_null(row) => match &values.kind {
                    Kind::Integer(values) => out.push(Some(&values[row].to_be_bytes())),
                    Kind::Bigint(values) => out.push(Some(&values[row].to_be_bytes())),
                    Kind::Double(values) => out.push(Some(&values[row].to_be_bytes())),
                    Kind::String(array) => out.push(Some(array.value(row).as_bytes())),
                    Kind::Bytes(array) => out.push(Some(array.value(row))),
                    other => unreachable!("check_schema refused {other:?} when the encoder was made"),
                },
                _ => out.push(None),
            }
        }
        Ok(())
    }
}

/// Checks that Kafka's serializers can carry `columns`.
fn check_schema(columns: &[Column]) -> Result<(), UnsupportedSchema> {
    let column = match columns {
        [] => return Ok(()),
        [column] => column,
        several => {
            let names: Vec<&str> = several.iter().map(|column| column.name.as_str()).collect();
            return Err(UnsupportedSchema(format!(
                "the KAFKA format holds a single column, not {} ({}); JSON and DELIMITED hold several",
                names.len(),
                names.join(", ")
            )));
        }
    };
    match column.sql_type {
        SqlType::Integer | SqlType::Bigint | SqlType::Double | SqlType::String | SqlType::Bytes => Ok(()),
        _ => Err(UnsupportedSchema(format!(
            "the KAFKA format has no type {}, which column {} has; it has INTEGER, BIGINT, DOUBLE, STRING and BYTES",
            column.sql_type, column.name
        ))),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::Array;

    use super::*;
    use crate::format::{Format, FormatSpec, decoder, encoder};
    use crate::types::schema::ColumnRole;

    fn column(name: &str, sql_type: SqlType) -> Column {
        Column {
            name: name.into(),
            sql_type,
            role: ColumnRole::Value,
        }
    }

    /// Decodes `records` and encodes them again.
    fn there_and_back(sql_type: SqlType, records: &[Option<&[u8]>]) -> (Decoded, Vec<Option<Vec<u8>>>) {
        let columns = [column("V", sql_type)];
        let spec = FormatSpec::new(Format::Kafka);
        let rows: BytesColumn = records.iter().copied().collect();
        let decoded = decoder(&spec, &columns, &[0]).unwrap().decode(&rows);
        let mut out = BytesColumn::new();
        encoder(&spec, &columns)
            .unwrap()
            .encode(&decoded.columns, records.len(), None, &mut out)
            .unwrap();
        let out = out.iter().map(|record| record.map(<[u8]>::to_vec)).collect();
        (decoded, out)
    }

    #[test]
    fn numbers_are_big_endian() {
        let records: [Option<&[u8]>; 3] = [Some(&[0, 0, 1, 2]), None, Some(&[255, 255, 255, 255])];
        let (decoded, back) = there_and_back(SqlType::Integer, &records);
        let expected: datafusion::arrow::array::Int32Array = vec![Some(258), None, Some(-1)].into();
        assert_eq!(decoded.columns[0].as_ref(), &expected as &dyn Array);
        assert_eq!(back, records.map(|record| record.map(<[u8]>::to_vec)));

        let eight = 1.5_f64.to_be_bytes();
        let (decoded, back) = there_and_back(SqlType::Double, &[Some(&eight)]);
        assert!(decoded.bad.is_empty());
        assert_eq!(back, [Some(eight.to_vec())]);
    }

    #[test]
    fn text_and_bytes_stay_as_they_are() {
        let (decoded, back) = there_and_back(SqlType::String, &[Some("ä€".as_bytes()), Some(b""), None]);
        assert!(decoded.bad.is_empty());
        assert_eq!(back, [Some("ä€".as_bytes().to_vec()), Some(vec![]), None]);
        let (_, back) = there_and_back(SqlType::Bytes, &[Some(&[0xFF, 0])]);
        assert_eq!(back, [Some(vec![0xFF, 0])]);
    }

    #[test]
    fn wrong_lengths_and_broken_text_are_bad_rows() {
        let (decoded, back) = there_and_back(SqlType::Bigint, &[Some(&[1, 2, 3]), Some(&[0; 8])]);
        assert_eq!(decoded.bad.len(), 1);
        assert_eq!(decoded.bad[0].row, 0);
        assert_eq!(
            decoded.bad[0].reason,
            "field V: found 3 bytes, expected the 8 of BIGINT"
        );
        assert_eq!(back, [None, Some(vec![0; 8])]);
        let (decoded, _) = there_and_back(SqlType::String, &[Some(&[b'a', 0xC3])]);
        assert_eq!(decoded.bad[0].reason, "field V: not valid UTF-8 at byte 1");
    }

    #[test]
    fn other_schemas_are_refused() {
        let spec = FormatSpec::new(Format::Kafka);
        let two = [column("A", SqlType::Integer), column("B", SqlType::Integer)];
        assert!(decoder(&spec, &two, &[]).unwrap_err().0.contains("a single column"));
        for sql_type in [
            SqlType::Boolean,
            SqlType::Decimal(4, 2),
            SqlType::Time,
            SqlType::Date,
            SqlType::Timestamp,
            SqlType::Array(Box::new(SqlType::Integer)),
        ] {
            assert!(encoder(&spec, &[column("A", sql_type)]).is_err());
        }
    }

    #[test]
    fn no_column_gives_null_records() {
        let spec = FormatSpec::new(Format::Kafka);
        let rows: BytesColumn = [Some(&b"ignored"[..]), None].into_iter().collect();
        let decoded = decoder(&spec, &[], &[]).unwrap().decode(&rows);
        assert!(decoded.columns.is_empty() && decoded.bad.is_empty());
        let mut out = BytesColumn::new();
        encoder(&spec, &[]).unwrap().encode(&[], 2, None, &mut out).unwrap();
        assert_eq!(out.iter().collect::<Vec<_>>(), [None, None]);
    }
}
