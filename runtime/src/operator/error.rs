//! Why an operator fails, for people: which expression or function, and what was wrong with the data.

use std::error::Error as StdError;

use datafusion::arrow::error::ArrowError;
use datafusion::error::DataFusionError;

use crate::types::{Class, Retry};
use crate::{state, udf};

/// An operator's error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An expression failed on the data.
    #[error("`{expression}`: {reason}")]
    Expression {
        /// The expression, as the plan shows it.
        expression: String,
        /// What was wrong.
        reason: String,
    },
    /// A function from a plugin failed.
    #[error(transparent)]
    Function(#[from] udf::Error),
    /// Arrow refused what the engine asked of it.
    #[error("internal: {0}")]
    Arrow(#[from] ArrowError),
    /// State cannot be saved, or what was saved cannot be read.
    #[error(transparent)]
    State(#[from] state::Error),
}

impl Error {
    /// The error of `expression` at run time; a plugin's error inside of it is found and kept.
    pub(crate) fn of_expression(expression: &str, error: &DataFusionError) -> Self {
        let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
        while let Some(current) = cause {
            if let Some(function) = current.downcast_ref::<udf::Error>() {
                return Self::Function(function.clone());
            }
            // DataFusion's own `source()` skips the boxed error of `External`, so it is looked at by hand.
            cause = match current.downcast_ref::<DataFusionError>() {
                Some(DataFusionError::External(inner)) => Some(&**inner),
                Some(DataFusionError::Context(_, inner)) => Some(&**inner),
                Some(DataFusionError::Shared(inner)) => Some(&**inner),
                Some(DataFusionError::ArrowError(inner, _)) => match &**inner {
                    ArrowError::ExternalError(inner) => Some(&**inner),
                    _ => None,
                },
                _ => current.source(),
            };
        }
        Self::Expression {
            expression: expression.to_owned(),
            reason: plain_reason(error),
        }
    }

    /// Whether this concerns one row, so that the other rows of the batch can still be worked on.
    pub(crate) fn is_of_a_row(&self) -> bool {
        match self {
            Self::Expression { .. } => true,
            Self::Function(function) => matches!(function, udf::Error::Row { .. } | udf::Error::Trap { .. }),
            Self::Arrow(_) | Self::State(_) => false,
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Expression { .. } => Class::User,
            Self::Function(function) => function.class(),
            Self::Arrow(_) => Class::Internal,
            Self::State(error) => error.class(),
        }
    }

    /// Whether trying again can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::State(error) => error.retry(),
            _ => Retry::Never,
        }
    }
}

/// The innermost message, without the chain of "External error: caused by" that wraps it.
pub(crate) fn plain_reason(error: &DataFusionError) -> String {
    match error.find_root() {
        DataFusionError::ArrowError(inner, _) => match &**inner {
            ArrowError::DivideByZero => "division by zero".into(),
            ArrowError::ArithmeticOverflow(reason)
            | ArrowError::CastError(reason)
            | ArrowError::ComputeError(reason)
            | ArrowError::ParseError(reason)
            | ArrowError::InvalidArgumentError(reason) => reason.clone(),
            other => other.to_string(),
        },
        DataFusionError::Execution(reason)
        | DataFusionError::Plan(reason)
        | DataFusionError::NotImplemented(reason) => reason.clone(),
        other => other.strip_backtrace(),
    }
}
