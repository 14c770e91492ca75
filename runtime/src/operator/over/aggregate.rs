//! Aggregates over the rows of a frame, with the accumulators of GROUP BY: each key is a group.

use std::sync::Arc;

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, ArrayRef, new_empty_array};

use super::store::{RowRef, RowStore};
use crate::operator::aggregate::{Accumulator, AggregateCall};
use crate::operator::{Error, PluginState, RowErrors};

/// Aggregates whose value does not depend on the order of rows, so that any row can be taken out. Others (lists, the first or last
/// by offset) take back the last of equal rows, where a frame loses its first one; those are computed anew.
const ORDERLESS: [&str; 13] = [
    "AVG",
    "BOOL_AND",
    "BOOL_OR",
    "COUNT",
    "COUNT_DISTINCT",
    "MAX",
    "MEAN",
    "MIN",
    "STDDEV_SAMP",
    "STDDEV_SAMPLE",
    "SUM",
    "VAR_POP",
    "VAR_SAMP",
];

/// An aggregate function as it was planned.
#[derive(Debug, Clone)]
pub struct FrameAggregate {
    call: AggregateCall,
    /// Whether rows can be taken out again; otherwise a frame that moves is computed anew for each row.
    slides: bool,
}

impl FrameAggregate {
    /// A call whose arguments and filter the operator evaluates. `moves`: rows leave the frame again.
    ///
    /// # Errors
    /// When the function says that rows can be taken out, and then refuses it.
    pub fn new(call: AggregateCall, moves: bool) -> datafusion::error::Result<Self> {
        let slides = moves && call.retracts() && ORDERLESS.contains(&call.function_name().as_str());
        let call = if slides { call.retracting()? } else { call };
        Ok(Self { call, slides })
    }

    /// Which formats of state the function writes and reads, where a plugin gives it.
    pub(super) fn plugin_state(&self) -> Option<PluginState> {
        self.call.plugin_state()
    }

    /// Whether rows can be taken out again.
    pub(super) fn slides(&self) -> bool {
        self.slides
    }

    /// The accumulators of all keys.
    pub(super) fn accumulators(&self, errors: &Arc<RowErrors>) -> Result<FrameAccumulators, Error> {
        let call = self.call.for_shard();
        Ok(FrameAccumulators {
            keys: call.accumulator(errors)?,
            frame: call.accumulator(errors)?,
            groups: 0,
            no_rows: self
                .call
                .args
                .iter()
                .map(|arg| new_empty_array(arg.data_type()))
                .collect(),
        })
    }
}

/// Columns of the store that an aggregate reads.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    /// The arguments.
    pub(super) args: std::ops::Range<usize>,
    /// The condition of FILTER, a BOOLEAN.
    pub(super) filter: Option<usize>,
}

impl Columns {
    /// Whether FILTER lets the row in.
    fn admits(&self, store: &RowStore, row: RowRef) -> bool {
        self.filter.is_none_or(|column| {
            let (array, at) = store.place(row, column);
            let condition = array.as_boolean();
            condition.is_valid(at) && condition.value(at)
        })
    }

    fn values(&self, store: &RowStore, row: RowRef) -> Vec<ArrayRef> {
        self.args.clone().map(|column| store.value(row, column)).collect()
    }
}

/// The accumulators of one call.
#[derive(Debug)]
pub(super) struct FrameAccumulators {
    /// One group for each key, by slot.
    keys: Box<dyn Accumulator>,
    /// One group, for frames that are computed anew.
    frame: Box<dyn Accumulator>,
    groups: usize,
    no_rows: Vec<ArrayRef>,
}

impl FrameAccumulators {
    /// Makes sure that there are groups for all keys.
    pub(super) fn make_room(&mut self, keys: usize) -> Result<(), Error> {
        if keys > self.groups {
            self.groups = keys;
            self.keys.update(&self.no_rows, &[], None, keys)?;
        }
        Ok(())
    }

    /// Takes a row of a key in.
    pub(super) fn add(&mut self, slot: usize, store: &RowStore, row: RowRef, columns: &Columns) -> Result<(), Error> {
        if columns.admits(store, row) {
            let values = columns.values(store, row);
            self.keys.update(&values, &[group(slot)], None, self.groups)?;
        }
        Ok(())
    }

    /// Takes a row of a key out again.
    pub(super) fn remove(
        &mut self,
        slot: usize,
        store: &RowStore,
        row: RowRef,
        columns: &Columns,
    ) -> Result<(), Error> {
        if columns.admits(store, row) {
            let values = columns.values(store, row);
            self.keys.update(&values, &[group(slot)], Some(&[-1]), self.groups)?;
        }
        Ok(())
    }

    /// Takes all rows of a key out.
    pub(super) fn reset(&mut self, slot: usize) {
        self.keys.reset(group(slot));
    }

    /// The value over the rows of a key that are in, as an array of one row.
    pub(super) fn value(&mut self, slot: usize) -> Result<ArrayRef, Error> {
        self.keys.evaluate(&[group(slot)])
    }

    /// Says that the states of these keys are saved next.
    pub(super) fn begin_save(&mut self, slots: &[u32]) -> Result<(), Error> {
        self.keys.begin_save(slots)
    }

    /// Says that all states that were there are loaded.
    pub(super) fn end_load(&mut self) -> Result<(), Error> {
        self.keys.end_load()
    }

    /// Appends the state of the rows of a key that are in.
    pub(super) fn save(&mut self, slot: usize, out: &mut Vec<u8>) -> Result<(), Error> {
        self.keys.save(group(slot), out)
    }

    /// Takes back what [`FrameAccumulators::save`] gave.
    pub(super) fn load(&mut self, slot: usize, bytes: &[u8]) -> Result<(), Error> {
        self.keys.load(group(slot), bytes)
    }

    /// Memory held, in bytes, roughly.
    pub(super) fn state_bytes(&self) -> usize {
        self.keys.state_bytes() + self.frame.state_bytes()
    }

    /// The value over exactly these rows, as an array of one row.
    pub(super) fn value_of(
        &mut self,
        store: &RowStore,
        rows: impl Iterator<Item = RowRef>,
        columns: &Columns,
    ) -> Result<ArrayRef, Error> {
        let rows: Vec<RowRef> = rows.filter(|row| columns.admits(store, *row)).collect();
        let values = if rows.is_empty() {
            self.no_rows.clone()
        } else {
            let gathered = columns.args.clone().map(|column| store.gather(&rows, column));
            gathered.collect::<Result<Vec<_>, Error>>()?
        };
        self.frame.update(&values, &vec![0; rows.len()], None, 1)?;
        let value = self.frame.evaluate(&[0])?;
        self.frame.reset(0);
        Ok(value)
    }
}

pub(super) fn group(slot: usize) -> u32 {
    u32::try_from(slot).expect("keys are numbered with 32 bits")
}
