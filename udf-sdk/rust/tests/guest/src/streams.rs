//! Stream functions: state of many shapes, constants, failures, an older format.

use std::collections::HashMap;

use waterwheel_udf::{State, Text, stream};

/// the sum of the numbers so far
#[stream]
pub fn running(sum: &mut f64, x: Option<f64>) -> f64 {
    *sum += x.unwrap_or(0.0);
    *sum
}

/// What `nth` waits for.
#[derive(Debug, Default, PartialEq, State)]
pub enum Progress {
    #[default]
    Fresh,
    Counting(i64),
    Found {
        text: String,
        at: i64,
    },
}

/// the text of the n-th row, from there on
#[stream]
pub fn nth<'a>(
    progress: &mut Progress,
    text: &'a str,
    #[constant] n: i64,
    separator: &str,
) -> Result<Option<String>, String> {
    let rows = match progress {
        Progress::Fresh => 1,
        Progress::Counting(rows) => *rows + 1,
        Progress::Found { text, at } => return Ok(Some(format!("{text}{separator}{at}"))),
    };
    if text.is_empty() {
        return Err(format!("row {rows} of the key has no text"));
    }
    if rows < n {
        *progress = Progress::Counting(rows);
        return Ok(None);
    }
    *progress = Progress::Found {
        text: text.to_string(),
        at: rows,
    };
    Ok(Some(text.to_string()))
}

/// how often the key has seen a word
#[stream]
pub fn seen(counts: &mut HashMap<String, i64>, word: &str) -> i64 {
    let count = counts.entry(word.to_string()).or_default();
    *count += 1;
    *count
}

/// The constants of `above`, kept in the state.
#[derive(Debug, Clone, State)]
pub struct Above {
    limit: i64,
    unit: String,
    times: u32,
}

impl Above {
    fn new(limit: i64, unit: &str) -> Result<Above, String> {
        if limit < 0 {
            return Err(format!("limit is {limit}: it must not be negative"));
        }
        Ok(Above {
            limit,
            unit: unit.to_string(),
            times: 0,
        })
    }
}

/// how often a number was above the limit
#[stream(start = Above::new)]
pub fn above(state: &mut Above, #[constant] _limit: i64, x: i64, #[constant] _unit: &str) -> String {
    if x > state.limit {
        state.times += 1;
    }
    format!("{} {}", state.times, state.unit)
}

/// State of today: the format of before counted in 32 bits.
#[derive(Debug, Default, State)]
pub struct Count(u64);

impl Count {
    fn from_first(count: u32) -> Count {
        Count(u64::from(count) + 1_000)
    }
}

/// counts the rows of a key
#[stream(state_version = 2, upgrade(1 = Count::from_first))]
pub fn upgraded(count: &mut Count, _x: bool) -> i64 {
    count.0 += 1;
    count.0 as i64
}

/// a sum that forgets a part of itself with each row
#[stream]
pub fn damped(
    sum: &mut f64,
    x: f64,
    #[constant]
    #[default(0.5)]
    keep: f64,
) -> f64 {
    *sum = *sum * keep + x;
    *sum
}

/// the places that a key has been to; a place without a name fails
#[stream]
pub fn path(places: &mut Vec<String>, place: &str, out: &mut Text) -> Result<(), &'static str> {
    out.extend(places.iter().flat_map(|place| [place.as_str(), " > "]));
    out.push_str(place);
    if place.is_empty() {
        return Err("a place without a name");
    }
    places.push(place.to_string());
    Ok(())
}

/// What was before, at first what the query says.
#[derive(Debug, Clone, State)]
pub struct Before<T>(T);

impl<T> Before<T> {
    fn new(first: T) -> Before<T> {
        Before(first)
    }
}

/// the value before with the same key
#[stream(types(T: i64, String), start = Before::<T>::new)]
pub fn before<T>(before: &mut Before<T>, x: T, #[constant] _first: T) -> T {
    core::mem::replace(&mut before.0, x)
}
