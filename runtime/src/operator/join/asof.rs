//! ASOF join: each row of the left stream with the latest row of the right one, of the same key, that is not later than it.
//!
//! ksqlDB has no such join; the rules are ours:
//!
//! - A left row of time `t` is joined with the right row of the largest event time from `t - retention` to `t`, both included; among
//!   rows of one time the one that came last.
//! - A left row comes out when the watermark, the time that all inputs have reached, has passed it: then no right row that would be a
//!   better one is in time any more. So the result does not depend on the size of steps nor on which side is read first. Rows come
//!   out in the order of their event times.
//! - A left row without a partner is left out (INNER) or comes out with nulls (LEFT). So does one whose key has a null, at once.
//! - The right side may be a table's changelog: a new row counts from its event time on, a deletion ends the row before it.
//! - Without a retention the latest right row of each key is kept for ever, and those before it until the watermark is 24 hours past
//!   the one that followed: so far may a left row come behind the watermark and still find its partner.
//! - A row is late when its event time is `retention` or more before the stream time of its own side: it is counted and left out.

use std::sync::Arc;

use datafusion::arrow::array::Array;
use datafusion::arrow::datatypes::SchemaRef;

use super::bucket::{Bucket, TimedRow};
use super::durable::Saved;
use super::kept_rows::RowRef;
use super::key_slots::{KeySlots, NO_SLOT};
use super::keys::KeyExpressions;
use super::output::{Output, Pairs};
use super::stream_journal::Journal;
use super::stream_side::{SideRules, StreamSide, expire};
use super::stream_stream::JOIN_GRACE_MS_DEFAULT;
use super::stream_table::Unmatched;
use super::table_rows::key_changes;
use super::{JOINED_ROWS_PER_BATCH, Side, parts};
use crate::operator::{Error, Expression, LateRows, Operator, Progress, RowErrors};
use crate::state::Entry;
use crate::types::ChangeBatch;

/// What an ASOF join does.
#[derive(Debug, Clone)]
pub struct AsofJoinPlan {
    /// INNER or LEFT.
    pub unmatched: Unmatched,
    /// The key of the left side.
    pub left_keys: Vec<Expression>,
    /// The key of the right side, of the same types.
    pub right_keys: Vec<Expression>,
    /// What else must be true of a left row and its latest right row, over `schema`; else the left row has no partner.
    pub filter: Option<Expression>,
    /// How much older than the left row the right one may be, milliseconds; `i64::MAX`: however old.
    pub retention_ms: i64,
    /// The columns of the left input.
    pub left_schema: SchemaRef,
    /// The columns of the right input.
    pub right_schema: SchemaRef,
    /// The columns of the result: left ones, then right ones; nullable where a side can be missing.
    pub schema: SchemaRef,
}

/// Joins a stream with what was there last on another.
#[derive(Debug)]
pub struct AsofJoin {
    unmatched: Unmatched,
    retention_ms: i64,
    left: StreamSide,
    right: StreamSide,
    slots: KeySlots,
    output: Output,
    late_rows: Arc<LateRows>,
    journal: Journal,
    /// The time that all inputs have reached.
    watermark: i64,
    /// Rows of the right side that can still be found.
    right_rows: usize,
}

impl AsofJoin {
    /// A join without any rows yet. `late_rows` counts late rows of both sides.
    ///
    /// # Errors
    /// When the key has a type that cannot be a key.
    pub fn new(plan: AsofJoinPlan, late_rows: Arc<LateRows>, errors: &Arc<RowErrors>) -> Result<Self, Error> {
        let keys = |expressions| KeyExpressions::new(expressions, Arc::clone(errors));
        let (left_keys, right_keys) = (keys(plan.left_keys), keys(plan.right_keys));
        let rules = |waits| SideRules {
            is_preserved: waits,
            waits,
            reach_ms: (plan.retention_ms, 0),
            grace_ms: 0,
        };
        Ok(Self {
            unmatched: plan.unmatched,
            retention_ms: plan.retention_ms,
            slots: KeySlots::new(left_keys.types())?,
            journal: Journal::new(&plan.left_schema, &plan.right_schema)?,
            left: StreamSide::new(left_keys, plan.left_schema, rules(true)),
            right: StreamSide::new(right_keys, plan.right_schema, rules(false)),
            output: Output::new(plan.schema, plan.filter, Arc::clone(errors)),
            late_rows,
            watermark: i64::MIN,
            right_rows: 0,
        })
    }

    /// Rows that are kept of both sides; for tests and metrics.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.left.store.rows() + self.right.store.rows()
    }

    /// Keys of which rows are kept.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.slots.len()
    }

    /// The next save gives everything.
    pub(super) fn forget_saved(&mut self) {
        self.journal.forget_saved();
    }

    /// What changed since the last call; the first call gives everything and begins the notes about changes. Call it between
    /// steps.
    ///
    /// # Errors
    /// When a row cannot be encoded.
    pub fn save(&mut self) -> Result<Saved, Error> {
        self.journal.save(&self.slots, &mut self.left, &mut self.right)
    }

    /// Takes back what [`AsofJoin::save`] gave, before the first row comes.
    ///
    /// # Errors
    /// When it is damaged, or of another version or schema.
    pub fn load(&mut self, saved: &[Entry]) -> Result<(), Error> {
        self.journal
            .load(saved, &mut self.slots, &mut self.left, &mut self.right)?;
        let rows = self.right.buckets.iter_mut().map(|bucket| bucket.rows_mut().count());
        self.right_rows = rows.sum();
        Ok(())
    }

    /// The time that all inputs have reached.
    pub(super) fn times(&self) -> [i64; 2] {
        [self.watermark, i64::MIN]
    }

    /// Takes back what [`AsofJoin::times`] gave.
    pub(super) fn set_times(&mut self, times: [i64; 2]) {
        self.watermark = times[0];
    }

    /// Keeps the rows `rows` of a batch until time has passed them; gives the rows whose key has a null.
    fn keep(&mut self, side: Side, changes: &ChangeBatch, rows: impl Iterator<Item = usize>) -> Result<Kept, Error> {
        let own = match side {
            Side::Left => &mut self.left,
            Side::Right => &mut self.right,
        };
        let keys = own.keys.evaluate(&changes.records)?;
        let encoded = self.slots.encode(&keys.columns)?;
        let times = changes.event_times.values();
        let stream_times = changes.stream_times.as_ref().unwrap_or(&changes.event_times).values();
        let mut slots = vec![NO_SLOT; changes.num_rows()];
        let (mut late, mut null_keys) = (Vec::new(), Vec::new());
        for row in rows {
            if times[row].saturating_add(self.retention_ms) <= stream_times[row] {
                late.push(u32::try_from(row).expect("a part has at most a million rows"));
            } else if keys.is_null(row) {
                null_keys.push(row);
            } else {
                slots[row] = self.slots.find_or_insert(encoded.row(row).data());
            }
        }
        self.late_rows.report(changes, &late)?;
        let first = own.store.push(changes, slots.clone())?;
        for (row, slot) in slots.iter().enumerate().filter(|(_, slot)| **slot != NO_SLOT) {
            own.make_room(self.slots.slots());
            let (time, row) = (times[row], first.plus(row));
            own.buckets[*slot as usize].insert(TimedRow { time, row });
            self.journal.touch(*slot, side, time);
            if side == Side::Left {
                own.wait(time, row, *slot);
            } else if self.retention_ms == i64::MAX {
                let horizon = self.watermark.saturating_sub(JOIN_GRACE_MS_DEFAULT);
                let (slots, journal, rows) = (&self.slots, &mut self.journal, &mut self.right_rows);
                *rows += 1;
                own.buckets[*slot as usize].supersede(horizon, |time| {
                    *rows -= 1;
                    // Rows of the same time may have stayed.
                    journal.forget(slots.key(*slot), side, time);
                    journal.touch(*slot, side, time);
                });
            }
        }
        self.left.make_room(self.slots.slots());
        self.right.make_room(self.slots.slots());
        Ok(Kept {
            first,
            slots,
            null_keys,
        })
    }

    fn push_left(&mut self, changes: &ChangeBatch, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        let kept = self.keep(Side::Left, changes, 0..changes.num_rows())?;
        if self.unmatched == Unmatched::PadWithNulls {
            let mut pairs = Pairs::default();
            for row in kept.null_keys {
                pairs.push(kept.first.plus(row), RowRef::NONE);
            }
            self.give(&pairs, out)?;
        }
        Ok(())
    }

    fn push_right(&mut self, changes: &ChangeBatch) -> Result<(), Error> {
        let keys = self.right.keys.evaluate(&changes.records)?;
        let encoded = self.slots.encode(&keys.columns)?;
        let read = key_changes(changes, |a, b| encoded.row(a) == encoded.row(b));
        let kept = self.keep(Side::Right, changes, read.iter().map(|change| change.row))?;
        for change in read
            .iter()
            .filter(|change| !change.is_upsert && kept.slots[change.row] != NO_SLOT)
        {
            // A row that says that there is none.
            self.right.store.set_matched(kept.first.plus(change.row));
        }
        Ok(())
    }

    fn give(&mut self, pairs: &Pairs, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        if pairs.len() > 0 {
            out.push(
                self.output
                    .inserted(pairs, &mut self.left.store, &mut self.right.store)?,
            );
        }
        Ok(())
    }

    /// Gives left rows that time has passed, each with the latest right row of its slot.
    fn join(&mut self, passed: &[(RowRef, u32, i64)], out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        let mut pairs = Pairs::default();
        for (row, slot, time) in passed {
            let latest = self.right.buckets[*slot as usize].latest_until(*time);
            let oldest = time.saturating_sub(self.retention_ms);
            let partner = latest.filter(|latest| latest.time >= oldest && !self.right.store.is_matched(latest.row));
            pairs.push(*row, partner.map_or(RowRef::NONE, |latest| latest.row));
        }
        let matches = self
            .output
            .matches(&pairs, &mut self.left.store, &mut self.right.store)?;
        let is_match = |at: usize| {
            matches
                .as_ref()
                .is_none_or(|matches| matches.is_valid(at) && matches.value(at))
        };
        let mut joined = Pairs::default();
        for at in 0..pairs.len() {
            let right = if is_match(at) { pairs.right[at] } else { RowRef::NONE };
            if !right.is_none() || self.unmatched == Unmatched::PadWithNulls {
                joined.push(pairs.left[at], right);
            }
        }
        self.give(&joined, out)
    }
}

/// What [`AsofJoin::keep`] did with a batch.
#[derive(Debug)]
struct Kept {
    first: RowRef,
    /// The slot of each row that is kept.
    slots: Vec<u32>,
    /// Rows whose key has a null.
    null_keys: Vec<usize>,
}

impl Operator for AsofJoin {
    fn push(&mut self, port: usize, changes: ChangeBatch, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        match Side::of_port(port) {
            Side::Left => {
                let changes = changes.without_retractions()?;
                parts(&changes).try_for_each(|part| self.push_left(&part, out))
            }
            Side::Right => parts(&changes).try_for_each(|part| self.push_right(&part)),
        }
    }

    fn advance(&mut self, progress: Progress, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        let mut passed = Vec::new();
        self.left
            .take_closed(progress.watermark, |row, slot, time| passed.push((row, slot, time)));
        // Whether a row has had its turn is saved with it: it may stay for a while, and must not have another one after a restart.
        for (_, slot, time) in &passed {
            self.journal.touch(*slot, Side::Left, *time);
        }
        for part in passed.chunks(JOINED_ROWS_PER_BATCH) {
            self.join(part, out)?;
        }
        self.watermark = progress.watermark;
        if self.retention_ms == i64::MAX {
            let live = self.right.buckets.iter_mut().flat_map(Bucket::rows_mut);
            self.right.store.compact(live, self.right_rows)?;
        }
        if progress.watermark > i64::MIN {
            let Self {
                left,
                right,
                slots,
                journal,
                ..
            } = self;
            // A left row that is all but late still finds the oldest of its partners.
            let right_horizon = match self.retention_ms {
                i64::MAX => i64::MIN,
                retention_ms => progress
                    .watermark
                    .saturating_sub(retention_ms.saturating_mul(2).saturating_add(1)),
            };
            expire(
                slots,
                (left, progress.watermark - 1),
                (right, right_horizon),
                |key, side, time| {
                    journal.forget(key, side, time);
                },
            );
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        self.left.state_bytes() + self.right.state_bytes() + self.slots.state_bytes()
    }
}
