//! Floor 4: dataflows to running pipelines, the data plane.
//!
//! A [`Pipeline`] is the same chain of operators in N shards, moved forward in steps by a [`WorkerPool`] that all
//! pipelines of the process share. A step is made of stages between exchanges; each (stage, shard) is one job. The data
//! plane knows no SQL and no catalog: it is handed a [`crate::plan::Dataflow`], opened sources and sinks.

mod decode_plan;
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
mod scan;
mod shard;
mod sink;
mod stages;

pub use epilogue::Epilogue;
pub use error::Error;
pub use late_letters::LateLetters;
pub use metrics::{Metrics, Totals};
pub use node_stats::NodeStats;
pub use pipeline::{Options, Parts, Pipeline, State};
pub use pool::WorkerPool;
pub use scan::{ScanParts, StepRows};
pub use sink::{ChangeReceiver, ChangeSender, NullKeys, ShardSink, change_channel};
