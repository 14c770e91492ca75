//! Sends each row to the shard that it belongs to, by the hash of its key.

use std::hash::BuildHasher;

use datafusion::arrow::array::UInt32Array;
use datafusion::arrow::row::{RowConverter, SortField};
use foldhash::fast::FixedState;
use parking_lot::Mutex;

use super::Error;
use crate::operator::{Expression, RowErrors};
use crate::plan::Distribution;
use crate::types::ChangeBatch;

/// One seed for all exchanges, so that equal keys of two inputs of a join meet.
const HASH_SEED: u64 = 0x5751_7468;

/// The batches on their way through one exchange: `boxes[to][from]`, so that the receiver takes them in the order of the
/// senders whatever the order in which these finish.
#[derive(Debug)]
pub(crate) struct Mailboxes {
    boxes: Vec<Vec<Mutex<Vec<ChangeBatch>>>>,
}

impl Mailboxes {
    pub(crate) fn new(shards: usize) -> Self {
        let row = || (0..shards).map(|_| Mutex::new(Vec::new())).collect();
        Self {
            boxes: (0..shards).map(|_| row()).collect(),
        }
    }

    pub(crate) fn send(&self, from: usize, to: usize, batch: ChangeBatch) {
        self.boxes[to][from].lock().push(batch);
    }

    /// All batches for shard `to`, by sender.
    pub(crate) fn take(&self, to: usize) -> Vec<ChangeBatch> {
        self.boxes[to]
            .iter()
            .flat_map(|from| std::mem::take(&mut *from.lock()))
            .collect()
    }
}

/// Deals the rows of one shard out.
#[derive(Debug)]
pub(crate) struct Router {
    keys: Option<(Vec<Expression>, RowConverter)>,
    hasher: FixedState,
    rows_of_shard: Vec<Vec<u32>>,
}

impl Router {
    pub(crate) fn new(distribution: &Distribution, shards: usize) -> Result<Self, Error> {
        let keys = match distribution {
            Distribution::Hash(keys) => {
                let fields = keys.iter().map(|key| SortField::new(key.data_type().clone())).collect();
                Some((keys.clone(), RowConverter::new(fields)?))
            }
            Distribution::Single => None,
        };
        Ok(Self {
            keys,
            hasher: FixedState::with_seed(HASH_SEED),
            rows_of_shard: vec![Vec::new(); shards],
        })
    }

    /// Gives (shard, its rows in order) for each shard that gets any.
    pub(crate) fn route(&mut self, batch: ChangeBatch, errors: &RowErrors) -> Result<Vec<(usize, ChangeBatch)>, Error> {
        let shards = self.rows_of_shard.len();
        let Some((keys, converter)) = self.keys.as_ref().filter(|_| shards > 1) else {
            return Ok(vec![(0, batch)]);
        };
        let columns = keys
            .iter()
            .map(|key| Ok(key.evaluate(&batch.records, errors)?.array))
            .collect::<Result<Vec<_>, Error>>()?;
        let rows = converter.convert_columns(&columns)?;
        self.rows_of_shard.iter_mut().for_each(Vec::clear);
        for (number, row) in rows.iter().enumerate() {
            let shard = usize::try_from(self.hasher.hash_one(row.as_ref()) >> 32).unwrap_or(0) % shards;
            self.rows_of_shard[shard].push(u32::try_from(number).unwrap_or(u32::MAX));
        }
        let mut routed = Vec::with_capacity(shards);
        for (shard, rows) in self.rows_of_shard.iter().enumerate() {
            if rows.len() == batch.num_rows() {
                return Ok(vec![(shard, batch)]);
            }
            if !rows.is_empty() {
                routed.push((shard, batch.take(&UInt32Array::from(rows.clone()))?));
            }
        }
        Ok(routed)
    }
}
