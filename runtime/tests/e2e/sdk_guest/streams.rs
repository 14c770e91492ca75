//! Stream functions of the guest.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, StringArray};
use datafusion::arrow::datatypes::{Float64Type, Int64Type};
use datafusion::scalar::ScalarValue;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use waterwheel::udf::StreamInstance;

use super::Guest;

fn start(guest: &Guest, name: &str, constants: &[Option<ScalarValue>]) -> Box<dyn StreamInstance> {
    guest
        .stream(name)
        .instance(constants)
        .unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// State is by slot, in whatever order slots come, and a dropped slot is fresh.
pub(super) fn slots(guest: &Guest) {
    let mut running = start(guest, "running", &[None]);
    let mut random = SmallRng::seed_from_u64(1);
    let mut sums: HashMap<u32, f64> = HashMap::new();
    for rows in [1, 15, 16, 17, 1_000, 9_000] {
        let slots: Vec<u32> = (0..rows).map(|_| random.random_range(0..300)).collect();
        let numbers: Vec<Option<f64>> = (0..rows)
            .map(|_| (random.random_range(0..4) != 0).then(|| f64::from(random.random_range(-50..50))))
            .collect();
        let expected = Float64Array::from_iter_values(slots.iter().zip(&numbers).map(|(slot, number)| {
            let sum = sums.entry(*slot).or_default();
            *sum += number.unwrap_or(0.0);
            *sum
        }));
        let result = running
            .push(&slots, &[Arc::new(Float64Array::from(numbers))])
            .expect("no row fails");
        assert_eq!(result.as_primitive::<Float64Type>(), &expected, "{rows} rows");
        running.drop_slots(&[7, 100]).expect("slots can be dropped");
        sums.remove(&7);
        sums.remove(&100);
    }
}

/// A function with state that writes its text.
pub(super) fn written(guest: &Guest) {
    let mut path = start(guest, "path", &[None]);
    let outcome = path
        .push_rows(&[3, 0, 3, 3, 0], &[texts(&["Bath", "York", "", "Ely", "Hull"])])
        .expect("one row fails");
    let failed: Vec<(u32, &str)> = outcome.failed.iter().map(|f| (f.row, f.message.as_str())).collect();
    assert_eq!(failed, [(2, "a place without a name")]);
    let paths: Vec<Option<&str>> = outcome.values.as_string::<i32>().iter().collect();
    assert_eq!(
        paths,
        [
            Some("Bath"),
            Some("York"),
            None,
            Some("Bath > Ely"),
            Some("York > Hull")
        ]
    );
}

fn texts(texts: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(texts.to_vec()))
}

fn numbers(numbers: Vec<i64>) -> ArrayRef {
    Arc::new(Int64Array::from(numbers))
}

/// Constants are columns in every call; a failed row leaves its state as it was.
pub(super) fn constants_and_failures(guest: &Guest) {
    let constants = [None, Some(ScalarValue::Int64(Some(2))), None];
    let mut nth = start(guest, "nth", &constants);
    let args = [
        texts(&["a", "x", "", "b", "y", "c"]),
        numbers(vec![2; 6]),
        texts(&["-"; 6]),
    ];
    let outcome = nth.push_rows(&[0, 1, 0, 0, 1, 0], &args).expect("only rows fail");
    let expected = StringArray::from(vec![None, None, None, Some("b"), Some("y"), Some("b-2")]);
    assert_eq!(outcome.values.as_string::<i32>(), &expected);
    let failed: Vec<_> = outcome
        .failed
        .iter()
        .map(|failure| (failure.row, failure.message.as_str()))
        .collect();
    assert_eq!(failed, [(2, "row 2 of the key has no text")]);
}

/// A restart after any step changes nothing; equal state gives equal bytes.
pub(super) fn save_and_load(guest: &Guest) {
    let mut random = SmallRng::seed_from_u64(2);
    let (mut going, mut restarted) = (start(guest, "seen", &[None]), start(guest, "seen", &[None]));
    let all: Vec<u32> = (0..20).collect();
    for step in 0..10 {
        let slots: Vec<u32> = (0..50).map(|_| random.random_range(0..20)).collect();
        let words: Vec<String> = (0..50).map(|_| format!("word {}", random.random_range(0..8))).collect();
        let words: ArrayRef = Arc::new(StringArray::from(words));
        let result = going.push(&slots, &[Arc::clone(&words)]).expect("no row fails");
        let other = restarted.push(&slots, &[words]).expect("no row fails");
        assert_eq!(
            result.as_primitive::<Int64Type>(),
            other.as_primitive::<Int64Type>(),
            "step {step}"
        );
        let saved = going.save(&all).expect("state can be saved");
        assert_eq!(saved, restarted.save(&all).expect("state can be saved"), "step {step}");
        restarted = start(guest, "seen", &[None]);
        // In another order than saved: slots are only numbers.
        let backward: Vec<u32> = all.iter().rev().copied().collect();
        let states: Vec<Vec<u8>> = saved.into_iter().rev().collect();
        restarted.load(&backward, &states).expect("saved state can be loaded");
    }
    let mut nth = start(guest, "nth", &[None, Some(ScalarValue::Int64(Some(1))), None]);
    nth.push(&[5], &[texts(&["déjà"]), numbers(vec![1]), texts(&[","])])
        .expect("no row fails");
    let saved = nth.save(&[5, 6]).expect("state can be saved");
    assert!(saved[1].is_empty(), "a slot that was never seen is fresh");
    nth.load(&[6, 5], &saved).expect("saved state can be loaded");
    let result = nth
        .push(&[5, 6], &[texts(&["new"; 2]), numbers(vec![1; 2]), texts(&[","; 2])])
        .expect("no row fails");
    assert_eq!(result.as_string::<i32>(), &StringArray::from(vec!["new", "déjà,1"]));
    let error = nth.load(&[0], &[vec![9]]).expect_err("9 is no variant").to_string();
    assert!(
        error.contains("saved state cannot be read: 9 is no variant of Progress"),
        "{error}"
    );
}

/// `start` makes the state of the constants, and refuses them.
pub(super) fn refused_constants(guest: &Guest) {
    let constants = |limit: i64| {
        [
            Some(ScalarValue::Int64(Some(limit))),
            None,
            Some(ScalarValue::from("times")),
        ]
    };
    let mut above = start(guest, "above", &constants(10));
    let args = [numbers(vec![10; 3]), numbers(vec![11, 10, 12]), texts(&["times"; 3])];
    let result = above.push(&[0, 0, 0], &args).expect("no row fails");
    assert_eq!(
        result.as_string::<i32>(),
        &StringArray::from(vec!["1 times", "1 times", "2 times"])
    );
    let error = guest
        .stream("above")
        .instance(&constants(-1))
        .expect_err("refused")
        .to_string();
    assert!(
        error.contains("limit is -1: it must not be negative") && error.contains("above"),
        "{error}"
    );
    let null = [Some(ScalarValue::Int64(None)), None, Some(ScalarValue::from("times"))];
    let error = guest
        .stream("above")
        .instance(&null)
        .expect_err("null is refused")
        .to_string();
    assert!(error.contains("NULL"), "{error}");
}

/// State of an older format goes through its upgrade; that of an unknown one is refused.
pub(super) fn older_format(guest: &Guest) {
    let function = guest.stream("upgraded");
    assert_eq!((function.state_version(), function.reads_state_version(1)), (2, true));
    assert!(!function.reads_state_version(3));
    let mut upgraded = start(guest, "upgraded", &[None]);
    upgraded
        .load_version(&[0], &[5_u32.to_le_bytes().to_vec()], 1)
        .expect("format 1 is read");
    upgraded
        .load(&[1], &[7_u64.to_le_bytes().to_vec()])
        .expect("format 2 is read");
    let x: ArrayRef = Arc::new(BooleanArray::from(vec![true; 3]));
    let result = upgraded.push(&[0, 1, 2], &[x]).expect("no row fails");
    assert_eq!(result.as_primitive::<Int64Type>(), &Int64Array::from(vec![1_006, 8, 1]));
    let error = upgraded
        .load(&[0], &[vec![1, 2, 3]])
        .expect_err("three bytes are no count")
        .to_string();
    assert!(error.contains("8 bytes wanted, 3 are left"), "{error}");
}
