//! Ranks, and frames by number of rows.
//!
//! The rows of a key are numbered from 0 in the order of arrival. Row `e` is computed when row `e + delay` has come, where `delay`
//! is the furthest that any frame looks ahead; mostly it is 0. A frame moves by one row at a time, so an aggregate takes in
//! the row that enters and takes out the one that leaves.

use std::collections::VecDeque;
use std::sync::Arc;

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::Int64Type;

use super::aggregate::{Columns, FrameAccumulators, FrameAggregate};
use super::call::{Frame, OverCall, OverFunction, Pick};
use super::given::Given;
use super::store::{RowRef, RowStore};
use crate::operator::{Error, RowErrors};

/// The calls of one `OVER` whose frames count rows.
#[derive(Debug)]
pub(super) struct RowsPart {
    pub(super) calls: Vec<RowsCall>,
    delay: i64,
    reach_back: i64,
    /// The store's column of event times.
    time_column: usize,
    ordered: bool,
    pub(super) store: RowStore,
    pub(super) keys: Vec<KeyRows>,
    /// Rows of the store that are held.
    pub(super) held: usize,
}

#[derive(Debug)]
pub(super) struct RowsCall {
    call: OverCall,
    columns: Columns,
    pub(super) state: State,
}

/// What a call keeps for each key, by slot.
#[derive(Debug)]
pub(super) enum State {
    Stateless,
    Ranks(Vec<Ranks>),
    Picks(Vec<VecDeque<RowRef>>),
    Accumulators(Box<FrameAccumulators>),
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ranks {
    pub(super) rank: u64,
    pub(super) dense: u64,
    pub(super) time: i64,
}

/// The last rows of a key.
#[derive(Debug, Default)]
pub(super) struct KeyRows {
    /// Number of the first row that is still here.
    pub(super) first: i64,
    pub(super) rows: VecDeque<RowRef>,
    /// Number of the row that is computed next.
    pub(super) next: i64,
    /// Numbers of the rows that are saved: from the first up to the second.
    pub(super) saved: (i64, i64),
}

impl KeyRows {
    pub(super) fn arrived(&self) -> i64 {
        self.first + i64::try_from(self.rows.len()).expect("a key has fewer than 2^63 rows")
    }

    pub(super) fn row(&self, number: i64) -> RowRef {
        let place = usize::try_from(number - self.first).expect("a frame reaches no further back than rows are kept");
        self.rows[place]
    }

    /// Lets go of rows with lower numbers, gives how many those were.
    fn forget_before(&mut self, number: i64) -> usize {
        let mut forgotten = 0;
        while self.first < number && self.rows.pop_front().is_some() {
            self.first += 1;
            forgotten += 1;
        }
        forgotten
    }
}

/// Rows whose values have become known.
#[derive(Debug)]
pub(super) struct Computed {
    /// The rows in the store.
    pub(super) rows: Vec<RowRef>,
    /// For each the row of the batch whose arrival made its values known.
    pub(super) triggers: Vec<u32>,
    /// A column for each call.
    pub(super) columns: Vec<ArrayRef>,
}

impl RowsPart {
    /// `calls` with the columns of the store that each reads. `ordered`: rows of one time are equal to ranks; otherwise all are.
    pub(super) fn new(
        calls: Vec<(OverCall, Columns)>,
        time_column: usize,
        ordered: bool,
        errors: &Arc<RowErrors>,
    ) -> Result<Self, Error> {
        let delay = calls.iter().map(|(call, _)| call.frame.waits()).max().unwrap_or(0);
        let reach_back = calls.iter().map(|(call, _)| call.reach_back()).max().unwrap_or(0);
        let calls = calls.into_iter().map(|(call, columns)| {
            let state = match &call.function {
                OverFunction::Rank | OverFunction::DenseRank => State::Ranks(vec![]),
                OverFunction::Value { .. } if call.keeps_picks() => State::Picks(vec![]),
                OverFunction::Aggregate(aggregate) => State::Accumulators(Box::new(aggregate.accumulators(errors)?)),
                OverFunction::RowNumber | OverFunction::Value { .. } => State::Stateless,
            };
            Ok(RowsCall { call, columns, state })
        });
        Ok(Self {
            calls: calls.collect::<Result<_, Error>>()?,
            delay,
            reach_back,
            time_column,
            ordered,
            store: RowStore::default(),
            keys: Vec::new(),
            held: 0,
        })
    }

    /// True when rows wait for rows after them.
    pub(super) fn delays(&self) -> bool {
        self.delay > 0
    }

    /// Takes a batch in: `columns` are those of the store, `slots` the key of each row.
    pub(super) fn push(&mut self, slots: &[u32], columns: Vec<ArrayRef>) -> Result<Computed, Error> {
        let first = self.store.append(columns, slots.len());
        let mut given: Vec<Given> = self
            .calls
            .iter()
            .map(|call| Given::of(&call.call, slots.len()))
            .collect();
        let (mut rows, mut triggers) = (Vec::with_capacity(slots.len()), Vec::with_capacity(slots.len()));
        for (at, slot) in slots.iter().enumerate() {
            let slot = *slot as usize;
            self.make_room(slot)?;
            self.keys[slot].rows.push_back(first.plus(at));
            self.held += 1;
            if self.keys[slot].arrived() > self.keys[slot].next + self.delay {
                rows.push(self.compute_next(slot, &mut given)?);
                triggers.push(u32::try_from(at).expect("a batch has fewer than 2^32 rows"));
            }
        }
        let columns = self.columns(given)?;
        Ok(Computed {
            rows,
            triggers,
            columns,
        })
    }

    /// Nothing counts as saved.
    pub(super) fn forget_saved(&mut self) {
        for key in &mut self.keys {
            key.saved = (0, 0);
        }
    }

    /// The keys with rows that wait for others.
    pub(super) fn waiting(&self) -> impl Iterator<Item = u32> {
        let slots = (0u32..).zip(&self.keys);
        slots.filter_map(|(slot, key)| (key.next < key.arrived()).then_some(slot))
    }

    /// Forgets a key's rows and all that calls keep of it.
    pub(super) fn forget(&mut self, slot: usize) {
        let Some(key) = self.keys.get_mut(slot) else { return };
        self.held -= std::mem::take(key).rows.len();
        for call in &mut self.calls {
            match &mut call.state {
                State::Stateless => {}
                State::Ranks(ranks) => ranks[slot] = Ranks::default(),
                State::Picks(picks) => self.held -= std::mem::take(&mut picks[slot]).len(),
                State::Accumulators(accumulators) => accumulators.reset(slot),
            }
        }
    }

    /// Computes rows of these keys that wait for rows that will not come any more.
    pub(super) fn finish(&mut self, slots: &[u32]) -> Result<Computed, Error> {
        let mut given: Vec<Given> = self.calls.iter().map(|call| Given::of(&call.call, 0)).collect();
        let mut rows = Vec::new();
        for slot in slots.iter().map(|slot| *slot as usize) {
            if slot >= self.keys.len() {
                continue;
            }
            while self.keys[slot].next < self.keys[slot].arrived() {
                rows.push(self.compute_next(slot, &mut given)?);
            }
        }
        let columns = self.columns(given)?;
        let triggers = Vec::new();
        Ok(Computed {
            rows,
            triggers,
            columns,
        })
    }

    /// Memory held, in bytes, roughly.
    pub(super) fn state_bytes(&self) -> usize {
        let calls = self.calls.iter().map(|call| match &call.state {
            State::Stateless => 0,
            State::Ranks(ranks) => ranks.capacity() * size_of::<Ranks>(),
            State::Picks(picks) => picks.capacity() * size_of::<VecDeque<RowRef>>(),
            State::Accumulators(accumulators) => accumulators.state_bytes(),
        });
        let keys = self.keys.capacity() * size_of::<KeyRows>() + self.held * size_of::<RowRef>();
        self.store.state_bytes() + keys + calls.sum::<usize>()
    }

    #[cfg(test)]
    pub(super) fn rows_stored(&self) -> usize {
        self.store.rows()
    }

    /// Values of a column of the store.
    pub(super) fn gather(&self, rows: &[RowRef], column: usize) -> Result<ArrayRef, Error> {
        self.store.gather(rows, column)
    }

    /// Called when nothing that [`RowsPart::push`] gave is read any more.
    pub(super) fn tidy(&mut self) -> Result<(), Error> {
        if !self.store.is_worth_compacting(self.held) {
            return Ok(());
        }
        let picks = self.calls.iter_mut().filter_map(|call| match &mut call.state {
            State::Picks(picks) => Some(picks.iter_mut().flatten()),
            _ => None,
        });
        let rows = self.keys.iter_mut().flat_map(|key| key.rows.iter_mut());
        self.store.compact(rows.chain(picks.flatten()))
    }

    /// Makes room for keys up to this slot.
    pub(super) fn make_room(&mut self, slot: usize) -> Result<(), Error> {
        if self.keys.len() > slot {
            return Ok(());
        }
        self.keys.resize_with(slot + 1, KeyRows::default);
        for call in &mut self.calls {
            match &mut call.state {
                State::Stateless => {}
                State::Ranks(ranks) => ranks.resize(slot + 1, Ranks::default()),
                State::Picks(picks) => picks.resize_with(slot + 1, VecDeque::new),
                State::Accumulators(accumulators) => accumulators.make_room(slot + 1)?,
            }
        }
        Ok(())
    }

    fn compute_next(&mut self, slot: usize, given: &mut [Given]) -> Result<RowRef, Error> {
        let key = &self.keys[slot];
        let window = Window {
            store: &self.store,
            key,
            slot,
            row: key.next,
        };
        for (call, given) in self.calls.iter_mut().zip(given) {
            let frame = match call.call.frame {
                Frame::Rows { start, end } => window.frame(start, end),
                Frame::Range { .. } => window.frame(None, 0),
            };
            match (&call.call.function, given) {
                (OverFunction::RowNumber, Given::Numbers(numbers)) => numbers.push(window.row.unsigned_abs() + 1),
                (function @ (OverFunction::Rank | OverFunction::DenseRank), Given::Numbers(numbers)) => {
                    if let State::Ranks(ranks) = &mut call.state {
                        let ranks = window.rank(ranks, self.time_column, self.ordered);
                        let dense = matches!(function, OverFunction::DenseRank);
                        numbers.push(if dense { ranks.dense } else { ranks.rank });
                    }
                }
                (OverFunction::Value { pick, ignore_nulls, .. }, Given::Rows(rows)) => {
                    let column = call.columns.args.start;
                    rows.push(match &mut call.state {
                        State::Picks(picks) => {
                            let passes = |row| !ignore_nulls || window.is_valid(row, column);
                            let (added, picked) = frame.pick_kept(&window, &mut picks[slot], *pick, passes);
                            self.held += added;
                            picked
                        }
                        _ => frame.pick(&window, *pick, *ignore_nulls, column),
                    });
                }
                (OverFunction::Aggregate(aggregate), Given::Values(values)) => {
                    if let State::Accumulators(accumulators) = &mut call.state {
                        values.push(frame.aggregate(&window, aggregate, &call.columns, accumulators)?);
                    }
                }
                _ => unreachable!("`Given::of` fits the function"),
            }
        }
        let row = self.keys[slot].row(self.keys[slot].next);
        let key = &mut self.keys[slot];
        key.next += 1;
        self.held -= key.forget_before(key.next - self.reach_back);
        Ok(row)
    }

    fn columns(&self, given: Vec<Given>) -> Result<Vec<ArrayRef>, Error> {
        let calls = self.calls.iter().zip(given);
        calls
            .map(|(call, given)| given.into_column(&call.call, &self.store, call.columns.args.start))
            .collect()
    }
}

/// A row that is computed, with the rows around it.
struct Window<'a> {
    store: &'a RowStore,
    key: &'a KeyRows,
    slot: usize,
    row: i64,
}

/// Numbers of rows: `low..=high` are in the frame; `entered..=high` have come in since the frame of the row before,
/// `left..low` have gone.
struct Bounds {
    low: i64,
    high: i64,
    entered: i64,
    left: i64,
    left_end: i64,
    slides: bool,
}

impl Window<'_> {
    fn frame(&self, start: Option<i64>, end: i64) -> Bounds {
        let last = self.key.arrived() - 1;
        let low_of = |row: i64| start.map_or(0, |start| row.saturating_add(start).max(0));
        let high_of = |row: i64| row.saturating_add(end).min(last);
        let (low, high) = (low_of(self.row), high_of(self.row));
        let (entered, left, left_end) = if self.row == 0 {
            (low, 0, 0)
        } else {
            let before = high_of(self.row - 1) + 1;
            (before.max(low), low_of(self.row - 1), low.min(before))
        };
        Bounds {
            low,
            high,
            entered,
            left,
            left_end,
            slides: start.is_some(),
        }
    }

    fn is_valid(&self, row: RowRef, column: usize) -> bool {
        let (array, at) = self.store.place(row, column);
        array.is_valid(at)
    }

    /// A row that comes out of order counts as one of the newest time.
    fn rank(&self, ranks: &mut [Ranks], time_column: usize, ordered: bool) -> Ranks {
        let (times, at) = self.store.place(self.key.row(self.row), time_column);
        let time = times.as_primitive::<Int64Type>().value(at);
        let ranks = &mut ranks[self.slot];
        if self.row == 0 || (ordered && time > ranks.time) {
            *ranks = Ranks {
                rank: self.row.unsigned_abs() + 1,
                dense: ranks.dense + 1,
                time,
            };
        }
        *ranks
    }
}

impl Bounds {
    fn pick(&self, window: &Window<'_>, pick: Pick, ignore_nulls: bool, column: usize) -> Option<RowRef> {
        if ignore_nulls {
            let mut valid = (self.low..=self.high)
                .map(|number| window.key.row(number))
                .filter(|row| window.is_valid(*row, column));
            return match pick {
                Pick::FromStart(nth) => valid.nth(nth - 1),
                Pick::FromEnd(nth) => valid.rev().nth(nth - 1),
            };
        }
        let number = match pick {
            Pick::FromStart(nth) => self.low.saturating_add(i64::try_from(nth).ok()? - 1),
            Pick::FromEnd(nth) => self.high.saturating_sub(i64::try_from(nth).ok()? - 1),
        };
        (self.low..=self.high).contains(&number).then(|| window.key.row(number))
    }

    /// For frames from the key's first row on: keeps the rows that can still be picked. Gives how many more are kept, and
    /// the picked one.
    fn pick_kept(
        &self,
        window: &Window<'_>,
        kept: &mut VecDeque<RowRef>,
        pick: Pick,
        passes: impl Fn(RowRef) -> bool,
    ) -> (usize, Option<RowRef>) {
        let before = kept.len();
        for row in (self.entered..=self.high).map(|number| window.key.row(number)) {
            match pick {
                Pick::FromStart(nth) if kept.len() < nth && passes(row) => kept.push_back(row),
                Pick::FromEnd(nth) if passes(row) => {
                    kept.push_back(row);
                    if kept.len() > nth {
                        kept.pop_front();
                    }
                }
                Pick::FromStart(_) | Pick::FromEnd(_) => {}
            }
        }
        let picked = match pick {
            Pick::FromStart(nth) => kept.get(nth - 1),
            Pick::FromEnd(nth) => kept.len().checked_sub(nth).and_then(|place| kept.get(place)),
        };
        (kept.len() - before, picked.copied())
    }

    fn aggregate(
        &self,
        window: &Window<'_>,
        aggregate: &FrameAggregate,
        columns: &Columns,
        accumulators: &mut FrameAccumulators,
    ) -> Result<ArrayRef, Error> {
        let (store, key) = (window.store, window.key);
        if self.slides && !aggregate.slides() {
            let rows = (self.low..=self.high).map(|number| key.row(number));
            return accumulators.value_of(store, rows, columns);
        }
        for number in self.entered..=self.high {
            accumulators.add(window.slot, store, key.row(number), columns)?;
        }
        for number in self.left..self.left_end {
            accumulators.remove(window.slot, store, key.row(number), columns)?;
        }
        accumulators.value(window.slot)
    }
}
