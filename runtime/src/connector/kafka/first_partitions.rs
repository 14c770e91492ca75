//! How many partitions a topic had when it was opened, asked on a thread of its own, so that opening never waits.
//!
//! "From now on" means the end of these partitions. One that is added later has only records that came later still, so it is read from its
//! beginning; librdkafka alone would begin at the end that it has when it is noticed.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::topics::Topics;
use crate::connector::Error;
use crate::types::Retry;

/// Pause before the brokers are asked again.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// The number of partitions at the start, once it is known.
#[derive(Debug)]
pub(super) struct FirstPartitions {
    count: Arc<OnceLock<i32>>,
    abandoned: Arc<AtomicBool>,
    /// New ones that were begun: the next time the group knows where to go on.
    begun: BTreeSet<i32>,
}

impl FirstPartitions {
    /// Asks in the background.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn ask(topics: &Arc<Topics>, topic: &str) -> Result<Self, Error> {
        let first = Self {
            count: Arc::default(),
            abandoned: Arc::default(),
            begun: BTreeSet::new(),
        };
        let (topics, name) = (Arc::clone(topics), topic.to_owned());
        let (count, abandoned) = (Arc::clone(&first.count), Arc::clone(&first.abandoned));
        let ask = move || {
            while !abandoned.load(Ordering::Acquire) {
                match topics.describe(&name) {
                    // A topic that is made later is read from its beginning as a whole.
                    Ok(info) => {
                        let _ = count.set(info.map_or(0, |info| info.partitions));
                        return;
                    }
                    Err(error) if error.retry() == Retry::Backoff => std::thread::sleep(ASK_AGAIN),
                    Err(_) => return, // the source itself meets it as well, and tells
                }
            }
        };
        let thread = std::thread::Builder::new().name("kafka-partitions".to_owned());
        thread.spawn(ask).map_err(|error| Error::Kafka {
            action: format!("read topic {topic}"),
            reason: format!("cannot start a thread: {error}"),
            retry: Retry::Backoff,
        })?;
        Ok(first)
    }

    /// Whether `partition` was added after the start and is begun now.
    pub(super) fn is_new(&mut self, partition: i32) -> bool {
        self.count.get().is_some_and(|count| partition >= *count) && self.begun.insert(partition)
    }
}

impl Drop for FirstPartitions {
    fn drop(&mut self) {
        self.abandoned.store(true, Ordering::Release);
    }
}
