//! Opens all that a query reads, with what it needs for that; owned, so that a query can be opened again when it begins anew.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::create::{DEFAULT_PARTITIONS, TopicWish};
use super::{Engine, Error, QueryInfo, QueryKind, Session, Topics};
use crate::catalog::BadRecordPolicy;
use crate::connector::registry::{self, ConnectorSpec, Opening as ConnectorOpening};
use crate::connector::{ReadOptions, RecordSink, Source, StartAt, StopAt, Transactions};
use crate::exec::{self, Durability, LateLetters, Options as ExecOptions, Parts, ScanParts, ShardSink, StepRows};
use crate::operator::{LateRowPolicy, LateRows, RowErrors};
use crate::plan::{Dataflow, Scan};
use crate::state::{MemoryBackend, Store};
use crate::types::Clock;
use crate::types::schema::{Column, ColumnRole};

/// What opening a query takes.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) topics: Topics,
    clock: Arc<dyn Clock>,
    pub(crate) application_id: String,
    workers: usize,
    step_rows: StepRows,
    reborn_operators: bool,
    pub(crate) id: String,
    pub(crate) durable: String,
    kind: QueryKind,
    start_at: StartAt,
    pub(crate) commit_interval: Duration,
    pub(crate) late_topic: Option<String>,
    late_rows: Arc<LateRows>,
    row_errors: Arc<RowErrors>,
}

impl Engine {
    /// Settles with the session's properties how a query is opened.
    pub(crate) fn opening(&self, session: &Session, info: &QueryInfo) -> Result<Opening, Error> {
        let late_topic = session.properties.get("late.rows.topic");
        let late_topic = (!late_topic.is_empty()).then(|| late_topic.to_owned());
        if let Some(topic) = &late_topic {
            self.make_topic(topic, TopicWish::default(), DEFAULT_PARTITIONS)?;
        }
        let late_policy = match late_topic {
            Some(_) => LateRowPolicy::Keep,
            None => LateRowPolicy::Count,
        };
        Ok(Opening {
            topics: self.topics.clone(),
            clock: Arc::clone(&self.clock),
            application_id: self.config.application_id.clone(),
            workers: self.config.workers,
            step_rows: self.config.step_rows,
            reborn_operators: self.config.reborn_operators,
            id: info.id.clone(),
            durable: info.durable.clone(),
            kind: info.kind,
            start_at: if info.kind == QueryKind::Pull {
                StartAt::Earliest
            } else {
                session.properties.start_at()?
            },
            commit_interval: session.properties.commit_interval()?,
            late_topic,
            late_rows: Arc::new(LateRows::new(info.id.clone(), late_policy)),
            row_errors: Arc::new(RowErrors::new(info.id.clone(), session.properties.row_errors()?)),
        })
    }

    /// The parts of a query of which nothing outlives the process.
    pub(crate) fn parts(
        &self,
        session: &Session,
        info: &QueryInfo,
        dataflow: Dataflow,
        sinks: Vec<ShardSink>,
        stop_at: StopAt,
    ) -> Result<Parts, Error> {
        let opening = self.opening(session, info)?;
        let shards = self.config.workers;
        Ok(opening.parts(dataflow, sinks, stop_at, shards, Durability::default())?)
    }
}

impl Opening {
    /// Where queries start that have no committed offset.
    pub(crate) fn starts_at_the_beginning(&self) -> bool {
        self.start_at == StartAt::Earliest
    }

    /// Shards where no state says otherwise.
    pub(crate) fn workers(&self) -> usize {
        self.workers
    }

    /// The consumer group of the scan of this number. A query that reads one topic twice needs all of it twice, so each scan is a group of its own.
    pub(crate) fn group(&self, number: usize) -> String {
        match (self.kind, number) {
            (QueryKind::Pull, _) => String::new(),
            // Two people who run one SELECT both see all of it.
            (QueryKind::Push, number) => {
                format!(
                    "{}-{}-{number}-{:016x}",
                    self.application_id,
                    self.id,
                    rand::random::<u64>()
                )
            }
            (QueryKind::Persistent, number) => group_of(&self.application_id, &self.durable, number),
        }
    }

    /// All parts: sources where `durability` says that they go on, sinks as given.
    pub(crate) fn parts(
        &self,
        dataflow: Dataflow,
        sinks: Vec<ShardSink>,
        stop_at: StopAt,
        shards: usize,
        mut durability: Durability,
    ) -> Result<Parts, exec::Error> {
        if self.reborn_operators && durability.store.is_none() {
            durability.store = Some(Store::in_memory(&MemoryBackend::default())?);
        }
        let looks_ahead = dataflow.looks_ahead();
        let mut sources = BTreeMap::new();
        let transactions = durability.transactions.as_deref();
        // Its transactions or its state belong to one process.
        let is_alone = self.kind == QueryKind::Persistent && (transactions.is_some() || durability.store.is_some());
        let sink_to = |topic: &str| self.record_sink(transactions, topic);
        for (number, (node, scan)) in dataflow.scans().enumerate() {
            let source = self.source(number, scan, stop_at, (from(&durability, node), is_alone))?;
            let dead_letters = match &scan.definition.bad_records {
                BadRecordPolicy::DeadLetter(topic) => {
                    (0..shards).map(|_| sink_to(topic)).collect::<Result<Vec<_>, _>>()?
                }
                BadRecordPolicy::Fail | BadRecordPolicy::Skip => vec![],
            };
            sources.insert(node, (source, ScanParts { dead_letters }));
        }
        let late_letters = match &self.late_topic {
            Some(topic) => Some(LateLetters::new(self.id.clone(), sink_to(topic)?)),
            None => None,
        };
        Ok(Parts {
            id: self.id.clone(),
            dataflow,
            sources,
            sinks,
            epilogue: None,
            gate: None,
            late_rows: Arc::clone(&self.late_rows),
            late_letters,
            row_errors: Arc::clone(&self.row_errors),
            durability,
            rebuild: None,
            options: ExecOptions {
                shards,
                step_rows: self.step_rows,
                commit_interval: self.commit_interval,
                reborn_operators: self.reborn_operators,
                closes_windows: stop_at == StopAt::Never || looks_ahead,
            },
        })
    }

    /// A sink of a topic, within the query's transactions where it has any.
    pub(crate) fn record_sink(
        &self,
        transactions: Option<&dyn Transactions>,
        topic: &str,
    ) -> Result<Box<dyn RecordSink>, exec::Error> {
        Ok(match transactions {
            Some(transactions) => transactions.sink(topic)?,
            None => self.topics.log().sink(topic)?,
        })
    }

    /// Opens the scan of this number; on partitions of `next_offsets` it goes on there. `is_alone`: no other process reads for the same query.
    pub(crate) fn source(
        &self,
        number: usize,
        scan: &Scan,
        stop_at: StopAt,
        (next_offsets, is_alone): (BTreeMap<i32, i64>, bool),
    ) -> Result<Box<dyn Source>, exec::Error> {
        let definition = &scan.definition;
        let is_header = |column: &Column| matches!(column.role, ColumnRole::Headers | ColumnRole::Header(_));
        let keeps_letters = matches!(definition.bad_records, BadRecordPolicy::DeadLetter(_));
        let read = ReadOptions {
            is_alone,
            group: self.group(number),
            start_at: self.start_at,
            next_offsets,
            stop_at,
            headers: scan.headers || keeps_letters || definition.columns.iter().any(is_header),
        };
        Ok(match &definition.storage.connector {
            None => self.topics.log().source(&definition.storage.topic, &read)?,
            Some(_) => registry::open_source(
                &ConnectorSpec::from(&**definition),
                ConnectorOpening {
                    read: &read,
                    clock: &self.clock,
                    next_offsets: &read.next_offsets,
                },
            )?,
        })
    }
}

/// The consumer group of a scan of a persistent query.
pub(crate) fn group_of(application_id: &str, durable: &str, number: usize) -> String {
    match number {
        0 => format!("{application_id}-{durable}"),
        number => format!("{application_id}-{durable}-{number}"),
    }
}

/// Where a scan goes on: at its beginning where state is built again.
fn from(durability: &Durability, scan: usize) -> BTreeMap<i32, i64> {
    match &durability.replay {
        Some(marks) => {
            let marks = marks.get(&scan).into_iter().flatten();
            marks.map(|(partition, _)| (*partition, 0)).collect()
        }
        None => durability.positions.get(&scan).cloned().unwrap_or_default(),
    }
}

/// The scans of a dataflow with what they read, in the order of the plan.
pub(crate) fn scans_of(dataflow: &Dataflow) -> Vec<(usize, String)> {
    let scans = dataflow.scans();
    scans
        .map(|(node, scan)| (node, scan.definition.storage.topic.clone()))
        .collect()
}
