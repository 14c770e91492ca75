//! The rows of one key on one side of a join, ordered by event time, then by arrival.

use std::collections::VecDeque;

use super::kept_rows::RowRef;

/// A row that is kept, with its event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimedRow {
    /// Milliseconds.
    pub(crate) time: i64,
    pub(crate) row: RowRef,
}

/// The rows of one key. Most keys have one row at a time, which costs no allocation.
#[derive(Debug, Default)]
pub(crate) enum Bucket {
    #[default]
    Empty,
    One(TimedRow),
    Many(VecDeque<TimedRow>),
}

impl Bucket {
    /// True when there is no row.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// Memory held beside the bucket itself, in bytes, roughly.
    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Self::Empty | Self::One(_) => 0,
            Self::Many(rows) => rows.capacity() * size_of::<TimedRow>(),
        }
    }

    /// Adds a row behind those of the same time.
    pub(crate) fn insert(&mut self, added: TimedRow) {
        match self {
            Self::Empty => *self = Self::One(added),
            Self::One(row) => {
                let ordered = if row.time <= added.time {
                    [*row, added]
                } else {
                    [added, *row]
                };
                *self = Self::Many(ordered.into());
            }
            Self::Many(rows) => match rows.back() {
                Some(last) if last.time > added.time => {
                    rows.insert(rows.partition_point(|row| row.time <= added.time), added);
                }
                _ => rows.push_back(added),
            },
        }
    }

    /// The rows of times from `from` to `to`, both included.
    pub(crate) fn range(&self, from: i64, to: i64) -> impl Iterator<Item = TimedRow> {
        let (one, many) = match self {
            Self::Empty => (None, None),
            Self::One(row) => (Some(*row), None),
            Self::Many(rows) => {
                let start = match rows.front() {
                    Some(first) if first.time < from => rows.partition_point(|row| row.time < from),
                    _ => 0,
                };
                (None, Some(rows.range(start..).copied()))
            }
        };
        one.into_iter()
            .filter(move |row| row.time >= from)
            .chain(many.into_iter().flatten())
            .take_while(move |row| row.time <= to)
    }

    /// The last row of a time up to `to`, that came last among those of the same time.
    pub(crate) fn latest_until(&self, to: i64) -> Option<TimedRow> {
        match self {
            Self::Empty => None,
            Self::One(row) => (row.time <= to).then_some(*row),
            Self::Many(rows) => {
                let after = rows.partition_point(|row| row.time <= to);
                after.checked_sub(1).map(|last| rows[last])
            }
        }
    }

    /// Takes out the rows that another row has followed at a time up to `horizon`; `taken` is told each of their times.
    pub(crate) fn supersede(&mut self, horizon: i64, mut taken: impl FnMut(i64)) {
        if let Self::Many(rows) = self {
            while rows.get(1).is_some_and(|second| second.time <= horizon) {
                if let Some(first) = rows.pop_front() {
                    taken(first.time);
                }
            }
        }
    }

    /// The rows, to be given new numbers.
    pub(crate) fn rows_mut(&mut self) -> impl Iterator<Item = &mut RowRef> {
        let (one, many) = match self {
            Self::Empty => (None, None),
            Self::One(row) => (Some(row), None),
            Self::Many(rows) => (None, Some(rows.iter_mut())),
        };
        one.into_iter()
            .chain(many.into_iter().flatten())
            .map(|row| &mut row.row)
    }

    /// Takes out the rows of times up to `horizon`; `taken` is told each of their times.
    pub(crate) fn expire(&mut self, horizon: i64, mut taken: impl FnMut(i64)) {
        match self {
            Self::Empty => return,
            Self::One(row) if row.time <= horizon => taken(row.time),
            Self::One(_) => return,
            Self::Many(rows) => {
                while let Some(first) = rows.front().filter(|row| row.time <= horizon) {
                    taken(first.time);
                    rows.pop_front();
                }
                if !rows.is_empty() {
                    if rows.capacity() > 4 * rows.len() {
                        rows.shrink_to(2 * rows.len());
                    }
                    return;
                }
            }
        }
        *self = Self::Empty;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn times(bucket: &Bucket, from: i64, to: i64) -> Vec<(i64, RowRef)> {
        bucket.range(from, to).map(|row| (row.time, row.row)).collect()
    }

    proptest! {
        #[test]
        fn is_a_list_ordered_by_time_and_arrival(
            added in prop::collection::vec(0_i64..20, 0..40), from in -1_i64..21, length in 0_i64..21, horizon in -1_i64..21,
        ) {
            let mut bucket = Bucket::default();
            let mut model = Vec::new();
            for (arrival, time) in added.into_iter().enumerate() {
                let row = RowRef::first_of(0).plus(arrival);
                bucket.insert(TimedRow { time, row });
                model.push((time, row));
            }
            model.sort_by_key(|(time, _)| *time);
            let within = |model: &[(i64, RowRef)]| -> Vec<(i64, RowRef)> {
                model.iter().copied().filter(|(time, _)| (from..=from + length).contains(time)).collect()
            };
            prop_assert_eq!(times(&bucket, from, from + length), within(&model));
            let last = model.iter().rev().find(|(time, _)| *time <= from).map(|(time, row)| TimedRow { time: *time, row: *row });
            prop_assert_eq!(bucket.latest_until(from), last);
            let mut taken = Vec::new();
            bucket.expire(horizon, |time| taken.push(time));
            prop_assert_eq!(taken, model.iter().map(|(time, _)| *time).filter(|time| *time <= horizon).collect::<Vec<_>>());
            model.retain(|(time, _)| *time > horizon);
            prop_assert_eq!(times(&bucket, from, from + length), within(&model));
            prop_assert_eq!(bucket.is_empty(), model.is_empty());
        }
    }
}
