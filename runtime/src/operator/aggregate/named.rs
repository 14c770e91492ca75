//! An accumulator that knows which call of the query it computes, for the sake of errors.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::error::DataFusionError;

use super::Accumulator;
use crate::function;
use crate::operator::{Error, RowErrorPolicy, RowErrors};

/// States of one aggregate call.
#[derive(Debug)]
pub(super) struct NamedAccumulator {
    pub(super) inner: Box<dyn function::Accumulator>,
    /// The call as people know it.
    pub(super) label: String,
    /// What is done with rows that the function says have failed.
    pub(super) errors: Arc<RowErrors>,
}

impl NamedAccumulator {
    fn failed(&self, error: &DataFusionError) -> Error {
        Error::of_expression(&self.label, error)
    }
}

impl Accumulator for NamedAccumulator {
    fn update(
        &mut self,
        args: &[ArrayRef],
        groups: &[u32],
        weights: Option<&[i8]>,
        group_count: usize,
    ) -> Result<(), Error> {
        let mut update = || self.inner.update(args, groups, weights, group_count);
        let (updated, notes) = match self.errors.policy {
            RowErrorPolicy::Fail => (update(), function::RowErrors::default()),
            RowErrorPolicy::Null | RowErrorPolicy::Skip => function::collect_row_errors(update),
        };
        self.errors.note(&notes);
        updated.map_err(|error| self.failed(&error))
    }

    fn evaluate(&mut self, groups: &[u32]) -> Result<ArrayRef, Error> {
        self.inner.evaluate(groups).map_err(|error| self.failed(&error))
    }

    fn merge(&mut self, into: u32, from: u32) -> Result<(), Error> {
        self.inner.merge(into, from).map_err(|error| self.failed(&error))
    }

    fn reset(&mut self, group: u32) {
        self.inner.reset(group);
    }

    fn begin_save(&mut self, groups: &[u32]) -> Result<(), Error> {
        self.inner.begin_save(groups).map_err(|error| self.failed(&error))
    }

    fn save(&mut self, group: u32, out: &mut Vec<u8>) -> Result<(), Error> {
        self.inner.save(group, out).map_err(|error| self.failed(&error))
    }

    fn load(&mut self, group: u32, bytes: &[u8]) -> Result<(), Error> {
        self.inner.load(group, bytes).map_err(|error| self.failed(&error))
    }

    fn end_load(&mut self) -> Result<(), Error> {
        self.inner.end_load().map_err(|error| self.failed(&error))
    }

    fn state_bytes(&self) -> usize {
        self.inner.state_bytes()
    }
}
