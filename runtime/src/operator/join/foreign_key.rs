//! Join of two tables where a value of the left one is the primary key of the right one: many left rows to one right row. The result
//! is a table with the primary key of the left one.
//!
//! The rules, those of Kafka Streams as ksqlDB uses it:
//!
//! - A change of a left row gives its old joined row as a retraction, then its new one; the foreign key may be another one then.
//! - A change of a right row does so for every left row that has its key, in the order of the left primary keys.
//! - INNER has a joined row while the right row is there; LEFT has one while the left row is there.
//! - The event time is the later one of the left row's and the right row's.
//! - Where there was no joined row and there is none, INNER gives a row of weight 0 nevertheless: when a left row with a foreign key
//!   is changed or deleted, and for each left row of a right key that is deleted without having had a row.
//! - A left row whose foreign key is null matches nothing. A row whose primary key has a null is left out.
//!
//! One rule is not that of older Kafka Streams: an INNER row whose foreign key becomes null is retracted, not left as it was.
//!
//! Rows come to a shard by the foreign key. Where a left row's foreign key changes, its old row may be in another shard than its
//! new one; then one shard gives the retraction and the other the insertion, and whoever brings them together by the primary key has to
//! take the retraction first.

use std::sync::Arc;

use datafusion::arrow::array::Array;
use datafusion::arrow::datatypes::SchemaRef;

use super::durable::Saved;
use super::kept_rows::RowRef;
use super::key_slots::{KeySlots, NO_SLOT};
use super::keys::{KeyColumns, KeyExpressions};
use super::output::{Changelog, KeyPlaces, Output, Pairs};
use super::stream_table::Unmatched;
use super::table_rows::{KeyChange, TableRows, key_changes};
use super::{Side, parts};
use crate::operator::{Error, Expression, Operator, RowErrors};
use crate::state::Entry;
use crate::types::ChangeBatch;

/// What a foreign-key join does.
#[derive(Debug, Clone)]
pub struct ForeignKeyJoinPlan {
    /// INNER or LEFT.
    pub unmatched: Unmatched,
    /// The primary key of the left table.
    pub left_primary_keys: Vec<Expression>,
    /// The foreign key: expressions over the left table.
    pub left_keys: Vec<Expression>,
    /// The primary key of the right table, of the same types as the foreign key.
    pub right_keys: Vec<Expression>,
    /// What else must be true of two rows to match, over `schema`.
    pub filter: Option<Expression>,
    /// The columns of the left table.
    pub left_schema: SchemaRef,
    /// The columns of the right table.
    pub right_schema: SchemaRef,
    /// The columns of the result: left ones, then right ones; nullable where a side can be missing.
    pub schema: SchemaRef,
}

/// Joins a table (port 0) with another (port 1) by a foreign key.
#[derive(Debug)]
pub struct ForeignKeyJoin {
    unmatched: Unmatched,
    left_primary_keys: KeyExpressions,
    left_keys: KeyExpressions,
    right_keys: KeyExpressions,
    primary: KeySlots,
    foreign: KeySlots,
    left: TableRows,
    right: TableRows,
    members: Members,
    output: Output,
}

/// The left rows of each foreign key: a list through the primary slots, so that a row costs 12 bytes and moves in constant time.
#[derive(Debug, Default)]
struct Members {
    /// By primary slot.
    links: Vec<Link>,
    /// By foreign slot: the first primary slot.
    heads: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Link {
    foreign: u32,
    previous: u32,
    next: u32,
}

impl Members {
    fn state_bytes(&self) -> usize {
        self.links.capacity() * size_of::<Link>() + self.heads.capacity() * size_of::<u32>()
    }

    fn head(&self, foreign: u32) -> u32 {
        self.heads.get(foreign as usize).copied().unwrap_or(NO_SLOT)
    }

    /// The foreign slot of a left row; [`NO_SLOT`] where its key is null.
    fn foreign(&self, primary: u32) -> u32 {
        self.links.get(primary as usize).map_or(NO_SLOT, |link| link.foreign)
    }

    /// The left rows of a foreign key.
    fn of(&self, foreign: u32) -> impl Iterator<Item = u32> + '_ {
        let first = Some(self.head(foreign)).filter(|slot| *slot != NO_SLOT);
        std::iter::successors(first, |slot| {
            Some(self.links[*slot as usize].next).filter(|slot| *slot != NO_SLOT)
        })
    }

    /// Moves a left row to another foreign key; [`NO_SLOT`] for none.
    fn relink(&mut self, primary: u32, foreign: u32) {
        let at = primary as usize;
        if self.links.len() <= at {
            let unlinked = Link {
                foreign: NO_SLOT,
                previous: NO_SLOT,
                next: NO_SLOT,
            };
            self.links.resize(at + 1, unlinked);
        }
        let old = self.links[at];
        if old.foreign == foreign {
            return;
        }
        if old.foreign != NO_SLOT {
            match old.previous {
                NO_SLOT => self.heads[old.foreign as usize] = old.next,
                previous => self.links[previous as usize].next = old.next,
            }
            if old.next != NO_SLOT {
                self.links[old.next as usize].previous = old.previous;
            }
        }
        let mut next = NO_SLOT;
        if foreign != NO_SLOT {
            if self.heads.len() <= foreign as usize {
                self.heads.resize(foreign as usize + 1, NO_SLOT);
            }
            next = std::mem::replace(&mut self.heads[foreign as usize], primary);
            if next != NO_SLOT {
                self.links[next as usize].previous = primary;
            }
        }
        self.links[at] = Link {
            foreign,
            previous: NO_SLOT,
            next,
        };
    }
}

/// One joined row before and after: (left, right), [`RowRef::NONE`] where there is none.
#[derive(Debug)]
struct JoinEvent {
    old: (RowRef, RowRef),
    new: (RowRef, RowRef),
    /// The left row whose key a row of weight 0 gets, where one comes out when there was and is no joined row.
    tombstone: Option<RowRef>,
    /// Event time and stream time, milliseconds.
    times: (i64, i64),
}

impl ForeignKeyJoin {
    /// A join of empty tables.
    ///
    /// # Errors
    /// When a key has a type that cannot be a key.
    pub fn new(plan: ForeignKeyJoinPlan, errors: &Arc<RowErrors>) -> Result<Self, Error> {
        let keys = |keys| KeyExpressions::new(keys, Arc::clone(errors));
        let (primary, foreign) = (keys(plan.left_primary_keys), keys(plan.left_keys));
        Ok(Self {
            unmatched: plan.unmatched,
            primary: KeySlots::new(primary.types())?,
            foreign: KeySlots::new(foreign.types())?,
            left_primary_keys: primary,
            left_keys: foreign,
            right_keys: keys(plan.right_keys),
            left: TableRows::new(plan.left_schema, 0)?,
            right: TableRows::new(plan.right_schema, 1)?,
            members: Members::default(),
            output: Output::new(plan.schema, plan.filter, Arc::clone(errors)),
        })
    }

    /// Rows of both tables.
    #[must_use]
    pub fn table_rows(&self) -> usize {
        self.left.len() + self.right.len()
    }

    /// The next save gives everything.
    pub(super) fn forget_saved(&mut self) {
        self.left.forget_saved();
        self.right.forget_saved();
    }

    /// What changed since the last call; the first call gives everything and begins the notes about changes. Call it between
    /// steps.
    ///
    /// # Errors
    /// When a row cannot be encoded.
    pub fn save(&mut self) -> Result<Saved, Error> {
        let mut saved = self.left.save(&self.primary)?;
        saved.extend(self.right.save(&self.foreign)?);
        Ok(saved)
    }

    /// Takes back what [`ForeignKeyJoin::save`] gave, before the first row comes.
    ///
    /// # Errors
    /// When it is damaged, or of another version or schema.
    pub fn load(&mut self, saved: &[Entry]) -> Result<(), Error> {
        self.right.load(&mut self.foreign, saved)?;
        let (slots, records) = self.left.load(&mut self.primary, saved)?;
        let keys = self.left_keys.evaluate(&records)?;
        let encoded = self.foreign.encode(&keys.columns)?;
        for (row, slot) in slots.into_iter().enumerate() {
            let foreign = self.foreign_slot(&keys, &encoded, row);
            self.members.relink(slot, foreign);
        }
        Ok(())
    }

    fn foreign_slot(&mut self, keys: &KeyColumns, encoded: &datafusion::arrow::row::Rows, row: usize) -> u32 {
        if keys.is_null(row) {
            NO_SLOT
        } else {
            self.foreign.find_or_insert(encoded.row(row).data())
        }
    }

    fn change_left(&mut self, changes: &ChangeBatch) -> Result<Vec<JoinEvent>, Error> {
        let keys = self.left_primary_keys.evaluate(&changes.records)?;
        let encoded = self.primary.encode(&keys.columns)?;
        let foreign_keys = self.left_keys.evaluate(&changes.records)?;
        let foreign_encoded = self.foreign.encode(&foreign_keys.columns)?;
        let first = self.left.store.push(changes, Vec::new())?;
        let mut events = Vec::with_capacity(changes.num_rows());
        for change in key_changes(changes, |a, b| encoded.row(a) == encoded.row(b)) {
            if keys.is_null(change.row) {
                continue;
            }
            let key = encoded.row(change.row).data();
            let foreign = if change.is_upsert {
                self.foreign_slot(&foreign_keys, &foreign_encoded, change.row)
            } else {
                NO_SLOT
            };
            events.extend(self.replace_left(changes, change, key, first, foreign));
        }
        Ok(events)
    }

    fn replace_left(
        &mut self,
        changes: &ChangeBatch,
        change: KeyChange,
        key: &[u8],
        first: RowRef,
        foreign: u32,
    ) -> Option<JoinEvent> {
        let row = first.plus(change.row);
        let (slot, new) = if change.is_upsert {
            (self.primary.find_or_insert(key), row)
        } else {
            (self.primary.find(key)?, RowRef::NONE)
        };
        let old = self.left.replace(&self.primary, slot, new);
        let old_foreign = self.members.foreign(slot);
        let right_of = |foreign: u32| {
            if foreign == NO_SLOT {
                RowRef::NONE
            } else {
                self.right.current(foreign)
            }
        };
        let (old_right, new_right) = (right_of(old_foreign), right_of(foreign));
        let event_time = changes.event_times.value(change.row);
        let stream_time = changes
            .stream_times
            .as_ref()
            .map_or(event_time, |times| times.value(change.row));
        let right = if change.is_upsert { new_right } else { old_right };
        let loses_nothing = !old.is_none() && old_foreign != NO_SLOT && (foreign != NO_SLOT || !change.is_upsert);
        let event = JoinEvent {
            old: (old, old_right),
            new: (new, new_right),
            tombstone: loses_nothing.then_some(row),
            times: later((event_time, stream_time), &self.right, right),
        };
        self.members.relink(slot, foreign);
        if !change.is_upsert {
            self.primary.remove(slot);
        }
        if old_foreign != foreign {
            self.forget_foreign(old_foreign);
        }
        Some(event)
    }

    /// Gives the slot of a foreign key back when neither table has a row of it.
    fn forget_foreign(&mut self, foreign: u32) {
        if foreign != NO_SLOT && self.right.current(foreign).is_none() && self.members.head(foreign) == NO_SLOT {
            self.foreign.remove(foreign);
        }
    }

    fn change_right(&mut self, changes: &ChangeBatch) -> Result<Vec<JoinEvent>, Error> {
        let keys = self.right_keys.evaluate(&changes.records)?;
        let encoded = self.foreign.encode(&keys.columns)?;
        let first = self.right.store.push(changes, Vec::new())?;
        let mut events = Vec::with_capacity(changes.num_rows());
        for change in key_changes(changes, |a, b| encoded.row(a) == encoded.row(b)) {
            let key = encoded.row(change.row).data();
            if keys.is_null(change.row) {
                continue;
            }
            let (slot, new) = if change.is_upsert {
                (self.foreign.find_or_insert(key), first.plus(change.row))
            } else if let Some(slot) = self.foreign.find(key) {
                (slot, RowRef::NONE)
            } else {
                continue;
            };
            let old = self.right.replace(&self.foreign, slot, new);
            let event_time = changes.event_times.value(change.row);
            let stream_time = changes
                .stream_times
                .as_ref()
                .map_or(event_time, |times| times.value(change.row));
            let mut members: Vec<u32> = self.members.of(slot).collect();
            members.sort_unstable_by(|a, b| self.primary.key(*a).cmp(self.primary.key(*b)));
            events.extend(members.into_iter().map(|member| {
                let left = self.left.current(member);
                JoinEvent {
                    old: (left, old),
                    new: (left, new),
                    tombstone: (old.is_none() && new.is_none()).then_some(left),
                    times: later((event_time, stream_time), &self.left, left),
                }
            }));
            self.forget_foreign(slot);
        }
        Ok(events)
    }

    fn changelog(&mut self, events: Vec<JoinEvent>) -> Result<Changelog, Error> {
        let mut pairs = Pairs::default();
        if self.output.has_filter() {
            for (left, right) in events.iter().flat_map(|event| [event.old, event.new]) {
                pairs.push(left, right);
            }
        }
        let matches = self
            .output
            .matches(&pairs, &mut self.left.store, &mut self.right.store)?;
        let is_match = |at: usize| {
            matches
                .as_ref()
                .is_none_or(|matches| matches.is_valid(at) && matches.value(at))
        };
        let pads = self.unmatched == Unmatched::PadWithNulls;
        let joined = |(left, right): (RowRef, RowRef), is_match: bool| match (left.is_none(), right.is_none()) {
            (true, _) => None,
            (false, false) if is_match => Some((left, right)),
            _ => pads.then_some((left, RowRef::NONE)),
        };
        let mut changelog = Changelog::default();
        for (at, event) in events.into_iter().enumerate() {
            let old = joined(event.old, is_match(2 * at));
            let new = joined(event.new, is_match(2 * at + 1));
            match (old, new, event.tombstone) {
                (None, None, Some(left)) => changelog.push((left, RowRef::NONE), 0, event.times),
                _ => {
                    for (pair, weight) in [(old, -1), (new, 1)] {
                        if let Some(pair) = pair {
                            changelog.push(pair, weight, event.times);
                        }
                    }
                }
            }
        }
        Ok(changelog)
    }
}

/// The later times of a change and of the row that it meets.
fn later((event, stream): (i64, i64), table: &TableRows, row: RowRef) -> (i64, i64) {
    if row.is_none() {
        (event, stream)
    } else {
        (
            event.max(table.store.event_time(row)),
            stream.max(table.store.stream_time(row)),
        )
    }
}

impl Operator for ForeignKeyJoin {
    fn push(&mut self, port: usize, changes: ChangeBatch, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        for part in parts(&changes) {
            let events = match Side::of_port(port) {
                Side::Left => self.change_left(&part)?,
                Side::Right => self.change_right(&part)?,
            };
            let changelog = self.changelog(events)?;
            let no_keys = KeyPlaces { keys: &[], places: &[] };
            let has_stream_times = part.stream_times.is_some();
            let (left, right) = (&mut self.left.store, &mut self.right.store);
            out.extend(changelog.finish(&self.output, left, right, &no_keys, has_stream_times)?);
            self.left.compact()?;
            self.right.compact()?;
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        self.left.state_bytes()
            + self.right.state_bytes()
            + self.primary.state_bytes()
            + self.foreign.state_bytes()
            + self.members.state_bytes()
    }
}
