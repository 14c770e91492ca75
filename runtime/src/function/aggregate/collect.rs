//! COLLECT_LIST and COLLECT_SET: the values of a group as an array, NULLs among them, up to a limit.

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;

use super::codec::{Decoder, Encoder, list_array};
use super::grouped::{Aggregate, Rows};
use super::state_reader::StateReader;
use super::value_list::{ValueList, ValueSet};

/// What both have in common.
#[derive(Debug)]
pub(super) struct Collect {
    /// Values beyond are left out, as in ksqlDB.
    pub(super) limit: usize,
    /// Type of the values.
    pub(super) data_type: DataType,
    pub(super) result: DataType,
}

impl Collect {
    fn arrays<'a>(&self, lists: impl Iterator<Item = &'a ValueList>) -> Result<ArrayRef> {
        let mut decoder = Decoder::new(&self.data_type)?;
        let mut lengths = Vec::new();
        for list in lists {
            for value in list.iter() {
                decoder.append(&mut StateReader::new(value))?;
            }
            lengths.push(list.len());
        }
        list_array(&self.result, lengths.into_iter(), decoder.finish()?)
    }
}

/// COLLECT_LIST. Undoing takes out the last equal value, which keeps the order only where values differ (ksqlDB does the same).
#[derive(Debug)]
pub(super) struct CollectList(pub(super) Collect);

impl Aggregate for CollectList {
    type State = ValueList;
    const HAS_HEAP: bool = true;

    fn update(&mut self, states: &mut [ValueList], rows: &Rows<'_>) -> Result<()> {
        let column = Encoder::new(&rows.args[0])?;
        let mut undone = Vec::new();
        rows.try_each(None, |row, group, weight| {
            let state = &mut states[group];
            if weight < 0 {
                undone.clear();
                column.write(row, &mut undone);
                state.remove_last(&undone);
            } else if state.len() < self.0.limit {
                state.push(|out| column.write(row, out))?;
            }
            Ok(())
        })
    }

    fn evaluate<'a>(&self, states: impl Iterator<Item = &'a ValueList>) -> Result<ArrayRef> {
        self.0.arrays(states)
    }

    fn merge(&mut self, into: &mut ValueList, from: &ValueList) -> Result<()> {
        let room = self.0.limit.saturating_sub(into.len());
        for value in from.iter().take(room) {
            into.push(|out| out.extend_from_slice(value))?;
        }
        Ok(())
    }

    fn save(&self, state: &ValueList, out: &mut Vec<u8>) -> Result<()> {
        state.save(out);
        Ok(())
    }

    fn load(&mut self, reader: &mut StateReader<'_>) -> Result<ValueList> {
        ValueList::load(reader)
    }

    fn heap_bytes(state: &ValueList) -> usize {
        state.heap_bytes()
    }
}

/// COLLECT_SET.
#[derive(Debug)]
pub(super) struct CollectSet(pub(super) Collect);

impl Aggregate for CollectSet {
    type State = ValueSet;
    const HAS_HEAP: bool = true;

    fn update(&mut self, states: &mut [ValueSet], rows: &Rows<'_>) -> Result<()> {
        let column = Encoder::new(&rows.args[0])?;
        let mut value = Vec::new();
        rows.try_each(None, |row, group, _| {
            let state = &mut states[group];
            if state.list().len() < self.0.limit {
                value.clear();
                column.write(row, &mut value);
                state.insert(&value)?;
            }
            Ok(())
        })
    }

    fn evaluate<'a>(&self, states: impl Iterator<Item = &'a ValueSet>) -> Result<ArrayRef> {
        self.0.arrays(states.map(ValueSet::list))
    }

    fn merge(&mut self, into: &mut ValueSet, from: &ValueSet) -> Result<()> {
        for value in from.list().iter() {
            if into.list().len() >= self.0.limit {
                break;
            }
            into.insert(value)?;
        }
        Ok(())
    }

    fn save(&self, state: &ValueSet, out: &mut Vec<u8>) -> Result<()> {
        state.list().save(out);
        Ok(())
    }

    fn load(&mut self, reader: &mut StateReader<'_>) -> Result<ValueSet> {
        ValueSet::load(reader)
    }

    fn heap_bytes(state: &ValueSet) -> usize {
        state.heap_bytes()
    }
}
