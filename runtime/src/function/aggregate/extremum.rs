//! MIN and MAX. NULLs count as nothing; of nothing the result is NULL.
//!
//! Three kinds of state: a number in place for numbers and times, a key for texts, bytes and booleans, and, where rows can be
//! retracted, all values with their counts.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, PrimitiveArray};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, Time32MillisecondType,
    TimestampMillisecondType,
};
use datafusion::error::Result;

use super::grouped::{Aggregate, Rows};
use super::sort_key::{SortColumn, SortKey, sort_key_array};
use super::state_reader::{StateReader, write_length};

/// Which end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Min,
    Max,
}

impl End {
    /// How a value compares with the best so far when it is better.
    fn better(self) -> Ordering {
        match self {
            Self::Min => Ordering::Less,
            Self::Max => Ordering::Greater,
        }
    }
}

/// A column of numbers or times.
pub(super) trait Ordered: ArrowPrimitiveType<Native: ArrowNativeTypeOp> + std::fmt::Debug {
    /// The one form of values that are equal; there are many NaNs.
    #[inline]
    fn canonical(value: Self::Native) -> Self::Native {
        value
    }
    fn save(value: Self::Native, out: &mut Vec<u8>);
    fn load(reader: &mut StateReader<'_>) -> Result<Self::Native>;
}

macro_rules! ordered {
    ($($arrow:ty: $native:ty),+) => {$(
        impl Ordered for $arrow {
            fn save(value: $native, out: &mut Vec<u8>) {
                out.extend(value.to_le_bytes());
            }
            fn load(reader: &mut StateReader<'_>) -> Result<$native> {
                Ok(<$native>::from_le_bytes(reader.array()?))
            }
        }
    )+};
}

ordered!(
    Int32Type: i32,
    Int64Type: i64,
    Decimal128Type: i128,
    Date32Type: i32,
    Time32MillisecondType: i32,
    TimestampMillisecondType: i64
);

impl Ordered for Float64Type {
    #[inline]
    fn canonical(value: f64) -> f64 {
        if value.is_nan() { f64::NAN } else { value }
    }
    fn save(value: f64, out: &mut Vec<u8>) {
        out.extend(value.to_le_bytes());
    }
    fn load(reader: &mut StateReader<'_>) -> Result<f64> {
        reader.f64()
    }
}

/// MIN or MAX of numbers and times.
#[derive(Debug)]
pub(super) struct NumberExtremum<T, const MAX: bool> {
    data_type: DataType,
    values: PhantomData<fn() -> T>,
}

impl<T, const MAX: bool> NumberExtremum<T, MAX> {
    pub(super) fn new(data_type: DataType) -> Self {
        Self {
            data_type,
            values: PhantomData,
        }
    }
}

/// The best value so far.
#[derive(Debug, Default)]
pub(super) struct Best<N> {
    value: N,
    is_some: bool,
}

impl<N: ArrowNativeTypeOp> Best<N> {
    #[inline]
    fn see<const MAX: bool>(&mut self, value: N) {
        let better = if MAX {
            value.is_gt(self.value)
        } else {
            value.is_lt(self.value)
        };
        if !self.is_some || better {
            self.value = value;
            self.is_some = true;
        }
    }
}

impl<T: Ordered, const MAX: bool> Aggregate for NumberExtremum<T, MAX> {
    type State = Best<T::Native>;

    fn update(&mut self, states: &mut [Self::State], rows: &Rows<'_>) -> Result<()> {
        let values = rows.args[0].as_primitive::<T>();
        rows.each_value(states, values.values(), values.nulls(), |best, value, _| {
            best.see::<MAX>(T::canonical(value));
        });
        Ok(())
    }

    fn evaluate<'a>(&self, states: impl Iterator<Item = &'a Self::State>) -> Result<ArrayRef> {
        let values: PrimitiveArray<T> = states.map(|best| best.is_some.then_some(best.value)).collect();
        Ok(Arc::new(values.with_data_type(self.data_type.clone())))
    }

    fn merge(&mut self, into: &mut Self::State, from: &Self::State) -> Result<()> {
        if from.is_some {
            into.see::<MAX>(from.value);
        }
        Ok(())
    }

    fn save(&self, state: &Self::State, out: &mut Vec<u8>) -> Result<()> {
        if state.is_some {
            T::save(state.value, out);
        }
        Ok(())
    }

    fn load(&mut self, reader: &mut StateReader<'_>) -> Result<Self::State> {
        if reader.is_empty() {
            return Ok(Best::default());
        }
        Ok(Best {
            value: T::load(reader)?,
            is_some: true,
        })
    }
}

/// MIN or MAX of texts, bytes and booleans.
#[derive(Debug)]
pub(super) struct KeyExtremum {
    pub(super) end: End,
    pub(super) data_type: DataType,
}

impl Aggregate for KeyExtremum {
    type State = Option<SortKey>;
    const HAS_HEAP: bool = true;

    fn update(&mut self, states: &mut [Self::State], rows: &Rows<'_>) -> Result<()> {
        let column = SortColumn::new(&rows.args[0])?;
        let better = self.end.better();
        rows.each(column.nulls(), |row, group, _| {
            let state = &mut states[group];
            if state.as_ref().is_none_or(|best| column.compare(row, best) == better) {
                *state = Some(column.key(row));
            }
        });
        Ok(())
    }

    fn evaluate<'a>(&self, states: impl Iterator<Item = &'a Self::State>) -> Result<ArrayRef> {
        sort_key_array(&self.data_type, states.map(Option::as_ref))
    }

    fn merge(&mut self, into: &mut Self::State, from: &Self::State) -> Result<()> {
        if let Some(key) = from
            && into.as_ref().is_none_or(|best| key.cmp(best) == self.end.better())
        {
            *into = Some(key.clone());
        }
        Ok(())
    }

    fn save(&self, state: &Self::State, out: &mut Vec<u8>) -> Result<()> {
        if let Some(key) = state {
            key.save(out);
        }
        Ok(())
    }

    fn load(&mut self, reader: &mut StateReader<'_>) -> Result<Self::State> {
        if reader.is_empty() {
            return Ok(None);
        }
        SortKey::load(reader).map(Some)
    }

    fn heap_bytes(state: &Self::State) -> usize {
        state.as_ref().map_or(0, SortKey::heap_bytes)
    }
}

/// MIN or MAX over rows that can be retracted: all values, each with how often it is there.
#[derive(Debug)]
pub(super) struct CountedExtremum {
    pub(super) end: End,
    pub(super) data_type: DataType,
}

impl Aggregate for CountedExtremum {
    type State = BTreeMap<SortKey, i64>;
    const HAS_HEAP: bool = true;

    fn update(&mut self, states: &mut [Self::State], rows: &Rows<'_>) -> Result<()> {
        let column = SortColumn::new(&rows.args[0])?;
        rows.each(column.nulls(), |row, group, weight| {
            add_count(&mut states[group], column.key(row), i64::from(weight));
        });
        Ok(())
    }

    fn evaluate<'a>(&self, states: impl Iterator<Item = &'a Self::State>) -> Result<ArrayRef> {
        let end = self.end;
        let best = states.map(|counts| {
            let mut there = counts.iter().filter(|(_, count)| **count > 0).map(|(key, _)| key);
            match end {
                End::Min => there.next(),
                End::Max => there.next_back(),
            }
        });
        sort_key_array(&self.data_type, best)
    }

    fn merge(&mut self, into: &mut Self::State, from: &Self::State) -> Result<()> {
        for (key, count) in from {
            add_count(into, key.clone(), *count);
        }
        Ok(())
    }

    fn save(&self, state: &Self::State, out: &mut Vec<u8>) -> Result<()> {
        write_length(state.len(), out);
        for (key, count) in state {
            key.save(out);
            out.extend(count.to_le_bytes());
        }
        Ok(())
    }

    fn load(&mut self, reader: &mut StateReader<'_>) -> Result<Self::State> {
        (0..reader.length()?)
            .map(|_| Ok((SortKey::load(reader)?, reader.i64()?)))
            .collect()
    }

    fn heap_bytes(state: &Self::State) -> usize {
        state
            .keys()
            .map(|key| size_of::<(SortKey, i64)>() + key.heap_bytes())
            .sum()
    }
}

/// Counts a key up or down; what is there zero times is forgotten. A count below zero waits for its row, so that it does not
/// matter which of two rows comes first.
pub(super) fn add_count<K: Ord>(counts: &mut BTreeMap<K, i64>, key: K, by: i64) {
    use std::collections::btree_map::Entry;
    match counts.entry(key) {
        Entry::Vacant(entry) => {
            if by != 0 {
                entry.insert(by);
            }
        }
        Entry::Occupied(mut entry) => {
            *entry.get_mut() += by;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}
