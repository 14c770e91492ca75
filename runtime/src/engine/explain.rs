//! EXPLAIN and EXPLAIN ANALYZE of a query that runs.

use super::plugins::SHA256_CHARS;
use super::query::Running;
use super::show::function_signature;
use super::waiting::Waiting;
use super::{Engine, Error, Outcome, Session};
use crate::plan::{NodeId, explain_with};
use crate::sql::ast::Name;
use crate::udf::{Registry, UsedFunction};

impl Engine {
    /// A query by its id, or all that write to the stream or table of that name.
    pub(crate) fn explain_query(&self, session: &Session, id: &Name, analyze: bool) -> Result<Outcome, Error> {
        let found: Vec<_> = match session.queries.get(&id.value) {
            Some(query) => vec![query],
            None => (session.queries.values())
                .filter(|query| query.info.sink.as_deref() == Some(id.value.as_str()))
                .collect(),
        };
        let waiting = session.waiting.values();
        let waiting = waiting.filter(|waiting| waiting.info.id == id.value || waiting.sink == id.value);
        let waiting: Vec<String> = waiting
            .map(|Waiting { info, .. }| format!("{}\n\nit does not run: {}\n", info.statement, info.reason))
            .collect();
        if found.is_empty() && waiting.is_empty() {
            let error = Error::user(
                "unknown-query",
                format!(
                    "there is no query `{}`, and none that writes to a stream or table of that name",
                    id.value
                ),
            );
            return Err(error.at(id.span).help("SHOW QUERIES lists the running ones"));
        }
        let explained: Vec<String> = found
            .into_iter()
            .map(|query| {
                let plan = if analyze {
                    analyzed(query)
                } else {
                    query.info.plan.clone()
                };
                let functions = versions(&query.info.functions, &session.registry);
                format!("{}\n\n{plan}{functions}", query.info.statement)
            })
            .collect();
        let all: Vec<String> = explained.into_iter().chain(waiting).collect();
        Ok(Outcome::Text(all.join("\n\n")))
    }
}

/// The plan of a query with what each operator did so far.
fn analyzed(query: &Running) -> String {
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
    let functions = called(&query.info.functions);
    format!("{plan}\n{commits}\n{functions}")
}

/// What the functions of plugins that a query calls have done so far, a line each.
fn called(functions: &[UsedFunction]) -> String {
    let lines = functions.iter().filter_map(|function| {
        let totals = Some(function.totals()).filter(|totals| totals.calls > 0)?;
        let (signature, plugin) = (function_signature(function.info()), &function.info().plugin);
        Some(format!("{signature} of plugin {plugin}, by all queries: {totals}\n"))
    });
    lines.collect()
}

/// Which code the functions of plugins are that a query calls, and what is there instead of it by now, a line each.
fn versions(functions: &[UsedFunction], now: &Registry) -> String {
    let place = |function: &UsedFunction| {
        let sha256: String = function.sha256.chars().take(SHA256_CHARS).collect();
        format!("plugin {}, SHA-256 {sha256}", function.info().plugin_and_version())
    };
    let lines = functions.iter().map(|function| {
        let name = &function.info().name;
        let same_name = now.used(&|info| info.name.eq_ignore_ascii_case(name));
        let there = same_name.iter().find(|other| other.is_of_signature(function));
        let news = match there {
            Some(there) if there.is_same(function) => String::new(),
            Some(there) => format!(
                "; now there is {}: CREATE OR REPLACE moves the query to it",
                place(there)
            ),
            None => "; it is not there any more: the query goes on, and cannot be started again before it is back"
                .to_owned(),
        };
        format!(
            "runs {} of {}{news}\n",
            function_signature(function.info()),
            place(function)
        )
    });
    lines.collect()
}
