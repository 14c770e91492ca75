//! Keys of rows as dense slot numbers.

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::row::{RowConverter, SortField};
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// Gives every distinct key a slot number, dense from zero, in the order of first sight.
///
/// Keys are kept once, in Arrow's row format, end to end in one buffer, so a key costs its bytes and about 12 more.
#[derive(Debug)]
pub struct KeyIndex {
    converter: RowConverter,
    slots: HashTable<u32>,
    bytes: Vec<u8>,
    /// End of each slot's key in `bytes`.
    ends: Vec<usize>,
    hasher: FixedState,
}

impl KeyIndex {
    /// An empty index over keys of these types; no type means that all rows share one key.
    ///
    /// # Errors
    /// When Arrow's row format does not know a type.
    pub fn new(types: &[DataType]) -> Result<Self, ArrowError> {
        let fields = types
            .iter()
            .map(|data_type| SortField::new(data_type.clone()))
            .collect();
        Ok(Self {
            converter: RowConverter::new(fields)?,
            slots: HashTable::new(),
            bytes: Vec::new(),
            ends: Vec::new(),
            hasher: FixedState::with_seed(0),
        })
    }

    /// Number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True when no key was seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Memory held, in bytes, roughly.
    #[must_use]
    pub fn state_bytes(&self) -> usize {
        // A hash table has a byte of control beside each slot.
        let table = self.slots.capacity() * (size_of::<u32>() + 1);
        table + self.bytes.capacity() + self.ends.capacity() * size_of::<usize>()
    }

    /// Writes the slot of each row's key to `slots`, in place of what was there.
    ///
    /// # Errors
    /// When the columns are not of the index's types.
    pub fn slots(&mut self, keys: &[ArrayRef], num_rows: usize, slots: &mut Vec<u32>) -> Result<(), ArrowError> {
        slots.clear();
        if keys.is_empty() {
            if self.ends.is_empty() && num_rows > 0 {
                self.ends.push(0);
            }
            slots.resize(num_rows, 0);
            return Ok(());
        }
        let rows = self.converter.convert_columns(keys)?;
        slots.reserve(num_rows);
        for row in &rows {
            slots.push(self.slot(row.as_ref()));
        }
        Ok(())
    }

    /// The bytes of a slot's key, in Arrow's row format; empty where there are no key columns.
    pub(crate) fn key(&self, slot: u32) -> &[u8] {
        let slot = slot as usize;
        let start = if slot == 0 { 0 } else { self.ends[slot - 1] };
        &self.bytes[start..self.ends[slot]]
    }

    /// The slots of all keys.
    pub(crate) fn all(&self) -> impl Iterator<Item = u32> + use<> {
        (0..).take(self.ends.len())
    }

    /// The slot of a key that [`KeyIndex::key`] once gave.
    pub(crate) fn restore(&mut self, key: &[u8]) -> u32 {
        // Without key columns all rows share slot 0, which is in no table.
        if key.is_empty() {
            if self.ends.is_empty() {
                self.ends.push(0);
            }
            return 0;
        }
        self.slot(key)
    }

    fn slot(&mut self, key: &[u8]) -> u32 {
        let Self {
            slots,
            bytes,
            ends,
            hasher,
            ..
        } = self;
        let key_of = |slot: u32| {
            let slot = slot as usize;
            let start = if slot == 0 { 0 } else { ends[slot - 1] };
            &bytes[start..ends[slot]]
        };
        let hash = hasher.hash_one(key);
        if let Some(slot) = slots.find(hash, |slot| key_of(*slot) == key) {
            return *slot;
        }
        let slot = u32::try_from(ends.len()).expect("4 billion keys do not fit in memory");
        slots.insert_unique(hash, slot, |slot| hasher.hash_one(key_of(*slot)));
        bytes.extend_from_slice(key);
        ends.push(bytes.len());
        slot
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{Int64Array, StringArray};

    use super::*;

    #[test]
    fn same_keys_share_a_slot_and_null_is_a_key() {
        let mut index = KeyIndex::new(&[DataType::Utf8, DataType::Int64]).unwrap();
        let names: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some("a"), Some("a")]));
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 1, 1, 2]));
        let mut slots = vec![9];
        index.slots(&[names, numbers], 4, &mut slots).unwrap();
        assert_eq!(slots, [0, 1, 0, 2]);
        assert_eq!(index.len(), 3);
    }

    #[test]
    fn without_key_columns_all_rows_share_one_slot() {
        let mut index = KeyIndex::new(&[]).unwrap();
        let mut slots = Vec::new();
        index.slots(&[], 3, &mut slots).unwrap();
        assert_eq!(slots, [0, 0, 0]);
        assert_eq!(index.len(), 1);
    }
}
