//! Aggregate functions: ksqlDB's own, and how all others are computed continuously.
//!
//! [`Accumulator`] is the one interface. ksqlDB's functions have kernels here, one file for each family, that work on the states
//! of all groups at once; DataFusion's functions run in DataFusion's accumulators. Both are reached through [`AggregateSpec`].
//! Not here: which rows make a group, and windows.

mod accumulator;
mod avg;
mod by_offset;
mod codec;
mod collect;
mod correlation;
mod count;
mod counted;
mod definition;
mod distinct;
mod extremum;
mod functions;
mod grouped;
mod limits;
mod many_groups;
mod number;
mod plugin;
mod replay;
mod row_accumulators;
mod sort_key;
mod spec;
mod state_reader;
mod stddev;
mod sum;
#[cfg(test)]
mod tests;
mod top;
mod udaf;
mod value_counts;
mod value_list;

use std::sync::Arc;

use datafusion::logical_expr::AggregateUDF;

pub use accumulator::Accumulator;
pub use limits::AggregateLimits;
pub use plugin::SharedInstance;
pub use spec::AggregateSpec;

use super::definition::FunctionDoc;

/// ksqlDB's aggregate functions.
#[must_use]
pub fn aggregate_functions(limits: AggregateLimits) -> Vec<Arc<AggregateUDF>> {
    functions::FUNCTIONS
        .iter()
        .map(|definition| Arc::new(AggregateUDF::from(udaf::KsqlAggregate::new(*definition, limits))))
        .collect()
}

/// What people are told about them.
pub(super) fn docs() -> impl Iterator<Item = FunctionDoc> {
    functions::FUNCTIONS.iter().map(FunctionDoc::from)
}
