//! Queries: CREATE ... AS SELECT, INSERT INTO ... SELECT, SELECT, TERMINATE.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::create::{DEFAULT_PARTITIONS, TopicWish, check_event_time, check_formats, created, exists};
use super::held::Held;
use super::insert::writable;
use super::result::{check_emit, check_kind, hidden_columns, inherited_formats, result_columns};
use super::storage::{Formats, Options, storage};
use super::{Engine, Error, Outcome, PushQuery, QueryStart, Session, ShownAs, rules};
use crate::catalog::{BadRecordPolicy, Definition, Storage};
use crate::connector::registry::{self, ConnectorSpec, Opening, ShardOf};
use crate::connector::{ReadOptions, Sink, Source, StartAt, StopAt};
use crate::exec::{
    LateLetters, NullKeys, Options as ExecOptions, Parts, Pipeline, ScanParts, ShardSink, State, change_channel,
};
use crate::operator::{LateRowPolicy, LateRows, RowErrors};
use crate::plan::{self, Dataflow, Distribution, NodeKind, PlannedQuery, Purpose, Scan};
use crate::sql::ast::{Emit, Name, Query, SourceKind, Statement, WithOptions};
use crate::types::limits::ENDED_QUERIES_MAX;
use crate::types::schema::{Column, ColumnRole};

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
    /// Streams and tables that it reads.
    pub sources: Vec<String>,
    /// The stream or table that it writes to.
    pub sink: Option<String>,
    /// It made its sink (CREATE ... AS), so they are dropped together.
    pub creates_sink: bool,
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
        if let Some(done) = exists(session, *kind, name, *if_exists)? {
            return Ok(done);
        }
        let (mut planned, columns) = self.plan_result(session, *kind, name, query)?;
        let mut options = Options::new(with);
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
        let prefix = match kind {
            SourceKind::Stream => "CSAS",
            SourceKind::Table => "CTAS",
        };
        let id = next_id(session, &format!("{prefix}_{}", name.value));
        self.start_persistent(session, id.clone(), &definition, planned, text, true)?;
        session.catalog.put_source(definition);
        Ok(created(*kind, name, Some(&id)))
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
        let id = named.unwrap_or_else(|| next_id(session, "INSERTQUERY"));
        self.start_persistent(session, id.clone(), &definition, planned, text, false)?;
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
        let info = query_info(id.clone(), QueryKind::Push, text, &planned.dataflow, None);
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
            info,
        };
        forget_ended(session);
        session.queries.insert(running.info.id.clone(), running);
        Ok(pipeline)
    }

    fn start_persistent(
        &self,
        session: &mut Session,
        id: String,
        definition: &Definition,
        mut planned: PlannedQuery,
        text: &str,
        creates_sink: bool,
    ) -> Result<(), Error> {
        let carries_headers = definition.storage.connector.is_none() && plan::carry_headers(&mut planned.dataflow);
        let one_writer = match &definition.storage.connector {
            Some(connector) => registry::find(connector)?.has_one_output(),
            None => false,
        };
        if one_writer {
            // One file however many workers: all rows go to the first shard, the others write nothing.
            let schema = Arc::clone(&planned.dataflow.root().schema);
            let last = planned.dataflow.nodes.len() - 1;
            let gather = planned.dataflow.add(
                NodeKind::Exchange(Distribution::Single),
                vec![last],
                Arc::clone(&schema),
            );
            planned.dataflow.add(NodeKind::Union, vec![gather], schema);
        }
        let mut info = query_info(
            id.clone(),
            QueryKind::Persistent,
            text,
            &planned.dataflow,
            Some(definition.name.clone()),
        );
        info.creates_sink = creates_sink;
        let null_keys = if planned.is_partitioned {
            NullKeys::Written
        } else {
            NullKeys::NoKey
        };
        let sinks = (0..self.config.workers)
            .map(|index| match (one_writer, index) {
                (true, 1..) => Ok(ShardSink::Columns(Box::new(change_channel().0))),
                (true, 0) => self.shard_sink(definition, ShardOf { index: 0, count: 1 }),
                (false, _) => self.shard_sink(
                    definition,
                    ShardOf {
                        index,
                        count: self.config.workers,
                    },
                ),
            })
            .map(|sink| {
                let sink = sink?.with_null_keys(null_keys);
                Ok(if carries_headers { sink.with_headers() } else { sink })
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let (pipeline, held) = match self.config.queries {
            QueryStart::AtOnce => {
                let parts = self.parts(session, &info, planned.dataflow, sinks, StopAt::Never)?;
                (Pipeline::start(parts, &self.pool)?, None)
            }
            QueryStart::Held => {
                let held = Held::new(&planned.dataflow);
                let parts = self.parts(session, &info, planned.dataflow, sinks, StopAt::CurrentEnd)?;
                (Pipeline::hold(parts)?, Some(held))
            }
        };
        session.queries.insert(
            id,
            Running {
                info,
                pipeline,
                number: session.next_query,
                held,
            },
        );
        Ok(())
    }

    pub(crate) fn shard_sink(&self, definition: &Definition, shard: ShardOf) -> Result<ShardSink, Error> {
        let sink = match definition.storage.connector {
            Some(_) => registry::open_sink(&ConnectorSpec::from(definition), shard)?,
            None => Sink::Records(self.topics.log().sink(&definition.storage.topic)?),
        };
        Ok(ShardSink::new(definition, sink)?)
    }

    pub(crate) fn parts(
        &self,
        session: &Session,
        info: &QueryInfo,
        dataflow: Dataflow,
        sinks: Vec<ShardSink>,
        stop_at: StopAt,
    ) -> Result<Parts, Error> {
        let looks_ahead = dataflow.looks_ahead();
        let mut sources = BTreeMap::new();
        for (number, (node, scan)) in dataflow.scans().enumerate() {
            let source = self.source(session, info, number, scan, stop_at)?;
            let dead_letters = match &scan.definition.bad_records {
                BadRecordPolicy::DeadLetter(topic) => (0..self.config.workers)
                    .map(|_| self.topics.log().sink(topic))
                    .collect::<Result<Vec<_>, _>>()?,
                BadRecordPolicy::Fail | BadRecordPolicy::Skip => vec![],
            };
            sources.insert(node, (source, ScanParts { dead_letters }));
        }
        let late_topic = session.properties.get("late.rows.topic");
        let (late_policy, late_letters) = if late_topic.is_empty() {
            (LateRowPolicy::Count, None)
        } else {
            self.make_topic(late_topic, TopicWish::default(), DEFAULT_PARTITIONS)?;
            let sink = self.topics.log().sink(late_topic)?;
            (LateRowPolicy::Keep, Some(LateLetters::new(info.id.clone(), sink)))
        };
        Ok(Parts {
            id: info.id.clone(),
            dataflow,
            sources,
            sinks,
            epilogue: None,
            gate: None,
            late_rows: Arc::new(LateRows::new(info.id.clone(), late_policy)),
            late_letters,
            row_errors: Arc::new(RowErrors::new(info.id.clone(), session.properties.row_errors()?)),
            options: ExecOptions {
                shards: self.config.workers,
                step_rows: self.config.step_rows,
                commit_interval: session.properties.commit_interval()?,
                commits_offsets: info.kind == QueryKind::Persistent,
                closes_windows: stop_at == StopAt::Never || looks_ahead,
            },
        })
    }

    pub(crate) fn source(
        &self,
        session: &Session,
        info: &QueryInfo,
        number: usize,
        scan: &Scan,
        stop_at: StopAt,
    ) -> Result<Box<dyn Source>, Error> {
        let definition = &scan.definition;
        let is_header = |column: &Column| matches!(column.role, ColumnRole::Headers | ColumnRole::Header(_));
        let keeps_letters = matches!(definition.bad_records, BadRecordPolicy::DeadLetter(_));
        let read = ReadOptions {
            // A query that reads one topic twice needs all of it twice, so each scan is a group of its own.
            group: match (info.kind, number) {
                (QueryKind::Pull, _) => String::new(),
                // Two people who run one SELECT both see all of it.
                (QueryKind::Push, number) => {
                    format!(
                        "{}-{}-{number}-{:016x}",
                        self.config.application_id,
                        info.id,
                        rand::random::<u64>()
                    )
                }
                (_, 0) => format!("{}-{}", self.config.application_id, info.id),
                (_, number) => format!("{}-{}-{number}", self.config.application_id, info.id),
            },
            start_at: if info.kind == QueryKind::Pull {
                StartAt::Earliest
            } else {
                session.properties.start_at()?
            },
            next_offsets: BTreeMap::new(),
            stop_at,
            headers: scan.headers || keeps_letters || definition.columns.iter().any(is_header),
        };
        Ok(match &definition.storage.connector {
            None => self.topics.log().source(&definition.storage.topic, &read)?,
            Some(_) => registry::open_source(
                &ConnectorSpec::from(&**definition),
                Opening {
                    read: &read,
                    clock: &self.clock,
                    next_offsets: &BTreeMap::new(),
                },
            )?,
        })
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

pub(crate) fn query_info(
    id: String,
    kind: QueryKind,
    text: &str,
    dataflow: &Dataflow,
    sink: Option<String>,
) -> QueryInfo {
    QueryInfo {
        id,
        kind,
        statement: text.to_owned(),
        plan: plan::explain(dataflow),
        dataflow: Arc::new(dataflow.clone()),
        sources: dataflow.scans().map(|(_, scan)| scan.definition.name.clone()).collect(),
        sink,
        creates_sink: false,
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

/// Names count up over the session, so that a script gives the same names, and consumer groups, on every run. One that QUERY_ID
/// has given away is passed over.
pub(crate) fn next_id(session: &mut Session, prefix: &str) -> String {
    loop {
        session.next_query += 1;
        let id = format!("{prefix}_{}", session.next_query);
        if !session.queries.contains_key(&id) {
            return id;
        }
    }
}
