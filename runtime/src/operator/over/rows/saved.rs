//! Ranks and frames of rows as saved entries.

use super::{Ranks, RowsPart, State};
use crate::operator::over::saved::{ROW, Rows, SavedRow, damaged, entry_key};
use crate::operator::over::store::RowRef;
use crate::operator::{Error, KeyIndex};
use crate::state::{Changes, Reader, Writer};

impl RowsPart {
    /// Says what the store's columns are.
    pub(in super::super) fn set_codec(&mut self, codec: Rows) {
        self.codec = Some(codec);
    }

    /// Writes rows that came or went, and into the heads what else is kept of each key.
    pub(in super::super) fn save(
        &mut self,
        slots: &[u32],
        index: &KeyIndex,
        heads: &mut [Writer],
        changes: &mut Changes,
    ) -> Result<(), Error> {
        let rows = self.rows_to_save(slots);
        let codec = self.codec.as_ref().ok_or_else(|| damaged("rows have no form"))?;
        let mut encoded = codec.encode(&self.store, &rows)?.into_iter();
        let mut next = || encoded.next().unwrap_or_default();
        let mut value = Writer::new();
        for (slot, head) in slots.iter().zip(heads) {
            let (bytes, slot) = (index.key(*slot), *slot as usize);
            let key = &mut self.keys[slot];
            for number in key.saved.start..key.first.min(key.saved.end) {
                changes.delete(&entry_key(ROW, bytes, &[&number.to_be_bytes()]));
            }
            for number in key.saved.end.max(key.first)..key.arrived() {
                value.restart();
                value.bytes(&next());
                changes.put(&entry_key(ROW, bytes, &[&number.to_be_bytes()]), value.written());
            }
            key.saved = key.first..key.arrived();
            for number in [key.ordinal, key.first, key.next] {
                head.number(number);
            }
            for call in &mut self.calls {
                match &mut call.state {
                    State::Stateless => {}
                    State::Ranks(ranks) => {
                        let ranks = ranks[slot];
                        for number in [ranks.rank.cast_signed(), ranks.dense.cast_signed(), ranks.time] {
                            head.number(number);
                        }
                    }
                    State::Picks(picks) => {
                        head.number(i64::try_from(picks[slot].len()).unwrap_or(i64::MAX));
                        for _ in 0..picks[slot].len() {
                            head.bytes(&next());
                        }
                    }
                    State::Accumulators(accumulators) => accumulators.save(slot, head)?,
                }
            }
        }
        Ok(())
    }

    /// The rows that [`RowsPart::save`] writes, in its order.
    fn rows_to_save(&self, slots: &[u32]) -> Vec<RowRef> {
        let mut rows = Vec::new();
        for slot in slots {
            let slot = *slot as usize;
            let key = &self.keys[slot];
            rows.extend((key.saved.end.max(key.first)..key.arrived()).map(|number| key.row(number)));
            for call in &self.calls {
                if let State::Picks(picks) = &call.state {
                    rows.extend(&picks[slot]);
                }
            }
        }
        rows
    }

    /// Takes back what stands in the heads of keys.
    pub(in super::super) fn load_heads(&mut self, heads: &mut [(usize, Reader<'_>)]) -> Result<(), Error> {
        let mut picked: Vec<&[u8]> = Vec::new();
        let mut places = Vec::new();
        for (slot, head) in heads {
            let slot = *slot;
            self.make_room(slot)?;
            let key = &mut self.keys[slot];
            (key.ordinal, key.first, key.next) = (head.number()?, head.number()?, head.number()?);
            key.saved = key.first..key.first;
            self.next_ordinal = self.next_ordinal.max(key.ordinal);
            for (number, call) in self.calls.iter_mut().enumerate() {
                match &mut call.state {
                    State::Stateless => {}
                    State::Ranks(ranks) => {
                        ranks[slot] = Ranks {
                            rank: head.number()?.cast_unsigned(),
                            dense: head.number()?.cast_unsigned(),
                            time: head.number()?,
                        };
                    }
                    State::Picks(_) => {
                        for _ in 0..head.number()? {
                            picked.push(head.bytes()?);
                            places.push((number, slot));
                        }
                    }
                    State::Accumulators(accumulators) => accumulators.load(slot, head)?,
                }
            }
        }
        let Some(first) = self.decode(&picked)? else {
            return Ok(());
        };
        for (at, (call, slot)) in places.into_iter().enumerate() {
            if let State::Picks(picks) = &mut self.calls[call].state {
                picks[slot].push_back(first.plus(at));
            }
        }
        Ok(())
    }

    /// Takes back rows, those of a key in the order of their numbers.
    pub(in super::super) fn load_rows(&mut self, saved: &[SavedRow<'_>]) -> Result<(), Error> {
        let bytes: Vec<&[u8]> = saved.iter().map(|row| row.bytes).collect();
        let Some(first) = self.decode(&bytes)? else {
            return Ok(());
        };
        for (at, row) in saved.iter().enumerate() {
            let number = <[u8; 8]>::try_from(row.place).map_err(|_| damaged("a row has no number"))?;
            let key = (self.keys.get_mut(row.slot)).ok_or_else(|| damaged("a row belongs to no key"))?;
            if i64::from_be_bytes(number) != key.arrived() {
                return Err(damaged("a row is missing"));
            }
            key.rows.push_back(first.plus(at));
            key.saved.end = key.arrived();
        }
        Ok(())
    }

    fn decode(&mut self, rows: &[&[u8]]) -> Result<Option<RowRef>, Error> {
        if rows.is_empty() {
            return Ok(None);
        }
        self.held += rows.len();
        let codec = self.codec.as_ref().ok_or_else(|| damaged("rows have no form"))?;
        codec.decode(&mut self.store, rows).map(Some)
    }
}
