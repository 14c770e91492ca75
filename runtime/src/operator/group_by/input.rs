//! One batch on its way into groups: keys and arguments evaluated once, whatever the number of windows that take it.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int8Array, UInt32Array};
use datafusion::arrow::compute::{filter, prep_null_mask_filter, take};
use datafusion::arrow::datatypes::Int8Type;

use super::GroupBy;
use super::group_index::keyed_rows;
use crate::operator::aggregate::{Accumulator, AggregateCall};
use crate::operator::{Error, RowErrors};
use crate::types::ChangeBatch;

/// The evaluated columns of a batch, without the rows that are in no group.
#[derive(Debug)]
pub(super) struct GroupInput {
    /// The rows as they came, for those that turn out to be late.
    pub(super) source: ChangeBatch,
    pub(super) keys: Vec<ArrayRef>,
    pub(super) args: Vec<CallInput>,
    pub(super) weights: Option<Int8Array>,
    pub(super) event_times: Vec<i64>,
    /// For each row the stream time up to it.
    pub(super) stream_times: Vec<i64>,
}

/// The arguments of one call, and for which rows its FILTER is true.
#[derive(Debug, Clone)]
pub(super) struct CallInput {
    args: Vec<ArrayRef>,
    filter: Option<BooleanArray>,
}

impl GroupInput {
    /// Evaluates what `plan` groups and aggregates by. Rows of weight 0 and rows with a NULL among their keys are left out
    /// (ksqlDB: such rows are in no group).
    pub(super) fn of(plan: &GroupBy, changes: ChangeBatch, errors: &RowErrors) -> Result<Self, Error> {
        let mut changes = match changes.rows_mask() {
            Some(mask) => changes.filter(&mask)?,
            None => changes,
        };
        let evaluate = |expressions: &[crate::operator::Expression], changes: &ChangeBatch| {
            let values = expressions
                .iter()
                .map(|expression| Ok(expression.evaluate(&changes.records, errors)?.array));
            values.collect::<Result<Vec<_>, Error>>()
        };
        let mut keys = evaluate(&plan.keys, &changes)?;
        if let Some(keyed) = keyed_rows(&keys) {
            let mask = BooleanArray::from(keyed);
            changes = changes.filter(&mask)?;
            keys = keys
                .iter()
                .map(|column| filter(column, &mask))
                .collect::<Result<_, _>>()?;
        }
        let args = plan.calls.iter().map(|call| {
            let condition = match &call.filter {
                Some(condition) => {
                    let values = condition.evaluate(&changes.records, errors)?.array;
                    let mask = values.as_boolean();
                    Some(if mask.null_count() > 0 {
                        prep_null_mask_filter(mask)
                    } else {
                        mask.clone()
                    })
                }
                None => None,
            };
            Ok(CallInput {
                args: evaluate(&call.args, &changes)?,
                filter: condition,
            })
        });
        let args = args.collect::<Result<_, Error>>()?;
        let event_times = changes.event_times.values().to_vec();
        let stream_times = match &changes.stream_times {
            Some(times) => times.values().to_vec(),
            None => running_max(&event_times),
        };
        Ok(Self {
            keys,
            args,
            weights: changes.weights.clone(),
            source: changes,
            event_times,
            stream_times,
        })
    }

    pub(super) fn num_rows(&self) -> usize {
        self.event_times.len()
    }

    /// The rows at `rows`, in that order.
    pub(super) fn take(&self, rows: &[u32]) -> Result<Self, Error> {
        let indices = UInt32Array::from(rows.to_vec());
        let pick = |columns: &[ArrayRef]| -> Result<Vec<ArrayRef>, Error> {
            Ok(columns
                .iter()
                .map(|column| take(column, &indices, None))
                .collect::<Result<_, _>>()?)
        };
        let times = |times: &[i64]| rows.iter().map(|row| times[*row as usize]).collect();
        Ok(Self {
            source: self.source.slice(0, 0),
            keys: pick(&self.keys)?,
            args: self
                .args
                .iter()
                .map(|call| {
                    Ok(CallInput {
                        args: pick(&call.args)?,
                        filter: match &call.filter {
                            Some(mask) => Some(take(mask, &indices, None)?.as_boolean().clone()),
                            None => None,
                        },
                    })
                })
                .collect::<Result<_, Error>>()?,
            weights: match &self.weights {
                Some(weights) => Some(take(weights, &indices, None)?.as_primitive::<Int8Type>().clone()),
                None => None,
            },
            event_times: times(&self.event_times),
            stream_times: times(&self.stream_times),
        })
    }

    /// Hands all rows to the accumulators, each to its group.
    pub(super) fn update(
        &self,
        accumulators: &mut [Box<dyn Accumulator>],
        groups: &[u32],
        group_count: usize,
    ) -> Result<(), Error> {
        for (accumulator, call) in accumulators.iter_mut().zip(&self.args) {
            let weights = self.weights.as_ref();
            match &call.filter {
                None => accumulator.update(&call.args, groups, weights.map(|w| &**w.values()), group_count)?,
                Some(mask) => {
                    let args = call
                        .args
                        .iter()
                        .map(|column| filter(column, mask))
                        .collect::<Result<Vec<_>, _>>()?;
                    let kept = mask.values().set_indices();
                    let groups: Vec<u32> = kept.map(|row| groups[row]).collect();
                    let weights: Option<Vec<i8>> =
                        weights.map(|w| mask.values().set_indices().map(|row| w.value(row)).collect());
                    accumulator.update(&args, &groups, weights.as_deref(), group_count)?;
                }
            }
        }
        Ok(())
    }
}

/// A fresh accumulator for each call.
pub(super) fn accumulators(
    calls: &[AggregateCall],
    errors: &Arc<RowErrors>,
) -> Result<Vec<Box<dyn Accumulator>>, Error> {
    calls.iter().map(|call| call.accumulator(errors)).collect()
}

/// The current values of groups, a column for each call.
pub(super) fn evaluate(accumulators: &mut [Box<dyn Accumulator>], groups: &[u32]) -> Result<Vec<ArrayRef>, Error> {
    accumulators
        .iter_mut()
        .map(|accumulator| accumulator.evaluate(groups))
        .collect()
}

fn running_max(times: &[i64]) -> Vec<i64> {
    let mut largest = i64::MIN;
    let running = times.iter().map(|time| {
        largest = largest.max(*time);
        largest
    });
    running.collect()
}
