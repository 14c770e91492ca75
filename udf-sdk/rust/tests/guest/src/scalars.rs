//! Scalar functions that compute, fail, panic.

use std::cell::Cell;

use core::fmt::Write;

use waterwheel_udf::{Argument, Decimal, List, Text, scalar};

/// the answer
#[scalar]
pub fn answer() -> i64 {
    42
}

/// Four numbers, for constants in every place,
/// and a doc line of two lines.
///
/// This is not in it.
#[scalar]
pub fn risk(price: f64, volume: i64, factor: f64, shift: i32) -> f64 {
    (price * volume as f64).mul_add(factor, f64::from(shift))
}

/// another name in SQL than in Rust
#[scalar(name = "RiskLevel", stable)]
pub fn risk_by_name(r#type: i32) -> i32 {
    -r#type
}

/// the last element of an array, of several types
#[scalar(types(T: i64, f64, &str, Vec<bool>))]
pub fn last_of<T>(values: List<'_, T>) -> Option<T> {
    values.iter().last()
}

/// the place of a value in an array, from 0; of its type what is written is in the message
#[scalar(types(T: i64, Decimal<20, 4>), types(N: i32, i64))]
pub fn place_of<T, N>(values: List<'_, T>, value: T, not_before: N) -> Result<N, String> {
    let find = |from: N| -> Option<N> {
        let place = values.iter().skip(from as usize).position(|other| other == value)?;
        N::try_from(place).ok()?.checked_add(from)
    };
    find(not_before).ok_or_else(|| format!("no {} from {not_before} on", core::any::type_name::<T>()))
}

/// nulls where they are allowed: `b` must be there, `a` not
#[scalar]
pub fn first_or(a: Option<f64>, b: f64) -> f64 {
    a.unwrap_or(b)
}

#[scalar]
pub fn square_root(x: f64) -> Result<f64, String> {
    if x < 0.0 {
        Err(format!("{x} has no square root"))
    } else {
        Ok(x.sqrt())
    }
}

#[scalar]
pub fn total(numbers: &[f64]) -> f64 {
    // Not `sum()`: that of no numbers is -0.
    numbers.iter().fold(0.0, |total, number| total + number)
}

/// panics when there is no such element
#[scalar]
pub fn pick(numbers: &[f64], index: i32) -> f64 {
    assert!((index as usize) < numbers.len(), "there is no number {index}");
    numbers[index as usize]
}

#[scalar]
pub fn is_even(x: i64) -> Option<bool> {
    (x != 0).then(|| x % 2 == 0)
}

#[scalar]
pub fn shout(text: &str, times: i32) -> Result<Option<String>, &'static str> {
    match times {
        0 => Ok(None),
        1..100 => Ok(Some(text.to_uppercase().repeat(times as usize))),
        _ => Err("too loud"),
    }
}

#[scalar]
pub fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

#[scalar]
pub fn letters(words: List<'_, &str>) -> i64 {
    words.iter().map(|word| word.chars().count() as i64).sum()
}

#[derive(Argument)]
pub struct Person<'a> {
    first: &'a str,
    last: Option<&'a str>,
}

#[scalar]
pub fn full_name(person: Person<'_>, separator: &str) -> String {
    match person.last {
        Some(last) => format!("{}{separator}{last}", person.first),
        None => person.first.to_string(),
    }
}

/// another number for each row
#[scalar(volatile)]
pub fn roll() -> i32 {
    thread_local!(static NEXT: Cell<i32> = const { Cell::new(0) });
    NEXT.replace(NEXT.get() + 1)
}

/// a number times another, 10 where none is given, with a unit
#[scalar]
pub fn scaled(
    x: f64,
    #[default(10)] by: f64,
    #[default(" \"units\"")] unit: &str,
    #[default] note: Option<&str>,
) -> String {
    format!("{}{unit}{}", x * by, note.unwrap_or_default())
}

/// texts in a row, NULL as ?
#[scalar]
pub fn joined(between: &str, #[variadic] texts: List<'_, Option<&str>>) -> String {
    let texts: Vec<&str> = texts.iter().map(|text| text.unwrap_or("?")).collect();
    texts.join(between)
}

/// Words that are looked for, made once of a list with commas.
pub(crate) struct Wanted(Vec<String>);

impl Wanted {
    fn new(words: &str) -> Result<Self, &'static str> {
        let words: Vec<String> = words.split(',').map(|word| word.trim().to_lowercase()).collect();
        if words.iter().any(String::is_empty) {
            return Err("a word is empty");
        }
        Ok(Self(words))
    }
}

/// which of the words is in a text first
#[scalar(start = Wanted::new)]
pub(crate) fn first_of(wanted: &Wanted, text: &str, #[constant] _words: &str) -> Option<i32> {
    wanted
        .0
        .iter()
        .position(|word| text.contains(word))
        .map(|place| place as i32)
}

/// a number in the unit that the query names
#[scalar]
pub(crate) fn in_unit(x: f64, #[constant] unit: &str, out: &mut Text) -> core::fmt::Result {
    write!(out, "{x} {unit}")
}

/// a text in capitals, written to the column; NULL for an empty one
#[scalar]
pub fn capitals(text: &str, out: &mut Text) -> Result<Option<()>, &'static str> {
    out.push_ascii_uppercase(text);
    match text {
        "" => Ok(None),
        "bad" => Err("a bad text"),
        _ => Ok(Some(())),
    }
}

/// the words of a list, each in its own way
#[scalar]
pub fn listed_as(words: List<'_, &str>, between: Option<&str>, out: &mut Text) {
    for (i, word) in words.iter().enumerate() {
        if i > 0 {
            out.push_str(between.unwrap_or(", "));
        }
        out.push_str(word);
    }
}
