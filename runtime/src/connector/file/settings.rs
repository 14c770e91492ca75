//! The options of `CONNECTOR = 'file'`.

use std::path::Path;

use datafusion::parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};

use super::super::Error;
use super::super::options::{Options, wrong};
use super::super::registry::{ConnectorSpec, OptionDoc};
use super::splitter::Splitter;
use crate::format::{Format, FormatSpec};

/// For the reference documentation; [`FileSettings::read`] is what takes them.
pub(super) const OPTIONS: &[OptionDoc] = &[
    OptionDoc {
        name: "PATH",
        meaning: "a file, a directory, or a pattern as 'dir/*.json'; a sink whose query goes on after a restart writes a file for each epoch, as out-000000000007.json",
    },
    OptionDoc {
        name: "VALUE_FORMAT",
        meaning: "'json', 'delimited' or 'parquet' (also FORMAT); without it the file's extension decides",
    },
    OptionDoc {
        name: "PARTITIONS",
        meaning: "splits one big file into so many partitions; 1 without it",
    },
    OptionDoc {
        name: "HEADER",
        meaning: "'true': the first row of a delimited file has the column names; skipped by a source, written by a sink",
    },
    OptionDoc {
        name: "FOLLOW",
        meaning: "'true': a source waits for more lines at the end of a file instead of ending",
    },
    OptionDoc {
        name: "COMPRESSION",
        meaning: "of Parquet sinks: 'snappy' (without it), 'none', 'zstd', 'gzip', 'lz4' or 'brotli'",
    },
    OptionDoc {
        name: "FSYNC",
        meaning: "'true' or 'false': whether a sink forces its files to the disk at commits and at its end; without it where there is a file for each epoch",
    },
];

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FileKind {
    /// One encoded value a line (or CSV record).
    Lines(FormatSpec),
    /// Columns.
    Parquet,
}

/// The options, checked.
#[derive(Debug, Clone)]
pub(super) struct FileSettings {
    pub(super) path: String,
    pub(super) kind: FileKind,
    pub(super) partitions: i32,
    pub(super) header: bool,
    pub(super) follow: bool,
    pub(super) compression: Compression,
    /// `None`: epochs are forced to the disk, a file for the whole query is not.
    pub(super) fsync: Option<bool>,
}

impl FileSettings {
    /// Reads and checks the options; opens nothing.
    pub(super) fn read(spec: &ConnectorSpec) -> Result<Self, Error> {
        super::stored_columns(&spec.columns)?;
        let mut options = Options::new(&spec.options);
        let path = match options.take("PATH").map(str::trim) {
            Some(path) if !path.is_empty() => path.to_owned(),
            _ => {
                return Err(wrong(
                    "PATH",
                    "connector `file` needs the path of a file or a directory",
                ));
            }
        };
        let named_format = (options.take("VALUE_FORMAT"), options.take("FORMAT"));
        let kind = kind(&path, named_format.0.or(named_format.1), spec.value_format.as_ref())?;
        let compression = options.take("COMPRESSION");
        let settings = Self {
            kind,
            partitions: options.take_partitions()?,
            header: options.take_bool("HEADER")?.unwrap_or(false),
            follow: options.take_bool("FOLLOW")?.unwrap_or(false),
            compression: parquet_compression(compression)?,
            fsync: options.take_bool("FSYNC")?,
            path,
        };
        options.finish("file")?;
        let is_delimited = matches!(&settings.kind, FileKind::Lines(format) if format.format == Format::Delimited);
        if settings.header && !is_delimited {
            return Err(wrong("HEADER", "only a delimited file has a row of column names"));
        }
        if settings.follow && settings.kind == FileKind::Parquet {
            return Err(wrong(
                "FOLLOW",
                "a Parquet file cannot be followed: it is complete or unreadable",
            ));
        }
        if compression.is_some() && settings.kind != FileKind::Parquet {
            return Err(wrong("COMPRESSION", "only Parquet files are compressed"));
        }
        Ok(settings)
    }

    /// What ends a record.
    pub(super) fn splitter(&self) -> Splitter {
        match &self.kind {
            FileKind::Lines(format) if format.format == Format::Delimited => Splitter::Quoted {
                delimiter: format.delimiter,
            },
            _ => Splitter::Lines,
        }
    }
}

/// What the file holds: by the format that was named, by an extension that leaves no doubt, by the stream's format.
fn kind(path: &str, named: Option<&str>, settled: Option<&FormatSpec>) -> Result<FileKind, Error> {
    let lines = |format: Format| {
        let spec = settled.cloned().unwrap_or(FormatSpec {
            format,
            delimiter: b',',
            wrap_single: true,
        });
        FileKind::Lines(FormatSpec { format, ..spec })
    };
    if let Some(named) = named {
        return match named.trim().to_ascii_lowercase().as_str() {
            "json" => Ok(lines(Format::Json)),
            "delimited" => Ok(lines(Format::Delimited)),
            "parquet" => Ok(FileKind::Parquet),
            _ => Err(wrong(
                "VALUE_FORMAT",
                format!("a file is json, delimited or parquet, not `{named}`"),
            )),
        };
    }
    let extension = Path::new(path)
        .extension()
        .map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    if extension.as_deref() == Some("parquet") {
        return Ok(FileKind::Parquet);
    }
    match (settled, extension.as_deref()) {
        (Some(spec), _) => match spec.format {
            Format::Json | Format::Delimited => Ok(lines(spec.format)),
            other => Err(wrong(
                "VALUE_FORMAT",
                format!("a file is json, delimited or parquet, not {other:?}"),
            )),
        },
        (None, Some("json" | "jsonl" | "ndjson")) => Ok(lines(Format::Json)),
        (None, Some("csv")) => Ok(lines(Format::Delimited)),
        (None, _) => Err(wrong(
            "VALUE_FORMAT",
            format!("`{path}` does not tell its format: add VALUE_FORMAT = 'json', 'delimited' or 'parquet'"),
        )),
    }
}

fn parquet_compression(named: Option<&str>) -> Result<Compression, Error> {
    let Some(named) = named else {
        return Ok(Compression::SNAPPY);
    };
    match named.trim().to_ascii_lowercase().as_str() {
        "none" => Ok(Compression::UNCOMPRESSED),
        "snappy" => Ok(Compression::SNAPPY),
        "zstd" => Ok(Compression::ZSTD(ZstdLevel::default())),
        "gzip" => Ok(Compression::GZIP(GzipLevel::default())),
        "lz4" => Ok(Compression::LZ4_RAW),
        "brotli" => Ok(Compression::BROTLI(BrotliLevel::default())),
        _ => Err(wrong(
            "COMPRESSION",
            format!("`{named}` is not one of none, snappy, zstd, gzip, lz4, brotli"),
        )),
    }
}
