//! CREATE STREAM, TABLE, TOPIC and TYPE, and DROP: what changes the catalog without a query.

use std::collections::{BTreeMap, BTreeSet};

use super::storage::{Formats, Options, storage};
use super::{Engine, Error, Outcome, Session, rules};
use crate::catalog::{BadRecordPolicy, Definition, EventTimeColumn};
use crate::connector::registry::{self, ConnectorSpec, Payload};
use crate::connector::{NewTopic, TopicInfo};
use crate::format::{self, Format};
use crate::sql::ast::{ColumnDef, DropKind, IfExists, Name, SourceKind, Span, Statement, TypeExpr, WithOptions};
use crate::sql::types::resolve;
use crate::types::schema::{Column, ColumnRole, ROWOFFSET, ROWPARTITION, ROWTIME, SqlType, WINDOWEND, WINDOWSTART};

/// Partitions of a topic that a query makes, where neither WITH nor its source says a number.
pub(crate) const DEFAULT_PARTITIONS: i32 = 1;

/// What WITH says of a topic that may have to be made.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TopicWish {
    pub(crate) partitions: Option<i32>,
    pub(crate) replicas: Option<i16>,
    pub(crate) retention_ms: Option<i64>,
    /// `cleanup.policy`; `None`: the broker's default, which is `delete`.
    cleanup: Option<&'static str>,
}

impl TopicWish {
    pub(crate) fn take(options: &mut Options<'_>) -> Result<Self, Error> {
        Ok(Self {
            partitions: options.count("PARTITIONS")?,
            replicas: options.count("REPLICAS")?,
            retention_ms: options.count("RETENTION_MS")?,
            cleanup: None,
        })
    }

    /// As ksqlDB makes topics: of a table the last record of each key is kept for ever; of a table of windows, whose keys never come back,
    /// for as long as the topic keeps records.
    pub(crate) fn of(self, definition: &Definition) -> Self {
        let windowed = definition.storage.key_window.is_some();
        Self {
            cleanup: match definition.kind {
                SourceKind::Stream => None,
                SourceKind::Table if windowed => Some("compact,delete"),
                SourceKind::Table => Some("compact"),
            },
            ..self
        }
    }

    fn new_topic(self, name: &str, partitions: i32) -> NewTopic {
        let retention = self.retention_ms.map(|ms| ("retention.ms".to_owned(), ms.to_string()));
        let cleanup = self
            .cleanup
            .map(|policy| ("cleanup.policy".to_owned(), policy.to_owned()));
        NewTopic {
            name: name.to_owned(),
            partitions,
            replicas: self.replicas,
            config: retention.into_iter().chain(cleanup).collect(),
        }
    }
}

impl Engine {
    pub(crate) fn create_source(
        &self,
        session: &mut Session,
        statement: &Statement,
        text: &str,
    ) -> Result<Outcome, Error> {
        let Statement::CreateSource {
            kind,
            name,
            if_exists,
            read_only,
            ..
        } = statement
        else {
            return Err(Error::not_supported(statement));
        };
        rules::check_replaced(session, *kind, name, *if_exists, *read_only)?;
        if let Some(done) = exists(session, *kind, name, *if_exists)? {
            return Ok(done);
        }
        let (definition, wish) = self.declaration(session, statement, text)?;
        if let Some(wish) = wish {
            self.ensure_topic(&definition.storage.topic, wish.of(&definition), name.span)?;
        }
        if let BadRecordPolicy::DeadLetter(topic) = &definition.bad_records {
            self.make_topic(topic, TopicWish::default(), DEFAULT_PARTITIONS)?;
        }
        session.catalog.put_source(definition);
        Ok(created(*kind, name, None))
    }

    /// What CREATE STREAM or TABLE declares, checked, with what it says of its topic, where it has one. Makes nothing.
    pub(crate) fn declaration(
        &self,
        session: &Session,
        statement: &Statement,
        text: &str,
    ) -> Result<(Definition, Option<TopicWish>), Error> {
        let Statement::CreateSource {
            kind,
            name,
            read_only,
            columns,
            with,
            ..
        } = statement
        else {
            return Err(Error::not_supported(statement));
        };
        let columns = resolve_columns(session, *kind, columns)?;
        rules::check_header_types(&columns, name)?;
        rules::check_key_types(&columns, name)?;
        let mut options = Options::new(with);
        let wrapping = rules::wrapping(&options);
        let connector = options.text("CONNECTOR").map(|name| name.to_lowercase());
        let event_time = options.event_time(&session.properties)?;
        let bad_records = options.bad_records()?;
        let topic = options.text("KAFKA_TOPIC").unwrap_or_else(|| name.value.clone());
        let definition = |storage| Definition {
            name: name.value.clone(),
            kind: *kind,
            columns: columns.clone(),
            storage,
            event_time: event_time.as_ref().map(|(event_time, _)| event_time.clone()),
            bad_records: bad_records.clone(),
            read_only: *read_only,
            statement: text.to_owned(),
        };
        if let Some((event_time, span)) = &event_time {
            check_event_time(event_time, &columns, *span)?;
        }
        match connector {
            Some(connector) => {
                let storage = self.connector_storage(session, topic, connector, &columns, options, None)?;
                Ok((definition(storage), None))
            }
            None => {
                let formats = options.formats(None, &session.properties)?;
                let wish = TopicWish::take(&mut options)?;
                let key_window = options.key_window()?;
                options.rest(None)?;
                let mut definition = definition(storage(topic, None, BTreeMap::new(), formats));
                definition.storage.key_window = key_window;
                check_formats(&definition)?;
                rules::check_wrapping(wrapping.as_deref(), &definition)?;
                rules::check_window(&definition, name)?;
                Ok((definition, Some(wish)))
            }
        }
    }

    /// Storage outside of the topic log. The connector checks its own options.
    pub(crate) fn connector_storage(
        &self,
        session: &Session,
        topic: String,
        connector: String,
        columns: &[Column],
        mut options: Options<'_>,
        inherited: Option<&Formats>,
    ) -> Result<crate::catalog::Storage, Error> {
        // A format that only the connector knows (PARQUET) stays among its options.
        let named = ["VALUE_FORMAT", "FORMAT"].iter().find_map(|name| options.peek(name));
        let own_format = named.as_ref().is_some_and(|name| Format::from_name(name).is_err());
        let formats = if own_format {
            Options::new(&WithOptions::default()).formats(inherited, &session.properties)?
        } else {
            options.formats(inherited, &session.properties)?
        };
        let options = options.rest(Some(&connector))?;
        let spec = ConnectorSpec {
            connector: connector.clone(),
            topic: topic.clone(),
            columns: columns.to_vec(),
            options: options.clone(),
            value_format: (named.is_some() && !own_format).then(|| formats.value.clone()),
        };
        let mut storage = storage(topic, Some(connector), options, formats);
        if let Payload::Values(format) = registry::check(&spec)? {
            storage.value_format = format;
        }
        Ok(storage)
    }

    pub(crate) fn create_topic(&self, name: &Name, if_exists: IfExists, with: &WithOptions) -> Result<Outcome, Error> {
        let mut options = Options::new(with);
        let wish = TopicWish::take(&mut options)?;
        options.rest(None)?;
        if self.topics.log().describe(&name.value)?.is_some() {
            if if_exists == IfExists::Keep {
                return Ok(Outcome::Message(format!("topic {} exists already", name.value)));
            }
            return Err(
                Error::user("topic-exists", format!("topic `{}` exists already", name.value))
                    .at(name.span)
                    .help("CREATE TOPIC IF NOT EXISTS keeps it"),
            );
        }
        let partitions = wish.partitions.unwrap_or(DEFAULT_PARTITIONS);
        self.topics.log().create(&wish.new_topic(&name.value, partitions))?;
        Ok(Outcome::Message(format!("topic {} created", name.value)))
    }

    /// The topic of a declared stream: it must exist, or the statement must say how many partitions to make.
    fn ensure_topic(&self, topic: &str, wish: TopicWish, place: Span) -> Result<TopicInfo, Error> {
        if let Some(info) = self.topics.log().describe(topic)? {
            if let Some(wanted) = wish.partitions.filter(|wanted| *wanted != info.partitions) {
                return Err(Error::user(
                    "topic-partitions",
                    format!("topic `{topic}` has {} partitions, not {wanted}", info.partitions),
                )
                .at(place)
                .help("leave PARTITIONS out, or use another topic"));
            }
            return Ok(info);
        }
        match wish.partitions {
            Some(partitions) => self.make_topic(topic, wish, partitions),
            // An embedded topic cannot have been made by anybody else.
            None if self.topics.embedded().is_some() => self.make_topic(topic, wish, DEFAULT_PARTITIONS),
            None => Err(Error::user("unknown-topic", format!("topic `{topic}` does not exist"))
                .at(place)
                .help("add PARTITIONS = n to WITH to make it, or check KAFKA_TOPIC")),
        }
    }

    /// Makes a topic unless it is there.
    pub(crate) fn make_topic(&self, topic: &str, wish: TopicWish, partitions: i32) -> Result<TopicInfo, Error> {
        if let Some(info) = self.topics.log().describe(topic)? {
            return Ok(info);
        }
        let new = wish.new_topic(topic, wish.partitions.unwrap_or(partitions));
        self.topics.log().create(&new)?;
        Ok(TopicInfo {
            name: new.name,
            partitions: new.partitions,
            replicas: new.replicas.unwrap_or(1),
        })
    }

    pub(crate) fn drop_object(
        &self,
        session: &mut Session,
        kind: DropKind,
        name: &Name,
        if_exists: bool,
        delete_topic: bool,
    ) -> Result<Outcome, Error> {
        let missing = |what: &str| {
            if if_exists {
                Ok(Outcome::Message(format!("there is no {what} {}", name.value)))
            } else {
                Err(Error::user("unknown-source", format!("there is no {what} `{}`", name.value)).at(name.span))
            }
        };
        match kind {
            DropKind::Type => {
                if session.catalog.remove_type(&name.value) {
                    Ok(Outcome::Message(format!("type {} dropped", name.value)))
                } else {
                    missing("type")
                }
            }
            DropKind::Topic => {
                if self.topics.log().describe(&name.value)?.is_none() {
                    return missing("topic");
                }
                self.topics.log().delete(&name.value)?;
                Ok(Outcome::Message(format!("topic {} deleted", name.value)))
            }
            DropKind::Function => self.drop_function(session, name, if_exists),
            DropKind::Source(kind) => match session.catalog.source(&name.value).cloned() {
                None => missing(kind_word(kind)),
                Some(definition) if definition.kind != kind => Err(Error::user(
                    "wrong-kind",
                    format!(
                        "`{}` is a {}, not a {}",
                        name.value,
                        kind_word(definition.kind),
                        kind_word(kind)
                    ),
                )
                .at(name.span)),
                Some(definition) => self.drop_source(session, &definition, name, delete_topic),
            },
        }
    }

    fn drop_source(
        &self,
        session: &mut Session,
        definition: &Definition,
        name: &Name,
        delete_topic: bool,
    ) -> Result<Outcome, Error> {
        rules::check_dropped(definition, name, delete_topic)?;
        let users = session.queries.values().filter(|query| {
            let info = &query.info;
            let reads = info.sources.contains(&definition.name);
            let inserts = info.sink.as_ref() == Some(&definition.name) && !info.creates_sink;
            !query.pipeline.state().is_over() && (reads || inserts)
        });
        let waiting = session.waiting.values().filter(|waiting| {
            let inserts = waiting.sink == definition.name && !waiting.creates_sink;
            inserts || waiting.sources.contains(&definition.name)
        });
        let users = users.map(|query| query.info.id.as_str());
        let users: Vec<&str> = users.chain(waiting.map(|waiting| waiting.info.id.as_str())).collect();
        if !users.is_empty() {
            return Err(Error::user(
                "source-in-use",
                format!("`{}` is used by {}", name.value, users.join(", ")),
            )
            .at(name.span)
            .help(format!("TERMINATE {} first", users[0])));
        }
        let makers: Vec<String> = session
            .queries
            .values()
            .filter(|query| query.info.sink.as_ref() == Some(&definition.name))
            .map(|query| query.info.id.clone())
            .chain(
                (session.waiting.values())
                    .filter(|waiting| waiting.sink == definition.name)
                    .map(|waiting| waiting.info.id.clone()),
            )
            .collect();
        for id in makers {
            self.end_query(session, &id)?;
        }
        session.catalog.remove_source(&definition.name);
        if delete_topic && definition.storage.connector.is_none() {
            self.topics.log().delete(&definition.storage.topic)?;
        }
        Ok(Outcome::Message(format!(
            "{} {} dropped",
            kind_word(definition.kind),
            name.value
        )))
    }
}

pub(crate) fn create_type(
    session: &mut Session,
    name: &Name,
    if_exists: IfExists,
    written: &TypeExpr,
) -> Result<Outcome, Error> {
    if session.catalog.custom_type(&name.value).is_some() && if_exists != IfExists::Replace {
        if if_exists == IfExists::Keep {
            return Ok(Outcome::Message(format!("type {} exists already", name.value)));
        }
        return Err(Error::user("type-exists", format!("type `{}` exists already", name.value)).at(name.span));
    }
    let sql_type = resolve_type(session, written)?;
    session.catalog.put_type(name.value.clone(), sql_type);
    Ok(Outcome::Message(format!("type {} created", name.value)))
}

/// Whether a new stream or table may take its name; the outcome where IF NOT EXISTS leaves nothing to do.
pub(crate) fn exists(
    session: &Session,
    kind: SourceKind,
    name: &Name,
    if_exists: IfExists,
) -> Result<Option<Outcome>, Error> {
    let Some(old) = session.catalog.source(&name.value) else {
        return Ok(None);
    };
    match if_exists {
        IfExists::Keep => Ok(Some(Outcome::Message(format!(
            "{} {} exists already",
            kind_word(old.kind),
            name.value
        )))),
        IfExists::Fail => Err(Error::user(
            "source-exists",
            format!("a {} `{}` exists already", kind_word(old.kind), name.value),
        )
        .at(name.span)
        .help(format!(
            "DROP {} {} first, or write IF NOT EXISTS",
            kind_word(old.kind).to_uppercase(),
            name.value
        ))),
        IfExists::Replace if old.kind != kind => Err(Error::user(
            "wrong-kind",
            format!(
                "`{}` is a {}, not a {}",
                name.value,
                kind_word(old.kind),
                kind_word(kind)
            ),
        )
        .at(name.span)),
        IfExists::Replace => {
            let used = session.queries.values().find(|query| {
                let info = &query.info;
                !query.pipeline.state().is_over()
                    && (info.sources.contains(&old.name) || info.sink.as_ref() == Some(&old.name))
            });
            match used {
                None => Ok(None),
                Some(query) => Err(Error::user(
                    "source-in-use",
                    format!("`{}` is used by the running query {}", name.value, query.info.id),
                )
                .at(name.span)
                .help(format!("TERMINATE {} first", query.info.id))),
            }
        }
    }
}

pub(crate) fn created(kind: SourceKind, name: &Name, query: Option<&str>) -> Outcome {
    let by = query.map_or_else(String::new, |id| format!(" by query {id}"));
    Outcome::Message(format!("{} {} created{by}", kind_word(kind), name.value))
}

pub(crate) fn kind_word(kind: SourceKind) -> &'static str {
    match kind {
        SourceKind::Stream => "stream",
        SourceKind::Table => "table",
    }
}

pub(crate) fn resolve_type(session: &Session, written: &TypeExpr) -> Result<SqlType, Error> {
    let known = || session.catalog.custom_types().map(|(name, _)| name.as_str()).collect();
    Ok(resolve(
        written,
        &|name| session.catalog.custom_type(name).cloned(),
        &known,
    )?)
}

fn resolve_columns(session: &Session, kind: SourceKind, columns: &[ColumnDef]) -> Result<Vec<Column>, Error> {
    let mut seen = BTreeSet::new();
    let mut resolved = Vec::with_capacity(columns.len());
    for column in columns {
        let name = &column.name;
        if [ROWTIME, ROWPARTITION, ROWOFFSET, WINDOWSTART, WINDOWEND].contains(&name.value.as_str()) {
            return Err(Error::user(
                "reserved-column",
                format!("`{}` is a pseudo-column that every row has", name.value),
            )
            .at(name.span)
            .help("use another name"));
        }
        if !seen.insert(name.value.as_str()) {
            return Err(
                Error::user("duplicate-column", format!("column `{}` is there twice", name.value)).at(name.span),
            );
        }
        if column.role == ColumnRole::Key && column.primary != (kind == SourceKind::Table) {
            let (have, want) = match kind {
                SourceKind::Table => ("a table has a PRIMARY KEY, not a KEY", "write PRIMARY KEY"),
                SourceKind::Stream => ("a stream has a KEY, not a PRIMARY KEY", "write KEY, or CREATE TABLE"),
            };
            return Err(Error::user("wrong-key", have).at(name.span).help(want));
        }
        resolved.push(Column {
            name: name.value.clone(),
            sql_type: resolve_type(session, &column.type_expr)?,
            role: column.role.clone(),
        });
    }
    if kind == SourceKind::Table && resolved.iter().all(|column| column.role != ColumnRole::Key) {
        return Err(
            Error::user("no-primary-key", "a table needs a PRIMARY KEY").help("mark a column: id BIGINT PRIMARY KEY")
        );
    }
    if resolved.is_empty() {
        return Err(
            Error::user("no-columns", "no columns are declared").help("list them: (id BIGINT KEY, name STRING)")
        );
    }
    Ok(resolved)
}

pub(crate) fn check_event_time(event_time: &EventTimeColumn, columns: &[Column], span: Span) -> Result<(), Error> {
    let Some(column) = columns.iter().find(|column| column.name == event_time.column) else {
        let error = Error::user(
            "unknown-column",
            format!("the TIMESTAMP column `{}` is not declared", event_time.column),
        )
        .at(span);
        return Err(
            match crate::catalog::nearest(&event_time.column, columns.iter().map(|c| c.name.as_str())) {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None => error,
            },
        );
    };
    match (&column.sql_type, &event_time.pattern) {
        (SqlType::Bigint | SqlType::Timestamp, None) => Ok(()),
        (SqlType::String, Some(pattern)) => crate::function::java_time::JavaFormat::parse_pattern(pattern)
            .map(|_| ())
            .map_err(|error| Error::user("timestamp-format", error.to_string()).at(span)),
        (SqlType::String, None) => Err(Error::user(
            "timestamp-format",
            format!("the TIMESTAMP column `{}` is a STRING", column.name),
        )
        .at(span)
        .help("add TIMESTAMP_FORMAT = 'pattern'")),
        (SqlType::Bigint | SqlType::Timestamp, Some(_)) => Err(Error::user(
            "timestamp-format",
            format!(
                "TIMESTAMP_FORMAT is for a STRING column, but `{}` is {}",
                column.name, column.sql_type
            ),
        )
        .at(span)
        .help("leave TIMESTAMP_FORMAT out")),
        (other, _) => Err(Error::user(
            "timestamp-column-type",
            format!(
                "the TIMESTAMP column `{}` is {other}; it must be BIGINT, TIMESTAMP or STRING",
                column.name
            ),
        )
        .at(span)),
    }
}

/// Whether the formats can carry the columns, said when the stream is declared and not when it is first read.
pub(crate) fn check_formats(definition: &Definition) -> Result<(), Error> {
    let part = |role: ColumnRole| -> Vec<Column> {
        definition
            .columns
            .iter()
            .filter(|column| column.role == role)
            .cloned()
            .collect()
    };
    for (columns, spec, what) in [
        (part(ColumnRole::Key), &definition.storage.key_format, "KEY_FORMAT"),
        (
            part(ColumnRole::Value),
            &definition.storage.value_format,
            "VALUE_FORMAT",
        ),
    ] {
        let all: Vec<usize> = (0..columns.len()).collect();
        if !columns.is_empty() {
            format::decoder(spec, &columns, &all)
                .map_err(|unsupported| Error::user("format-columns", format!("{what}: {unsupported}")))?;
        }
    }
    Ok(())
}
