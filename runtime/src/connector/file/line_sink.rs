//! Writes encoded values as lines.

use std::io::Write;

use super::super::registry::ConnectorSpec;
use super::super::{Error, RecordSink};
use super::output::Output;
use super::outputs::Outputs;
use super::{failed, malformed};
use crate::format::FormatSpec;
use crate::types::RawRecords;

/// Bytes that are gathered before they are written.
const BUFFER_BYTES: usize = 256 << 10;

/// One value a line. Keys, timestamps and headers are not written: the columns of the key stand in the value.
#[derive(Debug)]
pub(super) struct LineSink {
    outputs: Outputs,
    /// The file that is being written; `None` where an epoch has no rows yet.
    output: Option<Output>,
    /// The first line of each file.
    header: Vec<u8>,
    buffer: Vec<u8>,
    closed: bool,
}

impl LineSink {
    /// A sink of files whose first line is `header`, where there is one.
    pub(super) fn new(outputs: Outputs, header: Option<Vec<u8>>) -> Result<Self, Error> {
        let header = header.unwrap_or_default();
        let (output, buffer) = if outputs.has_epochs() {
            (None, Vec::new())
        } else {
            // The file of a whole query is there even when it has no rows.
            (Some(outputs.create()?), header.clone())
        };
        Ok(Self {
            outputs,
            output,
            header,
            buffer,
            closed: false,
        })
    }

    fn write_out(&mut self) -> Result<(), Error> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let output = match &mut self.output {
            Some(output) => output,
            None => self.output.insert(self.outputs.create()?),
        };
        output
            .write_all(&self.buffer)
            .map_err(|error| failed(self.outputs.path(), error))?;
        self.buffer.clear();
        Ok(())
    }
}

impl RecordSink for LineSink {
    fn write(&mut self, records: &RawRecords) -> Result<(), Error> {
        for value in records.values.iter() {
            let value = value.ok_or_else(|| {
                malformed(
                    self.outputs.path(),
                    "a delete has no line that could be written: send this table to a topic, or use EMIT FINAL",
                )
            })?;
            if self.output.is_none() && self.buffer.is_empty() {
                self.buffer.extend_from_slice(&self.header);
            }
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
        self.output.as_mut().map_or(Ok(()), Output::sync)
    }

    fn publish(&mut self, epoch: u64) -> Result<(), Error> {
        if self.outputs.has_epochs() {
            self.outputs.publish(self.output.take(), epoch)?;
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), Error> {
        if std::mem::replace(&mut self.closed, true) {
            return Ok(());
        }
        if self.outputs.has_epochs() {
            // What has not been published belongs to no epoch.
            return self.output.take().map_or(Ok(()), Output::discard);
        }
        self.write_out()?;
        self.output.take().map_or(Ok(()), |mut output| output.finish())
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
