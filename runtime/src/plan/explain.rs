//! The dataflow as text, root first, for EXPLAIN.

use std::fmt::Write;

use super::{Dataflow, Distribution, JoinPlan, NodeId, NodeKind};
use crate::operator::Expression;
use crate::operator::group_by::{GroupBy, WindowEmit};

/// One line per node, inputs below and indented.
#[must_use]
pub fn explain(dataflow: &Dataflow) -> String {
    explain_with(dataflow, &|_| String::new())
}

/// As [`explain`], with what `remark` says of each node behind it.
#[must_use]
pub fn explain_with(dataflow: &Dataflow, remark: &dyn Fn(NodeId) -> String) -> String {
    let mut text = String::new();
    if let Some(root) = dataflow.nodes.len().checked_sub(1) {
        write_node(dataflow, root, 0, remark, &mut text);
    }
    text
}

/// Milliseconds in the largest unit that they fill.
fn lasting(ms: i64) -> String {
    let units = [
        ("day", 86_400_000),
        ("hour", 3_600_000),
        ("minute", 60_000),
        ("second", 1000),
    ];
    let (unit, count) = units
        .iter()
        .find(|(_, unit_ms)| ms % unit_ms == 0)
        .map_or(("millisecond", ms), |(unit, unit_ms)| (*unit, ms / unit_ms));
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

fn write_node(dataflow: &Dataflow, id: NodeId, depth: usize, remark: &dyn Fn(NodeId) -> String, text: &mut String) {
    let node = &dataflow.nodes[id];
    let ttl = dataflow
        .ttl_ms(id)
        .map_or_else(String::new, |ttl| format!(", keys live {}", lasting(ttl)));
    let _ = writeln!(
        text,
        "{:indent$}{}{ttl}{}",
        "",
        describe(node),
        remark(id),
        indent = depth * 2
    );
    for input in &node.inputs {
        write_node(dataflow, *input, depth + 1, remark, text);
    }
}

fn describe(node: &super::Node) -> String {
    let columns = || {
        let names: Vec<&str> = node.schema.fields().iter().map(|field| field.name().as_str()).collect();
        names.join(", ")
    };
    match &node.kind {
        NodeKind::Scan(scan) => {
            let definition = &scan.definition;
            let from = definition.storage.connector.as_deref().unwrap_or("topic");
            format!(
                "scan {} ({from} {}) reads {}",
                definition.name,
                definition.storage.topic,
                columns()
            )
        }
        NodeKind::Rows(batch) => format!("rows {}", batch.num_rows()),
        NodeKind::Filter(predicate) => format!("filter {predicate}"),
        NodeKind::Project(expressions) => {
            let pairs = expressions.iter().zip(node.schema.fields());
            let items: Vec<String> = pairs
                .map(|(expression, field)| {
                    let text = expression.to_string();
                    if text == *field.name() || text.ends_with(&format!(".{}", field.name())) {
                        field.name().clone()
                    } else {
                        format!("{text} AS {}", field.name())
                    }
                })
                .collect();
            format!("project {}", items.join(", "))
        }
        NodeKind::StreamFunction { keys, calls } => {
            let calls: Vec<String> = calls
                .iter()
                .map(|call| format!("{}({})", call.function.info().name, list(&call.args)))
                .collect();
            format!("stream function {}, {}", calls.join(", "), state_by(keys))
        }
        NodeKind::EventTime { declared, .. } => format!("event time from {}", declared.column),
        NodeKind::Exchange(Distribution::Hash(keys)) => format!("exchange by hash of {}", list(keys)),
        NodeKind::Exchange(Distribution::Single) => "exchange to one shard".into(),
        NodeKind::TableSource { keys, old_rows } => {
            let names: Vec<&str> = keys.iter().map(|key| node.schema.field(*key).name().as_str()).collect();
            let state = if *old_rows { "keeps its rows" } else { "keeps nothing" };
            format!("table by {}, {state}", names.join(", "))
        }
        NodeKind::Join(join) => describe_join(join),
        NodeKind::GroupBy(group_by) => describe_group_by(group_by),
        NodeKind::TableFunction(calls) => {
            format!("table function {calls}")
        }
        NodeKind::Over { keys, calls, .. } => {
            let calls: Vec<String> = calls.iter().map(ToString::to_string).collect();
            format!("over {}, {}", calls.join(", "), state_by(keys))
        }
        NodeKind::TopN(spec) => spec.to_string(),
        NodeKind::Distinct => "distinct".into(),
        NodeKind::Settle { .. } => "settle: old rows of a key before its new ones".into(),
        NodeKind::Limit(limit) => format!("limit {limit}"),
        NodeKind::Union => "union".into(),
        NodeKind::Gather(_) => "gather the rows that there are now".into(),
    }
}

fn describe_join(join: &JoinPlan) -> String {
    let (name, left, right, filter) = match join {
        JoinPlan::StreamStream(plan) => {
            let grace = plan.grace_ms.map_or(String::new(), |ms| format!(", grace {ms} ms"));
            let kind = format!("{:?}", plan.kind).to_lowercase();
            let within = format!("within {} ms before, {} ms after{grace}", plan.before_ms, plan.after_ms);
            (
                format!("{kind} join of streams, {within}"),
                &plan.left_keys,
                &plan.right_keys,
                &plan.filter,
            )
        }
        JoinPlan::StreamTable(plan) => (
            "join of a stream with a table".into(),
            &plan.left_keys,
            &plan.right_keys,
            &plan.filter,
        ),
        JoinPlan::TableTable(plan) => {
            let kind = format!("{:?}", plan.kind).to_lowercase();
            (
                format!("{kind} join of tables"),
                &plan.left_keys,
                &plan.right_keys,
                &plan.filter,
            )
        }
        JoinPlan::ForeignKey(plan) => (
            "join of tables by foreign key".into(),
            &plan.left_keys,
            &plan.right_keys,
            &plan.filter,
        ),
        JoinPlan::Asof(plan) => ("as-of join".into(), &plan.left_keys, &plan.right_keys, &plan.filter),
    };
    let filter = filter.as_ref().map_or(String::new(), |filter| format!(" and {filter}"));
    format!("{name}: {} = {}{filter}", list(left), list(right))
}

fn describe_group_by(group_by: &GroupBy) -> String {
    let calls: Vec<&str> = group_by.calls.iter().map(|call| call.label.as_str()).collect();
    let keys = if group_by.keys.is_empty() {
        "one group".into()
    } else {
        format!("by {}", list(&group_by.keys))
    };
    let mut text = format!("group {keys}: {}", calls.join(", "));
    if let Some(window) = &group_by.window {
        let emit = match group_by.emit {
            WindowEmit::Changes => "given at each change",
            WindowEmit::Final => "given when the watermark closes it",
        };
        let _ = write!(text, "; window {window}, {emit}");
    }
    if group_by.old_rows {
        text.push_str("; with old rows");
    }
    text
}

fn list(expressions: &[Expression]) -> String {
    expressions
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

fn state_by(keys: &[Expression]) -> String {
    if keys.is_empty() {
        "one state for all rows".into()
    } else {
        format!("state by {}", list(keys))
    }
}
