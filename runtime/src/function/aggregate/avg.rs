//! AVG: the sum divided by the count, a DOUBLE. The average of nothing is 0.0, as in ksqlDB.

use std::marker::PhantomData;
use std::sync::Arc;

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, ArrayRef, Float64Array};
use datafusion::error::Result;

use super::grouped::{Aggregate, Rows};
use super::number::{Number, Total};
use super::state_reader::StateReader;

/// AVG. Integers are summed up in a wider type, so that an average is never that of a sum that wrapped around (ksqlDB's is).
#[derive(Debug)]
pub(super) struct Avg<T>(PhantomData<fn() -> T>);

impl<T> Default for Avg<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

/// What AVG keeps.
#[derive(Debug, Default)]
pub(super) struct SumAndCount<W> {
    sum: W,
    count: i64,
}

impl<T: Number> Aggregate for Avg<T> {
    type State = SumAndCount<T::Wide>;

    fn update(&mut self, states: &mut [Self::State], rows: &Rows<'_>) -> Result<()> {
        let values = rows.args[0].as_primitive::<T>();
        rows.each_value(states, values.values(), values.nulls(), |state, value, weight| {
            state.sum = state.sum.plus(T::widen(value).times(weight));
            state.count += i64::from(weight);
        });
        Ok(())
    }

    fn evaluate<'a>(&self, states: impl Iterator<Item = &'a Self::State>) -> Result<ArrayRef> {
        Ok(Arc::new(Float64Array::from_iter_values(states.map(|state| {
            if state.count == 0 {
                0.0
            } else {
                state.sum.to_f64() / state.count as f64
            }
        }))))
    }

    fn merge(&mut self, into: &mut Self::State, from: &Self::State) -> Result<()> {
        into.sum = into.sum.plus(from.sum);
        into.count += from.count;
        Ok(())
    }

    fn save(&self, state: &Self::State, out: &mut Vec<u8>) -> Result<()> {
        state.sum.save(out);
        out.extend(state.count.to_le_bytes());
        Ok(())
    }

    fn load(&mut self, reader: &mut StateReader<'_>) -> Result<Self::State> {
        Ok(SumAndCount {
            sum: Total::load(reader)?,
            count: reader.i64()?,
        })
    }
}
