//! Aggregates of plugins as an [`Accumulator`]: groups are slots of an instance of the plugin.
//!
//! All accumulators of one call in one shard share an instance, for there is an accumulator for each open window and an instance has a
//! memory of its own.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray};
use datafusion::arrow::compute::filter;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{exec_err, internal_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::scalar::ScalarValue;
use parking_lot::Mutex;

use super::accumulator::Accumulator;
use crate::function::row_error;
use crate::udf::{AggregateFunction, AggregateInstance, Error, OverloadedAggregate, RowFailure};

/// The slot of a group that has none.
const NONE: u32 = u32::MAX;

/// The instance of one call, started when it is first wanted. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct SharedInstance(Arc<Mutex<Option<Running>>>);

/// An instance and its slots.
#[derive(Debug)]
struct Running {
    instance: Box<dyn AggregateInstance>,
    free: Vec<u32>,
    /// One past the largest slot in use.
    end: u32,
    /// Slots that nobody uses any more and that the guest still holds.
    dropped: Vec<u32>,
}

impl Running {
    fn slot(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.end += 1;
            self.end - 1
        })
    }

    /// Tells the guest which slots are free again.
    fn tidy(&mut self) -> Result<()> {
        if !self.dropped.is_empty() {
            self.instance.drop_slots(&self.dropped).map_err(external)?;
            self.free.append(&mut self.dropped);
        }
        Ok(())
    }
}

/// States that are given to the guest in one call.
const LOADED_TOGETHER: usize = 1024;

/// One accumulator over a shared instance.
#[derive(Debug)]
pub(super) struct PluginAccumulator {
    function: Arc<dyn AggregateFunction>,
    shared: SharedInstance,
    /// The slot of each group.
    slots: Vec<u32>,
    /// States that were fetched together, for the saves that come next.
    fetched: HashMap<u32, Vec<u8>>,
    /// States, of the version before them, that are to be given to the guest together.
    loading: (u32, Vec<u32>, Vec<Vec<u8>>),
}

impl PluginAccumulator {
    pub(super) fn boxed(
        function: &OverloadedAggregate,
        types: &[DataType],
        constants: &[Option<ScalarValue>],
        shared: &SharedInstance,
    ) -> Result<Box<dyn Accumulator>> {
        let function = Arc::clone(function.choose(types)?);
        let mut running = shared.0.lock();
        if running.is_none() {
            *running = Some(Running {
                instance: function.instance(constants).map_err(external)?,
                free: Vec::new(),
                end: 0,
                dropped: Vec::new(),
            });
        }
        drop(running);
        Ok(Box::new(Self {
            function,
            shared: shared.clone(),
            slots: Vec::new(),
            fetched: HashMap::new(),
            loading: (0, Vec::new(), Vec::new()),
        }))
    }

    /// Runs `work` with the slots of these groups; a group without one gets it.
    fn with<R>(
        &mut self,
        groups: &[u32],
        work: impl FnOnce(&mut dyn AggregateInstance, &[u32]) -> std::result::Result<R, Error>,
    ) -> Result<R> {
        self.fetched.clear();
        self.end_load()?;
        self.with_slots(groups, work)
    }

    fn with_slots<R>(
        &mut self,
        groups: &[u32],
        work: impl FnOnce(&mut dyn AggregateInstance, &[u32]) -> std::result::Result<R, Error>,
    ) -> Result<R> {
        let mut shared = self.shared.0.lock();
        let Some(running) = shared.as_mut() else {
            return internal_err!("the instance is started with the accumulator");
        };
        running.tidy()?;
        let end = groups.iter().max().map_or(0, |group| *group as usize + 1);
        if self.slots.len() < end {
            self.slots.resize(end, NONE);
        }
        let slots: Vec<u32> = groups
            .iter()
            .map(|group| {
                let slot = &mut self.slots[*group as usize];
                if *slot == NONE {
                    *slot = running.slot();
                }
                *slot
            })
            .collect();
        work(running.instance.as_mut(), &slots).map_err(external)
    }

    /// Gives the rows with this sign.
    fn give(&mut self, args: &[ArrayRef], groups: &[u32], weights: &[i8], back: bool) -> Result<()> {
        let mask: BooleanArray = weights.iter().map(|weight| Some((*weight < 0) == back)).collect();
        if mask.true_count() == 0 {
            return Ok(());
        }
        let args: Vec<ArrayRef> = args
            .iter()
            .map(|arg| filter(arg, &mask))
            .collect::<std::result::Result<_, _>>()?;
        let kept = groups.iter().zip(mask.values());
        let groups: Vec<u32> = kept.filter(|(_, keep)| *keep).map(|(group, _)| *group).collect();
        let failed = self.with(&groups, |instance, slots| {
            if back {
                instance.retract_rows(slots, &args)
            } else {
                instance.update_rows(slots, &args)
            }
        })?;
        self.left_out(failed)
    }

    /// Rows that the function says have failed left its states as they were. That is noted, or an error where nobody takes notes.
    fn left_out(&self, failed: Vec<RowFailure>) -> Result<()> {
        let info = self.function.info();
        failed.into_iter().try_for_each(|failure| {
            let error = failure.error(info);
            if row_error::note(error.to_string()) {
                Ok(())
            } else {
                Err(external(error))
            }
        })
    }
}

impl Accumulator for PluginAccumulator {
    fn update(&mut self, args: &[ArrayRef], groups: &[u32], weights: Option<&[i8]>, _group_count: usize) -> Result<()> {
        match weights.filter(|weights| weights.iter().any(|weight| *weight < 0)) {
            None if groups.is_empty() => Ok(()),
            None => {
                let failed = self.with(groups, |instance, slots| instance.update_rows(slots, args))?;
                self.left_out(failed)
            }
            Some(weights) => {
                // In this order no row is taken back that has not come.
                self.give(args, groups, weights, false)?;
                self.give(args, groups, weights, true)
            }
        }
    }

    fn evaluate(&mut self, groups: &[u32]) -> Result<ArrayRef> {
        self.with(groups, |instance, slots| instance.finish(slots))
    }

    fn merge(&mut self, into: u32, from: u32) -> Result<()> {
        self.with(&[into, from], |instance, slots| {
            instance.merge(&slots[..1], &slots[1..])
        })
    }

    fn reset(&mut self, group: u32) {
        self.fetched.remove(&group);
        let (_, groups, states) = &mut self.loading;
        if let Some(at) = groups.iter().position(|other| *other == group) {
            groups.swap_remove(at);
            states.swap_remove(at);
        }
        let slot = self
            .slots
            .get_mut(group as usize)
            .map(|slot| std::mem::replace(slot, NONE));
        if let (Some(slot), Some(running)) = (slot.filter(|slot| *slot != NONE), self.shared.0.lock().as_mut()) {
            running.dropped.push(slot);
        }
    }

    fn begin_save(&mut self, groups: &[u32]) -> Result<()> {
        let states = self.with(groups, |instance, slots| instance.save(slots))?;
        self.fetched = groups.iter().copied().zip(states).collect();
        Ok(())
    }

    fn save(&mut self, group: u32, out: &mut Vec<u8>) -> Result<()> {
        if !self.fetched.contains_key(&group) {
            self.begin_save(&[group])?;
        }
        out.extend(self.function.state_version().to_le_bytes());
        out.extend(self.fetched.remove(&group).unwrap_or_default());
        Ok(())
    }

    fn load(&mut self, group: u32, bytes: &[u8]) -> Result<()> {
        let Some((version, state)) = bytes.split_first_chunk::<4>() else {
            return exec_err!("the state of an aggregate of a plugin is damaged: it is too short");
        };
        let version = u32::from_le_bytes(*version);
        if !self.function.reads_state_version(version) {
            let info = self.function.info();
            return exec_err!(
                "the state of {} is of version {version}, the plugin {} that is loaded now reads version {}: use a version of the plugin that reads it",
                info.name,
                info.plugin,
                self.function.state_version()
            );
        }
        let (due, groups, _) = &self.loading;
        if *due != version || groups.len() == LOADED_TOGETHER {
            self.end_load()?;
        }
        self.fetched.remove(&group);
        let (due, groups, states) = &mut self.loading;
        *due = version;
        groups.push(group);
        states.push(state.to_vec());
        Ok(())
    }

    fn end_load(&mut self) -> Result<()> {
        let (version, groups, states) = std::mem::take(&mut self.loading);
        if groups.is_empty() {
            return Ok(());
        }
        self.with_slots(&groups, |instance, slots| instance.load(slots, &states, version))
    }

    fn state_bytes(&self) -> usize {
        let loading: usize = self.loading.2.iter().map(Vec::len).sum();
        self.slots.capacity() * size_of::<u32>() + loading
    }
}

impl Drop for PluginAccumulator {
    /// A window that is over gives its slots back.
    fn drop(&mut self) {
        if let Some(running) = self.shared.0.lock().as_mut() {
            running.dropped.extend(self.slots.iter().filter(|slot| **slot != NONE));
        }
    }
}

fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
