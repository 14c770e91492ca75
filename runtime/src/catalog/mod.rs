//! Floor 1: what streams, tables and types are defined.
//!
//! The catalog only remembers definitions and says which name is near to a wrong one. It reads no topic and runs nothing.

mod definition;

use std::collections::BTreeMap;

pub use definition::{BadRecordPolicy, Definition, EventTimeColumn, Storage};

use crate::types::schema::SqlType;

/// All definitions of one engine.
#[derive(Debug, Default, Clone)]
pub struct Catalog {
    sources: BTreeMap<String, std::sync::Arc<Definition>>,
    types: BTreeMap<String, SqlType>,
}

impl Catalog {
    /// The stream or table of that exact name.
    #[must_use]
    pub fn source(&self, name: &str) -> Option<&std::sync::Arc<Definition>> {
        self.sources.get(name)
    }

    /// All streams and tables, by name.
    pub fn sources(&self) -> impl Iterator<Item = &std::sync::Arc<Definition>> {
        self.sources.values()
    }

    /// Adds a stream or table, in place of one of the same name.
    pub fn put_source(&mut self, definition: Definition) {
        self.sources
            .insert(definition.name.clone(), std::sync::Arc::new(definition));
    }

    /// Forgets a stream or table.
    pub fn remove_source(&mut self, name: &str) {
        self.sources.remove(name);
    }

    /// The custom type of that exact name.
    #[must_use]
    pub fn custom_type(&self, name: &str) -> Option<&SqlType> {
        self.types.get(name)
    }

    /// All custom types, by name.
    pub fn custom_types(&self) -> impl Iterator<Item = (&String, &SqlType)> {
        self.types.iter()
    }

    /// Adds a custom type, in place of one of the same name.
    pub fn put_type(&mut self, name: String, sql_type: SqlType) {
        self.types.insert(name, sql_type);
    }

    /// Forgets a custom type.
    pub fn remove_type(&mut self, name: &str) -> bool {
        self.types.remove(name).is_some()
    }

    /// The defined stream or table whose name is nearest to `name`, if one is near.
    #[must_use]
    pub fn nearest_source(&self, name: &str) -> Option<&str> {
        nearest(name, self.sources.keys().map(String::as_str))
    }
}

/// The candidate most like `name`, where one is like it at all (ksqlDB folds case, so case is ignored).
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let folded = name.to_uppercase();
    candidates
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&folded, &candidate.to_uppercase()),
                candidate,
            )
        })
        .filter(|(distance, candidate)| *distance <= 1 + candidate.chars().count() / 4)
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_ignores_case_and_far_names() {
        let names = ["TRADES", "ALERTS"];
        assert_eq!(nearest("trade", names.into_iter()), Some("TRADES"));
        assert_eq!(nearest("ORDERS", names.into_iter()), None);
    }
}
