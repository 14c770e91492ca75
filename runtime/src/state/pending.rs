//! An epoch that is written down and does not count yet: all its changes in a few large values, so that it costs one batch.

use bytes::Bytes;

use super::backend::{Backend, Batch};
use super::form::Epoch;
use super::store::{OperatorChanges, json, read_json};
use super::{Changes, Error, Reader, Writer};
use crate::types::limits::STATE_PENDING_PIECE_BYTES;

const PUT: u8 = 1;
const DELETE: u8 = 0;

/// An epoch with its changes.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) epoch: Epoch,
    pub(super) changes: Vec<OperatorChanges>,
    /// How many values it was written as.
    pieces: u32,
}

impl Pending {
    pub(super) fn new(epoch: Epoch, changes: Vec<OperatorChanges>) -> Self {
        Self {
            epoch,
            changes,
            pieces: 0,
        }
    }

    /// Appends its pieces to `batch`: the epoch in piece 0, changes in the others.
    pub(super) fn write(&mut self, prefix: u8, batch: &mut Batch) -> Result<(), Error> {
        batch.writes.push((piece_key(prefix, 0), Some(json(&self.epoch)?)));
        let mut piece = Writer::new();
        let mut number = 1;
        for OperatorChanges {
            operator,
            shard,
            changes,
        } in &self.changes
        {
            for (key, value) in changes.iter() {
                piece.number(i64::from(*operator) << 16 | i64::from(*shard));
                piece.bytes(key);
                piece.byte(if value.is_some() { PUT } else { DELETE });
                piece.bytes(value.unwrap_or_default());
                if piece.written().len() >= STATE_PENDING_PIECE_BYTES {
                    let full = std::mem::take(&mut piece).finish();
                    batch.writes.push((piece_key(prefix, number), Some(full.into())));
                    number += 1;
                }
            }
        }
        batch
            .writes
            .push((piece_key(prefix, number), Some(piece.finish().into())));
        self.pieces = number + 1;
        Ok(())
    }

    /// Deletes its pieces.
    pub(super) fn forget(&self, prefix: u8, batch: &mut Batch) {
        let pieces = (0..self.pieces).map(|number| (piece_key(prefix, number), None));
        batch.writes.extend(pieces);
    }
}

fn piece_key(prefix: u8, number: u32) -> Bytes {
    let mut key = vec![prefix];
    key.extend_from_slice(&number.to_be_bytes());
    key.into()
}

/// The pending epoch of a store, where there is one.
pub(super) fn read(backend: &dyn Backend, prefix: u8) -> Result<Option<Pending>, Error> {
    let mut pieces: Vec<Bytes> = Vec::new();
    backend.scan(&[prefix], &mut |entries| {
        pieces.extend(entries.iter().map(|(_, value)| value.clone()));
        Ok(())
    })?;
    let Some((first, rest)) = pieces.split_first() else {
        return Ok(None);
    };
    let epoch = read_json(first, "the pending epoch")?;
    let mut changes: Vec<OperatorChanges> = Vec::new();
    for piece in rest {
        let mut piece = Reader::new(piece)?;
        while !piece.is_at_end() {
            let place = piece.number()?;
            let (operator, shard) = ((place >> 16) as u16, place as u16);
            let (key, kind, value) = (piece.bytes()?, piece.byte()?, piece.bytes()?);
            let last = changes
                .last_mut()
                .filter(|last| (last.operator, last.shard) == (operator, shard));
            let of = match last {
                Some(last) => last,
                None => {
                    changes.push(OperatorChanges {
                        operator,
                        shard,
                        changes: Changes::new(),
                    });
                    changes.last_mut().expect("one was pushed just now")
                }
            };
            match kind {
                PUT => of.changes.put(key, value),
                DELETE => of.changes.delete(key),
                other => return Err(Error::damaged("the pending epoch", format!("a change of kind {other}"))),
            }
        }
    }
    Ok(Some(Pending {
        epoch,
        changes,
        pieces: u32::try_from(pieces.len()).expect("pieces are numbered in 32 bits"),
    }))
}
