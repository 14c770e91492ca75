//! What an `OVER` saves of a key, and reads back.
//!
//! Entries: `00`, key: numbers of rows, and what each call keeps beside the rows. `01`, number of the row, key: a row that frames of so many
//! rows need. `02`, event time and number of the row, key: one that frames of so much time need. A row is written once and deleted once, so
//! a commit costs no more where frames are long.

use std::collections::VecDeque;
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};

use super::Over;
use super::aggregate::{FrameAccumulators, group};
use super::call::{Frame, OverCall};
use super::range::{RangePart, TimedRow};
use super::rows::{Ranks, RowsPart, State};
use super::store::{RowRef, RowStore};
use crate::operator::expiry::Expiry;
use crate::operator::group_by::{from_ordered, ordered};
use crate::operator::{Error, Expression, StateForm};
use crate::state::{self, Changes, Entry, Reader, RowCodec, Writer};

const KEY: u8 = 0;
const ROW: u8 = 1;
const TIMED_ROW: u8 = 2;
/// In place of a frame that has to be made anew.
const NO_FRAME: i64 = -1;

/// What the state looks like.
pub(super) fn form(keys: &[Expression], calls: &[OverCall], is_ordered: bool, input: &[Arc<Field>]) -> StateForm {
    let types = |expressions: &[Expression]| {
        let types: Vec<_> = expressions.iter().map(|e| e.data_type().to_string()).collect();
        types.join(", ")
    };
    let order = if is_ordered { "by time" } else { "in no order" };
    let waits = if delays(calls) {
        let columns: Vec<_> = input.iter().map(|field| field.data_type().to_string()).collect();
        format!(", rows of ({}) wait", columns.join(", "))
    } else {
        String::new()
    };
    let mut form = StateForm::default();
    form.words(&format!("over 1 ({}) {order}{waits}: ", types(keys)));
    for (place, call) in calls.iter().enumerate() {
        let semicolon = if place == 0 { "" } else { "; " };
        let filter = if call.filter.is_some() { " filtered" } else { "" };
        form.words(&format!(
            "{semicolon}{call} of ({}){filter} as {}",
            types(&call.args),
            call.returns
        ));
        form.version(call.plugin_state());
    }
    form
}

fn delays(calls: &[OverCall]) -> bool {
    calls.iter().any(|call| call.frame.waits() > 0)
}

/// How rows of the two stores become bytes.
#[derive(Debug)]
pub(super) struct Codecs {
    rows: RowCodec,
    timed: RowCodec,
}

impl Codecs {
    /// `args` are the first columns of both stores.
    pub(super) fn new(args: &[Expression], calls: &[OverCall], input: &[Arc<Field>]) -> Result<Self, Error> {
        let field = |data_type: &DataType| Arc::new(Field::new("", data_type.clone(), true));
        let args: Vec<Arc<Field>> = args.iter().map(|arg| field(arg.data_type())).collect();
        let mut rows = args.clone();
        rows.push(field(&DataType::Int64));
        if delays(calls) {
            rows.extend(input.iter().cloned());
            let by_range = calls.iter().filter(|call| matches!(call.frame, Frame::Range { .. }));
            rows.extend(by_range.map(|call| field(&call.returns)));
        }
        let schema = |fields: Vec<Arc<Field>>| -> SchemaRef { Arc::new(Schema::new(Fields::from(fields))) };
        Ok(Self {
            rows: RowCodec::new(schema(rows))?,
            timed: RowCodec::new(schema(args))?,
        })
    }
}

fn damaged(reason: &str) -> Error {
    state::Error::damaged("OVER", reason).into()
}

/// The bytes of some rows of a store.
fn encoded(store: &RowStore, codec: &RowCodec, rows: &[RowRef]) -> Result<Vec<Vec<u8>>, Error> {
    if rows.is_empty() {
        return Ok(vec![]);
    }
    let columns = (0..codec.columns()).map(|column| store.gather(rows, column));
    let columns = columns.collect::<Result<Vec<ArrayRef>, Error>>()?;
    Ok(match codec.encode(&columns)? {
        Some(encoded) => encoded.iter().map(|row| row.data().to_vec()).collect(),
        None => vec![vec![]; rows.len()],
    })
}

/// The key of an entry of a row.
fn row_key(tag: u8, numbers: &[i64], key: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    for number in numbers {
        bytes.extend_from_slice(&ordered(*number));
    }
    bytes.extend_from_slice(key);
    bytes
}

/// Takes `N` numbers off the key of an entry.
fn numbers<const N: usize>(mut key: &[u8]) -> Result<([i64; N], &[u8]), Error> {
    let mut found = [0; N];
    for number in &mut found {
        let (bytes, rest) = key
            .split_first_chunk::<8>()
            .ok_or_else(|| damaged("the key of a row is too short"))?;
        (*number, key) = (from_ordered(*bytes), rest);
    }
    Ok((found, key))
}

impl Over {
    pub(super) fn save_changed(&mut self, changes: &mut Changes) -> Result<(), Error> {
        let Some(changed) = self.changed.as_mut().map(std::mem::take) else {
            return Ok(());
        };
        for key in self.gone.drain(..) {
            changes.delete(&key);
        }
        for (slot, time, number) in self.range.gone.as_mut().map(std::mem::take).unwrap_or_default() {
            changes.delete(&row_key(TIMED_ROW, &[time, number], self.index.key(slot)));
        }
        let mut value = Writer::new();
        let slots: Vec<u32> = changed.iter().copied().collect();
        self.rows.begin_save(&slots)?;
        self.range.begin_save(&slots)?;
        for slot in changed {
            let key = self.index.key(slot);
            value.restart();
            self.rows
                .save(slot as usize, key, &self.codecs.rows, &mut value, changes)?;
            self.range
                .save(slot as usize, key, &self.codecs.timed, &mut value, changes)?;
            if let Some(expiry) = &self.expiry {
                value.number(expiry.touched(slot));
            }
            changes.put(&row_key(KEY, &[], key), value.written());
        }
        Ok(())
    }

    /// Notes the saved entries of a key for deletion.
    pub(super) fn forget_entries(&mut self, slot: u32) {
        let key = self.index.key(slot);
        self.gone.push(row_key(KEY, &[], key));
        if let Some(rows) = self.rows.keys.get(slot as usize) {
            let saved = rows.saved.0..rows.saved.1;
            self.gone.extend(saved.map(|number| row_key(ROW, &[number], key)));
        }
        if let Some(rows) = self.range.keys.get(slot as usize) {
            let saved = rows.rows.iter().filter(|row| row.number < rows.saved);
            self.gone
                .extend(saved.map(|row| row_key(TIMED_ROW, &[row.time, row.number], key)));
        }
        // The slot may be another key's when these are deleted.
        if let Some(gone) = &mut self.range.gone {
            let of_key = gone.extract_if(.., |(of, ..)| *of == slot);
            self.gone
                .extend(of_key.map(|(_, time, number)| row_key(TIMED_ROW, &[time, number], key)));
        }
    }

    pub(super) fn load_entries(&mut self, entries: &[Entry]) -> Result<(), Error> {
        let mut picks: Vec<(usize, usize, &[u8])> = Vec::new();
        let mut rows: Vec<(usize, &[u8])> = Vec::new();
        let mut timed: Vec<(usize, i64, i64, &[u8])> = Vec::new();
        for (entry, value) in entries {
            let (tag, rest) = entry.split_first().ok_or_else(|| damaged("an entry has no key"))?;
            let mut reader = Reader::new(value)?;
            match *tag {
                KEY => {
                    let slot = self.index.restore(rest) as usize;
                    self.rows.make_room(slot)?;
                    self.rows.load(slot, &mut reader, &mut picks)?;
                    self.range.load(slot, &mut reader)?;
                    let slot = group(slot);
                    Expiry::load_rest(self.expiry.as_mut(), slot, &mut reader)?;
                }
                ROW => {
                    let ([_], key) = numbers(rest)?;
                    rows.push((self.index.restore(key) as usize, reader.bytes()?));
                }
                TIMED_ROW => {
                    let ([time, number], key) = numbers(rest)?;
                    timed.push((self.index.restore(key) as usize, time, number, reader.bytes()?));
                }
                other => return Err(damaged(&format!("an entry is of the unknown kind {other}"))),
            }
        }
        self.rows.load_picks(&picks, &self.codecs.rows)?;
        self.rows.load_rows(&rows, &self.codecs.rows)?;
        self.range.load_rows(&timed, &self.codecs.timed)?;
        self.rows.end_load()?;
        self.range.end_load()
    }
}

/// Keeps decoded rows in a store; gives the first.
fn restored(store: &mut RowStore, codec: &RowCodec, rows: &[&[u8]]) -> Result<RowRef, Error> {
    let records = codec.decode(rows)?;
    Ok(store.append(records.columns().to_vec(), rows.len()))
}

impl RowsPart {
    /// States of plugins' functions are fetched together.
    fn begin_save(&mut self, slots: &[u32]) -> Result<(), Error> {
        self.accumulators().try_for_each(|each| each.begin_save(slots))
    }

    fn end_load(&mut self) -> Result<(), Error> {
        self.accumulators().try_for_each(FrameAccumulators::end_load)
    }

    fn accumulators(&mut self) -> impl Iterator<Item = &mut FrameAccumulators> {
        self.calls.iter_mut().filter_map(|call| match &mut call.state {
            State::Accumulators(accumulators) => Some(&mut **accumulators),
            _ => None,
        })
    }

    fn save(
        &mut self,
        slot: usize,
        key: &[u8],
        codec: &RowCodec,
        value: &mut Writer,
        changes: &mut Changes,
    ) -> Result<(), Error> {
        let Self { calls, store, keys, .. } = self;
        let rows = &mut keys[slot];
        let (first, arrived) = (rows.first, rows.arrived());
        for number in rows.saved.0..first.min(rows.saved.1) {
            changes.delete(&row_key(ROW, &[number], key));
        }
        let added = first.max(rows.saved.1)..arrived;
        let refs: Vec<RowRef> = added.clone().map(|number| rows.row(number)).collect();
        let mut row_value = Writer::new();
        for (number, bytes) in added.zip(encoded(store, codec, &refs)?) {
            row_value.restart();
            row_value.bytes(&bytes);
            changes.put(&row_key(ROW, &[number], key), row_value.written());
        }
        rows.saved = (first, arrived);
        value.number(first);
        value.number(rows.next);
        value.number(arrived);
        for call in calls {
            match &mut call.state {
                State::Stateless => {}
                State::Ranks(ranks) => {
                    let Ranks { rank, dense, time } = ranks[slot];
                    for number in [rank.cast_signed(), dense.cast_signed(), time] {
                        value.number(number);
                    }
                }
                State::Picks(picks) => {
                    let rows: Vec<RowRef> = picks[slot].iter().copied().collect();
                    value.number(i64::try_from(rows.len()).unwrap_or(i64::MAX));
                    for bytes in encoded(store, codec, &rows)? {
                        value.bytes(&bytes);
                    }
                }
                State::Accumulators(accumulators) => save_accumulators(accumulators, slot, value)?,
            }
        }
        Ok(())
    }

    /// Picked rows go to `picks`, with call and slot.
    fn load<'a>(
        &mut self,
        slot: usize,
        value: &mut Reader<'a>,
        picks: &mut Vec<(usize, usize, &'a [u8])>,
    ) -> Result<(), Error> {
        let rows = &mut self.keys[slot];
        (rows.first, rows.next) = (value.number()?, value.number()?);
        rows.saved = (rows.first, value.number()?);
        for (number, call) in self.calls.iter_mut().enumerate() {
            match &mut call.state {
                State::Stateless => {}
                State::Ranks(ranks) => {
                    ranks[slot] = Ranks {
                        rank: value.number()?.cast_unsigned(),
                        dense: value.number()?.cast_unsigned(),
                        time: value.number()?,
                    };
                }
                State::Picks(_) => {
                    for _ in 0..value.number()? {
                        picks.push((number, slot, value.bytes()?));
                    }
                }
                State::Accumulators(accumulators) => accumulators.load(slot, value.bytes()?)?,
            }
        }
        Ok(())
    }

    fn load_picks(&mut self, picks: &[(usize, usize, &[u8])], codec: &RowCodec) -> Result<(), Error> {
        if picks.is_empty() {
            return Ok(());
        }
        let rows: Vec<&[u8]> = picks.iter().map(|(_, _, bytes)| *bytes).collect();
        let first = restored(&mut self.store, codec, &rows)?;
        for (place, (call, slot, _)) in picks.iter().enumerate() {
            if let State::Picks(of_keys) = &mut self.calls[*call].state {
                of_keys[*slot].push_back(first.plus(place));
            }
        }
        self.held += picks.len();
        Ok(())
    }

    /// Rows of a key come in the order of their numbers, after the key.
    fn load_rows(&mut self, rows: &[(usize, &[u8])], codec: &RowCodec) -> Result<(), Error> {
        if rows.is_empty() {
            return Ok(());
        }
        let bytes: Vec<&[u8]> = rows.iter().map(|(_, bytes)| *bytes).collect();
        let first = restored(&mut self.store, codec, &bytes)?;
        for (place, (slot, _)) in rows.iter().enumerate() {
            let key = self
                .keys
                .get_mut(*slot)
                .ok_or_else(|| damaged("a row has no entry of its key"))?;
            key.rows.push_back(first.plus(place));
        }
        self.held += rows.len();
        Ok(())
    }
}

impl RangePart {
    /// As of [`RowsPart`]; keys whose frame has to be made anew have no state to save.
    fn begin_save(&mut self, slots: &[u32]) -> Result<(), Error> {
        for call in &mut self.calls {
            let Some(accumulators) = &mut call.accumulators else {
                continue;
            };
            let has_frame = |slot: &&u32| call.frames.get(**slot as usize).is_some_and(Option::is_some);
            let own: Vec<u32> = slots.iter().filter(has_frame).copied().collect();
            accumulators.begin_save(&own)?;
        }
        Ok(())
    }

    fn end_load(&mut self) -> Result<(), Error> {
        let mut accumulators = self.calls.iter_mut().filter_map(|call| call.accumulators.as_mut());
        accumulators.try_for_each(FrameAccumulators::end_load)
    }

    fn save(
        &mut self,
        slot: usize,
        key: &[u8],
        codec: &RowCodec,
        value: &mut Writer,
        changes: &mut Changes,
    ) -> Result<(), Error> {
        let Self { calls, store, keys, .. } = self;
        let Some(rows) = keys.get_mut(slot) else { return Ok(()) };
        let added: Vec<TimedRow> = rows
            .rows
            .iter()
            .filter(|row| row.number >= rows.saved)
            .copied()
            .collect();
        let refs: Vec<RowRef> = added.iter().map(|row| row.row).collect();
        let mut row_value = Writer::new();
        for (row, bytes) in added.iter().zip(encoded(store, codec, &refs)?) {
            row_value.restart();
            row_value.bytes(&bytes);
            changes.put(&row_key(TIMED_ROW, &[row.time, row.number], key), row_value.written());
        }
        rows.saved = rows.arrived;
        value.number(rows.arrived);
        for call in calls {
            let frame = call.frames[slot];
            value.number(frame.map_or(NO_FRAME, |place| i64::try_from(place).unwrap_or(i64::MAX)));
            if let (Some(_), Some(accumulators)) = (frame, &mut call.accumulators) {
                save_accumulators(accumulators, slot, value)?;
            }
        }
        Ok(())
    }

    fn load(&mut self, slot: usize, value: &mut Reader<'_>) -> Result<(), Error> {
        if self.calls.is_empty() {
            return Ok(());
        }
        self.make_room(slot)?;
        let arrived = value.number()?;
        let rows = &mut self.keys[slot];
        (rows.arrived, rows.saved) = (arrived, arrived);
        for call in &mut self.calls {
            call.frames[slot] = usize::try_from(value.number()?).ok();
            if let (Some(_), Some(accumulators)) = (call.frames[slot], &mut call.accumulators) {
                accumulators.load(slot, value.bytes()?)?;
            }
        }
        Ok(())
    }

    /// Rows come in the order of their times and numbers, after their key.
    fn load_rows(&mut self, rows: &[(usize, i64, i64, &[u8])], codec: &RowCodec) -> Result<(), Error> {
        if rows.is_empty() {
            return Ok(());
        }
        let bytes: Vec<&[u8]> = rows.iter().map(|(.., bytes)| *bytes).collect();
        let first = restored(&mut self.store, codec, &bytes)?;
        for (place, (slot, time, number, _)) in rows.iter().enumerate() {
            let key = self
                .keys
                .get_mut(*slot)
                .ok_or_else(|| damaged("a row has no entry of its key"))?;
            let kept: &mut VecDeque<TimedRow> = &mut key.rows;
            kept.push_back(TimedRow {
                time: *time,
                number: *number,
                row: first.plus(place),
            });
        }
        self.held += rows.len();
        Ok(())
    }
}

fn save_accumulators(accumulators: &mut FrameAccumulators, slot: usize, value: &mut Writer) -> Result<(), Error> {
    let mut bytes = Vec::new();
    accumulators.save(slot, &mut bytes)?;
    value.bytes(&bytes);
    Ok(())
}
