//! Properties that SET knows.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Error;
use super::durable::Guarantee;
use crate::catalog::nearest;
use crate::connector::StartAt;
use crate::function::AggregateLimits;
use crate::operator::RowErrorPolicy;
use crate::sql::durations;

const COLLECT_LIST_LIMIT: &str = "ksql.functions.collect_list.limit";
const STATE_TTL: &str = "state.ttl";
const GUARANTEE: &str = "processing.guarantee";
const COLLECT_SET_LIMIT: &str = "ksql.functions.collect_set.limit";

/// One property: its name, default and meaning.
#[derive(Debug, Clone, Copy)]
pub struct Property {
    /// Name in SET.
    pub name: &'static str,
    /// Value where none is set.
    pub default: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

/// Every property.
pub(super) const PROPERTIES: &[Property] = &[
    Property {
        name: "auto.offset.reset",
        default: "earliest",
        meaning: "where a query starts that has no committed offset: earliest or latest",
    },
    Property {
        name: "commit.interval.ms",
        default: "200",
        meaning: "how often results and offsets become durable, in milliseconds",
    },
    Property {
        name: COLLECT_LIST_LIMIT,
        default: "1000",
        meaning: "values that COLLECT_LIST collects for one group; a negative number: no limit",
    },
    Property {
        name: COLLECT_SET_LIMIT,
        default: "1000",
        meaning: "values that COLLECT_SET collects for one group; a negative number: no limit",
    },
    Property {
        name: "ksql.persistence.default.format.key",
        default: "KAFKA",
        meaning: "KEY_FORMAT where WITH has none",
    },
    Property {
        name: "ksql.persistence.default.format.value",
        default: "JSON",
        meaning: "VALUE_FORMAT where WITH has none",
    },
    Property {
        name: "ksql.persistence.wrap.single.values",
        default: "true",
        meaning: "WRAP_SINGLE_VALUE where WITH has none",
    },
    Property {
        name: "ksql.output.topic.name.prefix",
        default: "",
        meaning: "stands before the name of a topic that CREATE ... AS SELECT makes and WITH does not name",
    },
    Property {
        name: GUARANTEE,
        default: "exactly_once",
        meaning: "what a query from Kafka to Kafka promises: exactly_once, or at_least_once, with which results may come twice after a crash",
    },
    Property {
        name: "late.rows.topic",
        default: "",
        meaning: "the topic that rows go to which come after their window has closed, as JSON; empty: they are only counted",
    },
    Property {
        name: "ksql.timestamp.throw.on.invalid",
        default: "false",
        meaning: "whether a row without an event time ends the query, instead of being left out; read where TIMESTAMP is declared",
    },
    Property {
        name: STATE_TTL,
        default: "",
        meaning: "how long the state of a key stays after its latest row, as `7 DAYS`; empty: for ever",
    },
    Property {
        name: "row.error.policy",
        default: "null",
        meaning: "what becomes of a row on which an expression fails: null, skip or fail",
    },
];

/// Prefixes of properties that ksqlDB scripts set for Kafka Streams and that have no meaning here.
const IGNORED_PREFIXES: &[&str] = &["ksql.", "confluent.", "cache.max.bytes.buffering"];

/// The properties of a session.
#[derive(Debug, Default, Clone)]
pub struct Properties {
    values: BTreeMap<String, String>,
}

impl Properties {
    /// The properties set by configuration.
    ///
    /// # Errors
    /// When a name or value is wrong.
    pub(crate) fn new(values: &BTreeMap<String, String>) -> Result<Self, Error> {
        let mut properties = Self::default();
        for (name, value) in values {
            properties.set(name, value)?;
        }
        Ok(properties)
    }

    /// Sets a property. ksqlDB's names for stream properties (`ksql.streams.auto.offset.reset`) are known too.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let known = Self::known(name)?;
        let mut changed = self.clone();
        changed.values.insert(known.clone(), value.to_owned());
        // Values are read here, so that a wrong one is refused by SET and not by a later query.
        changed.start_at()?;
        changed.commit_interval()?;
        changed.row_errors()?;
        changed.guarantee()?;
        changed.aggregate_limits()?;
        changed.state_ttl_ms()?;
        if known == name && PROPERTIES.iter().all(|property| property.name != name) {
            tracing::warn!("property {name} is accepted for ksqlDB's scripts and has no effect");
        }
        *self = changed;
        Ok(())
    }

    pub(crate) fn unset(&mut self, name: &str) -> Result<(), Error> {
        let known = Self::known(name)?;
        self.values.remove(&known);
        Ok(())
    }

    fn known(name: &str) -> Result<String, Error> {
        let plain = name.strip_prefix("ksql.streams.").unwrap_or(name);
        let names = || PROPERTIES.iter().map(|property| property.name);
        if let Some(known) = names().find(|known| *known == plain || *known == name) {
            return Ok(known.to_owned());
        }
        if IGNORED_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
            return Ok(name.to_owned());
        }
        let error = Error::user("unknown-property", format!("there is no property `{name}`"));
        Err(match nearest(name, names()) {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None => error.help("SHOW PROPERTIES lists them"),
        })
    }

    /// The value of a known property.
    pub(crate) fn get(&self, name: &str) -> &str {
        let default = || {
            PROPERTIES
                .iter()
                .find(|property| property.name == name)
                .map_or("", |p| p.default)
        };
        self.values.get(name).map_or_else(default, String::as_str)
    }

    /// Whether a property was set.
    pub(crate) fn is_set(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    pub(crate) fn start_at(&self) -> Result<StartAt, Error> {
        match self.get("auto.offset.reset").to_lowercase().as_str() {
            "earliest" => Ok(StartAt::Earliest),
            "latest" => Ok(StartAt::Latest),
            _ => Err(self.wrong("auto.offset.reset", "earliest or latest")),
        }
    }

    pub(crate) fn commit_interval(&self) -> Result<Duration, Error> {
        let value = self.get("commit.interval.ms");
        let ms: u64 = value
            .parse()
            .map_err(|_| self.wrong("commit.interval.ms", "a number of milliseconds"))?;
        Ok(Duration::from_millis(ms))
    }

    /// What queries promise (Kafka Streams: `processing.guarantee`, whose older names are understood).
    pub(crate) fn guarantee(&self) -> Result<Guarantee, Error> {
        match self.get(GUARANTEE).to_lowercase().as_str() {
            "exactly_once" | "exactly_once_v2" | "exactly_once_beta" => Ok(Guarantee::ExactlyOnce),
            "at_least_once" => Ok(Guarantee::AtLeastOnce),
            _ => Err(self.wrong(GUARANTEE, "exactly_once or at_least_once")),
        }
    }

    pub(crate) fn row_errors(&self) -> Result<RowErrorPolicy, Error> {
        match self.get("row.error.policy").to_lowercase().as_str() {
            "null" => Ok(RowErrorPolicy::Null),
            "skip" => Ok(RowErrorPolicy::Skip),
            "fail" => Ok(RowErrorPolicy::Fail),
            _ => Err(self.wrong("row.error.policy", "null, skip or fail")),
        }
    }

    /// The time to live of keys in milliseconds of event time, where they have one.
    pub(crate) fn state_ttl_ms(&self) -> Result<Option<i64>, Error> {
        match self.get(STATE_TTL) {
            "" => Ok(None),
            text => match durations::parse(text) {
                Ok(ms) if ms > 0 => Ok(Some(ms)),
                _ => Err(self.wrong(STATE_TTL, "a length of time such as `7 DAYS`")),
            },
        }
    }

    pub(crate) fn aggregate_limits(&self) -> Result<AggregateLimits, Error> {
        let limit = |name| match self.get(name).parse::<i64>() {
            Ok(limit) => Ok(usize::try_from(limit).unwrap_or(usize::MAX)),
            Err(_) => Err(self.wrong(name, "a number of values")),
        };
        Ok(AggregateLimits {
            collect_list: limit(COLLECT_LIST_LIMIT)?,
            collect_set: limit(COLLECT_SET_LIMIT)?,
        })
    }

    fn wrong(&self, name: &str, expected: &str) -> Error {
        Error::user(
            "wrong-property-value",
            format!("{name} is {expected}, not `{}`", self.get(name)),
        )
    }
}
