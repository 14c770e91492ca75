//! The text of a script and the two ways to name a place in it.
//!
//! Our own spans are byte offsets; sqlparser and `DataFusion` say line and column, where a column counts characters
//! (a tab is one) from 1. Both are needed: bytes to cut and mark the text, lines and columns because that is what the
//! AST carries. This file only converts; it knows no SQL.

use std::sync::Arc;

use datafusion::sql::sqlparser::tokenizer::{Location, Span as AstSpan};

use super::ast::Span;

/// A script with an index of its lines. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Source {
    text: Arc<str>,
    line_starts: Arc<[usize]>,
    ascii: bool,
}

impl Source {
    /// Indexes `text`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let line_starts = std::iter::once(0)
            .chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|newline| newline + 1))
            .collect();
        Self {
            text: text.into(),
            line_starts,
            ascii: text.is_ascii(),
        }
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text of `span`; empty where the span is not one of this text.
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or("")
    }

    /// Line and column, both from 1, of a byte offset; an offset inside of a character is that character's.
    #[must_use]
    pub fn location(&self, offset: usize) -> Location {
        let offset = self.text.floor_char_boundary(offset.min(self.text.len()));
        let line = self.line_starts.partition_point(|start| *start <= offset) - 1;
        let line_start = self.line_starts[line];
        let column = if self.ascii {
            offset - line_start
        } else {
            self.text[line_start..offset].chars().count()
        };
        Location {
            line: line as u64 + 1,
            column: column as u64 + 1,
        }
    }

    /// The byte offset of a line and column; `None` for a place outside of the text (sqlparser's "unknown" is 0:0).
    #[must_use]
    pub fn offset(&self, location: Location) -> Option<usize> {
        let line = usize::try_from(location.line).ok()?.checked_sub(1)?;
        let column = usize::try_from(location.column).ok()?.checked_sub(1)?;
        let start = *self.line_starts.get(line)?;
        let end = self.line_starts.get(line + 1).copied().unwrap_or(self.text.len());
        let bytes = if self.ascii {
            column
        } else {
            let mut chars = self.text[start..end].char_indices();
            chars.nth(column).map_or(end - start, |(at, _)| at)
        };
        (start + bytes <= end).then_some(start + bytes)
    }

    /// The byte span of a span of the AST, or of `DataFusion`'s diagnostics after conversion; `None` where it is unknown.
    #[must_use]
    pub fn span(&self, span: AstSpan) -> Option<Span> {
        let start = self.offset(span.start)?;
        let end = self.offset(span.end)?.max(start);
        Some(Span { start, end })
    }

    /// The AST's form of a byte span.
    #[must_use]
    pub fn ast_span(&self, span: Span) -> AstSpan {
        AstSpan::new(self.location(span.start), self.location(span.end))
    }
}

/// Converts growing byte offsets to locations in one pass over the text, so that a long line costs no square.
#[derive(Debug)]
pub(super) struct LocationCursor<'a> {
    source: &'a Source,
    offset: usize,
    location: Location,
}

impl<'a> LocationCursor<'a> {
    /// Starts at `offset`.
    pub(super) fn new(source: &'a Source, offset: usize) -> Self {
        Self {
            source,
            offset,
            location: source.location(offset),
        }
    }

    /// The location of `offset`; going back is allowed and costs a look-up.
    pub(super) fn at(&mut self, offset: usize) -> Location {
        match self.source.text.get(self.offset..offset) {
            Some(passed) => {
                for c in passed.chars() {
                    if c == '\n' {
                        self.location.line += 1;
                        self.location.column = 1;
                    } else {
                        self.location.column += 1;
                    }
                }
            }
            None => self.location = self.source.location(offset),
        }
        self.offset = offset;
        self.location
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(line: u64, column: u64) -> Location {
        Location { line, column }
    }

    #[test]
    fn columns_count_characters_and_tabs_as_one() {
        let source = Source::new("a\tb\nгруша x\n");
        assert_eq!(source.location(2), place(1, 3));
        let x = source.text().find('x').expect("it is there");
        assert_eq!(source.location(x), place(2, 7));
        assert_eq!(source.offset(place(2, 7)), Some(x));
        assert_eq!(source.location(source.text().len()), place(3, 1));
    }

    #[test]
    fn an_offset_inside_of_a_character_is_that_characters() {
        let source = Source::new("é");
        assert_eq!(source.location(1), place(1, 1));
    }

    #[test]
    fn places_outside_of_the_text_are_unknown() {
        let source = Source::new("ab\ncd");
        assert_eq!(source.offset(place(0, 0)), None);
        assert_eq!(source.offset(place(3, 1)), None);
        assert_eq!(source.offset(place(2, 9)), None);
        assert_eq!(source.offset(place(2, 3)), Some(5));
    }

    #[test]
    fn the_cursor_agrees_with_the_index_forward_and_back() {
        let text = "aé\n\tß c\n\nend";
        let source = Source::new(text);
        let offsets: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let mut cursor = LocationCursor::new(&source, 0);
        for offset in offsets.iter().chain(offsets.iter().rev()) {
            assert_eq!(cursor.at(*offset), source.location(*offset), "offset {offset}");
            assert_eq!(source.offset(source.location(*offset)), Some(*offset));
        }
    }
}
