//! Frames by event time: the rows of a key from so many milliseconds before a row up to the row's own time.
//!
//! A row's value is given when it arrives and does not change when rows of its frame come later. A row that comes out of order
//! sees the rows of its own frame as far as they are kept, and is seen by the rows after it. Kept are the rows of the last two
//! lengths of the longest frame before the key's newest row, so a row that is late by one length at most sees its whole frame.

use std::collections::VecDeque;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Int64Array};

use super::aggregate::{Columns, FrameAccumulators, group};
use super::call::{Frame, OverCall, OverFunction, Pick};
use super::given::Given;
use super::store::{RowRef, RowStore};
use crate::operator::{Error, RowErrors};

/// The calls of one `OVER` whose frames are lengths of time.
#[derive(Debug)]
pub(super) struct RangePart {
    pub(super) calls: Vec<RangeCall>,
    /// How long before the newest row of a key a row is kept.
    keeps_ms: i64,
    pub(super) store: RowStore,
    pub(super) keys: Vec<KeyRows>,
    pub(super) held: usize,
    /// Saved rows that are kept no more, where rows are saved: slot, event time, number.
    pub(super) gone: Option<Vec<(u32, i64, i64)>>,
}

/// The rows of a key.
#[derive(Debug, Default)]
pub(super) struct KeyRows {
    /// In the order of their times, those of one time in the order in which they came.
    pub(super) rows: VecDeque<TimedRow>,
    /// How many have come.
    pub(super) arrived: i64,
    /// How many had come when they were saved last.
    pub(super) saved: i64,
}

/// A row with its event time and its number in the order in which the key's rows came.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimedRow {
    pub(super) time: i64,
    pub(super) number: i64,
    pub(super) row: RowRef,
}

#[derive(Debug)]
pub(super) struct RangeCall {
    call: OverCall,
    back_ms: i64,
    columns: Columns,
    pub(super) accumulators: Option<FrameAccumulators>,
    /// By slot: the place of the first row of the newest row's frame, which the key's accumulator holds. `None` where it has to
    /// be made anew, because a row came out of order.
    pub(super) frames: Vec<Option<usize>>,
}

impl RangePart {
    /// `calls` with the columns of the store that each reads.
    ///
    /// # Errors
    /// When an aggregate cannot be run.
    pub(super) fn new(calls: Vec<(OverCall, Columns)>, errors: &Arc<RowErrors>) -> Result<Self, Error> {
        let calls = calls.into_iter().map(|(call, columns)| {
            Ok(RangeCall {
                back_ms: match call.frame {
                    Frame::Range { back_ms } => back_ms,
                    Frame::Rows { .. } => 0,
                },
                accumulators: match &call.function {
                    OverFunction::Aggregate(aggregate) => Some(aggregate.accumulators(errors)?),
                    _ => None,
                },
                call,
                columns,
                frames: Vec::new(),
            })
        });
        let calls: Vec<RangeCall> = calls.collect::<Result<_, Error>>()?;
        let longest = calls.iter().map(|call| call.back_ms).max().unwrap_or(0);
        Ok(Self {
            calls,
            keeps_ms: longest.saturating_mul(2),
            store: RowStore::default(),
            keys: Vec::new(),
            held: 0,
            gone: None,
        })
    }

    /// Nothing counts as saved; from now on rows are remembered that go after they were saved.
    pub(super) fn forget_saved(&mut self) {
        self.gone = Some(Vec::new());
        for key in &mut self.keys {
            key.saved = 0;
        }
    }

    /// Takes a batch in and gives a column for each call.
    pub(super) fn push(
        &mut self,
        slots: &[u32],
        times: &Int64Array,
        columns: Vec<ArrayRef>,
    ) -> Result<Vec<ArrayRef>, Error> {
        if self.calls.is_empty() {
            return Ok(vec![]);
        }
        let first = self.store.append(columns, slots.len());
        let mut given: Vec<Given> = self
            .calls
            .iter()
            .map(|call| Given::of(&call.call, slots.len()))
            .collect();
        for (at, slot) in slots.iter().enumerate() {
            let slot = *slot as usize;
            self.make_room(slot)?;
            let time = times.value(at);
            let KeyRows { rows, arrived, .. } = &mut self.keys[slot];
            let in_order = rows.back().is_none_or(|newest| newest.time <= time);
            let place = rows.partition_point(|other| other.time <= time);
            let row = TimedRow {
                time,
                number: *arrived,
                row: first.plus(at),
            };
            rows.insert(place, row);
            *arrived += 1;
            self.held += 1;
            for (call, given) in self.calls.iter_mut().zip(&mut given) {
                let from = rows.partition_point(|other| other.time < time.saturating_sub(call.back_ms));
                let frame = FrameRows {
                    rows,
                    from,
                    last: place,
                    in_order,
                };
                call.compute(slot, &self.store, &frame, given)?;
            }
            self.forget(slot);
        }
        let calls = self.calls.iter().zip(given);
        let columns = calls
            .map(|(call, given)| given.into_column(&call.call, &self.store, call.columns.args.start))
            .collect::<Result<Vec<_>, Error>>()?;
        if self.store.is_worth_compacting(self.held) {
            let rows = self.keys.iter_mut().flat_map(|key| &mut key.rows);
            self.store.compact(rows.map(|row| &mut row.row))?;
        }
        Ok(columns)
    }

    /// Memory held, in bytes, roughly.
    pub(super) fn state_bytes(&self) -> usize {
        let calls = self.calls.iter().map(|call| {
            let accumulators = call.accumulators.as_ref().map_or(0, FrameAccumulators::state_bytes);
            accumulators + call.frames.capacity() * size_of::<Option<usize>>()
        });
        self.store.state_bytes() + self.held * size_of::<TimedRow>() + calls.sum::<usize>()
    }

    #[cfg(test)]
    pub(super) fn rows_stored(&self) -> usize {
        self.store.rows()
    }

    /// Forgets a key's rows and all that calls keep of it.
    pub(super) fn forget_key(&mut self, slot: usize) {
        let Some(key) = self.keys.get_mut(slot) else { return };
        self.held -= std::mem::take(key).rows.len();
        for call in &mut self.calls {
            // Without a frame the accumulator is made anew by the next row.
            call.frames[slot] = None;
        }
    }

    fn forget(&mut self, slot: usize) {
        let KeyRows { rows, saved, .. } = &mut self.keys[slot];
        let Some(newest) = rows.back() else { return };
        let oldest = newest.time.saturating_sub(self.keeps_ms);
        let mut gone = 0;
        while let Some(row) = rows.front().filter(|row| row.time < oldest) {
            if let Some(unsaved) = self.gone.as_mut().filter(|_| row.number < *saved) {
                unsaved.push((group(slot), row.time, row.number));
            }
            rows.pop_front();
            gone += 1;
        }
        self.held -= gone;
        for call in &mut self.calls {
            if let Some(from) = &mut call.frames[slot] {
                *from -= gone;
            }
        }
    }

    /// Makes room for keys up to this slot.
    pub(super) fn make_room(&mut self, slot: usize) -> Result<(), Error> {
        if self.keys.len() > slot {
            return Ok(());
        }
        self.keys.resize_with(slot + 1, KeyRows::default);
        for call in &mut self.calls {
            call.frames.resize(slot + 1, None);
            if let Some(accumulators) = &mut call.accumulators {
                accumulators.make_room(slot + 1)?;
            }
        }
        Ok(())
    }
}

/// A frame: places `from..=last` of a key's rows.
struct FrameRows<'a> {
    rows: &'a VecDeque<TimedRow>,
    from: usize,
    last: usize,
    /// The row that it is for is the newest one of its key.
    in_order: bool,
}

impl FrameRows<'_> {
    fn rows(&self) -> impl DoubleEndedIterator<Item = RowRef> + '_ {
        self.rows.range(self.from..=self.last).map(|row| row.row)
    }

    fn pick(&self, store: &RowStore, pick: Pick, ignore_nulls: bool, column: usize) -> Option<RowRef> {
        let mut rows = self.rows().filter(|row| {
            let (array, at) = store.place(*row, column);
            !ignore_nulls || array.is_valid(at)
        });
        match pick {
            Pick::FromStart(nth) => rows.nth(nth - 1),
            Pick::FromEnd(nth) => rows.rev().nth(nth - 1),
        }
    }
}

impl RangeCall {
    fn compute(
        &mut self,
        slot: usize,
        store: &RowStore,
        frame: &FrameRows<'_>,
        given: &mut Given,
    ) -> Result<(), Error> {
        let columns = &self.columns;
        match (&self.call.function, &mut self.accumulators, given) {
            (OverFunction::Aggregate(aggregate), Some(accumulators), Given::Values(values)) => {
                let newest = &mut self.frames[slot];
                if !frame.in_order || !aggregate.slides() {
                    *newest = None;
                    values.push(accumulators.value_of(store, frame.rows(), columns)?);
                    return Ok(());
                }
                match newest {
                    Some(first) => {
                        accumulators.add(slot, store, frame.rows[frame.last].row, columns)?;
                        for place in *first..frame.from {
                            accumulators.remove(slot, store, frame.rows[place].row, columns)?;
                        }
                    }
                    None => {
                        accumulators.reset(slot);
                        for row in frame.rows() {
                            accumulators.add(slot, store, row, columns)?;
                        }
                    }
                }
                *newest = Some(frame.from);
                values.push(accumulators.value(slot)?);
            }
            (OverFunction::Value { pick, ignore_nulls, .. }, _, Given::Rows(rows)) => {
                rows.push(frame.pick(store, *pick, *ignore_nulls, columns.args.start));
            }
            _ => unreachable!("ranks have no frame, and what is given fits the function"),
        }
        Ok(())
    }
}
