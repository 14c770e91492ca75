//! Join of two streams, on random input: against models, in any steps, and with its state saved and loaded.

use proptest::prelude::*;

use super::super::{JoinKind, StreamStreamJoin, StreamStreamJoinPlan};
use super::*;

const BEFORE: i64 = 4;
const AFTER: i64 = 7;

fn plan(kind: JoinKind, grace_ms: Option<i64>, filter: bool) -> StreamStreamJoinPlan {
    let (left_schema, right_schema) = (schema("L", 2), schema("R", 2));
    StreamStreamJoinPlan {
        kind,
        left_keys: vec![column(0)],
        right_keys: vec![column(0)],
        filter: filter.then(|| less(1, 3)),
        before_ms: BEFORE,
        after_ms: AFTER,
        grace_ms,
        schema: joined_schema(&left_schema, &right_schema),
        left_schema,
        right_schema,
    }
}

fn kinds() -> impl Strategy<Value = JoinKind> {
    prop_oneof![
        Just(JoinKind::Inner),
        Just(JoinKind::Left),
        Just(JoinKind::Right),
        Just(JoinKind::Full)
    ]
}

/// A row of a side: port, key, value, time.
type Input = (usize, Option<i64>, i64, i64);

fn inputs(time_max: i64) -> impl Strategy<Value = Vec<Input>> {
    let key = prop_oneof![1 => Just(None), 12 => (0_i64..4).prop_map(Some)];
    prop::collection::vec((0_usize..2, key, 0_i64..10, 0..time_max), 0..80)
}

fn change(input: &Input) -> Change {
    row(&[input.1, Some(input.2)], input.3)
}

fn is_match(left: &Change, right: &Change, filter: bool) -> bool {
    left.columns[0].is_some()
        && left.columns[0] == right.columns[0]
        && (left.time - BEFORE..=left.time + AFTER).contains(&right.time)
        && (!filter || left.columns[1] < right.columns[1])
}

fn pair(left: Option<&Change>, right: Option<&Change>) -> Change {
    let columns = |change: Option<&Change>| change.map_or(vec![None; 2], |change| change.columns.clone());
    let time = left.into_iter().chain(right).map(|change| change.time).max().unwrap();
    row(&[columns(left), columns(right)].concat(), time)
}

/// Feeds the inputs in steps that end at the places `cuts`; saves after each step and goes on with a loaded operator where
/// `restarts`.
fn run(plan: &StreamStreamJoinPlan, inputs: &[Input], cuts: &[usize], restarts: bool) -> Vec<Change> {
    let fresh = || StreamStreamJoin::new(plan.clone(), late_rows(), &errors()).unwrap();
    let mut join = fresh();
    let mut store = Store::default();
    let mut out = Vec::new();
    let mut stream_times = [i64::MIN; 2];
    let mut start = 0;
    for end in cuts.iter().copied().chain([inputs.len()]) {
        if end <= start {
            continue;
        }
        let mut sides = [None, None];
        for (port, side) in sides.iter_mut().enumerate() {
            let rows: Vec<Change> = inputs[start..end]
                .iter()
                .filter(|input| input.0 == port)
                .map(change)
                .collect();
            let times: Vec<i64> = rows
                .iter()
                .map(|row| {
                    stream_times[port] = stream_times[port].max(row.time);
                    stream_times[port]
                })
                .collect();
            let prefix = if port == 0 { "L" } else { "R" };
            *side = (!rows.is_empty()).then(|| batch(&schema(prefix, 2), &rows, Some(&times)));
        }
        let [left, right] = sides;
        let progress = Progress {
            watermark: stream_times[0].min(stream_times[1]),
            shared_time: stream_times[0].max(stream_times[1]),
            ..Progress::ENDED
        };
        out.extend(step(&mut join, left, right, progress));
        if restarts {
            store.apply(join.save().unwrap());
            if end % 2 == 0 {
                join = fresh();
                join.load(&store.pairs()).unwrap();
                // The pipeline tells the time before the next rows come.
                out.extend(step(&mut join, None, None, progress));
            }
        }
        start = end;
    }
    out.extend(step(&mut join, None, None, Progress::ENDED));
    assert_eq!((join.rows(), join.keys()), (0, 0));
    if restarts {
        store.apply(join.save().unwrap());
        assert!(store.0.is_empty());
    }
    out
}

/// All pairs, and rows that are in none.
fn expected(kind: JoinKind, inputs: &[Input], filter: bool) -> Vec<Change> {
    let side = |port| {
        inputs
            .iter()
            .filter(move |input| input.0 == port)
            .map(change)
            .collect::<Vec<_>>()
    };
    let (left, right) = (side(0), side(1));
    let mut rows = Vec::new();
    for l in &left {
        let partners: Vec<_> = right.iter().filter(|r| is_match(l, r, filter)).collect();
        rows.extend(partners.iter().map(|r| pair(Some(l), Some(r))));
        if partners.is_empty() && kind.preserves_left() {
            rows.push(pair(Some(l), None));
        }
    }
    for r in &right {
        if kind.preserves_right() && !left.iter().any(|l| is_match(l, r, filter)) {
            rows.push(pair(None, Some(r)));
        }
    }
    rows
}

/// The rules, one record at a time. All rows are in time.
fn one_by_one(kind: JoinKind, grace_ms: Option<i64>, inputs: &[Input], filter: bool) -> Vec<Change> {
    let mut kept: [Vec<Change>; 2] = [Vec::new(), Vec::new()];
    // Rows without a partner: time, side (right first), key, row.
    let mut waiting: Vec<(i64, bool, Option<i64>, Change)> = Vec::new();
    let mut shared = i64::MIN;
    let mut out = Vec::new();
    let padded = |is_left: bool, change: &Change| {
        if is_left {
            pair(Some(change), None)
        } else {
            pair(None, Some(change))
        }
    };
    let close = |waiting: &mut Vec<(i64, bool, Option<i64>, Change)>, shared: i64, out: &mut Vec<Change>| {
        waiting.sort_by_key(|row| (row.0, row.1, row.2));
        waiting.retain(|(time, is_left, _, change)| {
            let reach = if *is_left { AFTER } else { BEFORE };
            let closed = time + reach + grace_ms.unwrap() < shared;
            if closed {
                out.push(padded(*is_left, change));
            }
            !closed
        });
    };
    for input in inputs {
        let change = change(input);
        let is_left = input.0 == 0;
        let is_preserved = if is_left {
            kind.preserves_left()
        } else {
            kind.preserves_right()
        };
        shared = shared.max(change.time);
        if grace_ms.is_some() {
            close(&mut waiting, shared, &mut out);
        }
        if input.1.is_none() {
            if is_preserved {
                out.push(padded(is_left, &change));
            }
            continue;
        }
        let mut others: Vec<Change> = kept[1 - input.0].clone();
        others.sort_by_key(|other| other.time);
        let mut has_match = false;
        for other in others {
            let (l, r) = if is_left { (&change, &other) } else { (&other, &change) };
            if is_match(l, r, filter) {
                has_match = true;
                out.push(pair(Some(l), Some(r)));
                waiting.retain(|row| row.1 == is_left || row.3 != other);
            }
        }
        if is_preserved && !has_match {
            if grace_ms.is_some() {
                waiting.push((change.time, is_left, input.1, change.clone()));
                close(&mut waiting, shared, &mut out);
            } else {
                out.push(padded(is_left, &change));
            }
        }
        kept[input.0].push(change);
    }
    if grace_ms.is_some() {
        close(&mut waiting, i64::MAX, &mut out);
    }
    out
}

proptest! {
    #[test]
    fn one_row_per_step_gives_what_one_record_at_a_time_gives(
        kind in kinds(), grace in prop::option::of(20_i64..40), filter: bool, inputs in inputs(20),
    ) {
        let cuts: Vec<usize> = (0..inputs.len()).collect();
        let out = run(&plan(kind, grace, filter), &inputs, &cuts, false);
        prop_assert_eq!(lines(&out), lines(&one_by_one(kind, grace, &inputs, filter)));
    }

    #[test]
    fn inner_gives_all_pairs_in_any_steps(
        filter: bool, inputs in inputs(40), mut cuts in prop::collection::vec(0_usize..80, 0..20), restarts: bool,
    ) {
        cuts.sort_unstable();
        cuts.retain(|cut| *cut < inputs.len());
        let out = run(&plan(JoinKind::Inner, Some(40), filter), &inputs, &cuts, restarts);
        prop_assert_eq!(sorted(out), sorted(expected(JoinKind::Inner, &inputs, filter)));
    }

    #[test]
    fn with_grace_rows_in_order_give_the_same_in_any_steps(
        kind in kinds(), filter: bool, mut inputs in inputs(60), mut cuts in prop::collection::vec(0_usize..80, 0..20),
        grace in 0_i64..10, restarts: bool,
    ) {
        inputs.sort_by_key(|input| input.3);
        cuts.sort_unstable();
        cuts.retain(|cut| *cut < inputs.len());
        let out = run(&plan(kind, Some(grace), filter), &inputs, &cuts, restarts);
        prop_assert_eq!(sorted(out), sorted(expected(kind, &inputs, filter)));
    }

    #[test]
    fn a_restart_changes_nothing(
        kind in kinds(), grace in prop::option::of(0_i64..10), inputs in inputs(60),
        mut cuts in prop::collection::vec(0_usize..80, 0..20),
    ) {
        cuts.sort_unstable();
        cuts.retain(|cut| *cut < inputs.len());
        let plan = plan(kind, grace, false);
        prop_assert_eq!(lines(&run(&plan, &inputs, &cuts, true)), lines(&run(&plan, &inputs, &cuts, false)));
    }
}
