//! Planning errors, as DataFusion and our own checks give them, with the place in the SQL where it is known.

use datafusion::common::Diagnostic as PlanDiagnostic;
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::tokenizer::Location;

use super::wording::{Wording, plainly};
use crate::operator;

/// Why a statement cannot be planned. The message is for the user who wrote it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// Stable code in kebab case.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// Where: line and column from 1, start and end.
    pub place: Option<(Location, Location)>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Error {
    /// An error without a place.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            place: None,
            help: None,
        }
    }

    /// With what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With the place, unless a closer one is known; sqlparser's empty place (line 0) counts as unknown.
    #[must_use]
    pub fn at(mut self, span: datafusion::sql::sqlparser::tokenizer::Span) -> Self {
        if self.place.is_none() && span.start.line > 0 {
            self.place = Some((span.start, span.end));
        }
        self
    }
}

impl From<DataFusionError> for Error {
    fn from(error: DataFusionError) -> Self {
        let diagnostic = error.diagnostic().cloned();
        let (message, code, help) = message_of(&error);
        let mut planned = Self::new(code.unwrap_or(code_of(&error)), message);
        planned.help = help.map(str::to_owned);
        if let Some(diagnostic) = diagnostic {
            planned.place = place_of(&diagnostic);
            planned.help = planned.help.or_else(|| help_of(&diagnostic));
        }
        planned
    }
}

/// The nearest stable code for what DataFusion reports.
fn code_of(error: &DataFusionError) -> &'static str {
    match error.find_root() {
        DataFusionError::SchemaError(schema_error, _) => match **schema_error {
            datafusion::common::SchemaError::FieldNotFound { .. } => "unknown-column",
            datafusion::common::SchemaError::AmbiguousReference { .. } => "ambiguous-column",
            _ => "duplicate-column",
        },
        DataFusionError::NotImplemented(_) => "not-supported",
        _ => "cannot-plan",
    }
}

/// The message, and where it is known a closer code and what to do.
fn message_of(error: &DataFusionError) -> (String, Option<&'static str>, Option<&'static str>) {
    let message = match error.find_root() {
        DataFusionError::SchemaError(schema_error, _) => match &**schema_error {
            datafusion::common::SchemaError::FieldNotFound { field, .. } => {
                format!("column `{}` does not exist", field.flat_name())
            }
            datafusion::common::SchemaError::AmbiguousReference { field } => {
                format!("column `{}` is ambiguous", field.name)
            }
            datafusion::common::SchemaError::DuplicateQualifiedField { name, .. }
            | datafusion::common::SchemaError::DuplicateUnqualifiedField { name } => {
                format!("column `{name}` is there twice")
            }
        },
        DataFusionError::External(inner) => inner.to_string(),
        _ => {
            let reason = operator::plain_reason(error);
            // DataFusion appends hints on several lines; the first one is the message.
            let first = reason.lines().next().unwrap_or_default().trim_end_matches('.');
            let Wording { message, help, code } = plainly(first);
            return (message, code, help);
        }
    };
    (message, None, None)
}

fn place_of(diagnostic: &PlanDiagnostic) -> Option<(Location, Location)> {
    let span = diagnostic.span?;
    let location = |location: datafusion::common::Location| Location::new(location.line, location.column);
    (span.start.line > 0).then(|| (location(span.start), location(span.end)))
}

fn help_of(diagnostic: &PlanDiagnostic) -> Option<String> {
    diagnostic.helps.first().map(|help| help.message.clone())
}

impl From<operator::Error> for Error {
    fn from(error: operator::Error) -> Self {
        Self::new("cannot-plan", error.to_string())
    }
}
