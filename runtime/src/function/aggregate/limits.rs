//! How much the aggregates that collect values may collect: ksqlDB lets users set it.

use crate::types::limits::COLLECTED_VALUES_MAX;

/// Limits of one query's aggregates, in values for each group. Values beyond are left out, as in ksqlDB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AggregateLimits {
    /// Of COLLECT_LIST: `ksql.functions.collect_list.limit`.
    pub collect_list: usize,
    /// Of COLLECT_SET: `ksql.functions.collect_set.limit`.
    pub collect_set: usize,
}

impl Default for AggregateLimits {
    fn default() -> Self {
        Self {
            collect_list: COLLECTED_VALUES_MAX,
            collect_set: COLLECTED_VALUES_MAX,
        }
    }
}
