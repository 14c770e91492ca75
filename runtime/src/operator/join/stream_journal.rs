//! The rows that a join keeps of two streams, as bytes.
//!
//! A unit is the rows of one side, one event time and one key; it is saved and forgotten as a whole, so a key with many rows does not
//! cost more to save the longer its window is. Key: side, event time, key of the join; value: for each row whether it has had a
//! partner, its stream time, its columns.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;

use super::bucket::TimedRow;
use super::durable::Saved;
use super::key_slots::KeySlots;
use super::stream_side::StreamSide;
use super::{BATCH_ROWS_JOINED_MAX, Side};
use crate::operator::Error;
use crate::state::Entry;
use crate::state::{Reader, RowCodec, Writer};
use crate::types::ChangeBatch;

/// What changed since the state was last saved.
#[derive(Debug)]
pub(crate) struct Journal {
    /// Nothing is noted until the state is first saved or loaded.
    is_on: bool,
    left: RowCodec,
    right: RowCodec,
    /// Units that are new or have changed: slot of the key, side, event time.
    touched: Vec<(u32, Side, i64)>,
    /// Keys of units that are gone.
    gone: Vec<Vec<u8>>,
}

fn unit_key(side: Side, time: i64, key: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(9 + key.len());
    bytes.push(u8::from(side == Side::Right));
    bytes.extend_from_slice(&time.to_be_bytes());
    bytes.extend_from_slice(key);
    bytes
}

impl Journal {
    pub(crate) fn new(left: &SchemaRef, right: &SchemaRef) -> Result<Self, ArrowError> {
        Ok(Self {
            is_on: false,
            left: RowCodec::new(Arc::clone(left))?,
            right: RowCodec::new(Arc::clone(right))?,
            touched: Vec::new(),
            gone: Vec::new(),
        })
    }

    pub(crate) fn is_on(&self) -> bool {
        self.is_on
    }

    /// Nothing counts as saved.
    pub(crate) fn forget_saved(&mut self) {
        self.is_on = false;
        self.touched.clear();
        self.gone.clear();
    }

    /// Notes that a unit has changed.
    pub(crate) fn touch(&mut self, slot: u32, side: Side, time: i64) {
        if self.is_on {
            self.touched.push((slot, side, time));
        }
    }

    /// Notes that a unit is gone.
    pub(crate) fn forget(&mut self, key: &[u8], side: Side, time: i64) {
        if self.is_on {
            self.gone.push(unit_key(side, time, key));
        }
    }

    pub(crate) fn save(
        &mut self,
        slots: &KeySlots,
        left: &mut StreamSide,
        right: &mut StreamSide,
    ) -> Result<Saved, Error> {
        if !self.is_on {
            self.is_on = true;
            for (side, rows) in [(Side::Left, &*left), (Side::Right, &*right)] {
                for (slot, bucket) in (0_u32..).zip(&rows.buckets) {
                    let times = bucket.range(i64::MIN, i64::MAX).map(|row| (slot, side, row.time));
                    self.touched.extend(times);
                }
            }
        }
        self.gone.sort_unstable();
        self.gone.dedup();
        let mut saved: Saved = std::mem::take(&mut self.gone)
            .into_iter()
            .map(|key| (key, None))
            .collect();
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        for (side, rows, codec) in [(Side::Left, left, &self.left), (Side::Right, right, &self.right)] {
            let mut units = Vec::new();
            let mut refs = Vec::new();
            for (slot, _, time) in touched.iter().filter(|unit| unit.1 == side) {
                let before = refs.len();
                refs.extend(rows.buckets[*slot as usize].range(*time, *time).map(|row| row.row));
                units.push((*slot, *time, before..refs.len()));
            }
            let columns = rows.store.gather(&refs, None)?;
            let encoded = codec.encode(&columns)?;
            for (slot, time, of_unit) in units.into_iter().filter(|unit| !unit.2.is_empty()) {
                let mut value = Writer::new();
                for at in of_unit {
                    value.byte(u8::from(rows.store.is_matched(refs[at])));
                    value.number(rows.store.stream_time(refs[at]));
                    value.bytes(encoded.as_ref().map_or(&[], |encoded| encoded.row(at).data()));
                }
                saved.push((unit_key(side, time, slots.key(slot)), Some(value.finish())));
            }
        }
        Ok(saved)
    }

    pub(crate) fn load(
        &mut self,
        saved: &[Entry],
        slots: &mut KeySlots,
        left: &mut StreamSide,
        right: &mut StreamSide,
    ) -> Result<(), Error> {
        self.is_on = true;
        for (side, rows, codec) in [(0, &mut *left, &self.left), (1, &mut *right, &self.right)] {
            let mut loaded = Loaded::default();
            for (key, value) in saved.iter().filter(|(key, _)| key.first() == Some(&side)) {
                loaded.read(key, value, slots)?;
            }
            let changes = ChangeBatch {
                records: codec.decode(&loaded.rows)?,
                event_times: loaded.times.clone().into(),
                weights: None,
                stream_times: Some(loaded.stream_times.into()),
            };
            rows.make_room(slots.slots());
            for start in (0..loaded.rows.len()).step_by(BATCH_ROWS_JOINED_MAX) {
                let length = BATCH_ROWS_JOINED_MAX.min(loaded.rows.len() - start);
                let part = start..start + length;
                let first = rows
                    .store
                    .push(&changes.slice(start, length), loaded.slots[part.clone()].to_vec())?;
                for at in part {
                    let row = first.plus(at - start);
                    rows.buckets[loaded.slots[at] as usize].insert(TimedRow {
                        time: loaded.times[at],
                        row,
                    });
                    if loaded.matched[at] {
                        rows.store.set_matched(row);
                    } else if rows.waits {
                        rows.wait(loaded.times[at], row, loaded.slots[at]);
                    }
                }
            }
        }
        left.make_room(slots.slots());
        right.make_room(slots.slots());
        Ok(())
    }
}

/// Rows of one side that were read.
#[derive(Debug, Default)]
struct Loaded<'a> {
    rows: Vec<&'a [u8]>,
    times: Vec<i64>,
    stream_times: Vec<i64>,
    matched: Vec<bool>,
    slots: Vec<u32>,
}

impl<'a> Loaded<'a> {
    fn read(&mut self, key: &[u8], value: &'a [u8], slots: &mut KeySlots) -> Result<(), Error> {
        let (time, key) = key[1..]
            .split_first_chunk()
            .ok_or_else(|| crate::state::Error::damaged("a join", "has a key that is too short"))?;
        let slot = slots.find_or_insert(key);
        let mut reader = Reader::new(value)?;
        while !reader.is_at_end() {
            self.matched.push(reader.byte()? != 0);
            self.stream_times.push(reader.number()?);
            self.rows.push(reader.bytes()?);
            self.times.push(i64::from_be_bytes(*time));
            self.slots.push(slot);
        }
        Ok(())
    }
}
