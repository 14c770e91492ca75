//! Scalar functions of the guest.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int32Array, Int64Array, ListArray, StringArray, StructArray,
    new_null_array,
};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::{concat, take};
use datafusion::arrow::datatypes::{Float64Type, Int32Type, Int64Type};
use waterwheel::udf::{Error, Volatility};

use super::Guest;
use super::columns::{Nulls, column};

/// Sizes around the strips of 16 rows, the bytes of bitmaps, and the most rows of a call.
const SIZES: [usize; 9] = [1, 7, 8, 15, 16, 17, 100, 8_192, 9_001];

const ECHOES: [&str; 15] = [
    "echo_boolean",
    "echo_integer",
    "echo_bigint",
    "echo_double",
    "echo_decimal",
    "echo_time",
    "echo_date",
    "echo_timestamp",
    "echo_string",
    "echo_bytes",
    "echo_list",
    "echo_list_of_lists",
    "echo_map",
    "echo_struct",
    "echo_list_of_structs",
];

/// What goes in comes out, of every type, with and without nulls, as rows, as slices and as constants.
pub(super) fn echo(guest: &Guest) {
    for name in ECHOES {
        let function = guest.scalar(name);
        let info = function.info().clone();
        assert_eq!(info.returns, info.args[0].1, "{name}");
        assert!(!info.null_in_null_out, "{name}");
        for (i, rows) in SIZES.into_iter().enumerate() {
            for nulls in [Nulls::Some, Nulls::None] {
                let argument = column(&info.returns, rows, nulls, i as u64);
                let result = guest.call(name, &[Arc::clone(&argument)]);
                assert_eq!(&result, &argument, "{name} of {rows} rows");
                if rows > 3 {
                    let slice = argument.slice(3, rows - 3);
                    assert_eq!(
                        &guest.call(name, &[Arc::clone(&slice)]),
                        &slice,
                        "{name} of a slice of {rows} rows"
                    );
                }
                let one = argument.slice(rows / 2, 1);
                let result = function
                    .call(&[Arc::clone(&one)], &[true], rows)
                    .unwrap_or_else(|e| panic!("{name}: {e}"));
                let repeated = take(&one, &Int32Array::from(vec![0; rows]), None).expect("a row to repeat");
                assert_eq!(&result, &repeated, "{name} of a constant for {rows} rows");
            }
        }
        let all_null = new_null_array(&info.returns, 40);
        assert_eq!(
            &guest.call(name, &[Arc::clone(&all_null)]),
            &all_null,
            "{name} of nulls"
        );
    }
}

/// Functions without `Option`: null rows are null, a null further in fails its row and no other.
pub(super) fn echo_without_options(guest: &Guest) {
    let function = guest.scalar("echo_owned");
    let info = function.info().clone();
    assert!(info.null_in_null_out);
    let whole = column(&info.returns, 200, Nulls::None, 1);
    // Keys come sorted, one of each: not what goes in, but of the same length where keys differ.
    let result = guest.call("echo_owned", &[Arc::clone(&whole)]);
    assert_eq!(&guest.call("echo_owned", &[Arc::clone(&result)]), &result);
    assert_eq!(result.as_list::<i32>().offsets(), whole.as_list::<i32>().offsets());

    let gaps = column(&info.returns, 200, Nulls::Some, 2);
    let outcome = function
        .call_rows(&[Arc::clone(&gaps)], &[false], 200)
        .expect("only rows fail");
    let lists = gaps.as_list::<i32>();
    for row in 0..200 {
        let failed = outcome.failed.iter().find(|failure| failure.row as usize == row);
        let has_gap = lists.is_valid(row) && has_null_within(&lists.value(row));
        assert_eq!(failed.is_some(), has_gap, "row {row}");
        assert_eq!(outcome.values.is_null(row), lists.is_null(row) || has_gap, "row {row}");
        if let Some(failed) = failed {
            assert!(
                failed.message.contains("null inside of an argument"),
                "{}",
                failed.message
            );
        }
    }
    assert!(!outcome.failed.is_empty() && outcome.failed.len() < 200);

    let map = &guest.scalar("echo_sorted_map").info().returns.clone();
    let argument = column(map, 300, Nulls::Some, 3);
    let result = guest.call("echo_sorted_map", &[Arc::clone(&argument)]);
    assert_eq!(entries(&result), entries(&argument));
}

/// Whether a map, or a value in it, is null.
fn has_null_within(maps: &ArrayRef) -> bool {
    let maps = maps.as_map();
    (0..maps.len()).any(|i| maps.is_null(i) || maps.value(i).column(1).null_count() > 0)
}

/// The entries of each row, sorted.
fn entries(maps: &ArrayRef) -> Vec<Option<BTreeMap<i32, Option<bool>>>> {
    let maps = maps.as_map();
    let row = |i: usize| {
        let entries = maps.value(i);
        let (keys, values) = (
            entries.column(0).as_primitive::<Int32Type>(),
            entries.column(1).as_boolean(),
        );
        keys.values().iter().copied().zip(values.iter()).collect()
    };
    (0..maps.len()).map(|i| maps.is_valid(i).then(|| row(i))).collect()
}

/// The same values as constants and as columns give the same, in every place.
pub(super) fn constants(guest: &Guest) {
    let function = guest.scalar("risk");
    for rows in SIZES {
        let full: [ArrayRef; 4] = [
            Arc::new(Float64Array::from_iter_values((0..rows).map(|i| i as f64 / 3.0))),
            Arc::new(Int64Array::from_iter_values((0..rows).map(|i| i as i64 * 1_000 - 7))),
            Arc::new(Float64Array::from_iter_values((0..rows).map(|i| 1.0 - i as f64))),
            Arc::new(Int32Array::from_iter_values((0..rows).map(|i| i as i32 % 5))),
        ];
        for chosen in 0..16_u32 {
            let constant: Vec<bool> = (0..4).map(|i| chosen & 1 << i != 0).collect();
            let place = rows / 2;
            let pick = |column: &ArrayRef, constant: bool| {
                if constant {
                    column.slice(place, 1)
                } else {
                    Arc::clone(column)
                }
            };
            let args: Vec<ArrayRef> = full.iter().zip(&constant).map(|(column, c)| pick(column, *c)).collect();
            let result = function.call(&args, &constant, rows).expect("no row fails");
            let at = |i: usize, row: usize| if constant[i] { place } else { row };
            let expected = Float64Array::from_iter_values((0..rows).map(|row| {
                let price = full[0].as_primitive::<Float64Type>().value(at(0, row));
                let volume = full[1].as_primitive::<Int64Type>().value(at(1, row)) as f64;
                let factor = full[2].as_primitive::<Float64Type>().value(at(2, row));
                (price * volume).mul_add(factor, f64::from(full[3].as_primitive::<Int32Type>().value(at(3, row))))
            }));
            assert_eq!(
                result.as_primitive::<Float64Type>(),
                &expected,
                "{rows} rows, constants {constant:?}"
            );
        }
    }
}

/// What attributes and doc comments say arrives.
pub(super) fn described(guest: &Guest) {
    let risk = guest.scalar("risk").info().clone();
    let names: Vec<&str> = risk.args.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["price", "volume", "factor", "shift"]);
    assert_eq!(
        risk.doc.as_deref(),
        Some("Four numbers, for constants in every place, and a doc line of two lines.")
    );
    assert_eq!(
        (risk.version.as_deref(), risk.volatility),
        (Some("1.2.3"), Volatility::Immutable)
    );
    let level = guest.scalar("risklevel").info().clone();
    assert_eq!(
        (level.name.as_str(), level.args[0].0.as_str(), level.volatility),
        ("RiskLevel", "type", Volatility::Stable)
    );
    assert_eq!(guest.scalar("roll").info().volatility, Volatility::Volatile);
    let above = guest.stream("above").info().clone();
    assert_eq!(
        above.args.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["limit", "x", "unit"]
    );
    let trade = guest.scalar("echo_struct").info().returns.to_string();
    for part in ["PRICE", "tradeSymbol", "TAGS", "WHERE"] {
        assert!(trade.contains(&format!("\"{part}\"")), "{part} in {trade}");
    }
}

/// Where one argument may be null and another must not.
pub(super) fn nulls(guest: &Guest) {
    let a: ArrayRef = Arc::new(Float64Array::from_iter(
        (0..50).map(|i| (i % 2 == 0).then_some(f64::from(i))),
    ));
    let b: ArrayRef = Arc::new(Float64Array::from_iter(
        (0..50).map(|i| (i % 3 == 0).then_some(-f64::from(i))),
    ));
    let expected = Float64Array::from_iter(
        (0..50).map(|i| (i % 3 == 0).then_some(if i % 2 == 0 { f64::from(i) } else { -f64::from(i) })),
    );
    assert_eq!(guest.call("first_or", &[a, b]).as_primitive::<Float64Type>(), &expected);

    let x: ArrayRef = Arc::new(Int64Array::from_iter((0..50).map(|i| (i % 7 != 0).then_some(i - 20))));
    let expected = BooleanArray::from_iter((0..50_i64).map(|i| (i % 7 != 0 && i != 20).then_some(i % 2 == 0)));
    assert_eq!(guest.call("is_even", &[x]).as_boolean(), &expected);
}

/// Rows that fail are null and named; the others are done.
pub(super) fn failures(guest: &Guest) {
    let x: ArrayRef = Arc::new(Float64Array::from_iter(
        (0..100).map(|i| (i % 9 != 0).then_some(f64::from(i - 70))),
    ));
    let function = guest.scalar("square_root");
    let outcome = function
        .call_rows(&[Arc::clone(&x)], &[false], 100)
        .expect("only rows fail");
    let failed: Vec<u32> = outcome.failed.iter().map(|failure| failure.row).collect();
    assert_eq!(failed, (0..70).filter(|i| i % 9 != 0).collect::<Vec<u32>>());
    assert_eq!(outcome.failed[0].message, "-69 has no square root");
    for (row, value) in outcome.values.as_primitive::<Float64Type>().iter().enumerate() {
        assert_eq!(
            value,
            (row % 9 != 0 && row >= 70).then(|| (row as f64 - 70.0).sqrt()),
            "row {row}"
        );
    }
    let error = function.call(&[x], &[false], 100).expect_err("a row fails");
    assert!(
        matches!(&error, Error::Row { row: 1, message, .. } if message == "-69 has no square root"),
        "{error}"
    );

    let texts: ArrayRef = Arc::new(StringArray::from(vec!["a", "bc", "d", "straße"]));
    let times: ArrayRef = Arc::new(Int32Array::from(vec![2, 0, 100, 1]));
    let outcome = guest
        .scalar("shout")
        .call_rows(&[texts, times], &[false, false], 4)
        .expect("only rows fail");
    assert_eq!(
        outcome.values.as_string::<i32>(),
        &StringArray::from(vec![Some("AA"), None, None, Some("STRASSE")])
    );
    assert_eq!(
        outcome
            .failed
            .iter()
            .map(|f| (f.row, f.message.as_str()))
            .collect::<Vec<_>>(),
        [(2, "too loud")]
    );
}

/// A panic is a trap that carries its message; the function works again after it.
pub(super) fn panics(guest: &Guest) {
    let numbers: ArrayRef = list(&[&[1.0, 2.0], &[], &[3.0]]);
    let call = |index: Vec<i32>| {
        guest.scalar("pick").call(
            &[Arc::clone(&numbers), Arc::new(Int32Array::from(index))],
            &[false, false],
            3,
        )
    };
    let error = call(vec![1, 0, 0]).expect_err("there is no such number").to_string();
    assert!(
        error.contains("there is no number 0") && error.contains("pick"),
        "{error}"
    );
    assert!(
        !error.contains("/work") && !error.contains("/home") && !error.contains("/root"),
        "a path in {error}"
    );
    let total = guest.call("total", &[Arc::clone(&numbers)]);
    assert_eq!(
        total.as_primitive::<Float64Type>(),
        &Float64Array::from(vec![3.0, 0.0, 3.0])
    );
    let one = numbers.slice(0, 1);
    let picked = guest.call("pick", &[one, Arc::new(Int32Array::from(vec![1]))]);
    assert_eq!(picked.as_primitive::<Float64Type>(), &Float64Array::from(vec![2.0]));
}

fn list(rows: &[&[f64]]) -> ArrayRef {
    let rows = rows
        .iter()
        .map(|row| Some(row.iter().copied().map(Some).collect::<Vec<_>>()));
    Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(rows))
}

/// Borrowed texts out of arguments, views of lists, structs with fields that must be there.
pub(super) fn texts_and_lists(guest: &Guest) {
    let texts: Vec<String> = (0..500).map(|i| "wörd ".repeat(i % 7)).collect();
    let words = guest.call("words", &[Arc::new(StringArray::from(texts))]);
    let counts: Vec<usize> = words
        .as_list::<i32>()
        .iter()
        .map(|list| list.expect("not null").len())
        .collect();
    assert_eq!(counts, (0..500).map(|i| i % 7).collect::<Vec<_>>());
    let letters = guest.call("letters", &[words]);
    assert_eq!(
        letters.as_primitive::<Int64Type>(),
        &Int64Array::from_iter_values((0..500).map(|i| i % 7 * 4))
    );

    let function = guest.scalar("full_name");
    let datafusion::arrow::datatypes::DataType::Struct(fields) = function.info().args[0].1.clone() else {
        panic!("a person is a struct")
    };
    let first: ArrayRef = Arc::new(StringArray::from(vec![Some("Ada"), None, Some("Grace"), Some("X")]));
    let last: ArrayRef = Arc::new(StringArray::from(vec![Some("Lovelace"), Some("Y"), None, None]));
    let nulls = NullBuffer::from(vec![true, true, true, false]);
    let people: ArrayRef = Arc::new(StructArray::new(fields, vec![first, last], Some(nulls)));
    let separator: ArrayRef = Arc::new(StringArray::from(vec![" "]));
    let outcome = function
        .call_rows(&[people, separator], &[false, true], 4)
        .expect("only rows fail");
    let expected = StringArray::from(vec![Some("Ada Lovelace"), None, Some("Grace"), None]);
    assert_eq!(outcome.values.as_string::<i32>(), &expected);
    assert_eq!(
        outcome.failed.iter().map(|failure| failure.row).collect::<Vec<_>>(),
        [1]
    );
}

/// Functions that write their text to the column: of all lengths, null, failed, and by lists and constants.
pub(super) fn written(guest: &Guest) {
    let texts: Vec<String> = (0..9_001)
        .map(|i| match i % 50 {
            49 => "bad".to_string(),
            length => "aé{Zz".chars().cycle().take(length).collect(),
        })
        .collect();
    let expected: StringArray = texts
        .iter()
        .map(|text| (!text.is_empty() && text != "bad").then(|| text.to_ascii_uppercase()))
        .collect();
    let outcome = guest
        .scalar("capitals")
        .call_rows(&[Arc::new(StringArray::from(texts))], &[false], 9_001)
        .expect("rows fail, the call does not");
    assert_eq!(outcome.values.as_string::<i32>(), &expected);
    let failed: Vec<u32> = outcome.failed.iter().map(|failed| failed.row).collect();
    assert_eq!(failed, (0..9_001).filter(|i| i % 50 == 49).collect::<Vec<_>>());
    assert!(outcome.failed.iter().all(|failed| failed.message == "a bad text"));

    let words = guest.call("words", &[Arc::new(StringArray::from(vec!["a b c", "", "d"]))]);
    let between: ArrayRef = Arc::new(StringArray::from(vec![Some("-")]));
    let listed = guest.scalar("listed_as");
    let joined = listed.call(&[Arc::clone(&words), between], &[false, true], 3);
    let expected = StringArray::from(vec!["a-b-c", "", "d"]);
    assert_eq!(joined.expect("no row fails").as_string::<i32>(), &expected);
    let nulls = new_null_array(&datafusion::arrow::datatypes::DataType::Utf8, 3);
    let joined = listed.call(&[words, nulls], &[false, false], 3).expect("no row fails");
    assert_eq!(joined.as_string::<i32>().value(0), "a, b, c");
}

/// A function without arguments; its rows are counted by the caller.
pub(super) fn volatile(guest: &Guest) {
    let rolled = guest.scalar("roll").call(&[], &[], 40).expect("no row fails");
    let again = guest.scalar("roll").call(&[], &[], 40).expect("no row fails");
    let both = concat(&[&rolled, &again]).expect("both are numbers");
    assert_eq!(both.as_primitive::<Int32Type>(), &Int32Array::from_iter_values(0..80));
    let answers = guest.scalar("answer").call(&[], &[], 3).expect("no row fails");
    assert_eq!(answers.as_primitive::<Int64Type>(), &Int64Array::from(vec![42, 42, 42]));
}

/// What defaults and variadic arguments the host reads, in the words of SQL.
pub(super) fn optional(guest: &Guest) {
    let arguments = |name: &str| guest.scalar(name).info().arguments();
    assert_eq!(
        arguments("scaled"),
        "x DOUBLE[, by DOUBLE = 10[, unit STRING = ' \"units\"'[, note STRING = NULL]]]"
    );
    assert_eq!(arguments("joined"), "between STRING, texts STRING...");
    assert_eq!(
        guest.stream("damped").info().arguments(),
        "x DOUBLE[, keep DOUBLE = 0.5]"
    );
}
