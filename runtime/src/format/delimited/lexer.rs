//! Cuts a `DELIMITED` record into fields, by the rules of Apache commons-csv's default format, which ksqlDB uses.
//!
//! A field in double quotes may hold the delimiter and line ends, a quote in it is doubled, and only white space may follow
//! it. Without quotes everything up to the delimiter or the line end belongs to the field, white space and quotes too.
//! Empty lines are skipped. Only the first line counts, but what follows must not be broken.

use std::ops::Range;

/// Where the text of a field stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// In the record.
    Record(Range<usize>),
    /// In the buffer of unquoted text, because a doubled quote was resolved.
    Unquoted(Range<usize>),
}

/// The fields of one record; keeps its buffers from record to record.
#[derive(Debug, Default)]
pub(super) struct Fields {
    /// The fields of the first line, in order.
    pub(super) places: Vec<Place>,
    unquoted: Vec<u8>,
}

/// What ends a field.
#[derive(PartialEq, Eq)]
enum End {
    Field,
    Line,
    Record,
}

impl Fields {
    /// The text of `place` in `record`.
    pub(super) fn text<'a>(&'a self, record: &'a [u8], place: &Place) -> &'a [u8] {
        match place {
            Place::Record(range) => &record[range.clone()],
            Place::Unquoted(range) => &self.unquoted[range.clone()],
        }
    }

    /// Cuts `record`; afterwards `places` has the fields of its first line, none when there is no line.
    ///
    /// # Errors
    /// Why it cannot be cut, for people.
    pub(super) fn cut(&mut self, record: &[u8], delimiter: u8) -> Result<(), String> {
        self.places.clear();
        self.unquoted.clear();
        let mut first_line = 0;
        let mut pos = skip_line_ends(record, 0);
        while pos < record.len() {
            loop {
                let (place, end, next) = self.cut_field(record, pos, delimiter)?;
                self.places.push(place);
                pos = next;
                if end != End::Field {
                    break;
                }
            }
            if first_line == 0 {
                first_line = self.places.len();
            }
            pos = skip_line_ends(record, pos);
        }
        self.places.truncate(first_line);
        Ok(())
    }

    fn cut_field(&mut self, record: &[u8], pos: usize, delimiter: u8) -> Result<(Place, End, usize), String> {
        if record.get(pos) == Some(&b'"') {
            return self.cut_quoted(record, pos + 1, delimiter);
        }
        let rest = &record[pos..];
        let length = memchr::memchr3(delimiter, b'\r', b'\n', rest).unwrap_or(rest.len());
        let (end, next) = field_end(record, pos + length, delimiter);
        Ok((Place::Record(pos..pos + length), end, next))
    }

    /// A field whose opening quote is before `start`.
    fn cut_quoted(&mut self, record: &[u8], start: usize, delimiter: u8) -> Result<(Place, End, usize), String> {
        let mut pos = start;
        let mut unquoted = None;
        loop {
            let Some(length) = memchr::memchr(b'"', &record[pos..]) else {
                return Err(format!("the quoted field from byte {} on does not end", start - 1));
            };
            let quote = pos + length;
            if record.get(quote + 1) == Some(&b'"') {
                unquoted.get_or_insert(self.unquoted.len());
                self.unquoted.extend_from_slice(&record[pos..=quote]);
                pos = quote + 2;
                continue;
            }
            let place = match unquoted {
                None => Place::Record(start..quote),
                Some(from) => {
                    self.unquoted.extend_from_slice(&record[pos..quote]);
                    Place::Unquoted(from..self.unquoted.len())
                }
            };
            let mut behind = quote + 1;
            while record
                .get(behind)
                .is_some_and(|byte| *byte != delimiter && is_space(*byte))
            {
                behind += 1;
            }
            return match record.get(behind) {
                Some(byte) if *byte != delimiter && *byte != b'\r' && *byte != b'\n' => Err(format!(
                    "text follows the closing quote at byte {quote}; only a delimiter or white space can"
                )),
                _ => {
                    let (end, next) = field_end(record, behind, delimiter);
                    Ok((place, end, next))
                }
            };
        }
    }
}

/// White space but for line ends.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | 0x0B | 0x0C | 0x1C..=0x1F)
}

/// What ends the field before `pos`, and where the next one starts.
fn field_end(record: &[u8], pos: usize, delimiter: u8) -> (End, usize) {
    match record.get(pos) {
        None => (End::Record, pos),
        Some(byte) if *byte == delimiter => (End::Field, pos + 1),
        Some(_) => (End::Line, pos + 1),
    }
}

fn skip_line_ends(record: &[u8], mut pos: usize) -> usize {
    while let Some(b'\r' | b'\n') = record.get(pos) {
        pos += 1;
    }
    pos
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(record: &str, delimiter: u8) -> Result<Vec<String>, String> {
        let mut fields = Fields::default();
        fields.cut(record.as_bytes(), delimiter)?;
        Ok(fields
            .places
            .iter()
            .map(|place| String::from_utf8(fields.text(record.as_bytes(), place).to_vec()).unwrap())
            .collect())
    }

    #[test]
    fn fields_are_cut_at_the_delimiter() {
        for (record, expected) in [
            ("a,b,c", vec!["a", "b", "c"]),
            ("a", vec!["a"]),
            (",", vec!["", ""]),
            ("a,", vec!["a", ""]),
            (" a , b ", vec![" a ", " b "]),
            ("a\"b,\tc", vec!["a\"b", "\tc"]),
            ("", vec![]),
            ("\r\n\n", vec![]),
            ("\n1,2\r\nignored", vec!["1", "2"]),
            ("1\r2", vec!["1"]),
        ] {
            assert_eq!(cut(record, b',').unwrap(), expected, "{record:?}");
        }
        assert_eq!(cut("a\tb,c", b'\t').unwrap(), ["a", "b,c"]);
        assert_eq!(cut("a b", b' ').unwrap(), ["a", "b"]);
    }

    #[test]
    fn quotes_keep_a_field_together() {
        for (record, expected) in [
            ("\"a\",\"b\"", vec!["a", "b"]),
            ("\"a,b\"", vec!["a,b"]),
            ("\"a\"\"b\"\"\",c", vec!["a\"b\"", "c"]),
            ("\"\"", vec![""]),
            ("\"\"\"\"", vec!["\""]),
            ("\"a\r\nb\",c", vec!["a\r\nb", "c"]),
            ("\"a\" \t,b", vec!["a", "b"]),
            ("\"a\" ", vec!["a"]),
            ("x,\"a\"\n", vec!["x", "a"]),
        ] {
            assert_eq!(cut(record, b',').unwrap(), expected, "{record:?}");
        }
        assert_eq!(cut("\"a\" b", b' ').unwrap(), ["a", "b"]);
    }

    #[test]
    fn broken_quotes_are_found_also_behind_the_first_line() {
        for record in ["\"a", "a,\"b", "\"a\"b,c", "\"a\"\"", "1,2\n\"x"] {
            assert!(cut(record, b',').is_err(), "{record:?}");
        }
    }
}
