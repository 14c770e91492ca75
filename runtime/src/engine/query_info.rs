//! What is known of a query without looking at its run: its name, text, plan, and the plugins' functions in it.

use std::sync::Arc;

use crate::plan::{self, Dataflow};
use crate::udf::{Registry, UsedFunction};

/// What a query is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryKind {
    /// It writes to a stream or table.
    Persistent,
    /// A SELECT with EMIT CHANGES.
    Push,
    /// A SELECT over what there is now.
    Pull,
}

/// What is known of a query without looking at its run.
#[derive(Debug, Clone)]
pub struct QueryInfo {
    /// Its name.
    pub id: String,
    /// What it is for.
    pub kind: QueryKind,
    /// Its text.
    pub statement: String,
    /// Its dataflow as text.
    pub plan: String,
    /// Its dataflow.
    pub dataflow: Arc<Dataflow>,
    /// The functions of plugins that its plan names, as they were when it was planned.
    pub functions: Vec<UsedFunction>,
    /// Streams and tables that it reads.
    pub sources: Vec<String>,
    /// The stream or table that it writes to.
    pub sink: Option<String>,
    /// It made its sink (CREATE ... AS), so they are dropped together.
    pub creates_sink: bool,
    /// The name of its state, its consumer groups and its transactions. It follows from the sink, so that statements before it do not change it.
    pub durable: String,
}

pub(crate) fn query_info(
    id: String,
    kind: QueryKind,
    text: &str,
    dataflow: &Dataflow,
    sink: Option<String>,
) -> QueryInfo {
    QueryInfo {
        kind,
        statement: text.to_owned(),
        plan: plan::explain(dataflow),
        functions: Vec::new(),
        dataflow: Arc::new(dataflow.clone()),
        sources: dataflow.scans().map(|(_, scan)| scan.definition.name.clone()).collect(),
        sink,
        creates_sink: false,
        durable: id.clone(),
        id,
    }
}

/// The functions of plugins that a plan names.
pub(crate) fn functions_of(plan: &str, registry: &Registry) -> Vec<UsedFunction> {
    let plan = plan.to_lowercase();
    registry.used(&|info| {
        let call = format!("{}(", info.name.to_lowercase());
        let mut places = plan.match_indices(&call);
        // Not the end of a longer name.
        places.any(|(at, _)| !plan[..at].ends_with(|c: char| c == '_' || c.is_alphanumeric()))
    })
}
