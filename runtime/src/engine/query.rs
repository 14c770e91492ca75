//! Queries: CREATE ... AS SELECT, INSERT INTO ... SELECT, SELECT, TERMINATE.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::create::{DEFAULT_PARTITIONS, TopicWish, check_event_time, check_formats, created, exists, kind_word};
use super::durable::DurableQuery;
use super::durable_name::{Naming, check_durable_name, next_insert};
use super::held::Held;
use super::insert::writable;
use super::opening::Opening;
use super::result::{check_emit, check_kind, hidden_columns, inherited_formats, result_columns};
use super::storage::{Formats, Options, storage};
use super::{Engine, Error, Outcome, PushQuery, QueryStart, Session, ShownAs, replace, rules};
use crate::catalog::{BadRecordPolicy, Definition, Storage};
use crate::connector::registry::{self, ConnectorSpec, ShardOf, Writing};
use crate::connector::{Sink, StopAt, Transactions};
use crate::exec::{self, NullKeys, Parts, Pipeline, ShardSink, State, change_channel};
use crate::plan::{self, Dataflow, Distribution, NodeKind, PlannedQuery, Purpose};
use crate::sql::ast::{Emit, Name, Query, SourceKind, Statement, WithOptions};
use crate::state::{Location, MemoryBackend};
use crate::types::limits::{ENDED_QUERIES_MAX, FILE_COMMIT_INTERVAL};
use crate::types::schema::{Column, ColumnRole};
use crate::udf::{Registry, UsedFunction};

/// What a query is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryKind {
    /// It writes to a stream or table.
    Persistent,
    /// A SELECT with EMIT CHANGES.
    Push,
    /// A SELECT over what there is now.
    Pull,
}

/// What is known of a query without looking at its run.
#[derive(Debug, Clone)]
pub struct QueryInfo {
    /// Its name.
    pub id: String,
    /// What it is for.
    pub kind: QueryKind,
    /// Its text.
    pub statement: String,
    /// Its dataflow as text.
    pub plan: String,
    /// Its dataflow.
    pub dataflow: Arc<Dataflow>,
    /// The functions of plugins that its plan names, as they were when it was planned.
    pub functions: Vec<UsedFunction>,
    /// Streams and tables that it reads.
    pub sources: Vec<String>,
    /// The stream or table that it writes to.
    pub sink: Option<String>,
    /// It made its sink (CREATE ... AS), so they are dropped together.
    pub creates_sink: bool,
    /// The name of its state, its consumer groups and its transactions. It follows from the sink, so that statements before it do not change it.
    pub durable: String,
}

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
        if replaced.is_none()
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
        if let Some(id) = &replaced {
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
        self.start_maker(session, definition, planned, text, (name, replaced))
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
        let prefix = match kind {
            SourceKind::Stream => "CSAS",
            SourceKind::Table => "CTAS",
        };
        let durable = format!("{prefix}_{}", name.value);
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

    pub(crate) fn insert_select(
        &self,
        session: &mut Session,
        target: &Name,
        with: &WithOptions,
        query: &Query,
        text: &str,
    ) -> Result<Outcome, Error> {
        let definition = Arc::clone(writable(session, target)?);
        let named = named_id(session, with)?;
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
            Some(id) => (id.clone(), id),
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
        check_durable_name(session, &durable)?;
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
                (Pipeline::start(query.parts()?, &self.pool)?, None, Some(query))
            }
            QueryStart::Held => {
                let held = Held::new(&planned.dataflow);
                let opening = self.opening(session, &info)?;
                let sinks = sinks.open(&opening, definition, self.config.workers, None, Writing::Anew)?;
                let parts = self.parts(session, &info, planned.dataflow, sinks, StopAt::CurrentEnd)?;
                (Pipeline::hold(parts)?, Some(held), None)
            }
        };
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

    pub(crate) fn shard_sink(&self, definition: &Definition, shard: ShardOf) -> Result<ShardSink, Error> {
        let sink = match definition.storage.connector {
            Some(_) => registry::open_sink(&ConnectorSpec::from(definition), shard, Writing::Anew)?,
            None => Sink::Records(self.topics.log().sink(&definition.storage.topic)?),
        };
        Ok(ShardSink::new(definition, sink)?)
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

/// Whether a sink has one output, to which all rows are gathered then, and whether it has epochs.
fn gather_for_sink(dataflow: &mut Dataflow, definition: &Definition) -> Result<(bool, bool), Error> {
    let Some(connector) = &definition.storage.connector else {
        return Ok((false, false));
    };
    let connector = registry::find(connector)?;
    if connector.has_one_output() {
        gather(dataflow);
    }
    Ok((connector.has_one_output(), connector.has_epochs()))
}

/// One file however many workers: all rows go to the first shard, the others write nothing.
fn gather(dataflow: &mut Dataflow) {
    let schema = Arc::clone(&dataflow.root().schema);
    let last = dataflow.nodes.len() - 1;
    let gather = dataflow.add(
        NodeKind::Exchange(Distribution::Single),
        vec![last],
        Arc::clone(&schema),
    );
    dataflow.add(NodeKind::Union, vec![gather], schema);
}

/// How the shards of a query write.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShardSinks {
    /// One file however many shards: all rows go to the first, the others write nothing.
    one_writer: bool,
    null_keys: NullKeys,
    carries_headers: bool,
}

impl ShardSinks {
    /// Opens the sinks of all shards.
    pub(crate) fn open(
        self,
        opening: &Opening,
        definition: &Definition,
        shards: usize,
        transactions: Option<&dyn Transactions>,
        writing: Writing,
    ) -> Result<Vec<ShardSink>, exec::Error> {
        (0..shards)
            .map(|index| {
                let shard = match self.one_writer {
                    true if index > 0 => return Ok(ShardSink::Columns(Box::new(change_channel().0))),
                    true => ShardOf { index: 0, count: 1 },
                    false => ShardOf { index, count: shards },
                };
                let sink = match definition.storage.connector {
                    Some(_) => registry::open_sink(&ConnectorSpec::from(definition), shard, writing)?,
                    None => Sink::Records(opening.record_sink(transactions, &definition.storage.topic)?),
                };
                let sink = ShardSink::new(definition, sink)?.with_null_keys(self.null_keys);
                Ok(if self.carries_headers {
                    sink.with_headers()
                } else {
                    sink
                })
            })
            .collect()
    }
}

pub(crate) fn query_info(
    id: String,
    kind: QueryKind,
    text: &str,
    dataflow: &Dataflow,
    sink: Option<String>,
) -> QueryInfo {
    QueryInfo {
        kind,
        statement: text.to_owned(),
        plan: plan::explain(dataflow),
        functions: Vec::new(),
        dataflow: Arc::new(dataflow.clone()),
        sources: dataflow.scans().map(|(_, scan)| scan.definition.name.clone()).collect(),
        sink,
        creates_sink: false,
        durable: id.clone(),
        id,
    }
}

/// The functions of plugins that a plan names.
pub(crate) fn functions_of(plan: &str, registry: &Registry) -> Vec<UsedFunction> {
    let plan = plan.to_lowercase();
    registry.used(&|info| {
        let call = format!("{}(", info.name.to_lowercase());
        let mut places = plan.match_indices(&call);
        // Not the end of a longer name.
        places.any(|(at, _)| !plan[..at].ends_with(|c: char| c == '_' || c.is_alphanumeric()))
    })
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

/// The name that `WITH (QUERY_ID = ...)` gives a query, in capitals as in ksqlDB.
fn named_id(session: &Session, with: &WithOptions) -> Result<Option<String>, Error> {
    let mut options = Options::new(with);
    let given = options.spanned("QUERY_ID");
    options.rest(None)?;
    let Some((id, span)) = given else {
        return Ok(None);
    };
    let id = id.to_uppercase();
    if id.is_empty() || !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        let message = format!("QUERY_ID is letters, digits and `_`, not `{id}`");
        return Err(Error::user("wrong-option-value", message).at(span));
    }
    if session.queries.contains_key(&id) {
        return Err(Error::user("query-exists", format!("there is a query `{id}` already"))
            .at(span)
            .help(format!("TERMINATE {id} first, or choose another name")));
    }
    Ok(Some(id))
}

/// Names that people see count up over the session. One that QUERY_ID has given away is passed over. What outlives the process goes by
/// [`QueryInfo::durable`].
pub(crate) fn next_id(session: &mut Session, prefix: &str) -> String {
    loop {
        session.next_query += 1;
        let id = format!("{prefix}_{}", session.next_query);
        if !session.queries.contains_key(&id) {
            return id;
        }
    }
}
