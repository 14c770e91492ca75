//! Writes encoded values as lines.

use std::io::Write;

use super::super::registry::ConnectorSpec;
use super::super::{Error, RecordSink};
use super::output::Output;
use super::{failed, malformed};
use crate::format::FormatSpec;
use crate::types::RawRecords;

/// Bytes that are gathered before they are written.
const BUFFER_BYTES: usize = 256 << 10;

/// One value a line. Keys, timestamps and headers are not written: the columns of the key stand in the value.
#[derive(Debug)]
pub(super) struct LineSink {
    output: Output,
    buffer: Vec<u8>,
    closed: bool,
}

impl LineSink {
    /// A sink whose first line is `header`, where there is one.
    pub(super) fn new(output: Output, header: Option<Vec<u8>>) -> Self {
        Self {
            output,
            buffer: header.unwrap_or_default(),
            closed: false,
        }
    }

    fn write_out(&mut self) -> Result<(), Error> {
        self.output
            .write_all(&self.buffer)
            .map_err(|error| failed(self.output.path(), error))?;
        self.buffer.clear();
        Ok(())
    }
}

impl RecordSink for LineSink {
    fn write(&mut self, records: &RawRecords) -> Result<(), Error> {
        for value in records.values.iter() {
            let value = value.ok_or_else(|| {
                malformed(
                    self.output.path(),
                    "a delete has no line that could be written: send this table to a topic, or use EMIT FINAL",
                )
            })?;
            self.buffer.extend_from_slice(value);
            self.buffer.push(b'\n');
            if self.buffer.len() >= BUFFER_BYTES {
                self.write_out()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.write_out()?;
        self.output.sync()
    }

    fn close(&mut self) -> Result<(), Error> {
        if self.closed {
            return Ok(());
        }
        self.write_out()?;
        self.output.finish()?;
        self.closed = true;
        Ok(())
    }
}

/// The names of the columns as the first line of a delimited file.
pub(super) fn header_line(spec: &ConnectorSpec, format: &FormatSpec) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new()
        .delimiter(format.delimiter)
        .from_writer(Vec::new());
    let names = spec.columns.iter().map(|column| column.name.as_str());
    writer.write_record(names).expect("writing to memory cannot fail");
    writer.into_inner().expect("writing to memory cannot fail")
}
