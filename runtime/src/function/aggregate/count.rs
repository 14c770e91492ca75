//! COUNT: of rows, or of rows in which no argument is NULL.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Int64Array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::error::Result;

use super::grouped::{Aggregate, Rows};
use super::state_reader::StateReader;

/// COUNT(*) where there are no arguments.
#[derive(Debug)]
pub(super) struct Count;

impl Aggregate for Count {
    type State = i64;

    fn update(&mut self, states: &mut [i64], rows: &Rows<'_>) -> Result<()> {
        let mut nulls: Option<NullBuffer> = None;
        for arg in rows.args {
            nulls = NullBuffer::union(nulls.as_ref(), arg.logical_nulls().as_ref());
        }
        rows.each(nulls.as_ref(), |_, group, weight| states[group] += i64::from(weight));
        Ok(())
    }

    fn evaluate<'a>(&self, states: impl Iterator<Item = &'a i64>) -> Result<ArrayRef> {
        Ok(Arc::new(Int64Array::from_iter_values(states.copied())))
    }

    fn merge(&mut self, into: &mut i64, from: &i64) -> Result<()> {
        *into += from;
        Ok(())
    }

    fn save(&self, state: &i64, out: &mut Vec<u8>) -> Result<()> {
        out.extend(state.to_le_bytes());
        Ok(())
    }

    fn load(&mut self, reader: &mut StateReader<'_>) -> Result<i64> {
        reader.i64()
    }
}
