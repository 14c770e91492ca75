//! EXPLAIN and EXPLAIN ANALYZE of a query that runs.

use super::query::Running;
use super::show::function_signature;
use super::{Engine, Error, Outcome, Session};
use crate::plan::{NodeId, explain_with};
use crate::sql::ast::Name;
use crate::udf::{FunctionInfo, FunctionSource, FunctionTotals};

impl Engine {
    /// A query by its id, or all that write to the stream or table of that name.
    pub(crate) fn explain_query(&self, session: &Session, id: &Name, analyze: bool) -> Result<Outcome, Error> {
        let found: Vec<_> = match session.queries.get(&id.value) {
            Some(query) => vec![query],
            None => (session.queries.values())
                .filter(|query| query.info.sink.as_deref() == Some(id.value.as_str()))
                .collect(),
        };
        if found.is_empty() {
            let error = Error::user(
                "unknown-query",
                format!(
                    "there is no query `{}`, and none that writes to a stream or table of that name",
                    id.value
                ),
            );
            return Err(error.at(id.span).help("SHOW QUERIES lists the running ones"));
        }
        let plugins = session.registry.totals();
        let explained: Vec<String> = found
            .into_iter()
            .map(|query| {
                let plan = if analyze {
                    analyzed(query, &plugins)
                } else {
                    query.info.plan.clone()
                };
                format!("{}\n\n{plan}", query.info.statement)
            })
            .collect();
        Ok(Outcome::Text(explained.join("\n\n")))
    }
}

/// The plan of a query with what each operator did so far.
fn analyzed(query: &Running, plugins: &[(FunctionInfo, FunctionTotals)]) -> String {
    let stats = query.pipeline.node_stats();
    let remark = |node: NodeId| {
        stats.get(node).map_or_else(String::new, |stats| {
            let keys = stats
                .state
                .keys
                .map_or_else(String::new, |keys| format!("{keys} keys, "));
            format!(
                "  [{} rows in, {} out, {:.1} ms, {keys}{} bytes of state]",
                stats.rows_in,
                stats.rows_out,
                stats.busy.as_secs_f64() * 1e3,
                stats.state.bytes
            )
        })
    };
    let plan = explain_with(&query.info.dataflow, &remark);
    let commits = query.pipeline.commit_words();
    let functions = called(&query.info.plan, plugins);
    format!("{plan}\n{commits}\n{functions}")
}

/// What the functions of plugins that a plan names have done so far, a line each.
fn called(plan: &str, plugins: &[(FunctionInfo, FunctionTotals)]) -> String {
    let plan = plan.to_lowercase();
    let of_plan = |info: &FunctionInfo| {
        let call = format!("{}(", info.name.to_lowercase());
        let mut places = plan.match_indices(&call);
        // Not the end of a longer name.
        places.any(|(at, _)| !plan[..at].ends_with(|c: char| c == '_' || c.is_alphanumeric()))
    };
    let called = plugins
        .iter()
        .filter(|(info, totals)| totals.calls > 0 && of_plan(info));
    let lines = called.map(|(info, totals)| {
        format!(
            "{} of plugin {}, by all queries: {totals}\n",
            function_signature(info),
            info.plugin
        )
    });
    lines.collect()
}
