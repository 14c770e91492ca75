//! Join of two streams within a time window.
//!
//! The rules, those of Kafka Streams as ksqlDB uses it:
//!
//! - A left row of time `t` matches right rows of times `t - before` to `t + after`, both included, of the same key.
//! - A row is worked on when it comes: its matches come out in the order of the other side's event times, those of one time in the
//!   order in which they came. The event time of a joined row is the later one of both.
//! - A row whose key has a null matches nothing. On a side that is preserved (LEFT: the left one, and so on) it comes out at once
//!   with nulls for the other side, else it is left out. A row without a value is left out.
//! - Without GRACE PERIOD a row of a preserved side that finds no match when it comes is given at once with nulls; a match that
//!   comes later is given too.
//! - With GRACE PERIOD it waits until no match can come any more: until `t + after + grace` (a right row: `t + before + grace`) is
//!   before the time that both sides share, the largest stream time of either. Rows that have waited come out by event time, right
//!   ones before left ones of the same time, then by key; before the results of the row by which time went on.
//! - A row is late when its event time is `before + after + grace` or more before the stream time of its own side. It is counted
//!   and not kept, so rows of the other side that come after it do not find it; it still finds what is kept of the other side.
//!   Without GRACE PERIOD the grace period is 24 hours.
//!
//! Three rules are more generous than those of Kafka Streams, so that a row in time never loses its partners because one side is
//! read faster than the other or because it is out of order, and the result is the same whatever the size of steps:
//!
//! - A row is kept until the watermark, the time that *all* inputs have reached, leaves it behind, and not only until its own side
//!   has gone on.
//! - The shared time does not go beyond what either side has read while that side has more to give at once.
//! - A row out of order waits as every other. (Kafka Streams gives it at once without a partner where `t + after` is before the
//!   shared time, and once more when its partner comes.)

use std::sync::Arc;

use datafusion::arrow::array::{Array, BooleanArray};
use datafusion::arrow::datatypes::SchemaRef;

use super::bucket::TimedRow;
use super::durable::Saved;
use super::kept_rows::RowRef;
use super::key_slots::{KeySlots, NO_SLOT};
use super::keys::KeyExpressions;
use super::output::{Output, Pairs};
use super::stream_journal::Journal;
use super::stream_side::{SideRules, StreamSide, expire};
use super::{JOINED_ROWS_PER_BATCH, JoinKind, Side, parts};
use crate::operator::{Error, Expression, LateRows, Operator, Progress, RowErrors};
use crate::state::Entry;
use crate::types::ChangeBatch;

/// The grace period where none is set (Kafka Streams: `JoinWindows.of`, 24 hours), milliseconds.
pub const JOIN_GRACE_MS_DEFAULT: i64 = 24 * 60 * 60 * 1_000;

/// What a join of two streams does.
#[derive(Debug, Clone)]
pub struct StreamStreamJoinPlan {
    /// Which rows come out without a partner.
    pub kind: JoinKind,
    /// The key of the left side.
    pub left_keys: Vec<Expression>,
    /// The key of the right side, of the same types.
    pub right_keys: Vec<Expression>,
    /// What else must be true of two rows to match, over `schema`.
    pub filter: Option<Expression>,
    /// How much earlier than the left row a right row may be, milliseconds.
    pub before_ms: i64,
    /// How much later than the left row a right row may be, milliseconds.
    pub after_ms: i64,
    /// GRACE PERIOD in milliseconds, where the query says one.
    pub grace_ms: Option<i64>,
    /// The columns of the left input.
    pub left_schema: SchemaRef,
    /// The columns of the right input.
    pub right_schema: SchemaRef,
    /// The columns of the result: left ones, then right ones; nullable where a side can be missing.
    pub schema: SchemaRef,
}

/// Joins two streams.
#[derive(Debug)]
pub struct StreamStreamJoin {
    left: StreamSide,
    right: StreamSide,
    slots: KeySlots,
    output: Output,
    /// Whether rows without a partner wait for the end of their window.
    waits: bool,
    /// How far behind the stream time of its side a row is late, milliseconds.
    late_after_ms: i64,
    /// How long after its event time a row is kept, milliseconds of watermark.
    kept_ms: i64,
    /// The largest time of either side, as far as it was told.
    shared_time: i64,
    /// Rows of times up to this are forgotten, even where they are still in memory.
    horizon: i64,
    /// Results that wait for the end of the step, so that rows whose window has closed come before them.
    held: Vec<ChangeBatch>,
    late_rows: Arc<LateRows>,
    journal: Journal,
}

/// Rows of the batch in work with the rows of the other side that they may match.
#[derive(Debug, Default)]
struct Candidates {
    /// Rows of the batch, ascending.
    own: Vec<usize>,
    other: Vec<RowRef>,
}

/// The batch in work.
#[derive(Debug)]
struct Batch<'a> {
    changes: &'a ChangeBatch,
    side: Side,
    /// Its first row where it is kept.
    first: RowRef,
    /// The slot of each row's key, or [`NO_SLOT`] where no row of the key is kept.
    slots: &'a [u32],
    /// True for rows that are kept.
    kept: &'a [bool],
}

impl StreamStreamJoin {
    /// A join without any rows yet. `late_rows` counts late rows of both sides.
    ///
    /// # Errors
    /// When the key has a type that cannot be a key.
    pub fn new(plan: StreamStreamJoinPlan, late_rows: Arc<LateRows>, errors: &Arc<RowErrors>) -> Result<Self, Error> {
        let keys = |expressions| KeyExpressions::new(expressions, Arc::clone(errors));
        let (before, after) = (plan.before_ms, plan.after_ms);
        let (left_keys, right_keys) = (keys(plan.left_keys), keys(plan.right_keys));
        let slots = KeySlots::new(left_keys.types())?;
        let grace_ms = plan.grace_ms.unwrap_or(JOIN_GRACE_MS_DEFAULT);
        let rules = |is_preserved, reach_ms| SideRules {
            is_preserved,
            waits: is_preserved && plan.grace_ms.is_some(),
            reach_ms,
            grace_ms,
        };
        let late_after_ms = before.saturating_add(after).saturating_add(grace_ms);
        Ok(Self {
            journal: Journal::new(&plan.left_schema, &plan.right_schema)?,
            left: StreamSide::new(
                left_keys,
                plan.left_schema,
                rules(plan.kind.preserves_left(), (before, after)),
            ),
            right: StreamSide::new(
                right_keys,
                plan.right_schema,
                rules(plan.kind.preserves_right(), (after, before)),
            ),
            slots,
            output: Output::new(plan.schema, plan.filter, Arc::clone(errors)),
            waits: plan.grace_ms.is_some() && plan.kind != JoinKind::Inner,
            late_after_ms,
            // A row that is all but late still finds all of its partners.
            kept_ms: late_after_ms.saturating_add(before.max(after)).saturating_add(1),
            shared_time: i64::MIN,
            horizon: i64::MIN,
            held: Vec::new(),
            late_rows,
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
    /// When a type cannot be saved.
    pub fn save(&mut self) -> Result<Saved, Error> {
        self.journal.save(&self.slots, &mut self.left, &mut self.right)
    }

    /// Takes back what [`StreamStreamJoin::save`] gave, before the first row comes.
    ///
    /// # Errors
    /// When it is damaged, or of another version or schema.
    pub fn load(&mut self, saved: &[Entry]) -> Result<(), Error> {
        self.journal
            .load(saved, &mut self.slots, &mut self.left, &mut self.right)
    }

    /// Up to where rows are forgotten, and the largest time of either side.
    pub(super) fn times(&self) -> [i64; 2] {
        [self.horizon, self.shared_time]
    }

    /// Takes back what [`StreamStreamJoin::times`] gave.
    pub(super) fn set_times(&mut self, [horizon, shared_time]: [i64; 2]) {
        (self.horizon, self.shared_time) = (horizon, shared_time);
    }

    fn sides(&mut self, side: Side) -> (&mut StreamSide, &mut StreamSide) {
        match side {
            Side::Left => (&mut self.left, &mut self.right),
            Side::Right => (&mut self.right, &mut self.left),
        }
    }

    fn push_part(&mut self, side: Side, changes: &ChangeBatch, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        let (slots, kept) = self.find_slots(side, changes)?;
        let of_kept = slots
            .iter()
            .zip(&kept)
            .map(|(slot, kept)| if *kept { *slot } else { NO_SLOT })
            .collect();
        let (own, _) = self.sides(side);
        let first = own.store.push(changes, of_kept)?;
        let batch = Batch {
            changes,
            side,
            first,
            slots: &slots,
            kept: &kept,
        };
        let mut start = 0;
        while start < changes.num_rows() {
            let (end, candidates) = self.probe(&batch, start);
            self.join(&batch, start..end, candidates, out)?;
            start = end;
        }
        self.keep(&batch);
        Ok(())
    }

    /// The slot of each row's key, and whether the row is kept. Late rows are counted.
    fn find_slots(&mut self, side: Side, changes: &ChangeBatch) -> Result<(Vec<u32>, Vec<bool>), Error> {
        let late_after_ms = self.late_after_ms;
        let (own, _) = self.sides(side);
        let keys = own.keys.evaluate(&changes.records)?;
        let encoded = self.slots.encode(&keys.columns)?;
        let times = changes.event_times.values();
        let stream_times = changes.stream_times.as_ref().unwrap_or(&changes.event_times).values();
        let mut late = Vec::new();
        let mut slots = Vec::with_capacity(changes.num_rows());
        let mut kept = Vec::with_capacity(changes.num_rows());
        for row in 0..changes.num_rows() {
            let is_late = times[row].saturating_add(late_after_ms) <= stream_times[row];
            if keys.is_null(row) {
                slots.push(NO_SLOT);
                kept.push(false);
            } else if is_late {
                late.push(u32::try_from(row).expect("a part has at most a million rows"));
                slots.push(self.slots.find(encoded.row(row).data()).unwrap_or(NO_SLOT));
                kept.push(false);
            } else {
                slots.push(self.slots.find_or_insert(encoded.row(row).data()));
                kept.push(true);
            }
        }
        self.left.make_room(self.slots.slots());
        self.right.make_room(self.slots.slots());
        self.late_rows.report(changes, &late)?;
        Ok((slots, kept))
    }

    /// Rows of the other side of the key and within the window, for rows of the batch from `start` on, until there are enough.
    /// Gives also the row to go on with.
    fn probe(&mut self, batch: &Batch<'_>, start: usize) -> (usize, Candidates) {
        let oldest = self.horizon.saturating_add(1);
        let (own, other) = self.sides(batch.side);
        let times = batch.changes.event_times.values();
        let mut found = Candidates::default();
        let mut row = start;
        while row < times.len() && found.own.len() < JOINED_ROWS_PER_BATCH {
            let slot = batch.slots[row];
            if slot != NO_SLOT {
                let (from, to) = own.window(times[row]);
                for TimedRow { row: partner, .. } in other.buckets[slot as usize].range(from.max(oldest), to) {
                    found.own.push(row);
                    found.other.push(partner);
                }
            }
            row += 1;
        }
        (row, found)
    }

    /// Gives the joined rows of some rows of the batch, and for those without a partner what their side wants.
    fn join(
        &mut self,
        batch: &Batch<'_>,
        rows: std::ops::Range<usize>,
        found: Candidates,
        out: &mut Vec<ChangeBatch>,
    ) -> Result<(), Error> {
        let own_rows: Vec<RowRef> = found.own.iter().map(|row| batch.first.plus(*row)).collect();
        let mut pairs = oriented(batch.side, own_rows, found.other);
        let matches = self
            .output
            .matches(&pairs, &mut self.left.store, &mut self.right.store)?;
        let (own, other) = self.sides(batch.side);
        if own.is_preserved || other.is_preserved || matches.is_some() {
            pairs = self.settle(batch, rows, &found.own, pairs, matches.as_ref());
        }
        if pairs.len() > 0 {
            let joined = self
                .output
                .inserted(&pairs, &mut self.left.store, &mut self.right.store)?;
            if self.waits {
                self.held.push(joined);
            } else {
                out.push(joined);
            }
        }
        Ok(())
    }

    /// The pairs that match, in order, with the rows that found none where these come out at once; notes who has a partner and
    /// who waits for one.
    fn settle(
        &mut self,
        batch: &Batch<'_>,
        rows: std::ops::Range<usize>,
        own_rows: &[usize],
        pairs: Pairs,
        matches: Option<&BooleanArray>,
    ) -> Pairs {
        let is_match = |at: usize| matches.is_none_or(|matches| matches.is_valid(at) && matches.value(at));
        let waits = self.waits;
        let others = match batch.side {
            Side::Left => pairs.right,
            Side::Right => pairs.left,
        };
        let times = batch.changes.event_times.values();
        let (own, other) = self.sides(batch.side);
        let mut settled = (Vec::with_capacity(others.len()), Vec::with_capacity(others.len()));
        // Rows of the other side that have a partner from now on: slot, event time.
        let mut found = Vec::new();
        let mut at = 0;
        for row in rows {
            let mut has_match = false;
            while at < own_rows.len() && own_rows[at] == row {
                if is_match(at) {
                    has_match = true;
                    settled.0.push(batch.first.plus(row));
                    settled.1.push(others[at]);
                    if other.waits && !other.store.is_matched(others[at]) {
                        other.store.set_matched(others[at]);
                        found.push((batch.slots[row], other.store.event_time(others[at])));
                    }
                }
                at += 1;
            }
            if !own.is_preserved {
                continue;
            }
            let row_ref = batch.first.plus(row);
            if has_match {
                if waits && batch.kept[row] {
                    own.store.set_matched(row_ref);
                }
                continue;
            }
            if waits && batch.kept[row] {
                own.wait(times[row], row_ref, batch.slots[row]);
            } else {
                settled.0.push(row_ref);
                settled.1.push(RowRef::NONE);
            }
        }
        for (slot, time) in found {
            self.journal.touch(slot, batch.side.other(), time);
        }
        oriented(batch.side, settled.0, settled.1)
    }

    /// Puts the rows of the batch where rows of the other side will find them.
    fn keep(&mut self, batch: &Batch<'_>) {
        let is_noted = self.journal.is_on();
        let (own, _) = self.sides(batch.side);
        for (row, time) in batch.changes.event_times.values().iter().enumerate() {
            if batch.kept[row] {
                own.buckets[batch.slots[row] as usize].insert(TimedRow {
                    time: *time,
                    row: batch.first.plus(row),
                });
            }
        }
        if is_noted {
            for (row, time) in batch.changes.event_times.values().iter().enumerate() {
                if batch.kept[row] {
                    self.journal.touch(batch.slots[row], batch.side, *time);
                }
            }
        }
    }

    /// Gives the rows whose window has closed without a match.
    fn close(&mut self, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        let mut closed = Vec::new();
        for side in [Side::Left, Side::Right] {
            let shared_time = self.shared_time;
            let (own, _) = self.sides(side);
            own.take_closed(shared_time, |row, slot, time| closed.push((time, side, slot, row)));
        }
        if closed.is_empty() {
            return Ok(());
        }
        // Right before left: so Kafka Streams orders its store of rows without a partner.
        closed.sort_unstable_by(|a, b| {
            let of_key = || self.slots.key(a.2).cmp(self.slots.key(b.2));
            (a.0, b.1)
                .cmp(&(b.0, a.1))
                .then_with(of_key)
                .then_with(|| a.3.cmp(&b.3))
        });
        for part in closed.chunks(JOINED_ROWS_PER_BATCH) {
            let mut pairs = Pairs::default();
            for (time, side, slot, row) in part {
                match side {
                    Side::Left => pairs.push(*row, RowRef::NONE),
                    Side::Right => pairs.push(RowRef::NONE, *row),
                }
                self.journal.touch(*slot, *side, *time);
            }
            out.push(
                self.output
                    .inserted(&pairs, &mut self.left.store, &mut self.right.store)?,
            );
        }
        Ok(())
    }

    /// Forgets rows that no row in time can match.
    fn expire(&mut self, watermark: i64) {
        let horizon = watermark.saturating_sub(self.kept_ms);
        if horizon <= self.horizon {
            return;
        }
        self.horizon = horizon;
        let Self {
            left,
            right,
            slots,
            journal,
            ..
        } = self;
        expire(slots, (left, horizon), (right, horizon), |key, side, time| {
            journal.forget(key, side, time);
        });
    }
}

fn oriented(side: Side, own: Vec<RowRef>, other: Vec<RowRef>) -> Pairs {
    match side {
        Side::Left => Pairs {
            left: own,
            right: other,
        },
        Side::Right => Pairs {
            left: other,
            right: own,
        },
    }
}

impl Operator for StreamStreamJoin {
    fn push(&mut self, port: usize, changes: ChangeBatch, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        let changes = changes.without_retractions()?;
        for part in parts(&changes) {
            self.push_part(Side::of_port(port), &part, out)?;
        }
        Ok(())
    }

    fn advance(&mut self, progress: Progress, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        let read = progress.left.min(progress.right);
        self.shared_time = self.shared_time.max(progress.shared_time.min(read));
        if self.waits {
            self.close(out)?;
            out.append(&mut self.held);
        }
        self.expire(progress.watermark.min(self.shared_time));
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        self.left.state_bytes() + self.right.state_bytes() + self.slots.state_bytes()
    }
}
