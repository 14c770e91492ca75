//! How often each value is there: what COUNT_DISTINCT, ATTR, HISTOGRAM and DISTINCT keep.

use datafusion::error::Result;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use hashbrown::hash_map::EntryRef;

use super::state_reader::{StateReader, write_bytes, write_length};

/// What became of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// It was not there before.
    First,
    /// It is not there any more.
    Gone,
    /// It was there and still is, or neither.
    Same,
}

/// Values, each with a count above zero.
#[derive(Debug, Clone, Default)]
pub(super) struct ValueCounts(HashMap<Box<[u8]>, i64, FixedState>);

impl ValueCounts {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn contains(&self, value: &[u8]) -> bool {
        self.0.contains_key(value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], i64)> {
        self.0.iter().map(|(value, count)| (&**value, *count))
    }

    /// In the order of the values' bytes, which does not depend on how they came.
    pub(super) fn sorted(&self) -> Vec<(&[u8], i64)> {
        let mut sorted: Vec<_> = self.iter().collect();
        sorted.sort_unstable();
        sorted
    }

    /// Counts a value up or down. What is not there cannot become less.
    pub(super) fn add(&mut self, value: &[u8], by: i64) -> Seen {
        match self.0.entry_ref(value) {
            EntryRef::Vacant(_) if by <= 0 => Seen::Same,
            EntryRef::Vacant(entry) => {
                entry.insert_with_key(value.into(), by);
                Seen::First
            }
            EntryRef::Occupied(mut entry) => {
                *entry.get_mut() += by;
                if *entry.get() > 0 {
                    return Seen::Same;
                }
                entry.remove();
                Seen::Gone
            }
        }
    }

    pub(super) fn save(&self, out: &mut Vec<u8>) {
        write_length(self.len(), out);
        for (value, count) in self.sorted() {
            write_bytes(value, out);
            out.extend(count.to_le_bytes());
        }
    }

    pub(super) fn load(reader: &mut StateReader<'_>) -> Result<Self> {
        let mut counts = Self::default();
        for _ in 0..reader.length()? {
            let value = reader.bytes()?;
            counts.add(value, reader.i64()?);
        }
        Ok(counts)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let values: usize = self.0.keys().map(|value| value.len()).sum();
        self.0.allocation_size() + values
    }
}
