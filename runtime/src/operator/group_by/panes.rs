//! GROUP BY without a window, and with tumbling and hopping ones.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int8Array, Int64Array, RecordBatch, RecordBatchOptions, UInt32Array};
use datafusion::arrow::compute::{concat, take};
use datafusion::arrow::datatypes::{DataType, SchemaRef};

use super::group_index::GroupIndex;
use super::input::{GroupInput, accumulators, evaluate};
use super::saved::{
    GROUP, begin_save, damaged, end_load, form, from_ordered, ordered, read_states, read_watermark, write_states,
    write_watermark,
};
use super::{GroupBy, Window, WindowEmit, WindowShape};
use crate::operator::aggregate::Accumulator;
use crate::operator::expiry::{Expiry, Run};
use crate::operator::{Error, LateRows, Operator, Progress, RowErrors};
use crate::state::{Changes, Entry as SavedEntry, Reader, Writer};
use crate::types::ChangeBatch;

/// The start of the one pane of a query without a window.
const NO_WINDOW: i64 = i64::MIN;

/// The groups of all open windows, a pane for each.
#[derive(Debug)]
pub(super) struct Panes {
    plan: GroupBy,
    schema: SchemaRef,
    errors: Arc<RowErrors>,
    late: Arc<LateRows>,
    open: BTreeMap<i64, Pane>,
    /// Windows that took rows in this step.
    touched: BTreeSet<i64>,
    key_types: Vec<DataType>,
    /// Number of the current step, to tell what was touched in it.
    step: u32,
    watermark: i64,
    groups: Vec<u32>,
    /// What is to be saved, where it is saved at all.
    changed: Option<Changed>,
    /// The time to live of groups without a window.
    expiry: Option<Expiry>,
}

/// What changed since the state was saved.
#[derive(Debug, Default)]
struct Changed {
    /// Windows with groups that changed.
    starts: BTreeSet<i64>,
    /// Keys of entries that are no more.
    gone: Vec<Vec<u8>>,
    watermark: bool,
}

/// The groups of one window.
#[derive(Debug)]
struct Pane {
    index: GroupIndex,
    accumulators: Vec<Box<dyn Accumulator>>,
    /// Largest event time of each group's rows.
    times: Vec<i64>,
    /// The step in which each group was last touched; 0: never.
    touched_in: Vec<u32>,
    /// Groups touched in this step, in the order of their first rows.
    touched: Vec<u32>,
    /// Values that groups touched in this step had before it, for those that had any.
    old: Vec<(Vec<u32>, Vec<ArrayRef>)>,
    /// Its final results were given.
    is_closed: bool,
    /// Groups that changed since they were saved, and the mark of each; both empty where nothing is saved.
    changed: Vec<u32>,
    is_changed: Vec<bool>,
}

impl Panes {
    pub(super) fn new(plan: GroupBy, schema: SchemaRef, errors: Arc<RowErrors>, late: Arc<LateRows>) -> Self {
        Self {
            key_types: plan.keys.iter().map(|key| key.data_type().clone()).collect(),
            plan,
            schema,
            errors,
            late,
            open: BTreeMap::new(),
            touched: BTreeSet::new(),
            step: 1,
            watermark: i64::MIN,
            groups: Vec::new(),
            changed: None,
            expiry: None,
        }
    }

    /// The panes that take rows of the batch, each with its rows; `None` stands for all rows.
    fn assign(&self, input: &GroupInput) -> Result<Vec<(i64, Option<Vec<u32>>)>, Error> {
        let Some(window) = &self.plan.window else {
            return Ok(vec![(NO_WINDOW, None)]);
        };
        let rows = input.num_rows();
        let mut assigned: BTreeMap<i64, Vec<u32>> = BTreeMap::new();
        // Rows of neighbouring times share their windows, so these are looked up once for each run of such rows.
        let mut run: Vec<i64> = Vec::new();
        let mut run_times = 1..1;
        let mut late = Vec::new();
        for row in 0..rows {
            let time = input.event_times[row];
            if !run_times.contains(&time) {
                run.clear();
                run.extend(window.starts(time));
                run_times = shared_times(window, &run, time);
            }
            let now = input.stream_times[row].max(self.watermark);
            let mut is_late = false;
            for start in &run {
                if window.closes_at(*start) <= now {
                    is_late = true;
                } else {
                    assigned
                        .entry(*start)
                        .or_default()
                        .push(u32::try_from(row).unwrap_or(u32::MAX));
                }
            }
            if is_late {
                late.push(u32::try_from(row).unwrap_or(u32::MAX));
            }
        }
        self.late.report(&input.source, &late)?;
        let all = assigned.into_iter();
        Ok(all
            .map(|(start, taken)| (start, (taken.len() != rows).then_some(taken)))
            .collect())
    }

    fn update(&mut self, start: i64, input: &GroupInput) -> Result<(), Error> {
        let (step, old_rows) = (self.step, self.plan.old_rows);
        self.touched.insert(start);
        let pane = match self.open.entry(start) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Pane::new(
                &self.key_types,
                accumulators(&self.plan.calls, &self.errors)?,
            )?),
        };
        let groups = &mut self.groups;
        pane.index.intern(&input.keys, input.num_rows(), groups)?;
        let Some(expiry) = &mut self.expiry else {
            pane.touch(groups, &input.event_times, step, old_rows)?;
            return input.update(&mut pane.accumulators, groups, pane.index.end());
        };
        let runs = expiry.runs(groups, &input.event_times);
        for Run { rows, anew } in &runs {
            let (times, groups) = (&input.event_times[rows.clone()], &groups[rows.clone()]);
            pane.touch(groups, times, step, old_rows)?;
            pane.reset(anew);
            if runs.len() == 1 {
                return input.update(&mut pane.accumulators, groups, pane.index.end());
            }
            let rows: Vec<u32> = (0..).skip(rows.start).take(rows.len()).collect();
            input
                .take(&rows)?
                .update(&mut pane.accumulators, groups, pane.index.end())?;
        }
        Ok(())
    }

    /// Takes back the groups whose time is up, and forgets them.
    fn expire(&mut self, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        let Some(expiry) = &mut self.expiry else { return Ok(()) };
        let expired = expiry.sweep(self.watermark);
        if expired.is_empty() {
            return Ok(());
        }
        let mut last = self.rows(NO_WINDOW, &expired)?;
        last.weights = Some(Int8Array::from_value(-1, expired.len()));
        out.push(last);
        let Some(pane) = self.open.get_mut(&NO_WINDOW) else {
            return Ok(());
        };
        if let Some(changed) = &mut self.changed {
            let keys = expired.iter().map(|group| pane.entry_key(NO_WINDOW, *group));
            changed.gone.extend(keys);
        }
        pane.remove(&expired);
        Ok(())
    }

    /// The rows of `groups` of a pane, with their old ones in front where these are asked for.
    fn rows(&mut self, start: i64, groups: &[u32]) -> Result<ChangeBatch, Error> {
        let pane = self.open.get_mut(&start).expect("only open panes are asked");
        let keys = pane.index.columns(groups)?;
        let values = evaluate(&mut pane.accumulators, groups)?;
        let times: Vec<i64> = groups.iter().map(|group| pane.times[*group as usize]).collect();
        let old = std::mem::take(&mut pane.old);
        let bound = |bound: i64| -> ArrayRef { Arc::new(Int64Array::from_value(bound, groups.len())) };
        let end = self.plan.window.as_ref().map_or(0, |window| window.end(start));
        let new_columns = self.plan.arrange(&keys, &bound(start), &bound(end), &values);
        let new = self.batch(new_columns, times)?;
        if old.is_empty() {
            return Ok(new);
        }
        self.with_old_rows(start, end, groups, new, &old)
    }

    fn with_old_rows(
        &self,
        start: i64,
        end: i64,
        groups: &[u32],
        new: ChangeBatch,
        old: &[(Vec<u32>, Vec<ArrayRef>)],
    ) -> Result<ChangeBatch, Error> {
        let pane = &self.open[&start];
        let old_groups: Vec<u32> = old.iter().flat_map(|(groups, _)| groups.iter().copied()).collect();
        let values = (0..self.plan.calls.len())
            .map(|call| concat(&old.iter().map(|(_, values)| values[call].as_ref()).collect::<Vec<_>>()))
            .collect::<Result<Vec<_>, _>>()?;
        let bound = |bound: i64| -> ArrayRef { Arc::new(Int64Array::from_value(bound, old_groups.len())) };
        let keys = pane.index.columns(&old_groups)?;
        let old_columns = self.plan.arrange(&keys, &bound(start), &bound(end), &values);
        // Old rows stand in front of all new ones; the order in which they go out puts each before its own new row.
        let places: HashMap<u32, usize> = old_groups
            .iter()
            .enumerate()
            .map(|(place, group)| (*group, place))
            .collect();
        let (mut order, mut weights, mut times) = (Vec::new(), Vec::new(), Vec::new());
        for (place, group) in groups.iter().enumerate() {
            if let Some(old_place) = places.get(group) {
                order.push(u32::try_from(*old_place).unwrap_or(u32::MAX));
                weights.push(-1);
                times.push(new.event_times.value(place));
            }
            order.push(u32::try_from(old_groups.len() + place).unwrap_or(u32::MAX));
            weights.push(1);
            times.push(new.event_times.value(place));
        }
        let order = UInt32Array::from(order);
        let columns = old_columns
            .iter()
            .zip(new.records.columns())
            .map(|(old, new)| take(&concat(&[old.as_ref(), new.as_ref()])?, &order, None))
            .collect::<Result<Vec<_>, _>>()?;
        let mut both = self.batch(columns, times)?;
        both.weights = Some(Int8Array::from(weights));
        Ok(both)
    }

    fn batch(&self, columns: Vec<ArrayRef>, times: Vec<i64>) -> Result<ChangeBatch, Error> {
        let options = RecordBatchOptions::new().with_row_count(Some(times.len()));
        let records = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        Ok(ChangeBatch::inserted(records, times.into()))
    }

    /// Gives what closed windows hold, where only that is asked for, and forgets windows that nobody may ask about.
    fn close(&mut self, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        let Some(window) = self.plan.window else {
            return Ok(());
        };
        let closed: Vec<i64> = self
            .open
            .iter()
            .take_while(|(start, _)| window.closes_at(**start) <= self.watermark)
            .filter(|(_, pane)| !pane.is_closed)
            .map(|(start, _)| *start)
            .collect();
        for start in closed {
            let pane = self.open.get_mut(&start).expect("it was listed just now");
            pane.is_closed = true;
            if self.plan.emit == WindowEmit::Final {
                let mut groups = pane.all_groups();
                pane.index.sort(&mut groups);
                if !groups.is_empty() {
                    out.push(self.rows(start, &groups)?);
                }
            }
        }
        while let Some((start, _)) = self.open.first_key_value()
            && window.expires_at(*start) <= self.watermark
        {
            let expired = self.open.pop_first();
            if let (Some(changed), Some((start, pane))) = (&mut self.changed, expired) {
                changed.starts.remove(&start);
                changed
                    .gone
                    .extend(pane.all_groups().into_iter().map(|group| pane.entry_key(start, group)));
            }
        }
        Ok(())
    }
}

/// The times around `time` whose rows are in exactly the windows `starts`.
fn shared_times(window: &Window, starts: &[i64], time: i64) -> Range<i64> {
    let (Some(first), Some(last)) = (starts.first(), starts.last()) else {
        return time..time + 1;
    };
    let WindowShape::Hopping { size_ms, advance_ms } = window.shape else {
        return *first..window.end(*first);
    };
    // The set changes where the oldest window ends and where the next one begins, and did so the same way before.
    let end_before = if *first > 0 { first - advance_ms + size_ms } else { 0 };
    (*last).max(end_before)..window.end(*first).min(last + advance_ms)
}

impl Pane {
    fn new(key_types: &[DataType], accumulators: Vec<Box<dyn Accumulator>>) -> Result<Self, Error> {
        Ok(Self {
            index: GroupIndex::new(key_types)?,
            accumulators,
            times: Vec::new(),
            touched_in: Vec::new(),
            touched: Vec::new(),
            old: Vec::new(),
            is_closed: false,
            changed: Vec::new(),
            is_changed: Vec::new(),
        })
    }

    /// Marks groups as touched in this step; keeps what they were before where that is asked for.
    fn touch(&mut self, groups: &[u32], event_times: &[i64], step: u32, old_rows: bool) -> Result<(), Error> {
        let count = self.index.end();
        self.times.resize(count, i64::MIN);
        self.touched_in.resize(count, 0);
        let mut had_rows = Vec::new();
        for (group, time) in groups.iter().zip(event_times) {
            let number = *group as usize;
            let touched_in = std::mem::replace(&mut self.touched_in[number], step);
            if touched_in != step {
                self.touched.push(*group);
                if touched_in != 0 {
                    had_rows.push(*group);
                }
            }
            let known = &mut self.times[number];
            *known = (*known).max(*time);
        }
        if old_rows && !had_rows.is_empty() {
            let values = evaluate(&mut self.accumulators, &had_rows)?;
            self.old.push((had_rows, values));
        }
        Ok(())
    }

    /// Makes groups as if they had had no rows.
    fn reset(&mut self, groups: &[u32]) {
        for group in groups {
            for accumulator in &mut self.accumulators {
                accumulator.reset(*group);
            }
        }
    }

    /// Forgets groups; their numbers may be given to others.
    fn remove(&mut self, groups: &[u32]) {
        self.reset(groups);
        for group in groups {
            let number = *group as usize;
            (self.times[number], self.touched_in[number]) = (i64::MIN, 0);
            if let Some(is_changed) = self.is_changed.get_mut(number) {
                *is_changed = false;
            }
            self.index.remove(*group);
        }
    }

    fn mark_changed(&mut self, groups: &[u32]) {
        self.is_changed.resize(self.index.end(), false);
        for group in groups {
            if !std::mem::replace(&mut self.is_changed[*group as usize], true) {
                self.changed.push(*group);
            }
        }
    }

    fn mark_all_changed(&mut self) {
        self.changed = self.all_groups();
        self.is_changed = vec![true; self.index.end()];
    }

    /// The key of a group's saved entry.
    fn entry_key(&self, start: i64, group: u32) -> Vec<u8> {
        let mut key = vec![GROUP];
        key.extend(ordered(start));
        self.index.key_bytes(group, &mut key);
        key
    }

    fn save(&mut self, start: i64, changes: &mut Changes) -> Result<(), Error> {
        let (mut value, mut scratch) = (Writer::new(), Vec::new());
        let mut groups = std::mem::take(&mut self.changed);
        // It may have been removed, and even have come again.
        groups.retain(|group| std::mem::replace(&mut self.is_changed[*group as usize], false));
        begin_save(&mut self.accumulators, &groups)?;
        for group in groups {
            value.restart();
            value.number(self.times[group as usize]);
            write_states(&mut self.accumulators, group, &mut scratch, &mut value)?;
            changes.put(&self.entry_key(start, group), value.written());
        }
        Ok(())
    }

    /// Gives the group and its latest event time.
    fn load(&mut self, key: &[u8], value: &[u8]) -> Result<(u32, i64), Error> {
        let group = self
            .index
            .restore(key)
            .ok_or_else(|| damaged("a key is of another type"))?;
        let count = self.index.end();
        self.times.resize(count, i64::MIN);
        self.touched_in.resize(count, 0);
        let mut value = Reader::new(value)?;
        self.times[group as usize] = value.number()?;
        // Some step long ago.
        self.touched_in[group as usize] = u32::MAX;
        read_states(&mut self.accumulators, group, &mut value)?;
        Ok((group, self.times[group as usize]))
    }

    fn state_bytes(&self) -> usize {
        let accumulators: usize = self
            .accumulators
            .iter()
            .map(|accumulator| accumulator.state_bytes())
            .sum();
        self.index.state_bytes() + accumulators + self.times.capacity() * 8 + self.touched_in.capacity() * 4
    }

    fn all_groups(&self) -> Vec<u32> {
        let touched = (0..).zip(&self.touched_in);
        touched
            .filter(|(_, step)| **step != 0)
            .map(|(group, _)| group)
            .collect()
    }
}

impl Operator for Panes {
    fn push(&mut self, _port: usize, changes: ChangeBatch, _out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        let input = GroupInput::of(&self.plan, changes, &self.errors)?;
        if input.num_rows() == 0 {
            return Ok(());
        }
        for (start, rows) in self.assign(&input)? {
            match rows {
                None => self.update(start, &input)?,
                Some(rows) => self.update(start, &input.take(&rows)?)?,
            }
        }
        Ok(())
    }

    fn advance(&mut self, progress: Progress, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        for start in std::mem::take(&mut self.touched) {
            let Some(pane) = self.open.get_mut(&start) else {
                continue;
            };
            let groups = std::mem::take(&mut pane.touched);
            if let Some(changed) = &mut self.changed {
                changed.starts.insert(start);
                pane.mark_changed(&groups);
            }
            if self.plan.emit == WindowEmit::Changes {
                out.push(self.rows(start, &groups)?);
            }
        }
        self.step = self.step.checked_add(1).unwrap_or(1);
        if progress.watermark > self.watermark {
            self.watermark = progress.watermark;
            if let Some(changed) = &mut self.changed {
                changed.watermark = true;
            }
            self.close(out)?;
            self.expire(out)?;
        }
        Ok(())
    }

    fn expire_after(&mut self, ttl_ms: i64) {
        if self.plan.window.is_none() && !self.plan.keys.is_empty() {
            self.expiry = Some(Expiry::new(ttl_ms));
        }
    }

    fn state_keys(&self) -> Option<usize> {
        Some(self.open.values().map(|pane| pane.index.len()).sum())
    }

    fn state_bytes(&self) -> usize {
        let expiry = self.expiry.as_ref().map_or(0, Expiry::state_bytes);
        self.open.values().map(Pane::state_bytes).sum::<usize>() + expiry
    }

    fn state_form(&self) -> Option<String> {
        Some(form(&self.plan).text())
    }

    fn state_difference(&self, saved: &str) -> Option<String> {
        form(&self.plan).difference(saved)
    }

    fn track_changes(&mut self) {
        for pane in self.open.values_mut() {
            pane.mark_all_changed();
        }
        self.changed = Some(Changed {
            starts: self.open.keys().copied().collect(),
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
        for start in changed.starts {
            if let Some(pane) = self.open.get_mut(&start) {
                pane.save(start, changes)?;
            }
        }
        Ok(())
    }

    fn load(&mut self, entries: &[SavedEntry]) -> Result<(), Error> {
        for entry in entries {
            if let Some(watermark) = read_watermark(entry)? {
                self.watermark = watermark;
                continue;
            }
            let (key, value) = entry;
            let start = key.get(1..9).and_then(|start| start.try_into().ok()).map(from_ordered);
            let (Some(start), Some(key)) = (start, key.get(9..)) else {
                return Err(damaged("a key is too short"));
            };
            let pane = match self.open.entry(start) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => {
                    let pane = entry.insert(Pane::new(
                        &self.key_types,
                        accumulators(&self.plan.calls, &self.errors)?,
                    )?);
                    let closes = self.plan.window.as_ref().map(|window| window.closes_at(start));
                    // The watermark comes before all groups.
                    pane.is_closed = closes.is_some_and(|closes| closes <= self.watermark);
                    pane
                }
            };
            let (group, time) = pane.load(key, value)?;
            if let Some(expiry) = &mut self.expiry {
                expiry.load(group, Some(time));
            }
        }
        for pane in self.open.values_mut() {
            end_load(&mut pane.accumulators)?;
        }
        Ok(())
    }
}
