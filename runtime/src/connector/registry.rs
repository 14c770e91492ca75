//! Opens a connector by the name that stands in `WITH (CONNECTOR = '...')`.
//!
//! A connector is one folder that implements [`Connector`], its `mod` line, and its line in [`CONNECTORS`]. Topics are
//! not opened here: they live in a [`TopicLog`](super::TopicLog).

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use super::options::wrong;
use super::{Error, ReadOptions, Sink, Source, blackhole, datagen, file, nexmark};
use crate::catalog::{Definition, nearest};
use crate::format::FormatSpec;
use crate::types::Clock;
use crate::types::schema::Column;

/// Every connector, by name.
static CONNECTORS: &[&dyn Connector] = &[
    &blackhole::Blackhole,
    &datagen::Datagen,
    &file::Files,
    &nexmark::Nexmark,
];

/// What a connector is told of the stream or table that it serves.
#[derive(Debug, Clone)]
pub struct ConnectorSpec {
    /// The connector's name, without case.
    pub connector: String,
    /// Name of the stream for messages.
    pub topic: String,
    /// All declared columns, in order.
    pub columns: Vec<Column>,
    /// The options of WITH that are the connector's own. `FORMAT` or `VALUE_FORMAT` may stay among them; they must
    /// when they name a format that only a connector knows, as `PARQUET`.
    pub options: BTreeMap<String, String>,
    /// How values are encoded, where that is settled; `None` lets the connector find out (the extension of a file).
    pub value_format: Option<FormatSpec>,
}

impl From<&Definition> for ConnectorSpec {
    fn from(definition: &Definition) -> Self {
        Self {
            connector: definition.storage.connector.clone().unwrap_or_default(),
            topic: definition.storage.topic.clone(),
            columns: definition.columns.clone(),
            options: definition.storage.options.clone(),
            value_format: Some(definition.storage.value_format.clone()),
        }
    }
}

/// What the rows of a connector are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// All declared columns as Arrow columns; nothing to decode or encode.
    Columns,
    /// Encoded values without keys: the key columns stand in the value, in declared order, like all others.
    Values(FormatSpec),
}

/// How a source is opened.
#[derive(Debug, Clone, Copy)]
pub struct Opening<'a> {
    /// Group, start and stop. Files and generated rows have no committed offsets and are always read from their
    /// beginning (or `next_offsets`), whatever `start_at` says.
    pub read: &'a ReadOptions,
    /// Where processing time comes from.
    pub clock: &'a Arc<dyn Clock>,
    /// For each partition the offset to go on at, where the pipeline had committed one.
    pub next_offsets: &'a BTreeMap<i32, i64>,
}

/// Which of the sinks of one pipeline is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardOf {
    /// Number of the shard, from 0.
    pub index: usize,
    /// How many shards write.
    pub count: usize,
}

/// What a sink finds and leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// Nothing outlives the process: the output begins anew.
    Anew,
    /// The output holds the results up to this epoch, which counts. What was written for later ones is thrown away; what is written now belongs
    /// to the next epoch and becomes visible when that one counts.
    From(u64),
}

/// The right to write somewhere; it ends when it is dropped.
pub type Claim = Box<dyn ClaimedOutput>;

/// What holds a [`Claim`].
pub trait ClaimedOutput: Debug + Send {}

/// One option, for the reference documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptionDoc {
    /// Its name in WITH.
    pub name: &'static str,
    /// What stands there, what it does, what holds without it.
    pub meaning: &'static str,
}

/// A kind of source or sink that is no topic.
pub trait Connector: Debug + Send + Sync {
    /// Its name in WITH, lower case.
    fn name(&self) -> &'static str;

    /// One line for people.
    fn summary(&self) -> &'static str;

    /// The options that it knows.
    fn options(&self) -> &'static [OptionDoc];

    /// Whether all rows of a query go to one output however many shards it has, as a user who names one file expects.
    fn has_one_output(&self) -> bool {
        false
    }

    /// Whether its sinks make the results of an epoch visible together ([`Writing::From`]).
    fn has_epochs(&self) -> bool {
        false
    }

    /// Keeps other queries and processes from writing to the output of `spec` as long as the result lives; `None` where any number may write.
    ///
    /// # Errors
    /// As [`Connector::check`], and when somebody else writes there.
    fn claim(&self, spec: &ConnectorSpec) -> Result<Option<Claim>, Error> {
        let _ = spec;
        Ok(None)
    }

    /// Checks all options without opening anything, and says what the rows are made of.
    ///
    /// # Errors
    /// When an option is wrong or unknown, or the columns cannot be served.
    fn check(&self, spec: &ConnectorSpec) -> Result<Payload, Error>;

    /// Opens it for reading.
    ///
    /// # Errors
    /// As [`Connector::check`], and when what it reads is not there or not readable.
    fn open_source(&self, spec: &ConnectorSpec, opening: Opening<'_>) -> Result<Box<dyn Source>, Error> {
        let _ = opening;
        Err(wrong(
            "CONNECTOR",
            format!("`{}` only takes rows, so `{}` cannot be read", self.name(), spec.topic),
        ))
    }

    /// Opens it for writing by one shard.
    ///
    /// # Errors
    /// As [`Connector::check`], and when what it writes cannot be made.
    fn open_sink(&self, spec: &ConnectorSpec, shard: ShardOf, writing: Writing) -> Result<Sink, Error> {
        let _ = (shard, writing);
        Err(wrong(
            "CONNECTOR",
            format!(
                "`{}` only gives rows, so nothing can be written to `{}`",
                self.name(),
                spec.topic
            ),
        ))
    }
}

/// Every connector, by name: for documentation and completion.
#[must_use]
pub fn connectors() -> &'static [&'static dyn Connector] {
    CONNECTORS
}

/// The connector of that name.
///
/// # Errors
/// When there is none; the error has the nearest name.
pub fn find(name: &str) -> Result<&'static dyn Connector, Error> {
    if let Some(found) = CONNECTORS.iter().find(|known| known.name().eq_ignore_ascii_case(name)) {
        return Ok(*found);
    }
    let names = CONNECTORS.iter().map(|known| known.name());
    Err(wrong(
        "CONNECTOR",
        match nearest(name, names.clone()) {
            Some(near) => format!("there is no connector `{name}`; did you mean `{near}`?"),
            None => format!(
                "there is no connector `{name}`; there are {}",
                names.collect::<Vec<_>>().join(", ")
            ),
        },
    ))
}

/// Checks the options of `spec` without opening anything, and says what its rows are made of.
///
/// # Errors
/// As [`find`] and [`Connector::check`].
pub fn check(spec: &ConnectorSpec) -> Result<Payload, Error> {
    find(&spec.connector)?.check(spec)
}

/// Opens `spec` for reading.
///
/// # Errors
/// As [`find`] and [`Connector::open_source`].
pub fn open_source(spec: &ConnectorSpec, opening: Opening<'_>) -> Result<Box<dyn Source>, Error> {
    find(&spec.connector)?.open_source(spec, opening)
}

/// Opens `spec` for writing by one shard.
///
/// # Errors
/// As [`find`] and [`Connector::open_sink`].
pub fn open_sink(spec: &ConnectorSpec, shard: ShardOf, writing: Writing) -> Result<Sink, Error> {
    find(&spec.connector)?.open_sink(spec, shard, writing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::schema::{ColumnRole, SqlType};

    fn spec(connector: &str, options: &[(&str, &str)]) -> ConnectorSpec {
        ConnectorSpec {
            connector: connector.into(),
            topic: "T".into(),
            columns: vec![Column {
                name: "V".into(),
                sql_type: SqlType::Integer,
                role: ColumnRole::Value,
            }],
            options: options.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
            value_format: None,
        }
    }

    #[test]
    fn names_are_sorted_and_lower_case() {
        let names: Vec<_> = connectors().iter().map(|c| c.name()).collect();
        assert!(names.is_sorted());
        assert!(names.iter().all(|name| *name == name.to_lowercase()));
    }

    #[test]
    fn an_unknown_connector_is_an_error_with_the_nearest_name() {
        assert_eq!(
            check(&spec("DataGem", &[])).unwrap_err().to_string(),
            "option CONNECTOR: there is no connector `DataGem`; did you mean `datagen`?"
        );
        assert!(
            check(&spec("oracle", &[]))
                .unwrap_err()
                .to_string()
                .ends_with("there are blackhole, datagen, file, nexmark")
        );
    }

    #[test]
    fn every_connector_names_its_options_and_refuses_others() {
        for connector in connectors() {
            let error = connector.check(&spec(connector.name(), &[("QQ", "1")])).unwrap_err();
            // The file connector asks for its PATH first.
            let text = error.to_string();
            assert!(text.contains("QQ") || text.contains("PATH"), "{text}");
            assert!(connector.options().iter().all(|option| !option.meaning.is_empty()));
        }
    }

    #[test]
    fn a_connector_that_cannot_read_or_write_says_so() {
        let clock: Arc<dyn Clock> = Arc::new(crate::types::clock::ManualClock::at(0));
        let read = ReadOptions {
            is_alone: false,
            group: String::new(),
            start_at: super::super::StartAt::Earliest,
            next_offsets: BTreeMap::new(),
            stop_at: super::super::StopAt::Never,
            headers: false,
        };
        let opening = Opening {
            read: &read,
            clock: &clock,
            next_offsets: &BTreeMap::new(),
        };
        let error = open_source(&spec("blackhole", &[]), opening).unwrap_err();
        assert!(error.to_string().contains("`T` cannot be read"), "{error}");
        let error = open_sink(&spec("datagen", &[]), ShardOf { index: 0, count: 1 }, Writing::Anew).unwrap_err();
        assert!(error.to_string().contains("nothing can be written to `T`"), "{error}");
    }
}
