//! The options `COLUMN.option` of one column, or of one field of a struct (`COLUMN.FIELD.option`).

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use super::super::Error;
use super::super::options::wrong;
use crate::catalog::nearest;
use crate::types::schema::{Column, SqlType};

/// The options of all columns, by path of the column (upper case).
#[derive(Debug)]
pub(super) struct AllColumnOptions<'a> {
    by_path: BTreeMap<String, BTreeMap<String, &'a str>>,
}

impl<'a> AllColumnOptions<'a> {
    /// Sorts `dotted` options by column.
    ///
    /// # Errors
    /// When a column is not there; the error has the nearest name.
    pub(super) fn new(dotted: Vec<(String, &'a str)>, columns: &[Column]) -> Result<Self, Error> {
        let mut paths = Vec::new();
        for column in columns {
            add_paths(column.name.to_uppercase(), &column.sql_type, &mut paths);
        }
        let mut by_path: BTreeMap<String, BTreeMap<String, &str>> = BTreeMap::new();
        for (name, value) in dotted {
            let (path, option) = name.rsplit_once('.').unwrap_or(("", &name));
            match paths.iter().filter(|known| *known == path).count() {
                1 => {}
                0 => {
                    let known = paths.iter().map(String::as_str);
                    return Err(wrong(
                        &name,
                        match nearest(path, known.clone()) {
                            Some(near) => format!("there is no column `{path}`; did you mean `{near}.{option}`?"),
                            None => format!(
                                "there is no column `{path}`; there are {}",
                                known.collect::<Vec<_>>().join(", ")
                            ),
                        },
                    ));
                }
                _ => return Err(wrong(&name, "several columns have this name but for its case")),
            }
            by_path
                .entry(path.to_owned())
                .or_default()
                .insert(option.to_owned(), value);
        }
        Ok(Self { by_path })
    }

    /// Takes the options of the column at `path`.
    pub(super) fn take(&mut self, path: &str) -> ColumnOptions<'a> {
        ColumnOptions {
            path: path.to_owned(),
            given: self.by_path.remove(path).unwrap_or_default(),
            asked: BTreeSet::new(),
        }
    }
}

fn add_paths(path: String, sql_type: &SqlType, paths: &mut Vec<String>) {
    if let SqlType::Struct(fields) = sql_type {
        for (name, field) in fields {
            add_paths(format!("{path}.{}", name.to_uppercase()), field, paths);
        }
    }
    paths.push(path);
}

/// The options of one column while they are read.
#[derive(Debug)]
pub(super) struct ColumnOptions<'a> {
    pub(super) path: String,
    given: BTreeMap<String, &'a str>,
    asked: BTreeSet<&'static str>,
}

impl<'a> ColumnOptions<'a> {
    /// True when option `name` is there and was not taken.
    pub(super) fn has(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    /// Takes the text of option `name`.
    pub(super) fn take(&mut self, name: &'static str) -> Option<&'a str> {
        self.asked.insert(name);
        self.given.remove(name)
    }

    /// Takes option `name` as a `T`.
    pub(super) fn take_parsed<T: FromStr>(&mut self, name: &'static str, expected: &str) -> Result<Option<T>, Error> {
        match self.take(name) {
            None => Ok(None),
            Some(text) => match text.trim().parse() {
                Ok(value) => Ok(Some(value)),
                Err(_) => Err(self.wrong(name, format!("`{text}` is not {expected}"))),
            },
        }
    }

    /// Takes option `name` as a number that is finite.
    pub(super) fn take_number(&mut self, name: &'static str) -> Result<Option<f64>, Error> {
        match self.take_parsed::<f64>(name, "a number")? {
            Some(number) if !number.is_finite() => Err(self.wrong(name, "must be finite")),
            number => Ok(number),
        }
    }

    /// The error for a wrong option of this column.
    pub(super) fn wrong(&self, name: &str, reason: impl Into<String>) -> Error {
        wrong(&format!("{}.{name}", self.path), reason)
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// When an option is left that a column of this `kind` does not know.
    pub(super) fn finish(self, kind: &str) -> Result<(), Error> {
        let Some(name) = self.given.keys().next() else {
            return Ok(());
        };
        let known = self.asked.iter().copied().chain(["KIND", "NULL_RATE"]);
        Err(self.wrong(
            name,
            match nearest(name, known.clone()) {
                Some(near) => format!("a column of kind {kind} has no such option; did you mean `{near}`?"),
                None => format!(
                    "a column of kind {kind} has no such option; it knows {}",
                    known
                        .collect::<BTreeSet<_>>()
                        .into_iter()
                        .collect::<Vec<_>>()
                        .join(", ")
                ),
            },
        ))
    }
}
