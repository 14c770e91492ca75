//! Where a record ends in a text file.
//!
//! The rules for quotes are those of the `csv` crate, which decodes the records later: a quote opens a quoted field
//! only as the first byte of a field, a doubled quote inside of it is a quote, and after the closing quote the field
//! goes on unquoted to its delimiter. Other than there, a lone carriage return ends no record.

use memchr::{memchr, memchr2};

/// What ends a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Splitter {
    /// Every newline.
    Lines,
    /// A newline outside of quotes.
    Quoted {
        /// What stands between fields.
        delimiter: u8,
    },
}

impl Splitter {
    /// Position of the newline that ends the record that starts at `start`; `None` when it is not in `data`.
    #[inline]
    pub(super) fn record_end(self, data: &[u8], start: usize) -> Option<usize> {
        match self {
            Self::Lines => memchr(b'\n', &data[start..]).map(|at| start + at),
            Self::Quoted { delimiter } => {
                let at = start + memchr2(b'"', b'\n', &data[start..])?;
                if data[at] == b'\n' {
                    Some(at)
                } else {
                    quoted_record_end(data, start, delimiter)
                }
            }
        }
    }
}

/// The same for a record that has a quote somewhere: field by field.
fn quoted_record_end(data: &[u8], start: usize, delimiter: u8) -> Option<usize> {
    let mut at = start;
    loop {
        if *data.get(at)? == b'"' {
            at += 1;
            loop {
                at += memchr(b'"', &data[at..])? + 1;
                if *data.get(at)? != b'"' {
                    break;
                }
                at += 1;
            }
        }
        at += memchr2(delimiter, b'\n', &data[at..])?;
        if data[at] == b'\n' {
            return Some(at);
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str, splitter: Splitter) -> Vec<&str> {
        let data = text.as_bytes();
        let (mut start, mut records) = (0, Vec::new());
        while let Some(end) = splitter.record_end(data, start) {
            records.push(&text[start..end]);
            start = end + 1;
        }
        if start < data.len() {
            records.push(&text[start..]);
        }
        records
    }

    const CSV: Splitter = Splitter::Quoted { delimiter: b',' };

    #[test]
    fn quotes_hide_newlines_only_where_csv_says_so() {
        assert_eq!(
            split("a,\"b\nc\",d\ne,f\n", CSV),
            ["a,\"b\nc\",d", "e,f"],
            "a quoted newline"
        );
        assert_eq!(
            split("\"say \"\"hi\"\"\n\"\nx\n", CSV),
            ["\"say \"\"hi\"\"\n\"", "x"],
            "doubled quotes"
        );
        assert_eq!(
            split("5\" pipe\nnext\n", CSV),
            ["5\" pipe", "next"],
            "a quote inside of an unquoted field"
        );
        assert_eq!(
            split("\"ab\"c\"\nx\n", CSV),
            ["\"ab\"c\"", "x"],
            "text behind the closing quote is unquoted"
        );
        assert_eq!(
            split("a,\"open\nto the end\n", CSV),
            ["a,\"open\nto the end\n"],
            "a quote that is never closed"
        );
        assert_eq!(
            split("a;\"b\nc\"\n", Splitter::Quoted { delimiter: b';' }),
            ["a;\"b\nc\""]
        );
        assert_eq!(split("a,\"b\nc\"\n", Splitter::Lines), ["a,\"b", "c\""]);
        assert_eq!(split("\n\n", CSV), ["", ""]);
        assert_eq!(split("", CSV), [""; 0]);
    }

    /// The `csv` crate itself is the judge.
    #[test]
    fn splits_as_the_csv_crate_reads() {
        use proptest::prelude::*;
        proptest!(|(text in "[ab,\"\n]{0,40}")| {
            let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
            let expected: Vec<Vec<Vec<u8>>> = reader
                .byte_records()
                .map(|record| record.unwrap().iter().map(<[u8]>::to_vec).collect())
                .collect();
            let got: Vec<Vec<Vec<u8>>> = split(&text, CSV)
                .into_iter()
                .filter(|record| !record.is_empty())
                .map(|record| {
                    let mut reader =
                        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(record.as_bytes());
                    let rows: Vec<_> = reader.byte_records().map(Result::unwrap).collect();
                    assert_eq!(rows.len(), 1, "{record:?} is one record");
                    rows[0].iter().map(<[u8]>::to_vec).collect()
                })
                .collect();
            prop_assert_eq!(got, expected);
        });
    }
}
