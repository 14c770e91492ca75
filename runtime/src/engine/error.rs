//! Why a statement cannot be carried out.

use crate::sql::ast::{Span, Statement};
use crate::sql::{Diagnostic, Source};
use crate::types::{Class, Retry};
use crate::{connector, exec, plan, sql, udf};

/// Why a statement cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The SQL is wrong; with its place in the text.
    #[error(transparent)]
    Sql(#[from] sql::Error),
    /// The statement is wrong; its place is not yet joined with the text.
    #[error("{}", .0.message)]
    Statement(Box<Diagnostic>),
    /// Planning failed; its place is not yet joined with the text.
    #[error(transparent)]
    Plan(#[from] plan::Error),
    /// A topic, file or broker failed.
    #[error(transparent)]
    Connector(#[from] connector::Error),
    /// A query could not be started.
    #[error(transparent)]
    Exec(#[from] exec::Error),
    /// A plugin failed.
    #[error(transparent)]
    Function(#[from] udf::Error),
    /// The system refused.
    #[error("{0}")]
    System(String),
}

impl Error {
    /// The user's mistake, without a place.
    pub(crate) fn user(code: &'static str, message: impl Into<String>) -> Self {
        Self::Statement(Box::new(Diagnostic::new(code, message)))
    }

    /// With what to do about it.
    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        match self {
            Self::Statement(diagnostic) => Self::Statement(Box::new(diagnostic.help(help))),
            other => other,
        }
    }

    /// With its place.
    pub(crate) fn at(self, span: Span) -> Self {
        match self {
            Self::Statement(diagnostic) => Self::Statement(Box::new(diagnostic.at(span))),
            other => other,
        }
    }

    /// Statements of later work.
    pub(crate) fn not_supported(statement: &Statement) -> Self {
        let text = format!("{statement:?}");
        let name: String = text.chars().take_while(char::is_ascii_alphanumeric).collect();
        Self::user("not-supported", format!("this statement is not supported yet ({name})"))
    }

    /// Joins the place with the text; without a place the statement itself is the place.
    pub(crate) fn placed(self, source: &Source, statement: Span) -> Self {
        let diagnostic = match self {
            Self::Statement(diagnostic) => *diagnostic,
            Self::Plan(error) => {
                let span = error
                    .place
                    .and_then(|(start, end)| source.span(datafusion::sql::sqlparser::tokenizer::Span::new(start, end)));
                let mut diagnostic = Diagnostic::new(error.code, error.message);
                diagnostic.span = span;
                diagnostic.help = error.help;
                diagnostic
            }
            other => return other,
        };
        let diagnostic = if diagnostic.span.is_none() {
            diagnostic.at(statement)
        } else {
            diagnostic
        };
        Self::Sql(sql::Error::new(diagnostic, source.clone()))
    }

    /// Whose fault it is.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Sql(_) | Self::Statement(_) | Self::Plan(_) => Class::User,
            Self::Connector(error) => error.class(),
            Self::Exec(error) => error.class(),
            Self::Function(error) => error.class(),
            Self::System(_) => Class::External,
        }
    }

    /// Whether trying again can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Connector(error) => error.retry(),
            Self::Exec(error) => error.retry(),
            _ => Retry::Never,
        }
    }
}

impl From<Box<Diagnostic>> for Error {
    fn from(diagnostic: Box<Diagnostic>) -> Self {
        Self::Statement(diagnostic)
    }
}
