//! `OVER` beside a computation of every frame from scratch, over rows that come out of order too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, UInt64Type};
use datafusion::functions_aggregate::{array_agg::array_agg_udaf, min_max::max_udaf, sum::sum_udaf};
use datafusion::logical_expr::AggregateUDF;
use datafusion::physical_expr::expressions::Column;
use datafusion::scalar::ScalarValue;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::operator::RowErrors;
use crate::operator::aggregate::AggregateCall;

fn input_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("K", DataType::Utf8, true),
        Field::new("V", DataType::Int64, true),
    ]))
}

fn column(name: &str, position: usize, data_type: DataType) -> Expression {
    Expression::new(Arc::new(Column::new(name, position)), name.into(), data_type)
}

fn aggregate(function: Arc<AggregateUDF>, returns: DataType, frame: Frame) -> OverCall {
    let args = vec![column("V", 1, DataType::Int64)];
    let call = AggregateCall::new(function, args.clone(), returns.clone(), "aggregate".into()).unwrap();
    OverCall {
        label: "aggregate".into(),
        function: OverFunction::Aggregate(FrameAggregate::new(call, true).unwrap()),
        args,
        filter: None,
        frame,
        returns,
    }
}

fn sum_of(frame: Frame) -> OverCall {
    aggregate(sum_udaf(), DataType::Int64, frame)
}

fn value(pick: Pick, frame: Frame) -> OverCall {
    OverCall {
        label: "value".into(),
        function: OverFunction::Value {
            pick,
            ignore_nulls: false,
            otherwise: ScalarValue::Int64(Some(-1)),
        },
        args: vec![column("V", 1, DataType::Int64)],
        filter: None,
        frame,
        returns: DataType::Int64,
    }
}

fn rank(function: OverFunction) -> OverCall {
    OverCall {
        label: "rank".into(),
        function,
        args: vec![],
        filter: None,
        frame: Frame::Rows { start: None, end: 0 },
        returns: DataType::UInt64,
    }
}

fn over(calls: &[OverCall]) -> Over {
    let mut fields: Vec<Field> = input_schema()
        .fields()
        .iter()
        .map(|field| field.as_ref().clone())
        .collect();
    let results = calls.iter().enumerate();
    fields.extend(results.map(|(number, call)| Field::new(format!("R{number}"), call.returns.clone(), true)));
    let keys = vec![column("K", 0, DataType::Utf8)];
    let errors = Arc::new(RowErrors::default());
    Over::new(keys, calls, true, Arc::new(Schema::new(fields)), errors).unwrap()
}

/// Key, value, time.
type Row = (&'static str, Option<i64>, i64);

fn batch(rows: &[Row]) -> ChangeBatch {
    let keys: StringArray = rows.iter().map(|row| Some(row.0)).collect();
    let values: Int64Array = rows.iter().map(|row| row.1).collect();
    let times: Int64Array = rows.iter().map(|row| row.2).collect();
    let records = RecordBatch::try_new(input_schema(), vec![Arc::new(keys), Arc::new(values)]).unwrap();
    let mut changes = ChangeBatch::inserted(records, times.clone());
    changes.stream_times = Some(times);
    changes
}

/// The BIGINT results of one call, in the order in which the rows are given.
fn results(out: &[ChangeBatch], call: usize) -> Vec<Option<i64>> {
    let mut all = Vec::new();
    for batch in out {
        match batch.records.column(2 + call).data_type() {
            DataType::UInt64 => {
                let numbers = batch.records.column(2 + call).as_primitive::<UInt64Type>();
                all.extend(numbers.iter().map(|number| number.map(u64::cast_signed)));
            }
            _ => all.extend(batch.records.column(2 + call).as_primitive::<Int64Type>().iter()),
        }
    }
    all
}

fn pushed(over: &mut Over, rows: &[Row], step: usize) -> Vec<ChangeBatch> {
    let mut out = Vec::new();
    for part in rows.chunks(step) {
        over.push(0, batch(part), &mut out).unwrap();
    }
    out
}

fn random_rows(rows: usize, late_ms: i64) -> Vec<Row> {
    let mut random = rand::rngs::StdRng::seed_from_u64(7);
    let keys = ["a", "b", "c"];
    let mut time = 10_000;
    let row = |_| {
        time += random.random_range(0..40);
        let value = (!random.random_bool(0.2)).then(|| random.random_range(0..50));
        let late = if late_ms > 0 {
            random.random_range(0..late_ms)
        } else {
            0
        };
        (keys[random.random_range(0..3)], value, time - late)
    };
    (0..rows).map(row).collect()
}

/// The rows of the same key up to row `at`, that row last.
fn so_far(rows: &[Row], at: usize) -> Vec<Row> {
    rows[..=at].iter().filter(|row| row.0 == rows[at].0).copied().collect()
}

fn sum(rows: impl Iterator<Item = Row>) -> Option<i64> {
    rows.filter_map(|row| row.1).reduce(|a, b| a + b)
}

#[test]
fn frames_of_time_see_late_rows_and_late_rows_see_their_frame() {
    let rows = random_rows(400, 90);
    for step in [1, 7, 400] {
        let calls = [
            sum_of(Frame::Range { back_ms: 100 }),
            aggregate(max_udaf(), DataType::Int64, Frame::Range { back_ms: 30 }),
            value(Pick::FromStart(2), Frame::Range { back_ms: 100 }),
        ];
        let out = pushed(&mut over(&calls), &rows, step);
        let (sums, highest, second) = (results(&out, 0), results(&out, 1), results(&out, 2));
        for at in 0..rows.len() {
            let time = rows[at].2;
            let frame = |back: i64| {
                let mut frame = so_far(&rows, at);
                frame.retain(|row| (time - back..=time).contains(&row.2));
                frame.sort_by_key(|row| row.2);
                frame
            };
            assert_eq!(sums[at], sum(frame(100).into_iter()), "row {at}, step {step}");
            assert_eq!(
                highest[at],
                frame(30).iter().filter_map(|row| row.1).max(),
                "row {at}, step {step}"
            );
            assert_eq!(
                second[at],
                frame(100).get(1).map_or(Some(-1), |row| row.1),
                "row {at}, step {step}"
            );
        }
    }
}

#[test]
fn frames_of_rows_are_in_the_order_of_arrival() {
    let rows = random_rows(300, 500);
    for step in [1, 11, 300] {
        let calls = [
            sum_of(Frame::Rows {
                start: Some(-3),
                end: -1,
            }),
            aggregate(
                array_agg_udaf(),
                DataType::new_list(DataType::Int64, true),
                Frame::Rows {
                    start: Some(-2),
                    end: 0,
                },
            ),
            value(Pick::FromEnd(2), Frame::Rows { start: None, end: 0 }),
            value(Pick::FromStart(2), Frame::Rows { start: None, end: 0 }),
        ];
        let out = pushed(&mut over(&calls), &rows, step);
        let (sums, last, first) = (results(&out, 0), results(&out, 2), results(&out, 3));
        let lists: Vec<Vec<Option<i64>>> = out
            .iter()
            .flat_map(|batch| {
                let lists = batch.records.column(3).as_list::<i32>().clone();
                (0..lists.len())
                    .map(move |row| lists.value(row).as_primitive::<Int64Type>().iter().collect())
                    .collect::<Vec<Vec<Option<i64>>>>()
            })
            .collect();
        for at in 0..rows.len() {
            let own = so_far(&rows, at);
            let before = own.len() - 1;
            assert_eq!(
                sums[at],
                sum(own[before.saturating_sub(3)..before].iter().copied()),
                "row {at}"
            );
            let three: Vec<Option<i64>> = own[own.len().saturating_sub(3)..].iter().map(|row| row.1).collect();
            assert_eq!(lists[at], three, "row {at}");
            assert_eq!(
                last[at],
                if before == 0 { Some(-1) } else { own[before - 1].1 },
                "row {at}"
            );
            assert_eq!(first[at], own.get(1).map_or(Some(-1), |row| row.1), "row {at}");
        }
    }
}

#[test]
fn a_row_that_looks_ahead_waits_and_is_given_at_the_end() {
    let calls = [
        value(Pick::FromStart(1), Frame::Rows { start: Some(1), end: 1 }),
        rank(OverFunction::RowNumber),
    ];
    let mut over = over(&calls);
    let rows = [
        ("a", Some(1), 10),
        ("b", Some(2), 20),
        ("a", Some(3), 30),
        ("a", None, 40),
    ];
    let mut out = pushed(&mut over, &rows, 2);
    assert_eq!(results(&out, 0), [Some(3), None]);
    assert_eq!(results(&out, 1), [Some(1), Some(2)]);
    // The time of the row itself, and the stream time of the row that let it go.
    assert_eq!(out[0].event_times.values().as_ref(), [10, 30]);
    assert_eq!(out[0].stream_times.as_ref().unwrap().values().as_ref(), [30, 40]);
    out.clear();
    over.advance(Progress::UNKNOWN, &mut out).unwrap();
    assert!(out.is_empty());
    over.advance(Progress::ENDED, &mut out).unwrap();
    over.advance(Progress::ENDED, &mut out).unwrap();
    assert_eq!(results(&out, 0), [Some(-1), Some(-1)]);
    assert_eq!(results(&out, 1), [Some(3), Some(1)]);
    assert_eq!(out[0].event_times.values().as_ref(), [40, 20]);
}

#[test]
fn ranks_go_by_time_and_a_late_row_is_of_the_newest_time() {
    let calls = [
        rank(OverFunction::RowNumber),
        rank(OverFunction::Rank),
        rank(OverFunction::DenseRank),
    ];
    let rows = [1, 1, 2, 0, 3].map(|time| ("a", None, time));
    let out = pushed(&mut over(&calls), &rows, 2);
    assert_eq!(results(&out, 0), [1, 2, 3, 4, 5].map(Some));
    assert_eq!(results(&out, 1), [1, 1, 3, 3, 5].map(Some));
    assert_eq!(results(&out, 2), [1, 1, 2, 2, 3].map(Some));
}

#[test]
fn rows_out_of_every_frame_are_forgotten() {
    let calls = [
        sum_of(Frame::Rows {
            start: Some(-1),
            end: 0,
        }),
        sum_of(Frame::Range { back_ms: 50 }),
    ];
    let mut over = over(&calls);
    let rows = random_rows(60_000, 0);
    let out = pushed(&mut over, &rows, 1_000);
    let sums = results(&out, 0);
    for at in [59_999, 30_000] {
        let own = so_far(&rows, at);
        assert_eq!(sums[at], sum(own[own.len() - 2..].iter().copied()));
    }
    assert!(over.rows.rows_stored() < 20_000, "{}", over.rows.rows_stored());
    assert!(over.range.rows_stored() < 20_000, "{}", over.range.rows_stored());
    assert!(
        (10_000..10_000_000).contains(&over.state_bytes()),
        "{}",
        over.state_bytes()
    );
}

#[test]
fn null_records_and_retractions_are_no_rows() {
    let mut over = over(&[rank(OverFunction::RowNumber)]);
    let mut changes = batch(&[("a", Some(1), 1), ("a", None, 2), ("a", Some(3), 3)]);
    changes.weights = Some(vec![1, 0, 1].into());
    let mut out = Vec::new();
    over.push(0, changes, &mut out).unwrap();
    assert_eq!(results(&out, 0), [Some(1), Some(2)]);
    assert!(out[0].weights.is_none());
}

/// What `over` saves goes to `stored`; gives one that was made anew and has loaded it, a few entries at a time.
fn reborn(mut over: Over, calls: &[OverCall], ttl_ms: Option<i64>, stored: &mut BTreeMap<Vec<u8>, Vec<u8>>) -> Over {
    let mut changes = Changes::new();
    over.save(&mut changes).unwrap();
    for (key, value) in changes.iter() {
        match value {
            Some(value) => drop(stored.insert(key.to_vec(), value.to_vec())),
            None => {
                let was_saved = stored.remove(key).is_some();
                assert!(was_saved || ttl_ms.is_some(), "only what was saved is deleted");
            }
        }
    }
    let mut anew = living(calls, ttl_ms);
    anew.track_changes();
    let entry = |(key, value): (&Vec<u8>, &Vec<u8>)| (Bytes::copy_from_slice(key), Bytes::copy_from_slice(value));
    let entries: Vec<Entry> = stored.iter().map(entry).collect();
    for part in entries.chunks(5) {
        anew.load(part).unwrap();
    }
    let mut nothing = Changes::new();
    anew.save(&mut nothing).unwrap();
    assert!(nothing.is_empty(), "what was loaded has not changed");
    anew.track_changes();
    let mut all = Changes::new();
    anew.save(&mut all).unwrap();
    let all: BTreeMap<_, _> = all
        .iter()
        .map(|(key, value)| (key.to_vec(), value.unwrap().to_vec()))
        .collect();
    assert_eq!(
        all, *stored,
        "what is there counts as changed when it is to be saved anew"
    );
    anew
}

/// An operator whose keys live so long.
fn living(calls: &[OverCall], ttl_ms: Option<i64>) -> Over {
    let mut over = over(calls);
    if let Some(ttl_ms) = ttl_ms {
        over.expire_after(ttl_ms);
    }
    over
}

/// Takes a part of the rows in; with a time to live the watermark follows.
fn step(over: &mut Over, rows: &[Row], ttl_ms: Option<i64>, out: &mut Vec<ChangeBatch>) {
    over.push(0, batch(rows), out).unwrap();
    if ttl_ms.is_some() {
        let watermark = rows.iter().map(|row| row.2).max().unwrap() - 90;
        let progress = Progress {
            watermark,
            ..Progress::UNKNOWN
        };
        over.advance(progress, out).unwrap();
    }
}

#[test]
fn keys_whose_time_is_up_leave_nothing_behind() {
    let ahead = value(Pick::FromStart(1), Frame::Rows { start: Some(1), end: 1 });
    let calls = [
        sum_of(Frame::Range { back_ms: 1000 }),
        sum_of(Frame::Rows { start: None, end: 0 }),
        ahead,
    ];
    let mut over = living(&calls, Some(100));
    over.track_changes();
    let mut out = Vec::new();
    over.push(
        0,
        batch(&[("a", Some(1), 0), ("a", Some(2), 10), ("b", Some(5), 20)]),
        &mut out,
    )
    .unwrap();
    let mut saved = Changes::new();
    over.save(&mut saved).unwrap();
    let saved: Vec<Vec<u8>> = saved.iter().map(|(key, _)| key.to_vec()).collect();
    out.clear();
    step(&mut over, &[("c", Some(9), 500)], Some(100), &mut out);
    assert_eq!(results(&out, 2), [Some(-1), Some(-1)], "what waited is given");
    let mut changes = Changes::new();
    over.save(&mut changes).unwrap();
    let gone = changes.iter().filter(|(_, value)| value.is_none());
    let gone: BTreeSet<&[u8]> = gone.map(|(key, _)| key).collect();
    assert!(saved.iter().all(|key| gone.contains(key.as_slice())));
    assert_eq!((over.state_keys(), over.rows.held, over.range.held), (Some(1), 1, 1));
}

#[test]
fn what_was_saved_goes_on_as_if_nothing_had_happened() {
    let frames = [
        sum_of(Frame::Range { back_ms: 100 }),
        aggregate(max_udaf(), DataType::Int64, Frame::Range { back_ms: 30 }),
        value(Pick::FromStart(2), Frame::Range { back_ms: 100 }),
        sum_of(Frame::Rows { start: None, end: 0 }),
        sum_of(Frame::Rows {
            start: Some(-3),
            end: -1,
        }),
        value(Pick::FromStart(2), Frame::Rows { start: None, end: 0 }),
        value(Pick::FromEnd(2), Frame::Rows { start: None, end: 0 }),
        rank(OverFunction::Rank),
        rank(OverFunction::DenseRank),
        rank(OverFunction::RowNumber),
    ];
    let ahead = value(Pick::FromStart(1), Frame::Rows { start: Some(2), end: 2 });
    let with_lead: Vec<OverCall> = frames.iter().cloned().chain([ahead]).collect();
    let rows = random_rows(300, 90);
    let lives = [None, Some(10)]
        .into_iter()
        .flat_map(|ttl| [1, 7, 100].map(|size| (ttl, size)));
    for calls in [&frames[..], &with_lead] {
        for (ttl, size) in lives.clone() {
            let mut once = living(calls, ttl);
            let mut expected = Vec::new();
            for part in rows.chunks(size) {
                step(&mut once, part, ttl, &mut expected);
            }
            once.advance(Progress::ENDED, &mut expected).unwrap();
            let mut stored = BTreeMap::new();
            let mut other = living(calls, ttl);
            other.track_changes();
            let mut out = Vec::new();
            for part in rows.chunks(size) {
                step(&mut other, part, ttl, &mut out);
                other = reborn(other, calls, ttl, &mut stored);
            }
            assert!(
                stored.len() < 3 + 3 * 30,
                "rows out of every frame are gone: {}",
                stored.len()
            );
            other.advance(Progress::ENDED, &mut out).unwrap();
            for call in 0..calls.len() {
                let (mut found, mut wanted) = (results(&out, call), results(&expected, call));
                // At the end of all input the keys of rows that wait come in any order.
                if calls.len() > frames.len() {
                    found.sort_unstable();
                    wanted.sort_unstable();
                }
                assert_eq!(found, wanted, "call {call}, time to live {ttl:?}, step {size}");
            }
        }
    }
}
