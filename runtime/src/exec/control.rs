//! What only the thread between two steps touches: sources, commits, and what they need.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::crash_point::{self, pass};
use super::durability::Results;
use super::metrics::{Metrics, add};
use super::pipeline::{IDLE_PAUSE_MIN, Parts};
use super::replay::{Replay, ReplayReader};
use super::run::{Run, RunParts};
use super::shard::Outcome;
use super::sink::ChangeSender;
use super::{Durability, Epilogue, Error, LateLetters};
use crate::connector::Source;
use crate::operator::RowErrors;
use crate::plan::{Dataflow, NodeId};
use crate::state::{MemoryBackend, Store};

/// What stands between two steps.
#[derive(Debug)]
pub(super) struct Control {
    pub(super) sources: BTreeMap<NodeId, Box<dyn Source>>,
    pub(super) gate: Option<ChangeSender>,
    late_letters: Option<LateLetters>,
    pub(super) epilogue: Option<Epilogue>,
    durability: Durability,
    /// From what operators are made anew after each commit, where they are. For tests.
    reborn: Option<Reborn>,
    /// State that is built again from the topics.
    replay: Option<Replay>,
    next_shard: usize,
    pub(super) idle_pause: Duration,
    pub(super) last_commit: Instant,
    pub(super) is_dirty: bool,
    /// The last thing that happened was a step, whose outcome waits to be looked at.
    pub(super) after_step: bool,
    /// The step in which the operators see that all sources have ended has begun.
    pub(super) is_closing: bool,
}

/// What operators are made of.
#[derive(Debug)]
struct Reborn {
    dataflow: Dataflow,
    row_errors: Arc<RowErrors>,
}

/// What the shards and the late rows of a run have written.
struct RunResults<'a> {
    run: &'a Run,
    letters: Option<&'a mut LateLetters>,
}

impl Results for RunResults<'_> {
    fn store(&mut self) -> Result<(), Error> {
        self.run.flush(self.letters.as_deref_mut())
    }

    fn publish(&mut self, epoch: u64) -> Result<(), Error> {
        self.run.publish(epoch)
    }
}

impl Control {
    /// The shards and what stands between their steps, with the state that is durable loaded.
    pub(super) fn build(parts: Parts) -> Result<(Run, Self), Error> {
        let mut sources = BTreeMap::new();
        let mut dead_letters = BTreeMap::new();
        for (id, (source, scan_parts)) in parts.sources {
            sources.insert(id, source);
            dead_letters.insert(id, scan_parts.dead_letters);
        }
        let mut run = Run::new(RunParts {
            dataflow: &parts.dataflow,
            shards: parts.options.shards,
            sinks: parts.sinks,
            row_errors: &parts.row_errors,
            late_rows: &parts.late_rows,
            dead_letters,
        })?;
        let mut durability = parts.durability;
        if let Some(store) = &mut durability.store {
            run.restore(store, durability.about.clone(), durability.replay.is_some())?;
        }
        let reborn = parts.options.reborn_operators.then(|| Reborn {
            dataflow: parts.dataflow.clone(),
            row_errors: Arc::clone(&parts.row_errors),
        });
        let replay = durability.replay.take().map(Replay::new);
        run.set_muted(replay.is_some());
        durability.begin()?;
        pass(crash_point::STATE_LOADED);
        let control = Self {
            sources,
            gate: parts.gate,
            late_letters: parts.late_letters,
            epilogue: parts.epilogue,
            durability,
            reborn,
            replay,
            next_shard: 0,
            idle_pause: IDLE_PAUSE_MIN,
            last_commit: Instant::now(),
            is_dirty: false,
            after_step: false,
            is_closing: false,
        };
        Ok((run, control))
    }

    /// Late rows of the last step go where somebody wants them.
    pub(super) fn write_late_rows(&mut self, metrics: &Metrics, is_muted: bool) -> Result<(), Error> {
        if let Some(letters) = &mut self.late_letters {
            for late in metrics.late_rows.drain() {
                if !is_muted {
                    letters.write(&late)?;
                }
            }
        }
        Ok(())
    }

    /// Deals new partitions out to the shards in turn, and takes lost ones away, after a commit of what was read of them.
    pub(super) fn deal_partitions(&mut self, run: &Run, metrics: &Metrics) -> Result<(), Error> {
        let ids: Vec<NodeId> = self.sources.keys().copied().collect();
        for id in ids {
            let Some(source) = self.sources.get_mut(&id) else {
                continue;
            };
            let Some(change) = source.poll_assignment()? else {
                continue;
            };
            if !change.removed.is_empty() {
                if self.is_dirty && self.replay.is_none() {
                    self.commit(run, metrics)?;
                }
                self.durability.forget(id, &change.removed);
            }
            for partition in change.removed {
                for shard in &run.shards {
                    if let Some(scan) = shard.lock().scan_mut(id) {
                        scan.remove_partition(partition);
                    }
                }
            }
            for reader in change.added {
                let time = run.saved_stream_time(id, reader.partition());
                let reader = match &mut self.replay {
                    Some(replay) => Box::new(ReplayReader::new(reader, id, replay)),
                    None => reader,
                };
                if let Some(scan) = run.shards[self.next_shard].lock().scan_mut(id) {
                    scan.add_reader(reader, time);
                }
                self.next_shard = (self.next_shard + 1) % run.shards.len();
                self.is_dirty |= self.durability.has_beginning() || run.holds_older_formats();
            }
        }
        Ok(())
    }

    /// Where state was built again and everything that had taken effect has taken effect again: writes the state down, and from now on results
    /// count.
    pub(super) fn end_replay(&mut self, run: &Run, outcome: &Outcome) -> Result<(), Error> {
        let Some(replay) = self.replay.take_if(|replay| replay.is_over() && outcome.rows == 0) else {
            return Ok(());
        };
        let changes = run.save()?;
        let advanced = run.take_next_offsets();
        for (scan, offsets) in &advanced {
            self.durability.advance(*scan, offsets.iter().copied());
        }
        self.durability.write_rebuilt(changes)?;
        tracing::info!("state was built again from the topics");
        run.set_muted(false);
        replay.open();
        self.is_dirty = false;
        Ok(())
    }

    /// The last epoch that counts.
    pub(super) fn epoch(&self) -> u64 {
        self.durability.epoch
    }

    /// True when every source is known to have ended and the rows of the plan were given.
    pub(super) fn has_ended(&self, run: &Run) -> bool {
        self.sources.values().all(|source| source.is_assigned()) && run.has_ended()
    }

    /// Makes durable what was done: results, state, and the offsets that they came from.
    pub(super) fn commit(&mut self, run: &Run, metrics: &Metrics) -> Result<(), Error> {
        if self.replay.is_some() {
            // Nothing of it counts before all of it is there again.
            return Ok(());
        }
        let begun = Instant::now();
        let changes = match &self.durability.store {
            Some(_) => run.save()?,
            None => Vec::new(),
        };
        let mut advanced = run.take_next_offsets();
        self.durability.take_beginning(&mut advanced);
        for (scan, offsets) in &advanced {
            self.durability.advance(*scan, offsets.iter().copied());
        }
        let mut results = RunResults {
            run,
            letters: self.late_letters.as_mut(),
        };
        self.durability
            .commit(changes, &advanced, &mut self.sources, &mut results)?;
        if let Some(store) = &mut self.durability.store {
            run.formats_are_written(store)?;
        }
        if let (Some(reborn), Some(store)) = (&self.reborn, &self.durability.store) {
            // By turns from what the commits have written, and from what would be handed over: both are all of it.
            let mut whole = Store::in_memory(&MemoryBackend::default())?;
            let is_handed_over = self.durability.epoch.is_multiple_of(2);
            if is_handed_over {
                self.hand_over(run, &mut whole)?;
            }
            run.make_anew(
                &reborn.dataflow,
                &reborn.row_errors,
                if is_handed_over { &whole } else { store },
            )?;
        }
        metrics.lag.store(run.lag(), std::sync::atomic::Ordering::Relaxed);
        metrics.commit_times.record(begun.elapsed());
        add(&metrics.commits, 1);
        metrics
            .epoch
            .store(self.durability.epoch, std::sync::atomic::Ordering::Relaxed);
        self.is_dirty = false;
        self.last_commit = Instant::now();
        Ok(())
    }

    /// The last commit; then everything is closed.
    pub(super) fn close(&mut self, run: &Run, metrics: &Metrics) -> Result<(), Error> {
        self.commit(run, metrics)?;
        for shard in &run.shards {
            shard.lock().close()?;
        }
        if let Some(mut letters) = self.late_letters.take() {
            letters.close()?;
        }
        self.durability.close()?;
        self.sources.clear();
        self.gate = None;
        Ok(())
    }

    /// Writes all state and positions of a run that has stopped to `store`, which is new, for the query that takes its place.
    pub(super) fn hand_over(&self, run: &Run, store: &mut Store) -> Result<(), Error> {
        let changes = run.hand_over(store, self.durability.about.clone())?;
        self.durability.write_whole(store, changes)
    }

    /// Lets go of everything without a last commit.
    pub(super) fn abandon(&mut self) {
        self.sources.clear();
        self.gate = None;
        self.epilogue = None;
        self.late_letters = None;
        self.durability = Durability::default();
    }
}
