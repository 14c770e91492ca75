//! Join of two tables by their primary keys: the result is a table with the same key.
//!
//! The rules, those of Kafka Streams as ksqlDB uses it:
//!
//! - Either side gives results: a change of a key gives the joined row that there was, as a retraction, then the one that there is.
//!   INNER has a joined row while both sides have a row, LEFT while the left side has one, RIGHT while the right one has, FULL
//!   while either has.
//! - The event time is that of the change or of the other side's row, whichever is later, for both rows of an update.
//! - A change that changes nothing is given all the same: an update to the same row, or the deletion of a row that the preserved
//!   side never saw, gives the joined row again.
//! - A deletion of a key that this side does not have, while the other side has it, and of which there is no joined row, is
//!   passed on as a row of weight 0.
//! - A row whose key has a null is left out.
//!
//! A table's row is kept until it is deleted, whatever its age.

use std::sync::Arc;

use datafusion::arrow::array::Array;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;

use super::durable::Saved;
use super::kept_rows::RowRef;
use super::key_slots::KeySlots;
use super::keys::KeyExpressions;
use super::output::{Changelog, KeyPlaces, Output, Pairs};
use super::table_rows::{TableRows, key_changes};
use super::{JoinKind, Side, parts};
use crate::operator::{Error, Expression, Operator, RowErrors};
use crate::state::Entry;
use crate::types::ChangeBatch;

/// What a join of two tables does.
#[derive(Debug, Clone)]
pub struct TableTableJoinPlan {
    /// Which rows come out without a partner.
    pub kind: JoinKind,
    /// The primary key of the left table.
    pub left_keys: Vec<Expression>,
    /// The primary key of the right table, of the same types.
    pub right_keys: Vec<Expression>,
    /// What else must be true of two rows to match, over `schema`; not for [`JoinKind::Full`], where a key would have two rows.
    pub filter: Option<Expression>,
    /// The columns of the left table.
    pub left_schema: SchemaRef,
    /// The columns of the right table.
    pub right_schema: SchemaRef,
    /// The columns of the result: left ones, then right ones; nullable where a side can be missing.
    pub schema: SchemaRef,
}

/// Joins two tables.
#[derive(Debug)]
pub struct TableTableJoin {
    kind: JoinKind,
    keys: [KeyExpressions; 2],
    slots: KeySlots,
    tables: [TableRows; 2],
    output: Output,
    /// For each joined column that is a key column: it, and which key.
    key_places: Vec<(usize, usize)>,
}

/// A change of one key: rows of the changed side before and after, and the other side's row.
#[derive(Debug)]
struct KeyEvent {
    row: usize,
    old: RowRef,
    new: RowRef,
    other: RowRef,
}

impl TableTableJoin {
    /// A join of empty tables.
    ///
    /// # Errors
    /// When the key has a type that cannot be a key, or a FULL join has a filter.
    pub fn new(plan: TableTableJoinPlan, errors: &Arc<RowErrors>) -> Result<Self, Error> {
        if plan.kind == JoinKind::Full && plan.filter.is_some() {
            let reason = "a FULL join of tables has a condition beyond its keys, which the planner refuses";
            return Err(ArrowError::InvalidArgumentError(reason.into()).into());
        }
        let keys = [plan.left_keys, plan.right_keys].map(|keys| KeyExpressions::new(keys, Arc::clone(errors)));
        let left_columns = plan.left_schema.fields().len();
        let places = |side: usize, offset: usize| {
            let indices = keys[side].column_indices().into_iter().enumerate();
            indices.filter_map(move |(key, column)| Some((column? + offset, key)))
        };
        Ok(Self {
            kind: plan.kind,
            key_places: places(0, 0).chain(places(1, left_columns)).collect(),
            slots: KeySlots::new(keys[0].types())?,
            keys,
            tables: [
                TableRows::new(plan.left_schema, 0)?,
                TableRows::new(plan.right_schema, 1)?,
            ],
            output: Output::new(plan.schema, plan.filter, Arc::clone(errors)),
        })
    }

    /// Rows of both tables.
    #[must_use]
    pub fn table_rows(&self) -> usize {
        self.tables.iter().map(TableRows::len).sum()
    }

    /// The next save gives everything.
    pub(super) fn forget_saved(&mut self) {
        self.tables.iter_mut().for_each(TableRows::forget_saved);
    }

    /// What changed since the last call; the first call gives everything and begins the notes about changes. Call it between
    /// steps.
    ///
    /// # Errors
    /// When a row cannot be encoded.
    pub fn save(&mut self) -> Result<Saved, Error> {
        let mut saved = self.tables[0].save(&self.slots)?;
        saved.extend(self.tables[1].save(&self.slots)?);
        Ok(saved)
    }

    /// Takes back what [`TableTableJoin::save`] gave, before the first row comes.
    ///
    /// # Errors
    /// When it is damaged, or of another version or schema.
    pub fn load(&mut self, saved: &[Entry]) -> Result<(), Error> {
        for table in &mut self.tables {
            table.load(&mut self.slots, saved)?;
        }
        Ok(())
    }

    fn push_part(&mut self, side: Side, changes: &ChangeBatch) -> Result<Option<ChangeBatch>, Error> {
        let keys = self.keys[side as usize].evaluate(&changes.records)?;
        let encoded = self.slots.encode(&keys.columns)?;
        let first = self.tables[side as usize].store.push(changes, Vec::new())?;
        let mut events = Vec::with_capacity(changes.num_rows());
        for change in key_changes(changes, |a, b| encoded.row(a) == encoded.row(b)) {
            if !keys.is_null(change.row) {
                let new = if change.is_upsert {
                    first.plus(change.row)
                } else {
                    RowRef::NONE
                };
                events.extend(self.apply(side, encoded.row(change.row).data(), change.row, new));
            }
        }
        let changelog = self.changelog(side, changes, first, &events)?;
        let [left, right] = &mut self.tables;
        let places = KeyPlaces {
            keys: &keys.columns,
            places: &self.key_places,
        };
        let has_stream_times = changes.stream_times.is_some();
        let out = changelog.finish(
            &self.output,
            &mut left.store,
            &mut right.store,
            &places,
            has_stream_times,
        )?;
        self.tables[side as usize].compact()?;
        Ok(out)
    }

    /// Puts the new row in place of the old one.
    fn apply(&mut self, side: Side, key: &[u8], row: usize, new: RowRef) -> Option<KeyEvent> {
        let slot = if new.is_none() {
            // Of a key that neither side has there is nothing to say.
            self.slots.find(key)?
        } else {
            self.slots.find_or_insert(key)
        };
        let old = self.tables[side as usize].replace(&self.slots, slot, new);
        let other = self.tables[1 - side as usize].current(slot);
        if new.is_none() && other.is_none() {
            self.slots.remove(slot);
        }
        Some(KeyEvent { row, old, new, other })
    }

    fn changelog(
        &mut self,
        side: Side,
        changes: &ChangeBatch,
        first: RowRef,
        events: &[KeyEvent],
    ) -> Result<Changelog, Error> {
        let matches = self.matches(side, events)?;
        let preserves = (self.kind.preserves_left(), self.kind.preserves_right());
        let (keeps_own, keeps_other) = match side {
            Side::Left => preserves,
            Side::Right => (preserves.1, preserves.0),
        };
        let joined = |own: RowRef, other: RowRef, is_match: bool| match (own.is_none(), other.is_none()) {
            (false, false) if is_match => Some((own, other)),
            (false, _) if keeps_own => Some((own, RowRef::NONE)),
            (_, false) if keeps_other => Some((RowRef::NONE, other)),
            _ => None,
        };
        let others = &self.tables[1 - side as usize].store;
        let stream_times = changes.stream_times.as_ref().unwrap_or(&changes.event_times);
        let mut changelog = Changelog::default();
        for (event, (old_matches, new_matches)) in events.iter().zip(matches) {
            let mut times = (changes.event_times.value(event.row), stream_times.value(event.row));
            if !event.other.is_none() {
                times.0 = times.0.max(others.event_time(event.other));
                times.1 = times.1.max(others.stream_time(event.other));
            }
            let old = joined(event.old, event.other, old_matches);
            let new = joined(event.new, event.other, new_matches);
            let is_tombstone = event.old.is_none() && event.new.is_none() && !event.other.is_none();
            if old.is_none() && new.is_none() && is_tombstone {
                changelog.push_tombstone(side.pair(first.plus(event.row), RowRef::NONE), event.row, times);
            }
            for (pair, weight) in [(old, -1), (new, 1)] {
                if let Some((own, other)) = pair {
                    changelog.push(side.pair(own, other), weight, times);
                }
            }
        }
        Ok(changelog)
    }

    /// For each event whether the other side's row matches the old and the new row beyond the key.
    fn matches(&mut self, side: Side, events: &[KeyEvent]) -> Result<Vec<(bool, bool)>, Error> {
        if !self.output.has_filter() {
            return Ok(vec![(true, true); events.len()]);
        }
        let mut pairs = Pairs::default();
        for event in events {
            for own in [event.old, event.new] {
                let (left, right) = side.pair(own, event.other);
                pairs.push(left, right);
            }
        }
        let [left, right] = &mut self.tables;
        let matches = self.output.matches(&pairs, &mut left.store, &mut right.store)?;
        let is_match = |at: usize| {
            matches
                .as_ref()
                .is_none_or(|matches| matches.is_valid(at) && matches.value(at))
        };
        Ok((0..events.len())
            .map(|event| (is_match(2 * event), is_match(2 * event + 1)))
            .collect())
    }
}

impl Operator for TableTableJoin {
    fn push(&mut self, port: usize, changes: ChangeBatch, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        for part in parts(&changes) {
            out.extend(self.push_part(Side::of_port(port), &part)?);
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        self.tables.iter().map(TableRows::state_bytes).sum::<usize>() + self.slots.state_bytes()
    }
}
