//! `WITH (...)` to the storage of a stream or table.

use std::collections::BTreeMap;

use super::{Error, Properties};
use crate::catalog::{BadRecordPolicy, EventTimeColumn, Storage, nearest};
use crate::format::{Format, FormatSpec};
use crate::plan::Dataflow;
use crate::sql::ast::{OptionValue, Span, WithOptions};
use crate::sql::durations;
use crate::types::storage::KeyWindow;

/// The property that says what becomes of rows without an event time.
const THROW_ON_INVALID: &str = "ksql.timestamp.throw.on.invalid";

/// Options of WITH that belong to the engine; all others are the connector's.
const OPTIONS: &[&str] = &[
    "BAD_RECORDS",
    "CONNECTOR",
    "DEAD_LETTER_TOPIC",
    "FORMAT",
    "KAFKA_TOPIC",
    "KEY_DELIMITER",
    "KEY_FORMAT",
    "PARTITIONS",
    "REPLICAS",
    "RETENTION_MS",
    "STATE_TTL",
    "TIMESTAMP",
    "TIMESTAMP_FORMAT",
    "VALUE_DELIMITER",
    "VALUE_FORMAT",
    "WINDOW_SIZE",
    "WINDOW_TYPE",
    "WRAP_SINGLE_VALUE",
];

/// WITH options that are read one by one, so that what is left over is unknown.
#[derive(Debug)]
pub(crate) struct Options<'a> {
    left: BTreeMap<&'a str, (&'a OptionValue, Span)>,
}

/// How keys and values are encoded, where something says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Formats {
    pub(crate) key: FormatSpec,
    pub(crate) value: FormatSpec,
}

impl Formats {
    /// What a result with or without a key inherits of its source: a source without a key (NONE) has no format to give to one
    /// (ksqlDB: `DefaultFormatInjector`).
    pub(crate) fn for_key(self, has_key: bool, properties: &Properties) -> Result<Self, Error> {
        if !has_key || self.key.format != Format::None {
            return Ok(self);
        }
        let default = Options::new(&WithOptions::default()).formats(None, properties)?;
        Ok(Self {
            key: default.key,
            ..self
        })
    }
}

impl<'a> Options<'a> {
    pub(crate) fn new(with: &'a WithOptions) -> Self {
        let left = with
            .options
            .iter()
            .map(|(name, (value, span))| (name.as_str(), (value, *span)));
        Self { left: left.collect() }
    }

    /// Takes an option as text.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        self.left.remove(name).map(|(value, _)| value.text())
    }

    /// An option as text, left in place.
    pub(crate) fn peek(&self, name: &str) -> Option<String> {
        self.left.get(name).map(|(value, _)| value.text())
    }

    /// Takes an option as text, with its place.
    pub(crate) fn spanned(&mut self, name: &str) -> Option<(String, Span)> {
        self.left.remove(name).map(|(value, span)| (value.text(), span))
    }

    /// Takes an option as a number of at least 1.
    pub(crate) fn count<T: TryFrom<i64>>(&mut self, name: &str) -> Result<Option<T>, Error> {
        let Some((text, span)) = self.spanned(name) else {
            return Ok(None);
        };
        let number = text.parse::<i64>().ok().filter(|number| *number >= 1);
        match number.and_then(|number| T::try_from(number).ok()) {
            Some(number) => Ok(Some(number)),
            None => Err(Error::user(
                "wrong-option-value",
                format!("{name} is a number from 1 on, not `{text}`"),
            )
            .at(span)),
        }
    }

    /// Takes STATE_TTL, which says how long the state of a key stays, and gives it to the query.
    pub(crate) fn state_ttl(&mut self, dataflow: &mut Dataflow) -> Result<(), Error> {
        let Some((text, span)) = self.spanned("STATE_TTL") else {
            return Ok(());
        };
        let ttl_ms = durations::parse(&text).map_err(|found| {
            let error = Error::user("state-ttl", format!("STATE_TTL is a length of time, not `{text}`")).at(span);
            match found.help {
                Some(help) => error.help(help),
                None => error,
            }
        })?;
        if ttl_ms == 0 {
            return Err(Error::user("state-ttl", "STATE_TTL is a length of time of more than 0").at(span));
        }
        dataflow.state_ttl_ms = Some(ttl_ms);
        if (0..dataflow.nodes.len()).all(|id| dataflow.ttl_ms(id).is_none()) {
            return Err(Error::user(
                "state-ttl-unused",
                "STATE_TTL has no effect: the query keeps no state by the keys of a stream that no window ends",
            )
            .at(span)
            .help("leave STATE_TTL out"));
        }
        Ok(())
    }

    fn boolean(&mut self, name: &str) -> Result<Option<bool>, Error> {
        let Some((text, span)) = self.spanned(name) else {
            return Ok(None);
        };
        match text.to_lowercase().as_str() {
            "true" => Ok(Some(true)),
            "false" => Ok(Some(false)),
            _ => Err(Error::user("wrong-option-value", format!("{name} is true or false, not `{text}`")).at(span)),
        }
    }

    fn delimiter(&mut self, name: &str) -> Result<Option<u8>, Error> {
        let Some((text, span)) = self.spanned(name) else {
            return Ok(None);
        };
        match text.as_str() {
            "TAB" => Ok(Some(b'\t')),
            "SPACE" => Ok(Some(b' ')),
            one if one.len() == 1 => Ok(Some(one.as_bytes()[0])),
            _ => Err(Error::user(
                "wrong-option-value",
                format!("{name} is one ASCII character, 'TAB' or 'SPACE', not `{text}`"),
            )
            .at(span)),
        }
    }

    fn format(&mut self, name: &str) -> Result<Option<Format>, Error> {
        let Some((text, span)) = self.spanned(name) else {
            return Ok(None);
        };
        match Format::from_name(&text) {
            Ok(format) => Ok(Some(format)),
            Err(unsupported) => Err(Error::user("unknown-format", unsupported.0).at(span)),
        }
    }

    /// Takes the formats: WITH first, then what is inherited from the source of a query, then the session's defaults.
    pub(crate) fn formats(&mut self, inherited: Option<&Formats>, properties: &Properties) -> Result<Formats, Error> {
        let both = self.left.get("FORMAT").map(|(_, span)| *span);
        for name in ["KEY_FORMAT", "VALUE_FORMAT"] {
            if let (Some(_), Some((_, span))) = (both, self.left.get(name)) {
                return Err(Error::user(
                    "format-twice",
                    format!("FORMAT stands for both formats, so {name} cannot be set"),
                )
                .at(*span)
                .help("leave FORMAT out and set KEY_FORMAT and VALUE_FORMAT"));
            }
        }
        let both = self.format("FORMAT")?;
        let default = |name: &str| {
            Format::from_name(properties.get(name)).map_err(|unsupported| Error::user("unknown-format", unsupported.0))
        };
        let key = self.format("KEY_FORMAT")?.or(both);
        let value = self.format("VALUE_FORMAT")?.or(both);
        let key_delimiter = self.delimiter("KEY_DELIMITER")?;
        let value_delimiter = self.delimiter("VALUE_DELIMITER")?;
        let wrap = self.boolean("WRAP_SINGLE_VALUE")?;
        let delimiter = |given: Option<u8>, own: Option<Format>, inherited: Option<&FormatSpec>| {
            // A delimiter is inherited with its format only.
            let from = inherited.filter(|spec| own.is_none_or(|own| own == spec.format));
            given.or(from.map(|spec| spec.delimiter)).unwrap_or(b',')
        };
        let inherited_key = inherited.map(|formats| &formats.key);
        let inherited_value = inherited.map(|formats| &formats.value);
        Ok(Formats {
            key: FormatSpec {
                format: match key.or(inherited_key.map(|spec| spec.format)) {
                    Some(format) => format,
                    None => default("ksql.persistence.default.format.key")?,
                },
                delimiter: delimiter(key_delimiter, key, inherited_key),
                wrap_single: false,
            },
            value: FormatSpec {
                format: match value.or(inherited_value.map(|spec| spec.format)) {
                    Some(format) => format,
                    None => default("ksql.persistence.default.format.value")?,
                },
                delimiter: delimiter(value_delimiter, value, inherited_value),
                wrap_single: wrap.unwrap_or(properties.get("ksql.persistence.wrap.single.values") != "false"),
            },
        })
    }

    /// Takes TIMESTAMP and TIMESTAMP_FORMAT.
    pub(crate) fn event_time(&mut self, properties: &Properties) -> Result<Option<(EventTimeColumn, Span)>, Error> {
        let column = self.spanned("TIMESTAMP");
        let pattern = self.spanned("TIMESTAMP_FORMAT");
        match (column, pattern) {
            (None, None) => Ok(None),
            (None, Some((_, span))) => Err(
                Error::user("timestamp-format-alone", "TIMESTAMP_FORMAT needs TIMESTAMP")
                    .at(span)
                    .help("add TIMESTAMP = 'column'"),
            ),
            (Some((column, span)), pattern) => {
                let folded = match column.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')) {
                    Some(quoted) => quoted.to_owned(),
                    None => column.to_uppercase(),
                };
                Ok(Some((
                    EventTimeColumn {
                        column: folded,
                        pattern: pattern.map(|(pattern, _)| pattern),
                        fails: properties.get(THROW_ON_INVALID).eq_ignore_ascii_case("true"),
                    },
                    span,
                )))
            }
        }
    }

    /// Takes WINDOW_TYPE and WINDOW_SIZE, which say that keys hold a window.
    pub(crate) fn key_window(&mut self) -> Result<Option<KeyWindow>, Error> {
        let size = self.spanned("WINDOW_SIZE");
        let Some((kind, span)) = self.spanned("WINDOW_TYPE") else {
            return match size {
                None => Ok(None),
                Some((_, span)) => Err(Error::user("window-size-alone", "WINDOW_SIZE needs WINDOW_TYPE")
                    .at(span)
                    .help("add WINDOW_TYPE = 'TUMBLING' or 'HOPPING'")),
            };
        };
        match (kind.to_uppercase().as_str(), size) {
            ("SESSION", None) => Ok(Some(KeyWindow::Session)),
            ("SESSION", Some((_, span))) => Err(Error::user(
                "window-size",
                "WINDOW_SIZE has no meaning for sessions, whose sizes differ",
            )
            .at(span)),
            ("TUMBLING" | "HOPPING", Some((text, span))) => match durations::parse(&text) {
                Ok(size_ms) if size_ms > 0 => Ok(Some(KeyWindow::Time { size_ms })),
                _ => Err(
                    Error::user("window-size", format!("WINDOW_SIZE is a length of time, not `{text}`"))
                        .at(span)
                        .help("write a number and a unit: '10 SECONDS'"),
                ),
            },
            ("TUMBLING" | "HOPPING", None) => Err(Error::user(
                "window-size",
                format!("WINDOW_TYPE = '{kind}' needs WINDOW_SIZE, which the keys do not hold"),
            )
            .at(span)
            .help("add WINDOW_SIZE = '10 SECONDS'")),
            _ => Err(Error::user(
                "wrong-option-value",
                format!("WINDOW_TYPE is TUMBLING, HOPPING or SESSION, not `{kind}`"),
            )
            .at(span)),
        }
    }

    /// Takes BAD_RECORDS and DEAD_LETTER_TOPIC.
    pub(crate) fn bad_records(&mut self) -> Result<BadRecordPolicy, Error> {
        let topic = self.spanned("DEAD_LETTER_TOPIC");
        let policy = self
            .spanned("BAD_RECORDS")
            .map(|(text, span)| (text.to_lowercase(), span));
        match (policy.as_ref().map(|(text, span)| (text.as_str(), *span)), topic) {
            (None | Some(("skip", _)), None) => Ok(BadRecordPolicy::Skip),
            (Some(("fail", _)), None) => Ok(BadRecordPolicy::Fail),
            (None | Some(("dead_letter", _)), Some((topic, _))) => Ok(BadRecordPolicy::DeadLetter(topic)),
            (Some(("dead_letter", span)), None) => Err(Error::user(
                "dead-letter-without-topic",
                "BAD_RECORDS = 'dead_letter' needs a topic",
            )
            .at(span)
            .help("add DEAD_LETTER_TOPIC = 'name'")),
            (Some((other @ ("skip" | "fail"), span)), Some(_)) => Err(Error::user(
                "dead-letter-unused",
                format!("BAD_RECORDS = '{other}' writes no dead letters"),
            )
            .at(span)
            .help("leave DEAD_LETTER_TOPIC out, or set BAD_RECORDS = 'dead_letter'")),
            (Some((other, span)), _) => Err(Error::user(
                "wrong-option-value",
                format!("BAD_RECORDS is skip, fail or dead_letter, not `{other}`"),
            )
            .at(span)),
        }
    }

    /// What is left: the connector's options, or a mistake.
    pub(crate) fn rest(self, connector: Option<&str>) -> Result<BTreeMap<String, String>, Error> {
        if connector.is_none()
            && let Some((name, (_, span))) = self.left.iter().next()
        {
            let error = Error::user("unknown-option", format!("there is no option {name}")).at(*span);
            return Err(match nearest(name, OPTIONS.iter().copied()) {
                Some(near) => error.help(format!("did you mean {near}?")),
                None => error.help(format!("the options are {}", OPTIONS.join(", "))),
            });
        }
        Ok(self
            .left
            .into_iter()
            .map(|(name, (value, _))| (name.to_owned(), value.text()))
            .collect())
    }
}

/// The storage of a stream whose formats are settled.
pub(crate) fn storage(
    topic: String,
    connector: Option<String>,
    options: BTreeMap<String, String>,
    formats: Formats,
) -> Storage {
    Storage {
        topic,
        keys_in_value: connector.is_some(),
        key_window: None,
        connector,
        options,
        key_format: formats.key,
        value_format: formats.value,
    }
}
