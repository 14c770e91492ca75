//! Why a pipeline stops.

use crate::types::{Class, Retry};
use crate::{connector, format, operator, state};

/// Why a pipeline stops. The message is for the one who wrote the query.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A source or sink failed.
    #[error(transparent)]
    Connector(#[from] connector::Error),
    /// An operator failed.
    #[error(transparent)]
    Operator(#[from] operator::Error),
    /// A row cannot be written in the sink's format.
    #[error(transparent)]
    Encode(#[from] format::EncodeError),
    /// A format cannot serve the columns.
    #[error(transparent)]
    Schema(#[from] format::UnsupportedSchema),
    /// A record that cannot be decoded, where the policy is to fail.
    #[error("bad record in {topic}, partition {partition}, offset {offset}: {reason}")]
    BadRecord {
        /// Topic or connector.
        topic: String,
        /// Partition.
        partition: i32,
        /// Offset.
        offset: i64,
        /// Why.
        reason: String,
    },
    /// State cannot be kept or read.
    #[error(transparent)]
    State(#[from] state::Error),
    /// The result of a pull query cannot be computed.
    #[error("{0}")]
    Query(String),
    /// A fault of Waterwheel itself.
    #[error("internal fault, please report it: {0}")]
    Internal(String),
}

impl Error {
    /// Whose fault it is.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Connector(error) => error.class(),
            Self::Operator(error) => error.class(),
            Self::Encode(_) | Self::Schema(_) | Self::BadRecord { .. } | Self::Query(_) => Class::User,
            Self::State(error) => error.class(),
            Self::Internal(_) => Class::Internal,
        }
    }

    /// Whether trying again can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Connector(error) => error.retry(),
            Self::Operator(error) => error.retry(),
            Self::State(error) => error.retry(),
            _ => Retry::Never,
        }
    }
}

impl From<datafusion::arrow::error::ArrowError> for Error {
    fn from(error: datafusion::arrow::error::ArrowError) -> Self {
        Self::Internal(error.to_string())
    }
}
