//! One run of a pipeline from what is durable to its end or its failure: N shards of the operators and what they share.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::shard::{Outcome, Shard, Shared};
use super::sink::{ShardSink, change_channel};
use super::{Error, LateLetters};
use crate::connector::RecordSink;
use crate::operator::{LateRowPolicy, LateRows, RowErrors};
use crate::plan::{Dataflow, NodeId};
use crate::state::{self, Changes, FORMAT_VERSION, Form, OperatorChanges, OperatorForm, Reader, Store, Writer};

/// Numbers of scans in the store begin here, those of operators below.
const SCANS: u16 = 0x8000;
/// What belongs to no shard.
const NO_SHARD: u16 = u16::MAX;

/// The shards of one run.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) shared: Shared,
    pub(super) shards: Vec<Mutex<Shard>>,
    /// Operators with state and their numbers in the store.
    operators: Vec<(NodeId, u16)>,
    /// Scans in the order of the plan: their place is their number in the store.
    scans: Vec<NodeId>,
    /// Stream times that partitions had when their state was saved.
    stream_times: Mutex<BTreeMap<(NodeId, i32), i64>>,
    /// What the store says of itself once a commit has written all state in the formats of now, where it holds older ones.
    late_form: Mutex<Option<Form>>,
    /// Whether results are thrown away, because they were written in an earlier life.
    is_muted: AtomicBool,
}

/// Why a query of the dataflow `new` cannot go on with the state of one of the dataflow `old`; `None` where it can.
///
/// # Errors
/// When an operator cannot be set up.
pub fn state_difference(old: &Dataflow, new: &Dataflow) -> Result<Option<String>, Error> {
    let built = |dataflow: &Dataflow| {
        Run::new(RunParts {
            dataflow,
            shards: 1,
            sinks: vec![ShardSink::Columns(Box::new(change_channel().0))],
            row_errors: &Arc::new(RowErrors::default()),
            late_rows: &Arc::new(LateRows::new(String::new(), LateRowPolicy::Count)),
            dead_letters: BTreeMap::new(),
        })
    };
    let saved = numbered(built(old)?.forms());
    let new = built(new)?;
    Ok(new.difference(&new.forms(), &saved))
}

/// Operators by number, as a new store knows them.
fn numbered(forms: Vec<(NodeId, String)>) -> Vec<OperatorForm> {
    let forms = (0..).zip(forms);
    forms.map(|(number, (_, form))| OperatorForm { number, form }).collect()
}

/// What a run is built from.
pub(super) struct RunParts<'a> {
    pub(super) dataflow: &'a Dataflow,
    pub(super) shards: usize,
    pub(super) sinks: Vec<ShardSink>,
    pub(super) row_errors: &'a Arc<RowErrors>,
    pub(super) late_rows: &'a Arc<LateRows>,
    pub(super) dead_letters: BTreeMap<NodeId, Vec<Box<dyn RecordSink>>>,
}

impl Run {
    pub(super) fn new(parts: RunParts<'_>) -> Result<Self, Error> {
        let count = parts.shards.max(1);
        let shared = Shared::new(parts.dataflow, count, Arc::clone(parts.late_rows));
        let mut sinks = parts.sinks.into_iter();
        let mut dead_letters = parts.dead_letters;
        let shards = (0..count)
            .map(|number| {
                let sink = sinks
                    .next()
                    .ok_or_else(|| Error::Internal("a shard has no sink".into()))?;
                let letters = |id| dead_letters.get_mut(&id).and_then(Vec::pop);
                let shard = Shard::new(number, parts.dataflow, &shared, count, sink, parts.row_errors, letters)?;
                Ok(Mutex::new(shard))
            })
            .collect::<Result<Vec<_>, Error>>()?;
        Ok(Self {
            shared,
            shards,
            operators: Vec::new(),
            scans: parts.dataflow.scans().map(|(scan, _)| scan).collect(),
            stream_times: Mutex::new(BTreeMap::new()),
            late_form: Mutex::new(None),
            is_muted: AtomicBool::new(false),
        })
    }

    /// Brings the state of a store in: checks that each operator can read what it finds, and loads it. A new store is told what
    /// the operators' state looks like. `is_replayed`: nothing is loaded, for the state is built again from the sources.
    pub(super) fn restore(&mut self, store: &mut Store, about: Form, is_replayed: bool) -> Result<(), Error> {
        let forms = self.forms();
        let saved = store.form().cloned();
        let numbers = match &saved {
            None => (0..).take(forms.len()).collect(),
            Some(saved) => self.match_forms(store.url(), &forms, &saved.operators)?,
        };
        self.operators = forms.iter().map(|(node, _)| *node).zip(numbers).collect();
        let operators = (forms.iter().zip(&self.operators))
            .map(|((_, form), (_, number))| OperatorForm {
                number: *number,
                form: form.clone(),
            })
            .collect();
        let form = Form {
            format_version: FORMAT_VERSION,
            shards: self.shards.len(),
            operators,
            ..about
        };
        if is_replayed {
            store.set_form(form)?;
            self.track_changes(&self.operators);
            return Ok(());
        }
        // What cannot be loaded stays as it is, for the query that saved it to go on.
        self.load(store)?;
        self.restore_stream_times(store)?;
        match saved.filter(|saved| saved.operators != form.operators) {
            None => store.set_form(form)?,
            Some(saved) => {
                let pairs = self.operators.iter().zip(form.operators.iter().zip(&saved.operators));
                let older = pairs.filter(|(_, (now, saved))| now.form != saved.form);
                self.track_changes(&older.map(|(operator, _)| *operator).collect::<Vec<_>>());
                *self.late_form.lock() = Some(form);
            }
        }
        Ok(())
    }

    /// Whether the state that was loaded waits to be written in the formats of now.
    pub(super) fn holds_older_formats(&self) -> bool {
        self.late_form.lock().is_some()
    }

    /// After a commit: the store holds the formats of now.
    pub(super) fn formats_are_written(&self, store: &mut Store) -> Result<(), Error> {
        match self.late_form.lock().take() {
            Some(form) => Ok(store.set_form(form)?),
            None => Ok(()),
        }
    }

    /// Loads the state of all operators, which are new.
    fn load(&self, store: &Store) -> Result<(), Error> {
        for (shard_number, shard) in (0..).zip(&self.shards) {
            let mut shard = shard.lock();
            for (node, number) in &self.operators {
                let Some(operator) = shard.operator_mut(*node) else {
                    continue;
                };
                operator.track_changes();
                let mut failure = None;
                let loaded = store.load(*number, shard_number, &mut |entries| {
                    operator.load(entries).map_err(|error| {
                        let stop = state::Error::damaged("an operator", error.to_string());
                        failure = Some(error);
                        stop
                    })
                });
                match failure {
                    Some(error) => return Err(error.into()),
                    None => loaded?,
                }
            }
        }
        Ok(())
    }

    /// Puts new operators in place of those with state, and loads what was saved of these. For tests.
    pub(super) fn make_anew(&self, dataflow: &Dataflow, errors: &Arc<RowErrors>, store: &Store) -> Result<(), Error> {
        for shard in &self.shards {
            let mut shard = shard.lock();
            for (node, _) in &self.operators {
                shard.make_anew(*node, dataflow, &self.shared, self.shards.len(), errors)?;
            }
        }
        self.load(store)
    }

    /// The nodes with state, in the order of the plan, and what their state looks like.
    fn forms(&self) -> Vec<(NodeId, String)> {
        let Some(shard) = self.shards.first() else {
            return Vec::new();
        };
        shard.lock().state_forms()
    }

    /// Why the operators that are there now cannot read saved state; `None` where they can.
    fn difference(&self, now: &[(NodeId, String)], saved: &[OperatorForm]) -> Option<String> {
        let shard = self.shards.first().map(|shard| shard.lock());
        let differences = now.iter().zip(saved).filter_map(|((node, _), saved)| {
            let shard = shard.as_ref()?;
            shard.state_difference(*node, &saved.form)
        });
        if let Some(difference) = differences.into_iter().next() {
            return Some(difference);
        }
        (now.len() != saved.len())
            .then(|| format!("it had {} operators with state, it has {} now", saved.len(), now.len()))
    }

    /// The numbers in the store of the operators that are there now.
    fn match_forms(&self, url: &str, now: &[(NodeId, String)], saved: &[OperatorForm]) -> Result<Vec<u16>, Error> {
        if let Some(difference) = self.difference(now, saved) {
            let reason = format!(
                "the query has changed and cannot read its state: {difference}; give the query another name, or remove the state, and it is built \
                 again from the topics"
            );
            return Err(state::Error::Unreadable {
                url: url.to_owned(),
                reason,
            }
            .into());
        }
        Ok(saved.iter().map(|operator| operator.number).collect())
    }

    fn restore_stream_times(&self, store: &Store) -> Result<(), Error> {
        let mut times = self.stream_times.lock();
        for (number, scan) in (SCANS..).zip(&self.scans) {
            store.load(number, NO_SHARD, &mut |entries| {
                for (key, value) in entries {
                    let partition = <[u8; 4]>::try_from(&**key)
                        .map_err(|_| state::Error::damaged("a source", "a partition is not a number"))?;
                    times.insert((*scan, i32::from_be_bytes(partition)), Reader::new(value)?.number()?);
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// The stream time that a partition had when its state was saved.
    pub(super) fn saved_stream_time(&self, scan: NodeId, partition: i32) -> Option<i64> {
        self.stream_times.lock().get(&(scan, partition)).copied()
    }

    /// What changed in the state of all operators, and how far event time has come on each partition.
    pub(super) fn save(&self) -> Result<Vec<OperatorChanges>, Error> {
        self.save_of(&self.operators)
    }

    /// Writes all state to a new store, for who goes on with it: this run must not go on.
    pub(super) fn hand_over(&self, store: &mut Store, about: Form) -> Result<Vec<OperatorChanges>, Error> {
        let forms = self.forms();
        let operators: Vec<(NodeId, u16)> = forms.iter().map(|(node, _)| *node).zip(0..).collect();
        store.set_form(Form {
            format_version: FORMAT_VERSION,
            shards: self.shards.len(),
            operators: numbered(forms),
            ..about
        })?;
        self.track_changes(&operators);
        self.stream_times.lock().clear();
        self.save_of(&operators)
    }

    /// All that the operators hold counts as changed.
    fn track_changes(&self, operators: &[(NodeId, u16)]) {
        for shard in &self.shards {
            let mut shard = shard.lock();
            for (node, _) in operators {
                if let Some(operator) = shard.operator_mut(*node) {
                    operator.track_changes();
                }
            }
        }
    }

    fn save_of(&self, operators: &[(NodeId, u16)]) -> Result<Vec<OperatorChanges>, Error> {
        let mut all = Vec::new();
        let mut times: BTreeMap<NodeId, Vec<(i32, i64)>> = BTreeMap::new();
        for (shard_number, shard) in (0..).zip(&self.shards) {
            let mut shard = shard.lock();
            for (node, number) in operators {
                let Some(operator) = shard.operator_mut(*node) else {
                    continue;
                };
                let mut changes = Changes::new();
                operator.save(&mut changes)?;
                if !changes.is_empty() {
                    all.push(OperatorChanges {
                        operator: *number,
                        shard: shard_number,
                        changes,
                    });
                }
            }
            for (scan, partition, time) in shard.stream_times() {
                times.entry(scan).or_default().push((partition, time));
            }
        }
        for (number, scan) in (SCANS..).zip(&self.scans) {
            let mut changes = Changes::new();
            let mut saved = self.stream_times.lock();
            for (partition, time) in times.remove(scan).unwrap_or_default() {
                if saved.insert((*scan, partition), time) != Some(time) {
                    let mut value = Writer::new();
                    value.number(time);
                    changes.put(&partition.to_be_bytes(), value.written());
                }
            }
            if !changes.is_empty() {
                all.push(OperatorChanges {
                    operator: number,
                    shard: NO_SHARD,
                    changes,
                });
            }
        }
        Ok(all)
    }

    /// Stores the results of all shards.
    pub(super) fn flush(&self, letters: Option<&mut LateLetters>) -> Result<(), Error> {
        if let Some(letters) = letters {
            letters.flush()?;
        }
        self.shards.iter().try_for_each(|shard| shard.lock().flush())
    }

    /// What was flushed counts, as this epoch.
    pub(super) fn publish(&self, epoch: u64) -> Result<(), Error> {
        self.shards.iter().try_for_each(|shard| shard.lock().publish(epoch))
    }

    /// Offsets up to which rows were taken since the last call, by scan.
    pub(super) fn take_next_offsets(&self) -> BTreeMap<NodeId, Vec<(i32, i64)>> {
        let mut offsets: BTreeMap<NodeId, Vec<(i32, i64)>> = BTreeMap::new();
        for shard in &self.shards {
            for (id, scan) in shard.lock().scans_mut() {
                offsets.entry(id).or_default().extend(scan.take_next_offsets());
            }
        }
        offsets
    }

    /// Records known to wait at the sources.
    pub(super) fn lag(&self) -> u64 {
        let of = |shard: &Mutex<Shard>| -> u64 { shard.lock().scans_mut().map(|(_, scan)| scan.lag()).sum() };
        self.shards.iter().map(of).sum()
    }

    /// What the shards did in the last step, together.
    pub(super) fn gather(&self) -> Result<Outcome, Error> {
        let mut all = Outcome::default();
        for shard in &self.shards {
            let outcome = std::mem::take(&mut shard.lock().outcome);
            if let Some(error) = outcome.error {
                return Err(error);
            }
            all.rows += outcome.rows;
            all.rows_out += outcome.rows_out;
            all.has_more |= outcome.has_more;
            all.retry_after = match (all.retry_after, outcome.retry_after) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        Ok(all)
    }

    /// True when all shards have come to the end of all that they read.
    pub(super) fn has_ended(&self) -> bool {
        self.shards.iter().all(|shard| {
            let mut shard = shard.lock();
            !shard.has_rows() && shard.scans_mut().all(|(_, scan)| !scan.has_readers())
        })
    }

    /// Whether results are thrown away.
    pub(super) fn is_muted(&self) -> bool {
        self.is_muted.load(Ordering::Acquire)
    }

    pub(super) fn set_muted(&self, is_muted: bool) {
        self.is_muted.store(is_muted, Ordering::Release);
    }
}
