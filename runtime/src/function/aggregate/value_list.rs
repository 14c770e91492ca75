//! A list of encoded values in one buffer: what COLLECT_LIST and COLLECT_SET keep.

use std::hash::BuildHasher;

use datafusion::error::{DataFusionError, Result};
use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::state_reader::{StateReader, write_bytes, write_length};

/// Values in the order in which they came.
#[derive(Debug, Clone, Default)]
pub(super) struct ValueList {
    bytes: Vec<u8>,
    /// End of each value in `bytes`.
    ends: Vec<u32>,
}

impl ValueList {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Appends the value that `write` writes.
    pub(super) fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        let before = self.bytes.len();
        write(&mut self.bytes);
        match u32::try_from(self.bytes.len()) {
            Ok(end) => self.ends.push(end),
            Err(_) => {
                self.bytes.truncate(before);
                return Err(DataFusionError::Execution(
                    "the values that one group collects are larger than 4 GiB".into(),
                ));
            }
        }
        Ok(())
    }

    pub(super) fn get(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        &self.bytes[start..self.ends[index] as usize]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// Takes the last value that equals `value` out, if there is one.
    pub(super) fn remove_last(&mut self, value: &[u8]) {
        let Some(index) = (0..self.len()).rev().find(|index| self.get(*index) == value) else {
            return;
        };
        let end = self.ends.remove(index) as usize;
        self.bytes.drain(end - value.len()..end);
        for end in &mut self.ends[index..] {
            *end -= value.len() as u32;
        }
    }

    pub(super) fn save(&self, out: &mut Vec<u8>) {
        write_length(self.len(), out);
        for value in self.iter() {
            write_bytes(value, out);
        }
    }

    pub(super) fn load(reader: &mut StateReader<'_>) -> Result<Self> {
        let mut list = Self::default();
        for _ in 0..reader.length()? {
            let value = reader.bytes()?;
            list.push(|bytes| bytes.extend_from_slice(value))?;
        }
        Ok(list)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * size_of::<u32>()
    }
}

/// From so many values on there is a table to find them.
const LOOKED_THROUGH_MAX: usize = 8;

/// Different values, in the order in which they first came.
#[derive(Debug, Default)]
pub(super) struct ValueSet {
    list: ValueList,
    /// Positions in `list`; empty while the list is short.
    table: HashTable<u32>,
}

impl ValueSet {
    pub(super) fn list(&self) -> &ValueList {
        &self.list
    }

    /// Adds a value, unless it is there.
    pub(super) fn insert(&mut self, value: &[u8]) -> Result<()> {
        if self.contains(value) {
            return Ok(());
        }
        self.list.push(|bytes| bytes.extend_from_slice(value))?;
        let Self { list, table } = self;
        if list.len() > LOOKED_THROUGH_MAX {
            for index in table.len()..list.len() {
                table.insert_unique(hash(list.get(index)), index as u32, |other| {
                    hash(list.get(*other as usize))
                });
            }
        }
        Ok(())
    }

    fn contains(&self, value: &[u8]) -> bool {
        if self.list.len() <= LOOKED_THROUGH_MAX {
            return self.list.iter().any(|known| known == value);
        }
        self.table
            .find(hash(value), |index| self.list.get(*index as usize) == value)
            .is_some()
    }

    pub(super) fn load(reader: &mut StateReader<'_>) -> Result<Self> {
        let mut set = Self::default();
        for value in ValueList::load(reader)?.iter() {
            set.insert(value)?;
        }
        Ok(set)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.list.heap_bytes() + self.table.allocation_size()
    }
}

fn hash(value: &[u8]) -> u64 {
    FixedState::with_seed(0).hash_one(value)
}
