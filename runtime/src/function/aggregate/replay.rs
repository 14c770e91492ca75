//! Aggregates that cannot take a row back, over rows that can be retracted: the rows themselves are kept, and the aggregate is
//! computed anew when its value is asked for.

use std::fmt;

use datafusion::arrow::array::{ArrayRef, new_empty_array};
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::scalar::ScalarValue;

use super::codec::{Decoder, Encoder};
use super::grouped::{Aggregate, Rows};
use super::row_accumulators::{Factory, as_result};
use super::state_reader::StateReader;
use super::value_list::ValueList;

/// All rows of each group, in the order in which they came.
pub(super) struct Replay {
    factory: Factory,
    types: Vec<DataType>,
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Replay({:?})", self.types)
    }
}

impl Replay {
    /// `types` are those of the arguments, and of what ORDER BY inside of the call names.
    ///
    /// # Errors
    /// When DataFusion cannot make an accumulator, or the rows are of types that cannot be kept.
    pub(super) fn new(factory: Factory, types: Vec<DataType>) -> Result<Self> {
        factory.make(false)?;
        types.iter().try_for_each(super::codec::is_supported)?;
        Ok(Self { factory, types })
    }

    fn value(&self, rows: &ValueList) -> Result<ScalarValue> {
        let mut accumulator = self.factory.make(false)?;
        if rows.len() > 0 {
            let mut decoders = self.types.iter().map(Decoder::new).collect::<Result<Vec<_>>>()?;
            for row in rows.iter() {
                let mut reader = StateReader::new(row);
                for decoder in &mut decoders {
                    decoder.append(&mut reader)?;
                }
            }
            let args = decoders.into_iter().map(Decoder::finish).collect::<Result<Vec<_>>>()?;
            accumulator.update_batch(&args)?;
        }
        accumulator.evaluate()
    }
}

impl Aggregate for Replay {
    type State = ValueList;
    const HAS_HEAP: bool = true;

    fn update(&mut self, states: &mut [ValueList], rows: &Rows<'_>) -> Result<()> {
        let columns = rows
            .args
            .iter()
            .map(|arg| Encoder::new(arg))
            .collect::<Result<Vec<_>>>()?;
        let mut value = Vec::new();
        rows.try_each(None, |row, group, weight| {
            value.clear();
            for column in &columns {
                column.write(row, &mut value);
            }
            if weight < 0 {
                states[group].remove_last(&value);
                return Ok(());
            }
            states[group].push(|out| out.extend_from_slice(&value))
        })
    }

    fn evaluate<'a>(&self, states: impl Iterator<Item = &'a ValueList>) -> Result<ArrayRef> {
        let values = states.map(|rows| self.value(rows)).collect::<Result<Vec<_>>>()?;
        if values.is_empty() {
            return Ok(new_empty_array(self.factory.result()));
        }
        as_result(ScalarValue::iter_to_array(values)?, self.factory.result())
    }

    fn merge(&mut self, into: &mut ValueList, from: &ValueList) -> Result<()> {
        from.iter()
            .try_for_each(|row| into.push(|out| out.extend_from_slice(row)))
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
