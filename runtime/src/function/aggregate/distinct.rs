//! DISTINCT inside of an aggregate: hands each different row of arguments to the aggregate once.
//!
//! Counts how often each is there, so that one that is retracted leaves only when it was there for the last time.

use datafusion::arrow::array::{ArrayRef, UInt32Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;

use super::accumulator::Accumulator;
use super::codec::{Decoder, Encoder};
use super::state_reader::{StateReader, write_bytes};
use super::value_counts::{Seen, ValueCounts};

/// An aggregate over different rows.
#[derive(Debug)]
pub(super) struct Distinct {
    inner: Box<dyn Accumulator>,
    /// Types of the arguments.
    types: Vec<DataType>,
    seen: Vec<ValueCounts>,
}

impl Distinct {
    pub(super) fn boxed(inner: Box<dyn Accumulator>, types: Vec<DataType>) -> Box<dyn Accumulator> {
        Box::new(Self {
            inner,
            types,
            seen: Vec::new(),
        })
    }

    fn grow(&mut self, count: usize) {
        if self.seen.len() < count {
            self.seen.resize_with(count, ValueCounts::default);
        }
    }
}

impl Accumulator for Distinct {
    fn update(&mut self, args: &[ArrayRef], groups: &[u32], weights: Option<&[i8]>, group_count: usize) -> Result<()> {
        self.grow(group_count);
        let columns = args.iter().map(|arg| Encoder::new(arg)).collect::<Result<Vec<_>>>()?;
        let mut key = Vec::new();
        let (mut rows, mut changed, mut changes) = (Vec::new(), Vec::new(), Vec::new());
        for (row, group) in groups.iter().enumerate() {
            key.clear();
            for column in &columns {
                column.write(row, &mut key);
            }
            let weight = weights.map_or(1, |weights| weights[row]);
            if self.seen[*group as usize].add(&key, i64::from(weight)) != Seen::Same {
                rows.push(row as u32);
                changed.push(*group);
                changes.push(weight);
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        let rows = UInt32Array::from(rows);
        let args = args
            .iter()
            .map(|arg| Ok(take(arg, &rows, None)?))
            .collect::<Result<Vec<_>>>()?;
        let changes = weights.map(|_| changes.as_slice());
        self.inner.update(&args, &changed, changes, group_count)
    }

    fn evaluate(&mut self, groups: &[u32]) -> Result<ArrayRef> {
        self.inner.evaluate(groups)
    }

    fn merge(&mut self, into: u32, from: u32) -> Result<()> {
        self.grow(into.max(from) as usize + 1);
        let other = std::mem::take(&mut self.seen[from as usize]);
        let mut decoders = self.types.iter().map(Decoder::new).collect::<Result<Vec<_>>>()?;
        let mut rows = 0;
        for (key, count) in other.sorted() {
            if self.seen[into as usize].add(key, count) == Seen::First {
                let mut reader = StateReader::new(key);
                for decoder in &mut decoders {
                    decoder.append(&mut reader)?;
                }
                rows += 1;
            }
        }
        self.seen[from as usize] = other;
        let args = decoders.into_iter().map(Decoder::finish).collect::<Result<Vec<_>>>()?;
        self.inner.update(&args, &vec![into; rows], None, self.seen.len())
    }

    fn reset(&mut self, group: u32) {
        if let Some(seen) = self.seen.get_mut(group as usize) {
            *seen = ValueCounts::default();
        }
        self.inner.reset(group);
    }

    fn save(&mut self, group: u32, out: &mut Vec<u8>) -> Result<()> {
        self.grow(group as usize + 1);
        let mut seen = Vec::new();
        self.seen[group as usize].save(&mut seen);
        write_bytes(&seen, out);
        self.inner.save(group, out)
    }

    fn load(&mut self, group: u32, bytes: &[u8]) -> Result<()> {
        self.grow(group as usize + 1);
        let mut reader = StateReader::new(bytes);
        let seen = ValueCounts::load(&mut StateReader::new(reader.bytes()?))?;
        let rest = reader.take(reader.remaining())?;
        self.inner.load(group, rest)?;
        self.seen[group as usize] = seen;
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        let seen: usize = self.seen.iter().map(ValueCounts::heap_bytes).sum();
        self.seen.capacity() * size_of::<ValueCounts>() + seen + self.inner.state_bytes()
    }
}
