//! Floor 3: statements to dataflows.
//!
//! A SELECT goes through four hands: [`rewrite`] expands `*`, names columns and marks stream functions in sqlparser's AST;
//! DataFusion resolves names and types (its `SqlToRel`, analyzer and a few optimizer rules); [`lower`] turns the logical
//! plan into a [`Dataflow`] with long-lived physical expressions, and refuses what cannot be streamed with the reason.
//! A pull query goes a way of its own after the second: [`batch`]. Nothing here reads a topic.

mod alias;
mod asof;
mod batch;
mod carried_headers;
mod checks;
mod complete_calls;
mod counted;
mod dataflow;
mod error;
mod explain;
mod frames;
mod function_set;
mod join_key;
mod lambda_arrays;
mod lateral;
mod lateral_relation;
mod lower;
mod marker;
mod names;
mod partition_by;
mod print;
mod rewrite;
mod row_time;
mod set_up;
mod stream_marker;
mod struct_star;
mod subqueries;
mod table_function_node;
mod table_marker;
mod target;
mod top_n;
mod window_marker;
mod windowed_join;
mod windows;
mod within_marker;
mod wording;

use std::sync::Arc;

pub use batch::BatchQuery;
pub use carried_headers::carry_headers;
pub use dataflow::{Dataflow, Distribution, JoinPlan, Node, NodeId, NodeKind, Scan};
pub use error::Error;
pub use explain::{explain, explain_with};
pub use function_set::FunctionSet;
pub use lower::PlannedQuery;
pub use print::{Printing, print};
pub use target::{align_to, event_time_only_types, reorder, set_event_time};

use crate::catalog::Catalog;
use crate::operator::group_by::WindowEmit;
use crate::sql::ast::{Emit, Query};

/// What a query is planned for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Its result becomes a stream or table: a window that is a part of the key comes as two more columns at the end.
    Persistent,
    /// Its result is shown.
    Transient,
}

/// What planning needs to know.
#[derive(Debug, Clone, Copy)]
pub struct Planner<'a> {
    /// Streams, tables and types.
    pub catalog: &'a Catalog,
    /// All functions.
    pub functions: &'a Arc<FunctionSet>,
    /// The time to live of keys, in milliseconds, as [`Dataflow::state_ttl_ms`].
    pub state_ttl_ms: Option<i64>,
}

impl Planner<'_> {
    /// Plans a query.
    ///
    /// # Errors
    /// When a name or type is wrong, or the query cannot be streamed.
    pub fn plan(&self, query: &Query, purpose: Purpose) -> Result<PlannedQuery, Error> {
        let rewritten = rewrite::rewrite(query, self.catalog, self.functions, purpose)?;
        let explain = |error| checks::explain(error, query, &rewritten.body, self.catalog, self.functions);
        let logical = names::logical_plan(rewritten.body.clone(), self.catalog, self.functions).map_err(explain)?;
        let emit = match query.emit {
            Emit::Final => WindowEmit::Final,
            Emit::Changes | Emit::Unsaid => WindowEmit::Changes,
        };
        let mut planned = lower::lower(
            &logical,
            rewritten.partition_by.clone(),
            rewritten.key_window,
            emit,
            self.functions,
        )
        .map_err(explain)?;
        planned.dataflow.state_ttl_ms = self.state_ttl_ms;
        Ok(planned)
    }

    /// Plans an expression that sees no column, as those of INSERT ... VALUES, and gives its value.
    ///
    /// # Errors
    /// When it is no constant, or cannot be evaluated.
    pub fn constant(
        &self,
        expression: &datafusion::sql::sqlparser::ast::Expr,
    ) -> Result<datafusion::scalar::ScalarValue, Error> {
        names::constant(expression, self.catalog, self.functions)
    }
}
