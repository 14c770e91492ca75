//! After lowering: where old rows of updates are needed, and where rows need their stream times.
//!
//! A sink that keeps the last row of each key needs no old rows, and neither do the projections before it; everything else
//! (filters, aggregates, joins) takes back what it did with the old row. Not giving them saves the state of tables and half of the
//! rows of aggregates.

use crate::plan::{Dataflow, JoinPlan, NodeId, NodeKind};

/// Settles both for all nodes.
pub(super) fn settle(dataflow: &mut Dataflow) {
    let mut consumers: Vec<Option<NodeId>> = vec![None; dataflow.nodes.len()];
    for (id, node) in dataflow.nodes.iter().enumerate() {
        for input in &node.inputs {
            consumers[*input] = Some(id);
        }
    }
    let needed: Vec<bool> = (0..dataflow.nodes.len())
        .map(|id| needs_old_rows(dataflow, &consumers, id))
        .collect();
    for (node, needed) in dataflow.nodes.iter_mut().zip(needed) {
        match &mut node.kind {
            NodeKind::TableSource { old_rows, .. } => *old_rows = needed,
            NodeKind::GroupBy(group_by) => group_by.old_rows = needed,
            _ => {}
        }
    }
    for id in 0..dataflow.nodes.len() {
        if reads_stream_times(&dataflow.nodes[id].kind) {
            mark_scans(dataflow, id);
        }
    }
}

fn needs_old_rows(dataflow: &Dataflow, consumers: &[Option<NodeId>], mut id: NodeId) -> bool {
    while let Some(consumer) = consumers[id] {
        match dataflow.nodes[consumer].kind {
            NodeKind::Project(_) | NodeKind::Exchange(_) | NodeKind::Settle { .. } => id = consumer,
            _ => return true,
        }
    }
    false
}

fn reads_stream_times(kind: &NodeKind) -> bool {
    match kind {
        NodeKind::GroupBy(group_by) => group_by.window.is_some(),
        NodeKind::Join(join) => matches!(
            **join,
            JoinPlan::StreamStream(_) | JoinPlan::StreamTable(_) | JoinPlan::Asof(_)
        ),
        _ => false,
    }
}

fn mark_scans(dataflow: &mut Dataflow, id: NodeId) {
    if let NodeKind::Scan(scan) = &mut dataflow.nodes[id].kind {
        scan.stream_times = true;
    }
    for input in dataflow.nodes[id].inputs.clone() {
        mark_scans(dataflow, input);
    }
}
