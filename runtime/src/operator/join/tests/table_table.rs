//! Join of two tables by their primary keys.

use proptest::prelude::*;

use super::super::{JoinKind, TableTableJoin, TableTableJoinPlan};
use super::*;

fn plan(kind: JoinKind, filter: bool) -> TableTableJoinPlan {
    let (left_schema, right_schema) = (schema("L", 2), schema("R", 2));
    TableTableJoinPlan {
        kind,
        left_keys: vec![column(0)],
        right_keys: vec![column(0)],
        filter: filter.then(|| less(1, 3)),
        schema: joined_schema(&left_schema, &right_schema),
        left_schema,
        right_schema,
    }
}

fn join(kind: JoinKind) -> TableTableJoin {
    TableTableJoin::new(plan(kind, false), &errors()).unwrap()
}

fn push(join: &mut TableTableJoin, port: usize, rows: &[Change]) -> Vec<Change> {
    let batch = batch(&schema(if port == 0 { "L" } else { "R" }, 2), rows, None);
    let (left, right) = if port == 0 {
        (Some(batch), None)
    } else {
        (None, Some(batch))
    };
    step(join, left, right, Progress::UNKNOWN)
}

fn left(join: &mut TableTableJoin, rows: &[Change]) -> Vec<String> {
    lines(&push(join, 0, rows))
}

fn right(join: &mut TableTableJoin, rows: &[Change]) -> Vec<String> {
    lines(&push(join, 1, rows))
}

const NOTHING: [&str; 0] = [];

#[test]
fn inner_has_a_row_while_both_sides_have_one() {
    let mut join = join(JoinKind::Inner);
    assert_eq!(left(&mut join, &[put(0, 1, 0)]), NOTHING);
    assert_eq!(right(&mut join, &[put(0, 2, 10)]), ["+0,1,0,2@10"]);
    assert_eq!(
        left(&mut join, &[old(0, 1, 5), put(0, 3, 5)]),
        ["-0,1,0,2@10", "+0,3,0,2@10"]
    );
    assert_eq!(
        right(&mut join, &[old(0, 2, 30), put(0, 4, 30)]),
        ["-0,3,0,2@30", "+0,3,0,4@30"]
    );
    assert_eq!(left(&mut join, &[old(0, 3, 50)]), ["-0,3,0,4@50"]);
    assert_eq!(right(&mut join, &[old(0, 4, 60)]), NOTHING);
    assert_eq!(join.table_rows(), 0);
}

#[test]
fn a_deletion_without_a_row_is_passed_on_where_the_other_side_has_the_key() {
    for kind in [JoinKind::Inner, JoinKind::Left] {
        let mut join = join(kind);
        assert_eq!(left(&mut join, &[gone(7, 1)]), NOTHING);
        assert_eq!(right(&mut join, &[put(7, 2, 10)]), NOTHING);
        // The columns of both keys are there, so that either can be the key of the result.
        assert_eq!(left(&mut join, &[gone(7, 20)]), ["0:7,_,7,_@20"]);
    }
    let mut join = join(JoinKind::Inner);
    assert_eq!(left(&mut join, &[put(7, 1, 0)]), NOTHING);
    assert_eq!(right(&mut join, &[gone(8, 2), gone(7, 2)]), ["0:7,_,7,_@2"]);
}

#[test]
fn left_has_a_row_while_the_left_side_has_one() {
    let mut join = join(JoinKind::Left);
    assert_eq!(left(&mut join, &[put(0, 1, 0)]), ["+0,1,_,_@0"]);
    assert_eq!(right(&mut join, &[put(0, 2, 10)]), ["-0,1,_,_@10", "+0,1,0,2@10"]);
    assert_eq!(right(&mut join, &[old(0, 2, 20)]), ["-0,1,0,2@20", "+0,1,_,_@20"]);
    // The deletion of what is not there gives the row again.
    assert_eq!(right(&mut join, &[gone(0, 30)]), ["-0,1,_,_@30", "+0,1,_,_@30"]);
    assert_eq!(left(&mut join, &[old(0, 1, 40)]), ["-0,1,_,_@40"]);
    assert_eq!(right(&mut join, &[put(0, 5, 50)]), NOTHING);
    assert_eq!(left(&mut join, &[put(0, 6, 45)]), ["+0,6,0,5@50"]);
}

#[test]
fn right_and_full_keep_the_rows_of_their_sides() {
    let mut tables = join(JoinKind::Right);
    assert_eq!(left(&mut tables, &[put(0, 1, 0)]), NOTHING);
    assert_eq!(
        right(&mut tables, &[put(0, 2, 1), put(7, 3, 2)]),
        ["+0,1,0,2@1", "+_,_,7,3@2"]
    );
    assert_eq!(left(&mut tables, &[old(0, 1, 3)]), ["-0,1,0,2@3", "+_,_,0,2@3"]);
    let mut tables = join(JoinKind::Full);
    assert_eq!(left(&mut tables, &[put(0, 1, 0)]), ["+0,1,_,_@0"]);
    assert_eq!(
        right(&mut tables, &[put(0, 2, 1), put(7, 3, 2)]),
        ["-0,1,_,_@1", "+0,1,0,2@1", "+_,_,7,3@2"]
    );
    assert_eq!(left(&mut tables, &[old(0, 1, 3)]), ["-0,1,0,2@3", "+_,_,0,2@3"]);
    assert_eq!(right(&mut tables, &[old(0, 2, 4)]), ["-_,_,0,2@4"]);
    assert_eq!(right(&mut tables, &[gone(0, 5)]), NOTHING);
}

#[test]
fn a_row_whose_key_is_null_is_left_out_and_a_key_that_changes_is_two_changes() {
    let mut join = join(JoinKind::Full);
    assert_eq!(left(&mut join, &[row(&[None, Some(1)], 0)]), NOTHING);
    assert_eq!(left(&mut join, &[put(1, 1, 0)]), ["+1,1,_,_@0"]);
    assert_eq!(
        left(&mut join, &[old(1, 1, 1), put(2, 1, 1)]),
        ["-1,1,_,_@1", "+2,1,_,_@1"]
    );
}

#[test]
fn rows_that_fail_the_filter_are_not_joined() {
    let mut tables = TableTableJoin::new(plan(JoinKind::Inner, true), &errors()).unwrap();
    assert_eq!(left(&mut tables, &[put(0, 5, 0)]), NOTHING);
    assert_eq!(right(&mut tables, &[put(0, 5, 1)]), NOTHING);
    assert_eq!(right(&mut tables, &[old(0, 5, 2), put(0, 6, 2)]), ["+0,5,0,6@2"]);
    assert_eq!(left(&mut tables, &[old(0, 5, 3), put(0, 9, 3)]), ["-0,5,0,6@3"]);
    assert_eq!(left(&mut tables, &[old(0, 9, 4)]), NOTHING);
    let mut tables = TableTableJoin::new(plan(JoinKind::Left, true), &errors()).unwrap();
    assert_eq!(left(&mut tables, &[put(0, 5, 0)]), ["+0,5,_,_@0"]);
    assert_eq!(right(&mut tables, &[put(0, 6, 1)]), ["-0,5,_,_@1", "+0,5,0,6@1"]);
    assert_eq!(
        right(&mut tables, &[old(0, 6, 2), put(0, 4, 2)]),
        ["-0,5,0,6@2", "+0,5,_,_@2"]
    );
    assert!(TableTableJoin::new(plan(JoinKind::Full, true), &errors()).is_err());
}

fn kinds() -> impl Strategy<Value = JoinKind> {
    prop_oneof![
        Just(JoinKind::Inner),
        Just(JoinKind::Left),
        Just(JoinKind::Right),
        Just(JoinKind::Full)
    ]
}

/// The changes that a table makes of upserts and deletions.
fn table_changes(table: &mut BTreeMap<i64, i64>, key: i64, value: Option<i64>, time: i64) -> Vec<Change> {
    let before = match value {
        Some(value) => table.insert(key, value),
        None => table.remove(&key),
    };
    match (before, value) {
        (None, None) => vec![gone(key, time)],
        (before, value) => {
            let before = before.map(|before| old(key, before, time));
            before
                .into_iter()
                .chain(value.map(|value| put(key, value, time)))
                .collect()
        }
    }
}

fn joined(kind: JoinKind, filter: bool, tables: &[BTreeMap<i64, i64>; 2]) -> Vec<Vec<Option<i64>>> {
    let [left, right] = tables;
    let mut rows = Vec::new();
    let is_match = |key: &i64| left.get(key).zip(right.get(key)).is_some_and(|(l, r)| !filter || l < r);
    for (key, value) in left {
        if is_match(key) {
            rows.push(vec![Some(*key), Some(*value), Some(*key), Some(right[key])]);
        } else if kind.preserves_left() {
            rows.push(vec![Some(*key), Some(*value), None, None]);
        }
    }
    for (key, value) in right {
        if kind.preserves_right() && !is_match(key) {
            rows.push(vec![None, None, Some(*key), Some(*value)]);
        }
    }
    rows.sort();
    rows
}

proptest! {
    #[test]
    fn the_changelog_adds_up_to_the_join_in_any_steps_and_over_restarts(
        kind in kinds(), filter: bool,
        inputs in prop::collection::vec((0_usize..2, 0_i64..5, prop::option::weighted(0.7, 0_i64..10)), 0..100),
        cuts in prop::collection::vec(any::<bool>(), 100), restarts: bool,
    ) {
        let filter = filter && kind != JoinKind::Full;
        let plan = plan(kind, filter);
        let fresh = || TableTableJoin::new(plan.clone(), &errors()).unwrap();
        let (mut batched, mut single) = (fresh(), fresh());
        let mut store = Store::default();
        let mut tables = [BTreeMap::new(), BTreeMap::new()];
        let (mut given, mut expected) = (Vec::new(), Vec::new());
        let mut waiting: Vec<Change> = Vec::new();
        let mut port = 0;
        for (at, (side, key, value)) in inputs.into_iter().enumerate() {
            if (side != port || cuts[at]) && !waiting.is_empty() {
                given.extend(push(&mut batched, port, &std::mem::take(&mut waiting)));
                if restarts {
                    store.apply(batched.save().unwrap());
                    batched = fresh();
                    batched.load(&store.pairs()).unwrap();
                }
            }
            port = side;
            let changes = table_changes(&mut tables[side], key, value, i64::try_from(at).unwrap());
            expected.extend(push(&mut single, side, &changes));
            waiting.extend(changes);
            prop_assert_eq!(fold(&expected).unwrap(), joined(kind, filter, &tables));
        }
        if !waiting.is_empty() {
            given.extend(push(&mut batched, port, &waiting));
        }
        prop_assert_eq!(lines(&given), lines(&expected));
        prop_assert_eq!(batched.table_rows(), tables[0].len() + tables[1].len());
    }
}
