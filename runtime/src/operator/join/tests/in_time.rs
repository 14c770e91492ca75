//! The order of rows and changes before a join of a stream with a table.

use super::super::{InTime, StreamTableJoin, StreamTableJoinPlan, Unmatched};
use super::*;

fn join() -> InTime {
    let (left, right) = (schema("L", 2), schema("R", 2));
    let plan = StreamTableJoinPlan {
        unmatched: Unmatched::PadWithNulls,
        left_keys: vec![column(0)],
        right_keys: vec![column(0)],
        filter: None,
        schema: joined_schema(&left, &right),
        left_schema: Arc::clone(&left),
        right_schema: Arc::clone(&right),
    };
    InTime::new(StreamTableJoin::new(plan, &errors()).unwrap(), left, right)
}

/// One step: rows of the stream, changes of the table, and up to where both were read.
fn given(join: &mut InTime, stream: &[Change], table: &[Change], left: i64, right: i64) -> Vec<String> {
    let progress = Progress {
        left,
        right,
        ..Progress::UNKNOWN
    };
    let stream = batch(&schema("L", 2), stream, None);
    let table = batch(&schema("R", 2), table, None);
    lines(&step(join, Some(stream), Some(table), progress))
}

const NOTHING: [&str; 0] = [];

#[test]
fn a_row_waits_until_the_table_has_passed_its_time() {
    let mut join = join();
    let table = [put(1, 20, 5)];
    assert_eq!(given(&mut join, &[put(1, 10, 5), put(1, 11, 7)], &table, 7, 5), NOTHING);
    // The table is read up to 6, so the row of 5 meets the change of 5; that of 7 waits.
    assert_eq!(given(&mut join, &[], &[put(1, 21, 6)], 7, 6), ["+1,10,1,20@5"]);
    assert_eq!(given(&mut join, &[], &[], 7, i64::MAX), ["+1,11,1,21@7"]);
}

#[test]
fn a_change_waits_for_the_rows_before_it() {
    let mut join = join();
    // The table was read far ahead of the stream, whose partitions are not in step.
    let table = [put(1, 20, 10), put(1, 21, 20)];
    assert_eq!(given(&mut join, &[put(1, 1, 9)], &table, 9, 20), ["+1,1,_,_@9"]);
    assert_eq!(given(&mut join, &[put(1, 2, 19), put(1, 3, 15)], &[], 9, 20), NOTHING);
    assert_eq!(
        given(&mut join, &[put(1, 4, 12)], &[], 15, 20),
        ["+1,4,1,20@12", "+1,3,1,20@15", "+1,2,1,20@19"]
    );
    assert_eq!(given(&mut join, &[put(1, 5, 20)], &[], 20, i64::MAX), ["+1,5,1,21@20"]);
}

#[test]
fn who_has_nothing_to_give_is_not_waited_for() {
    let mut join = join();
    assert_eq!(given(&mut join, &[put(1, 1, 50)], &[], 50, i64::MAX), ["+1,1,_,_@50"]);
    assert_eq!(given(&mut join, &[], &[put(1, 20, 99)], i64::MAX, 99), NOTHING);
    assert_eq!(given(&mut join, &[put(1, 2, 60)], &[], 60, i64::MAX), ["+1,2,1,20@60"]);
}

#[test]
fn batches_of_partitions_out_of_step_are_merged() {
    let mut join = join();
    for table in [
        [put(1, 20, 1), put(1, 21, 5)],
        [put(1, 23, 6), put(1, 24, 10)],
        [put(1, 22, 3), put(1, 25, 4)],
    ] {
        assert_eq!(given(&mut join, &[], &table, i64::MIN, 0), NOTHING);
    }
    let stream = [put(1, 1, 2), put(1, 2, 3), put(1, 3, 5), put(1, 4, 6)];
    assert_eq!(
        given(&mut join, &stream, &[], i64::MAX, i64::MAX),
        ["+1,1,1,20@2", "+1,2,1,22@3", "+1,3,1,21@5", "+1,4,1,23@6"]
    );
}
