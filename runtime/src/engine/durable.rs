//! Opens a persistent query from what is durable: transactions, committed offsets and the state store are brought together.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::opening::{Opening, scans_of};
use super::shard_sinks::ShardSinks;
use crate::catalog::{BadRecordPolicy, Definition};
use crate::connector::registry::{self, Connector, ConnectorSpec, Writing};
use crate::connector::{StopAt, Transactions};
use crate::exec::{self, Durability, LogRecord, Parts, Pipeline, Positions, Rebuild, Start};
use crate::plan::Dataflow;
use crate::state::{self, Form, Location, MemoryBackend, Store};

/// How often a result may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guarantee {
    /// Results, state and offsets count together: nothing is lost, nothing comes twice.
    ExactlyOnce,
    /// Nothing is lost; after a crash results may come twice. State counts once all the same.
    AtLeastOnce,
}

/// All that opening a persistent query takes.
#[derive(Debug)]
pub(crate) struct DurableQuery {
    pub(crate) opening: Opening,
    pub(crate) dataflow: Dataflow,
    pub(crate) definition: Arc<Definition>,
    pub(crate) sinks: ShardSinks,
    pub(crate) guarantee: Guarantee,
    /// Below which state is kept; `None` where nothing outlives the process.
    pub(crate) state: Option<Location>,
    pub(crate) statement: String,
    /// Where it leaves its state to a query that takes its place, where nothing outlives the process, and where it finds what was left to it.
    pub(crate) memory: Option<MemoryBackend>,
}

impl DurableQuery {
    /// Opens it; the parts say how to open it again.
    pub(crate) fn parts(self: &Arc<Self>) -> Result<Parts, exec::Error> {
        let mut parts = self.open()?;
        if self.state.is_some() {
            let again = Arc::clone(self);
            parts.rebuild = Some(Rebuild::new(move || again.open()));
        }
        Ok(parts)
    }

    fn open(&self) -> Result<Parts, exec::Error> {
        let claim = match (&self.state, self.connector()) {
            (Some(_), Some(connector)) => connector.claim(&ConnectorSpec::from(&*self.definition))?,
            _ => None,
        };
        let durability = Durability {
            claim,
            ..self.durability()?
        };
        let writing = match &self.state {
            Some(_) => Writing::From(durability.epoch),
            None => Writing::Anew,
        };
        let shards = match durability.store.as_ref().and_then(Store::form) {
            Some(form) => form.shards,
            None => self.opening.workers(),
        };
        let sinks = self.sinks.open(
            &self.opening,
            &self.definition,
            shards,
            durability.transactions.as_deref(),
            writing,
        )?;
        let dataflow = self.dataflow.clone();
        self.opening.parts(dataflow, sinks, StopAt::Never, shards, durability)
    }

    /// The name under which its transactions go, and the consumer group of its first scan.
    fn transactional_id(&self) -> String {
        self.opening.group(0)
    }

    /// Its store, where it has one: at its place, or what was left to it. A query that nobody has left anything saves nothing: its state ends
    /// with the process.
    fn open_store(&self, is_transactional: bool) -> Result<Option<Store>, exec::Error> {
        if !self.needs_store(is_transactional) {
            return Ok(None);
        }
        Ok(match (&self.state, &self.memory) {
            (Some(location), _) => {
                let own = location.join(&self.opening.application_id).join(&self.opening.durable);
                Some(Store::open(&own)?)
            }
            (None, Some(memory)) => {
                let left = Store::in_memory(memory)?;
                left.form().is_some().then_some(left)
            }
            (None, None) => None,
        })
    }

    /// True when its state and positions are in its run and nowhere else.
    pub(crate) fn is_kept_by_run(&self) -> Result<bool, exec::Error> {
        let Some(memory) = self.memory.as_ref().filter(|_| self.state.is_none()) else {
            return Ok(false);
        };
        Ok(self.needs_store(false) && Store::in_memory(memory)?.form().is_none())
    }

    /// Leaves state and positions of its run, which has stopped, to the query that takes its place.
    pub(crate) fn hand_over(&self, run: &Pipeline) -> Result<(), exec::Error> {
        match &self.memory {
            Some(memory) if self.is_kept_by_run()? => run.hand_over(&mut Store::in_memory(memory)?),
            _ => Ok(()),
        }
    }

    fn durability(&self) -> Result<Durability, exec::Error> {
        let log = self.opening.topics.log();
        let scans = scans_of(&self.dataflow);
        let reads_log = self
            .dataflow
            .scans()
            .any(|(_, scan)| scan.definition.storage.connector.is_none());
        let written_topic = self.written_topic();
        // Files whose rows come from the log are committed by it too: it remembers the epoch even where the state is lost.
        let is_committed_by_log = written_topic.is_some() || (reads_log && self.has_epochs());
        let transactions: Option<Box<dyn Transactions>> =
            if self.guarantee == Guarantee::ExactlyOnce && is_committed_by_log {
                log.transactions(&self.transactional_id())?
            } else {
                None
            };
        let marker = written_topic
            .filter(|_| transactions.is_some() && !reads_log)
            .map(|topic| (self.transactional_id(), topic));
        let record = self.log_record(marker.as_ref())?;
        let mut store = self.open_store(transactions.is_some())?;
        let nodes: Vec<usize> = scans.iter().map(|(node, _)| *node).collect();
        let start = match &transactions {
            Some(_) => exec::after_transactions(&record, store.as_ref(), &nodes)?,
            None => exec::without_transactions(&record, store.as_ref(), &nodes)?,
        };
        if let Some(store) = &mut store {
            store.settle(record.epoch())?;
        }
        let (epoch, positions, replay) = match start {
            Start::After { epoch, positions } => (epoch, positions, None),
            Start::Rebuild { epoch, until } => {
                if let Some(store) = &mut store {
                    tracing::warn!(query = %self.opening.id, "the state at {} is gone: it is built again from the topics", store.url());
                    store.clear()?;
                }
                (epoch, until.clone(), Some(until))
            }
        };
        if let Some(until) = &replay {
            self.check_rebuild(until)?;
        }
        let beginning = self.beginning(&positions)?;
        let mut positions = positions;
        for (scan, offsets) in &beginning {
            positions.entry(*scan).or_default().extend(offsets);
        }
        Ok(Durability {
            beginning,
            store,
            transactions,
            marker,
            about: Form {
                program_version: env!("CARGO_PKG_VERSION").to_owned(),
                application: self.opening.application_id.clone(),
                query: self.opening.durable.clone(),
                statement: self.statement.clone(),
                ..Form::default()
            },
            replay,
            epoch,
            positions,
            scans,
            commits_offsets: true,
            claim: None,
        })
    }

    /// The connector that it writes to; `None`: a topic.
    fn connector(&self) -> Option<&'static dyn Connector> {
        let name = self.definition.storage.connector.as_ref()?;
        registry::find(name).ok()
    }

    /// Whether what it writes becomes visible by epochs.
    pub(crate) fn has_epochs(&self) -> bool {
        self.connector().is_some_and(Connector::has_epochs)
    }

    /// A topic of the log that it writes: results, or rows that were put aside.
    fn written_topic(&self) -> Option<String> {
        if self.definition.storage.connector.is_none() {
            return Some(self.definition.storage.topic.clone());
        }
        let dead_letters = (self.dataflow.scans()).find_map(|(_, scan)| match &scan.definition.bad_records {
            BadRecordPolicy::DeadLetter(topic) => Some(topic.clone()),
            BadRecordPolicy::Fail | BadRecordPolicy::Skip => None,
        });
        dead_letters.or_else(|| self.opening.late_topic.clone())
    }

    /// Operators with state, sources whose offsets no log keeps, or results that become visible by epochs of which no log keeps the number.
    fn needs_store(&self, has_transactions: bool) -> bool {
        self.dataflow.has_state()
            || (self.has_epochs() && !has_transactions)
            || self
                .dataflow
                .scans()
                .any(|(_, scan)| scan.definition.storage.connector.is_some())
    }

    /// What the log has committed for this query.
    fn log_record(&self, marker: Option<&(String, String)>) -> Result<LogRecord, exec::Error> {
        let log = self.opening.topics.log();
        let mut record = LogRecord::default();
        for (number, (node, scan)) in self.dataflow.scans().enumerate() {
            if scan.definition.storage.connector.is_none() {
                let committed = log.committed(&self.opening.group(number), &scan.definition.storage.topic)?;
                record.committed.insert(node, committed);
            }
        }
        if let Some((group, topic)) = marker {
            record.marker = Some(log.committed(group, topic)?);
        }
        Ok(record)
    }

    /// Where a query that reads only what comes from now on begins on partitions of which it knows nothing: at their end when it is new, and
    /// at their beginning when they were added since it knows others. Written down at once, so that a restart passes nothing over.
    fn beginning(&self, positions: &Positions) -> Result<Positions, exec::Error> {
        let mut beginning = Positions::new();
        if self.opening.starts_at_the_beginning() {
            return Ok(beginning);
        }
        let log = self.opening.topics.log();
        for (node, scan) in self.dataflow.scans() {
            let topic = &scan.definition.storage.topic;
            if scan.definition.storage.connector.is_some() || log.describe(topic)?.is_none() {
                continue;
            }
            let known = positions.get(&node);
            let mut offsets = if known.is_none_or(BTreeMap::is_empty) {
                log.end_offsets(topic)?
            } else {
                log.first_offsets(topic)?
            };
            offsets.retain(|partition, _| known.is_none_or(|known| !known.contains_key(partition)));
            if !offsets.is_empty() {
                beginning.insert(node, offsets);
            }
        }
        Ok(beginning)
    }

    /// State can be built again where everything that it came from is still there.
    fn check_rebuild(&self, until: &Positions) -> Result<(), exec::Error> {
        let refused = |reason: String| state::Error::Unreadable {
            url: self
                .state
                .as_ref()
                .map_or_else(|| "none".to_owned(), ToString::to_string),
            reason: format!(
                "the state of query {} is not there, and it cannot be built again: {reason}; bring the state back, or begin anew under another \
                 application id or name",
                self.opening.id
            ),
        };
        if !self.opening.starts_at_the_beginning() {
            return Err(refused(
                "the query began at the latest offset, whatever that was ('auto.offset.reset'='latest')".into(),
            )
            .into());
        }
        let log = self.opening.topics.log();
        for (node, scan) in self.dataflow.scans() {
            let topic = &scan.definition.storage.topic;
            if scan.definition.storage.connector.is_some() {
                // Files and generated rows are the same when they are read again.
                continue;
            }
            let first = log.first_offsets(topic)?;
            let marks = until.get(&node).into_iter().flatten();
            for (partition, mark) in marks.filter(|(_, mark)| **mark > 0) {
                let first = first.get(partition).copied().unwrap_or(0);
                // A compacted topic has the last record of each key, from which a table can be built; records before it changed nothing else.
                if first > 0 && scan.definition.kind == crate::types::storage::SourceKind::Stream {
                    let reason = format!(
                        "topic {topic} begins at offset {first} in partition {partition} now, the records before it are gone, and the query has used records up to {mark}"
                    );
                    return Err(refused(reason).into());
                }
            }
        }
        Ok(())
    }
}
