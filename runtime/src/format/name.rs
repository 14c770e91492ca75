//! Formats and delimiters by the names that users give them in `WITH (...)`.

use std::fmt;

use super::{Format, FormatSpec};

/// ksqlDB's formats that need what is not there yet, and what that is.
const NOT_YET: [(&str, &str); 4] = [
    ("AVRO", "needs a schema registry, which is not supported yet"),
    ("JSON_SR", "needs a schema registry, which is not supported yet"),
    ("PROTOBUF", "needs a schema registry, which is not supported yet"),
    ("PROTOBUF_NOSR", "is not supported yet"),
];

/// A name that is no format, or none that can be used. The message lists those that can.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnknownFormat(pub String);

/// A text that is no delimiter of `DELIMITED`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` cannot delimit columns: give one ASCII character other than a double quote or a line end, or SPACE, or TAB"
)]
pub struct BadDelimiter(pub String);

impl Format {
    /// All formats.
    pub const ALL: [Self; 4] = [Self::Json, Self::Delimited, Self::Kafka, Self::None];

    /// The format that `name` names, in any case.
    ///
    /// # Errors
    /// When there is none; the message names those that there are, and the one that may be meant.
    pub fn from_name(name: &str) -> Result<Self, UnknownFormat> {
        let upper = name.trim().to_ascii_uppercase();
        if let Some(format) = Self::ALL.into_iter().find(|format| format.name() == upper) {
            return Ok(format);
        }
        let names = Self::ALL.map(Self::name).join(", ");
        if let Some((known, reason)) = NOT_YET.into_iter().find(|(known, _)| *known == upper) {
            return Err(UnknownFormat(format!("the format {known} {reason}; there are {names}")));
        }
        let near = Self::ALL
            .into_iter()
            .map(Self::name)
            .find(|known| strsim::damerau_levenshtein(known, &upper) <= 2);
        Err(UnknownFormat(match near {
            Some(near) => format!("there is no format `{name}`, is {near} meant? There are {names}"),
            None => format!("there is no format `{name}`; there are {names}"),
        }))
    }

    /// The name, in upper case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Delimited => "DELIMITED",
            Self::Kafka => "KAFKA",
            Self::None => "NONE",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FormatSpec {
    /// `format` with the options it has where none are given: a comma delimits, a single column is wrapped.
    #[must_use]
    pub const fn new(format: Format) -> Self {
        Self {
            format,
            delimiter: b',',
            wrap_single: true,
        }
    }
}

/// The delimiter that `KEY_DELIMITER` or `VALUE_DELIMITER` names: one character, or `SPACE` or `TAB` in any case.
///
/// # Errors
/// When it is something else.
pub fn delimiter_from_name(name: &str) -> Result<u8, BadDelimiter> {
    if name.eq_ignore_ascii_case("SPACE") {
        return Ok(b' ');
    }
    if name.eq_ignore_ascii_case("TAB") {
        return Ok(b'\t');
    }
    match name.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n') => Ok(*byte),
        _ => Err(BadDelimiter(name.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_any_case() {
        for format in Format::ALL {
            assert_eq!(Format::from_name(format.name()), Ok(format));
            assert_eq!(Format::from_name(&format.name().to_lowercase()), Ok(format));
        }
        assert_eq!(Format::from_name("KafkA"), Ok(Format::Kafka));
    }

    #[test]
    fn unknown_names_list_the_known_ones() {
        let error = Format::from_name("jsn").unwrap_err().to_string();
        assert!(
            error.contains("is JSON meant?") && error.contains("DELIMITED"),
            "{error}"
        );
        let error = Format::from_name("parquet").unwrap_err().to_string();
        assert!(
            !error.contains("meant") && error.contains("JSON, DELIMITED, KAFKA, NONE"),
            "{error}"
        );
        for name in ["avro", "PROTOBUF", "Json_SR"] {
            let error = Format::from_name(name).unwrap_err().to_string();
            assert!(
                error.contains("needs a schema registry, which is not supported yet"),
                "{error}"
            );
        }
    }

    #[test]
    fn delimiters_are_one_character_or_a_name() {
        assert_eq!(delimiter_from_name("|"), Ok(b'|'));
        assert_eq!(delimiter_from_name(" "), Ok(b' '));
        assert_eq!(delimiter_from_name("space"), Ok(b' '));
        assert_eq!(delimiter_from_name("TAB"), Ok(b'\t'));
        for name in ["", "||", "\"", "\n", "ä"] {
            assert!(delimiter_from_name(name).is_err(), "{name:?}");
        }
    }
}
