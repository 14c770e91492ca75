//! Queries that are planned and held back ([`QueryStart::Held`](super::QueryStart::Held)): each is told later to run to the end of
//! what its topics hold then. Cases run so, one query after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Engine, Error};
use crate::connector::{Source, StopAt};
use crate::exec::State;
use crate::plan::{Dataflow, NodeId, Scan};

/// What a query that is held back will read.
#[derive(Debug)]
pub(crate) struct Held {
    scans: Vec<(NodeId, Scan)>,
    /// Those that are settled already.
    sources: BTreeMap<NodeId, Box<dyn Source>>,
}

impl Held {
    pub(crate) fn new(dataflow: &Dataflow) -> Self {
        Self {
            scans: dataflow.scans().map(|(node, scan)| (node, scan.clone())).collect(),
            sources: BTreeMap::new(),
        }
    }
}

impl Engine {
    /// The queries that are held back, in the order in which they were planned.
    #[must_use]
    pub fn held_queries(&self) -> Vec<String> {
        let session = self.session.lock();
        let held = session.queries.iter().filter(|(_, running)| running.held.is_some());
        let mut held: Vec<(u64, String)> = held.map(|(id, running)| (running.number, id.clone())).collect();
        held.sort_unstable();
        held.into_iter().map(|(_, id)| id).collect()
    }

    /// Settles that of these topics held queries read what is there now, and nothing that comes later.
    ///
    /// # Errors
    /// When a topic cannot be opened.
    pub fn fix_inputs(&self, topics: &BTreeSet<String>) -> Result<(), Error> {
        for id in self.held_queries() {
            self.open_held(&id, |scan| topics.contains(&scan.definition.storage.topic))?;
        }
        Ok(())
    }

    /// Runs a query that was held back to the end of what its topics hold, and waits for it, at most `timeout`. Gives its
    /// state.
    ///
    /// # Errors
    /// When a topic cannot be opened, or the query is not held back.
    pub fn run_held(&self, id: &str, timeout: Duration) -> Result<State, Error> {
        self.open_held(id, |_| true)?;
        let mut session = self.session.lock();
        let running = session.queries.get_mut(id);
        let Some((held, pipeline)) = running.and_then(|running| Some((running.held.take()?, &running.pipeline))) else {
            return Err(Error::System(format!("query {id} is not held back")));
        };
        let pipeline = std::sync::Arc::clone(pipeline);
        drop(session);
        pipeline.begin(held.sources, &self.pool);
        Ok(pipeline.wait(timeout))
    }

    /// Opens the scans of a held query that `wanted` picks and that are not open yet.
    fn open_held(&self, id: &str, wanted: impl Fn(&Scan) -> bool) -> Result<(), Error> {
        let mut session = self.session.lock();
        let mut opened = Vec::new();
        if let Some((info, held)) = session
            .queries
            .get(id)
            .and_then(|running| Some((&running.info, running.held.as_ref()?)))
        {
            let opening = self.opening(&session, info)?;
            for (number, (node, scan)) in held.scans.iter().enumerate() {
                if wanted(scan) && !held.sources.contains_key(node) {
                    opened.push((
                        *node,
                        opening.source(number, scan, StopAt::CurrentEnd, (BTreeMap::new(), false))?,
                    ));
                }
            }
        }
        if let Some(held) = session.queries.get_mut(id).and_then(|running| running.held.as_mut()) {
            held.sources.extend(opened);
        }
        Ok(())
    }
}
