//! LATEST_BY_OFFSET and EARLIEST_BY_OFFSET: the last or first value of a group, or the last or first N as an array.
//!
//! Each kept value has a number that says when it came, so that values of two sessions can be put in order when the sessions
//! grow together.

use std::collections::VecDeque;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;

use super::codec::{Decoder, Encoder, list_array};
use super::grouped::{Aggregate, Rows};
use super::state_reader::{StateReader, write_bytes, write_length};

/// Which end of the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offset {
    Earliest,
    Latest,
}

/// A function by offset.
#[derive(Debug)]
pub(super) struct ByOffset {
    pub(super) offset: Offset,
    /// How many values; `None`: one, and the result is no array.
    pub(super) count: Option<usize>,
    pub(super) ignore_nulls: bool,
    /// Type of the values.
    pub(super) data_type: DataType,
    pub(super) result: DataType,
    /// Number of the next row.
    pub(super) next: u64,
}

/// A value and when it came.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    sequence: u64,
    value: Vec<u8>,
}

impl ByOffset {
    fn kept_max(&self) -> usize {
        self.count.unwrap_or(1)
    }
}

impl Aggregate for ByOffset {
    /// In the order in which they came.
    type State = VecDeque<Entry>;
    const HAS_HEAP: bool = true;

    fn update(&mut self, states: &mut [Self::State], rows: &Rows<'_>) -> Result<()> {
        let column = Encoder::new(&rows.args[0])?;
        let kept_max = self.kept_max();
        for (row, group) in rows.groups.iter().enumerate() {
            let sequence = self.next;
            self.next += 1;
            let state = &mut states[*group as usize];
            let is_full = state.len() >= kept_max;
            if (self.ignore_nulls && column.is_null(row)) || (is_full && self.offset == Offset::Earliest) {
                continue;
            }
            // The buffer of the value that falls out is used again.
            let mut value = match state.pop_front() {
                Some(oldest) if is_full => oldest.value,
                Some(oldest) => {
                    state.push_front(oldest);
                    Vec::new()
                }
                None => Vec::new(),
            };
            value.clear();
            column.write(row, &mut value);
            state.push_back(Entry { sequence, value });
        }
        Ok(())
    }

    fn evaluate<'a>(&self, states: impl Iterator<Item = &'a Self::State>) -> Result<ArrayRef> {
        let mut decoder = Decoder::new(&self.data_type)?;
        let mut lengths = Vec::new();
        for state in states {
            for entry in state {
                decoder.append(&mut StateReader::new(&entry.value))?;
            }
            if state.is_empty() && self.count.is_none() {
                decoder.append_null()?;
            }
            lengths.push(state.len());
        }
        let values = decoder.finish()?;
        match self.count {
            None => Ok(values),
            Some(_) => list_array(&self.result, lengths.into_iter(), values),
        }
    }

    fn merge(&mut self, into: &mut Self::State, from: &Self::State) -> Result<()> {
        into.extend(from.iter().cloned());
        into.make_contiguous().sort_by_key(|entry| entry.sequence);
        let surplus = into.len().saturating_sub(self.kept_max());
        match self.offset {
            Offset::Earliest => into.truncate(into.len() - surplus),
            Offset::Latest => drop(into.drain(..surplus)),
        }
        Ok(())
    }

    fn save(&self, state: &Self::State, out: &mut Vec<u8>) -> Result<()> {
        write_length(state.len(), out);
        for entry in state {
            out.extend(entry.sequence.to_le_bytes());
            write_bytes(&entry.value, out);
        }
        Ok(())
    }

    fn load(&mut self, reader: &mut StateReader<'_>) -> Result<Self::State> {
        let mut state = VecDeque::new();
        for _ in 0..reader.length()? {
            let sequence = reader.u64()?;
            self.next = self.next.max(sequence.saturating_add(1));
            state.push_back(Entry {
                sequence,
                value: reader.bytes()?.to_vec(),
            });
        }
        Ok(state)
    }

    fn heap_bytes(state: &Self::State) -> usize {
        let values: usize = state.iter().map(|entry| entry.value.capacity()).sum();
        state.capacity() * size_of::<Entry>() + values
    }
}
