//! The laws again, over any rows, cuts and retractions.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, Int32Array, Int64Array, StringArray};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{Call, same, text, try_call};

/// A row: a small number or NULL, its group, and whether the states are saved and loaded before it.
type Row = (Option<i8>, u32, bool);

const GROUPS: usize = 3;

fn rows() -> impl Strategy<Value = Vec<Row>> {
    vec(
        (
            proptest::option::of(-3_i8..4),
            0..GROUPS as u32,
            proptest::bool::weighted(0.2),
        ),
        0..24,
    )
}

fn calls(rows: &[Row]) -> Vec<Call> {
    let ints: ArrayRef = Arc::new(rows.iter().map(|(v, ..)| v.map(i32::from)).collect::<Int32Array>());
    let bigints: ArrayRef = Arc::new(rows.iter().map(|(v, ..)| v.map(i64::from)).collect::<Int64Array>());
    let doubles: ArrayRef = Arc::new(rows.iter().map(|(v, ..)| v.map(f64::from)).collect::<Float64Array>());
    let texts: ArrayRef = Arc::new(
        rows.iter()
            .map(|(v, ..)| v.map(|v| format!("t{v}")))
            .collect::<StringArray>(),
    );
    let mut calls = Vec::new();
    for numbers in [&ints, &bigints, &doubles] {
        for name in ["sum", "avg", "min", "max", "stddev_samp", "count", "count_distinct"] {
            calls.push((name, vec![Arc::clone(numbers)], vec![]));
        }
    }
    for column in [&ints, &texts] {
        for name in ["latest_by_offset", "earliest_by_offset"] {
            calls.push((name, vec![Arc::clone(column)], vec![]));
            calls.push((name, vec![Arc::clone(column)], vec!["2", "false"]));
        }
        for name in ["collect_list", "collect_set", "attr", "max", "array_agg"] {
            calls.push((name, vec![Arc::clone(column)], vec![]));
        }
        calls.push(("topk", vec![Arc::clone(column)], vec!["3"]));
        calls.push(("topkdistinct", vec![Arc::clone(column)], vec!["3"]));
    }
    calls.push(("topk", vec![Arc::clone(&ints), Arc::clone(&ints)], vec!["3"]));
    calls.push(("histogram", vec![Arc::clone(&texts)], vec![]));
    calls.push(("correlation", vec![Arc::clone(&doubles), Arc::clone(&doubles)], vec![]));
    calls.push(("median", vec![Arc::clone(&doubles)], vec![]));
    calls.push(("var_pop", vec![Arc::clone(&doubles)], vec![]));
    calls
        .into_iter()
        .map(|(name, columns, literals)| try_call(name, &columns, &literals).unwrap())
        .collect()
}

fn results(call: &Call, accumulator: &mut dyn super::Accumulator) -> Vec<String> {
    let groups: Vec<u32> = (0..GROUPS as u32).collect();
    let values = accumulator.evaluate(&groups).unwrap();
    assert_eq!(values.data_type(), &call.spec.result);
    (0..GROUPS).map(|group| text(&values, group)).collect()
}

fn all_same(a: &[String], b: &[String]) -> bool {
    a.iter().zip(b).all(|(a, b)| same(a, b))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_cut_and_any_restart_gives_the_same(rows in rows()) {
        let groups: Vec<u32> = rows.iter().map(|(_, group, _)| *group).collect();
        for call in calls(&rows) {
            let mut whole = call.accumulator();
            whole.update(&call.args, &groups, None, GROUPS).unwrap();
            let mut cut = call.accumulator();
            let mut start = 0;
            for at in 0..=rows.len() {
                if at < rows.len() && !rows[at].2 {
                    continue;
                }
                cut.update(&call.slice(start, at - start), &groups[start..at], None, GROUPS).unwrap();
                start = at;
                let mut restarted = call.accumulator();
                for group in 0..GROUPS as u32 {
                    let mut saved = Vec::new();
                    cut.save(group, &mut saved).unwrap();
                    restarted.load(group, &saved).unwrap();
                }
                cut = restarted;
            }
            let (cut, whole) = (results(&call, &mut *cut), results(&call, &mut *whole));
            prop_assert!(all_same(&cut, &whole), "{}: {cut:?} {whole:?}", call.spec.function.name());
        }
    }

    #[test]
    fn what_was_undone_leaves_no_trace(rows in rows(), kept in 0_usize..24) {
        let kept = kept.min(rows.len());
        let groups: Vec<u32> = rows.iter().map(|(_, group, _)| *group).collect();
        for call in calls(&rows).into_iter().filter(|call| call.spec.retracts()) {
            let call = call.retracting();
            let mut accumulator = call.accumulator();
            accumulator.update(&call.slice(0, kept), &groups[..kept], None, GROUPS).unwrap();
            let before = results(&call, &mut *accumulator);
            // In one batch: each row, directly followed by its retraction.
            let undone = rows.len() - kept;
            let twice: Vec<u32> = (0..2 * undone as u32).map(|row| kept as u32 + row / 2).collect();
            let positions = datafusion::arrow::array::UInt32Array::from(twice.clone());
            let args: Vec<ArrayRef> = call
                .args
                .iter()
                .map(|arg| datafusion::arrow::compute::take(arg, &positions, None).unwrap())
                .collect();
            let twice_groups: Vec<u32> = twice.iter().map(|row| groups[*row as usize]).collect();
            let weights: Vec<i8> = (0..2 * undone).map(|row| if row % 2 == 0 { 1 } else { -1 }).collect();
            accumulator.update(&args, &twice_groups, Some(&weights), GROUPS).unwrap();
            let after = results(&call, &mut *accumulator);
            prop_assert!(all_same(&before, &after), "{}: {before:?} {after:?}", call.spec.function.name());
            // In two: all rows, then all of them back.
            accumulator.update(&call.slice(kept, undone), &groups[kept..], None, GROUPS).unwrap();
            accumulator.update(&call.slice(kept, undone), &groups[kept..], Some(&vec![-1; undone]), GROUPS).unwrap();
            let after = results(&call, &mut *accumulator);
            prop_assert!(all_same(&before, &after), "{}: {before:?} {after:?}", call.spec.function.name());
        }
    }
}
