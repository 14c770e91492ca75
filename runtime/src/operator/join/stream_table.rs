//! Join of a stream with a table: each row of the stream meets the table as it is when the row comes.
//!
//! The rules, those of Kafka Streams as ksqlDB uses it:
//!
//! - Only rows of the stream give results. A change of the table counts for the rows that come after it; those of one step count
//!   for the rows of that step.
//! - The event time of a joined row is that of the stream's row, even where the table's row is newer.
//! - A row without a value is left out. A row whose key has a null, or to whose key the table has no row: INNER leaves it out,
//!   LEFT gives it with nulls for the table.

use std::sync::Arc;

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, Int64Array, UInt32Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::SchemaRef;

use super::durable::Saved;
use super::kept_rows::{KeptRows, RowRef};
use super::key_slots::KeySlots;
use super::keys::KeyExpressions;
use super::output::{Output, Pairs};
use super::table_rows::{TableRows, key_changes};
use super::{Side, parts};
use crate::operator::{Error, Expression, Operator, RowErrors};
use crate::state::Entry;
use crate::types::ChangeBatch;

/// What becomes of a row of the stream without a partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmatched {
    /// It is left out (INNER).
    LeaveOut,
    /// It comes out with nulls for the other side (LEFT).
    PadWithNulls,
}

/// What a join of a stream with a table does.
#[derive(Debug, Clone)]
pub struct StreamTableJoinPlan {
    /// INNER or LEFT.
    pub unmatched: Unmatched,
    /// The key of the stream's side.
    pub left_keys: Vec<Expression>,
    /// The primary key of the table, of the same types.
    pub right_keys: Vec<Expression>,
    /// What else must be true of two rows to match, over `schema`.
    pub filter: Option<Expression>,
    /// The columns of the stream.
    pub left_schema: SchemaRef,
    /// The columns of the table.
    pub right_schema: SchemaRef,
    /// The columns of the result: left ones, then right ones; nullable where a side can be missing.
    pub schema: SchemaRef,
}

/// Joins a stream (port 0) with a table (port 1).
#[derive(Debug)]
pub struct StreamTableJoin {
    unmatched: Unmatched,
    left_keys: KeyExpressions,
    right_keys: KeyExpressions,
    slots: KeySlots,
    /// The batch of the stream in work.
    stream: KeptRows,
    table: TableRows,
    output: Output,
}

impl StreamTableJoin {
    /// A join whose table is empty.
    ///
    /// # Errors
    /// When the key has a type that cannot be a key.
    pub fn new(plan: StreamTableJoinPlan, errors: &Arc<RowErrors>) -> Result<Self, Error> {
        let right_keys = KeyExpressions::new(plan.right_keys, Arc::clone(errors));
        Ok(Self {
            unmatched: plan.unmatched,
            left_keys: KeyExpressions::new(plan.left_keys, Arc::clone(errors)),
            slots: KeySlots::new(right_keys.types())?,
            right_keys,
            stream: KeptRows::new(plan.left_schema),
            table: TableRows::new(plan.right_schema, 0)?,
            output: Output::new(plan.schema, plan.filter, Arc::clone(errors)),
        })
    }

    /// Rows of the table.
    #[must_use]
    pub fn table_rows(&self) -> usize {
        self.table.len()
    }

    /// Rows in memory, those included that were replaced and not yet let go.
    #[must_use]
    pub fn rows_held(&self) -> usize {
        self.table.store.rows()
    }

    /// The next save gives everything.
    pub(super) fn forget_saved(&mut self) {
        self.table.forget_saved();
    }

    /// What changed since the last call; the first call gives everything and begins the notes about changes. Call it between
    /// steps.
    ///
    /// # Errors
    /// When a row cannot be encoded.
    pub fn save(&mut self) -> Result<Saved, Error> {
        Ok(self.table.save(&self.slots)?)
    }

    /// Takes back what [`StreamTableJoin::save`] gave, before the first row comes.
    ///
    /// # Errors
    /// When it is damaged, or of another version or schema.
    pub fn load(&mut self, saved: &[Entry]) -> Result<(), Error> {
        self.table.load(&mut self.slots, saved)?;
        Ok(())
    }

    fn change_table(&mut self, changes: &ChangeBatch) -> Result<(), Error> {
        let keys = self.right_keys.evaluate(&changes.records)?;
        let encoded = self.slots.encode(&keys.columns)?;
        let first = self.table.store.push(changes, Vec::new())?;
        for change in key_changes(changes, |a, b| encoded.row(a) == encoded.row(b)) {
            if keys.is_null(change.row) {
                continue;
            }
            let key = encoded.row(change.row);
            if change.is_upsert {
                let slot = self.slots.find_or_insert(key.data());
                self.table.replace(&self.slots, slot, first.plus(change.row));
            } else if let Some(slot) = self.slots.find(key.data()) {
                self.table.replace(&self.slots, slot, RowRef::NONE);
                self.slots.remove(slot);
            }
        }
        Ok(self.table.compact()?)
    }

    fn join(&mut self, changes: &ChangeBatch) -> Result<Option<ChangeBatch>, Error> {
        let keys = self.left_keys.evaluate(&changes.records)?;
        let encoded = self.slots.encode(&keys.columns)?;
        let first = self.stream.push(changes, Vec::new())?;
        let is_left = self.unmatched == Unmatched::PadWithNulls;
        let mut rows = Vec::with_capacity(changes.num_rows());
        let mut pairs = Pairs::default();
        for row in 0..changes.num_rows() {
            let slot = if keys.is_null(row) {
                None
            } else {
                self.slots.find(encoded.row(row).data())
            };
            let partner = slot.map_or(RowRef::NONE, |slot| self.table.current(slot));
            if is_left || !partner.is_none() {
                rows.push(u32::try_from(row).expect("a part has at most a million rows"));
                pairs.push(first.plus(row), partner);
            }
        }
        if let Some(matches) = self.output.matches(&pairs, &mut self.stream, &mut self.table.store)? {
            let is_match = |at: usize| matches.is_valid(at) && matches.value(at);
            if is_left {
                for (at, partner) in pairs.right.iter_mut().enumerate() {
                    if !is_match(at) {
                        *partner = RowRef::NONE;
                    }
                }
            } else {
                let mut kept = Pairs::default();
                let mut at = 0;
                rows.retain(|_| {
                    let keeps = is_match(at);
                    if keeps {
                        kept.push(pairs.left[at], pairs.right[at]);
                    }
                    at += 1;
                    keeps
                });
                pairs = kept;
            }
        }
        if rows.is_empty() {
            return Ok(None);
        }
        let mut joined = self.output.inserted(&pairs, &mut self.stream, &mut self.table.store)?;
        let rows = UInt32Array::from(rows);
        let at_rows = |times: &Int64Array| -> Result<_, Error> { Ok(take(times, &rows, None)?.as_primitive().clone()) };
        joined.event_times = at_rows(&changes.event_times)?;
        joined.stream_times = changes.stream_times.as_ref().map(at_rows).transpose()?;
        Ok(Some(joined))
    }
}

impl Operator for StreamTableJoin {
    fn push(&mut self, port: usize, changes: ChangeBatch, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        match Side::of_port(port) {
            Side::Left => {
                let changes = changes.without_retractions()?;
                for part in parts(&changes) {
                    let joined = self.join(&part);
                    self.stream.clear();
                    out.extend(joined?);
                }
            }
            Side::Right => {
                for part in parts(&changes) {
                    self.change_table(&part)?;
                }
            }
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        self.table.state_bytes() + self.slots.state_bytes()
    }
}
