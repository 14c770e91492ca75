//! Queries: CREATE ... AS SELECT, INSERT INTO ... SELECT, SELECT, TERMINATE.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::create::{DEFAULT_PARTITIONS, TopicWish, check_event_time, check_formats, created, exists, kind_word};
use super::durable::DurableQuery;
use super::durable_name::{Naming, check_durable_name, durable_of_maker, named_id, next_id, next_insert};
use super::held::Held;
use super::insert::writable;
use super::query_info::{functions_of, query_info};
use super::result::{check_emit, check_kind, hidden_columns, inherited_formats, result_columns};
use super::shard_sinks::{ShardSinks, gather_for_sink};
use super::storage::{Formats, Options, storage};
use super::{
    Engine, Error, Outcome, PushQuery, QueryInfo, QueryKind, QueryStart, Session, ShownAs, replace, rules, waiting,
};
use crate::catalog::{BadRecordPolicy, Definition, Storage};
use crate::connector::StopAt;
use crate::connector::registry::Writing;
use crate::exec::{NullKeys, Parts, Pipeline, ShardSink, State, change_channel};
use crate::plan::{self, Dataflow, PlannedQuery, Purpose};
use crate::sql::ast::{Emit, Name, Query, SourceKind, Statement};
use crate::state::{Location, MemoryBackend};
use crate::types::limits::{ENDED_QUERIES_MAX, FILE_COMMIT_INTERVAL};
use crate::types::schema::{Column, ColumnRole};

/// A query and its run.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) info: QueryInfo,
    pub(crate) pipeline: Arc<Pipeline>,
    /// Its number in the order of creation.
    pub(crate) number: u64,
    /// What it will read, while it is held back.
    pub(crate) held: Option<Held>,
    /// How it was opened, and can be again.
    pub(crate) opened: Option<Arc<DurableQuery>>,
}

impl Engine {
    pub(crate) fn create_as(&self, session: &mut Session, statement: &Statement, text: &str) -> Result<Outcome, Error> {
        let Statement::CreateAs {
            kind,
            name,
            if_exists,
            with,
            query,
        } = statement
        else {
            return Err(Error::not_supported(statement));
        };
        rules::check_replaced(session, *kind, name, *if_exists, false)?;
        let replaced = replace::replaced(session, *kind, name, *if_exists);
        let waits = waiting::waiting_maker(session, *kind, name, *if_exists);
        if replaced.is_none()
            && waits.is_none()
            && let Some(done) = exists(session, *kind, name, *if_exists)?
        {
            return Ok(done);
        }
        let (mut planned, columns) = self.plan_result(session, *kind, name, query)?;
        let mut options = Options::new(with);
        options.state_ttl(&mut planned.dataflow)?;
        let wrapping = rules::wrapping(&options);
        let connector = options.text("CONNECTOR").map(|connector| connector.to_lowercase());
        let event_time = options.event_time(&session.properties)?;
        if let Some((event_time, span)) = &event_time {
            check_event_time(event_time, &columns, *span)?;
        }
        let prefix = session.properties.get("ksql.output.topic.name.prefix");
        let topic = options
            .text("KAFKA_TOPIC")
            .unwrap_or_else(|| format!("{prefix}{}", name.value));
        let inherited = inherited_formats(&planned.dataflow);
        let (storage, wish) = self.result_storage(session, &topic, connector, &columns, options, inherited)?;
        let definition = Definition {
            name: name.value.clone(),
            kind: *kind,
            columns,
            storage: Storage {
                key_window: planned.window,
                ..storage
            },
            event_time: event_time.map(|(event_time, _)| event_time),
            bad_records: BadRecordPolicy::Skip,
            read_only: false,
            statement: text.to_owned(),
        };
        if let Some(id) = replaced.as_ref().or(waits.as_ref()) {
            replace::check_result(session, id, &definition, name)?;
        }
        if let Some(wish) = wish {
            check_formats(&definition)?;
            rules::check_wrapping(wrapping.as_deref(), &definition)?;
            let partitions = self.source_partitions(&planned.dataflow)?;
            self.make_topic(&topic, wish.of(&definition), partitions)?;
        }
        let hidden = hidden_columns(&planned);
        plan::align_to(&mut planned.dataflow, &definition.columns, hidden)?;
        if let Some(event_time) = &definition.event_time {
            plan::set_event_time(&mut planned.dataflow, event_time);
        }
        if let Some(id) = &replaced {
            replace::check_dataflow(session, id, &planned.dataflow, name)?;
        }
        match waits {
            Some(id) => self.start_waiting_maker(session, definition, planned, text, (name, id)),
            None => self.start_maker(session, definition, planned, text, (name, replaced)),
        }
    }

    /// Starts the query that makes a stream or table, which has waited until now under the name `id`.
    fn start_waiting_maker(
        &self,
        session: &mut Session,
        definition: Definition,
        planned: PlannedQuery,
        text: &str,
        (name, id): (&Name, String),
    ) -> Result<Outcome, Error> {
        let naming = Naming {
            durable: durable_of_maker(definition.kind, &definition.name),
            creates_sink: true,
            memory: MemoryBackend::default(),
            id: id.clone(),
        };
        self.start_persistent(session, naming, &definition, planned, text)?;
        let outcome = created(definition.kind, name, Some(&id));
        session.catalog.put_source(definition);
        Ok(outcome)
    }

    /// Starts the query that makes a stream or table, in place of the one of the name `replaced`.
    fn start_maker(
        &self,
        session: &mut Session,
        definition: Definition,
        planned: PlannedQuery,
        text: &str,
        (name, replaced): (&Name, Option<String>),
    ) -> Result<Outcome, Error> {
        let kind = definition.kind;
        let durable = durable_of_maker(kind, &name.value);
        let mut naming = Naming {
            id: String::new(),
            durable: durable.clone(),
            creates_sink: true,
            memory: MemoryBackend::default(),
        };
        let Some(replaced) = replaced else {
            naming.id = next_id(session, &durable);
            let id = naming.id.clone();
            self.start_persistent(session, naming, &definition, planned, text)?;
            session.catalog.put_source(definition);
            return Ok(created(kind, name, Some(&id)));
        };
        naming.id.clone_from(&replaced);
        let old = Self::hand_over(session, &replaced)?;
        if let Some(memory) = old.as_ref().and_then(|(old, _)| old.opened.as_ref()?.memory.clone()) {
            naming.memory = memory;
        }
        if let Err(error) = self.start_persistent(session, naming, &definition, planned, text) {
            if let Some((old, before)) = old {
                self.take_back(session, old, &before);
            }
            return Err(error);
        }
        if let (Some((_, State::Paused)), Some(new)) = (&old, session.queries.get(&replaced)) {
            new.pipeline.pause();
        }
        session.catalog.put_source(definition);
        let word = kind_word(kind);
        Ok(Outcome::Message(format!(
            "{word} {} replaced: query {replaced} goes on where it was",
            name.value
        )))
    }

    /// Where the result of a query is stored, and the topic that has to be made for it.
    fn result_storage(
        &self,
        session: &Session,
        topic: &str,
        connector: Option<String>,
        columns: &[Column],
        mut options: Options<'_>,
        inherited: Option<Formats>,
    ) -> Result<(Storage, Option<TopicWish>), Error> {
        if let Some(connector) = connector {
            let storage = self.connector_storage(
                session,
                topic.to_owned(),
                connector,
                columns,
                options,
                inherited.as_ref(),
            )?;
            return Ok((storage, None));
        }
        let has_key = columns.iter().any(|column| column.role == ColumnRole::Key);
        let inherited = inherited
            .map(|formats| formats.for_key(has_key, &session.properties))
            .transpose()?;
        let formats = options.formats(inherited.as_ref(), &session.properties)?;
        let wish = TopicWish::take(&mut options)?;
        options.rest(None)?;
        Ok((storage(topic.to_owned(), None, BTreeMap::new(), formats), Some(wish)))
    }

    /// The plan of a query that makes a stream or table, and the columns of that, in the order in which the plan gives them.
    fn plan_result(
        &self,
        session: &Session,
        kind: SourceKind,
        name: &Name,
        query: &Query,
    ) -> Result<(PlannedQuery, Vec<Column>), Error> {
        check_emit(query)?;
        let mut planned = self.planner(session).plan(query, Purpose::Persistent)?;
        check_kind(kind, planned.kind, name)?;
        let hidden = hidden_columns(&planned);
        let (mut order, columns): (Vec<usize>, Vec<Column>) = result_columns(&planned, name)?.into_iter().unzip();
        rules::check_result(&planned, &columns, name)?;
        order.extend(order.len()..order.len() + hidden);
        plan::reorder(&mut planned.dataflow, &order);
        Ok((planned, columns))
    }

    /// INSERT INTO ... SELECT; `waits` are the names that the query has if it is one that has waited until now.
    pub(crate) fn insert_select(
        &self,
        session: &mut Session,
        statement: &Statement,
        text: &str,
        waits: Option<(String, String)>,
    ) -> Result<Outcome, Error> {
        let Statement::InsertSelect { target, with, query } = statement else {
            return Err(Error::not_supported(statement));
        };
        let definition = Arc::clone(writable(session, target)?);
        let named = match waits {
            Some(own) => Some(own),
            None => named_id(session, with)?.map(|id| (id.clone(), id)),
        };
        if definition.kind == SourceKind::Table {
            return Err(Error::user(
                "insert-into-table",
                format!(
                    "`{}` is a table; INSERT INTO ... SELECT writes to streams",
                    target.value
                ),
            )
            .at(target.span));
        }
        check_emit(query)?;
        let mut planned = self.planner(session).plan(query, Purpose::Persistent)?;
        if planned.kind == SourceKind::Table {
            return Err(Error::user(
                "insert-from-table",
                format!(
                    "the query gives a table, whose changes cannot be inserted into the stream `{}`",
                    target.value
                ),
            )
            .at(target.span)
            .help("CREATE TABLE ... AS SELECT keeps a table"));
        }
        let columns: Vec<Column> = definition.writable_columns().cloned().collect();
        let hidden = hidden_columns(&planned);
        plan::align_to(&mut planned.dataflow, &columns, hidden)?;
        let (id, durable) = match named {
            Some(named) => named,
            None => (next_id(session, "INSERTQUERY"), next_insert(session, &definition.name)),
        };
        let naming = Naming {
            id: id.clone(),
            durable,
            creates_sink: false,
            memory: MemoryBackend::default(),
        };
        self.start_persistent(session, naming, &definition, planned, text)?;
        Ok(Outcome::Message(format!("rows go to {} by query {id}", target.value)))
    }

    pub(crate) fn select(&self, session: &mut Session, query: &Query, text: &str) -> Result<Outcome, Error> {
        check_emit(query)?;
        if query.emit == Emit::Unsaid {
            return self.pull(session, query, text);
        }
        let planned = self.planner(session).plan(query, Purpose::Transient)?;
        let id = next_id(session, "PUSH");
        let (sender, receiver) = change_channel();
        let schema = Arc::clone(&planned.dataflow.root().schema);
        let shown = ShownAs::of(&planned);
        let sinks = (0..self.config.workers)
            .map(|_| ShardSink::Columns(Box::new(sender.clone())))
            .collect();
        let mut info = query_info(id.clone(), QueryKind::Push, text, &planned.dataflow, None);
        info.functions = functions_of(&info.plan, &session.registry);
        let mut parts = self.parts(session, &info, planned.dataflow, sinks, StopAt::Never)?;
        parts.gate = Some(sender);
        let pipeline = self.start_transient(session, info, parts)?;
        Ok(Outcome::Query(PushQuery {
            id,
            kind: QueryKind::Push,
            schema,
            shown,
            changes: receiver,
            pipeline,
        }))
    }

    /// Starts a query whose results are only shown.
    pub(crate) fn start_transient(
        &self,
        session: &mut Session,
        info: QueryInfo,
        parts: Parts,
    ) -> Result<Arc<Pipeline>, Error> {
        let pipeline = Pipeline::start(parts, &self.pool)?;
        let running = Running {
            pipeline: Arc::clone(&pipeline),
            number: session.next_query,
            held: None,
            opened: None,
            info,
        };
        forget_ended(session);
        session.queries.insert(running.info.id.clone(), running);
        Ok(pipeline)
    }

    fn start_persistent(
        &self,
        session: &mut Session,
        naming: Naming,
        definition: &Definition,
        mut planned: PlannedQuery,
        text: &str,
    ) -> Result<(), Error> {
        let Naming {
            id,
            durable,
            creates_sink,
            memory,
        } = naming;
        check_durable_name(session, &id, &durable)?;
        let carries_headers = definition.storage.connector.is_none() && plan::carry_headers(&mut planned.dataflow);
        let (one_writer, has_epochs) = gather_for_sink(&mut planned.dataflow, definition)?;
        let mut info = query_info(
            id.clone(),
            QueryKind::Persistent,
            text,
            &planned.dataflow,
            Some(definition.name.clone()),
        );
        info.functions = functions_of(&info.plan, &session.registry);
        info.creates_sink = creates_sink;
        info.durable = durable;
        let null_keys = if planned.is_partitioned {
            NullKeys::Written
        } else {
            NullKeys::NoKey
        };
        let sinks = ShardSinks {
            one_writer,
            null_keys,
            carries_headers,
        };
        let (pipeline, held, opened) = match self.config.queries {
            QueryStart::AtOnce => {
                let state = self.state_of(&planned.dataflow, definition);
                let mut opening = self.opening(session, &info)?;
                if state.is_some() && has_epochs && !session.properties.is_set("commit.interval.ms") {
                    opening.commit_interval = FILE_COMMIT_INTERVAL;
                }
                let query = Arc::new(DurableQuery {
                    opening,
                    dataflow: planned.dataflow,
                    definition: Arc::new(definition.clone()),
                    sinks,
                    guarantee: session.properties.guarantee()?,
                    state,
                    statement: text.to_owned(),
                    memory: self.topics.embedded().is_some().then_some(memory),
                });
                let pipeline = Pipeline::start(query.parts()?, &self.pool)?;
                query.remember(&info);
                (pipeline, None, Some(query))
            }
            QueryStart::Held => {
                let held = Held::new(&planned.dataflow);
                let opening = self.opening(session, &info)?;
                let sinks = sinks.open(&opening, definition, self.config.workers, None, Writing::Anew)?;
                let parts = self.parts(session, &info, planned.dataflow, sinks, StopAt::CurrentEnd)?;
                (Pipeline::hold(parts)?, Some(held), None)
            }
        };
        session.waiting.remove(&id);
        session.queries.insert(
            id,
            Running {
                info,
                pipeline,
                number: session.next_query,
                held,
                opened,
            },
        );
        Ok(())
    }

    /// Below which the state of a query is kept, where it is.
    fn state_of(&self, dataflow: &Dataflow, definition: &Definition) -> Option<Location> {
        let is_topic = |definition: &Definition| definition.storage.connector.is_none();
        let uses_topics = is_topic(definition) || dataflow.scans().any(|(_, scan)| is_topic(&scan.definition));
        self.config.state_location(uses_topics)
    }

    /// Partitions of the first topic that a query reads, which its own topic gets too.
    fn source_partitions(&self, dataflow: &Dataflow) -> Result<i32, Error> {
        for (_, scan) in dataflow.scans() {
            if scan.definition.storage.connector.is_none()
                && let Some(info) = self.topics.log().describe(&scan.definition.storage.topic)?
            {
                return Ok(info.partitions);
            }
        }
        Ok(DEFAULT_PARTITIONS)
    }
}

/// Lets go of the oldest queries that have shown all of their results; those that failed stay to be looked at.
fn forget_ended(session: &mut Session) {
    let is_done = |running: &&Running| {
        running.info.kind != QueryKind::Persistent
            && matches!(running.pipeline.state(), State::Finished | State::Stopped)
    };
    let mut ended: Vec<(u64, String)> = session
        .queries
        .values()
        .filter(is_done)
        .map(|running| (running.number, running.info.id.clone()))
        .collect();
    ended.sort_unstable();
    let surplus = ended.len().saturating_sub(ENDED_QUERIES_MAX);
    for (_, id) in ended.into_iter().take(surplus) {
        session.queries.remove(&id);
    }
}
