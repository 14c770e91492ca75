//! A source whose partitions never change: files, generated rows.
//!
//! It hands all of its readers out at the first call and keeps no offsets: who wants to resume says at opening where.

use super::{AssignmentChange, Error, PartitionReader, Source};

/// Hands a fixed set of readers out once.
#[derive(Debug)]
pub struct FixedSource {
    readers: Option<Vec<Box<dyn PartitionReader>>>,
}

impl FixedSource {
    /// A source of these partitions.
    #[must_use]
    pub fn new(readers: Vec<Box<dyn PartitionReader>>) -> Self {
        Self { readers: Some(readers) }
    }
}

impl Source for FixedSource {
    fn poll_assignment(&mut self) -> Result<Option<AssignmentChange>, Error> {
        Ok(self.readers.take().map(|added| AssignmentChange {
            added,
            removed: Vec::new(),
        }))
    }

    fn is_assigned(&self) -> bool {
        self.readers.is_none()
    }

    fn commit(&mut self, _next_offsets: &[(i32, i64)]) -> Result<(), Error> {
        Ok(())
    }
}
