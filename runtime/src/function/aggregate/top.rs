//! TOPK and TOPKDISTINCT: the K largest values, largest first, as an array; of TOPK with further columns as an array of structs.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use datafusion::arrow::array::{ArrayRef, StructArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;
use std::sync::Arc;

use super::codec::{Decoder, Encoder, list_array};
use super::extremum::add_count;
use super::grouped::{Aggregate, Rows};
use super::sort_key::{SortColumn, SortKey, sort_key_array};
use super::state_reader::{StateReader, damaged, write_bytes, write_length};

/// What is asked for.
#[derive(Debug)]
pub(super) struct Top {
    /// K, at least 1.
    pub(super) count: usize,
    /// Each value once.
    pub(super) distinct: bool,
    /// Types of the column that is ordered by, and of the further ones.
    pub(super) types: Vec<DataType>,
    pub(super) result: DataType,
}

/// A kept row. Rows of equal keys stand in the order in which they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    key: SortKey,
    /// The further columns.
    rest: Box<[u8]>,
}

/// The arguments of a batch.
struct Columns<'a> {
    key: SortColumn<'a>,
    rest: Vec<Encoder<'a>>,
}

impl<'a> Columns<'a> {
    fn new(args: &'a [ArrayRef]) -> Result<Self> {
        let (first, others) = args.split_first().ok_or_else(damaged)?;
        Ok(Self {
            key: SortColumn::new(first)?,
            rest: others.iter().map(|arg| Encoder::new(arg)).collect::<Result<_>>()?,
        })
    }

    fn rest(&self, row: usize) -> Box<[u8]> {
        let mut rest = Vec::new();
        for column in &self.rest {
            column.write(row, &mut rest);
        }
        rest.into()
    }
}

impl Top {
    /// Arrays of rows, given by key and rest.
    fn arrays<'a>(&self, rows: &[(&'a SortKey, &'a [u8])], lengths: Vec<usize>) -> Result<ArrayRef> {
        let (first, others) = self.types.split_first().ok_or_else(damaged)?;
        let keys = sort_key_array(first, rows.iter().map(|(key, _)| Some(*key)))?;
        let elements = match (&self.result, others.is_empty()) {
            (DataType::List(field), false) => {
                let DataType::Struct(fields) = field.data_type() else {
                    return Err(damaged());
                };
                let mut decoders = others.iter().map(Decoder::new).collect::<Result<Vec<_>>>()?;
                for (_, rest) in rows {
                    let mut reader = StateReader::new(rest);
                    for decoder in &mut decoders {
                        decoder.append(&mut reader)?;
                    }
                }
                let mut columns = vec![keys];
                for decoder in decoders {
                    columns.push(decoder.finish()?);
                }
                Arc::new(StructArray::try_new(fields.clone(), columns, None)?)
            }
            _ => keys,
        };
        list_array(&self.result, lengths.into_iter(), elements)
    }

    /// Puts a row behind those that are as large; the ones beyond K fall off.
    fn insert(&self, state: &mut Vec<Item>, item: Item) {
        let at = state.partition_point(|kept| kept.key >= item.key);
        if self.distinct && at > 0 && state[at - 1].key == item.key {
            return;
        }
        state.insert(at, item);
        state.truncate(self.count);
    }
}

impl Aggregate for Top {
    type State = Vec<Item>;
    const HAS_HEAP: bool = true;

    fn update(&mut self, states: &mut [Self::State], rows: &Rows<'_>) -> Result<()> {
        let columns = Columns::new(rows.args)?;
        rows.each(columns.key.nulls(), |row, group, _| {
            let state = &mut states[group];
            if state.len() == self.count
                && let Some(last) = state.last()
                && columns.key.compare(row, &last.key) != Ordering::Greater
            {
                return;
            }
            let item = Item {
                key: columns.key.key(row),
                rest: columns.rest(row),
            };
            self.insert(state, item);
        });
        Ok(())
    }

    fn evaluate<'a>(&self, states: impl Iterator<Item = &'a Self::State>) -> Result<ArrayRef> {
        let mut rows = Vec::new();
        let mut lengths = Vec::new();
        for state in states {
            lengths.push(state.len());
            rows.extend(state.iter().map(|item| (&item.key, &*item.rest)));
        }
        self.arrays(&rows, lengths)
    }

    fn merge(&mut self, into: &mut Self::State, from: &Self::State) -> Result<()> {
        for item in from {
            self.insert(into, item.clone());
        }
        Ok(())
    }

    fn save(&self, state: &Self::State, out: &mut Vec<u8>) -> Result<()> {
        write_length(state.len(), out);
        for item in state {
            item.key.save(out);
            write_bytes(&item.rest, out);
        }
        Ok(())
    }

    fn load(&mut self, reader: &mut StateReader<'_>) -> Result<Self::State> {
        (0..reader.length()?)
            .map(|_| {
                Ok(Item {
                    key: SortKey::load(reader)?,
                    rest: reader.bytes()?.into(),
                })
            })
            .collect()
    }

    fn heap_bytes(state: &Self::State) -> usize {
        let outside: usize = state.iter().map(|item| item.key.heap_bytes() + item.rest.len()).sum();
        state.capacity() * size_of::<Item>() + outside
    }
}

/// The same over rows that can be retracted: all rows are kept, each with how often it is there. Rows of equal keys stand in
/// the order of their further columns' bytes, because the order in which they came is not known after a retraction.
#[derive(Debug)]
pub(super) struct CountedTop(pub(super) Top);

impl Aggregate for CountedTop {
    type State = BTreeMap<(SortKey, Box<[u8]>), i64>;
    const HAS_HEAP: bool = true;

    fn update(&mut self, states: &mut [Self::State], rows: &Rows<'_>) -> Result<()> {
        let columns = Columns::new(rows.args)?;
        rows.each(columns.key.nulls(), |row, group, weight| {
            let item = (columns.key.key(row), columns.rest(row));
            add_count(&mut states[group], item, i64::from(weight));
        });
        Ok(())
    }

    fn evaluate<'a>(&self, states: impl Iterator<Item = &'a Self::State>) -> Result<ArrayRef> {
        let mut rows = Vec::new();
        let mut lengths = Vec::new();
        for state in states {
            let start = rows.len();
            let distinct = self.0.distinct;
            rows.extend(
                state
                    .iter()
                    .rev()
                    .filter(|(_, count)| **count > 0)
                    .flat_map(|((key, rest), count)| {
                        let times = if distinct { 1 } else { *count as usize };
                        std::iter::repeat_n((key, &**rest), times)
                    })
                    .take(self.0.count),
            );
            lengths.push(rows.len() - start);
        }
        self.0.arrays(&rows, lengths)
    }

    fn merge(&mut self, into: &mut Self::State, from: &Self::State) -> Result<()> {
        for (item, count) in from {
            add_count(into, item.clone(), *count);
        }
        Ok(())
    }

    fn save(&self, state: &Self::State, out: &mut Vec<u8>) -> Result<()> {
        write_length(state.len(), out);
        for ((key, rest), count) in state {
            key.save(out);
            write_bytes(rest, out);
            out.extend(count.to_le_bytes());
        }
        Ok(())
    }

    fn load(&mut self, reader: &mut StateReader<'_>) -> Result<Self::State> {
        (0..reader.length()?)
            .map(|_| {
                let item = (SortKey::load(reader)?, reader.bytes()?.into());
                Ok((item, reader.i64()?))
            })
            .collect()
    }

    fn heap_bytes(state: &Self::State) -> usize {
        state
            .keys()
            .map(|(key, rest)| size_of::<((SortKey, Box<[u8]>), i64)>() + key.heap_bytes() + rest.len())
            .sum()
    }
}
