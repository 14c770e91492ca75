//! Keys of a join as slot numbers that are given back when nothing is kept for a key any more.
//!
//! Beside [`crate::operator::KeyIndex`], whose keys stay for ever.

use std::hash::BuildHasher;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::row::{RowConverter, Rows, SortField};
use foldhash::fast::FixedState;
use hashbrown::HashTable;

/// No slot.
pub(crate) const NO_SLOT: u32 = u32::MAX;
/// Bytes of removed keys that are not worth moving the others together.
const DEAD_BYTES_MIN: usize = 64 << 10;

/// Where a key stands in the buffer of keys.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: usize,
    /// [`NO_SLOT`] in a slot that is free.
    len: u32,
}

/// Gives every key a slot number; slots of removed keys are used again.
///
/// Keys are kept once, in Arrow's row format, end to end in one buffer. Byte order of two keys is the order of their values.
#[derive(Debug)]
pub(crate) struct KeySlots {
    converter: RowConverter,
    table: HashTable<u32>,
    bytes: Vec<u8>,
    spans: Vec<Span>,
    free: Vec<u32>,
    dead_bytes: usize,
    hasher: FixedState,
}

impl KeySlots {
    /// No keys yet.
    ///
    /// # Errors
    /// When Arrow's row format does not know a type.
    pub(crate) fn new<'a>(types: impl IntoIterator<Item = &'a DataType>) -> Result<Self, ArrowError> {
        let fields = types.into_iter().map(|kind| SortField::new(kind.clone())).collect();
        Ok(Self {
            converter: RowConverter::new(fields)?,
            table: HashTable::new(),
            bytes: Vec::new(),
            spans: Vec::new(),
            free: Vec::new(),
            dead_bytes: 0,
            hasher: FixedState::with_seed(0),
        })
    }

    /// Keys that there are now.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Memory held, in bytes, roughly.
    pub(crate) fn state_bytes(&self) -> usize {
        // A hash table has a byte of control beside each slot.
        let table = self.table.capacity() * (size_of::<u32>() + 1);
        let spans = self.spans.capacity() * size_of::<Span>() + self.free.capacity() * size_of::<u32>();
        table + self.bytes.capacity() + spans
    }

    /// Slots ever given: all slot numbers are below.
    pub(crate) fn slots(&self) -> usize {
        self.spans.len()
    }

    /// The keys of these columns in the form in which they are looked up.
    ///
    /// # Errors
    /// When the columns are not of the types of the keys.
    pub(crate) fn encode(&self, columns: &[ArrayRef]) -> Result<Rows, ArrowError> {
        self.converter.convert_columns(columns)
    }

    /// The slot of a key, where it has one.
    pub(crate) fn find(&self, key: &[u8]) -> Option<u32> {
        let hash = self.hasher.hash_one(key);
        self.table.find(hash, |slot| self.key(*slot) == key).copied()
    }

    /// The slot of a key, a new one where it has none.
    pub(crate) fn find_or_insert(&mut self, key: &[u8]) -> u32 {
        let hash = self.hasher.hash_one(key);
        if let Some(slot) = self.table.find(hash, |slot| self.key(*slot) == key) {
            return *slot;
        }
        let span = Span {
            start: self.bytes.len(),
            len: u32::try_from(key.len()).expect("a key is far smaller than 4 GiB: records are limited"),
        };
        self.bytes.extend_from_slice(key);
        let slot = match self.free.pop() {
            Some(slot) => {
                self.spans[slot as usize] = span;
                slot
            }
            None => {
                self.spans.push(span);
                u32::try_from(self.spans.len() - 1).expect("4 billion keys do not fit in memory")
            }
        };
        let Self {
            table,
            bytes,
            spans,
            hasher,
            ..
        } = self;
        table.insert_unique(hash, slot, |slot| {
            let span = spans[*slot as usize];
            hasher.hash_one(&bytes[span.start..span.start + span.len as usize])
        });
        slot
    }

    /// The key of a slot that is in use.
    pub(crate) fn key(&self, slot: u32) -> &[u8] {
        let span = self.spans[slot as usize];
        &self.bytes[span.start..span.start + span.len as usize]
    }

    /// Gives the slot back. Its number may be given to another key from now on.
    pub(crate) fn remove(&mut self, slot: u32) {
        let hash = self.hasher.hash_one(self.key(slot));
        if let Ok(entry) = self.table.find_entry(hash, |other| *other == slot) {
            entry.remove();
            self.dead_bytes += self.spans[slot as usize].len as usize;
            self.spans[slot as usize].len = NO_SLOT;
            self.free.push(slot);
        }
        if self.dead_bytes > DEAD_BYTES_MIN && self.dead_bytes > self.bytes.len() / 2 {
            self.compact();
        }
    }

    fn compact(&mut self) {
        let mut bytes = Vec::with_capacity(self.bytes.len() - self.dead_bytes);
        for span in self.spans.iter_mut().filter(|span| span.len != NO_SLOT) {
            let start = bytes.len();
            bytes.extend_from_slice(&self.bytes[span.start..span.start + span.len as usize]);
            span.start = start;
        }
        self.bytes = bytes;
        self.dead_bytes = 0;
        if self.table.capacity() > 4 * self.table.len() {
            let Self {
                table,
                bytes,
                spans,
                hasher,
                ..
            } = self;
            table.shrink_to_fit(|slot| {
                let span = spans[*slot as usize];
                hasher.hash_one(&bytes[span.start..span.start + span.len as usize])
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use datafusion::arrow::array::Int64Array;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn removed_slots_are_given_again() {
        let mut keys = KeySlots::new(&[DataType::Int64]).unwrap();
        let rows = keys.encode(&[Arc::new(Int64Array::from(vec![5, 6, 7]))]).unwrap();
        let five = keys.find_or_insert(rows.row(0).as_ref());
        let six = keys.find_or_insert(rows.row(1).as_ref());
        assert_eq!((five, six), (0, 1));
        keys.remove(five);
        assert_eq!(keys.find(rows.row(0).as_ref()), None);
        assert_eq!(keys.find_or_insert(rows.row(2).as_ref()), 0);
        assert_eq!(keys.find(rows.row(1).as_ref()), Some(1));
        assert_eq!((keys.len(), keys.slots()), (2, 2));
    }

    proptest! {
        #[test]
        fn behaves_as_a_map(actions in prop::collection::vec((any::<bool>(), 0_u16..300), 0..2_000)) {
            let mut keys = KeySlots::new(&[DataType::Int64]).unwrap();
            let mut model: HashMap<u16, u32> = HashMap::new();
            for (insert, key) in actions {
                // Long keys, so that the buffer is moved together within the test.
                let bytes = vec![u8::try_from(key % 251).unwrap(); 500 + key as usize];
                if insert {
                    let slot = keys.find_or_insert(&bytes);
                    prop_assert_eq!(*model.entry(key).or_insert(slot), slot);
                } else if let Some(slot) = model.remove(&key) {
                    keys.remove(slot);
                }
                prop_assert_eq!(keys.find(&bytes), model.get(&key).copied());
            }
            prop_assert_eq!(keys.len(), model.len());
            for (key, slot) in model {
                prop_assert_eq!(keys.key(slot).len(), 500 + key as usize);
            }
        }
    }
}
