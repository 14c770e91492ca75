//! The rows that a join keeps, in the batches in which they came.
//!
//! A batch is kept as it is, so that keeping a row copies nothing; a row is known by a [`RowRef`], and rows of many batches are
//! put together with one kernel call per column. Batches of few rows are put together as they pile up, so that one row per step
//! does not mean one batch per row for ever.
//!
//! Not here: which row belongs to which key, which the operators know.

use std::sync::Arc;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use datafusion::arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, UInt32Array, new_null_array};
use datafusion::arrow::compute::{concat_batches, interleave, take};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;

use super::key_slots::NO_SLOT;
use crate::types::ChangeBatch;

/// Bits of a [`RowRef`] that say which row of a batch it is.
const ROW_BITS: u32 = 24;
/// Batches of fewer rows are put together.
const SMALL_ROWS: usize = 1_024;
/// So many small batches make a bigger one.
const SMALL_BATCHES_MAX: usize = 32;
/// Rows of one batch after the live rows were moved together.
const COMPACTED_ROWS: usize = 65_536;
/// Dead rows that are not worth moving the live ones together.
const DEAD_ROWS_MIN: usize = 4_096;

/// A row that is kept, or [`RowRef::NONE`]. Rows that came later have larger ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RowRef(u64);

impl RowRef {
    /// No row: all columns are null.
    pub(crate) const NONE: Self = Self(u64::MAX);

    /// The first row of a batch by its number.
    pub(crate) fn first_of(batch: u64) -> Self {
        Self(batch << ROW_BITS)
    }

    /// The row `rows` after this one in the same batch.
    pub(crate) fn plus(self, rows: usize) -> Self {
        Self(self.0 + rows as u64)
    }

    /// True for [`RowRef::NONE`].
    pub(crate) fn is_none(self) -> bool {
        self == Self::NONE
    }

    fn batch(self) -> u64 {
        self.0 >> ROW_BITS
    }

    fn row(self) -> usize {
        (self.0 & ((1 << ROW_BITS) - 1)) as usize
    }
}

/// Event and stream times of rows under construction, milliseconds.
#[derive(Debug, Default)]
pub(crate) struct Times {
    pub(crate) event: Vec<i64>,
    pub(crate) stream: Vec<i64>,
}

impl Times {
    /// Times before all others, to take the later ones of both sides.
    pub(crate) fn earliest(rows: usize) -> Self {
        Self {
            event: vec![i64::MIN; rows],
            stream: vec![i64::MIN; rows],
        }
    }
}

/// One batch that is kept.
#[derive(Debug)]
struct Held {
    records: RecordBatch,
    event_times: Int64Array,
    stream_times: Int64Array,
    /// The slot of each row's key; empty in a store whose rows do not expire.
    slots: Vec<u32>,
    /// Whether a row has found a partner; empty while none has.
    matched: Vec<bool>,
    /// The latest event time of its rows, milliseconds.
    latest: i64,
}

/// What stands at the number of a batch: the batch, or where its rows are now.
#[derive(Debug)]
struct Entry {
    /// The number of the batch that has the rows.
    home: u64,
    /// The first of the rows there.
    offset: usize,
    held: Option<Box<Held>>,
}

/// Batches by number.
#[derive(Debug)]
pub(crate) struct KeptRows {
    schema: SchemaRef,
    nulls: Vec<ArrayRef>,
    /// Number of the first entry.
    base: u64,
    entries: VecDeque<Entry>,
    /// The last batches, where they are small.
    small: Vec<u64>,
    rows: usize,
    /// Batches by their latest event time; holds also numbers that have gone.
    expiry: BinaryHeap<Reverse<(i64, u64)>>,
    /// For gathering: where a batch stands among those that are used, plus one.
    used: Vec<u32>,
}

impl KeptRows {
    /// Keeps nothing yet.
    pub(crate) fn new(schema: SchemaRef) -> Self {
        let nulls = schema
            .fields()
            .iter()
            .map(|field| new_null_array(field.data_type(), 1))
            .collect();
        Self {
            schema,
            nulls,
            base: 0,
            entries: VecDeque::new(),
            small: Vec::new(),
            rows: 0,
            expiry: BinaryHeap::new(),
            used: Vec::new(),
        }
    }

    /// Rows that are held, those included that nobody refers to any more.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Memory held, in bytes, roughly.
    pub(crate) fn state_bytes(&self) -> usize {
        let held = self.entries.iter().filter_map(|entry| entry.held.as_deref());
        let bytes = held.map(|held| {
            let times = held.event_times.get_array_memory_size() + held.stream_times.get_array_memory_size();
            held.records.get_array_memory_size()
                + times
                + held.slots.capacity() * size_of::<u32>()
                + held.matched.capacity()
        });
        bytes.sum::<usize>() + self.entries.capacity() * size_of::<Entry>()
    }

    /// Lets go of everything.
    pub(crate) fn clear(&mut self) {
        self.base += self.entries.len() as u64;
        self.entries.clear();
        self.small.clear();
        self.expiry.clear();
        self.rows = 0;
    }

    /// Keeps a batch of at most [`super::BATCH_ROWS_JOINED_MAX`] rows and gives its first row. `slots` has the slot of each
    /// row's key, [`NO_SLOT`] for none; it is empty where rows do not expire.
    ///
    /// # Errors
    /// When batches do not fit together, which would be an error of the plan.
    pub(crate) fn push(&mut self, changes: &ChangeBatch, slots: Vec<u32>) -> Result<RowRef, ArrowError> {
        let number = self.base + self.entries.len() as u64;
        let latest = changes.event_times.values().iter().copied().max().unwrap_or(i64::MIN);
        if !slots.is_empty() {
            self.expiry.push(Reverse((latest, number)));
        }
        self.rows += changes.num_rows();
        self.entries.push_back(Entry {
            home: number,
            offset: 0,
            held: Some(Box::new(Held {
                records: changes.records.clone(),
                event_times: changes.event_times.clone(),
                stream_times: changes.stream_times.as_ref().unwrap_or(&changes.event_times).clone(),
                slots,
                matched: Vec::new(),
                latest,
            })),
        });
        if changes.num_rows() < SMALL_ROWS {
            self.small.push(number);
            if self.small.len() >= SMALL_BATCHES_MAX {
                self.unite_small()?;
            }
        } else {
            self.small.clear();
        }
        Ok(RowRef::first_of(number))
    }

    /// Makes one batch of the small ones at the end.
    fn unite_small(&mut self) -> Result<(), ArrowError> {
        let mut parts = Vec::with_capacity(self.small.len());
        for number in std::mem::take(&mut self.small) {
            // One that has expired since has nothing to give.
            let at = number.checked_sub(self.base).map(|at| at as usize);
            if let Some(held) = at.and_then(|at| self.entries.get_mut(at)?.held.take()) {
                parts.push((number, held));
            }
        }
        let Some((first, _)) = parts.first() else { return Ok(()) };
        let first = *first;
        let records = concat_batches(&self.schema, parts.iter().map(|(_, held)| &held.records))?;
        let mut united = Held {
            event_times: parts
                .iter()
                .flat_map(|(_, held)| held.event_times.values())
                .copied()
                .collect(),
            stream_times: parts
                .iter()
                .flat_map(|(_, held)| held.stream_times.values())
                .copied()
                .collect(),
            slots: Vec::with_capacity(records.num_rows()),
            matched: Vec::new(),
            latest: parts.iter().map(|(_, held)| held.latest).max().unwrap_or(i64::MIN),
            records,
        };
        let has_matches = parts.iter().any(|(_, held)| !held.matched.is_empty());
        let mut offsets = Vec::with_capacity(parts.len());
        let mut offset = 0;
        for (number, held) in parts {
            let rows = held.records.num_rows();
            united.slots.extend_from_slice(&held.slots);
            if has_matches {
                united.matched.extend_from_slice(&held.matched);
                united.matched.resize(offset + rows, false);
            }
            offsets.push((number, offset));
            offset += rows;
        }
        let start = (first - self.base) as usize;
        for entry in self.entries.range_mut(start..) {
            if let Ok(at) = offsets.binary_search_by_key(&entry.home, |(number, _)| *number) {
                entry.home = first;
                entry.offset += offsets[at].1;
            }
        }
        if !united.slots.is_empty() {
            self.expiry.push(Reverse((united.latest, first)));
        }
        if united.records.num_rows() < SMALL_ROWS {
            self.small.push(first);
        }
        self.entries[start].held = Some(Box::new(united));
        Ok(())
    }

    fn find(&self, row: RowRef) -> (&Held, usize) {
        let entry = &self.entries[(row.batch() - self.base) as usize];
        let home = &self.entries[(entry.home - self.base) as usize];
        let held = home
            .held
            .as_ref()
            .expect("a batch is let go only when no row of it is referred to");
        (held, entry.offset + row.row())
    }

    /// Event time of a row, milliseconds.
    pub(crate) fn event_time(&self, row: RowRef) -> i64 {
        let (held, at) = self.find(row);
        held.event_times.value(at)
    }

    /// Stream time at a row, milliseconds.
    pub(crate) fn stream_time(&self, row: RowRef) -> i64 {
        let (held, at) = self.find(row);
        held.stream_times.value(at)
    }

    /// Whether [`KeptRows::set_matched`] was called for the row.
    pub(crate) fn is_matched(&self, row: RowRef) -> bool {
        let (held, at) = self.find(row);
        held.matched.get(at).is_some_and(|matched| *matched)
    }

    /// Notes that a row has found a partner.
    pub(crate) fn set_matched(&mut self, row: RowRef) {
        let entry = &self.entries[(row.batch() - self.base) as usize];
        let (home, at) = ((entry.home - self.base) as usize, entry.offset + row.row());
        if let Some(held) = &mut self.entries[home].held {
            if held.matched.is_empty() {
                held.matched.resize(held.records.num_rows(), false);
            }
            held.matched[at] = true;
        }
    }

    /// The columns of `rows`, null for [`RowRef::NONE`]. Where `times` are given, each is raised to that of its row.
    ///
    /// # Errors
    /// When Arrow cannot put the rows together, which would be an error of the plan.
    pub(crate) fn gather(
        &mut self,
        rows: &[RowRef],
        mut times: Option<&mut Times>,
    ) -> Result<Vec<ArrayRef>, ArrowError> {
        let mut used = std::mem::take(&mut self.used);
        if used.len() < self.entries.len() {
            used.resize(self.entries.len(), 0);
        }
        let mut touched = Vec::new();
        let mut helds: Vec<&Held> = Vec::new();
        let mut places = Vec::with_capacity(rows.len());
        let mut has_none = false;
        for (index, row) in rows.iter().enumerate() {
            if row.is_none() {
                has_none = true;
                places.push((usize::MAX, 0));
                continue;
            }
            let entry = &self.entries[(row.batch() - self.base) as usize];
            let home = (entry.home - self.base) as usize;
            if used[home] == 0 {
                let held = self.entries[home].held.as_deref();
                helds.push(held.expect("a batch is let go only when no row of it is referred to"));
                used[home] = u32::try_from(helds.len()).expect("fewer batches than rows");
                touched.push(home);
            }
            let (place, at) = (used[home] as usize - 1, entry.offset + row.row());
            if let Some(times) = &mut times {
                let held = helds[place];
                times.event[index] = times.event[index].max(held.event_times.value(at));
                times.stream[index] = times.stream[index].max(held.stream_times.value(at));
            }
            places.push((place, at));
        }
        for home in touched {
            used[home] = 0;
        }
        let columns = self.columns_at(&helds, &mut places, has_none);
        self.used = used;
        columns
    }

    fn columns_at(
        &self,
        helds: &[&Held],
        places: &mut [(usize, usize)],
        has_none: bool,
    ) -> Result<Vec<ArrayRef>, ArrowError> {
        if helds.is_empty() {
            let nulls = self.schema.fields().iter();
            return Ok(nulls
                .map(|field| new_null_array(field.data_type(), places.len()))
                .collect());
        }
        if let ([held], false) = (helds, has_none) {
            let (_, first) = places[0];
            if places.iter().enumerate().all(|(index, (_, at))| *at == first + index) {
                return Ok(held.records.slice(first, places.len()).columns().to_vec());
            }
            let at: UInt32Array = places
                .iter()
                .map(|(_, at)| u32::try_from(*at).expect("a batch has at most 16 million rows"))
                .collect::<Vec<_>>()
                .into();
            return held
                .records
                .columns()
                .iter()
                .map(|column| take(column, &at, None))
                .collect();
        }
        if has_none {
            for place in places.iter_mut().filter(|(place, _)| *place == usize::MAX) {
                place.0 = helds.len();
            }
        }
        (0..self.schema.fields().len())
            .map(|column| {
                let mut arrays: Vec<&dyn Array> =
                    helds.iter().map(|held| held.records.column(column).as_ref()).collect();
                if has_none {
                    arrays.push(self.nulls[column].as_ref());
                }
                interleave(&arrays, places)
            })
            .collect()
    }

    /// Lets go of batches of which no row is later than `horizon` (milliseconds), and calls `forget` with the slot of each row.
    pub(crate) fn expire(&mut self, horizon: i64, mut forget: impl FnMut(u32)) {
        while let Some(Reverse((latest, number))) = self.expiry.peek().copied() {
            if latest > horizon {
                break;
            }
            self.expiry.pop();
            let Some(at) = number.checked_sub(self.base) else {
                continue;
            };
            // A batch that took others in stands a second time in the heap, with its own latest time.
            let entry = &mut self.entries[at as usize];
            if let Some(held) = entry.held.take_if(|held| held.latest <= horizon) {
                self.rows -= held.records.num_rows();
                held.slots
                    .into_iter()
                    .filter(|slot| *slot != NO_SLOT)
                    .for_each(&mut forget);
            }
        }
        while let Some(first) = self.entries.front() {
            let is_gone = match first.home.checked_sub(self.base) {
                None => true,
                Some(home) => self.entries[home as usize].held.is_none(),
            };
            if !is_gone {
                break;
            }
            self.entries.pop_front();
            self.base += 1;
        }
    }

    /// Moves the rows `live` together when most of the rows held are dead, and gives them their new numbers.
    ///
    /// # Errors
    /// As [`KeptRows::gather`].
    pub(crate) fn compact<'a>(
        &mut self,
        live: impl Iterator<Item = &'a mut RowRef>,
        count: usize,
    ) -> Result<(), ArrowError> {
        let dead = self.rows - count.min(self.rows);
        if dead < DEAD_ROWS_MIN || dead < count {
            return Ok(());
        }
        let mut live: Vec<&mut RowRef> = live.filter(|row| !row.is_none()).collect();
        let mut fresh = Self::new(Arc::clone(&self.schema));
        fresh.base = self.base + self.entries.len() as u64;
        for part in live.chunks_mut(COMPACTED_ROWS) {
            let rows: Vec<RowRef> = part.iter().map(|row| **row).collect();
            let mut times = Times::earliest(rows.len());
            let columns = self.gather(&rows, Some(&mut times))?;
            let options = datafusion::arrow::array::RecordBatchOptions::new().with_row_count(Some(rows.len()));
            let changes = ChangeBatch {
                records: RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?,
                event_times: times.event.into(),
                weights: None,
                stream_times: Some(times.stream.into()),
            };
            let first = fresh.push(&changes, Vec::new())?;
            for (index, row) in part.iter_mut().enumerate() {
                let moved = first.plus(index);
                if self.is_matched(**row) {
                    fresh.set_matched(moved);
                }
                **row = moved;
            }
        }
        *self = fresh;
        Ok(())
    }
}
