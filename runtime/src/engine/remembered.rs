//! What a persistent query that calls plugins' functions leaves beside its state, so that a later process knows it while it cannot plan it: what it
//! makes, what it reads, and whose functions it calls.
//!
//! Written when the query starts, read only where its statement cannot be planned. Losing it loses no state and no row.

use serde::{Deserialize, Serialize};

use super::QueryInfo;
use super::durable::DurableQuery;
use super::show::function_signature;
use crate::catalog::Definition;
use crate::state::{self, Location};
use crate::udf::UsedFunction;

/// Version of the form of the document; one of another version is passed over.
const VERSION: u32 = 1;

/// A query of an earlier process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Remembered {
    version: u32,
    /// Its text.
    pub(crate) statement: String,
    /// The stream or table that it made; `None`: it inserted into one.
    pub(crate) made: Option<Definition>,
    /// Streams and tables that it read, one for each scan.
    pub(crate) sources: Vec<String>,
    /// Functions of plugins that it called.
    pub(crate) functions: Vec<RememberedFunction>,
}

/// A function of a plugin that a query called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RememberedFunction {
    /// Name and argument types, as no two functions share them.
    pub(crate) signature: String,
    /// The same for people, with its result.
    pub(crate) shown: String,
    /// The stem of the plugin's file.
    pub(crate) plugin: String,
    /// The plugin with its version.
    pub(crate) version: String,
    /// SHA-256 of the plugin's file.
    sha256: String,
}

impl RememberedFunction {
    fn of(function: &UsedFunction) -> Self {
        let info = function.info();
        Self {
            signature: function.signature(),
            shown: function_signature(info),
            plugin: info.plugin.clone(),
            version: info.plugin_and_version(),
            sha256: function.sha256.clone(),
        }
    }
}

impl DurableQuery {
    /// Writes down what it is, where its state is kept and it calls functions of plugins; takes away what a query before it has written where it
    /// calls none. That neither is possible is no reason not to run.
    pub(crate) fn remember(&self, info: &QueryInfo) {
        let Some(location) = &self.state else {
            return;
        };
        let own = location.join(&self.opening.application_id).join(&info.durable);
        if info.functions.is_empty() {
            if let Err(error) = state::remove_note(&own) {
                tracing::warn!(query = %info.id, "{error}");
            }
            return;
        }
        let note = Remembered {
            version: VERSION,
            statement: info.statement.clone(),
            made: info.creates_sink.then(|| Definition::clone(&self.definition)),
            sources: info.sources.clone(),
            functions: info.functions.iter().map(RememberedFunction::of).collect(),
        };
        let written = serde_json::to_vec(&note).map_err(|error| error.to_string());
        let written = written.and_then(|text| state::write_note(&own, text.into()).map_err(|error| error.to_string()));
        if let Err(error) = written {
            tracing::warn!(
                query = %info.id,
                "without its plugins the query will not be known after a restart: {error}"
            );
        }
    }
}

impl Remembered {
    /// The query whose state is at `own`, if one of this program was there.
    pub(crate) fn read(own: &Location) -> Option<Self> {
        let text = state::read_note(own)
            .inspect_err(|error| tracing::warn!("what query was here is not known: {error}"))
            .ok()??;
        let note: Self = serde_json::from_slice(&text).ok()?;
        (note.version == VERSION).then_some(note)
    }

    /// Whether it is the query of this text. What is to happen when its stream or table exists is no part of a query.
    pub(crate) fn is_of(&self, text: &str) -> bool {
        words(&self.statement) == words(text)
    }
}

/// The words of a statement without OR REPLACE and IF NOT EXISTS.
fn words(text: &str) -> Vec<&str> {
    let mut words: Vec<&str> = text.split_whitespace().collect();
    for (at, left_out) in [(1, &["OR", "REPLACE"][..]), (2, &["IF", "NOT", "EXISTS"][..])] {
        let found = words.get(at..at + left_out.len());
        if found.is_some_and(|found| {
            found
                .iter()
                .zip(left_out)
                .all(|(word, out)| word.eq_ignore_ascii_case(out))
        }) {
            words.drain(at..at + left_out.len());
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{BadRecordPolicy, Storage};
    use crate::types::schema::{Column, ColumnRole, SqlType};
    use crate::types::storage::{Format, FormatSpec, KeyWindow, SourceKind};

    #[test]
    fn a_query_is_known_by_its_text_whatever_is_said_of_what_exists() {
        let known = |text: &str| Remembered {
            version: VERSION,
            statement: text.to_owned(),
            made: None,
            sources: vec![],
            functions: vec![],
        };
        let plain = known("CREATE STREAM a AS\n  SELECT f(x) FROM s");
        assert!(plain.is_of("CREATE OR REPLACE STREAM a AS SELECT f(x) FROM s"));
        assert!(plain.is_of("CREATE STREAM IF NOT EXISTS a AS SELECT f(x) FROM s"));
        assert!(
            known("CREATE or replace STREAM a AS SELECT f(x) FROM s").is_of("CREATE STREAM a AS SELECT f(x) FROM s")
        );
        assert!(!plain.is_of("CREATE STREAM a AS SELECT f(y) FROM s"));
        assert!(!plain.is_of("CREATE"));
    }

    #[test]
    fn what_was_made_is_read_as_it_was_written() {
        let bytes = SqlType::Struct(vec![("b".into(), SqlType::Bytes)]);
        let column = |name: &str, sql_type, role| Column {
            name: name.into(),
            sql_type,
            role,
        };
        let format = FormatSpec {
            format: Format::Delimited,
            delimiter: b'|',
            wrap_single: true,
        };
        let note = Remembered {
            version: VERSION,
            statement: "CREATE TABLE t AS ...".into(),
            made: Some(Definition {
                name: "T".into(),
                kind: SourceKind::Table,
                columns: vec![
                    column("K", SqlType::Decimal(10, 2), ColumnRole::Key),
                    column(
                        "V",
                        SqlType::Map(Box::new(SqlType::String), Box::new(bytes)),
                        ColumnRole::Value,
                    ),
                    column("A", SqlType::Array(Box::new(SqlType::Timestamp)), ColumnRole::Value),
                ],
                storage: Storage {
                    topic: "T".into(),
                    connector: None,
                    options: [("PATH".to_owned(), "x".to_owned())].into(),
                    keys_in_value: false,
                    key_window: Some(KeyWindow::Time { size_ms: 1000 }),
                    key_format: format.clone(),
                    value_format: format,
                },
                event_time: None,
                bad_records: BadRecordPolicy::DeadLetter("letters".into()),
                read_only: false,
                statement: "CREATE TABLE t AS ...".into(),
            }),
            sources: vec!["S".into()],
            functions: vec![RememberedFunction {
                signature: "F(BIGINT)".into(),
                shown: "f(x BIGINT) RETURNS BIGINT".into(),
                plugin: "p".into(),
                version: "p 1.0.0".into(),
                sha256: "00".into(),
            }],
        };
        let text = serde_json::to_string(&note).unwrap();
        assert_eq!(serde_json::from_str::<Remembered>(&text).unwrap(), note);
    }
}
