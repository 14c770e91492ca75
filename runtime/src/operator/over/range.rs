//! Frames by event time: the rows of a key from so many milliseconds before a row up to the row's own time.
//!
//! A row's value is given when it arrives and does not change when rows of its frame come later. A row that comes out of order
//! sees the rows of its own frame as far as they are kept, and is seen by the rows after it. Kept are the rows of the last two
//! lengths of the longest frame before the key's newest row, so a row that is late by one length at most sees its whole frame.

use std::collections::VecDeque;

use datafusion::arrow::array::{Array, ArrayRef, Int64Array};
use datafusion::arrow::compute::cast;
use datafusion::scalar::ScalarValue;

use super::aggregate::{Columns, FrameAccumulator, FrameAggregate};
use super::call::{Frame, OverCall, OverFunction, Pick};
use super::rows::{default_of, scalars};
use super::store::{RowRef, RowStore};
use crate::operator::Error;

/// The calls of one `OVER` whose frames are lengths of time.
#[derive(Debug)]
pub(super) struct RangePart {
    calls: Vec<RangeCall>,
    /// How long before the newest row of a key a row is kept.
    keeps_ms: i64,
    store: RowStore,
    keys: Vec<VecDeque<(i64, RowRef)>>,
    held: usize,
}

#[derive(Debug)]
struct RangeCall {
    call: OverCall,
    back_ms: i64,
    columns: Columns,
    /// By slot: the accumulator over the frame of the newest row, and the place of that frame's first row. `None` where it has
    /// to be made anew, because a row came out of order.
    frames: Vec<Option<(FrameAccumulator, usize)>>,
}

impl RangePart {
    /// `calls` with the columns of the store that each reads.
    pub(super) fn new(calls: Vec<(OverCall, Columns)>) -> Self {
        let calls: Vec<RangeCall> = calls
            .into_iter()
            .map(|(call, columns)| RangeCall {
                back_ms: match call.frame {
                    Frame::Range { back_ms } => back_ms,
                    Frame::Rows { .. } => 0,
                },
                call,
                columns,
                frames: Vec::new(),
            })
            .collect();
        let longest = calls.iter().map(|call| call.back_ms).max().unwrap_or(0);
        Self {
            calls,
            keeps_ms: longest.saturating_mul(2),
            store: RowStore::default(),
            keys: Vec::new(),
            held: 0,
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
        let mut values: Vec<Vec<ScalarValue>> = self.calls.iter().map(|_| Vec::new()).collect();
        let mut picked: Vec<Vec<Option<RowRef>>> = self.calls.iter().map(|_| Vec::new()).collect();
        for (at, slot) in slots.iter().enumerate() {
            let slot = *slot as usize;
            if self.keys.len() <= slot {
                self.keys.resize_with(slot + 1, VecDeque::new);
                for call in &mut self.calls {
                    call.frames.resize_with(slot + 1, || None);
                }
            }
            let time = times.value(at);
            let rows = &mut self.keys[slot];
            let in_order = rows.back().is_none_or(|(newest, _)| *newest <= time);
            let place = rows.partition_point(|(other, _)| *other <= time);
            rows.insert(place, (time, first.plus(at)));
            self.held += 1;
            for (number, call) in self.calls.iter_mut().enumerate() {
                let from = rows.partition_point(|(other, _)| *other < time.saturating_sub(call.back_ms));
                let frame = FrameRows {
                    rows,
                    from,
                    last: place,
                };
                match &call.call.function {
                    OverFunction::Aggregate(aggregate) => {
                        let state = &mut call.frames[slot];
                        if !in_order {
                            *state = None;
                        }
                        let kept = (in_order && aggregate.slides()).then_some(state);
                        values[number].push(frame.aggregate(&self.store, aggregate, &call.columns, kept)?);
                    }
                    OverFunction::Value { pick, ignore_nulls, .. } => {
                        picked[number].push(frame.pick(&self.store, *pick, *ignore_nulls, call.columns.args.start));
                    }
                    OverFunction::RowNumber | OverFunction::Rank | OverFunction::DenseRank => {
                        unreachable!("ranks have no frame")
                    }
                }
            }
            self.forget(slot);
        }
        let columns = self.columns(values, picked)?;
        if self.store.is_worth_compacting(self.held) {
            let rows = self
                .keys
                .iter_mut()
                .flat_map(|rows| rows.iter_mut().map(|(_, row)| row));
            self.store.compact(rows)?;
        }
        Ok(columns)
    }

    #[cfg(test)]
    pub(super) fn rows_stored(&self) -> usize {
        self.store.rows()
    }

    fn forget(&mut self, slot: usize) {
        let rows = &mut self.keys[slot];
        let Some((newest, _)) = rows.back() else { return };
        let oldest = newest.saturating_sub(self.keeps_ms);
        let mut gone = 0;
        while rows.front().is_some_and(|(time, _)| *time < oldest) {
            rows.pop_front();
            gone += 1;
        }
        self.held -= gone;
        for call in &mut self.calls {
            if let Some((_, from)) = &mut call.frames[slot] {
                *from -= gone;
            }
        }
    }

    fn columns(&self, values: Vec<Vec<ScalarValue>>, picked: Vec<Vec<Option<RowRef>>>) -> Result<Vec<ArrayRef>, Error> {
        let given = self.calls.iter().zip(values.into_iter().zip(picked));
        given
            .map(|(call, (values, picked))| {
                let array = match &call.call.function {
                    OverFunction::Value { otherwise, .. } => {
                        let otherwise = default_of(&call.call, otherwise)?;
                        let column = call.columns.args.start;
                        self.store.gather_or(picked.into_iter(), column, Some(&otherwise))?
                    }
                    _ => scalars(&call.call, values)?,
                };
                Ok(cast(&array, &call.call.returns)?)
            })
            .collect()
    }
}

/// A frame: places `from..=last` of a key's rows.
struct FrameRows<'a> {
    rows: &'a VecDeque<(i64, RowRef)>,
    from: usize,
    last: usize,
}

impl FrameRows<'_> {
    fn rows(&self) -> impl DoubleEndedIterator<Item = RowRef> + '_ {
        self.rows.range(self.from..=self.last).map(|(_, row)| *row)
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

    /// `kept` is the accumulator over the frame of the row before; without it the frame is computed anew.
    fn aggregate(
        &self,
        store: &RowStore,
        aggregate: &FrameAggregate,
        columns: &Columns,
        kept: Option<&mut Option<(FrameAccumulator, usize)>>,
    ) -> Result<ScalarValue, Error> {
        let failed = |error| aggregate.failed(&error);
        let Some(kept) = kept else {
            let mut anew = aggregate.accumulator(false)?;
            anew.add_all(store, self.rows(), columns).map_err(failed)?;
            return anew.value().map_err(failed);
        };
        let (accumulator, first) = match kept {
            Some((accumulator, first)) => {
                accumulator
                    .add(store, self.rows[self.last].1, columns)
                    .map_err(failed)?;
                (accumulator, first)
            }
            None => {
                let mut anew = aggregate.accumulator(true)?;
                // One by one: only then is it sure that rows can be taken out one by one.
                for row in self.rows() {
                    anew.add(store, row, columns).map_err(failed)?;
                }
                let (accumulator, first) = kept.insert((anew, self.from));
                (accumulator, first)
            }
        };
        while *first < self.from {
            accumulator
                .remove(store, self.rows[*first].1, columns)
                .map_err(failed)?;
            *first += 1;
        }
        accumulator.value().map_err(failed)
    }
}
