//! GROUP BY with session windows: a row joins the sessions of its key that are near enough, and may make several of them one.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, Int8Array, Int64Array, RecordBatch, RecordBatchOptions, new_null_array,
};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::scalar::ScalarValue;

use super::group_index::GroupIndex;
use super::input::{GroupInput, accumulators, evaluate};
use super::saved::{
    GROUP, begin_save, damaged, end_load, form, read_states, read_watermark, write_states, write_watermark,
};
use super::{GroupBy, Window, WindowEmit};
use crate::operator::aggregate::Accumulator;
use crate::operator::{Error, LateRows, Operator, Progress, RowErrors};
use crate::state::{Changes, Entry, Reader, Writer};
use crate::types::ChangeBatch;

/// The sessions of all keys.
#[derive(Debug)]
pub(super) struct Sessions {
    plan: GroupBy,
    window: Window,
    gap_ms: i64,
    schema: SchemaRef,
    errors: Arc<RowErrors>,
    late: Arc<LateRows>,
    index: GroupIndex,
    /// By number of the key, earliest first.
    open: Vec<Vec<Session>>,
    accumulators: Vec<Box<dyn Accumulator>>,
    free_states: Vec<u32>,
    state_end: u32,
    /// Ends of sessions with their key's number, the earliest first; an entry may be out of date.
    ends: BinaryHeap<Reverse<(i64, u32)>>,
    /// Sessions changed in this step: key number, state number.
    touched: Vec<(u32, u32)>,
    watermark: i64,
    keys: Vec<u32>,
    /// What is to be saved, where it is saved at all.
    changed: Option<Changed>,
}

/// What changed since the state was saved.
#[derive(Debug, Default)]
struct Changed {
    /// Numbers of keys whose sessions changed.
    keys: BTreeSet<u32>,
    /// Entries that are no more.
    gone: Vec<Vec<u8>>,
    watermark: bool,
}

/// One session of one key.
#[derive(Debug)]
struct Session {
    /// Event time of its first row.
    start: i64,
    /// Event time of its last row, inclusive.
    end: i64,
    /// Number of its state in the accumulators.
    state: u32,
    /// What was given of it, and of the sessions that it swallowed, and stands until the end of this step.
    published: Vec<Published>,
    is_touched: bool,
}

#[derive(Debug, Clone)]
struct Published {
    start: i64,
    end: i64,
    /// The aggregates as they were given; empty where nobody asks.
    values: Vec<ScalarValue>,
}

/// A row of the result on its way out.
struct OutRow {
    key: u32,
    published: Published,
    time: i64,
    weight: i8,
}

impl Sessions {
    pub(super) fn new(
        plan: GroupBy,
        window: Window,
        gap_ms: i64,
        schema: SchemaRef,
        errors: Arc<RowErrors>,
        late: Arc<LateRows>,
    ) -> Result<Self, Error> {
        let types: Vec<DataType> = plan.keys.iter().map(|key| key.data_type().clone()).collect();
        Ok(Self {
            index: GroupIndex::new(&types)?,
            accumulators: accumulators(&plan.calls, &errors)?,
            plan,
            window,
            gap_ms,
            schema,
            errors,
            late,
            open: Vec::new(),
            free_states: Vec::new(),
            state_end: 0,
            ends: BinaryHeap::new(),
            touched: Vec::new(),
            watermark: i64::MIN,
            keys: Vec::new(),
            changed: None,
        })
    }

    /// From which stream time on a session that ends then takes no more rows (Kafka Streams: `windowCloseTime`; its rule is
    /// "before", where windows of fixed size have "at or before").
    fn closes_after(&self, end: i64) -> i64 {
        end.saturating_add(self.gap_ms).saturating_add(self.window.grace_ms)
    }

    /// Finds the session of each row, in order. Rows before a merge are handed to the accumulators before it.
    fn assign(&mut self, input: &GroupInput, keys: &[u32]) -> Result<(), Error> {
        self.open.resize_with(self.index.end(), Vec::new);
        let (mut rows, mut states): (Vec<u32>, Vec<u32>) = (Vec::new(), Vec::new());
        let (mut late, mut late_keys) = (Vec::new(), Vec::new());
        for (row, key) in keys.iter().enumerate() {
            let time = input.event_times[row];
            let (first, last) = self.near(*key, time);
            let own = &self.open[*key as usize][first..last];
            let end = own
                .iter()
                .map(|session| session.end)
                .max()
                .map_or(time, |end| end.max(time));
            if self.closes_after(end) < input.stream_times[row].max(self.watermark) {
                late.push(u32::try_from(row).unwrap_or(u32::MAX));
                late_keys.push(*key);
                continue;
            }
            if last - first > 1 {
                self.flush(input, &mut rows, &mut states)?;
                self.merge(*key, first, last)?;
            }
            let state = self.extend(*key, first, last > first, time)?;
            rows.push(u32::try_from(row).unwrap_or(u32::MAX));
            states.push(state);
        }
        self.flush(input, &mut rows, &mut states)?;
        self.late.report(&input.source, &late)?;
        late_keys.sort_unstable();
        late_keys.dedup();
        for key in late_keys {
            if self.open[key as usize].is_empty() {
                self.forget(key);
            }
        }
        Ok(())
    }

    /// The sessions of a key that a row of this time belongs to, as a range.
    fn near(&self, key: u32, time: i64) -> (usize, usize) {
        let sessions = &self.open[key as usize];
        let first = sessions.partition_point(|session| session.end < time.saturating_sub(self.gap_ms));
        let last = first + sessions[first..].partition_point(|s| s.start <= time.saturating_add(self.gap_ms));
        (first, last)
    }

    fn flush(&mut self, input: &GroupInput, rows: &mut Vec<u32>, states: &mut Vec<u32>) -> Result<(), Error> {
        if rows.is_empty() {
            return Ok(());
        }
        let count = self.state_end as usize;
        if rows.len() == input.num_rows() {
            input.update(&mut self.accumulators, states, count)?;
        } else {
            input.take(rows)?.update(&mut self.accumulators, states, count)?;
        }
        rows.clear();
        states.clear();
        Ok(())
    }

    /// Makes the sessions `first..last` of a key one, the earliest of them.
    fn merge(&mut self, key: u32, first: usize, last: usize) -> Result<(), Error> {
        for position in first..last {
            self.keep_old(key, position)?;
        }
        let swallowed: Vec<Session> = self.open[key as usize].drain(first + 1..last).collect();
        for other in swallowed {
            let session = &mut self.open[key as usize][first];
            session.end = session.end.max(other.end);
            session.published.extend(other.published);
            for accumulator in &mut self.accumulators {
                accumulator.merge(session.state, other.state)?;
                accumulator.reset(other.state);
            }
            self.free_states.push(other.state);
            self.touched.retain(|(_, state)| *state != other.state);
        }
        Ok(())
    }

    /// Puts a row's time into the session at `position`, or makes one there; gives its state.
    fn extend(&mut self, key: u32, position: usize, exists: bool, time: i64) -> Result<u32, Error> {
        if !exists {
            let state = self.free_states.pop().unwrap_or_else(|| {
                self.state_end += 1;
                self.state_end - 1
            });
            let session = Session {
                start: time,
                end: time,
                state,
                published: Vec::new(),
                is_touched: false,
            };
            self.open[key as usize].insert(position, session);
            self.ends.push(Reverse((time, key)));
        }
        self.keep_old(key, position)?;
        let session = &mut self.open[key as usize][position];
        session.start = session.start.min(time);
        session.end = session.end.max(time);
        if !std::mem::replace(&mut session.is_touched, true) {
            self.touched.push((key, session.state));
        }
        Ok(session.state)
    }

    /// Before a session's first change in a step: its aggregates as they were given, where these are asked for.
    fn keep_old(&mut self, key: u32, position: usize) -> Result<(), Error> {
        let session = &mut self.open[key as usize][position];
        if !self.plan.old_rows || session.is_touched {
            return Ok(());
        }
        if let Some(published) = session.published.last_mut() {
            let values = evaluate(&mut self.accumulators, &[session.state])?;
            published.values = values
                .iter()
                .map(|value| ScalarValue::try_from_array(value, 0))
                .collect::<Result<_, _>>()
                .map_err(|error| Error::of_expression("GROUP BY", &error))?;
        }
        Ok(())
    }

    /// What changed in this step: what was given of each session before is taken back, then it is given as it is now.
    fn changes(&mut self, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        let touched = std::mem::take(&mut self.touched);
        if let Some(changed) = &mut self.changed {
            changed.keys.extend(touched.iter().map(|(key, _)| *key));
        }
        let mut rows = Vec::with_capacity(touched.len() * 2);
        let states: Vec<u32> = touched.iter().map(|(_, state)| *state).collect();
        let values = evaluate(&mut self.accumulators, &states)?;
        for (key, state) in touched {
            let own = &mut self.open[key as usize];
            let session = own
                .iter_mut()
                .find(|session| session.state == state)
                .expect("a touched session lives until the end of its step");
            session.is_touched = false;
            let (start, end) = (session.start, session.end);
            let now = Published {
                start,
                end,
                values: Vec::new(),
            };
            let before = std::mem::replace(&mut session.published, vec![now.clone()]);
            rows.extend(before.into_iter().map(|published| OutRow {
                key,
                // A session that is no more goes with the time of its own last row (Kafka Streams keeps it so).
                time: published.end,
                published,
                weight: -1,
            }));
            rows.push(OutRow {
                key,
                published: now,
                time: end,
                weight: 1,
            });
            self.ends.push(Reverse((end, key)));
        }
        if self.plan.emit == WindowEmit::Changes {
            out.push(self.batch(&rows, &values)?);
        }
        Ok(())
    }

    /// `values` hold the aggregates of the rows of weight 1, in order.
    fn batch(&self, rows: &[OutRow], values: &[ArrayRef]) -> Result<ChangeBatch, Error> {
        let keys = self
            .index
            .columns(&rows.iter().map(|row| row.key).collect::<Vec<_>>())?;
        let bounds = |bound: fn(&Published) -> i64| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values(
                rows.iter().map(|row| bound(&row.published)),
            ))
        };
        let mut columns = Vec::with_capacity(values.len());
        for (number, values) in values.iter().enumerate() {
            columns.push(if rows.len() == values.len() {
                Arc::clone(values)
            } else {
                self.interleaved(rows, number, values)?
            });
        }
        let columns = self
            .plan
            .arrange(&keys, &bounds(|row| row.start), &bounds(|row| row.end), &columns);
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let times = rows.iter().map(|row| row.time).collect::<Vec<_>>();
        let mut batch = ChangeBatch::inserted(
            RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?,
            times.into(),
        );
        if rows.iter().any(|row| row.weight < 0) {
            batch.weights = Some(Int8Array::from_iter_values(rows.iter().map(|row| row.weight)));
        }
        Ok(batch)
    }

    /// A column of old and new values of one aggregate; old ones are NULL where nobody asks for them.
    fn interleaved(&self, rows: &[OutRow], call: usize, new: &ArrayRef) -> Result<ArrayRef, Error> {
        let nothing = new_null_array(new.data_type(), 1);
        let mut parts: Vec<ArrayRef> = Vec::with_capacity(rows.len());
        let mut next = 0;
        for row in rows {
            parts.push(if row.weight > 0 {
                next += 1;
                new.slice(next - 1, 1)
            } else if let Some(value) = row.published.values.get(call) {
                value
                    .to_array()
                    .map_err(|error| Error::of_expression("GROUP BY", &error))?
            } else {
                Arc::clone(&nothing)
            });
        }
        let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
        Ok(datafusion::arrow::compute::concat(&parts)?)
    }

    /// Lets go of a key without sessions.
    fn forget(&mut self, key: u32) {
        let entry = self.entry_key(key);
        if let Some(changed) = &mut self.changed {
            changed.keys.remove(&key);
            changed.gone.push(entry);
        }
        self.index.remove(key);
    }

    /// The key of the saved entry of a key's sessions.
    fn entry_key(&self, key: u32) -> Vec<u8> {
        let mut bytes = vec![GROUP];
        self.index.key_bytes(key, &mut bytes);
        bytes
    }

    /// Gives closed sessions, where only these are asked for, and forgets them.
    fn close(&mut self, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        let mut closed: BTreeSet<(i64, i64, u32, u32)> = BTreeSet::new();
        while let Some(Reverse((end, key))) = self.ends.peek().copied() {
            if self.closes_after(end) >= self.watermark && self.watermark != i64::MAX {
                break;
            }
            self.ends.pop();
            let own = &mut self.open[key as usize];
            let (gap, grace, watermark) = (self.gap_ms, self.window.grace_ms, self.watermark);
            own.retain(|session| {
                let is_open =
                    session.end.saturating_add(gap).saturating_add(grace) >= watermark && watermark != i64::MAX;
                if !is_open {
                    closed.insert((session.start, session.end, key, session.state));
                }
                is_open
            });
        }
        if self.plan.emit == WindowEmit::Final && !closed.is_empty() {
            let states: Vec<u32> = closed.iter().map(|(_, _, _, state)| *state).collect();
            let values = evaluate(&mut self.accumulators, &states)?;
            let rows: Vec<OutRow> = closed
                .iter()
                .map(|(start, end, key, _)| OutRow {
                    key: *key,
                    published: Published {
                        start: *start,
                        end: *end,
                        values: Vec::new(),
                    },
                    time: *end,
                    weight: 1,
                })
                .collect();
            out.push(self.batch(&rows, &values)?);
        }
        // Several sessions of a key may end in one step, but its number is given back once.
        let keys: BTreeSet<u32> = closed.iter().map(|(_, _, key, _)| *key).collect();
        for (_, _, _, state) in closed {
            for accumulator in &mut self.accumulators {
                accumulator.reset(state);
            }
            self.free_states.push(state);
        }
        for key in keys {
            if let Some(changed) = &mut self.changed {
                changed.keys.insert(key);
            }
            if self.open[key as usize].is_empty() {
                self.forget(key);
                // The key's number may be given away now, so no entry may lead back to it twice.
                self.open[key as usize] = Vec::new();
            }
        }
        Ok(())
    }
}

impl Operator for Sessions {
    fn push(&mut self, _port: usize, changes: ChangeBatch, _out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        let input = GroupInput::of(&self.plan, changes, &self.errors)?;
        if input.num_rows() == 0 {
            return Ok(());
        }
        let mut keys = std::mem::take(&mut self.keys);
        self.index.intern(&input.keys, input.num_rows(), &mut keys)?;
        let assigned = self.assign(&input, &keys);
        self.keys = keys;
        assigned
    }

    fn advance(&mut self, progress: Progress, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        if !self.touched.is_empty() {
            self.changes(out)?;
        }
        if progress.watermark > self.watermark {
            self.watermark = progress.watermark;
            if let Some(changed) = &mut self.changed {
                changed.watermark = true;
            }
            self.close(out)?;
        }
        Ok(())
    }

    fn state_keys(&self) -> Option<usize> {
        Some(self.index.len())
    }

    fn state_bytes(&self) -> usize {
        let accumulators: usize = self
            .accumulators
            .iter()
            .map(|accumulator| accumulator.state_bytes())
            .sum();
        let sessions: usize = self.open.iter().map(|own| own.len() * size_of::<Session>()).sum();
        self.index.state_bytes() + accumulators + sessions + self.ends.len() * 16
    }

    fn state_form(&self) -> Option<String> {
        Some(form(&self.plan).text())
    }

    fn state_difference(&self, saved: &str) -> Option<String> {
        form(&self.plan).difference(saved)
    }

    fn track_changes(&mut self) {
        let keys = (0..).zip(&self.open).filter(|(_, sessions)| !sessions.is_empty());
        self.changed = Some(Changed {
            keys: keys.map(|(key, _)| key).collect(),
            gone: Vec::new(),
            watermark: self.watermark != i64::MIN,
        });
    }

    fn save(&mut self, changes: &mut Changes) -> Result<(), Error> {
        let Some(changed) = self.changed.as_mut().map(std::mem::take) else {
            return Ok(());
        };
        for key in &changed.gone {
            changes.delete(key);
        }
        if changed.watermark {
            write_watermark(self.watermark, changes);
        }
        let (mut value, mut scratch) = (Writer::new(), Vec::new());
        let sessions = changed.keys.iter().flat_map(|key| &self.open[*key as usize]);
        let states: Vec<u32> = sessions.map(|session| session.state).collect();
        begin_save(&mut self.accumulators, &states)?;
        for key in changed.keys {
            value.restart();
            for session in &self.open[key as usize] {
                value.number(session.start);
                value.number(session.end);
                write_states(&mut self.accumulators, session.state, &mut scratch, &mut value)?;
            }
            changes.put(&self.entry_key(key), value.written());
        }
        Ok(())
    }

    fn load(&mut self, entries: &[Entry]) -> Result<(), Error> {
        for entry in entries {
            if let Some(watermark) = read_watermark(entry)? {
                self.watermark = watermark;
                continue;
            }
            let (key, value) = entry;
            let key = key.get(1..).and_then(|key| self.index.restore(key));
            let key = key.ok_or_else(|| damaged("a key is of another type"))?;
            self.open.resize_with(self.index.end(), Vec::new);
            let mut value = Reader::new(value)?;
            while !value.is_at_end() {
                let (start, end) = (value.number()?, value.number()?);
                let state = self.state_end;
                self.state_end += 1;
                read_states(&mut self.accumulators, state, &mut value)?;
                let published = Published {
                    start,
                    end,
                    values: Vec::new(),
                };
                self.open[key as usize].push(Session {
                    start,
                    end,
                    state,
                    published: vec![published],
                    is_touched: false,
                });
                self.ends.push(Reverse((end, key)));
            }
        }
        end_load(&mut self.accumulators)
    }
}
