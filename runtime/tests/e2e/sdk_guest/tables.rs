//! Table functions of the guest.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int32Array, Int64Array, ListArray, StringArray,
};
use datafusion::arrow::datatypes::{Float64Type, Int32Type, Int64Type};
use waterwheel::udf::{FunctionSource, Kind, Outcome};

use super::Guest;

impl Guest {
    fn rows(&self, name: &str, arg: ArrayRef) -> Outcome {
        let functions = self.0.table(name);
        assert_eq!(functions.len(), 1, "table functions {name}");
        assert_eq!(functions[0].info().kind, Kind::Table);
        let rows = arg.len();
        functions[0]
            .call_rows(&[arg], &[false], rows)
            .unwrap_or_else(|e| panic!("{name}: {e}"))
    }
}

fn texts(texts: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(texts.to_vec()))
}

/// Each list as a text, NULL as `-`.
fn shown(lists: &ListArray, shown: impl Fn(&ArrayRef) -> String) -> Vec<String> {
    let one = |list: Option<ArrayRef>| list.map_or_else(|| "-".to_owned(), |list| shown(&list));
    lists.iter().map(one).collect()
}

/// An iterator, of rows with one column.
pub(super) fn iterators(guest: &Guest) {
    let given = guest.rows("tokenize", texts(&[Some(" a bc "), None, Some(""), Some("d")]));
    let words = shown(given.values.as_list::<i32>(), |list| {
        list.as_string::<i32>().iter().flatten().collect::<Vec<_>>().join(",")
    });
    assert_eq!(words, ["a,bc", "-", "", "d"]);
    let many: Vec<String> = (0..9_000).map(|i| "w ".repeat(i % 7)).collect();
    let given = guest.rows("tokenize", Arc::new(StringArray::from(many)));
    let counts = given.values.as_list::<i32>().offsets().lengths();
    assert!(counts.enumerate().all(|(row, count)| count == row % 7));
}

/// Rows with several columns, failed rows, rows without a list.
pub(super) fn structs(guest: &Guest) {
    let given = guest.rows("pairs", texts(&[Some("ab ? c"), Some(" "), Some("null")]));
    assert_eq!(given.failed.len(), 1);
    assert_eq!((given.failed[0].row, given.failed[0].message.as_str()), (1, "no words"));
    let places = shown(given.values.as_list::<i32>(), |list| {
        let list = list.as_struct();
        let words = list.column_by_name("WORD").expect("a column").as_string::<i32>().iter();
        let places = list
            .column_by_name("AT")
            .expect("a column")
            .as_primitive::<Int32Type>()
            .iter();
        words
            .zip(places)
            .map(|(word, at)| format!("{}{at:?} ", word.unwrap_or("-")))
            .collect()
    });
    assert_eq!(places, ["abSome(0) ?None cSome(5) ", "-", "-"]);
}

/// NULL as an argument and as a row, and a list that is borrowed.
pub(super) fn nulls(guest: &Guest) {
    let given = guest.rows("counted", Arc::new(Int64Array::from(vec![Some(2), None, Some(0)])));
    let expected = [Some(vec![Some(0), Some(1)]), Some(vec![None]), Some(vec![])];
    assert_eq!(
        given.values.as_list(),
        &ListArray::from_iter_primitive::<Int64Type, _, _>(expected)
    );
    let lists = [Some(vec![Some(1.5), Some(2.5)]), None, Some(vec![])];
    let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(lists));
    let given = guest.rows("listed", Arc::clone(&lists));
    assert_eq!(&given.values, &lists);
    let (_, elements) = (given.failed, given.values.as_list::<i32>().values());
    assert_eq!(
        elements.as_primitive::<Float64Type>(),
        &Float64Array::from(vec![1.5, 2.5])
    );
}

/// A function that is set up with two constants, of which one is given a row at a time, too.
pub(super) fn set_up(guest: &Guest) {
    let functions = guest.0.table("parts");
    let with = |separator: &str, most: i32| {
        let most: ArrayRef = Arc::new(Int32Array::from(vec![most]));
        let args = [
            texts(&[Some("a-b-c"), None, Some("d")]),
            texts(&[Some(separator)]),
            most,
        ];
        functions[0].call_rows(&args, &[false, true, true], 3)
    };
    for (separator, most, due) in [
        ("-", 2, ["a,b", "-", "d"]),
        ("b", 5, ["a-,-c", "-", "d"]),
        ("-", 1, ["a", "-", "d"]),
    ] {
        let given = with(separator, most).expect("the constants are right");
        let parts = shown(given.values.as_list::<i32>(), |list| {
            list.as_string::<i32>().iter().flatten().collect::<Vec<_>>().join(",")
        });
        assert_eq!(parts, due, "{separator} {most}");
    }
    let refused = with("--", 1).expect_err("two characters").to_string();
    assert!(
        refused.ends_with("separator is '--': one character is due"),
        "{refused}"
    );
}
