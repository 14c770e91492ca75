//! Join of two tables by a foreign key.

use proptest::prelude::*;

use super::super::{ForeignKeyJoin, ForeignKeyJoinPlan, Unmatched};
use super::*;

/// Left rows have a key, a foreign key and a value; right rows a key and a value.
fn plan(unmatched: Unmatched, filter: bool) -> ForeignKeyJoinPlan {
    let (left_schema, right_schema) = (schema("L", 3), schema("R", 2));
    ForeignKeyJoinPlan {
        unmatched,
        left_primary_keys: vec![column(0)],
        left_keys: vec![column(1)],
        right_keys: vec![column(0)],
        filter: filter.then(|| less(2, 4)),
        schema: joined_schema(&left_schema, &right_schema),
        left_schema,
        right_schema,
    }
}

fn join(unmatched: Unmatched) -> ForeignKeyJoin {
    ForeignKeyJoin::new(plan(unmatched, false), &errors()).unwrap()
}

fn push(join: &mut ForeignKeyJoin, port: usize, rows: &[Change]) -> Vec<Change> {
    let batch = if port == 0 {
        batch(&schema("L", 3), rows, None)
    } else {
        batch(&schema("R", 2), rows, None)
    };
    let (left, right) = if port == 0 {
        (Some(batch), None)
    } else {
        (None, Some(batch))
    };
    step(join, left, right, Progress::UNKNOWN)
}

fn left(join: &mut ForeignKeyJoin, rows: &[Change]) -> Vec<String> {
    lines(&push(join, 0, rows))
}

fn right(join: &mut ForeignKeyJoin, rows: &[Change]) -> Vec<String> {
    lines(&push(join, 1, rows))
}

/// A left row: weight, key, foreign key, value, time.
fn l(weight: i8, key: i64, foreign: Option<i64>, value: i64, time: i64) -> Change {
    Change {
        weight,
        ..row(&[Some(key), foreign, Some(value)], time)
    }
}

const NOTHING: [&str; 0] = [];

#[test]
fn inner_follows_both_sides() {
    let mut join = join(Unmatched::LeaveOut);
    assert_eq!(right(&mut join, &[put(0, 4, 0)]), NOTHING);
    assert_eq!(left(&mut join, &[l(1, 1, Some(0), 70, 10)]), ["+1,0,70,0,4@10"]);
    assert_eq!(left(&mut join, &[l(1, 0, Some(100), 71, 13)]), NOTHING);
    assert_eq!(
        right(&mut join, &[old(0, 4, 15), put(0, 10, 15)]),
        ["-1,0,70,0,4@15", "+1,0,70,0,10@15"]
    );
    assert_eq!(left(&mut join, &[l(1, 10, Some(0), 72, 16)]), ["+10,0,72,0,10@16"]);
    assert_eq!(
        right(&mut join, &[old(0, 10, 17)]),
        ["-1,0,70,0,10@17", "-10,0,72,0,10@17"]
    );
    // There is no joined row any more, but the deletion is passed on.
    assert_eq!(left(&mut join, &[l(-1, 1, Some(0), 70, 18)]), ["0:1,0,70,_,_@18"]);
    assert_eq!(right(&mut join, &[gone(0, 19)]), ["0:10,0,72,_,_@19"]);
    assert_eq!(right(&mut join, &[gone(55, 19)]), NOTHING);
    assert_eq!(left(&mut join, &[l(0, 33, None, 0, 20)]), NOTHING);
}

#[test]
fn left_has_a_row_for_each_left_row() {
    let mut join = join(Unmatched::PadWithNulls);
    assert_eq!(left(&mut join, &[l(1, 1, Some(0), 70, 0)]), ["+1,0,70,_,_@0"]);
    assert_eq!(right(&mut join, &[put(0, 4, 10)]), ["-1,0,70,_,_@10", "+1,0,70,0,4@10"]);
    assert_eq!(
        left(&mut join, &[l(-1, 1, Some(0), 70, 11), l(1, 1, Some(0), 71, 11)]),
        ["-1,0,70,0,4@11", "+1,0,71,0,4@11"]
    );
    assert_eq!(
        left(&mut join, &[l(1, 0, Some(100), 5, 13), l(1, 5, None, 6, 13)]),
        ["+0,100,5,_,_@13", "+5,_,6,_,_@13"]
    );
    assert_eq!(right(&mut join, &[old(0, 4, 17)]), ["-1,0,71,0,4@17", "+1,0,71,_,_@17"]);
    assert_eq!(
        left(&mut join, &[l(-1, 1, Some(0), 71, 18), l(-1, 5, None, 6, 18)]),
        ["-1,0,71,_,_@18", "-5,_,6,_,_@18"]
    );
    assert_eq!(join.table_rows(), 1);
}

#[test]
fn a_left_row_moves_with_its_foreign_key() {
    let mut join = join(Unmatched::LeaveOut);
    assert_eq!(right(&mut join, &[put(0, 40, 0), put(8, 48, 30)]), NOTHING);
    assert_eq!(left(&mut join, &[l(1, 1, Some(0), 70, 10)]), ["+1,0,70,0,40@10"]);
    assert_eq!(
        left(&mut join, &[l(-1, 1, Some(0), 70, 16), l(1, 1, Some(8), 70, 16)]),
        ["-1,0,70,0,40@30", "+1,8,70,8,48@30"]
    );
    assert_eq!(right(&mut join, &[old(0, 40, 31), put(0, 41, 31)]), NOTHING);
    // To one that is not there, then from there to null, then to one that is there.
    assert_eq!(
        left(&mut join, &[l(-1, 1, Some(8), 70, 32), l(1, 1, Some(9), 70, 32)]),
        ["-1,8,70,8,48@32"]
    );
    assert_eq!(
        left(&mut join, &[l(-1, 1, Some(9), 70, 33), l(1, 1, Some(9), 71, 33)]),
        ["0:1,9,71,_,_@33"]
    );
    assert_eq!(
        left(&mut join, &[l(-1, 1, Some(9), 71, 34), l(1, 1, None, 71, 34)]),
        NOTHING
    );
    assert_eq!(
        left(&mut join, &[l(-1, 1, None, 71, 35), l(1, 1, Some(0), 71, 35)]),
        ["+1,0,71,0,41@35"]
    );
    assert_eq!(
        left(&mut join, &[l(-1, 1, Some(0), 71, 36), l(1, 1, None, 71, 36)]),
        ["-1,0,71,0,41@36"]
    );
}

#[test]
fn left_rows_of_a_right_row_come_by_their_keys() {
    let mut join = join(Unmatched::LeaveOut);
    for key in [30, -5, 7, 100, 12] {
        assert_eq!(left(&mut join, &[l(1, key, Some(1), 0, 50)]), NOTHING);
    }
    assert_eq!(left(&mut join, &[l(-1, 7, Some(1), 0, 51)]), ["0:7,1,0,_,_@51"]);
    // The time is that of whichever row is later.
    let given = right(&mut join, &[put(1, 9, 2)]);
    assert_eq!(
        given,
        ["+-5,1,0,1,9@50", "+12,1,0,1,9@50", "+30,1,0,1,9@50", "+100,1,0,1,9@50"]
    );
}

fn table_changes(
    table: &mut BTreeMap<i64, Vec<Option<i64>>>,
    key: i64,
    values: Option<Vec<Option<i64>>>,
    time: i64,
    columns: usize,
) -> Vec<Change> {
    let change = |weight, values: Vec<Option<i64>>| Change {
        weight,
        columns: [vec![Some(key)], values].concat(),
        time,
    };
    let before = match &values {
        Some(values) => table.insert(key, values.clone()),
        None => table.remove(&key),
    };
    match (before, values) {
        (None, None) => vec![change(0, vec![None; columns - 1])],
        (before, values) => {
            let before = before.map(|before| change(-1, before));
            before
                .into_iter()
                .chain(values.map(|values| change(1, values)))
                .collect()
        }
    }
}

fn joined(pads: bool, filter: bool, tables: &[BTreeMap<i64, Vec<Option<i64>>>; 2]) -> Vec<Vec<Option<i64>>> {
    let mut rows = Vec::new();
    for (key, values) in &tables[0] {
        let right = values[0].and_then(|foreign| Some((foreign, tables[1].get(&foreign)?)));
        let right = right.filter(|(_, right)| !filter || values[1] < right[0]);
        let left = [vec![Some(*key)], values.clone()].concat();
        match right {
            Some((foreign, right)) => rows.push([left, vec![Some(foreign)], right.clone()].concat()),
            None if pads => rows.push([left, vec![None; 2]].concat()),
            None => {}
        }
    }
    rows.sort();
    rows
}

proptest! {
    #[test]
    fn the_changelog_adds_up_to_the_join_in_any_steps_and_over_restarts(
        pads: bool, filter: bool,
        inputs in prop::collection::vec(
            (0_usize..2, 0_i64..6, prop::option::weighted(0.8, (prop::option::weighted(0.9, 0_i64..4), 0_i64..9))), 0..120,
        ),
        cuts in prop::collection::vec(any::<bool>(), 120), restarts: bool,
    ) {
        let plan = plan(if pads { Unmatched::PadWithNulls } else { Unmatched::LeaveOut }, filter);
        let fresh = || ForeignKeyJoin::new(plan.clone(), &errors()).unwrap();
        let (mut batched, mut single) = (fresh(), fresh());
        let mut store = Store::default();
        let mut tables = [BTreeMap::new(), BTreeMap::new()];
        let (mut given, mut expected) = (Vec::new(), Vec::new());
        let mut waiting: Vec<Change> = Vec::new();
        let mut port = 0;
        for (at, (side, key, values)) in inputs.into_iter().enumerate() {
            if (side != port || cuts[at]) && !waiting.is_empty() {
                given.extend(push(&mut batched, port, &std::mem::take(&mut waiting)));
                if restarts {
                    store.apply(batched.save().unwrap());
                    batched = fresh();
                    batched.load(&store.pairs()).unwrap();
                }
            }
            port = side;
            let values = values.map(|(foreign, value)| if side == 0 { vec![foreign, Some(value)] } else { vec![Some(value)] });
            let changes = table_changes(&mut tables[side], key % if side == 0 { 6 } else { 4 }, values, at as i64, 3 - side);
            expected.extend(push(&mut single, side, &changes));
            waiting.extend(changes);
            prop_assert_eq!(fold(&expected).unwrap(), joined(pads, filter, &tables));
        }
        if !waiting.is_empty() {
            given.extend(push(&mut batched, port, &waiting));
        }
        prop_assert_eq!(lines(&given), lines(&expected));
        prop_assert_eq!(batched.table_rows(), tables[0].len() + tables[1].len());
    }
}
