//! The shape of a record as bytes: which names follow each other, with the punctuation and white space between them.
//!
//! Learned from one record and tried on the next ones. A record fits when its names are those of the template, byte by
//! byte and in that order; names may be missing, none may be added. What a fitting record means is what the general way
//! would make of it, because a template is only made where every name fills at most one column and every column is filled
//! by at most one name.

use super::fault::Fault;
use super::general::{Reader, read_key, read_value};
use super::plain::fill_plain;
use super::scan::{skip_space, wide};
use super::skip::{skip_number, skip_string, skip_value};
use crate::format::builder::{ColumnBuilder, FieldNames, StructBuilder};

/// Records with more names than this are not worth a template.
const SLOTS_MAX: usize = 256;

/// The names of a record and what they fill.
#[derive(Debug)]
pub(super) struct Template {
    slots: Vec<Slot>,
    /// True when the slots fill every column, so that a record that has them all leaves no column open.
    fills_all: bool,
}

/// One name of a record.
#[derive(Debug)]
struct Slot {
    /// What stands between the value before it (or the start of the record) and its own value: `,"name":`.
    before: Pattern,
    /// The part of that from the name's quote on: `"name":`.
    name: Pattern,
    /// The column that takes the value; others are skipped.
    column: Option<u32>,
}

/// Bytes to be found again, the first sixteen of them in one comparison.
#[derive(Debug)]
struct Pattern {
    head: u128,
    mask: u128,
    bytes: Box<[u8]>,
}

impl Pattern {
    fn new(bytes: &[u8]) -> Self {
        let mask = match bytes.len() {
            length @ 0..16 => (1 << (8 * length)) - 1,
            _ => u128::MAX,
        };
        Self {
            head: wide(bytes, 0),
            mask,
            bytes: bytes.into(),
        }
    }

    #[inline]
    fn matches(&self, buffer: &[u8], pos: usize) -> bool {
        (wide(buffer, pos) & self.mask) == self.head
            && (self.bytes.len() <= 16 || buffer.get(pos + 16..pos + self.bytes.len()) == Some(&self.bytes[16..]))
    }
}

impl Template {
    /// The template of `record`, which has been read without fault. `None` when it has none: it is no object, names are
    /// escaped or too many, or it takes more than their order to know what they fill.
    pub(super) fn learn(record: &[u8], names: &mut FieldNames, columns: usize) -> Option<Self> {
        let mut slots: Vec<Slot> = Vec::new();
        let mut filled = vec![false; columns];
        let mut value_end = 0;
        let mut pos = skip_space(record, 0);
        if record.get(pos) != Some(&b'{') {
            return None;
        }
        pos = skip_space(record, pos + 1);
        while record.get(pos) == Some(&b'"') && slots.len() < SLOTS_MAX {
            let (raw, escaped, value) = read_key(record, pos).ok()?;
            let resolved = names.resolve(raw);
            if escaped || (resolved.exact.is_some() && resolved.folded.is_some()) {
                return None;
            }
            let column = resolved.exact.or(resolved.folded);
            if let Some(column) = column
                && std::mem::replace(&mut filled[column as usize], true)
            {
                return None;
            }
            slots.push(Slot {
                before: Pattern::new(&record[value_end..value]),
                name: Pattern::new(&record[pos..value]),
                column,
            });
            value_end = skip_value(record, value, 1).ok()?;
            pos = skip_space(record, value_end);
            if record.get(pos) == Some(&b',') {
                pos = skip_space(record, pos + 1);
            }
        }
        (record.get(pos) == Some(&b'}') && !slots.is_empty()).then(|| Self {
            slots,
            fills_all: filled.into_iter().all(|filled| filled),
        })
    }

    /// Reads the record `buffer[..length]` into a new row of `columns`; `buffer` may go on behind it. `None` when it does
    /// not fit or is bad: then the columns hold parts of the row.
    #[inline]
    pub(super) fn read(
        &self,
        buffer: &[u8],
        length: usize,
        columns: &mut StructBuilder,
        reader: &mut Reader,
    ) -> Option<()> {
        let mut pos = 0;
        let mut next = 0;
        let mut whole = self.fills_all;
        while let Some(mut slot) = self.slots.get(next) {
            if slot.before.matches(buffer, pos) {
                pos += slot.before.bytes.len();
            } else {
                whole = false;
                match self.find_later(buffer, pos, next) {
                    Some((found, value)) => (next, pos, slot) = (found, value, &self.slots[found]),
                    None => break,
                }
            }
            pos = match slot.column {
                Some(column) => {
                    let column = &mut columns.fields[column as usize];
                    match fill_plain(buffer, pos, column) {
                        Some(end) => end,
                        None => fill_any(buffer.get(..length)?, pos, column, reader)?,
                    }
                }
                None => skip(buffer, length, pos)?,
            };
            next += 1;
        }
        // Where nothing was read yet, the object has to begin first.
        if pos == 0 || pos + 1 != length || buffer.get(pos) != Some(&b'}') {
            read_close(buffer.get(..length)?, pos)?;
        }
        if whole {
            columns.close_filled();
        } else {
            columns.close();
        }
        Some(())
    }

    /// The slot behind `next` whose name stands at `pos`, and where its value starts: the names between are missing.
    #[cold]
    fn find_later(&self, buffer: &[u8], pos: usize, next: usize) -> Option<(usize, usize)> {
        if pos > 0 {
            let later = (next + 1..self.slots.len()).find(|slot| self.slots[*slot].before.matches(buffer, pos))?;
            return Some((later, pos + self.slots[later].before.bytes.len()));
        }
        // At the start of the record, a later name stands behind the opening bracket.
        let first = self.slots.first()?;
        let open = &first.before.bytes[..first.before.bytes.len() - first.name.bytes.len()];
        let pos = pos + buffer.strip_prefix(open).map(|_| open.len())?;
        let later = (next + 1..self.slots.len()).find(|slot| self.slots[*slot].name.matches(buffer, pos))?;
        Some((later, pos + self.slots[later].name.bytes.len()))
    }
}

/// Where the value at `pos` ends that no column wants.
#[inline]
fn skip(buffer: &[u8], length: usize, pos: usize) -> Option<usize> {
    let end = match buffer.get(pos)? {
        b'"' => skip_string(buffer, pos + 1),
        b'-' | b'0'..=b'9' => skip_number(buffer, pos),
        // Brackets that do not close must not be followed into the records behind this one.
        _ => skip_value(buffer.get(..length)?, pos, 1),
    };
    end.map_err(drop::<Box<Fault>>).ok()
}

/// Reads a value of any form: null, an escaped string, an array, a number with an exponent...
#[inline(never)]
fn fill_any(record: &[u8], pos: usize, column: &mut ColumnBuilder, reader: &mut Reader) -> Option<usize> {
    read_value(record, pos, column, 1, reader).ok()
}

/// Checks that only the end of the object stands at `pos`; all of an empty one where nothing was read yet.
#[cold]
fn read_close(record: &[u8], mut pos: usize) -> Option<()> {
    if pos == 0 {
        pos = skip_space(record, 0);
        if record.get(pos) != Some(&b'{') {
            return None;
        }
        pos += 1;
    }
    pos = skip_space(record, pos);
    (record.get(pos) == Some(&b'}') && skip_space(record, pos + 1) == record.len()).then_some(())
}
