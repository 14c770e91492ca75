//! Keys of rows as dense slot numbers.

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::row::{RowConverter, SortField};
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// Gives every distinct key a slot number, dense from zero, in the order of first sight; numbers of keys that were removed are given again.
///
/// Keys are kept once, in Arrow's row format, end to end in one buffer, each behind its length, so a key costs its bytes and about 14 more.
#[derive(Debug)]
pub struct KeyIndex {
    converter: RowConverter,
    slots: HashTable<u32>,
    bytes: Vec<u8>,
    /// Where each slot's key is in `bytes`; [`FREE`] where the slot has none.
    starts: Vec<usize>,
    free: Vec<u32>,
    /// Bytes of keys that were removed.
    unused: usize,
    hasher: FixedState,
}

/// The start of a slot without a key.
const FREE: usize = usize::MAX;
/// The length that says that the real one stands in the eight bytes after it.
const LONG: u8 = u8::MAX;

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
            starts: Vec::new(),
            free: Vec::new(),
            unused: 0,
            hasher: FixedState::with_seed(0),
        })
    }

    /// Number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.starts.len() - self.free.len()
    }

    /// True when there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One past the largest slot in use.
    #[must_use]
    pub fn end(&self) -> usize {
        self.starts.len()
    }

    /// Memory held, in bytes, roughly.
    #[must_use]
    pub fn state_bytes(&self) -> usize {
        // A hash table has a byte of control beside each slot.
        let table = self.slots.capacity() * (size_of::<u32>() + 1);
        table + self.bytes.capacity() + self.starts.capacity() * size_of::<usize>()
    }

    /// Writes the slot of each row's key to `slots`, in place of what was there.
    ///
    /// # Errors
    /// When the columns are not of the index's types.
    pub fn slots(&mut self, keys: &[ArrayRef], num_rows: usize, slots: &mut Vec<u32>) -> Result<(), ArrowError> {
        slots.clear();
        if keys.is_empty() {
            if num_rows > 0 {
                self.one_for_all();
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

    /// Without key columns all rows share slot 0, which is in no table; its key has no bytes.
    fn one_for_all(&mut self) {
        if self.bytes.is_empty() {
            self.bytes.push(0);
        }
        self.free.clear();
        self.starts = vec![0];
    }

    /// The bytes of a slot's key, in Arrow's row format; empty where there are no key columns.
    pub(crate) fn key(&self, slot: u32) -> &[u8] {
        key_at(&self.bytes, self.starts[slot as usize])
    }

    /// The slots of all keys.
    pub(crate) fn all(&self) -> impl Iterator<Item = u32> {
        let slots = (0..).zip(&self.starts);
        slots.filter(|(_, start)| **start != FREE).map(|(slot, _)| slot)
    }

    /// The slot of a key that [`KeyIndex::key`] once gave.
    pub(crate) fn restore(&mut self, key: &[u8]) -> u32 {
        if key.is_empty() {
            self.one_for_all();
            return 0;
        }
        self.slot(key)
    }

    /// Forgets a key; its slot may be given to another.
    pub(crate) fn remove(&mut self, slot: u32) {
        let start = std::mem::replace(&mut self.starts[slot as usize], FREE);
        let key = key_at(&self.bytes, start);
        if let Ok(entry) = self.slots.find_entry(self.hasher.hash_one(key), |other| *other == slot) {
            entry.remove();
        }
        self.unused += key.len() + 1;
        self.free.push(slot);
        if self.unused > self.bytes.len() / 2 {
            self.compact();
        }
    }

    /// Lets go of the bytes of keys that were removed.
    fn compact(&mut self) {
        let mut bytes = Vec::with_capacity(self.bytes.len() - self.unused);
        for start in &mut self.starts {
            if *start != FREE {
                let at = bytes.len();
                put_key(&mut bytes, key_at(&self.bytes, *start));
                *start = at;
            }
        }
        self.bytes = bytes;
        self.unused = 0;
        let Self {
            slots,
            bytes,
            starts,
            hasher,
            ..
        } = self;
        slots.shrink_to_fit(|slot| hasher.hash_one(key_at(bytes, starts[*slot as usize])));
    }

    fn slot(&mut self, key: &[u8]) -> u32 {
        let Self {
            slots,
            bytes,
            starts,
            free,
            hasher,
            ..
        } = self;
        let hash = hasher.hash_one(key);
        if let Some(slot) = slots.find(hash, |slot| key_at(bytes, starts[*slot as usize]) == key) {
            return *slot;
        }
        let start = bytes.len();
        let slot = if let Some(slot) = free.pop() {
            starts[slot as usize] = start;
            slot
        } else {
            starts.push(start);
            u32::try_from(starts.len() - 1).expect("4 billion keys do not fit in memory")
        };
        put_key(bytes, key);
        slots.insert_unique(hash, slot, |slot| {
            hasher.hash_one(key_at(bytes, starts[*slot as usize]))
        });
        slot
    }
}

fn put_key(bytes: &mut Vec<u8>, key: &[u8]) {
    match u8::try_from(key.len()) {
        Ok(length) if length != LONG => bytes.push(length),
        _ => {
            bytes.push(LONG);
            bytes.extend_from_slice(&(key.len() as u64).to_le_bytes());
        }
    }
    bytes.extend_from_slice(key);
}

fn key_at(bytes: &[u8], start: usize) -> &[u8] {
    let rest = &bytes[start + 1..];
    match bytes[start] {
        LONG => {
            let (length, rest) = rest
                .split_first_chunk::<8>()
                .expect("a long key's length has eight bytes");
            &rest[..usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX)]
        }
        length => &rest[..usize::from(length)],
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

    #[test]
    fn a_removed_key_leaves_its_slot_to_the_next_and_its_bytes_go() {
        let mut index = KeyIndex::new(&[DataType::Utf8]).unwrap();
        let column = |names: &[&str]| -> ArrayRef { Arc::new(StringArray::from(names.to_vec())) };
        let long = "x".repeat(1000);
        let mut slots = Vec::new();
        index.slots(&[column(&["a", &long, "c"])], 3, &mut slots).unwrap();
        let key = index.key(1).to_vec();
        index.remove(0);
        assert_eq!(index.len(), 2);
        index.remove(1);
        assert!(index.bytes.len() < 100, "the long key's bytes were let go");
        index.slots(&[column(&["c", &long, "d", "a"])], 4, &mut slots).unwrap();
        assert_eq!(slots, [2, 1, 0, 3]);
        assert_eq!(index.key(1), key);
        assert_eq!(index.all().collect::<Vec<_>>(), [0, 1, 2, 3]);
        index.remove(3);
        assert_eq!(index.all().collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!((index.len(), index.end()), (3, 4));
    }

    #[test]
    fn without_key_columns_the_one_slot_can_be_removed_and_comes_again() {
        let mut index = KeyIndex::new(&[]).unwrap();
        let mut slots = Vec::new();
        index.slots(&[], 1, &mut slots).unwrap();
        assert_eq!(index.key(0), b"");
        index.remove(0);
        assert!(index.is_empty());
        index.slots(&[], 2, &mut slots).unwrap();
        assert_eq!((slots.as_slice(), index.len()), ([0, 0].as_slice(), 1));
    }
}
