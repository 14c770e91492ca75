//! What is wrong with a record, and how it is told.
//!
//! Two kinds: the record is no JSON (`Syntax`), or it is, but a value is not what its column takes (`Value`). The first
//! ends the reading at once. The second can be mended by a later field of the same name, so it waits until the object
//! ends; and a record that has both is no JSON.

use crate::format::builder::BATCH_DECODED_BYTES_MAX;
use crate::format::excerpt::excerpt;
use crate::types::limits::NESTING_DEPTH_MAX;

/// Why a record is bad.
#[derive(Debug)]
pub(super) enum Fault {
    /// Another byte was expected.
    Syntax {
        /// Position in the record.
        at: usize,
        /// The byte there, `None` behind the end.
        found: Option<u8>,
        /// What JSON has there.
        expected: &'static str,
    },
    /// Arrays and objects inside of each other beyond the limit.
    Depth {
        /// Position of the bracket that is too much.
        at: usize,
    },
    /// Not UTF-8 from the byte `at` on.
    Text {
        /// Position of the first byte that is none.
        at: usize,
    },
    /// The batch is larger than a decoder takes.
    Batch,
    /// The value does not suit the column.
    Value {
        /// The way to the value from the inside out: `.field`, `[0]`.
        path: Vec<String>,
        /// What stands there.
        found: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// A result whose error is rare and must not make the good case bigger.
pub(super) type Outcome<T> = Result<T, Box<Fault>>;

#[expect(
    clippy::unnecessary_box_returns,
    reason = "every fault is boxed, so that a result is one word in the good case"
)]
impl Fault {
    /// Something else was expected at `at`.
    #[cold]
    pub(super) fn syntax(record: &[u8], at: usize, expected: &'static str) -> Box<Self> {
        Box::new(Self::Syntax {
            at: at.min(record.len()),
            found: record.get(at).copied(),
            expected,
        })
    }

    /// Too deep at `at`.
    #[cold]
    pub(super) fn depth(at: usize) -> Box<Self> {
        Box::new(Self::Depth { at })
    }

    /// Not UTF-8 at `at`.
    #[cold]
    pub(super) fn text(at: usize) -> Box<Self> {
        Box::new(Self::Text { at })
    }

    /// Behind the part of the batch that is read.
    #[cold]
    pub(super) fn batch() -> Box<Self> {
        Box::new(Self::Batch)
    }

    /// The value is of a kind that the type cannot take.
    #[cold]
    pub(super) fn kind(found: String, type_name: &str) -> Box<Self> {
        Box::new(Self::Value {
            path: Vec::new(),
            found,
            problem: format!("expected {type_name}"),
        })
    }

    /// The value is of a fitting kind, but the type cannot hold it.
    #[cold]
    pub(super) fn unfit(found: String, type_name: &str) -> Box<Self> {
        Box::new(Self::Value {
            path: Vec::new(),
            found,
            problem: format!("which does not fit {type_name}"),
        })
    }

    /// True when the record is JSON all the same.
    pub(super) fn is_value(&self) -> bool {
        matches!(self, Self::Value { .. })
    }

    /// Says that the value is inside of the field `name`.
    #[cold]
    pub(super) fn inside_field(mut self: Box<Self>, name: &str) -> Box<Self> {
        if let Self::Value { path, .. } = &mut *self {
            path.push(format!(".{name}"));
        }
        self
    }

    /// Says that the value is inside of element `index`, or under map key `index`.
    #[cold]
    pub(super) fn inside_element(mut self: Box<Self>, index: &str) -> Box<Self> {
        if let Self::Value { path, .. } = &mut *self {
            path.push(format!("[{index}]"));
        }
        self
    }

    /// For people.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::Syntax {
                at: 0,
                found: None,
                expected,
            } => format!("the record is empty, expected {expected}"),
            Self::Syntax { at, found, expected } => {
                format!(
                    "not valid JSON at byte {at}: found {}, expected {expected}",
                    byte_name(*found)
                )
            }
            Self::Depth { at } => {
                format!("not readable at byte {at}: arrays and objects nest deeper than {NESTING_DEPTH_MAX} levels")
            }
            Self::Text { at } => format!("not valid UTF-8 at byte {at}"),
            Self::Batch => {
                format!("the batch holds more than {BATCH_DECODED_BYTES_MAX} bytes, and the record is behind that")
            }
            Self::Value { path, found, problem } => {
                let path: String = path.iter().rev().map(String::as_str).collect();
                match path.strip_prefix('.').unwrap_or(&path) {
                    "" => format!("found {found}, {problem}"),
                    path => format!("field {path}: found {found}, {problem}"),
                }
            }
        }
    }
}

fn byte_name(byte: Option<u8>) -> String {
    match byte {
        None => "the end of the record".into(),
        Some(byte) if byte.is_ascii_graphic() => format!("`{}`", byte as char),
        Some(byte) => format!("the byte 0x{byte:02X}"),
    }
}

/// A string value as errors show it.
#[cold]
pub(super) fn string_excerpt(text: &[u8]) -> String {
    format!("string \"{}\"", excerpt(text))
}

/// A number as errors show it.
#[cold]
pub(super) fn number_excerpt(text: &[u8]) -> String {
    format!("number {}", excerpt(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_name_the_place_and_what_stood_there() {
        let fault = Fault::unfit(number_excerpt(b"3000000000"), "INTEGER");
        let fault = fault.inside_element("2").inside_field("B").inside_field("A");
        assert_eq!(
            fault.reason(),
            "field A.B[2]: found number 3000000000, which does not fit INTEGER"
        );
        let root = Fault::kind("an array".into(), "an object");
        assert_eq!(root.reason(), "found an array, expected an object");
        assert_eq!(
            Fault::syntax(b"{\"a\"", 4, "`:`").reason(),
            "not valid JSON at byte 4: found the end of the record, expected `:`"
        );
        assert_eq!(
            Fault::syntax(b"{\x01", 1, "`\"`").reason(),
            "not valid JSON at byte 1: found the byte 0x01, expected `\"`"
        );
        assert_eq!(
            Fault::syntax(b"", 0, "an object").reason(),
            "the record is empty, expected an object"
        );
    }
}
