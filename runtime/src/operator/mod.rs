//! Floor 2: operators, the nodes of a dataflow.
//!
//! An operator is synchronous and single-threaded. It knows neither Kafka nor tokio nor the wall clock: it takes change
//! batches and gives change batches. Each shard has operators of its own.

mod error;
pub mod expression;
mod filter;
mod keys;
mod limit;
mod project;
mod row_errors;
mod stream_function;

use std::fmt::Debug;

pub use error::Error;
pub(crate) use error::plain_reason;
pub use expression::Expression;
pub use filter::Filter;
pub use keys::KeyIndex;
pub use limit::{Limit, LimitCount};
pub use project::Project;
pub use row_errors::{RowErrorPolicy, RowErrors};
pub use stream_function::{StreamCall, StreamFunctionOperator};

use crate::types::ChangeBatch;

/// One node of a dataflow in one shard.
pub trait Operator: Send + Debug {
    /// Takes one batch and appends what it makes of it to `out`.
    ///
    /// # Errors
    /// When the batch cannot be worked on and the policy is not to leave rows out; the pipeline then stops.
    fn push(&mut self, changes: ChangeBatch, out: &mut Vec<ChangeBatch>) -> Result<(), Error>;
}
