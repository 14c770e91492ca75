//! One of our accumulators as DataFusion's for many groups, for the GROUP BY of queries that DataFusion itself runs.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, ArrayRef, BinaryBuilder, BooleanArray};
use datafusion::arrow::compute::{filter, prep_null_mask_filter};
use datafusion::error::Result;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};

use super::accumulator::Accumulator;

/// Makes an accumulator without groups.
pub(super) type Make = Box<dyn Fn() -> Result<Box<dyn Accumulator>> + Send>;

/// An accumulator, and which of DataFusion's arguments it wants.
pub(super) struct ManyGroups {
    make: Make,
    inner: Box<dyn Accumulator>,
    inputs: Vec<usize>,
    /// Groups that there are.
    count: usize,
}

impl fmt::Debug for ManyGroups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ManyGroups({:?}, {} groups)", self.inner, self.count)
    }
}

impl ManyGroups {
    /// `inputs` are the positions of the arguments that the accumulator wants.
    ///
    /// # Errors
    /// When `make` fails.
    pub(super) fn new(make: Make, inputs: Vec<usize>) -> Result<Self> {
        let inner = make()?;
        Ok(Self {
            make,
            inner,
            inputs,
            count: 0,
        })
    }

    /// The arguments that are wanted, and the groups, of the rows that a filter lets through.
    fn kept(
        &self,
        values: &[ArrayRef],
        groups: &[u32],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<(Vec<ArrayRef>, Vec<u32>)> {
        let values = self.inputs.iter().map(|input| &values[*input]);
        let Some(mask) = opt_filter else {
            return Ok((values.map(Arc::clone).collect(), groups.to_vec()));
        };
        let mask = prep_null_mask_filter(mask);
        let values = values.map(|values| Ok(filter(values, &mask)?));
        let groups = groups.iter().zip(mask.values());
        Ok((
            values.collect::<Result<_>>()?,
            groups.filter_map(|(group, keep)| keep.then_some(*group)).collect(),
        ))
    }

    /// What `give` makes of the groups that are emitted; the others move down to their numbers.
    fn emit<T>(&mut self, emit_to: EmitTo, give: impl FnOnce(&mut dyn Accumulator, &[u32]) -> Result<T>) -> Result<T> {
        let emitted = match emit_to {
            EmitTo::All => self.count,
            EmitTo::First(count) => count.min(self.count),
        };
        let groups: Vec<u32> = (0..emitted as u32).collect();
        let given = give(&mut *self.inner, &groups)?;
        let mut state = Vec::new();
        for group in emitted..self.count {
            state.clear();
            self.inner.save(group as u32, &mut state)?;
            self.inner.load((group - emitted) as u32, &state)?;
        }
        for group in self.count - emitted..self.count {
            self.inner.reset(group as u32);
        }
        self.count -= emitted;
        Ok(given)
    }
}

impl GroupsAccumulator for ManyGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.count = self.count.max(total_num_groups);
        let groups: Vec<u32> = group_indices.iter().map(|group| *group as u32).collect();
        let (values, groups) = self.kept(values, &groups, opt_filter)?;
        self.inner.update(&values, &groups, None, total_num_groups)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        self.emit(emit_to, |inner, groups| inner.evaluate(groups))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        self.emit(emit_to, states)
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.count = self.count.max(total_num_groups);
        // States are loaded into a group that there is not.
        let loaded = self.count as u32;
        let states = values[0].as_binary::<i32>();
        for (row, group) in group_indices.iter().enumerate() {
            if states.is_valid(row) {
                self.inner.load(loaded, states.value(row))?;
                self.inner.merge(*group as u32, loaded)?;
            }
        }
        self.inner.reset(loaded);
        Ok(())
    }

    /// Each row as the state of a group that has seen it alone.
    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let rows = values.first().map_or(0, Array::len);
        let groups: Vec<u32> = (0..rows as u32).collect();
        let mut alone = (self.make)()?;
        let (values, kept) = self.kept(values, &groups, opt_filter)?;
        alone.update(&values, &kept, None, rows)?;
        states(&mut *alone, &groups)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.inner.state_bytes()
    }
}

/// The saved states of `groups`.
fn states(inner: &mut dyn Accumulator, groups: &[u32]) -> Result<Vec<ArrayRef>> {
    let mut states = BinaryBuilder::new();
    let mut state = Vec::new();
    for group in groups {
        state.clear();
        inner.save(*group, &mut state)?;
        states.append_value(&state);
    }
    Ok(vec![Arc::new(states.finish())])
}
