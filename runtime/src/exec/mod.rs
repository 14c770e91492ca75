//! Floor 4: dataflows to running pipelines, the data plane.
//!
//! A [`Pipeline`] is the same chain of operators in N shards, moved forward in steps by a [`WorkerPool`] that all
//! pipelines of the process share. A step is made of stages between exchanges; each (stage, shard) is one job. The data
//! plane knows no SQL and no catalog: it is handed a [`crate::plan::Dataflow`], opened sources and sinks.

mod commit_times;
mod control;
mod crash_point;
mod decode_plan;
mod durability;
mod epilogue;
mod error;
mod event_clock;
mod exchange;
mod headers;
mod key_window;
mod late_letters;
mod metrics;
mod node_stats;
mod partition_clock;
mod pipeline;
mod pool;
mod recovery;
mod replay;
mod restart;
mod run;
mod scan;
mod shard;
#[cfg(test)]
mod simulation;
mod sink;
mod stages;

pub use commit_times::CommitTimes;
pub use durability::Durability;
pub use epilogue::Epilogue;
pub use error::Error;
pub use late_letters::LateLetters;
pub use metrics::{Metrics, Totals};
pub use node_stats::{NodeStats, StateSize};
pub use pipeline::{Options, Parts, Pipeline, State};
pub use pool::WorkerPool;
pub use recovery::{LogRecord, Positions, Start, after_transactions, without_transactions};
pub use restart::Rebuild;
pub use run::state_difference;
pub use scan::{ScanParts, StepRows};
#[cfg(test)]
pub(crate) use shard::{Shard, Shared};
pub use sink::{ChangeReceiver, ChangeSender, NullKeys, ShardSink, change_channel};
