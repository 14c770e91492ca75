//! COUNT_DISTINCT, ATTR and HISTOGRAM, which count how often each value is there.

use std::sync::Arc;

use datafusion::arrow::array::builder::{Int64Builder, MapBuilder, MapFieldNames, StringBuilder};
use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, ArrayRef, Int64Array};
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;

use super::codec::{Decoder, Encoder};
use super::grouped::{Aggregate, Rows};
use super::state_reader::{StateReader, damaged};
use super::value_counts::ValueCounts;
use crate::types::limits::HISTOGRAM_KEYS_MAX;

/// COUNT_DISTINCT: how many different values that are not NULL. Exact, where ksqlDB estimates.
#[derive(Debug)]
pub(super) struct CountDistinct;

impl Aggregate for CountDistinct {
    type State = ValueCounts;
    const HAS_HEAP: bool = true;

    fn update(&mut self, states: &mut [ValueCounts], rows: &Rows<'_>) -> Result<()> {
        let column = Encoder::new(&rows.args[0])?;
        let mut value = Vec::new();
        rows.each(None, |row, group, weight| {
            if !column.is_null(row) {
                value.clear();
                column.write(row, &mut value);
                states[group].add(&value, i64::from(weight));
            }
        });
        Ok(())
    }

    fn evaluate<'a>(&self, states: impl Iterator<Item = &'a ValueCounts>) -> Result<ArrayRef> {
        Ok(Arc::new(Int64Array::from_iter_values(
            states.map(|state| state.len() as i64),
        )))
    }

    fn merge(&mut self, into: &mut ValueCounts, from: &ValueCounts) -> Result<()> {
        for (value, count) in from.iter() {
            into.add(value, count);
        }
        Ok(())
    }

    fn save(&self, state: &ValueCounts, out: &mut Vec<u8>) -> Result<()> {
        state.save(out);
        Ok(())
    }

    fn load(&mut self, reader: &mut StateReader<'_>) -> Result<ValueCounts> {
        ValueCounts::load(reader)
    }

    fn heap_bytes(state: &ValueCounts) -> usize {
        state.heap_bytes()
    }
}

/// ATTR: the value that all rows have, NULL where they differ. NULL is a value like others here.
#[derive(Debug)]
pub(super) struct Attr(pub(super) DataType);

impl Aggregate for Attr {
    type State = ValueCounts;
    const HAS_HEAP: bool = true;

    fn update(&mut self, states: &mut [ValueCounts], rows: &Rows<'_>) -> Result<()> {
        let column = Encoder::new(&rows.args[0])?;
        let mut value = Vec::new();
        rows.each(None, |row, group, weight| {
            value.clear();
            column.write(row, &mut value);
            states[group].add(&value, i64::from(weight));
        });
        Ok(())
    }

    fn evaluate<'a>(&self, states: impl Iterator<Item = &'a ValueCounts>) -> Result<ArrayRef> {
        let mut decoder = Decoder::new(&self.0)?;
        for state in states {
            let mut values = state.iter();
            match (values.next(), values.next()) {
                (Some((value, _)), None) => decoder.append(&mut StateReader::new(value))?,
                _ => decoder.append_null()?,
            }
        }
        decoder.finish()
    }

    fn merge(&mut self, into: &mut ValueCounts, from: &ValueCounts) -> Result<()> {
        CountDistinct.merge(into, from)
    }

    fn save(&self, state: &ValueCounts, out: &mut Vec<u8>) -> Result<()> {
        CountDistinct.save(state, out)
    }

    fn load(&mut self, reader: &mut StateReader<'_>) -> Result<ValueCounts> {
        ValueCounts::load(reader)
    }

    fn heap_bytes(state: &ValueCounts) -> usize {
        state.heap_bytes()
    }
}

/// HISTOGRAM: how often each text is there, as a map in the order of the texts. NULL is no key, so it is not counted; texts
/// beyond the limit are left out.
#[derive(Debug)]
pub(super) struct Histogram;

impl Aggregate for Histogram {
    type State = ValueCounts;
    const HAS_HEAP: bool = true;

    fn update(&mut self, states: &mut [ValueCounts], rows: &Rows<'_>) -> Result<()> {
        let texts = rows.args[0].as_string::<i32>();
        rows.each(texts.nulls(), |row, group, weight| {
            count(&mut states[group], texts.value(row).as_bytes(), i64::from(weight));
        });
        Ok(())
    }

    fn evaluate<'a>(&self, states: impl Iterator<Item = &'a ValueCounts>) -> Result<ArrayRef> {
        let names = MapFieldNames {
            entry: "entries".into(),
            key: "key".into(),
            value: "value".into(),
        };
        let mut maps = MapBuilder::new(Some(names), StringBuilder::new(), Int64Builder::new());
        for state in states {
            for (text, count) in state.sorted() {
                maps.keys()
                    .append_value(std::str::from_utf8(text).map_err(|_| damaged())?);
                maps.values().append_value(count);
            }
            maps.append(true)?;
        }
        Ok(Arc::new(maps.finish()))
    }

    fn merge(&mut self, into: &mut ValueCounts, from: &ValueCounts) -> Result<()> {
        for (text, times) in from.sorted() {
            count(into, text, times);
        }
        Ok(())
    }

    fn save(&self, state: &ValueCounts, out: &mut Vec<u8>) -> Result<()> {
        state.save(out);
        Ok(())
    }

    fn load(&mut self, reader: &mut StateReader<'_>) -> Result<ValueCounts> {
        ValueCounts::load(reader)
    }

    fn heap_bytes(state: &ValueCounts) -> usize {
        state.heap_bytes()
    }
}

fn count(state: &mut ValueCounts, text: &[u8], by: i64) {
    if state.len() < HISTOGRAM_KEYS_MAX || state.contains(text) {
        state.add(text, by);
    }
}
