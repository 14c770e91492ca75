//! Where a query begins after a start: what the topic log has committed and what the state store holds are brought together.
//!
//! Pure: it looks at both and decides; nothing is read or written here.

use std::collections::BTreeMap;

use crate::connector::Committed;
use crate::plan::NodeId;
use crate::state::{self, Epoch, Store};

/// Next offsets by scan and partition.
pub type Positions = BTreeMap<NodeId, BTreeMap<i32, i64>>;

/// What the topic log has committed for a query.
#[derive(Debug, Clone, Default)]
pub struct LogRecord {
    /// For each scan whose offsets the log keeps: what its group has committed.
    pub committed: BTreeMap<NodeId, Committed>,
    /// What is committed as the marker of an epoch, where no source of the query is a topic.
    pub marker: Option<Committed>,
}

impl LogRecord {
    /// The last epoch that the log knows.
    #[must_use]
    pub fn epoch(&self) -> Option<u64> {
        let committed = self.committed.values().chain(&self.marker);
        committed.filter_map(|committed| committed.epoch).max()
    }

    /// Next offsets that the log has.
    #[must_use]
    pub fn positions(&self) -> Positions {
        let known = self.committed.iter();
        known
            .map(|(scan, committed)| (*scan, committed.next_offsets.clone()))
            .collect()
    }

    fn is_empty(&self) -> bool {
        self.epoch().is_none()
            && self
                .committed
                .values()
                .all(|committed| committed.next_offsets.is_empty())
    }
}

/// How a query begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// It goes on behind this epoch, at these positions.
    After {
        /// The last epoch that counts; 0 where there is none.
        epoch: u64,
        /// Where to read on.
        positions: Positions,
    },
    /// Its state is gone. It has to be built again from what was read before these positions, without writing results.
    Rebuild {
        /// The last epoch that counts.
        epoch: u64,
        /// Up to where everything has taken effect already.
        until: Positions,
    },
}

/// Decides how a query with transactions begins, whose state is in `store` where it has any. `scans` are its scans in the order of the plan.
///
/// # Errors
/// When the two do not fit together.
pub fn after_transactions(log: &LogRecord, store: Option<&Store>, scans: &[NodeId]) -> Result<Start, state::Error> {
    let committed = log.epoch();
    let Some(store) = store else {
        return Ok(Start::After {
            epoch: committed.unwrap_or(0),
            positions: log.positions(),
        });
    };
    let (done, pending) = (store.done(), store.pending());
    let Some(committed) = committed else {
        // The log knows no epoch: the query is new, or its group was removed.
        if done.number == 0 && !log.is_empty() {
            return Ok(Start::Rebuild {
                epoch: 0,
                until: log.positions(),
            });
        }
        if done.number > 0 {
            return Err(unreadable(
                store,
                format!(
                    "it holds epoch {}, and the consumer group of the query has no committed offsets any more (it was removed, or it expired): remove the state, \
                     and the query begins anew; or restore the group's offsets",
                    done.number
                ),
            ));
        }
        return Ok(Start::After {
            epoch: 0,
            positions: Positions::new(),
        });
    };
    let holder = [Some(done), pending]
        .into_iter()
        .flatten()
        .find(|epoch| epoch.number == committed);
    match holder {
        Some(epoch) => Ok(Start::After {
            epoch: committed,
            positions: positions_of(epoch, log, scans),
        }),
        None if done.number > committed => Err(unreadable(
            store,
            format!(
                "it holds epoch {}, and the consumer group of the query has committed epoch {committed} only (its offsets were set back): remove the state, \
                 and it is built again from the topics",
                done.number
            ),
        )),
        None => Ok(Start::Rebuild {
            epoch: committed,
            until: log.positions(),
        }),
    }
}

/// Decides how a query without transactions begins: the store is the truth where there is one, else what the log keeps.
///
/// # Errors
/// Never now; state that is gone is built again.
pub fn without_transactions(log: &LogRecord, store: Option<&Store>, scans: &[NodeId]) -> Result<Start, state::Error> {
    Ok(match store {
        None => Start::After {
            epoch: 0,
            positions: log.positions(),
        },
        Some(store) if store.done().number == 0 && !log.is_empty() => Start::Rebuild {
            epoch: 0,
            until: log.positions(),
        },
        Some(store) => Start::After {
            epoch: store.done().number,
            positions: positions_of(store.done(), log, scans),
        },
    })
}

/// Positions as the epoch has them, and the log's where it knows better (the same in fact, but for sources that the epoch does not know).
fn positions_of(epoch: &Epoch, log: &LogRecord, scans: &[NodeId]) -> Positions {
    let mut positions = Positions::new();
    for position in &epoch.positions {
        if let Some(scan) = scans.get(position.source) {
            let offsets = positions.entry(*scan).or_default();
            offsets.insert(position.partition, position.next_offset);
        }
    }
    for (scan, offsets) in log.positions() {
        for (partition, offset) in offsets {
            positions.entry(scan).or_default().entry(partition).or_insert(offset);
        }
    }
    positions
}

fn unreadable(store: &Store, reason: String) -> state::Error {
    state::Error::Unreadable {
        url: store.url().to_owned(),
        reason,
    }
}
