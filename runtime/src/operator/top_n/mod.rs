//! The first rows of each key by an order: `ROW_NUMBER() ... <= n`, and ORDER BY ... LIMIT.
//!
//! The result changes: a row that comes in among the first ones pushes another out, which is retracted. Where the input is
//! append-only the rows behind the first ones can never come back and are forgotten; otherwise all rows are kept. Changes are
//! given row by row, so the number of rows in a step makes no difference.

mod ranked;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{ArrayRef, BooleanArray, Int8Array, Int64Array, RecordBatch, UInt32Array, UInt64Array};
use datafusion::arrow::compute::{SortOptions, cast, take};
use datafusion::arrow::datatypes::{DataType, Int64Type, SchemaRef};
use datafusion::arrow::row::{RowConverter, SortField};

use super::expiry::{Expiry, Run};
use super::{Error, Expression, KeyIndex, Operator, Progress, RowErrors};
use crate::state::{Changes, Entry, Reader, Writer};
use crate::types::ChangeBatch;
use ranked::{Delta, Ranked, Shown};

/// Which rows are the first ones, as it was planned.
#[derive(Debug, Clone)]
pub struct TopNSpec {
    /// PARTITION BY; none: all rows are one set.
    pub keys: Vec<Expression>,
    /// ORDER BY.
    pub order: Vec<(Expression, SortOptions)>,
    /// How rows are counted.
    pub counting: Counting,
    /// So many rows before the first one shown (OFFSET).
    pub skip: u64,
    /// The number of the last row shown, `skip` included.
    pub last: u64,
    /// Whether the number of each row is a column of the result, the last one.
    pub shows_number: bool,
    /// Which of rows that the order finds equal comes first.
    pub ties: Ties,
    /// Whether no row of the input is ever retracted.
    pub input: Retractions,
}

/// How rows are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// `ROW_NUMBER`: 1, 2, 3 ...
    RowNumber,
    /// `RANK`: equal rows have the number of the first of them.
    Rank,
    /// `DENSE_RANK`: equal rows have one number, the next ones the next.
    DenseRank,
}

/// Which of rows that the order finds equal comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ties {
    /// The one that arrived first.
    OldestFirst,
    /// The one that arrived last: what "keep the last" means where times are equal.
    NewestFirst,
}

/// Whether rows of the input are retracted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retractions {
    /// Never: rows behind the first ones are forgotten.
    Never,
    /// They may be: all rows are kept.
    Possible,
}

/// Gives the first rows of each key, and retracts those that are it no more.
#[derive(Debug)]
pub struct TopN {
    spec: TopNSpec,
    index: KeyIndex,
    sorter: RowConverter,
    converter: RowConverter,
    sets: Vec<Ranked>,
    arrived: u64,
    schema: SchemaRef,
    errors: Arc<RowErrors>,
    slots: Vec<u32>,
    /// Slots whose rows changed since they were saved, where they are saved at all.
    changed: Option<BTreeSet<u32>>,
    /// Keys whose time was up since they were saved.
    gone: Vec<Vec<u8>>,
    expiry: Option<Expiry>,
}

/// The entry of how many rows have arrived; those of keys begin with another byte.
const ARRIVED: &[u8] = &[0];
const KEY: u8 = 1;

impl TopN {
    /// `schema` is the input's, with one more field for the number where that is shown.
    ///
    /// # Errors
    /// When a column has a type that cannot be sorted or kept.
    pub fn new(spec: TopNSpec, schema: SchemaRef, errors: Arc<RowErrors>) -> Result<Self, Error> {
        let keys: Vec<DataType> = spec.keys.iter().map(|key| key.data_type().clone()).collect();
        let order = spec
            .order
            .iter()
            .map(|(by, options)| SortField::new_with_options(by.data_type().clone(), *options));
        let kept = schema.fields().len() - usize::from(spec.shows_number);
        let columns = schema.fields().iter().take(kept);
        Ok(Self {
            index: KeyIndex::new(&keys)?,
            sorter: RowConverter::new(order.collect())?,
            converter: RowConverter::new(columns.map(|field| SortField::new(field.data_type().clone())).collect())?,
            spec,
            sets: Vec::new(),
            arrived: 0,
            schema,
            errors,
            slots: Vec::new(),
            changed: None,
            gone: Vec::new(),
            expiry: None,
        })
    }

    /// Values of `expressions`; where one fails the row has NULL there, whatever the policy: it must be found again when it is
    /// retracted.
    fn evaluate<'a>(
        &self,
        expressions: impl Iterator<Item = &'a Expression>,
        records: &RecordBatch,
    ) -> Result<Vec<ArrayRef>, Error> {
        expressions
            .map(|expression| Ok(expression.evaluate(records, &self.errors)?.array))
            .collect()
    }

    /// The changes that can make a difference: of an append-only input those that are not behind the rows already there.
    fn candidates(&mut self, changes: ChangeBatch) -> Result<ChangeBatch, Error> {
        if self.spec.input == Retractions::Possible {
            return Ok(changes);
        }
        let order = self.evaluate(self.spec.order.iter().map(|(by, _)| by), &changes.records)?;
        let sorted = self.sorter.convert_columns(&order)?;
        let candidates: BooleanArray = self
            .slots
            .iter()
            .enumerate()
            .map(|(row, slot)| {
                let set = self.sets.get(*slot as usize);
                Some(set.is_none_or(|set| set.admits(sorted.row(row).data(), &self.spec)))
            })
            .collect();
        if candidates.true_count() == changes.num_rows() {
            return Ok(changes);
        }
        let kept = self.slots.iter().zip(candidates.values());
        self.slots = kept
            .filter(|(_, candidate)| *candidate)
            .map(|(slot, _)| *slot)
            .collect();
        Ok(changes.filter(&candidates)?)
    }

    /// `event_times` and `stream_times` are those of the rows that set the deltas off.
    fn result(
        &self,
        event_times: &Int64Array,
        stream_times: Option<&Int64Array>,
        deltas: &[Delta],
    ) -> Result<ChangeBatch, Error> {
        let parser = self.converter.parser();
        let rows = deltas.iter().map(|delta| parser.parse(&delta.shown.row));
        let mut columns = self.converter.convert_rows(rows)?;
        if self.spec.shows_number {
            let numbers: UInt64Array = deltas.iter().map(|delta| delta.shown.number).collect::<Vec<_>>().into();
            columns.push(cast(&numbers, self.schema.field(columns.len()).data_type())?);
        }
        let triggers: UInt32Array = deltas.iter().map(|delta| delta.trigger).collect::<Vec<_>>().into();
        let times = |array: &Int64Array| -> Result<Int64Array, Error> {
            Ok(take(array, &triggers, None)?.as_primitive::<Int64Type>().clone())
        };
        Ok(ChangeBatch {
            records: RecordBatch::try_new(Arc::clone(&self.schema), columns)?,
            event_times: times(event_times)?,
            weights: Some(deltas.iter().map(|delta| delta.weight).collect::<Int8Array>()),
            stream_times: stream_times.map(times).transpose()?,
        })
    }

    /// The key of a key's saved entry.
    fn entry_key(&self, slot: u32) -> Vec<u8> {
        let mut key = vec![KEY];
        key.extend_from_slice(self.index.key(slot));
        key
    }

    /// Takes rows in whose slots are in `self.slots`.
    fn push_run(&mut self, changes: ChangeBatch, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        let changes = self.candidates(changes)?;
        if changes.is_empty() {
            return Ok(());
        }
        self.sets.resize_with(self.index.end(), Ranked::default);
        if let Some(changed) = &mut self.changed {
            changed.extend(&self.slots);
        }
        let order = self.evaluate(self.spec.order.iter().map(|(by, _)| by), &changes.records)?;
        let sorted = self.sorter.convert_columns(&order)?;
        let rows = self.converter.convert_columns(changes.records.columns())?;
        let mut deltas: Vec<Delta> = Vec::new();
        let mut before: Vec<Shown> = Vec::new();
        for row in 0..changes.num_rows() {
            let slot = self.slots[row];
            let set = &mut self.sets[slot as usize];
            // The halves of an update make one change of the first rows, not two.
            let continues = row > 0 && is_update(&changes, row - 1) && self.slots[row - 1] == slot;
            if !continues {
                before = set.shown(&self.spec);
            }
            self.arrived += 1;
            set.apply(
                &self.spec,
                changes.weight(row),
                sorted.row(row).data(),
                rows.row(row).data(),
                self.arrived,
            );
            let goes_on = is_update(&changes, row) && self.slots[row + 1] == slot;
            if !goes_on {
                let trigger = u32::try_from(row).expect("a batch has fewer than 2^32 rows");
                ranked::differences(&self.spec, &before, &set.shown(&self.spec), trigger, &mut deltas);
            }
        }
        if !deltas.is_empty() {
            out.push(self.result(&changes.event_times, changes.stream_times.as_ref(), &deltas)?);
        }
        Ok(())
    }

    /// Takes the rows of keys back whose time is up. `time`: when that was.
    fn expire(&mut self, slots: &[u32], time: i64, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        let (mut deltas, mut times) = (Vec::new(), Vec::new());
        for (trigger, slot) in (0..).zip(slots) {
            let before = std::mem::take(&mut self.sets[*slot as usize]).shown(&self.spec);
            ranked::differences(&self.spec, &before, &[], trigger, &mut deltas);
            times.push(time);
        }
        if !deltas.is_empty() {
            out.push(self.result(&times.into(), None, &deltas)?);
        }
        Ok(())
    }
}

impl Operator for TopN {
    fn push(&mut self, _port: usize, changes: ChangeBatch, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        let changes = match changes.rows_mask() {
            Some(mask) => changes.filter(&mask)?,
            None => changes,
        };
        if changes.is_empty() {
            return Ok(());
        }
        let keys = self.evaluate(self.spec.keys.iter(), &changes.records)?;
        self.index.slots(&keys, changes.num_rows(), &mut self.slots)?;
        let Some(expiry) = &mut self.expiry else {
            return self.push_run(changes, out);
        };
        let slots = std::mem::take(&mut self.slots);
        self.sets.resize_with(self.index.end(), Ranked::default);
        if let Some(changed) = &mut self.changed {
            // A row that is not among the first ones touches its key, too.
            changed.extend(&slots);
        }
        for Run { rows, anew } in expiry.runs(&slots, changes.event_times.values()) {
            let time = changes.event_times.value(rows.start);
            self.expire(&anew, time, out)?;
            self.slots = slots[rows.clone()].to_vec();
            self.push_run(changes.slice(rows.start, rows.len()), out)?;
        }
        Ok(())
    }

    fn advance(&mut self, progress: Progress, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        let Some(expiry) = &mut self.expiry else { return Ok(()) };
        let expired = expiry.sweep(progress.watermark);
        self.expire(&expired, progress.watermark, out)?;
        for slot in expired {
            if let Some(changed) = &mut self.changed {
                changed.remove(&slot);
                self.gone.push(self.entry_key(slot));
            }
            self.index.remove(slot);
        }
        Ok(())
    }

    fn expire_after(&mut self, ttl_ms: i64) {
        self.expiry = Some(Expiry::new(ttl_ms));
    }

    fn state_keys(&self) -> Option<usize> {
        Some(self.index.len())
    }

    fn state_form(&self) -> Option<String> {
        let fields = self.schema.fields().iter();
        let row: Vec<_> = fields.map(|field| field.data_type().to_string()).collect();
        Some(format!("top n 1: {}; rows ({})", self.spec, row.join(", ")))
    }

    fn track_changes(&mut self) {
        self.changed = Some(self.index.all().collect());
    }

    /// Key: the key. Value: its rows in order, each with its place in it; then when the key was touched last, where it has a time to live.
    fn save(&mut self, changes: &mut Changes) -> Result<(), Error> {
        for key in self.gone.drain(..) {
            changes.delete(&key);
        }
        let changed = self.changed.as_mut().map(std::mem::take).unwrap_or_default();
        if changed.is_empty() {
            return Ok(());
        }
        let mut value = Writer::new();
        value.number(i64::try_from(self.arrived).unwrap_or(i64::MAX));
        changes.put(ARRIVED, value.written());
        for slot in changed {
            let key = self.entry_key(slot);
            let set = &self.sets[slot as usize];
            if set.is_empty() {
                changes.delete(&key);
                continue;
            }
            value.restart();
            set.write(&mut value);
            if let Some(expiry) = &self.expiry {
                Ranked::write_time(expiry.touched(slot), &mut value);
            }
            changes.put(&key, value.written());
        }
        Ok(())
    }

    fn load(&mut self, entries: &[Entry]) -> Result<(), Error> {
        for (key, value) in entries {
            let mut value = Reader::new(value)?;
            if &**key == ARRIVED {
                self.arrived = value.number()?.unsigned_abs();
                continue;
            }
            let slot = self.index.restore(key.get(1..).unwrap_or_default());
            self.sets.resize_with(self.index.end(), Ranked::default);
            let touched = self.sets[slot as usize].read(&mut value)?;
            if let Some(expiry) = &mut self.expiry {
                expiry.load(slot, touched);
            }
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        let expiry = self.expiry.as_ref().map_or(0, Expiry::state_bytes);
        self.index.state_bytes() + self.sets.iter().map(Ranked::state_bytes).sum::<usize>() + expiry
    }
}

/// True where `row` and the one after it are the halves of an update.
fn is_update(changes: &ChangeBatch, row: usize) -> bool {
    row + 1 < changes.num_rows() && changes.weight(row) < 0 && changes.weight(row + 1) > 0
}

impl fmt::Display for TopNSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.skip > 0 {
            write!(f, "rows {} to {}", self.skip + 1, self.last)?;
        } else {
            write!(f, "first {}", self.last)?;
        }
        match self.counting {
            Counting::RowNumber => {}
            Counting::Rank => f.write_str(" by rank")?,
            Counting::DenseRank => f.write_str(" by dense rank")?,
        }
        let list = |keys: Vec<String>| keys.join(", ");
        if !self.keys.is_empty() {
            write!(
                f,
                " of each {}",
                list(self.keys.iter().map(ToString::to_string).collect())
            )?;
        }
        let order = self.order.iter().map(|(by, options)| {
            let direction = if options.descending { " descending" } else { "" };
            format!("{by}{direction}")
        });
        write!(f, " ordered by {}", list(order.collect()))?;
        if self.input == Retractions::Possible {
            f.write_str(", all rows kept")?;
        }
        Ok(())
    }
}
