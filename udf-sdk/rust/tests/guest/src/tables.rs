//! Table functions: rows of one column and of several, as an iterator, a list, an error, a null.

use waterwheel_udf::{List, Return, table};

/// the words of a text
#[table]
pub fn tokenize(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace()
}

/// A word and where it begins.
#[derive(Debug, Return)]
pub struct Place {
    word: String,
    at: Option<i32>,
}

/// words with their places; a text without words is an error, one with `null` has no rows
#[table]
pub fn pairs(text: &str) -> Result<Option<Vec<Place>>, &'static str> {
    if text == "null" {
        return Ok(None);
    }
    let mut at = 0;
    let mut places = Vec::new();
    for word in text.split(' ') {
        if !word.is_empty() {
            places.push(Place {
                word: word.to_owned(),
                at: (word != "?").then_some(at),
            });
        }
        at += 1 + word.len() as i32;
    }
    if places.is_empty() {
        return Err("no words");
    }
    Ok(Some(places))
}

/// the numbers from 0 on, so many; NULL gives one NULL
#[table(name = "COUNTED", stable)]
pub fn counted(n: Option<i64>) -> Vec<Option<i64>> {
    match n {
        Some(n) => (0..n).map(Some).collect(),
        None => vec![None],
    }
}

/// the elements of an array
#[table]
pub fn listed(list: List<'_, f64>) -> List<'_, f64> {
    list
}

/// Where texts are cut.
pub(crate) struct Cuts(char);

impl Cuts {
    fn new(separator: &str, _most: i32) -> Result<Self, String> {
        let mut characters = separator.chars();
        match (characters.next(), characters.next()) {
            (Some(separator), None) => Ok(Self(separator)),
            _ => Err(format!("separator is '{separator}': one character is due")),
        }
    }
}

/// the parts of a text, at most so many
#[table(start = Cuts::new)]
pub(crate) fn parts<'a>(
    cuts: &Cuts,
    text: &'a str,
    #[constant] _separator: &str,
    #[constant] most: i32,
) -> impl Iterator<Item = &'a str> {
    text.split(cuts.0).take(most as usize)
}

/// a value, twice
#[table(types(T: i64, &str))]
pub fn twice<T>(x: T) -> impl Iterator<Item = T> {
    [x, x].into_iter()
}
