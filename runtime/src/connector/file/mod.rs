//! `CONNECTOR = 'file'`: local files as sources and sinks, lines of JSON or CSV, or Parquet.
//!
//! One file is one partition (in the order of their names), or one big file is split into several. Rows are numbered
//! from 0 in each partition; that number is their offset. Files are read from their beginning, and end; with `FOLLOW`
//! they wait for more. No compressed text, no remote paths.

mod conform;
mod line_reader;
mod line_sink;
mod output;
mod outputs;
mod parquet_reader;
mod parquet_sink;
mod paths;
mod ranges;
mod settings;
mod splitter;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use super::fixed_source::FixedSource;
use super::options::wrong;
use super::registry::{Claim, Connector, ConnectorSpec, Opening, OptionDoc, Payload, ShardOf, Writing};
use super::{Error, PartitionReader, Sink, Source, StopAt};
use crate::types::schema::{Column, ColumnRole};
use line_reader::{LineRange, LineReader};
use outputs::Outputs;
use settings::{FileKind, FileSettings};

/// The connector.
#[derive(Debug)]
pub struct Files;

impl Connector for Files {
    fn name(&self) -> &'static str {
        "file"
    }

    fn summary(&self) -> &'static str {
        "reads and writes local files: lines of JSON or CSV, and Parquet"
    }

    fn options(&self) -> &'static [OptionDoc] {
        settings::OPTIONS
    }

    fn has_one_output(&self) -> bool {
        true
    }

    fn check(&self, spec: &ConnectorSpec) -> Result<Payload, Error> {
        Ok(match FileSettings::read(spec)?.kind {
            FileKind::Lines(format) => Payload::Values(format),
            FileKind::Parquet => Payload::Columns,
        })
    }

    fn open_source(&self, spec: &ConnectorSpec, opening: Opening<'_>) -> Result<Box<dyn Source>, Error> {
        let settings = FileSettings::read(spec)?;
        let files = paths::input_files(&settings.path)?;
        if files.len() > 1 && settings.partitions > 1 {
            return Err(wrong(
                "PARTITIONS",
                format!(
                    "splits one file, but `{}` is {} files, each a partition of its own",
                    settings.path,
                    files.len()
                ),
            ));
        }
        let mut readers = Vec::new();
        for file in &files {
            let partition = i32::try_from(readers.len()).map_err(|_| wrong("PATH", "too many files"))?;
            match &settings.kind {
                FileKind::Lines(_) => open_lines(file, partition, &settings, opening, &mut readers)?,
                FileKind::Parquet => open_parquet(file, partition, spec, &settings, opening, &mut readers)?,
            }
        }
        Ok(Box::new(FixedSource::new(readers)))
    }

    fn has_epochs(&self) -> bool {
        true
    }

    fn claim(&self, spec: &ConnectorSpec) -> Result<Option<Claim>, Error> {
        let path = FileSettings::read(spec)?.path;
        let path = paths::output_file(&path, ShardOf { index: 0, count: 1 })?;
        outputs::claim(&path).map(Some)
    }

    fn open_sink(&self, spec: &ConnectorSpec, shard: ShardOf, writing: Writing) -> Result<Sink, Error> {
        let settings = FileSettings::read(spec)?;
        let outputs = Outputs::open(paths::output_file(&settings.path, shard)?, settings.fsync, writing)?;
        Ok(match &settings.kind {
            FileKind::Lines(format) => {
                let header = settings.header.then(|| line_sink::header_line(spec, format));
                Sink::Records(Box::new(line_sink::LineSink::new(outputs, header)?))
            }
            FileKind::Parquet => Sink::Columns(Box::new(parquet_sink::ParquetSink::new(
                outputs,
                &spec.columns,
                settings.compression,
            )?)),
        })
    }
}

/// One reader for each range of lines of `file`.
fn open_lines(
    file: &Path,
    first_partition: i32,
    settings: &FileSettings,
    opening: Opening<'_>,
    readers: &mut Vec<Box<dyn PartitionReader>>,
) -> Result<(), Error> {
    let splitter = settings.splitter();
    let follow = settings.follow && opening.read.stop_at == StopAt::Never;
    let ranges = ranges::line_ranges(file, splitter, settings.partitions, follow)?;
    for (partition, (start, end)) in (first_partition..).zip(ranges) {
        readers.push(Box::new(LineReader::new(
            file,
            partition,
            LineRange {
                start,
                end,
                skip_header: settings.header && start == 0,
            },
            splitter,
            opening.read.headers,
            opening.next_offsets.get(&partition).copied().unwrap_or(0),
            Arc::clone(opening.clock),
        )));
    }
    Ok(())
}

/// One reader for each share of the row groups of `file`.
fn open_parquet(
    file: &Path,
    first_partition: i32,
    spec: &ConnectorSpec,
    settings: &FileSettings,
    opening: Opening<'_>,
    readers: &mut Vec<Box<dyn PartitionReader>>,
) -> Result<(), Error> {
    let parquet = parquet_reader::ParquetFile::open(file, &spec.columns)?;
    for (partition, share) in (first_partition..).zip(0..settings.partitions) {
        readers.push(Box::new(parquet.reader(
            partition,
            share..settings.partitions,
            opening.next_offsets.get(&partition).copied().unwrap_or(0),
            Arc::clone(opening.clock),
        )));
    }
    Ok(())
}

/// The columns that a file can hold; it has no headers.
fn stored_columns(columns: &[Column]) -> Result<&[Column], Error> {
    match columns
        .iter()
        .find(|column| matches!(column.role, ColumnRole::Headers | ColumnRole::Header(_)))
    {
        Some(column) => Err(wrong(
            "CONNECTOR",
            format!("column `{}` reads record headers, and files have none", column.name),
        )),
        None => Ok(columns),
    }
}

/// The error for data that is not what its format says.
fn malformed(path: &Path, reason: impl Into<String>) -> Error {
    Error::FileFormat {
        path: path.display().to_string(),
        reason: reason.into(),
    }
}

/// The error for a failed system call.
fn failed(path: &Path, source: std::io::Error) -> Error {
    Error::File {
        path: path.display().to_string(),
        source,
    }
}
