//! Finds the column or struct field that a JSON name means, by ksqlDB's rule.
//!
//! A field takes the value under exactly its own name; where there is none, the value under a name that is equal to it
//! once that name is put in upper case. So `{"price": 1}` fills the column `PRICE` (declared without quotes), while a
//! column declared as `` `price` `` is not filled by `{"PRICE": 1}`. One name can fill two fields: `price` and `PRICE`.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

/// Names that were met and do not repeat the declared ones are remembered up to this many, so that records with made-up
/// names cannot eat memory.
const REMEMBERED_NAMES_MAX: usize = 1_024;

/// How well a name fits a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::format) enum Fit {
    /// No value was met for the field.
    None,
    /// The upper-cased name is the field's name.
    Folded,
    /// The name is the field's name.
    Exact,
}

/// The fields that one name fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::format) struct Resolved {
    /// The field of exactly this name.
    pub(in crate::format) exact: Option<u32>,
    /// The field whose name this one becomes in upper case.
    pub(in crate::format) folded: Option<u32>,
}

/// The field names of one struct, or of the record itself.
#[derive(Debug)]
pub(in crate::format) struct FieldNames {
    names: Vec<String>,
    by_name: HashMap<Box<[u8]>, u32, FixedState>,
    met: HashMap<Box<[u8]>, Resolved, FixedState>,
}

impl FieldNames {
    /// Names in the order of the fields. Of two equal names the first one counts.
    pub(in crate::format) fn new(names: impl IntoIterator<Item = String>) -> Self {
        let names: Vec<String> = names.into_iter().collect();
        let mut by_name = HashMap::default();
        for (index, name) in (0_u32..).zip(&names) {
            by_name.entry(name.as_bytes().into()).or_insert(index);
        }
        Self {
            names,
            by_name,
            met: HashMap::default(),
        }
    }

    /// The name of field `index`.
    pub(in crate::format) fn name(&self, index: usize) -> &str {
        &self.names[index]
    }

    /// What the JSON name `key` (its bytes, unescaped) fills.
    #[inline]
    pub(in crate::format) fn resolve(&mut self, key: &[u8]) -> Resolved {
        if let Some(resolved) = self.met.get(key) {
            return *resolved;
        }
        self.resolve_new(key)
    }

    #[cold]
    fn resolve_new(&mut self, key: &[u8]) -> Resolved {
        let exact = self.by_name.get(key).copied();
        let folded = std::str::from_utf8(key)
            .ok()
            .map(str::to_uppercase)
            .filter(|upper| upper.as_bytes() != key)
            .and_then(|upper| self.by_name.get(upper.as_bytes()).copied());
        let resolved = Resolved { exact, folded };
        if self.met.len() < REMEMBERED_NAMES_MAX {
            self.met.insert(key.into(), resolved);
        }
        resolved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> FieldNames {
        FieldNames::new(list.iter().map(ToString::to_string))
    }

    #[test]
    fn unquoted_columns_match_any_case() {
        let mut names = names(&["PRICE", "ts"]);
        for key in ["price", "Price", "pRICE"] {
            let resolved = names.resolve(key.as_bytes());
            assert_eq!(
                resolved,
                Resolved {
                    exact: None,
                    folded: Some(0)
                }
            );
        }
        assert_eq!(names.resolve(b"PRICE").exact, Some(0));
        assert_eq!(names.resolve(b"other"), Resolved::default());
    }

    #[test]
    fn quoted_lower_case_columns_match_only_themselves() {
        let mut names = names(&["ts"]);
        assert_eq!(names.resolve(b"ts").exact, Some(0));
        assert_eq!(names.resolve(b"TS"), Resolved::default());
        assert_eq!(names.resolve(b"Ts"), Resolved::default());
    }

    #[test]
    fn one_name_can_fill_two_fields() {
        let mut names = names(&["a", "A"]);
        let both = Resolved {
            exact: Some(0),
            folded: Some(1),
        };
        assert_eq!(names.resolve(b"a"), both);
        assert_eq!(names.resolve(b"a"), both, "the remembered answer is the same");
        let upper = names.resolve(b"A");
        assert_eq!((upper.exact, upper.folded), (Some(1), None));
    }

    #[test]
    fn folding_is_that_of_unicode() {
        let mut names = names(&["STRASSE", "ÄRGER"]);
        assert_eq!(names.resolve("straße".as_bytes()).folded, Some(0));
        assert_eq!(names.resolve("ärger".as_bytes()).folded, Some(1));
    }

    #[test]
    fn made_up_names_are_not_kept_without_end() {
        let mut names = names(&["A"]);
        for i in 0..10_000 {
            names.resolve(format!("k{i}").as_bytes());
        }
        assert!(names.met.len() <= REMEMBERED_NAMES_MAX);
        assert_eq!(names.resolve(b"a").folded, Some(0));
    }
}
