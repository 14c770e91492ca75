//! One finding about a SQL text: what is wrong, where, and what to do; and how people see it.
//!
//! The parser makes these, and so does the planner over the same text, so that every SQL error looks alike. Nothing here
//! decides what is an error.

use annotate_snippets::{AnnotationKind, Element, Level, Origin, Renderer, Snippet};

use super::ast::Span;
use super::source::Source;

/// Bytes of one source line that a rendering shows on either side of the place.
const LINE_BYTES_SHOWN_MAX: usize = 400;
/// Lines between the place and a related one beyond which the related one is told in words only.
const RELATED_LINES_MAX: usize = 40;

/// What is wrong with a SQL text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable, kebab-case: `unexpected-token`.
    pub code: &'static str,
    /// One line, lower case, no full stop.
    pub message: String,
    /// The place in the text, where one is known.
    pub span: Option<Span>,
    /// Other places that matter, each with a word about it: where a clause was given first, where a bracket opens.
    pub related: Vec<(Span, String)>,
    /// What to write instead: the nearest name, the clause to add.
    pub help: Option<String>,
    /// More facts, one line each.
    pub notes: Vec<String>,
}

/// Whether a rendering has terminal colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colours {
    /// Plain text.
    Off,
    /// ANSI escapes.
    On,
}

impl Diagnostic {
    /// A finding without a place.
    #[must_use]
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            span: None,
            related: Vec::new(),
            help: None,
            notes: Vec::new(),
        }
    }

    /// Says where.
    #[must_use]
    pub fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Points at another place too.
    #[must_use]
    pub fn related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related.push((span, label.into()));
        self
    }

    /// One line for logs: `line:column: message (help) [code]`.
    #[must_use]
    pub fn line(&self, source: &Source) -> String {
        use std::fmt::Write as _;

        let mut line = String::new();
        if let Some(span) = self.span {
            let place = source.location(span.start);
            let _ = write!(line, "{}:{}: ", place.line, place.column);
        }
        let _ = write!(line, "{}", one_line(&self.message));
        if let Some(help) = &self.help {
            let _ = write!(line, " ({})", one_line(help));
        }
        let _ = write!(line, " [{}]", self.code);
        line
    }

    /// For people: the message, `line:column`, the source line with carets, then help and notes. `origin` names the text
    /// (a file, or `sql`).
    #[must_use]
    pub fn render(&self, source: &Source, origin: &str, colours: Colours) -> String {
        let mut elements: Vec<Element<'_>> = Vec::new();
        if let Some(span) = self.span {
            self.place(source, span, origin, &mut elements);
        }
        for note in &self.notes {
            elements.push(Level::NOTE.message(one_line(note)).into());
        }
        if let Some(help) = &self.help {
            elements.push(Level::HELP.message(one_line(help)).into());
        }
        let title = Level::ERROR.primary_title(one_line(&self.message)).id(self.code);
        let renderer = match colours {
            Colours::Off => Renderer::plain(),
            Colours::On => Renderer::styled(),
        };
        renderer.render(&[title.elements(elements)])
    }

    fn place<'a>(&'a self, source: &'a Source, span: Span, origin: &'a str, elements: &mut Vec<Element<'a>>) {
        let span = clamp(source, span);
        let mut cut = whole_lines(source, span);
        for (related, _) in &self.related {
            let wider = whole_lines(source, clamp(source, *related));
            let (start, end) = (cut.start.min(wider.start), cut.end.max(wider.end));
            let lines = memchr::memchr_iter(b'\n', &source.text().as_bytes()[start..end]).count();
            if lines <= RELATED_LINES_MAX {
                cut = Span { start, end };
            }
        }
        let lines = cut;
        let cut = narrow(source, cut, span);
        let line = source.location(cut.start).line;
        let inside = |place: Span| {
            let place = clamp(source, place);
            (place.start >= cut.start && place.end <= cut.end).then(|| place.start - cut.start..place.end - cut.start)
        };
        let mut snippet = Snippet::source(&source.text()[cut.start..cut.end])
            .line_start(usize::try_from(line).unwrap_or(1))
            .fold(true);
        if let Some(range) = inside(span) {
            snippet = snippet.annotation(AnnotationKind::Primary.span(range));
        }
        for (related, label) in &self.related {
            if let Some(range) = inside(*related) {
                snippet = snippet.annotation(AnnotationKind::Context.span(range).label(label.as_str()));
            }
        }
        if cut == lines {
            snippet = snippet.path(origin);
        } else {
            // The snippet starts inside of a line and would count its columns from there.
            let place = source.location(span.start);
            let column = usize::try_from(place.column).unwrap_or(usize::MAX);
            let line = usize::try_from(place.line).unwrap_or(usize::MAX);
            elements.push(Origin::path(origin).line(line).char_column(column).into());
        }
        elements.push(snippet.into());
    }
}

/// The part of `span` that lies on its first line and in the text, on character boundaries.
fn clamp(source: &Source, span: Span) -> Span {
    let text = source.text();
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let end = text.ceil_char_boundary(span.end.clamp(start, text.len()));
    let end = memchr::memchr(b'\n', &text.as_bytes()[start..end]).map_or(end, |newline| start + newline);
    Span { start, end }
}

/// The lines that `span` touches, without the last line's newline.
fn whole_lines(source: &Source, span: Span) -> Span {
    let bytes = source.text().as_bytes();
    let start = memchr::memrchr(b'\n', &bytes[..span.start]).map_or(0, |newline| newline + 1);
    let end = memchr::memchr(b'\n', &bytes[span.end..]).map_or(bytes.len(), |newline| span.end + newline);
    Span { start, end }
}

/// Cuts an overlong line down to the surroundings of the place.
fn narrow(source: &Source, cut: Span, place: Span) -> Span {
    if cut.end - cut.start <= LINE_BYTES_SHOWN_MAX * RELATED_LINES_MAX {
        return cut;
    }
    let text = source.text();
    let line = whole_lines(source, place);
    let start = text.floor_char_boundary(place.start.saturating_sub(LINE_BYTES_SHOWN_MAX));
    let end = text
        .ceil_char_boundary((place.end.min(place.start + LINE_BYTES_SHOWN_MAX) + LINE_BYTES_SHOWN_MAX).min(text.len()));
    Span {
        start: start.max(line.start),
        end: end.min(line.end),
    }
}

/// `text` on one line: what a message quotes from the SQL may hold newlines and control characters.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(source: &Source, needle: &str) -> Span {
        let start = source.text().find(needle).expect("it is there");
        Span {
            start,
            end: start + needle.len(),
        }
    }

    #[test]
    fn people_see_place_carets_help_and_notes() {
        let source = Source::new("SELECT a\nFORM t;\n");
        let found = Diagnostic::new("unexpected-token", "expected the end of the statement, found `t`")
            .at(find(&source, "FORM"))
            .help("did you mean FROM?")
            .note("a name stands before it");
        assert_eq!(
            found.render(&source, "q.sql", Colours::Off),
            "error[unexpected-token]: expected the end of the statement, found `t`\n --> q.sql:2:1\n  |\n2 | FORM t;\n  | ^^^^\n  |\n  = note: a name stands before it\n  = help: did you mean FROM?"
        );
        assert_eq!(
            found.line(&source),
            "2:1: expected the end of the statement, found `t` (did you mean FROM?) [unexpected-token]"
        );
    }

    #[test]
    fn carets_stand_right_behind_tabs_and_wide_characters() {
        let source = Source::new("\tSELECT 'é', x");
        let out = Diagnostic::new("code", "m")
            .at(find(&source, "x"))
            .render(&source, "sql", Colours::Off);
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines[1], " --> sql:1:14");
        let source_column = lines[3].chars().position(|c| c == 'x');
        assert_eq!(lines[4].chars().position(|c| c == '^'), source_column);
    }

    #[test]
    fn a_finding_without_a_place_has_no_snippet() {
        let source = Source::new("SELECT 1");
        assert_eq!(
            Diagnostic::new("code", "m").render(&source, "sql", Colours::Off),
            "error[code]: m"
        );
    }

    #[test]
    fn the_end_of_the_text_and_places_outside_of_it_can_be_marked() {
        let source = Source::new("SELECT");
        for (start, end) in [(6, 6), (100, 200), (3, 1)] {
            let out = Diagnostic::new("code", "m")
                .at(Span { start, end })
                .render(&source, "sql", Colours::Off);
            assert!(out.contains('^'), "{out}");
        }
    }

    #[test]
    fn a_hostile_line_is_cut() {
        let long = format!("SELECT '{}' x", "a".repeat(1 << 20));
        let source = Source::new(&long);
        let out = Diagnostic::new("code", "m")
            .at(find(&source, " x"))
            .render(&source, "sql", Colours::Off);
        assert!(out.len() < 2_000, "{} bytes", out.len());
        assert!(out.contains("sql:1:1048586"), "{out}");
    }

    #[test]
    fn control_characters_do_not_break_the_line() {
        let source = Source::new("x");
        let line = Diagnostic::new("code", "a\nb\u{1b}[0m").line(&source);
        assert_eq!(line, "a b [0m [code]");
    }

    #[test]
    fn related_places_are_marked_with_their_words() {
        let source = Source::new("SELECT a\nFROM t\nEMIT CHANGES EMIT FINAL");
        let out = Diagnostic::new("duplicate-clause", "EMIT is given twice")
            .at(find(&source, "EMIT FINAL"))
            .related(find(&source, "EMIT CHANGES"), "first here")
            .render(&source, "sql", Colours::Off);
        assert!(out.contains("first here"), "{out}");
        assert!(out.contains("^^^^^^^^^^"), "{out}");
    }
}
