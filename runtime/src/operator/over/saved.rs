//! What an `OVER` saves of its keys, and reads back.
//!
//! Every entry begins with what it is (one byte) and the key (length in 4 bytes, bytes). `01` is the head of a key: its place among the keys, where it
//! stands, ranks, picked rows and sums. `02` with a row's number in 8 bytes is a row that frames of rows can still reach, `03` with time and number in 8 bytes
//! each one that frames of time can reach. Heads come first, so that a row finds its key.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, Field, Schema};

use super::store::{RowRef, RowStore};
use super::{Frame, Over, OverCall, OverFunction};
use crate::operator::Error;
use crate::state::{self, Changes, Entry, Reader, RowCodec, Writer};

const HEAD: u8 = 1;
/// The first byte of entries of rows that frames of rows reach.
pub(super) const ROW: u8 = 2;
/// The first byte of entries of rows that frames of time reach.
pub(super) const TIMED_ROW: u8 = 3;

/// The key of an entry of what belongs to `key`.
pub(super) fn entry_key(kind: u8, key: &[u8], rest: &[&[u8]]) -> Vec<u8> {
    let length = u32::try_from(key.len()).expect("a key is smaller than 4 GiB: records are limited");
    let mut bytes = Vec::with_capacity(5 + key.len() + 16);
    bytes.push(kind);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(key);
    for part in rest {
        bytes.extend_from_slice(part);
    }
    bytes
}

/// What [`entry_key`] put together: kind, key, rest.
fn split(entry: &[u8]) -> Result<(u8, &[u8], &[u8]), Error> {
    let parts = || {
        let (kind, after) = entry.split_first()?;
        let (length, after) = after.split_first_chunk::<4>()?;
        let (key, rest) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        Some((*kind, key, rest))
    };
    parts().ok_or_else(|| damaged("a key is too short"))
}

pub(super) fn damaged(reason: &str) -> Error {
    state::Error::damaged("OVER", reason).into()
}

/// A row that was saved.
pub(super) struct SavedRow<'a> {
    pub(super) slot: usize,
    /// What stands behind the key.
    pub(super) place: &'a [u8],
    pub(super) bytes: &'a [u8],
}

/// Rows of a store to bytes and back.
#[derive(Debug)]
pub(super) struct Rows {
    codec: RowCodec,
    columns: usize,
}

impl Rows {
    pub(super) fn new(types: impl Iterator<Item = DataType>) -> Result<Self, Error> {
        let fields = types.enumerate();
        let fields: Vec<Field> = fields
            .map(|(number, data_type)| Field::new(format!("c{number}"), data_type, true))
            .collect();
        Ok(Self {
            columns: fields.len(),
            codec: RowCodec::new(Arc::new(Schema::new(fields)))?,
        })
    }

    /// The bytes of these rows of a store.
    pub(super) fn encode(&self, store: &RowStore, rows: &[RowRef]) -> Result<Vec<Vec<u8>>, Error> {
        if rows.is_empty() {
            return Ok(vec![]);
        }
        let columns = (0..self.columns).map(|column| store.gather(rows, column));
        let columns = columns.collect::<Result<Vec<ArrayRef>, Error>>()?;
        Ok(match self.codec.encode(&columns)? {
            Some(encoded) => encoded.iter().map(|row| row.as_ref().to_vec()).collect(),
            None => vec![vec![]; rows.len()],
        })
    }

    /// Puts rows into a store; gives the first of them.
    pub(super) fn decode(&self, store: &mut RowStore, rows: &[&[u8]]) -> Result<RowRef, Error> {
        let decoded = self.codec.decode(rows)?;
        Ok(store.append(decoded.columns().to_vec(), rows.len()))
    }
}

/// What the state looks like, in words.
pub(super) fn form(over: &Over, calls: &[OverCall], ordered: bool) -> String {
    let types = |types: &mut dyn Iterator<Item = &DataType>| {
        let types: Vec<_> = types.map(ToString::to_string).collect();
        types.join(", ")
    };
    let keys = types(&mut over.keys.iter().map(|key| key.data_type()));
    let called: Vec<_> = calls.iter().map(|call| form_of_call(call)).collect();
    let order = if ordered { " in order of time" } else { "" };
    let mut form = format!("over 1 by ({keys}){order}: {}", called.join("; "));
    if over.rows.delays() {
        let input = over.schema.fields().iter().take(over.input_columns);
        let input = types(&mut input.map(|field| field.data_type()));
        form = format!("{form}; rows that wait ({input})");
    }
    form
}

fn form_of_call(call: &OverCall) -> String {
    let args: Vec<_> = call.args.iter().map(|arg| arg.data_type().to_string()).collect();
    let frame = match call.frame {
        Frame::Rows {
            start: Some(start),
            end,
        } => format!("rows {start} to {end}"),
        Frame::Rows { start: None, end } => format!("rows to {end}"),
        Frame::Range { back_ms } => format!("{back_ms} ms"),
    };
    let how = match &call.function {
        OverFunction::Aggregate(aggregate) if aggregate.slides() => ", sliding".to_owned(),
        OverFunction::Value { pick, ignore_nulls, .. } => {
            format!(", {pick:?}{}", if *ignore_nulls { " ignoring nulls" } else { "" })
        }
        _ => String::new(),
    };
    let filter = call
        .filter
        .as_ref()
        .map_or_else(String::new, |filter| format!(" where {filter}"));
    format!(
        "{} of ({}){filter} over {frame}{how} as {}",
        call.label,
        args.join(", "),
        call.returns
    )
}

impl Over {
    /// Writes what changed of these keys.
    pub(super) fn save_keys(&mut self, slots: &[u32], changes: &mut Changes) -> Result<(), Error> {
        let index = &self.index;
        let mut heads: Vec<Writer> = slots.iter().map(|_| Writer::new()).collect();
        self.rows.save(slots, index, &mut heads, changes)?;
        self.range.save(slots, index, &mut heads, changes)?;
        for (slot, head) in slots.iter().zip(heads) {
            changes.put(&entry_key(HEAD, index.key(*slot), &[]), head.written());
        }
        Ok(())
    }

    /// Takes entries back, those of heads before those of rows.
    pub(super) fn load_entries(&mut self, entries: &[Entry]) -> Result<(), Error> {
        let mut heads = Vec::new();
        let (mut rows, mut timed) = (Vec::new(), Vec::new());
        for (key, value) in entries {
            let (kind, key, place) = split(key)?;
            let slot = self.index.restore(key) as usize;
            match kind {
                HEAD => heads.push((slot, Reader::new(value)?)),
                ROW | TIMED_ROW => {
                    let rows = if kind == ROW { &mut rows } else { &mut timed };
                    let bytes = Reader::new(value)?.bytes()?;
                    rows.push(SavedRow { slot, place, bytes });
                }
                _ => return Err(damaged("an entry is of a kind that is not known")),
            }
        }
        self.rows.load_heads(&mut heads)?;
        self.range.load_heads(&mut heads)?;
        self.rows.load_rows(&rows)?;
        self.range.load_rows(&timed)
    }
}
