//! Keys of groups as dense numbers, and back. Integer keys are kept as they are, all others in Arrow's row format.

use std::hash::BuildHasher;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::row::{RowConverter, RowParser, SortField};
use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::saved::{from_ordered, ordered};

/// Gives every distinct key a number, and takes numbers back. Key columns hold no NULL, for no such row is in a group (ksqlDB).
#[derive(Debug)]
pub(crate) struct GroupIndex {
    keys: Keys,
    hasher: FixedState,
    free: Vec<u32>,
    /// One past the largest number in use.
    end: u32,
}

#[derive(Debug)]
enum Keys {
    /// No key columns: all rows are one group.
    None,
    Integers {
        table: HashTable<(i64, u32)>,
        values: Vec<i64>,
        data_type: DataType,
    },
    Rows {
        table: HashTable<u32>,
        keys: Vec<Box<[u8]>>,
        converter: RowConverter,
        parser: RowParser,
    },
}

impl GroupIndex {
    /// An empty index over keys of these types.
    ///
    /// # Errors
    /// When Arrow's row format does not know a type.
    pub(crate) fn new(types: &[DataType]) -> Result<Self, ArrowError> {
        let keys = match types {
            [] => Keys::None,
            [data_type @ (DataType::Int32 | DataType::Int64)] => Keys::Integers {
                table: HashTable::new(),
                values: Vec::new(),
                data_type: data_type.clone(),
            },
            types => {
                let converter = RowConverter::new(types.iter().cloned().map(SortField::new).collect())?;
                Keys::Rows {
                    table: HashTable::new(),
                    keys: Vec::new(),
                    parser: converter.parser(),
                    converter,
                }
            }
        };
        Ok(Self {
            keys,
            hasher: FixedState::with_seed(0),
            free: Vec::new(),
            end: 0,
        })
    }

    /// One past the largest number in use.
    pub(crate) fn end(&self) -> usize {
        self.end as usize
    }

    /// Number of keys.
    pub(crate) fn len(&self) -> usize {
        self.end as usize - self.free.len()
    }

    /// Writes the number of each row's key to `groups`, in place of what was there.
    ///
    /// # Errors
    /// When the columns are not of the index's types.
    pub(crate) fn intern(
        &mut self,
        columns: &[ArrayRef],
        num_rows: usize,
        groups: &mut Vec<u32>,
    ) -> Result<(), ArrowError> {
        groups.clear();
        groups.reserve(num_rows);
        let Self {
            keys,
            hasher,
            free,
            end,
        } = self;
        let mut next = || {
            free.pop().unwrap_or_else(|| {
                *end += 1;
                *end - 1
            })
        };
        match keys {
            Keys::None => {
                *end = 1;
                groups.resize(num_rows, 0);
            }
            Keys::Integers { table, values, .. } => {
                let wide = cast(&columns[0], &DataType::Int64)?;
                let mut last: Option<(i64, u32)> = None;
                for key in wide.as_primitive::<Int64Type>().values() {
                    if let Some((_, number)) = last.filter(|(before, _)| before == key) {
                        groups.push(number);
                        continue;
                    }
                    let hash = hasher.hash_one(*key);
                    let number = if let Some((_, number)) = table.find(hash, |(known, _)| known == key) {
                        *number
                    } else {
                        let number = next();
                        put(values, number, *key);
                        table.insert_unique(hash, (*key, number), |(known, _)| hasher.hash_one(*known));
                        number
                    };
                    last = Some((*key, number));
                    groups.push(number);
                }
            }
            Keys::Rows {
                table, keys, converter, ..
            } => {
                let rows = converter.convert_columns(columns)?;
                for row in &rows {
                    let key: &[u8] = row.as_ref();
                    let hash = hasher.hash_one(key);
                    let number = if let Some(number) = table.find(hash, |number| &*keys[*number as usize] == key) {
                        *number
                    } else {
                        let number = next();
                        put(keys, number, key.into());
                        table.insert_unique(hash, number, |number| hasher.hash_one(&*keys[*number as usize]));
                        number
                    };
                    groups.push(number);
                }
            }
        }
        Ok(())
    }

    /// The key columns of groups, in that order.
    ///
    /// # Errors
    /// Never in practice: the keys were made by the same converter.
    pub(crate) fn columns(&self, groups: &[u32]) -> Result<Vec<ArrayRef>, ArrowError> {
        match &self.keys {
            Keys::None => Ok(vec![]),
            Keys::Integers { values, data_type, .. } => {
                let picked = Int64Array::from_iter_values(groups.iter().map(|group| values[*group as usize]));
                Ok(vec![cast(&picked, data_type)?])
            }
            Keys::Rows {
                keys,
                converter,
                parser,
                ..
            } => converter.convert_rows(groups.iter().map(|group| parser.parse(&keys[*group as usize]))),
        }
    }

    /// Appends the bytes of a group's key: integers in an order of bytes that is theirs, others in Arrow's row format.
    pub(crate) fn key_bytes(&self, group: u32, out: &mut Vec<u8>) {
        match &self.keys {
            Keys::None => {}
            Keys::Integers { values, .. } => out.extend(ordered(values[group as usize])),
            Keys::Rows { keys, .. } => out.extend(&*keys[group as usize]),
        }
    }

    /// The number of a key that [`GroupIndex::key_bytes`] wrote; `None` where these are no such bytes.
    pub(crate) fn restore(&mut self, key: &[u8]) -> Option<u32> {
        let Self {
            keys,
            hasher,
            free,
            end,
        } = self;
        let mut next = || {
            free.pop().unwrap_or_else(|| {
                *end += 1;
                *end - 1
            })
        };
        match keys {
            Keys::None => {
                *end = 1;
                Some(0)
            }
            Keys::Integers { table, values, .. } => {
                let key = from_ordered(key.try_into().ok()?);
                let hash = hasher.hash_one(key);
                if let Some((_, number)) = table.find(hash, |(known, _)| *known == key) {
                    return Some(*number);
                }
                let number = next();
                put(values, number, key);
                table.insert_unique(hash, (key, number), |(known, _)| hasher.hash_one(*known));
                Some(number)
            }
            Keys::Rows { table, keys, .. } => {
                let hash = hasher.hash_one(key);
                if let Some(number) = table.find(hash, |number| &*keys[*number as usize] == key) {
                    return Some(*number);
                }
                let number = next();
                put(keys, number, key.into());
                table.insert_unique(hash, number, |number| hasher.hash_one(&*keys[*number as usize]));
                Some(number)
            }
        }
    }

    /// Forgets a key; its number may be given to another.
    pub(crate) fn remove(&mut self, group: u32) {
        let Self { keys, hasher, free, .. } = self;
        match keys {
            Keys::None => return,
            Keys::Integers { table, values, .. } => {
                let key = values[group as usize];
                if let Ok(entry) = table.find_entry(hasher.hash_one(key), |(_, number)| *number == group) {
                    entry.remove();
                }
            }
            Keys::Rows { table, keys, .. } => {
                let hash = hasher.hash_one(&*keys[group as usize]);
                if let Ok(entry) = table.find_entry(hash, |number| *number == group) {
                    entry.remove();
                }
                keys[group as usize] = Box::default();
            }
        }
        free.push(group);
    }

    /// Groups in the order of their keys (integers by value, others as Arrow's row format sorts).
    pub(crate) fn sort(&self, groups: &mut [u32]) {
        match &self.keys {
            Keys::None => {}
            Keys::Integers { values, .. } => groups.sort_by_key(|group| values[*group as usize]),
            Keys::Rows { keys, .. } => groups.sort_by(|a, b| keys[*a as usize].cmp(&keys[*b as usize])),
        }
    }

    /// Memory held, in bytes, roughly.
    pub(crate) fn state_bytes(&self) -> usize {
        match &self.keys {
            Keys::None => 0,
            Keys::Integers { table, values, .. } => table.capacity() * 17 + values.capacity() * 8,
            Keys::Rows { table, keys, .. } => {
                table.capacity() * 5 + keys.capacity() * 16 + keys.iter().map(|key| key.len()).sum::<usize>()
            }
        }
    }
}

fn put<T: Default>(values: &mut Vec<T>, number: u32, value: T) {
    let number = number as usize;
    if values.len() <= number {
        values.resize_with(number + 1, T::default);
    }
    values[number] = value;
}

/// True for rows none of whose key columns is NULL; `None` where that is every row.
pub(crate) fn keyed_rows(columns: &[ArrayRef]) -> Option<Vec<bool>> {
    if columns.iter().all(|column| column.null_count() == 0) {
        return None;
    }
    let rows = columns.first().map_or(0, Array::len);
    Some(
        (0..rows)
            .map(|row| columns.iter().all(|column| column.is_valid(row)))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{Int32Array, StringArray};

    use super::*;

    fn check(column: ArrayRef, other: ArrayRef) {
        let mut index = GroupIndex::new(&[column.data_type().clone()]).unwrap();
        let mut groups = Vec::new();
        index.intern(&[Arc::clone(&column)], column.len(), &mut groups).unwrap();
        assert_eq!(groups, [0, 1, 0]);
        assert_eq!(index.columns(&groups).unwrap(), [Arc::clone(&column)]);
        index.remove(0);
        index.intern(&[Arc::clone(&other)], other.len(), &mut groups).unwrap();
        assert_eq!(groups, [1, 0]);
        assert_eq!(index.columns(&groups).unwrap(), [other]);
        assert_eq!(index.end(), 2);
    }

    #[test]
    fn numbers_are_dense_given_back_and_turned_into_keys_again() {
        check(
            Arc::new(Int32Array::from(vec![7, -1, 7])),
            Arc::new(Int32Array::from(vec![-1, 9])),
        );
        check(
            Arc::new(StringArray::from(vec!["a", "bb", "a"])),
            Arc::new(StringArray::from(vec!["bb", "c"])),
        );
    }
}
