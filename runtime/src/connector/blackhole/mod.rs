//! `CONNECTOR = 'blackhole'`: takes rows, counts them, keeps nothing. For benchmarks and for trying a query out.

use super::options::Options;
use super::registry::{Connector, ConnectorSpec, OptionDoc, Payload, ShardOf, Writing};
use super::{ColumnSink, Error, Sink};
use crate::types::ChangeBatch;

/// The connector.
#[derive(Debug)]
pub struct Blackhole;

impl Connector for Blackhole {
    fn name(&self) -> &'static str {
        "blackhole"
    }

    fn summary(&self) -> &'static str {
        "takes rows, counts them and keeps nothing"
    }

    fn options(&self) -> &'static [OptionDoc] {
        &[]
    }

    fn check(&self, spec: &ConnectorSpec) -> Result<Payload, Error> {
        let mut options = Options::new(&spec.options);
        // A statement that moves from a topic to a blackhole may keep its format: there is nothing to encode.
        for format in ["FORMAT", "VALUE_FORMAT"] {
            let _ = options.take(format);
        }
        options.finish(self.name())?;
        Ok(Payload::Columns)
    }

    fn open_sink(&self, spec: &ConnectorSpec, shard: ShardOf, _writing: Writing) -> Result<Sink, Error> {
        self.check(spec)?;
        Ok(Sink::Columns(Box::new(BlackholeSink::new(&spec.topic, shard.index))))
    }
}

/// Counts rows and discards them; the counts are logged at the close.
#[derive(Debug)]
pub struct BlackholeSink {
    topic: String,
    shard_index: usize,
    inserted: u64,
    retracted: u64,
    closed: bool,
}

impl BlackholeSink {
    /// A sink that calls itself `topic` in the log.
    #[must_use]
    pub fn new(topic: &str, shard_index: usize) -> Self {
        Self {
            topic: topic.to_owned(),
            shard_index,
            inserted: 0,
            retracted: 0,
            closed: false,
        }
    }

    /// Rows taken so far: inserted, retracted.
    #[must_use]
    pub fn rows(&self) -> (u64, u64) {
        (self.inserted, self.retracted)
    }
}

impl ColumnSink for BlackholeSink {
    fn write(&mut self, changes: &ChangeBatch) -> Result<(), Error> {
        let retracted = changes.weights.as_ref().map_or(0, |weights| {
            weights.iter().flatten().filter(|weight| *weight < 0).count()
        });
        self.retracted += retracted as u64;
        self.inserted += (changes.num_rows() - retracted) as u64;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn close(&mut self) -> Result<(), Error> {
        if !std::mem::replace(&mut self.closed, true) {
            tracing::info!(
                stream = self.topic,
                shard = self.shard_index,
                inserted = self.inserted,
                retracted = self.retracted,
                "blackhole closed"
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::{Int8Array, Int64Array, RecordBatch, RecordBatchOptions};
    use datafusion::arrow::datatypes::Schema;
    use std::sync::Arc;

    fn changes(rows: usize, weights: Option<Vec<i8>>) -> ChangeBatch {
        ChangeBatch {
            records: RecordBatch::try_new_with_options(
                Arc::new(Schema::empty()),
                Vec::new(),
                &RecordBatchOptions::new().with_row_count(Some(rows)),
            )
            .unwrap(),
            event_times: Int64Array::from(vec![0; rows]),
            weights: weights.map(Int8Array::from),
            stream_times: None,
        }
    }

    #[test]
    fn counts_insertions_and_retractions() {
        let mut sink = BlackholeSink::new("T", 0);
        sink.write(&changes(5, None)).unwrap();
        sink.write(&changes(3, Some(vec![-1, 1, 1]))).unwrap();
        sink.close().unwrap();
        sink.close().unwrap();
        assert_eq!(sink.rows(), (7, 1));
    }
}
