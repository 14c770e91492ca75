//! A script as statements, one by one, so that the ones before a faulty one can run.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::ast::{Parsed, Span, Statement};
use super::bounds;
use super::error::{Code, Error, Result};
use super::lexer::{Lexed, Lexeme, lex};
use super::limits::SCRIPT_BYTES_MAX;
use super::source::Source;
use super::statement;
use super::variables::{self, Variables};

/// The statements of a script in order.
///
/// A DEFINE or UNDEFINE in the script works on the statements behind it. After an error the iterator goes on with the
/// next statement; whoever runs a script stops there.
#[derive(Debug)]
pub struct Statements {
    source: Source,
    lexed: Lexed,
    at: usize,
    variables: Variables,
}

/// Reads `text` statement by statement.
#[must_use]
pub fn statements(text: &str, variables: &Variables) -> Statements {
    let too_long = text.len() > SCRIPT_BYTES_MAX;
    let mut lexed = if too_long { Lexed::default() } else { lex(text) };
    if too_long {
        let message = format!("a script may have at most {SCRIPT_BYTES_MAX} bytes");
        lexed.faults.push(Code::TooLong.found(message));
        lexed.open = true;
    }
    Statements {
        source: Source::new(if too_long { "" } else { text }),
        lexed,
        at: 0,
        variables: variables.clone(),
    }
}

/// Reads all of `text`.
///
/// # Errors
/// The first error, whichever statement it is in; [`statements`] gives the ones before it too.
pub fn parse(text: &str, variables: &Variables) -> std::result::Result<Vec<Parsed>, Error> {
    statements(text, variables).collect()
}

/// Whether a shell should read another line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// Nothing but spaces and comments.
    Empty,
    /// A statement has no semicolon yet, or a string, name or comment no end.
    Incomplete,
    /// It ends with a semicolon.
    Complete,
}

/// Says whether `text` can be run or needs more lines.
#[must_use]
pub fn completeness(text: &str) -> Completeness {
    let lexed = lex(text);
    match lexed.lexemes.last() {
        _ if lexed.open => Completeness::Incomplete,
        None => Completeness::Empty,
        Some(last) if last.token == Token::SemiColon => Completeness::Complete,
        Some(_) => Completeness::Incomplete,
    }
}

impl Statements {
    /// The variables as the statements so far left them.
    #[must_use]
    pub fn variables(&self) -> &Variables {
        &self.variables
    }

    /// Sets the variables for the statements behind, where something else than this text has changed them.
    pub fn set_variables(&mut self, variables: &Variables) {
        self.variables = variables.clone();
    }

    /// The text.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Reads the statement of tokens `from..to`; `end` is where it ends in the text if nothing is amiss.
    fn read(&mut self, from: usize, to: usize, open: bool) -> Result<Parsed> {
        let lexemes = &self.lexed.lexemes[from..to];
        let start = lexemes.first().map_or(self.lexed.end, |first| first.span.start);
        let end = lexemes.last().map_or(start, |last| last.span.end);
        let limit = if open { usize::MAX } else { end };
        let fault = self.lexed.faults.iter().find(|fault| match fault.span {
            Some(span) => span.start >= start && span.start < limit,
            None => open,
        });
        if let Some(fault) = fault {
            return Err(Box::new(fault.clone()));
        }
        let span = Span { start, end };
        let substituted = variables::substitute(lexemes, &self.variables)?;
        bounds::check(&substituted.lexemes)?;
        let parsed = Parsed {
            statement: statement::parse(&self.source, &substituted.lexemes, end)?,
            span,
            text: substituted.text(self.source.text(), span),
        };
        match &parsed.statement {
            Statement::Define { name, value } => {
                self.variables.define(name, value);
            }
            Statement::Undefine { name } => {
                self.variables.undefine(name);
            }
            _ => {}
        }
        Ok(parsed)
    }
}

impl Iterator for Statements {
    type Item = std::result::Result<Parsed, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let is_end = |lexeme: &Lexeme| lexeme.token == Token::SemiColon;
        let lexemes = &self.lexed.lexemes;
        while lexemes.get(self.at).is_some_and(is_end) {
            self.at += 1;
        }
        let from = self.at;
        let length = lexemes[from..].iter().position(is_end);
        let to = length.map_or(lexemes.len(), |length| from + length);
        // Behind the last semicolon may stand the start of a string that never ends, and nothing else.
        let open = length.is_none() && std::mem::take(&mut self.lexed.open);
        if from == to && !open {
            return None;
        }
        self.at = to;
        let read = self.read(from, to, open);
        Some(read.map_err(|finding| Error::new(*finding, self.source.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text of each statement, or `!` and the code of its error.
    fn codes(text: &str) -> Vec<String> {
        statements(text, &Variables::new())
            .map(|item| item.map_or_else(|error| format!("!{}", error.code()), |parsed| parsed.text))
            .collect()
    }

    #[test]
    fn a_script_is_cut_at_semicolons_outside_of_strings_and_comments() {
        assert_eq!(
            codes(";; SHOW TOPICS; -- a; b\nPRINT 'a;b' /* ; */ ;;SET 'a'='b'"),
            ["SHOW TOPICS", "PRINT 'a;b'", "SET 'a'='b'"]
        );
        assert_eq!(codes(" \n-- nothing\n"), [""; 0]);
        assert_eq!(codes(""), [""; 0]);
    }

    #[test]
    fn an_error_hides_neither_what_is_before_nor_behind_it() {
        assert_eq!(
            codes("SHOW TOPICS; FROB; SHOW ?; SHOW TABLES; PRINT 'open"),
            [
                "SHOW TOPICS",
                "!unknown-statement",
                "!unexpected-character",
                "SHOW TABLES",
                "!unterminated-string"
            ]
        );
        assert_eq!(codes("SHOW TOPICS; /* open"), ["SHOW TOPICS", "!unterminated-comment"]);
        assert_eq!(codes("SHOW TOPICS; `open"), ["SHOW TOPICS", "!unterminated-name"]);
        assert_eq!(codes("SELECT (1; SHOW TOPICS"), ["!unbalanced-bracket", "SHOW TOPICS"]);
    }

    #[test]
    fn variables_work_on_what_follows() {
        let text = "DEFINE t = 'orders'; PRINT ${t}; DEFINE u = '${t}_2'; PRINT '${u}'; UNDEFINE t; PRINT ${t};";
        let texts: Vec<_> = codes(text);
        assert_eq!(texts[1], "PRINT orders");
        assert_eq!(texts[3], "PRINT 'orders_2'");
        assert_eq!(texts[5], "!unknown-variable");
        let mut outside = Variables::new();
        outside.define("t", "'kept'");
        let mut script = statements("PRINT ${t}; DEFINE x='1';", &outside);
        assert_eq!(script.next().expect("one").expect("parses").text, "PRINT 'kept'");
        assert!(script.next().expect("two").is_ok());
        assert_eq!(script.variables().get("x"), Some("1"));
        assert_eq!(outside.get("x"), None);
    }

    #[test]
    fn places_are_those_of_the_script() {
        let text = "SHOW TOPICS;\n  PRINT ${t} FROM BEGINING;";
        let variables = Variables::from_iter([("t", "a_very_long_name_indeed")]);
        let items: Vec<_> = statements(text, &variables).collect();
        assert_eq!(items[0].as_ref().expect("first").span, Span { start: 0, end: 11 });
        let error = items[1].as_ref().expect_err("second");
        let span = error.diagnostic().span.expect("a place");
        assert_eq!(&text[span.start..span.end], "BEGINING");
        assert_eq!(
            error.to_string(),
            "2:19: expected BEGINNING, found `BEGINING` (did you mean BEGINNING?) [unexpected-token]"
        );
        assert!(
            format!("{error:#}").contains("2 |   PRINT ${t} FROM BEGINING;"),
            "{error:#}"
        );
    }

    #[test]
    fn a_shell_knows_when_to_read_on() {
        for (text, expected) in [
            ("", Completeness::Empty),
            ("  -- comment", Completeness::Empty),
            ("SELECT 1", Completeness::Incomplete),
            ("SELECT 'a;", Completeness::Incomplete),
            ("SELECT `a;", Completeness::Incomplete),
            ("SELECT 1 /* ;", Completeness::Incomplete),
            ("SELECT 1 -- ;", Completeness::Incomplete),
            ("SELECT 1;", Completeness::Complete),
            ("SELECT 1; -- done", Completeness::Complete),
            ("SELECT 1; SELECT", Completeness::Incomplete),
            ("SELECT ?;", Completeness::Complete),
        ] {
            assert_eq!(completeness(text), expected, "{text}");
        }
    }

    #[test]
    fn a_huge_script_is_refused() {
        let text = " ".repeat(SCRIPT_BYTES_MAX + 1);
        assert_eq!(codes(&text), ["!too-long"]);
    }
}
