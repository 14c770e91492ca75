//! STDDEV_SAMPLE, and STDDEV_SAMP, which in ksqlDB gives the variance: its square.
//!
//! Youngs and Cramer's way: with each value the sum of squared deviations grows by a term that needs the sum and the count
//! alone, and undoing takes the very same term off.

use std::marker::PhantomData;
use std::sync::Arc;

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, ArrayRef, Float64Array};
use datafusion::error::Result;

use super::grouped::{Aggregate, Rows};
use super::number::{Number, Total};
use super::state_reader::StateReader;

/// Which of the two results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deviation {
    /// STDDEV_SAMPLE.
    Standard,
    /// STDDEV_SAMP.
    Variance,
}

/// The spread of a sample; 0.0 for fewer than two values.
#[derive(Debug)]
pub(super) struct Stddev<T> {
    deviation: Deviation,
    values: PhantomData<fn() -> T>,
}

impl<T> Stddev<T> {
    pub(super) fn new(deviation: Deviation) -> Self {
        Self {
            deviation,
            values: PhantomData,
        }
    }
}

/// What is known of the values.
#[derive(Debug, Default)]
pub(super) struct Moments<W> {
    count: i64,
    sum: W,
    /// Sum of squared deviations from the mean.
    squares: f64,
}

impl<T: Number> Aggregate for Stddev<T> {
    type State = Moments<T::Wide>;

    fn update(&mut self, states: &mut [Self::State], rows: &Rows<'_>) -> Result<()> {
        let values = rows.args[0].as_primitive::<T>();
        rows.each_value(states, values.values(), values.nulls(), |state, value, weight| {
            let value = T::widen(value);
            let (sum, count) = if weight > 0 {
                (state.sum.plus(value), state.count + 1)
            } else {
                (state.sum, state.count)
            };
            if count > 1 {
                let delta = T::Wide::spread(value, count, sum);
                let term = delta * delta / (count as f64 * (count - 1) as f64);
                state.squares += term * f64::from(weight);
            }
            state.sum = state.sum.plus(value.times(weight));
            state.count += i64::from(weight);
        });
        Ok(())
    }

    fn evaluate<'a>(&self, states: impl Iterator<Item = &'a Self::State>) -> Result<ArrayRef> {
        Ok(Arc::new(Float64Array::from_iter_values(states.map(|state| {
            if state.count < 2 {
                return 0.0;
            }
            // Undoing may leave a trace below zero, of which there is no root.
            let squares = if state.squares < 0.0 { 0.0 } else { state.squares };
            let variance = squares / (state.count - 1) as f64;
            match self.deviation {
                Deviation::Standard => variance.sqrt(),
                Deviation::Variance => variance,
            }
        }))))
    }

    fn merge(&mut self, into: &mut Self::State, from: &Self::State) -> Result<()> {
        into.squares += from.squares;
        if into.count > 0 && from.count > 0 {
            let (into_count, from_count) = (into.count as f64, from.count as f64);
            let means = into.sum.to_f64() / into_count - from.sum.to_f64() / from_count;
            into.squares += into_count * from_count * means * means / (into_count + from_count);
        }
        into.sum = into.sum.plus(from.sum);
        into.count += from.count;
        Ok(())
    }

    fn save(&self, state: &Self::State, out: &mut Vec<u8>) -> Result<()> {
        out.extend(state.count.to_le_bytes());
        state.sum.save(out);
        out.extend(state.squares.to_le_bytes());
        Ok(())
    }

    fn load(&mut self, reader: &mut StateReader<'_>) -> Result<Self::State> {
        Ok(Moments {
            count: reader.i64()?,
            sum: Total::load(reader)?,
            squares: reader.f64()?,
        })
    }
}
