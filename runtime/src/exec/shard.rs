//! One shard of a pipeline: its operators, and how batches move through one stage.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Error;
use super::event_clock::EventClock;
use super::exchange::{Mailboxes, Router};
use super::metrics::{Metrics, add};
use super::node_stats::{NodeCounters, StateSize};
use super::scan::{ScanShard, Scanned, StepRows};
use super::sink::ShardSink;
use super::stages::Stages;
use crate::operator::over::Over;
use crate::operator::table_function::TableFunctionOperator;
use crate::operator::top_n::TopN;
use crate::operator::{
    Distinct, Filter, Gather, LateRows, Limit, LimitCount, Operator, Project, RowErrors, SetEventTime, Settle,
    StreamFunctionOperator, TableSource,
};
use crate::plan::{Dataflow, Node, NodeId, NodeKind};
use crate::types::ChangeBatch;

/// What stands at one node in one shard.
#[derive(Debug)]
enum Role {
    Scan(Box<ScanShard>),
    /// Rows of the plan, given once.
    Rows(Option<ChangeBatch>),
    Operator(Box<dyn Operator>),
    Exchange(Box<Router>, Arc<Mailboxes>),
    /// Hands batches on as they are.
    Pass,
}

/// One shard.
#[derive(Debug)]
pub(crate) struct Shard {
    number: usize,
    stages: Arc<Stages>,
    roles: Vec<Role>,
    clock: Arc<EventClock>,
    counters: Arc<Vec<NodeCounters>>,
    /// Batches that wait at each node, with the port that they came in at.
    inboxes: Vec<Vec<(usize, ChangeBatch)>>,
    sink: Option<ShardSink>,
    /// Whether results are thrown away, because an earlier life has written them.
    is_muted: bool,
    row_errors: Arc<RowErrors>,
    pub(crate) outcome: Outcome,
}

/// What one step did in this shard.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) rows: usize,
    /// Rows that went to the sink.
    pub(crate) rows_out: usize,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) has_more: bool,
    pub(crate) error: Option<Error>,
}

/// What the shards of a pipeline share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) stages: Arc<Stages>,
    pub(crate) clock: Arc<EventClock>,
    pub(crate) late: Arc<LateRows>,
    pub(crate) counters: Arc<Vec<NodeCounters>>,
    pub(crate) mailboxes: Vec<Option<Arc<Mailboxes>>>,
    pub(crate) limits: Vec<Option<Arc<LimitCount>>>,
    /// The time to live of the keys of each node, in milliseconds.
    ttls: Vec<Option<i64>>,
}

impl Shared {
    pub(crate) fn new(dataflow: &Dataflow, shards: usize, late: Arc<LateRows>) -> Self {
        let of = |node: &crate::plan::Node| match node.kind {
            NodeKind::Exchange(_) => Some(Arc::new(Mailboxes::new(shards))),
            _ => None,
        };
        let limit = |node: &crate::plan::Node| match node.kind {
            NodeKind::Limit(limit) => Some(Arc::new(LimitCount::new(limit))),
            _ => None,
        };
        Self {
            stages: Arc::new(Stages::of(dataflow)),
            clock: Arc::new(EventClock::new(dataflow.nodes.len(), shards)),
            late,
            counters: Arc::new(dataflow.nodes.iter().map(|_| NodeCounters::default()).collect()),
            mailboxes: dataflow.nodes.iter().map(of).collect(),
            limits: dataflow.nodes.iter().map(limit).collect(),
            ttls: (0..dataflow.nodes.len()).map(|id| dataflow.ttl_ms(id)).collect(),
        }
    }

    /// True when a limit lets nothing more through.
    pub(crate) fn is_limit_reached(&self) -> bool {
        self.limits.iter().flatten().any(|limit| limit.is_reached())
    }
}

impl Role {
    /// What stands at node `id` in shard `number` of `shards`.
    fn new(
        id: NodeId,
        node: &Node,
        number: usize,
        shared: &Shared,
        shards: usize,
        row_errors: &Arc<RowErrors>,
        dead_letters: Option<Box<dyn crate::connector::RecordSink>>,
    ) -> Result<Self, Error> {
        let errors = || Arc::clone(row_errors);
        let schema = Arc::clone(&node.schema);
        let mut role = match &node.kind {
            NodeKind::Scan(scan) => Role::Scan(Box::new(ScanShard::new(scan, schema, dead_letters)?)),
            NodeKind::Rows(records) => Role::Rows(
                (number == 0).then(|| ChangeBatch::inserted(records.clone(), vec![0; records.num_rows()].into())),
            ),
            NodeKind::Filter(predicate) => Role::Operator(Box::new(Filter::new(predicate.clone(), errors()))),
            NodeKind::Project(expressions) => {
                Role::Operator(Box::new(Project::new(expressions.clone(), schema, errors())))
            }
            NodeKind::StreamFunction { keys, calls } => {
                let operator = StreamFunctionOperator::new(keys.clone(), calls, schema, errors())?;
                Role::Operator(Box::new(operator))
            }
            NodeKind::TableSource { keys, old_rows } => {
                Role::Operator(Box::new(TableSource::new(keys.clone(), *old_rows, schema)?))
            }
            NodeKind::GroupBy(group_by) => {
                Role::Operator(group_by.operator(schema, errors(), Arc::clone(&shared.late))?)
            }
            NodeKind::Join(join) => Role::Operator(join.operator(row_errors, Arc::clone(&shared.late))?),
            NodeKind::TableFunction(calls) => {
                Role::Operator(Box::new(TableFunctionOperator::new(calls, schema, errors())?))
            }
            NodeKind::Over { keys, calls, ordered } => {
                Role::Operator(Box::new(Over::new(keys.clone(), calls, *ordered, schema, errors())?))
            }
            NodeKind::TopN(spec) => Role::Operator(Box::new(TopN::new(spec.as_ref().clone(), schema, errors())?)),
            NodeKind::Distinct => Role::Operator(Box::new(Distinct::new(&schema)?)),
            NodeKind::Settle { .. } if shards == 1 => Role::Pass,
            NodeKind::Settle { keys } => Role::Operator(Box::new(Settle::new(keys.clone(), schema))),
            NodeKind::EventTime { position, declared } => {
                Role::Operator(Box::new(SetEventTime::new(*position, declared, errors())?))
            }
            NodeKind::Exchange(distribution) => match &shared.mailboxes[id] {
                Some(mailboxes) => Role::Exchange(Box::new(Router::new(distribution, shards)?), Arc::clone(mailboxes)),
                None => Role::Pass,
            },
            NodeKind::Limit(_) => match &shared.limits[id] {
                Some(count) => Role::Operator(Box::new(Limit::new(Arc::clone(count)))),
                None => Role::Pass,
            },
            NodeKind::Union => Role::Pass,
            NodeKind::Gather(gathered) => Role::Operator(Box::new(Gather::new(Arc::clone(gathered)))),
        };
        if let (Role::Operator(operator), Some(ttl_ms)) = (&mut role, shared.ttls[id]) {
            operator.expire_after(ttl_ms);
        }
        Ok(role)
    }
}

impl Shard {
    pub(crate) fn new(
        number: usize,
        dataflow: &Dataflow,
        shared: &Shared,
        shards: usize,
        sink: ShardSink,
        row_errors: &Arc<RowErrors>,
        mut dead_letters: impl FnMut(NodeId) -> Option<Box<dyn crate::connector::RecordSink>>,
    ) -> Result<Self, Error> {
        let mut roles = Vec::with_capacity(dataflow.nodes.len());
        for (id, node) in dataflow.nodes.iter().enumerate() {
            roles.push(Role::new(
                id,
                node,
                number,
                shared,
                shards,
                row_errors,
                dead_letters(id),
            )?);
        }
        Ok(Self {
            number,
            stages: Arc::clone(&shared.stages),
            clock: Arc::clone(&shared.clock),
            counters: Arc::clone(&shared.counters),
            inboxes: roles.iter().map(|_| Vec::new()).collect(),
            roles,
            sink: Some(sink),
            is_muted: false,
            row_errors: Arc::clone(row_errors),
            outcome: Outcome::default(),
        })
    }

    /// Runs one stage of a step; what goes wrong stands in the outcome.
    pub(crate) fn run_stage(&mut self, stage: usize, rows: StepRows, metrics: &Metrics, is_muted: bool) {
        self.is_muted = is_muted;
        if self.outcome.error.is_some() {
            return;
        }
        if let Err(error) = self.try_stage(stage, rows, metrics) {
            self.outcome.error = Some(error);
        }
    }

    fn try_stage(&mut self, stage: usize, rows: StepRows, metrics: &Metrics) -> Result<(), Error> {
        if stage == 0 {
            self.read(rows, metrics)?;
            self.tell_time();
        } else {
            self.receive(stage);
        }
        for id in 0..self.roles.len() {
            if self.stages.stage[id] == stage {
                self.run_node(id, metrics)?;
            }
        }
        Ok(())
    }

    /// Says how far event time has come on the partitions of this shard.
    fn tell_time(&mut self) {
        for (id, role) in self.roles.iter_mut().enumerate() {
            if let Role::Scan(scan) = role {
                self.clock.set(id, self.number, scan.stream_time(), scan.latest_time());
                self.clock.set_read(id, self.number, scan.read_until());
            }
        }
    }

    fn read(&mut self, rows: StepRows, metrics: &Metrics) -> Result<(), Error> {
        match rows {
            StepRows::UpTo(rows_max) => {
                for id in 0..self.roles.len() {
                    if let Role::Scan(scan) = &mut self.roles[id] {
                        let until = self.clock.read_until(&self.stages.read_beside[id]);
                        let scanned = scan.scan(rows_max, until, metrics)?;
                        self.accept(id, scanned);
                    }
                }
            }
            StepRows::One => {
                let mut first: Option<(u64, NodeId, usize)> = None;
                let mut unordered = Vec::new();
                for (id, role) in self.roles.iter_mut().enumerate() {
                    let Role::Scan(scan) = role else { continue };
                    match scan.earliest() {
                        Some((order, reader)) if first.is_none_or(|(best, _, _)| order < best) => {
                            first = Some((order, id, reader));
                        }
                        Some(_) => {}
                        None => unordered.push(id),
                    }
                }
                match first {
                    Some((_, id, reader)) => {
                        // Those that have had no row yet are in that order too.
                        self.scans_mut().for_each(|(_, scan)| scan.take_in_order());
                        self.scan_one(id, Some(reader), metrics)?;
                    }
                    // Readers without an order (files, Kafka), and those that have nothing or have ended.
                    None => {
                        for id in unordered {
                            self.scan_one(id, None, metrics)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn scan_one(&mut self, id: NodeId, reader: Option<usize>, metrics: &Metrics) -> Result<(), Error> {
        if let Role::Scan(scan) = &mut self.roles[id] {
            let scanned = match reader {
                Some(reader) => scan.scan_one(reader, metrics)?,
                None => scan.scan(1, self.clock.read_until(&self.stages.read_beside[id]), metrics)?,
            };
            self.accept(id, scanned);
        }
        Ok(())
    }

    fn accept(&mut self, id: NodeId, scanned: Scanned) {
        let outcome = &mut self.outcome;
        outcome.rows += scanned.rows;
        outcome.has_more |= scanned.has_more;
        outcome.retry_after = match (outcome.retry_after, scanned.retry_after) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.inboxes[id].extend(scanned.batches.into_iter().map(|batch| (0, batch)));
    }

    /// Takes what the exchanges of the stage before hold for this shard.
    fn receive(&mut self, stage: usize) {
        for id in 0..self.roles.len() {
            if self.stages.stage[id] + 1 == stage
                && let Role::Exchange(_, mailboxes) = &self.roles[id]
                && let Some((consumer, port)) = self.stages.consumer[id]
            {
                let received = mailboxes.take(self.number).into_iter();
                self.inboxes[consumer].extend(received.map(|batch| (port, batch)));
            }
        }
    }

    fn run_node(&mut self, id: NodeId, metrics: &Metrics) -> Result<(), Error> {
        let mut waiting = std::mem::take(&mut self.inboxes[id]);
        let mut out = Vec::with_capacity(waiting.len());
        let (begun, rows_in) = (Instant::now(), rows_of(waiting.iter().map(|(_, batch)| batch)));
        match &mut self.roles[id] {
            Role::Scan(_) | Role::Pass => out.extend(waiting.into_iter().map(|(_, batch)| batch)),
            Role::Rows(rows) => {
                if let Some(batch) = rows.take() {
                    self.outcome.rows += batch.num_rows();
                    out.push(batch);
                }
            }
            Role::Operator(operator) => {
                waiting.sort_by_key(|(port, _)| std::cmp::Reverse(*port));
                for (port, batch) in waiting {
                    operator.push(port, batch, &mut out)?;
                }
                let progress = self
                    .clock
                    .progress(&self.stages.scans[id], &self.stages.input_scans[id]);
                operator.advance(progress, &mut out)?;
            }
            Role::Exchange(router, mailboxes) => {
                for (_, batch) in waiting {
                    for (to, part) in router.route(batch, &self.row_errors)? {
                        mailboxes.send(self.number, to, part);
                    }
                }
                self.counters[id].add(rows_in, rows_in, begun.elapsed());
                return Ok(());
            }
        }
        self.counters[id].add(rows_in, rows_of(out.iter()), begun.elapsed());
        match self.stages.consumer[id] {
            Some((consumer, port)) => self.inboxes[consumer].extend(out.into_iter().map(|batch| (port, batch))),
            None => {
                for batch in out.iter().filter(|_| !self.is_muted) {
                    if let Some(sink) = &mut self.sink {
                        sink.write(batch)?;
                    }
                    self.outcome.rows_out += batch.num_rows();
                    add(&metrics.rows_out, batch.num_rows());
                }
            }
        }
        Ok(())
    }

    /// How much state a node holds in this shard.
    pub(crate) fn state_size(&self, id: NodeId) -> StateSize {
        match self.roles.get(id) {
            Some(Role::Operator(operator)) => StateSize {
                keys: operator.state_keys(),
                bytes: operator.state_bytes(),
            },
            _ => StateSize::default(),
        }
    }

    /// The operator at a node, where one stands there.
    pub(crate) fn operator_mut(&mut self, id: NodeId) -> Option<&mut dyn Operator> {
        match self.roles.get_mut(id) {
            Some(Role::Operator(operator)) => Some(&mut **operator),
            _ => None,
        }
    }

    /// Puts a new operator in place of that at a node.
    pub(crate) fn make_anew(
        &mut self,
        id: NodeId,
        dataflow: &Dataflow,
        shared: &Shared,
        shards: usize,
        errors: &Arc<RowErrors>,
    ) -> Result<(), Error> {
        self.roles[id] = Role::new(id, &dataflow.nodes[id], self.number, shared, shards, errors, None)?;
        Ok(())
    }

    /// The nodes with state, in the order of the plan, and what their state looks like.
    pub(crate) fn state_forms(&self) -> Vec<(NodeId, String)> {
        let roles = self.roles.iter().enumerate();
        roles
            .filter_map(|(id, role)| match role {
                Role::Operator(operator) => Some((id, operator.state_form()?)),
                _ => None,
            })
            .collect()
    }

    /// Why the operator at a node cannot read state of this form; `None` where it can.
    pub(crate) fn state_difference(&self, id: NodeId, saved: &str) -> Option<String> {
        match self.roles.get(id) {
            Some(Role::Operator(operator)) => operator.state_difference(saved),
            _ => Some(format!("it was `{saved}`, and there is none now")),
        }
    }

    /// The stream time of each partition that is read here: scan, partition, milliseconds since the epoch.
    pub(crate) fn stream_times(&self) -> Vec<(NodeId, i32, i64)> {
        let roles = self.roles.iter().enumerate();
        roles
            .filter_map(|(id, role)| match role {
                Role::Scan(scan) => Some(scan.stream_times().map(move |(partition, time)| (id, partition, time))),
                _ => None,
            })
            .flatten()
            .collect()
    }

    pub(crate) fn scan_mut(&mut self, id: NodeId) -> Option<&mut ScanShard> {
        match self.roles.get_mut(id) {
            Some(Role::Scan(scan)) => Some(scan),
            _ => None,
        }
    }

    pub(crate) fn scans_mut(&mut self) -> impl Iterator<Item = (NodeId, &mut ScanShard)> {
        self.roles.iter_mut().enumerate().filter_map(|(id, role)| match role {
            Role::Scan(scan) => Some((id, &mut **scan)),
            _ => None,
        })
    }

    /// True while rows of the plan wait to be given.
    pub(crate) fn has_rows(&self) -> bool {
        self.roles.iter().any(|role| matches!(role, Role::Rows(Some(_))))
    }

    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        for (_, scan) in self.scans_mut() {
            scan.flush_dead_letters()?;
        }
        match &mut self.sink {
            Some(sink) => sink.flush(),
            None => Ok(()),
        }
    }

    /// What was flushed counts, as this epoch.
    pub(crate) fn publish(&mut self, epoch: u64) -> Result<(), Error> {
        match &mut self.sink {
            Some(sink) => sink.publish(epoch),
            None => Ok(()),
        }
    }

    /// Ends the output and lets go of the sink, so that the reader of a push query sees the end.
    pub(crate) fn close(&mut self) -> Result<(), Error> {
        for (_, scan) in self.scans_mut() {
            scan.close_dead_letters()?;
        }
        match self.sink.take() {
            Some(mut sink) => sink.close(),
            None => Ok(()),
        }
    }

    /// Lets go of everything without a word to the outside: after a failure nothing more may become durable.
    pub(crate) fn abandon(&mut self) {
        self.sink = None;
        self.roles.clear();
        self.inboxes.clear();
    }
}

fn rows_of<'a>(batches: impl Iterator<Item = &'a ChangeBatch>) -> usize {
    batches.map(ChangeBatch::num_rows).sum()
}
