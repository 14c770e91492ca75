//! Join of a stream with a table.

use proptest::prelude::*;

use super::super::{StreamTableJoin, StreamTableJoinPlan, Unmatched};
use super::*;

fn join(unmatched: Unmatched, filter: Option<Expression>) -> StreamTableJoin {
    let (left_schema, right_schema) = (schema("L", 2), schema("R", 2));
    let plan = StreamTableJoinPlan {
        unmatched,
        left_keys: vec![column(0)],
        right_keys: vec![column(0)],
        filter,
        schema: joined_schema(&left_schema, &right_schema),
        left_schema,
        right_schema,
    };
    StreamTableJoin::new(plan, &errors()).unwrap()
}

fn stream(join: &mut StreamTableJoin, rows: &[Change]) -> Vec<String> {
    lines(&step(
        join,
        Some(batch(&schema("L", 2), rows, None)),
        None,
        Progress::UNKNOWN,
    ))
}

fn table(join: &mut StreamTableJoin, rows: &[Change]) {
    let given = step(join, None, Some(batch(&schema("R", 2), rows, None)), Progress::UNKNOWN);
    assert!(given.is_empty(), "a table's change alone gives nothing");
}

const NOTHING: [&str; 0] = [];

#[test]
fn each_row_meets_the_table_as_it_is_then() {
    let mut join = join(Unmatched::LeaveOut, None);
    assert_eq!(stream(&mut join, &[put(1, 10, 5)]), NOTHING);
    table(&mut join, &[put(1, 20, 9), put(2, 21, 9)]);
    // The time is the stream's, though the table's row is newer.
    assert_eq!(
        stream(&mut join, &[put(2, 11, 6), put(3, 12, 7), put(1, 13, 8)]),
        ["+2,11,2,21@6", "+1,13,1,20@8"]
    );
    table(&mut join, &[old(1, 20, 10), put(1, 22, 10), old(2, 21, 11)]);
    assert_eq!(stream(&mut join, &[put(2, 14, 12), put(1, 15, 12)]), ["+1,15,1,22@12"]);
    assert_eq!(join.table_rows(), 1);
}

#[test]
fn left_pads_with_nulls() {
    let mut join = join(Unmatched::PadWithNulls, None);
    table(&mut join, &[put(1, 20, 0), row(&[None, Some(5)], 0)]);
    let rows = [put(2, 10, 1), put(1, 11, 1), row(&[None, Some(12)], 2), gone(1, 3)];
    assert_eq!(stream(&mut join, &rows), ["+2,10,_,_@1", "+1,11,1,20@1", "+_,12,_,_@2"]);
    table(&mut join, &[gone(1, 4), gone(7, 4)]);
    assert_eq!(stream(&mut join, &[put(1, 13, 5)]), ["+1,13,_,_@5"]);
}

#[test]
fn a_row_that_fails_the_filter_has_no_partner() {
    let mut inner = join(Unmatched::LeaveOut, Some(less(1, 3)));
    table(&mut inner, &[put(1, 20, 0), put(2, 5, 0)]);
    assert_eq!(stream(&mut inner, &[put(2, 10, 1), put(1, 10, 2)]), ["+1,10,1,20@2"]);
    let mut left = join(Unmatched::PadWithNulls, Some(less(1, 3)));
    table(&mut left, &[put(1, 20, 0), put(2, 5, 0)]);
    assert_eq!(
        stream(&mut left, &[put(2, 10, 1), put(1, 10, 2)]),
        ["+2,10,_,_@1", "+1,10,1,20@2"]
    );
}

#[test]
fn stream_times_are_those_of_the_stream() {
    let mut join = join(Unmatched::LeaveOut, None);
    table(&mut join, &[put(1, 20, 90)]);
    let mut out = Vec::new();
    join.push(
        0,
        batch(&schema("L", 2), &[put(2, 1, 4), put(1, 1, 5)], Some(&[7, 8])),
        &mut out,
    )
    .unwrap();
    assert_eq!(out[0].stream_times.as_ref().unwrap().values(), &[8]);
}

#[test]
fn memory_of_rows_that_were_replaced_is_given_back() {
    let mut join = join(Unmatched::LeaveOut, None);
    for round in 0..50 {
        let rows: Vec<Change> = (0..1_000)
            .flat_map(|key| [old(key, round - 1, round), put(key, round, round)])
            .collect();
        table(&mut join, &rows);
        assert!(join.rows_held() <= 8_000, "{} rows are held", join.rows_held());
    }
    assert_eq!(join.table_rows(), 1_000);
    assert_eq!(stream(&mut join, &[put(999, 1, 60)]), ["+999,1,999,49@60"]);
}

proptest! {
    #[test]
    fn any_steps_and_restarts_give_what_a_map_gives(
        inputs in prop::collection::vec((any::<bool>(), 0_i64..5, prop::option::of(0_i64..10)), 0..100),
        cuts in prop::collection::vec(any::<bool>(), 100), pads: bool,
    ) {
        let unmatched = if pads { Unmatched::PadWithNulls } else { Unmatched::LeaveOut };
        let mut operator = join(unmatched, None);
        let mut store = Store::default();
        let mut model: BTreeMap<i64, i64> = BTreeMap::new();
        let (mut given, mut expected) = (Vec::new(), Vec::new());
        let mut waiting: Vec<(bool, Change)> = Vec::new();
        let flush = |operator: &mut StreamTableJoin, waiting: &mut Vec<(bool, Change)>, given: &mut Vec<String>| {
            if let Some((is_stream, _)) = waiting.first() {
                let is_stream = *is_stream;
                let rows: Vec<Change> = std::mem::take(waiting).into_iter().map(|(_, row)| row).collect();
                if is_stream { given.extend(stream(operator, &rows)) } else { table(operator, &rows) }
            }
        };
        for (at, (is_stream, key, value)) in inputs.into_iter().enumerate() {
            let time = i64::try_from(at).unwrap();
            if waiting.first().is_some_and(|first| first.0 != is_stream) || cuts[at] {
                flush(&mut operator, &mut waiting, &mut given);
                store.apply(operator.save().unwrap());
            }
            if cuts[at] {
                operator = join(unmatched, None);
                operator.load(&store.pairs()).unwrap();
            }
            if is_stream {
                let partner = model.get(&key);
                if pads || partner.is_some() {
                    let right = partner.map_or([None; 2], |partner| [Some(key), Some(*partner)]);
                    expected.push(row(&[Some(key), Some(time), right[0], right[1]], time));
                }
                waiting.push((true, put(key, time, time)));
            } else {
                let before = match value {
                    Some(value) => model.insert(key, value),
                    None => model.remove(&key),
                };
                match (before, value) {
                    (None, None) => waiting.push((false, gone(key, time))),
                    (before, value) => {
                        waiting.extend(before.map(|before| (false, old(key, before, time))));
                        waiting.extend(value.map(|value| (false, put(key, value, time))));
                    }
                }
            }
        }
        flush(&mut operator, &mut waiting, &mut given);
        prop_assert_eq!(given, lines(&expected));
        prop_assert_eq!(operator.table_rows(), model.len());
    }
}
