//! SUM, and SUM_LIST over the elements of arrays. The sum of nothing is 0, as in ksqlDB.

use std::marker::PhantomData;
use std::sync::Arc;

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, ArrayRef, PrimitiveArray};
use datafusion::arrow::datatypes::{DataType, Decimal128Type};
use datafusion::error::{DataFusionError, Result};

use super::grouped::{Aggregate, Rows};
use super::number::{Number, Total};
use super::state_reader::StateReader;

/// SUM of integers and doubles. Integers wrap around on overflow.
#[derive(Debug)]
pub(super) struct Sum<T>(PhantomData<fn() -> T>);

impl<T> Default for Sum<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T: Number> Aggregate for Sum<T> {
    type State = T::Native;

    fn update(&mut self, states: &mut [T::Native], rows: &Rows<'_>) -> Result<()> {
        let values = rows.args[0].as_primitive::<T>();
        rows.each_value(states, values.values(), values.nulls(), |sum, value, weight| {
            *sum = sum.plus(value.times(weight));
        });
        Ok(())
    }

    fn evaluate<'a>(&self, states: impl Iterator<Item = &'a T::Native>) -> Result<ArrayRef> {
        Ok(Arc::new(PrimitiveArray::<T>::from_iter_values(states.copied())))
    }

    fn merge(&mut self, into: &mut T::Native, from: &T::Native) -> Result<()> {
        *into = into.plus(*from);
        Ok(())
    }

    fn save(&self, state: &T::Native, out: &mut Vec<u8>) -> Result<()> {
        state.save(out);
        Ok(())
    }

    fn load(&mut self, reader: &mut StateReader<'_>) -> Result<T::Native> {
        Total::load(reader)
    }
}

/// SUM of decimals; the sum has the type of the argument and must fit it.
#[derive(Debug)]
pub(super) struct DecimalSum {
    data_type: DataType,
    /// The smallest number with too many digits.
    bound: u128,
}

impl DecimalSum {
    pub(super) fn new(precision: u8, scale: i8) -> Self {
        Self {
            data_type: DataType::Decimal128(precision, scale),
            bound: 10_u128.saturating_pow(u32::from(precision)),
        }
    }

    fn check(&self, sum: i128) -> Result<i128> {
        if sum.unsigned_abs() < self.bound {
            return Ok(sum);
        }
        Err(DataFusionError::Execution(format!(
            "numeric field overflow: the sum does not fit {}: cast the argument to a DECIMAL with more digits",
            crate::types::schema::SqlType::from_arrow(&self.data_type)
                .map_or_else(|| self.data_type.to_string(), |ty| ty.to_string())
        )))
    }
}

impl Aggregate for DecimalSum {
    type State = i128;

    fn update(&mut self, states: &mut [i128], rows: &Rows<'_>) -> Result<()> {
        let values = rows.args[0].as_primitive::<Decimal128Type>();
        rows.try_each(values.nulls(), |row, group, weight| {
            // At most 38 digits each, so the sum of two fits 128 bits.
            states[group] = self.check(states[group] + values.value(row) * i128::from(weight))?;
            Ok(())
        })
    }

    fn evaluate<'a>(&self, states: impl Iterator<Item = &'a i128>) -> Result<ArrayRef> {
        let sums = PrimitiveArray::<Decimal128Type>::from_iter_values(states.copied());
        Ok(Arc::new(sums.with_data_type(self.data_type.clone())))
    }

    fn merge(&mut self, into: &mut i128, from: &i128) -> Result<()> {
        *into = self.check(*into + *from)?;
        Ok(())
    }

    fn save(&self, state: &i128, out: &mut Vec<u8>) -> Result<()> {
        out.extend(state.to_le_bytes());
        Ok(())
    }

    fn load(&mut self, reader: &mut StateReader<'_>) -> Result<i128> {
        self.check(reader.i128()?)
    }
}

/// SUM_LIST: the sum of all elements of all arrays; NULL elements count as nothing.
#[derive(Debug)]
pub(super) struct SumList<T>(Sum<T>);

impl<T> Default for SumList<T> {
    fn default() -> Self {
        Self(Sum::default())
    }
}

impl<T: Number> Aggregate for SumList<T> {
    type State = T::Native;

    fn update(&mut self, states: &mut [T::Native], rows: &Rows<'_>) -> Result<()> {
        let lists = rows.args[0].as_list::<i32>();
        let elements = lists.values().as_primitive::<T>();
        let (offsets, values) = (lists.value_offsets(), elements.values());
        rows.each(lists.nulls(), |row, group, weight| {
            // A list is summed up for itself first, which shows in the last digits of doubles.
            let range = offsets[row] as usize..offsets[row + 1] as usize;
            let sum = range
                .filter(|at| elements.is_valid(*at))
                .fold(T::Native::default(), |sum, at| sum.plus(values[at]));
            states[group] = states[group].plus(sum.times(weight));
        });
        Ok(())
    }

    fn evaluate<'a>(&self, states: impl Iterator<Item = &'a T::Native>) -> Result<ArrayRef> {
        self.0.evaluate(states)
    }

    fn merge(&mut self, into: &mut T::Native, from: &T::Native) -> Result<()> {
        self.0.merge(into, from)
    }

    fn save(&self, state: &T::Native, out: &mut Vec<u8>) -> Result<()> {
        self.0.save(state, out)
    }

    fn load(&mut self, reader: &mut StateReader<'_>) -> Result<T::Native> {
        self.0.load(reader)
    }
}
