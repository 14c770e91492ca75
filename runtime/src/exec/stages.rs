//! Cuts a dataflow into stages at its exchanges.

use crate::plan::{Dataflow, NodeId, NodeKind};

/// For each node: its stage and its consumer.
#[derive(Debug)]
pub(crate) struct Stages {
    /// Stage of each node; an exchange belongs to the stage that sends.
    pub(crate) stage: Vec<usize>,
    /// Who takes each node's batches; `None` for the root.
    pub(crate) consumer: Vec<Option<NodeId>>,
    /// Number of stages.
    pub(crate) count: usize,
}

impl Stages {
    pub(crate) fn of(dataflow: &Dataflow) -> Self {
        let mut stage = Vec::with_capacity(dataflow.nodes.len());
        let mut consumer = vec![None; dataflow.nodes.len()];
        for (id, node) in dataflow.nodes.iter().enumerate() {
            let after = node.inputs.iter().map(|input| {
                let crossed = matches!(dataflow.nodes[*input].kind, NodeKind::Exchange(_));
                stage[*input] + usize::from(crossed)
            });
            let own = after.max().unwrap_or(0);
            for input in &node.inputs {
                consumer[*input] = Some(id);
            }
            stage.push(own);
        }
        let count = stage.iter().max().map_or(1, |last| last + 1);
        Self { stage, consumer, count }
    }
}
