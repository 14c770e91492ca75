//! One stream of a join: its rows by key and time, and those that wait.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use datafusion::arrow::datatypes::SchemaRef;

use super::Side;
use super::bucket::Bucket;
use super::kept_rows::{KeptRows, RowRef};
use super::key_slots::KeySlots;
use super::keys::KeyExpressions;

/// What a join keeps of one side.
#[derive(Debug)]
pub(crate) struct StreamSide {
    pub(crate) keys: KeyExpressions,
    pub(crate) store: KeptRows,
    /// By slot of the key.
    pub(crate) buckets: Vec<Bucket>,
    /// Whether rows come out without a partner.
    pub(crate) is_preserved: bool,
    /// Whether rows wait until their window has closed before they come out without a partner.
    pub(crate) waits: bool,
    /// Rows that wait for a partner or the end of their window, the first to close on top.
    waiting: BinaryHeap<Reverse<Waiting>>,
    /// How much earlier and later than a row of this side its partners may be, milliseconds.
    reach_ms: (i64, i64),
    /// How long after its last possible partner a row waits, milliseconds.
    grace_ms: i64,
}

/// How a stream takes part in a join.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SideRules {
    pub(crate) is_preserved: bool,
    pub(crate) waits: bool,
    /// How much earlier and later than a row of this side its partners may be, milliseconds.
    pub(crate) reach_ms: (i64, i64),
    pub(crate) grace_ms: i64,
}

/// A row that waits: when its window closes (milliseconds of shared time), the row, the slot of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    closes: i64,
    row: RowRef,
    slot: u32,
}

impl StreamSide {
    pub(crate) fn new(keys: KeyExpressions, schema: SchemaRef, rules: SideRules) -> Self {
        Self {
            keys,
            store: KeptRows::new(schema),
            buckets: Vec::new(),
            is_preserved: rules.is_preserved,
            waits: rules.waits,
            waiting: BinaryHeap::new(),
            reach_ms: rules.reach_ms,
            grace_ms: rules.grace_ms,
        }
    }

    /// The times of partners of a row of this side, both included.
    pub(crate) fn window(&self, time: i64) -> (i64, i64) {
        (
            time.saturating_sub(self.reach_ms.0),
            time.saturating_add(self.reach_ms.1),
        )
    }

    /// Memory held, in bytes, roughly.
    pub(crate) fn state_bytes(&self) -> usize {
        let buckets = self.buckets.capacity() * size_of::<Bucket>();
        let rows: usize = self.buckets.iter().map(Bucket::heap_bytes).sum();
        self.store.state_bytes() + buckets + rows + self.waiting.capacity() * size_of::<Waiting>()
    }

    /// Makes buckets for so many slots.
    pub(crate) fn make_room(&mut self, slots: usize) {
        if self.buckets.len() < slots {
            self.buckets.resize_with(slots, Bucket::default);
        }
    }

    /// Has a row wait for a partner or the end of its window.
    pub(crate) fn wait(&mut self, time: i64, row: RowRef, slot: u32) {
        let closes = self.window(time).1.saturating_add(self.grace_ms);
        self.waiting.push(Reverse(Waiting { closes, row, slot }));
    }

    /// Takes the rows whose windows have closed, and calls `give` with those that have no partner: row, slot, event time.
    pub(crate) fn take_closed(&mut self, shared_time: i64, mut give: impl FnMut(RowRef, u32, i64)) {
        while let Some(Reverse(first)) = self
            .waiting
            .peek()
            .copied()
            .filter(|first| first.0.closes < shared_time)
        {
            self.waiting.pop();
            if !self.store.is_matched(first.row) {
                give(first.row, first.slot, self.store.event_time(first.row));
                // It has had its turn.
                self.store.set_matched(first.row);
            }
        }
    }
}

/// Forgets the rows of two streams up to their horizons (milliseconds), with the keys of which nothing is left. `gone` is told key,
/// side and event time of each row.
pub(crate) fn expire(
    slots: &mut KeySlots,
    (left, left_horizon): (&mut StreamSide, i64),
    (right, right_horizon): (&mut StreamSide, i64),
    mut gone: impl FnMut(&[u8], Side, i64),
) {
    let mut forget = |side: Side, horizon: i64, own: &mut StreamSide, others: &[Bucket]| {
        let StreamSide { store, buckets, .. } = own;
        store.expire(horizon, |slot| {
            let bucket = &mut buckets[slot as usize];
            if bucket.is_empty() {
                return;
            }
            bucket.expire(horizon, |time| gone(slots.key(slot), side, time));
            if bucket.is_empty() && others[slot as usize].is_empty() {
                slots.remove(slot);
            }
        });
    };
    forget(Side::Left, left_horizon, left, &right.buckets);
    forget(Side::Right, right_horizon, right, &left.buckets);
}
