//! How streams and tables are stored: the words that statements, catalog and formats share.

use serde::{Deserialize, Serialize};

/// Stream or table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SourceKind {
    /// Append-only rows.
    Stream,
    /// Rows kept by primary key.
    Table,
}

/// The window that is a part of a record's key, in Kafka Streams' binary form behind the key's own bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KeyWindow {
    /// A tumbling or hopping window: 8 bytes, its start.
    Time {
        /// Its length in milliseconds, which the bytes do not hold.
        size_ms: i64,
    },
    /// A session: 16 bytes, its end and its start.
    Session,
}

impl KeyWindow {
    /// Bytes behind the key's own.
    #[must_use]
    pub fn suffix_len(self) -> usize {
        match self {
            Self::Time { .. } => 8,
            Self::Session => 16,
        }
    }

    /// The bytes of a window, milliseconds since the epoch (Kafka Streams: `WindowKeySchema`, `SessionKeySchema`; big-endian).
    pub fn write(self, start: i64, end: i64, out: &mut Vec<u8>) {
        if self == Self::Session {
            out.extend_from_slice(&end.to_be_bytes());
        }
        out.extend_from_slice(&start.to_be_bytes());
    }

    /// Start and end from the bytes behind a key; `None` where there are not so many.
    #[must_use]
    pub fn read(self, suffix: &[u8]) -> Option<(i64, i64)> {
        let number = |bytes: &[u8]| Some(i64::from_be_bytes(bytes.try_into().ok()?));
        match self {
            Self::Time { size_ms } => {
                let start = number(suffix)?;
                Some((start, start.saturating_add(size_ms)))
            }
            Self::Session => Some((number(suffix.get(8..)?)?, number(suffix.get(..8)?)?)),
        }
    }
}

/// The formats, under the names that users type in `FORMAT`, `KEY_FORMAT` and `VALUE_FORMAT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormatSpec {
    /// Which format.
    pub format: Format,
    /// The column delimiter of `DELIMITED` (`KEY_DELIMITER`, `VALUE_DELIMITER`), one character, a comma where not set.
    pub delimiter: u8,
    /// `JSON` with a single column: `true` wraps it in an object, `false` writes the bare value (`WRAP_SINGLE_VALUE`;
    /// single-column keys are never wrapped).
    pub wrap_single: bool,
}
