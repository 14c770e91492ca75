//! How streams and tables are stored: the words that statements, catalog and formats share.

/// Stream or table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SourceKind {
    /// Append-only rows.
    Stream,
    /// Rows kept by primary key.
    Table,
}

/// The formats, under the names that users type in `FORMAT`, `KEY_FORMAT` and `VALUE_FORMAT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// One JSON document a record.
    Json,
    /// One CSV row a record.
    Delimited,
    /// Kafka's own primitive serializers: one column, big-endian numbers, UTF-8 text.
    Kafka,
    /// No bytes at all (keys only).
    None,
}

/// A format and its options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatSpec {
    /// Which format.
    pub format: Format,
    /// The column delimiter of `DELIMITED` (`KEY_DELIMITER`, `VALUE_DELIMITER`), one character, a comma where not set.
    pub delimiter: u8,
    /// `JSON` with a single column: `true` wraps it in an object, `false` writes the bare value (`WRAP_SINGLE_VALUE`;
    /// single-column keys are never wrapped).
    pub wrap_single: bool,
}
