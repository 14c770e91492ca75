//! SQL's `OVER` on streams: ranks, values of rows nearby, and aggregates over frames, one result for each row.
//!
//! The rows of a key are taken in the order of their arrival. A row's values are given when it arrives and stay: the result is
//! append-only. Only where a frame looks ahead (LEAD, FOLLOWING) does a row wait for as many rows of its key; at the end of all
//! input the waiting rows are given with what there is. Each key has a bounded number of rows: [`rows`] keeps those that
//! frames of so many rows can reach, [`range`] those that frames of so much time can reach.
//!
//! Not here: which expressions and frames are allowed, that is settled in planning. Results that change are `TopN`'s.

mod aggregate;
mod call;
mod given;
mod range;
mod rows;
mod saved;
mod store;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, UInt32Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, Int64Type, SchemaRef};

pub use aggregate::FrameAggregate;
pub use call::{Frame, OverCall, OverFunction, Pick};

use super::expiry::{Expiry, Run};
use super::{Error, Expression, KeyIndex, Operator, Progress, RowErrors, StateForm};
use crate::state::{Changes, Entry};
use crate::types::ChangeBatch;
use aggregate::Columns;
use range::RangePart;
use rows::{Computed, RowsPart};
use saved::Codecs;

/// Appends to each row the results of calls with `OVER` that share one key.
#[derive(Debug)]
pub struct Over {
    keys: Vec<Expression>,
    index: KeyIndex,
    /// Arguments of all calls, and the conditions of their FILTER, in the order of the store's columns.
    args: Vec<Expression>,
    rows: RowsPart,
    range: RangePart,
    /// For each call whether it is computed by `range`.
    by_time: Vec<bool>,
    input_columns: usize,
    schema: SchemaRef,
    errors: Arc<RowErrors>,
    slots: Vec<u32>,
    finished: bool,
    /// What its state looks like.
    form: StateForm,
    /// Slots whose rows or results so far changed since they were saved, where they are saved at all.
    changed: Option<BTreeSet<u32>>,
    codecs: Codecs,
    /// Saved entries of keys whose time was up.
    gone: Vec<Vec<u8>>,
    expiry: Option<Expiry>,
}

impl Over {
    /// `schema` is the input's with one more field for each call. `ordered`: the calls have ORDER BY the row's time.
    ///
    /// # Errors
    /// When a key has a type that cannot be a key.
    pub fn new(
        keys: Vec<Expression>,
        calls: &[OverCall],
        ordered: bool,
        schema: SchemaRef,
        errors: Arc<RowErrors>,
    ) -> Result<Self, Error> {
        let types: Vec<DataType> = keys.iter().map(|key| key.data_type().clone()).collect();
        let mut args = Vec::new();
        let (mut by_rows, mut by_range) = (Vec::new(), Vec::new());
        let mut by_time = Vec::with_capacity(calls.len());
        for call in calls {
            let start = args.len();
            args.extend(call.args.iter().cloned());
            let end = args.len();
            args.extend(call.filter.iter().cloned());
            let columns = Columns {
                args: start..end,
                filter: call.filter.as_ref().map(|_| end),
            };
            let is_range = matches!(call.frame, Frame::Range { .. });
            by_time.push(is_range);
            let part = if is_range { &mut by_range } else { &mut by_rows };
            part.push((call.clone(), columns));
        }
        let input_columns = schema.fields().len() - calls.len();
        Ok(Self {
            form: saved::form(&keys, calls, ordered, &schema.fields()[..input_columns]),
            codecs: Codecs::new(&args, calls, &schema.fields()[..input_columns])?,
            changed: None,
            keys,
            index: KeyIndex::new(&types)?,
            rows: RowsPart::new(by_rows, args.len(), ordered, &errors)?,
            range: RangePart::new(by_range, &errors)?,
            by_time,
            input_columns,
            args,
            schema,
            errors,
            slots: Vec::new(),
            finished: false,
            gone: Vec::new(),
            expiry: None,
        })
    }

    /// Values of `expressions`; a row on which one fails has NULL there whatever the policy, because leaving a row out in the
    /// middle of a key's history would change the results of all rows after it.
    fn evaluate(&self, expressions: &[Expression], records: &RecordBatch) -> Result<Vec<ArrayRef>, Error> {
        expressions
            .iter()
            .map(|expression| Ok(expression.evaluate(records, &self.errors)?.array))
            .collect()
    }

    /// The batch of `input` with the results of the calls behind it, in the order of the calls.
    fn assemble(
        &self,
        input: &[ArrayRef],
        by_range: Vec<ArrayRef>,
        by_rows: Vec<ArrayRef>,
    ) -> Result<RecordBatch, Error> {
        let (mut by_range, mut by_rows) = (by_range.into_iter(), by_rows.into_iter());
        let mut columns = input.to_vec();
        for by_time in &self.by_time {
            columns.extend(if *by_time { by_range.next() } else { by_rows.next() });
        }
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }

    /// Rows that have waited, out of the store: behind the arguments and the time stand the input's columns, the results
    /// by range, and the stream times where there are any.
    fn waited(
        &self,
        computed: Computed,
        stream_times: Option<&Int64Array>,
        out: &mut Vec<ChangeBatch>,
    ) -> Result<(), Error> {
        let Computed {
            rows,
            triggers,
            columns,
        } = computed;
        if rows.is_empty() {
            return Ok(());
        }
        let time = self.args.len();
        let by_range = self.by_time.iter().filter(|by_time| **by_time).count();
        let stored = (time + 1..time + 1 + self.input_columns + by_range)
            .map(|column| self.rows.gather(&rows, column))
            .collect::<Result<Vec<_>, Error>>()?;
        let (input, by_range) = stored.split_at(self.input_columns);
        let records = self.assemble(input, by_range.to_vec(), columns)?;
        // A row that waited comes no earlier than the row that let it go, so windows after this judge it by that row's time.
        let stream_times = match stream_times {
            Some(times) => Some(
                take(times, &UInt32Array::from(triggers), None)?
                    .as_primitive::<Int64Type>()
                    .clone(),
            ),
            None => None,
        };
        out.push(ChangeBatch {
            records,
            event_times: self.rows.gather(&rows, time)?.as_primitive::<Int64Type>().clone(),
            weights: None,
            stream_times,
        });
        Ok(())
    }
}

impl Operator for Over {
    fn push(&mut self, _port: usize, changes: ChangeBatch, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        // A record without a value is no row; planning lets no retractions come here.
        let changes = changes.without_retractions()?;
        if changes.is_empty() {
            return Ok(());
        }
        let keys = self.evaluate(&self.keys, &changes.records)?;
        let mut slots = std::mem::take(&mut self.slots);
        self.index.slots(&keys, changes.num_rows(), &mut slots)?;
        match &mut self.expiry {
            None => self.push_run(changes, &slots, out)?,
            Some(expiry) => {
                for Run { rows, anew } in expiry.runs(&slots, changes.event_times.values()) {
                    self.expire(&anew, out)?;
                    self.push_run(changes.slice(rows.start, rows.len()), &slots[rows], out)?;
                }
            }
        }
        self.slots = slots;
        Ok(())
    }

    fn advance(&mut self, progress: Progress, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        if progress.watermark == i64::MAX && !self.finished {
            self.finished = true;
            let waiting: Vec<u32> = self.rows.waiting().collect();
            if let Some(changed) = &mut self.changed {
                changed.extend(&waiting);
            }
            let computed = self.rows.finish(&waiting)?;
            self.waited(computed, None, out)?;
        }
        let Some(expiry) = &mut self.expiry else { return Ok(()) };
        let expired = expiry.sweep(progress.watermark);
        self.expire(&expired, out)?;
        for slot in expired {
            if let Some(changed) = &mut self.changed {
                changed.remove(&slot);
            }
            self.index.remove(slot);
        }
        self.rows.tidy()
    }

    fn expire_after(&mut self, ttl_ms: i64) {
        self.expiry = Some(Expiry::new(ttl_ms));
    }

    fn state_keys(&self) -> Option<usize> {
        Some(self.index.len())
    }

    fn state_form(&self) -> Option<String> {
        Some(self.form.text())
    }

    fn state_difference(&self, saved: &str) -> Option<String> {
        self.form.difference(saved)
    }

    fn track_changes(&mut self) {
        self.changed = Some(self.index.all().collect());
        self.rows.forget_saved();
        self.range.forget_saved();
    }

    fn save(&mut self, changes: &mut Changes) -> Result<(), Error> {
        self.save_changed(changes)
    }

    fn load(&mut self, entries: &[Entry]) -> Result<(), Error> {
        self.load_entries(entries)
    }

    fn state_bytes(&self) -> usize {
        let expiry = self.expiry.as_ref().map_or(0, Expiry::state_bytes);
        self.index.state_bytes() + self.rows.state_bytes() + self.range.state_bytes() + expiry
    }
}

impl Over {
    /// Forgets the rows of keys whose time is up. Rows that wait are given with what there is: no row of their key comes after them any more.
    fn expire(&mut self, slots: &[u32], out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        if slots.is_empty() {
            return Ok(());
        }
        let computed = self.rows.finish(slots)?;
        self.waited(computed, None, out)?;
        for slot in slots {
            if self.changed.is_some() {
                self.forget_entries(*slot);
            }
            self.rows.forget(*slot as usize);
            self.range.forget_key(*slot as usize);
        }
        Ok(())
    }

    /// Takes rows in, each with the slot of its key.
    fn push_run(&mut self, changes: ChangeBatch, slots: &[u32], out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        let mut columns = self.evaluate(&self.args, &changes.records)?;
        let by_range = self.range.push(slots, &changes.event_times, columns.clone())?;
        columns.push(Arc::new(changes.event_times.clone()));
        if self.rows.delays() {
            columns.extend(changes.records.columns().iter().cloned());
            columns.extend(by_range);
            let computed = self.rows.push(slots, columns)?;
            self.waited(computed, changes.stream_times.as_ref(), out)?;
        } else {
            let computed = self.rows.push(slots, columns)?;
            out.push(ChangeBatch {
                records: self.assemble(changes.records.columns(), by_range, computed.columns)?,
                event_times: changes.event_times,
                weights: None,
                stream_times: changes.stream_times,
            });
        }
        if let Some(changed) = &mut self.changed {
            changed.extend(slots);
        }
        self.rows.tidy()
    }
}
