//! Join of two streams, by hand.

use super::super::{JoinKind, StreamStreamJoin, StreamStreamJoinPlan};
use super::*;

fn plan(kind: JoinKind, before_ms: i64, after_ms: i64, grace_ms: Option<i64>) -> StreamStreamJoinPlan {
    let (left_schema, right_schema) = (schema("L", 2), schema("R", 2));
    StreamStreamJoinPlan {
        kind,
        left_keys: vec![column(0)],
        right_keys: vec![column(0)],
        filter: None,
        before_ms,
        after_ms,
        grace_ms,
        schema: joined_schema(&left_schema, &right_schema),
        left_schema,
        right_schema,
    }
}

/// A join that gets one row per step, as ksqlDB's test driver does it.
struct OneByOne {
    join: StreamStreamJoin,
    stream_times: [i64; 2],
    late: Arc<LateRows>,
}

impl OneByOne {
    fn new(plan: StreamStreamJoinPlan) -> Self {
        let late = late_rows();
        Self {
            join: StreamStreamJoin::new(plan, Arc::clone(&late), &errors()).unwrap(),
            stream_times: [i64::MIN; 2],
            late,
        }
    }

    fn push(&mut self, port: usize, change: Change) -> Vec<String> {
        self.stream_times[port] = self.stream_times[port].max(change.time);
        let prefix = if port == 0 { "L" } else { "R" };
        let batch = batch(&schema(prefix, 2), &[change], Some(&[self.stream_times[port]]));
        let progress = Progress {
            watermark: self.stream_times[0].min(self.stream_times[1]),
            shared_time: self.stream_times[0].max(self.stream_times[1]),
            ..Progress::ENDED
        };
        let (left, right) = if port == 0 {
            (Some(batch), None)
        } else {
            (None, Some(batch))
        };
        lines(&step(&mut self.join, left, right, progress))
    }

    fn left(&mut self, change: Change) -> Vec<String> {
        self.push(0, change)
    }

    fn right(&mut self, change: Change) -> Vec<String> {
        self.push(1, change)
    }
}

const NOTHING: [&str; 0] = [];

#[test]
fn inner_gives_matches_in_the_order_of_the_other_side() {
    let mut join = OneByOne::new(plan(JoinKind::Inner, 10, 10, None));
    assert_eq!(join.left(put(1, 100, 5)), NOTHING);
    assert_eq!(join.left(put(1, 101, 3)), NOTHING);
    assert_eq!(join.left(put(2, 102, 3)), NOTHING);
    assert_eq!(join.left(put(1, 103, 5)), NOTHING);
    assert_eq!(
        join.right(put(1, 200, 4)),
        ["+1,101,1,200@4", "+1,100,1,200@5", "+1,103,1,200@5"]
    );
    assert_eq!(join.right(put(1, 201, 14)), ["+1,100,1,201@14", "+1,103,1,201@14"]);
    assert_eq!(join.right(put(1, 202, 16)), NOTHING);
}

#[test]
fn before_and_after_count_from_the_left_row_and_are_included() {
    let mut join = OneByOne::new(plan(JoinKind::Inner, 2, 5, None));
    for time in [7, 8, 10, 15, 16] {
        assert_eq!(join.right(put(1, time, time)), NOTHING);
    }
    assert_eq!(
        join.left(put(1, 0, 10)),
        ["+1,0,1,8@10", "+1,0,1,10@10", "+1,0,1,15@15"]
    );
    // The other way round the same pairs are found.
    let mut join = OneByOne::new(plan(JoinKind::Inner, 2, 5, None));
    assert_eq!(join.left(put(1, 0, 10)), NOTHING);
    let found: Vec<_> = [7, 8, 10, 15, 16]
        .into_iter()
        .flat_map(|time| join.right(put(1, time, time)))
        .collect();
    assert_eq!(found, ["+1,0,1,8@10", "+1,0,1,10@10", "+1,0,1,15@15"]);
}

#[test]
fn left_without_grace_is_eager() {
    let mut join = OneByOne::new(plan(JoinKind::Left, 11, 11, None));
    assert_eq!(join.left(put(0, 1, 0)), ["+0,1,_,_@0"]);
    assert_eq!(join.right(put(0, 50, 10)), ["+0,1,0,50@10"]);
    assert_eq!(join.left(put(0, 2, 13)), ["+0,2,0,50@13"]);
    assert_eq!(join.right(put(9, 51, 16)), NOTHING);
    assert_eq!(join.left(put(0, 3, 30)), ["+0,3,_,_@30"]);
}

#[test]
fn full_without_grace_is_eager_on_both_sides() {
    let mut join = OneByOne::new(plan(JoinKind::Full, 11, 11, None));
    assert_eq!(join.left(put(0, 1, 0)), ["+0,1,_,_@0"]);
    assert_eq!(join.right(put(5, 50, 20)), ["+_,_,5,50@20"]);
    assert_eq!(join.right(put(0, 51, 10)), ["+0,1,0,51@10"]);
}

#[test]
fn with_grace_a_row_waits_for_the_end_of_its_window() {
    let mut join = OneByOne::new(plan(JoinKind::Left, 10, 10, Some(5)));
    assert_eq!(join.left(put(1, 100, 0)), NOTHING);
    assert_eq!(join.left(put(2, 101, 1)), NOTHING);
    assert_eq!(join.right(put(1, 200, 15)), NOTHING);
    // 0 + 10 + 5 is before 16; the row of time 1 closes after 16.
    assert_eq!(join.right(put(3, 201, 16)), ["+1,100,_,_@0"]);
    assert_eq!(join.left(put(3, 102, 17)), ["+2,101,_,_@1", "+3,102,3,201@17"]);
    assert_eq!(join.right(put(9, 202, 100)), NOTHING);
}

#[test]
fn rows_that_closed_come_by_time_then_right_then_left_then_by_key() {
    let mut join = OneByOne::new(plan(JoinKind::Full, 0, 0, Some(100)));
    for (port, key) in [(0, 8), (0, 7), (1, 9), (1, 3)] {
        assert_eq!(join.push(port, put(key, 1, 20)), NOTHING);
    }
    assert_eq!(join.left(put(6, 1, 25)), NOTHING);
    // A row out of order waits too: its partner may be out of order as well.
    assert_eq!(join.right(put(5, 1, 10)), NOTHING);
    let closed = join.right(put(5, 2, 1_000));
    assert_eq!(
        closed,
        [
            "+_,_,5,1@10",
            "+_,_,3,1@20",
            "+_,_,9,1@20",
            "+7,1,_,_@20",
            "+8,1,_,_@20",
            "+6,1,_,_@25"
        ]
    );
}

#[test]
fn a_side_that_is_ahead_closes_no_window_of_the_other() {
    let mut join = StreamStreamJoin::new(plan(JoinKind::Left, 10, 10, Some(5)), late_rows(), &errors()).unwrap();
    let left = [put(1, 1, 0), put(2, 1, 1_000)];
    let left = batch(&schema("L", 2), &left, Some(&[0, 1_000]));
    let progress = |right| Progress {
        watermark: i64::MIN,
        shared_time: 1_000,
        left: i64::MAX,
        right,
    };
    // The right side has read up to 3 only, and has more.
    assert_eq!(lines(&step(&mut join, Some(left), None, progress(3))), NOTHING);
    let right = batch(&schema("R", 2), &[put(1, 2, 4)], Some(&[4]));
    assert_eq!(lines(&step(&mut join, None, Some(right), progress(4))), ["+1,1,1,2@4"]);
    assert_eq!(lines(&step(&mut join, None, None, progress(i64::MAX))), NOTHING);
    assert_eq!(lines(&step(&mut join, None, None, Progress::ENDED)), ["+2,1,_,_@1000"]);
}

#[test]
fn a_late_row_is_counted_and_found_by_nobody_but_still_looks() {
    let mut join = OneByOne::new(plan(JoinKind::Right, 60, 60, Some(60)));
    assert_eq!(join.left(put(0, 1, 0)), NOTHING);
    assert_eq!(join.right(put(0, 2, 60)), ["+0,1,0,2@60"]);
    assert_eq!(join.left(put(1, 3, 330)), NOTHING);
    assert_eq!(join.left(put(2, 4, 90)), NOTHING);
    assert_eq!(join.late.count_so_far(), 1);
    assert_eq!(join.right(put(2, 5, 90)), ["+_,_,2,5@90"]);
    assert_eq!(join.right(put(3, 6, 60)), ["+_,_,3,6@60"]);
    assert_eq!(join.left(put(3, 7, 90)), ["+3,7,3,6@90"]);
    assert_eq!(join.late.count_so_far(), 2);
    assert_eq!(lines(&changes(&join.late.drain())), ["+2,4@90", "+3,7@90"]);
}

#[test]
fn without_grace_a_row_is_late_after_a_day() {
    let mut join = OneByOne::new(plan(JoinKind::Inner, 10, 10, None));
    let day = 24 * 60 * 60 * 1_000;
    assert_eq!(join.right(put(1, 1, 0)), NOTHING);
    assert_eq!(join.left(put(1, 2, day + 20)), NOTHING);
    assert_eq!(join.left(put(1, 3, 1)), ["+1,3,1,1@1"]);
    assert_eq!(join.late.count_so_far(), 0);
    assert_eq!(join.left(put(1, 4, 0)), ["+1,4,1,1@0"]);
    assert_eq!(join.late.count_so_far(), 1);
}

#[test]
fn null_keys_match_nothing_and_records_without_a_value_are_left_out() {
    let mut join = OneByOne::new(plan(JoinKind::Left, 10, 10, Some(5)));
    assert_eq!(join.left(row(&[None, Some(1)], 0)), ["+_,1,_,_@0"]);
    assert_eq!(join.right(row(&[None, Some(1)], 0)), NOTHING);
    assert_eq!(join.right(gone(1, 0)), NOTHING);
    assert_eq!(join.left(gone(1, 0)), NOTHING);
    let mut join = OneByOne::new(plan(JoinKind::Inner, 10, 10, None));
    assert_eq!(join.left(row(&[None, Some(1)], 0)), NOTHING);
    assert_eq!(join.right(row(&[None, Some(1)], 0)), NOTHING);
}

#[test]
fn a_row_that_fails_the_filter_is_no_match() {
    let mut filtered = plan(JoinKind::Left, 10, 10, None);
    filtered.filter = Some(less(1, 3));
    let mut join = OneByOne::new(filtered.clone());
    assert_eq!(join.right(put(1, 5, 0)), NOTHING);
    assert_eq!(join.right(put(1, 9, 1)), NOTHING);
    assert_eq!(join.left(put(1, 7, 2)), ["+1,7,1,9@2"]);
    assert_eq!(join.left(put(1, 9, 3)), ["+1,9,_,_@3"]);
    filtered.grace_ms = Some(0);
    let mut join = OneByOne::new(filtered.clone());
    assert_eq!(join.left(put(1, 7, 0)), NOTHING);
    assert_eq!(join.right(put(1, 7, 0)), NOTHING);
    assert_eq!(join.right(put(2, 7, 11)), ["+1,7,_,_@0"]);
    filtered.kind = JoinKind::Inner;
    let mut join = OneByOne::new(filtered);
    assert_eq!(join.left(put(1, 7, 0)), NOTHING);
    assert_eq!(join.right(put(1, 7, 0)), NOTHING);
    assert_eq!(join.right(put(1, 8, 0)), ["+1,7,1,8@0"]);
}

#[test]
fn what_waits_comes_when_the_inputs_have_ended_and_memory_is_given_back() {
    let mut join = OneByOne::new(plan(JoinKind::Full, 10, 10, Some(5)));
    for key in 0..5_000 {
        assert_eq!(join.push(usize::from(key % 2 == 0), put(key, key, 0)), NOTHING);
    }
    assert_eq!((join.join.rows(), join.join.keys()), (5_000, 5_000));
    // Two numbers, two times, a key and where it is.
    let bytes = join.join.state_bytes();
    assert!((5_000 * 32..5_000 * 2_000).contains(&bytes), "{bytes}");
    let closed = step(&mut join.join, None, None, Progress::ENDED);
    assert_eq!(closed.len(), 5_000);
    assert_eq!((join.join.rows(), join.join.keys()), (0, 0));
}

#[test]
fn rows_are_forgotten_when_the_watermark_has_left_them_behind() {
    let mut join = OneByOne::new(plan(JoinKind::Inner, 10, 10, Some(5)));
    for time in 0..6_000 {
        join.left(put(time, 1, time));
        join.right(put(time, 2, time));
    }
    // The retention is 25; rows of many small steps are put together and then forgotten together.
    assert!(join.join.rows() < 3_000, "{} rows are kept", join.join.rows());
    assert!(join.join.keys() < 3_000, "{} keys are kept", join.join.keys());
    let mut large = StreamStreamJoin::new(plan(JoinKind::Inner, 10, 10, Some(5)), late_rows(), &errors()).unwrap();
    for start in (0..60_000).step_by(2_000) {
        let rows: Vec<Change> = (start..start + 2_000).map(|time| put(time, 1, time)).collect();
        let times: Vec<i64> = rows.iter().map(|row| row.time).collect();
        let (left, right) = (
            batch(&schema("L", 2), &rows, Some(&times)),
            batch(&schema("R", 2), &rows, Some(&times)),
        );
        let progress = Progress {
            watermark: start + 1_999,
            shared_time: start + 1_999,
            ..Progress::ENDED
        };
        assert_eq!(step(&mut large, Some(left), Some(right), progress).len(), 2_000);
        assert!(large.rows() <= 8_000 && large.keys() <= 4_000);
    }
}

#[test]
fn stream_times_of_joined_rows_are_the_later_ones() {
    let mut join = StreamStreamJoin::new(plan(JoinKind::Inner, 10, 10, None), late_rows(), &errors()).unwrap();
    let mut out = Vec::new();
    join.push(1, batch(&schema("R", 2), &[put(1, 1, 5)], Some(&[40])), &mut out)
        .unwrap();
    join.push(
        0,
        batch(&schema("L", 2), &[put(1, 1, 3), put(1, 2, 4)], Some(&[30, 50])),
        &mut out,
    )
    .unwrap();
    assert_eq!(out[0].stream_times.as_ref().unwrap().values(), &[40, 50]);
    assert_eq!(out[0].event_times.values(), &[5, 5]);
    assert!(out[0].weights.is_none());
}
