//! Frames by event time: the rows of a key from so many milliseconds before a row up to the row's own time.
//!
//! A row's value is given when it arrives and does not change when rows of its frame come later. A row that comes out of order
//! sees the rows of its own frame as far as they are kept, and is seen by the rows after it. Kept are the rows of the last two
//! lengths of the longest frame before the key's newest row, so a row that is late by one length at most sees its whole frame.

mod saved;

use std::collections::VecDeque;

use datafusion::arrow::array::{Array, ArrayRef, Int64Array};

use super::aggregate::{Columns, FrameAccumulators};
use super::call::{Frame, OverCall, OverFunction, Pick};
use super::given::Given;
use super::saved::Rows;
use super::store::{RowRef, RowStore};
use crate::operator::Error;

/// The calls of one `OVER` whose frames are lengths of time.
#[derive(Debug)]
pub(super) struct RangePart {
    calls: Vec<RangeCall>,
    /// How long before the newest row of a key a row is kept.
    keeps_ms: i64,
    store: RowStore,
    keys: Vec<KeyTimes>,
    held: usize,
    /// Saved rows that were forgotten since, where anything is saved at all: slot, time, number.
    gone: Option<Vec<(u32, i64, i64)>>,
    /// Known where the state is saved.
    codec: Option<Rows>,
}

/// The rows of a key, in the order of their times; those of one time in the order of arrival.
#[derive(Debug, Default)]
struct KeyTimes {
    rows: VecDeque<TimedRow>,
    /// How many rows have come.
    arrived: i64,
    /// Rows of lower numbers are saved.
    saved: i64,
}

#[derive(Debug)]
struct TimedRow {
    time: i64,
    /// Its number in the order of arrival.
    number: i64,
    row: RowRef,
}

#[derive(Debug)]
struct RangeCall {
    call: OverCall,
    back_ms: i64,
    columns: Columns,
    accumulators: Option<FrameAccumulators>,
    /// By slot: the place of the first row of the newest row's frame, which the key's accumulator holds. `None` where it has to
    /// be made anew, because a row came out of order.
    frames: Vec<Option<usize>>,
}

impl RangePart {
    /// `calls` with the columns of the store that each reads.
    ///
    /// # Errors
    /// When an aggregate cannot be run.
    pub(super) fn new(calls: Vec<(OverCall, Columns)>) -> Result<Self, Error> {
        let calls = calls.into_iter().map(|(call, columns)| {
            Ok(RangeCall {
                back_ms: match call.frame {
                    Frame::Range { back_ms } => back_ms,
                    Frame::Rows { .. } => 0,
                },
                accumulators: match &call.function {
                    OverFunction::Aggregate(aggregate) => Some(aggregate.accumulators()?),
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
            codec: None,
        })
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
            let key = &mut self.keys[slot];
            let rows = &mut key.rows;
            let in_order = rows.back().is_none_or(|newest| newest.time <= time);
            let place = rows.partition_point(|other| other.time <= time);
            let timed = TimedRow {
                time,
                number: key.arrived,
                row: first.plus(at),
            };
            rows.insert(place, timed);
            key.arrived += 1;
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
            let rows = self
                .keys
                .iter_mut()
                .flat_map(|key| key.rows.iter_mut().map(|timed| &mut timed.row));
            self.store.compact(rows)?;
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

    fn forget(&mut self, slot: usize) {
        let key = &mut self.keys[slot];
        let Some(newest) = key.rows.back() else { return };
        let oldest = newest.time.saturating_sub(self.keeps_ms);
        let mut gone = 0;
        while let Some(row) = key.rows.pop_front_if(|row| row.time < oldest) {
            gone += 1;
            if let Some(forgotten) = &mut self.gone
                && row.number < key.saved
            {
                let slot = u32::try_from(slot).expect("keys are numbered with 32 bits");
                forgotten.push((slot, row.time, row.number));
            }
        }
        self.held -= gone;
        for call in &mut self.calls {
            if let Some(from) = &mut call.frames[slot] {
                *from -= gone;
            }
        }
    }

    fn make_room(&mut self, slot: usize) -> Result<(), Error> {
        if self.keys.len() > slot {
            return Ok(());
        }
        self.keys.resize_with(slot + 1, KeyTimes::default);
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
        self.rows.range(self.from..=self.last).map(|timed| timed.row)
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
