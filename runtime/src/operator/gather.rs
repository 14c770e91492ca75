//! Rows gathered for a query that is computed in one go when all of its inputs have ended.
//!
//! Every shard has an operator that hands its batches on to one place for all shards. What stands there at the end are the rows of
//! each input: of a stream all of them, of a table those that its last changes left.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::error::ArrowError;
use parking_lot::Mutex;

use super::keys::KeyIndex;
use super::row_store::RowStore;
use super::table_source::with_keys;
use super::{Error, Operator};
use crate::types::ChangeBatch;

/// How the batches of an input become rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gathering {
    /// Every row that is inserted.
    All,
    /// As `All`, and records without a value, of which only the key is there.
    Records,
    /// Records of a table's topic: the last row of each key, whose positions these are; a record without a value deletes.
    LastOfKey(Vec<usize>),
    /// Changes, whose weights add up.
    Changes,
}

/// The rows of all inputs.
#[derive(Debug)]
pub struct Gathered {
    inputs: Vec<Mutex<Input>>,
}

#[derive(Debug)]
enum Input {
    All(Vec<RecordBatch>),
    Records(Vec<RecordBatch>),
    Kept(Kept),
}

/// Rows that later changes may take back.
#[derive(Debug)]
struct Kept {
    /// Positions of the key; `None`: a row is told apart by all of its columns, and may be there several times.
    keys: Option<Vec<usize>>,
    index: KeyIndex,
    rows: RowStore,
    /// How often each row is there, by slot.
    counts: Vec<i64>,
}

impl Gathered {
    /// Nothing yet, of inputs with these schemas.
    ///
    /// # Errors
    /// When a column that tells rows apart has a type of which Arrow's row format knows nothing.
    pub fn new(inputs: &[(SchemaRef, Gathering)]) -> Result<Self, Error> {
        let input = |(schema, gathering): &(SchemaRef, Gathering)| -> Result<Mutex<Input>, Error> {
            let keys = match gathering {
                Gathering::All => return Ok(Mutex::new(Input::All(Vec::new()))),
                Gathering::Records => return Ok(Mutex::new(Input::Records(Vec::new()))),
                Gathering::LastOfKey(keys) => Some(keys.clone()),
                Gathering::Changes => None,
            };
            let telling = keys.clone().unwrap_or_else(|| (0..schema.fields().len()).collect());
            let types: Vec<DataType> = telling
                .iter()
                .map(|column| schema.field(*column).data_type().clone())
                .collect();
            Ok(Mutex::new(Input::Kept(Kept {
                keys,
                index: KeyIndex::new(&types)?,
                rows: RowStore::new(Arc::clone(schema)),
                counts: Vec::new(),
            })))
        };
        Ok(Self {
            inputs: inputs.iter().map(input).collect::<Result<_, Error>>()?,
        })
    }

    /// Takes the rows of an input, which has none afterwards.
    ///
    /// # Errors
    /// When the rows are more than Arrow's offsets can address.
    pub fn take(&self, input: usize) -> Result<Vec<RecordBatch>, Error> {
        Ok(match &mut *self.inputs[input].lock() {
            Input::All(batches) | Input::Records(batches) => std::mem::take(batches),
            Input::Kept(kept) => vec![kept.standing()?],
        })
    }

    /// Gives up what was gathered: nobody asks for it any more.
    pub fn clear(&self) {
        for input in &self.inputs {
            *input.lock() = Input::All(Vec::new());
        }
    }
}

impl Kept {
    fn add(&mut self, changes: ChangeBatch) -> Result<(), Error> {
        match self.keys.clone() {
            Some(keys) => self.put_last(changes, &keys),
            None => self.count(&changes),
        }
    }

    fn put_last(&mut self, changes: ChangeBatch, keys: &[usize]) -> Result<(), Error> {
        let columns = |changes: &ChangeBatch| -> Vec<ArrayRef> {
            keys.iter()
                .map(|key| Arc::clone(changes.records.column(*key)))
                .collect()
        };
        let (changes, _) = with_keys(changes.clone(), &columns(&changes))?;
        let mut slots = Vec::new();
        self.index.slots(&columns(&changes), changes.num_rows(), &mut slots)?;
        let batch = self.rows.add(changes.records.clone());
        self.counts.resize(self.index.end(), 1);
        for (row, slot) in (0u32..).zip(&slots) {
            if changes.weight(row as usize) > 0 {
                self.rows.put(*slot, batch, row);
            } else {
                self.rows.remove(*slot);
            }
        }
        Ok(self.rows.tidy()?)
    }

    fn count(&mut self, changes: &ChangeBatch) -> Result<(), Error> {
        let mut slots = Vec::new();
        self.index
            .slots(changes.records.columns(), changes.num_rows(), &mut slots)?;
        let batch = self.rows.add(changes.records.clone());
        self.counts.resize(self.index.end(), 0);
        for (row, slot) in (0u32..).zip(&slots) {
            let count = &mut self.counts[*slot as usize];
            *count += i64::from(changes.weight(row as usize));
            if *count <= 0 {
                self.rows.remove(*slot);
            } else if self.rows.place(*slot).is_none() {
                self.rows.put(*slot, batch, row);
            }
        }
        Ok(self.rows.tidy()?)
    }

    fn standing(&mut self) -> Result<RecordBatch, ArrowError> {
        let mut places = Vec::new();
        for (slot, count) in (0u32..).zip(&self.counts) {
            if let Some(place) = self.rows.place(slot) {
                places.extend((0..*count).map(|_| place));
            }
        }
        self.counts.clear();
        self.rows.rows(&places)
    }
}

/// Hands its batches to the rows that are gathered; gives none on.
#[derive(Debug)]
pub struct Gather {
    gathered: Arc<Gathered>,
}

impl Gather {
    /// One shard's part of it.
    #[must_use]
    pub fn new(gathered: Arc<Gathered>) -> Self {
        Self { gathered }
    }
}

impl Operator for Gather {
    fn push(&mut self, port: usize, changes: ChangeBatch, _out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        match &mut *self.gathered.inputs[port].lock() {
            Input::All(batches) => batches.push(changes.without_retractions()?.records),
            Input::Records(batches) => batches.push(changes.records),
            Input::Kept(kept) => kept.add(changes)?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{AsArray, Int8Array, Int64Array};
    use datafusion::arrow::datatypes::{Field, Int64Type, Schema};

    use super::*;

    fn schema() -> SchemaRef {
        let field = |name| Field::new(name, DataType::Int64, true);
        Arc::new(Schema::new(vec![field("K"), field("V")]))
    }

    /// Rows of key, value and weight.
    fn changes(rows: &[(i64, i64, i8)]) -> ChangeBatch {
        let column = |of: fn(&(i64, i64, i8)) -> i64| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values(rows.iter().map(of)))
        };
        let records = RecordBatch::try_new(schema(), vec![column(|row| row.0), column(|row| row.1)]).unwrap();
        ChangeBatch {
            weights: Some(Int8Array::from_iter_values(rows.iter().map(|row| row.2))),
            ..ChangeBatch::inserted(records, vec![0; rows.len()].into())
        }
    }

    fn gathered(gathering: Gathering, batches: &[&[(i64, i64, i8)]]) -> Vec<(i64, i64)> {
        let gathered = Arc::new(Gathered::new(&[(schema(), gathering)]).unwrap());
        // Two shards feed one place.
        let mut shards = [Gather::new(Arc::clone(&gathered)), Gather::new(Arc::clone(&gathered))];
        for (number, rows) in batches.iter().enumerate() {
            shards[number % 2].push(0, changes(rows), &mut Vec::new()).unwrap();
        }
        let mut found = Vec::new();
        for batch in gathered.take(0).unwrap() {
            let column = |index| batch.column(index).as_primitive::<Int64Type>().clone();
            found.extend(
                column(0)
                    .values()
                    .iter()
                    .copied()
                    .zip(column(1).values().iter().copied()),
            );
        }
        found
    }

    #[test]
    fn a_stream_keeps_all_rows_but_records_without_value() {
        let rows = gathered(Gathering::All, &[&[(1, 1, 1), (1, 9, 0)], &[(1, 1, 1)]]);
        assert_eq!(rows, [(1, 1), (1, 1)]);
    }

    #[test]
    fn a_table_keeps_the_last_row_of_each_key() {
        let rows = gathered(
            Gathering::LastOfKey(vec![0]),
            &[
                &[(1, 1, 1), (2, 2, 1), (3, 3, 1)],
                &[(1, 4, 1), (2, 0, 0), (4, 0, 0)],
                &[(3, 0, 0), (3, 5, 1)],
            ],
        );
        assert_eq!(rows, [(1, 4), (3, 5)]);
    }

    #[test]
    fn weights_of_changes_add_up() {
        let rows = gathered(
            Gathering::Changes,
            &[&[(1, 1, 1), (1, 1, 1), (2, 2, 1)], &[(1, 1, -1), (2, 2, -1), (2, 3, 1)]],
        );
        assert_eq!(rows, [(1, 1), (2, 3)]);
    }
}
