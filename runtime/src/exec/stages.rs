//! Cuts a dataflow into stages at its exchanges.

use crate::plan::{Dataflow, JoinPlan, NodeId, NodeKind};

/// For each node: its stage and its consumer.
#[derive(Debug)]
pub(crate) struct Stages {
    /// Stage of each node; an exchange belongs to the stage that sends.
    pub(crate) stage: Vec<usize>,
    /// Who takes each node's batches, and at which port; `None` for the root.
    pub(crate) consumer: Vec<Option<(NodeId, usize)>>,
    /// The scans that feed each node.
    pub(crate) scans: Vec<Vec<NodeId>>,
    /// The scans that feed each input of each node.
    pub(crate) input_scans: Vec<Vec<Vec<NodeId>>>,
    /// For each scan those whose rows must not be left behind: it is not read further than they are.
    pub(crate) read_beside: Vec<Vec<NodeId>>,
    /// Number of stages.
    pub(crate) count: usize,
}

impl Stages {
    pub(crate) fn of(dataflow: &Dataflow) -> Self {
        let mut stage = Vec::with_capacity(dataflow.nodes.len());
        let mut consumer = vec![None; dataflow.nodes.len()];
        let mut scans: Vec<Vec<NodeId>> = Vec::with_capacity(dataflow.nodes.len());
        let mut input_scans = Vec::with_capacity(dataflow.nodes.len());
        let mut read_beside = vec![Vec::new(); dataflow.nodes.len()];
        for (id, node) in dataflow.nodes.iter().enumerate() {
            let after = node.inputs.iter().map(|input| {
                let crossed = matches!(dataflow.nodes[*input].kind, NodeKind::Exchange(_));
                stage[*input] + usize::from(crossed)
            });
            let own = after.max().unwrap_or(0);
            let by_input: Vec<Vec<NodeId>> = node.inputs.iter().map(|input| scans[*input].clone()).collect();
            let mut feeding = by_input.concat();
            if let (NodeKind::Join(join), [left, right]) = (&node.kind, &by_input[..])
                && matches!(**join, JoinPlan::StreamTable(_))
            {
                for (own, other) in [(left, right), (right, left)] {
                    for scan in own {
                        read_beside[*scan].extend(other);
                    }
                }
            }
            input_scans.push(by_input);
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
            input_scans,
            read_beside,
            count,
        }
    }
}
