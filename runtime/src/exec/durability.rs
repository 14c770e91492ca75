//! How what a query did becomes durable: results, state and offsets of an epoch together, or not at all.
//!
//! With transactions the topic log's transaction is the commit point: the epoch is pending in the store, then the log commits, then the epoch
//! counts. Without, results are stored first, then state and offsets in one batch: after a crash, results may come twice, state counts once. Results that
//! are files are stored under another name first, and get theirs when the epoch counts: they come once either way.

use std::collections::BTreeMap;

use super::Error;
use super::crash_point::{self, pass};
use super::recovery::Positions;
use crate::connector::registry::Claim;
use crate::connector::{GroupMember, OffsetsOfMember, Source, Transactions};
use crate::plan::NodeId;
use crate::state::{Epoch, Form, OperatorChanges, Position, Store};

/// Where a query keeps what must outlive the process.
#[derive(Debug, Default)]
pub struct Durability {
    /// State of its operators; `None` where it has none, or where nothing outlives the process anyway.
    pub store: Option<Store>,
    /// The log's transactions, where the guarantee is exactly once.
    pub transactions: Option<Box<dyn Transactions>>,
    /// Group and topic under which an epoch is committed where no source is a topic of the log.
    pub marker: Option<(String, String)>,
    /// For which query the store is.
    pub about: Form,
    /// State is gone and has to be built again from what the sources give before these positions.
    pub replay: Option<Positions>,
    /// The last epoch that counts.
    pub epoch: u64,
    /// Where the sources go on.
    pub positions: Positions,
    /// Positions that are nowhere written down yet: where a query began that reads only what comes from then on.
    pub beginning: Positions,
    /// The scans in the order of the plan, with what each reads, for people. Their place in this list is their number in the store.
    pub scans: Vec<(NodeId, String)>,
    /// Whether offsets are remembered at all.
    pub commits_offsets: bool,
    /// Keeps others from writing to the output.
    pub claim: Option<Claim>,
}

/// The results of an epoch, where no transaction of the log holds them.
pub(crate) trait Results {
    /// Waits until they are stored. They need not be visible.
    fn store(&mut self) -> Result<(), Error>;

    /// The epoch counts: they become visible.
    fn publish(&mut self, epoch: u64) -> Result<(), Error>;
}

impl Durability {
    /// Begins the first transaction.
    pub(crate) fn begin(&mut self) -> Result<(), Error> {
        match &mut self.transactions {
            Some(transactions) => Ok(transactions.begin()?),
            None => Ok(()),
        }
    }

    /// Whether the first commit has something to write down without any row.
    pub(crate) fn has_beginning(&self) -> bool {
        !self.beginning.is_empty()
    }

    /// Puts where the query began with where it has come, once.
    pub(crate) fn take_beginning(&mut self, advanced: &mut BTreeMap<NodeId, Vec<(i32, i64)>>) {
        for (scan, beginning) in std::mem::take(&mut self.beginning) {
            let offsets = advanced.entry(scan).or_default();
            let known: Vec<i32> = offsets.iter().map(|(partition, _)| *partition).collect();
            offsets.extend(
                beginning
                    .into_iter()
                    .filter(|(partition, _)| !known.contains(partition)),
            );
        }
    }

    /// Takes note that partitions were read on.
    pub(crate) fn advance(&mut self, scan: NodeId, next_offsets: impl IntoIterator<Item = (i32, i64)>) {
        self.positions.entry(scan).or_default().extend(next_offsets);
    }

    /// Forgets partitions that others read from now on.
    pub(crate) fn forget(&mut self, scan: NodeId, partitions: &[i32]) {
        if let Some(known) = self.positions.get_mut(&scan) {
            known.retain(|partition, _| !partitions.contains(partition));
        }
    }

    /// Ends an epoch.
    pub(crate) fn commit(
        &mut self,
        changes: Vec<OperatorChanges>,
        advanced: &BTreeMap<NodeId, Vec<(i32, i64)>>,
        sources: &mut BTreeMap<NodeId, Box<dyn Source>>,
        results: &mut dyn Results,
    ) -> Result<(), Error> {
        pass(crash_point::COMMIT_BEGUN);
        let epoch = Epoch {
            number: self.epoch + 1,
            positions: self.epoch_positions(),
        };
        results.store()?;
        pass(crash_point::RESULTS_STORED);
        match &mut self.transactions {
            Some(transactions) => {
                if let Some(store) = &mut self.store {
                    store.prepare(epoch, changes)?;
                }
                pass(crash_point::STATE_PENDING);
                let offsets = offsets(&self.positions, advanced, sources, self.marker.as_ref());
                transactions.commit(self.epoch + 1, offsets)?;
                pass(crash_point::LOG_COMMITTED);
                if let Some(store) = &mut self.store {
                    store.finish();
                }
                self.epoch += 1;
                results.publish(self.epoch)?;
                transactions.begin()?;
            }
            None => {
                if let Some(store) = &mut self.store {
                    store.write(epoch, changes)?;
                }
                pass(crash_point::STATE_PENDING);
                self.epoch += 1;
                results.publish(self.epoch)?;
                if self.commits_offsets {
                    commit_offsets(advanced, sources)?;
                }
                pass(crash_point::LOG_COMMITTED);
            }
        }
        pass(crash_point::COMMIT_OVER);
        Ok(())
    }

    /// Writes down state that was built again: the same epoch as before.
    pub(crate) fn write_rebuilt(&mut self, changes: Vec<OperatorChanges>) -> Result<(), Error> {
        let epoch = self.last_epoch();
        match &mut self.store {
            Some(store) => Ok(store.write(epoch, changes)?),
            None => Ok(()),
        }
    }

    /// Writes down all state and positions where nothing was written before: `changes` is all that there is.
    pub(crate) fn write_whole(&self, store: &mut Store, changes: Vec<OperatorChanges>) -> Result<(), Error> {
        Ok(store.write(self.last_epoch(), changes)?)
    }

    /// Ends it after the last commit.
    pub(crate) fn close(&mut self) -> Result<(), Error> {
        if let Some(mut transactions) = self.transactions.take() {
            transactions.abort()?;
        }
        let closed = self.store.take().map_or(Ok(()), |mut store| store.close());
        self.claim = None;
        Ok(closed?)
    }

    /// The last epoch that counts, with where the sources are.
    fn last_epoch(&self) -> Epoch {
        Epoch {
            number: self.epoch,
            positions: self.epoch_positions(),
        }
    }

    fn epoch_positions(&self) -> Vec<Position> {
        let scans = self.scans.iter().enumerate();
        scans
            .flat_map(|(source, (scan, topic))| {
                let offsets = self.positions.get(scan).into_iter().flatten();
                offsets.map(move |(partition, next_offset)| Position {
                    source,
                    topic: topic.clone(),
                    partition: *partition,
                    next_offset: *next_offset,
                })
            })
            .collect()
    }
}

/// What the transaction says of each source that is a topic. At least one offset stands in it, for the number of the epoch stands beside it.
fn offsets(
    positions: &Positions,
    advanced: &BTreeMap<NodeId, Vec<(i32, i64)>>,
    sources: &BTreeMap<NodeId, Box<dyn Source>>,
    marker: Option<&(String, String)>,
) -> Vec<OffsetsOfMember> {
    let members = || {
        sources
            .iter()
            .filter_map(|(scan, source)| Some((scan, source.group_member()?)))
    };
    let moved = members().filter_map(|(scan, member)| {
        let next_offsets = advanced.get(scan).filter(|offsets| !offsets.is_empty())?.clone();
        Some(OffsetsOfMember { member, next_offsets })
    });
    let mut offsets: Vec<_> = moved.collect();
    if offsets.is_empty() {
        // Time has moved on without rows: some source says again where it stands.
        let standing = members().filter_map(|(scan, member)| {
            let known = positions.get(scan).filter(|known| !known.is_empty())?;
            let next_offsets = known.iter().map(|(partition, offset)| (*partition, *offset)).collect();
            Some(OffsetsOfMember { member, next_offsets })
        });
        offsets.extend(standing.take(1));
    }
    if let Some((group, topic)) = marker {
        let member = GroupMember {
            group: group.clone(),
            topic: topic.clone(),
            handle: None,
        };
        offsets.push(OffsetsOfMember {
            member,
            next_offsets: vec![(0, 0)],
        });
    }
    offsets
}

fn commit_offsets(
    advanced: &BTreeMap<NodeId, Vec<(i32, i64)>>,
    sources: &mut BTreeMap<NodeId, Box<dyn Source>>,
) -> Result<(), Error> {
    for (scan, source) in sources {
        if let Some(next) = advanced.get(scan).filter(|next| !next.is_empty()) {
            source.commit(next)?;
        }
    }
    Ok(())
}
