//! Why a SQL text is refused before anything is planned.

use std::fmt;

use super::diagnostic::{Colours, Diagnostic};
use super::source::Source;
use crate::types::{Class, Retry};

/// The kinds of fault that parsing finds; each has a stable code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// Something else was expected here.
    UnexpectedToken,
    /// A character that no SQL has.
    UnexpectedCharacter,
    /// No statement starts with this word.
    UnknownStatement,
    /// A `'` without its end.
    UnterminatedString,
    /// A `/*` without its end.
    UnterminatedComment,
    /// A backtick or double quote without its end.
    UnterminatedName,
    /// A bracket without its end, or an end without its bracket.
    UnbalancedBracket,
    /// A length of time that is none.
    BadDuration,
    /// A clause or option is given twice.
    DuplicateClause,
    /// A type name that cannot be one.
    UnknownType,
    /// A type with the wrong parts.
    BadType,
    /// A SELECT that needs FROM has none.
    MissingFrom,
    /// A JOIN without ON.
    MissingOn,
    /// `WITH (name)` without `= value`, or with a value that is no literal.
    BadOption,
    /// EMIT that is not at the end of the query.
    MisplacedEmit,
    /// WINDOW, PARTITION BY or WITHIN where it has no meaning.
    MisplacedClause,
    /// A reserved word where a name was meant.
    ReservedWord,
    /// `${name}` that nobody defined.
    UnknownVariable,
    /// `${name}` whose value is neither a name nor a literal.
    BadVariable,
    /// A number out of range, or a name that starts with a digit.
    BadNumber,
    /// KEY on a table, or PRIMARY KEY on a stream.
    WrongKey,
    /// Nested or chained too deep.
    TooDeep,
    /// The text or the statement is too long.
    TooLong,
    /// ksqlDB or SQL has it, Waterwheel does not.
    NotSupported,
}

impl Code {
    /// The stable, kebab-case text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnexpectedToken => "unexpected-token",
            Self::UnexpectedCharacter => "unexpected-character",
            Self::UnknownStatement => "unknown-statement",
            Self::UnterminatedString => "unterminated-string",
            Self::UnterminatedComment => "unterminated-comment",
            Self::UnterminatedName => "unterminated-name",
            Self::UnbalancedBracket => "unbalanced-bracket",
            Self::BadDuration => "bad-duration",
            Self::DuplicateClause => "duplicate-clause",
            Self::UnknownType => "unknown-type",
            Self::BadType => "bad-type",
            Self::MissingFrom => "missing-from",
            Self::MissingOn => "missing-on",
            Self::BadOption => "bad-option",
            Self::MisplacedEmit => "misplaced-emit",
            Self::MisplacedClause => "misplaced-clause",
            Self::ReservedWord => "reserved-word",
            Self::UnknownVariable => "unknown-variable",
            Self::BadVariable => "bad-variable",
            Self::BadNumber => "bad-number",
            Self::WrongKey => "wrong-key",
            Self::TooDeep => "too-deep",
            Self::TooLong => "too-long",
            Self::NotSupported => "not-supported",
        }
    }

    /// A finding of this kind.
    pub(super) fn found(self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(self.as_str(), message)
    }
}

/// What the parts of the parser give back; boxed, because a finding is large and rare.
pub(super) type Result<T> = std::result::Result<T, Box<Diagnostic>>;

/// A finding together with its text: `{}` is one line for logs, `{:#}` is for people, with the source line and carets.
#[derive(Debug, Clone, thiserror::Error)]
pub struct Error {
    diagnostic: Box<Diagnostic>,
    source_text: Source,
}

impl Error {
    /// A finding about `source`.
    #[must_use]
    pub fn new(diagnostic: Diagnostic, source: Source) -> Self {
        Self {
            diagnostic: Box::new(diagnostic),
            source_text: source,
        }
    }

    /// What is wrong.
    #[must_use]
    pub fn diagnostic(&self) -> &Diagnostic {
        &self.diagnostic
    }

    /// Its stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.diagnostic.code
    }

    /// The text that it is about.
    #[must_use]
    pub fn source_text(&self) -> &Source {
        &self.source_text
    }

    /// For people, with the text named and coloured as asked.
    #[must_use]
    pub fn render(&self, origin: &str, colours: Colours) -> String {
        self.diagnostic.render(&self.source_text, origin, colours)
    }

    /// Whose fault it is: always the user's.
    #[must_use]
    pub fn class(&self) -> Class {
        Class::User
    }

    /// Whether trying again can help: never.
    #[must_use]
    pub fn retry(&self) -> Retry {
        Retry::Never
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            f.write_str(&self.render("sql", Colours::Off))
        } else {
            f.write_str(&self.diagnostic.line(&self.source_text))
        }
    }
}
