//! The rows of one key in their order, and what changes among the first ones.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::state::{self, Reader, Writer};

use super::{Counting, Retractions, Ties, TopNSpec};

/// Bytes behind the sort key that tell rows with equal sort keys apart.
const TIE_BYTES: usize = 8;

/// The rows of one key in their order.
#[derive(Debug, Default)]
pub(super) struct Ranked {
    /// By sort key and then by arrival, both as bytes that sort as they should; the rows in Arrow's row format.
    rows: BTreeMap<Box<[u8]>, Arc<[u8]>>,
}

/// A row that is among the first ones.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    /// Its number, from 1.
    pub(super) number: u64,
    /// Tells it from all other rows of the key.
    tie: [u8; TIE_BYTES],
    /// In Arrow's row format.
    pub(super) row: Arc<[u8]>,
}

/// A row of the result.
#[derive(Debug)]
pub(super) struct Delta {
    pub(super) shown: Shown,
    pub(super) weight: i8,
    /// The row of the batch that caused it.
    pub(super) trigger: u32,
}

impl Ranked {
    /// False when a new row with this sort key can never be among the first ones of an append-only input.
    pub(super) fn admits(&self, sorted: &[u8], spec: &TopNSpec) -> bool {
        let Some((last, _)) = self.rows.last_key_value() else {
            return true;
        };
        let is_full = self.rows.len() as u64 >= spec.last;
        match (spec.counting, sorted.cmp(sort_key(last))) {
            (_, std::cmp::Ordering::Less) => true,
            (Counting::RowNumber, std::cmp::Ordering::Equal) => !is_full || spec.ties == Ties::NewestFirst,
            (Counting::Rank | Counting::DenseRank, std::cmp::Ordering::Equal) => true,
            (Counting::RowNumber | Counting::Rank, std::cmp::Ordering::Greater) => !is_full,
            // Many rows may share few numbers, so how many there are says nothing.
            (Counting::DenseRank, std::cmp::Ordering::Greater) => true,
        }
    }

    /// True when it holds no row.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Writes all rows with their places in the order.
    pub(super) fn write(&self, value: &mut Writer) {
        for (key, row) in &self.rows {
            value.bytes(key);
            value.bytes(row);
        }
    }

    /// Writes when the key was touched, as a row without a place.
    pub(super) fn write_time(touched: i64, value: &mut Writer) {
        value.bytes(&[]);
        value.bytes(&touched.to_be_bytes());
    }

    /// Takes back what [`Ranked::write`] and [`Ranked::write_time`] wrote; gives the time, where there is one.
    pub(super) fn read(&mut self, value: &mut Reader<'_>) -> Result<Option<i64>, state::Error> {
        let mut time = None;
        while !value.is_at_end() {
            let (key, row) = (value.bytes()?, value.bytes()?);
            if let (true, Ok(touched)) = (key.is_empty(), row.try_into()) {
                time = Some(i64::from_be_bytes(touched));
                continue;
            }
            if key.len() < TIE_BYTES {
                return Err(state::Error::damaged("the first rows of a key", "a place is too short"));
            }
            self.rows.insert(key.into(), row.into());
        }
        Ok(time)
    }

    /// Memory held, in bytes, roughly.
    pub(super) fn state_bytes(&self) -> usize {
        // Two fat pointers and the counts of an `Arc`, beside the bytes.
        let rows = self.rows.iter().map(|(key, row)| key.len() + row.len() + 48);
        size_of::<Self>() + rows.sum::<usize>()
    }

    /// Puts a row in, or takes it out.
    pub(super) fn apply(&mut self, spec: &TopNSpec, weight: i8, sorted: &[u8], row: &[u8], arrived: u64) {
        if weight < 0 {
            let (from, to) = (with_tie(sorted, 0), with_tie(sorted, u64::MAX));
            let found = self.rows.range(from..=to).find(|(_, kept)| ***kept == *row);
            if let Some(key) = found.map(|(key, _)| key.clone()) {
                self.rows.remove(&key);
            }
            return;
        }
        let tie = match spec.ties {
            Ties::OldestFirst => arrived,
            Ties::NewestFirst => u64::MAX - arrived,
        };
        self.rows.insert(with_tie(sorted, tie), row.into());
        if spec.input == Retractions::Never {
            self.forget(spec);
        }
    }

    /// Forgets the rows behind the first ones.
    fn forget(&mut self, spec: &TopNSpec) {
        let behind = self.numbered(spec.counting).find(|(number, ..)| *number > spec.last);
        if let Some(key) = behind.map(|(_, key, _)| key.clone()) {
            self.rows.split_off(&key);
        }
    }

    /// The rows with their numbers, in order.
    fn numbered(&self, counting: Counting) -> impl Iterator<Item = (u64, &Box<[u8]>, &Arc<[u8]>)> {
        let (mut position, mut rank, mut dense) = (0, 0, 0);
        let mut previous: Option<&[u8]> = None;
        self.rows.iter().map(move |(key, row)| {
            position += 1;
            if previous != Some(sort_key(key)) {
                rank = position;
                dense += 1;
                previous = Some(sort_key(key));
            }
            let number = match counting {
                Counting::RowNumber => position,
                Counting::Rank => rank,
                Counting::DenseRank => dense,
            };
            (number, key, row)
        })
    }

    /// The first rows.
    pub(super) fn shown(&self, spec: &TopNSpec) -> Vec<Shown> {
        self.numbered(spec.counting)
            .take_while(|(number, ..)| *number <= spec.last)
            .filter(|(number, ..)| *number > spec.skip)
            .map(|(number, key, row)| {
                let mut tie = [0; TIE_BYTES];
                tie.copy_from_slice(&key[key.len() - TIE_BYTES..]);
                Shown {
                    number,
                    tie,
                    row: Arc::clone(row),
                }
            })
            .collect()
    }
}

fn sort_key(key: &[u8]) -> &[u8] {
    &key[..key.len() - TIE_BYTES]
}

fn with_tie(sorted: &[u8], tie: u64) -> Box<[u8]> {
    [sorted, &tie.to_be_bytes()].concat().into_boxed_slice()
}

/// What has changed from `before` to `after`, a retraction directly before the row that takes its place.
pub(super) fn differences(spec: &TopNSpec, before: &[Shown], after: &[Shown], trigger: u32, deltas: &mut Vec<Delta>) {
    let mut change = |shown: &Shown, weight| {
        deltas.push(Delta {
            shown: shown.clone(),
            weight,
            trigger,
        });
    };
    if spec.shows_number && spec.counting == Counting::RowNumber {
        // The number is a place that holds one row after the other.
        for place in 0..before.len().max(after.len()) {
            let (old, new) = (before.get(place), after.get(place));
            if let (Some(old), Some(new)) = (old, new)
                && old.tie == new.tie
            {
                continue;
            }
            if let Some(old) = old {
                change(old, -1);
            }
            if let Some(new) = new {
                change(new, 1);
            }
        }
        return;
    }
    let identity = |shown: &Shown| (shown.tie, if spec.shows_number { shown.number } else { 0 });
    let were: HashSet<_> = before.iter().map(identity).collect();
    let are: HashSet<_> = after.iter().map(identity).collect();
    let mut come: Vec<&Shown> = after.iter().filter(|new| !were.contains(&identity(new))).collect();
    let (mut gone, mut renumbered) = (Vec::new(), Vec::new());
    for old in before.iter().filter(|old| !are.contains(&identity(old))) {
        match come.iter().position(|new| new.tie == old.tie) {
            Some(place) => renumbered.push((old, come.remove(place))),
            None => gone.push(old),
        }
    }
    // Which row came for which is not known where there are several: the last one of a key must not be taken back after it was given.
    for old in gone {
        change(old, -1);
    }
    for new in come {
        change(new, 1);
    }
    for (old, new) in renumbered {
        change(old, -1);
        change(new, 1);
    }
}
