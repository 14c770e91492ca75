//! Functions as a query uses them: the code that it was planned with, whatever the directory holds by now.

use std::sync::Arc;

use super::coerce::signature;
use super::{AggregateFunction, FunctionInfo, FunctionTotals, ScalarFunction, StreamFunction};

/// A function of a plugin that a query was planned with.
#[derive(Debug, Clone)]
pub struct UsedFunction {
    /// SHA-256 of the file that it is from, hexadecimal.
    pub sha256: String,
    code: Code,
}

/// What runs.
#[derive(Debug, Clone)]
pub(super) enum Code {
    /// A scalar or table function.
    Scalar(Arc<dyn ScalarFunction>),
    Stream(Arc<dyn StreamFunction>),
    Aggregate(Arc<dyn AggregateFunction>),
}

impl Code {
    pub(super) fn info(&self) -> &FunctionInfo {
        match self {
            Self::Scalar(function) => function.info(),
            Self::Stream(function) => function.info(),
            Self::Aggregate(function) => function.info(),
        }
    }

    pub(super) fn totals(&self) -> FunctionTotals {
        match self {
            Self::Scalar(function) => function.totals(),
            Self::Stream(function) => function.totals(),
            Self::Aggregate(function) => function.totals(),
        }
    }
}

impl UsedFunction {
    pub(super) fn new(code: Code, sha256: String) -> Self {
        Self { sha256, code }
    }

    /// What it is.
    #[must_use]
    pub fn info(&self) -> &FunctionInfo {
        self.code.info()
    }

    /// Its name and argument types, which no two functions share.
    #[must_use]
    pub fn signature(&self) -> String {
        signature(self.info())
    }

    /// What it did so far, over all queries that use this code.
    #[must_use]
    pub fn totals(&self) -> FunctionTotals {
        self.code.totals()
    }

    /// Whether both have one name and one list of argument types.
    #[must_use]
    pub fn is_of_signature(&self, other: &Self) -> bool {
        signature(self.info()) == signature(other.info())
    }

    /// Whether both are the same code, loaded once.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (&self.code, &other.code) {
            (Code::Scalar(one), Code::Scalar(other)) => Arc::ptr_eq(one, other),
            (Code::Stream(one), Code::Stream(other)) => Arc::ptr_eq(one, other),
            (Code::Aggregate(one), Code::Aggregate(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}
