//! Reads the options of a WITH clause: each is taken by name and type, and what nobody took is an error.
//!
//! It knows no connector; which options exist is what the connector asks for.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use super::Error;
use crate::catalog::nearest;

/// The options of one connector while it reads them. Names are compared without case.
#[derive(Debug)]
pub struct Options<'a> {
    given: BTreeMap<String, &'a str>,
    asked: BTreeSet<String>,
}

impl<'a> Options<'a> {
    /// The options as they stand in WITH.
    #[must_use]
    pub fn new(given: &'a BTreeMap<String, String>) -> Self {
        Self {
            given: given
                .iter()
                .map(|(name, value)| (name.to_uppercase(), value.as_str()))
                .collect(),
            asked: BTreeSet::new(),
        }
    }

    /// Takes the text of option `name` (upper case), if it is there.
    pub fn take(&mut self, name: &str) -> Option<&'a str> {
        self.asked.insert(name.to_owned());
        self.given.remove(name)
    }

    /// Takes option `name` as a value of `T`; `expected` says in the error what should have stood there.
    ///
    /// # Errors
    /// When the text is no `T`.
    pub fn take_parsed<T: FromStr>(&mut self, name: &str, expected: &str) -> Result<Option<T>, Error> {
        self.take(name)
            .map(|text| {
                text.trim()
                    .parse()
                    .map_err(|_| wrong(name, format!("`{text}` is not {expected}")))
            })
            .transpose()
    }

    /// Takes option `name` as `true` or `false`.
    ///
    /// # Errors
    /// When the text is neither.
    pub fn take_bool(&mut self, name: &str) -> Result<Option<bool>, Error> {
        self.take(name)
            .map(|text| match text.trim().to_ascii_lowercase().as_str() {
                "true" => Ok(true),
                "false" => Ok(false),
                _ => Err(wrong(name, format!("`{text}` is neither true nor false"))),
            })
            .transpose()
    }

    /// Takes a number of partitions, 1 where there is none.
    ///
    /// # Errors
    /// When it is not a whole number from 1 to 1,024.
    pub fn take_partitions(&mut self) -> Result<i32, Error> {
        let partitions = self.take_parsed("PARTITIONS", "a whole number")?.unwrap_or(1);
        if (1..=crate::types::limits::EMBEDDED_PARTITIONS_MAX).contains(&partitions) {
            Ok(partitions)
        } else {
            Err(wrong(
                "PARTITIONS",
                format!(
                    "{partitions} is not between 1 and {}",
                    crate::types::limits::EMBEDDED_PARTITIONS_MAX
                ),
            ))
        }
    }

    /// Takes all options that were not taken yet and whose name has a dot: `COLUMN.option`.
    pub fn take_dotted(&mut self) -> Vec<(String, &'a str)> {
        let (dotted, plain) = std::mem::take(&mut self.given)
            .into_iter()
            .partition(|(name, _)| name.contains('.'));
        self.given = plain;
        BTreeMap::into_iter(dotted).collect()
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// When an option is left that `connector` does not know; the error has the nearest name.
    pub fn finish(self, connector: &str) -> Result<(), Error> {
        let Some(name) = self.given.keys().next() else {
            return Ok(());
        };
        let known = self.asked.iter().map(String::as_str);
        let reason = match nearest(name, known.clone()) {
            Some(near) => format!("connector `{connector}` has no such option; did you mean `{near}`?"),
            None => format!(
                "connector `{connector}` has no such option; it knows {}",
                known.collect::<Vec<_>>().join(", ")
            ),
        };
        Err(wrong(name, reason))
    }
}

/// The error for a wrong option.
pub(super) fn wrong(option: &str, reason: impl Into<String>) -> Error {
    Error::Option {
        option: option.to_owned(),
        reason: reason.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect()
    }

    #[test]
    fn takes_by_name_without_case_and_by_type() {
        let given = given(&[("rows", " 12 "), ("FOLLOW", "True"), ("SEED", "x")]);
        let mut options = Options::new(&given);
        assert_eq!(options.take_parsed::<u64>("ROWS", "a number").unwrap(), Some(12));
        assert_eq!(options.take_bool("FOLLOW").unwrap(), Some(true));
        assert_eq!(options.take("PATH"), None);
        assert_eq!(
            options
                .take_parsed::<u64>("SEED", "a whole number")
                .unwrap_err()
                .to_string(),
            "option SEED: `x` is not a whole number"
        );
        options.finish("x").unwrap();
    }

    #[test]
    fn an_option_nobody_took_is_an_error_with_the_nearest_name() {
        let given = given(&[("FOLOW", "true")]);
        let mut options = Options::new(&given);
        let _ = options.take_bool("FOLLOW").unwrap();
        assert_eq!(
            options.finish("file").unwrap_err().to_string(),
            "option FOLOW: connector `file` has no such option; did you mean `FOLLOW`?"
        );
    }

    #[test]
    fn partitions_are_bounded() {
        for (text, good) in [
            ("1", true),
            ("1024", true),
            ("0", false),
            ("-3", false),
            ("1025", false),
        ] {
            let given = given(&[("PARTITIONS", text)]);
            assert_eq!(Options::new(&given).take_partitions().is_ok(), good, "{text}");
        }
    }
}
