//! The dataflow as text, root first, for EXPLAIN.

use std::fmt::Write;

use super::{Dataflow, Distribution, NodeId, NodeKind};
use crate::operator::Expression;

/// One line per node, inputs below and indented.
#[must_use]
pub fn explain(dataflow: &Dataflow) -> String {
    let mut text = String::new();
    if let Some(root) = dataflow.nodes.len().checked_sub(1) {
        write_node(dataflow, root, 0, &mut text);
    }
    text
}

fn write_node(dataflow: &Dataflow, id: NodeId, depth: usize, text: &mut String) {
    let node = &dataflow.nodes[id];
    let _ = writeln!(text, "{:indent$}{}", "", describe(node), indent = depth * 2);
    for input in &node.inputs {
        write_node(dataflow, *input, depth + 1, text);
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
            let key = if keys.is_empty() {
                "one state for all rows".into()
            } else {
                format!("state by {}", list(keys))
            };
            format!("stream function {}, {key}", calls.join(", "))
        }
        NodeKind::Exchange(Distribution::Hash(keys)) => format!("exchange by hash of {}", list(keys)),
        NodeKind::Exchange(Distribution::Single) => "exchange to one shard".into(),
        NodeKind::Limit(limit) => format!("limit {limit}"),
        NodeKind::Union => "union".into(),
    }
}

fn list(expressions: &[Expression]) -> String {
    expressions
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}
