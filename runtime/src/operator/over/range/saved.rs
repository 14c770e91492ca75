//! Frames of time as saved entries.

use super::{RangePart, TimedRow};
use crate::operator::over::saved::{Rows, SavedRow, TIMED_ROW, damaged, entry_key};
use crate::operator::{Error, KeyIndex};
use crate::state::{Changes, Reader, Writer};

/// A number in an order of bytes that is its own.
fn ordered(number: i64) -> [u8; 8] {
    (number.cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

fn from_ordered(bytes: [u8; 8]) -> i64 {
    (u64::from_be_bytes(bytes) ^ (1 << 63)).cast_signed()
}

impl RangePart {
    /// Says what the store's columns are.
    pub(in super::super) fn set_codec(&mut self, codec: Rows) {
        self.codec = Some(codec);
    }

    /// From now on forgotten rows are remembered until they are deleted.
    pub(in super::super) fn track_changes(&mut self) {
        self.gone = Some(Vec::new());
    }

    /// Writes rows that came or went, and into the heads what else is kept of each key.
    pub(in super::super) fn save(
        &mut self,
        slots: &[u32],
        index: &KeyIndex,
        heads: &mut [Writer],
        changes: &mut Changes,
    ) -> Result<(), Error> {
        if self.calls.is_empty() {
            return Ok(());
        }
        for (slot, time, number) in self.gone.as_mut().map(std::mem::take).unwrap_or_default() {
            changes.delete(&entry_key(
                TIMED_ROW,
                index.key(slot),
                &[&ordered(time), &ordered(number)],
            ));
        }
        let (mut rows, mut places) = (Vec::new(), Vec::new());
        for slot in slots {
            let key = &mut self.keys[*slot as usize];
            for timed in key.rows.iter().filter(|timed| timed.number >= key.saved) {
                rows.push(timed.row);
                places.push((*slot, timed.time, timed.number));
            }
            key.saved = key.arrived;
        }
        let codec = self.codec.as_ref().ok_or_else(|| damaged("rows have no form"))?;
        let mut value = Writer::new();
        for (row, (slot, time, number)) in codec.encode(&self.store, &rows)?.iter().zip(places) {
            value.restart();
            value.bytes(row);
            let key = entry_key(TIMED_ROW, index.key(slot), &[&ordered(time), &ordered(number)]);
            changes.put(&key, value.written());
        }
        for (slot, head) in slots.iter().zip(heads) {
            let slot = *slot as usize;
            head.number(self.keys[slot].arrived);
            for call in &mut self.calls {
                let Some(accumulators) = &mut call.accumulators else {
                    continue;
                };
                match call.frames[slot] {
                    Some(place) => {
                        head.byte(1);
                        head.number(i64::try_from(place).unwrap_or(i64::MAX));
                        accumulators.save(slot, head)?;
                    }
                    None => head.byte(0),
                }
            }
        }
        Ok(())
    }

    /// Takes back what stands in the heads of keys.
    pub(in super::super) fn load_heads(&mut self, heads: &mut [(usize, Reader<'_>)]) -> Result<(), Error> {
        if self.calls.is_empty() {
            return Ok(());
        }
        for (slot, head) in heads {
            let slot = *slot;
            self.make_room(slot)?;
            let key = &mut self.keys[slot];
            key.arrived = head.number()?;
            key.saved = key.arrived;
            for call in &mut self.calls {
                let Some(accumulators) = &mut call.accumulators else {
                    continue;
                };
                if head.byte()? == 1 {
                    let place = usize::try_from(head.number()?).map_err(|_| damaged("a frame is out of range"))?;
                    call.frames[slot] = Some(place);
                    accumulators.load(slot, head)?;
                }
            }
        }
        Ok(())
    }

    /// Takes back rows, those of a key in the order of their times.
    pub(in super::super) fn load_rows(&mut self, saved: &[SavedRow<'_>]) -> Result<(), Error> {
        if saved.is_empty() {
            return Ok(());
        }
        let bytes: Vec<&[u8]> = saved.iter().map(|row| row.bytes).collect();
        let codec = self.codec.as_ref().ok_or_else(|| damaged("rows have no form"))?;
        let first = codec.decode(&mut self.store, &bytes)?;
        for (at, row) in saved.iter().enumerate() {
            let place = || {
                let (time, number) = row.place.split_first_chunk::<8>()?;
                Some((from_ordered(*time), from_ordered(number.try_into().ok()?)))
            };
            let (time, number) = place().ok_or_else(|| damaged("a row has no time"))?;
            let key = (self.keys.get_mut(row.slot)).ok_or_else(|| damaged("a row belongs to no key"))?;
            let row = first.plus(at);
            key.rows.push_back(TimedRow { time, number, row });
            self.held += 1;
        }
        Ok(())
    }
}
