//! What librdkafka tells a client besides records: log lines, errors, and how a consumer group deals out partitions.
//!
//! Rebalances are only written down here; the source acts on them between steps, so that no partition goes away under
//! a step that reads it.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, TopicPartitionList};

use super::health::Health;

/// A consumer with our context.
pub(crate) type Consumer = BaseConsumer<Context>;

/// How the group changed what this member reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rebalance {
    /// These partitions may be read once they are assigned.
    Assign(Vec<i32>),
    /// These partitions go to another member once they are given up.
    Revoke(Vec<i32>),
}

/// The context of one client.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) health: Arc<Health>,
    rebalances: Mutex<VecDeque<Rebalance>>,
}

impl Context {
    pub(crate) fn new(health: Arc<Health>) -> Self {
        Self {
            health,
            rebalances: Mutex::default(),
        }
    }

    /// The oldest rebalance that was not acted upon.
    pub(crate) fn next_rebalance(&self) -> Option<Rebalance> {
        self.rebalances.lock().pop_front()
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        // Every user property goes to every kind of client; that a producer ignores a consumer's is no news. Failed
        // connections come as errors too, which `Health` reports once. A new cluster's first producer always waits a
        // moment for its identity.
        let quiet = matches!(facility, "CONFWARN" | "FAIL" | "ERROR" | "GETPID");
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning
                if !quiet =>
            {
                tracing::warn!(target: "librdkafka", facility, "{line}");
            }
            _ => tracing::debug!(target: "librdkafka", facility, "{line}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if let Some(code) = error.rdkafka_error_code() {
            self.health.complain(code, reason);
        }
    }

    fn stats_raw(&self, statistics: &[u8]) {
        // Only when the user set statistics.interval.ms.
        tracing::info!(target: "librdkafka", "{}", String::from_utf8_lossy(statistics));
    }
}

impl ConsumerContext for Context {
    fn rebalance(&self, _: &BaseConsumer<Self>, event: RDKafkaRespErr, partitions: &mut TopicPartitionList) {
        let numbers = partitions.elements().iter().map(TopicPartitionListElem::partition).collect();
        let rebalance = if event == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            Rebalance::Assign(numbers)
        } else {
            Rebalance::Revoke(numbers)
        };
        self.rebalances.lock().push_back(rebalance);
    }
}
