//! ASOF join.

use proptest::prelude::*;

use super::super::{AsofJoin, AsofJoinPlan, Unmatched};
use super::*;

const RETENTION: i64 = 10;

fn plan(unmatched: Unmatched) -> AsofJoinPlan {
    let (left_schema, right_schema) = (schema("L", 2), schema("R", 2));
    AsofJoinPlan {
        unmatched,
        left_keys: vec![column(0)],
        right_keys: vec![column(0)],
        filter: None,
        retention_ms: RETENTION,
        schema: joined_schema(&left_schema, &right_schema),
        left_schema,
        right_schema,
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a step takes what came, which may be nothing")]
fn left(rows: &[Change]) -> Option<ChangeBatch> {
    Some(batch(&schema("L", 2), rows, None))
}

#[expect(clippy::unnecessary_wraps, reason = "a step takes what came, which may be nothing")]
fn right(rows: &[Change]) -> Option<ChangeBatch> {
    Some(batch(&schema("R", 2), rows, None))
}

fn until(watermark: i64) -> Progress {
    Progress {
        watermark,
        shared_time: watermark,
        ..Progress::UNKNOWN
    }
}

const NOTHING: [Change; 0] = [];

#[test]
fn a_left_row_gets_the_latest_right_row_when_time_has_passed_it() {
    let mut join = AsofJoin::new(plan(Unmatched::LeaveOut), late_rows(), &errors()).unwrap();
    let given = step(
        &mut join,
        left(&[put(1, 1, 5), put(2, 2, 5)]),
        right(&[put(1, 10, 3)]),
        until(5),
    );
    assert_eq!(given, NOTHING);
    // A better one still comes, and one of the same time, which is better than that.
    let given = step(
        &mut join,
        None,
        right(&[put(1, 11, 5), put(1, 12, 5), put(1, 13, 6)]),
        until(5),
    );
    assert_eq!(given, NOTHING);
    let given = step(&mut join, left(&[put(1, 3, 16), put(1, 4, 17)]), None, until(6));
    assert_eq!(lines(&given), ["+1,1,1,12@5"]);
    // 6 is 10 before 16 and 11 before 17.
    let given = step(&mut join, None, None, Progress::ENDED);
    assert_eq!(lines(&given), ["+1,3,1,13@16"]);
    assert_eq!((join.rows(), join.keys()), (0, 0));
}

#[test]
fn left_pads_and_comes_in_the_order_of_time() {
    let mut join = AsofJoin::new(plan(Unmatched::PadWithNulls), late_rows(), &errors()).unwrap();
    let rows = [put(1, 1, 9), put(2, 2, 8), row(&[None, Some(3)], 7)];
    let given = step(
        &mut join,
        left(&rows),
        right(&[put(1, 10, 9), row(&[None, Some(5)], 1)]),
        until(7),
    );
    assert_eq!(lines(&given), ["+_,3,_,_@7"]);
    let given = step(&mut join, None, None, until(20));
    assert_eq!(lines(&given), ["+2,2,_,_@8", "+1,1,1,10@9"]);
}

#[test]
fn a_deletion_on_the_right_ends_the_row_before_it() {
    let mut join = AsofJoin::new(plan(Unmatched::PadWithNulls), late_rows(), &errors()).unwrap();
    let changes = [
        put(1, 10, 1),
        old(1, 10, 3),
        put(1, 11, 3),
        old(1, 11, 6),
        put(1, 12, 8),
    ];
    let rows = [put(1, 0, 2), put(1, 0, 4), put(1, 0, 7), put(1, 0, 8)];
    let given = step(&mut join, left(&rows), right(&changes), until(30));
    assert_eq!(
        lines(&given),
        ["+1,0,1,10@2", "+1,0,1,11@4", "+1,0,_,_@7", "+1,0,1,12@8"]
    );
}

#[test]
fn rows_older_than_the_retention_are_late() {
    let late = late_rows();
    let mut join = AsofJoin::new(plan(Unmatched::PadWithNulls), Arc::clone(&late), &errors()).unwrap();
    let rows = batch(
        &schema("L", 2),
        &[put(1, 1, 30), put(1, 2, 20), put(1, 3, 21)],
        Some(&[30, 30, 30]),
    );
    assert_eq!(step(&mut join, Some(rows), None, until(25)).len(), 1);
    assert_eq!(late.count_so_far(), 1);
    assert_eq!(lines(&changes(&late.drain())), ["+1,2@20"]);
}

#[test]
fn without_a_retention_the_latest_row_is_found_however_old_and_those_before_it_are_forgotten() {
    const DAY: i64 = 24 * 60 * 60 * 1_000;
    let mut forever = plan(Unmatched::PadWithNulls);
    forever.retention_ms = i64::MAX;
    let mut join = AsofJoin::new(forever.clone(), late_rows(), &errors()).unwrap();
    let mut store = Store::default();
    store.apply(join.save().unwrap());
    for day in 0..40 {
        let rows: Vec<Change> = (0..1_000).map(|key| put(key, day, day * DAY)).collect();
        step(&mut join, None, right(&rows), until(day * DAY));
        store.apply(join.save().unwrap());
    }
    // Of 1,000 keys those of the last days, and as many again that wait for being cleared away.
    assert!(join.rows() <= 10_000, "{} rows are held", join.rows());
    assert!(store.0.len() <= 4_000, "{} rows are saved", store.0.len());
    step(&mut join, None, right(&[old(5, 39, 40 * DAY)]), until(40 * DAY));
    store.apply(join.save().unwrap());
    let mut loaded = AsofJoin::new(forever, late_rows(), &errors()).unwrap();
    loaded.load(&store.pairs()).unwrap();
    for join in [&mut join, &mut loaded] {
        let rows = [
            put(5, 1, 39 * DAY),
            put(5, 2, 90 * DAY),
            put(7, 3, 90 * DAY),
            put(7, 4, 38 * DAY + 1),
        ];
        let given = step(join, left(&rows), None, until(91 * DAY));
        let days = |days: i64| days * DAY;
        let expected = [
            row(&[Some(7), Some(4), Some(7), Some(38)], days(38) + 1),
            row(&[Some(5), Some(1), Some(5), Some(39)], days(39)),
            row(&[Some(5), Some(2), None, None], days(90)),
            row(&[Some(7), Some(3), Some(7), Some(39)], days(90)),
        ];
        assert_eq!(lines(&given), lines(&expected));
    }
}

proptest! {
    #[test]
    fn any_steps_and_restarts_give_what_a_search_gives(
        inputs in prop::collection::vec((0_usize..2, 0_i64..3, 0_i64..40), 0..80),
        mut cuts in prop::collection::vec(0_usize..80, 0..20), pads: bool, restarts: bool,
    ) {
        // In order but for 9 milliseconds, so that nothing is late.
        let mut inputs: Vec<_> = inputs.into_iter().map(|(port, key, time)| (time / 10, port, key, time)).collect();
        inputs.sort_by_key(|input| input.0);
        cuts.sort_unstable();
        let plan = plan(if pads { Unmatched::PadWithNulls } else { Unmatched::LeaveOut });
        let fresh = || AsofJoin::new(plan.clone(), late_rows(), &errors()).unwrap();
        let mut join = fresh();
        let mut store = Store::default();
        let (mut given, mut expected) = (Vec::new(), Vec::new());
        let rows = |port: usize, from: usize, to: usize| -> Vec<Change> {
            let of_port = inputs.iter().enumerate().take(to).skip(from).filter(|(_, input)| input.1 == port);
            of_port.map(|(at, input)| put(input.2, i64::try_from(at).unwrap(), input.3)).collect()
        };
        let mut start = 0;
        for end in cuts.into_iter().chain([inputs.len()]).map(|cut| cut.min(inputs.len())) {
            let sides = [left(&rows(0, start, end)), right(&rows(1, start, end))];
            // Nothing is expected of tens that have gone.
            let watermark = inputs.get(end).map_or(i64::MAX, |next| next.0 * 10);
            let [left, right] = sides.map(|side| side.filter(|batch| !batch.is_empty()));
            given.extend(step(&mut join, left, right, until(watermark)));
            if restarts {
                store.apply(join.save().unwrap());
                join = fresh();
                join.load(&store.pairs()).unwrap();
            }
            start = end;
        }
        let all = rows(1, 0, inputs.len());
        for left in rows(0, 0, inputs.len()) {
            let within = |right: &&Change| right.columns[0] == left.columns[0] && right.time <= left.time && right.time >= left.time - RETENTION;
            // The last one of the largest time.
            let latest = all.iter().filter(within).max_by_key(|right| right.time);
            if let Some(right) = latest {
                expected.push(row(&[left.columns.clone(), right.columns.clone()].concat(), left.time));
            } else if pads {
                expected.push(row(&[left.columns.clone(), vec![None; 2]].concat(), left.time));
            }
        }
        prop_assert_eq!(sorted(given), sorted(expected));
        prop_assert_eq!((join.rows(), join.keys()), (0, 0));
    }
}
