//! Late rows on their way to a dead-letter topic: each as JSON, with the query and the reason in headers.

use std::sync::Arc;

use super::Error;
use crate::connector::RecordSink;
use crate::format::{self, Format, FormatSpec};
use crate::types::schema::{Column, ColumnRole, SqlType};
use crate::types::{ChangeBatch, RawRecords};

/// Writes late rows of one query.
#[derive(Debug)]
pub struct LateLetters {
    query: String,
    sink: Box<dyn RecordSink>,
}

impl LateLetters {
    /// Late rows of `query` go to `sink`.
    #[must_use]
    pub fn new(query: String, sink: Box<dyn RecordSink>) -> Self {
        Self { query, sink }
    }

    /// Writes rows: the columns that the operator saw, and the row's event time as the record's timestamp.
    pub(crate) fn write(&mut self, changes: &ChangeBatch) -> Result<(), Error> {
        let schema = changes.records.schema();
        let fields = schema.fields().iter().enumerate();
        // A column of a type that SQL has not cannot come from a topic, so none is lost here.
        let known = fields.filter_map(|(position, field)| {
            let sql_type = SqlType::from_arrow(field.data_type()).filter(|t| t.to_arrow() == *field.data_type())?;
            let column = Column {
                name: field.name().clone(),
                sql_type,
                role: ColumnRole::Value,
            };
            Some((position, column))
        });
        let (positions, columns): (Vec<usize>, Vec<Column>) = known.unzip();
        let spec = FormatSpec {
            format: Format::Json,
            delimiter: b',',
            wrap_single: true,
        };
        let rows = changes.num_rows();
        let arrays: Vec<_> = positions
            .iter()
            .map(|i| Arc::clone(changes.records.column(*i)))
            .collect();
        let mut records = RawRecords {
            partition: -1,
            timestamps: changes.event_times.values().to_vec(),
            offsets: vec![-1; rows],
            headers: Some(vec![self.headers(); rows]),
            ..RawRecords::default()
        };
        format::encoder(&spec, &columns)?.encode(&arrays, rows, None, &mut records.values)?;
        for _ in 0..rows {
            records.keys.push(None);
        }
        Ok(self.sink.write(&records)?)
    }

    fn headers(&self) -> crate::types::Headers {
        let header = |name: &str, value: &str| (format!("waterwheel.{name}"), Some(value.as_bytes().to_vec()));
        vec![header("query", &self.query), header("reason", "late row")]
    }

    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        Ok(self.sink.flush()?)
    }

    pub(crate) fn close(&mut self) -> Result<(), Error> {
        Ok(self.sink.close()?)
    }
}
