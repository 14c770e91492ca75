//! Cuts a dataflow into stages at its exchanges.

use crate::plan::{Dataflow, NodeId, NodeKind};

/// For each node: its stage and its consumer.
#[derive(Debug)]
pub(crate) struct Stages {
    /// Stage of each node; an exchange belongs to the stage that sends.
    pub(crate) stage: Vec<usize>,
    /// Who takes each node's batches, and at which port; `None` for the root.
    pub(crate) consumer: Vec<Option<(NodeId, usize)>>,
    /// The scans that feed each node.
    pub(crate) scans: Vec<Vec<NodeId>>,
    /// Number of stages.
    pub(crate) count: usize,
}

impl Stages {
    pub(crate) fn of(dataflow: &Dataflow) -> Self {
        let mut stage = Vec::with_capacity(dataflow.nodes.len());
        let mut consumer = vec![None; dataflow.nodes.len()];
        let mut scans: Vec<Vec<NodeId>> = Vec::with_capacity(dataflow.nodes.len());
        for (id, node) in dataflow.nodes.iter().enumerate() {
            let after = node.inputs.iter().map(|input| {
                let crossed = matches!(dataflow.nodes[*input].kind, NodeKind::Exchange(_));
                stage[*input] + usize::from(crossed)
            });
            let own = after.max().unwrap_or(0);
            let mut feeding: Vec<NodeId> = node.inputs.iter().flat_map(|input| scans[*input].clone()).collect();
            if matches!(node.kind, NodeKind::Scan(_)) {
                feeding.push(id);
            }
            for (port, input) in node.inputs.iter().enumerate() {
                consumer[*input] = Some((id, port));
            }
            scans.push(feeding);
            stage.push(own);
        }
        let count = stage.iter().max().map_or(1, |last| last + 1);
        Self {
            stage,
            consumer,
            scans,
            count,
        }
    }
}
