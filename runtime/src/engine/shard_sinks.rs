//! How the shards of a query write: each by itself, or all through one of them where the output is one file.

use std::sync::Arc;

use super::opening::Opening;
use super::{Engine, Error};
use crate::catalog::Definition;
use crate::connector::registry::{self, ConnectorSpec, ShardOf, Writing};
use crate::connector::{Sink, Transactions};
use crate::exec::{self, NullKeys, ShardSink, change_channel};
use crate::plan::{Dataflow, Distribution, NodeKind};

/// How the shards of a query write.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShardSinks {
    /// One file however many shards: all rows go to the first, the others write nothing.
    pub(super) one_writer: bool,
    pub(super) null_keys: NullKeys,
    pub(super) carries_headers: bool,
}

impl ShardSinks {
    /// Opens the sinks of all shards.
    pub(crate) fn open(
        self,
        opening: &Opening,
        definition: &Definition,
        shards: usize,
        transactions: Option<&dyn Transactions>,
        writing: Writing,
    ) -> Result<Vec<ShardSink>, exec::Error> {
        (0..shards)
            .map(|index| {
                let shard = match self.one_writer {
                    true if index > 0 => return Ok(ShardSink::Columns(Box::new(change_channel().0))),
                    true => ShardOf { index: 0, count: 1 },
                    false => ShardOf { index, count: shards },
                };
                let sink = match definition.storage.connector {
                    Some(_) => registry::open_sink(&ConnectorSpec::from(definition), shard, writing)?,
                    None => Sink::Records(opening.record_sink(transactions, &definition.storage.topic)?),
                };
                let sink = ShardSink::new(definition, sink)?.with_null_keys(self.null_keys);
                Ok(if self.carries_headers {
                    sink.with_headers()
                } else {
                    sink
                })
            })
            .collect()
    }
}

impl Engine {
    pub(crate) fn shard_sink(&self, definition: &Definition, shard: ShardOf) -> Result<ShardSink, Error> {
        let sink = match definition.storage.connector {
            Some(_) => registry::open_sink(&ConnectorSpec::from(definition), shard, Writing::Anew)?,
            None => Sink::Records(self.topics.log().sink(&definition.storage.topic)?),
        };
        Ok(ShardSink::new(definition, sink)?)
    }
}

/// Whether a sink has one output, to which all rows are gathered then, and whether it has epochs.
pub(super) fn gather_for_sink(dataflow: &mut Dataflow, definition: &Definition) -> Result<(bool, bool), Error> {
    let Some(connector) = &definition.storage.connector else {
        return Ok((false, false));
    };
    let connector = registry::find(connector)?;
    if connector.has_one_output() {
        gather(dataflow);
    }
    Ok((connector.has_one_output(), connector.has_epochs()))
}

/// One file however many workers: all rows go to the first shard, the others write nothing.
fn gather(dataflow: &mut Dataflow) {
    let schema = Arc::clone(&dataflow.root().schema);
    let last = dataflow.nodes.len() - 1;
    let gather = dataflow.add(
        NodeKind::Exchange(Distribution::Single),
        vec![last],
        Arc::clone(&schema),
    );
    dataflow.add(NodeKind::Union, vec![gather], schema);
}
