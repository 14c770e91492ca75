//! CORRELATION: Pearson's coefficient of two columns. Rows with a NULL count as none; NaN where it is not defined.

use std::sync::Arc;

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, ArrayRef, Float64Array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::Float64Type;
use datafusion::error::Result;

use super::grouped::{Aggregate, Rows};
use super::state_reader::StateReader;

/// CORRELATION.
#[derive(Debug)]
pub(super) struct Correlation;

/// Sums over the pairs of a group.
#[derive(Debug, Default)]
pub(super) struct Sums {
    x: f64,
    y: f64,
    xx: f64,
    yy: f64,
    xy: f64,
    count: i64,
}

impl Aggregate for Correlation {
    type State = Sums;

    fn update(&mut self, states: &mut [Sums], rows: &Rows<'_>) -> Result<()> {
        let xs = rows.args[0].as_primitive::<Float64Type>();
        let ys = rows.args[1].as_primitive::<Float64Type>();
        let nulls = NullBuffer::union(xs.nulls(), ys.nulls());
        rows.each(nulls.as_ref(), |row, group, weight| {
            let (state, sign) = (&mut states[group], f64::from(weight));
            let (x, y) = (xs.value(row), ys.value(row));
            state.x += sign * x;
            state.y += sign * y;
            state.xx += sign * (x * x);
            state.yy += sign * (y * y);
            state.xy += sign * (x * y);
            state.count += i64::from(weight);
        });
        Ok(())
    }

    fn evaluate<'a>(&self, states: impl Iterator<Item = &'a Sums>) -> Result<ArrayRef> {
        Ok(Arc::new(Float64Array::from_iter_values(states.map(|state| {
            let count = state.count as f64;
            let numerator = count * state.xy - state.x * state.y;
            let of_x = count * state.xx - state.x * state.x;
            let of_y = count * state.yy - state.y * state.y;
            numerator / (of_x * of_y).sqrt()
        }))))
    }

    fn merge(&mut self, into: &mut Sums, from: &Sums) -> Result<()> {
        into.x += from.x;
        into.y += from.y;
        into.xx += from.xx;
        into.yy += from.yy;
        into.xy += from.xy;
        into.count += from.count;
        Ok(())
    }

    fn save(&self, state: &Sums, out: &mut Vec<u8>) -> Result<()> {
        for sum in [state.x, state.y, state.xx, state.yy, state.xy] {
            out.extend(sum.to_le_bytes());
        }
        out.extend(state.count.to_le_bytes());
        Ok(())
    }

    fn load(&mut self, reader: &mut StateReader<'_>) -> Result<Sums> {
        Ok(Sums {
            x: reader.f64()?,
            y: reader.f64()?,
            xx: reader.f64()?,
            yy: reader.f64()?,
            xy: reader.f64()?,
            count: reader.i64()?,
        })
    }
}
